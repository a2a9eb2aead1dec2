//! A block header: 80 bytes, all of them meaningful, so that decoding can not fail.

use crate::{BlockHash, hash::header_hash};

/// Bytes of a header.
pub const HEADER_BYTES: usize = 80;

/// A header's bytes and the fields in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a>(&'a [u8; HEADER_BYTES]);

impl<'a> Header<'a> {
    /// A header from its bytes.
    pub const fn new(bytes: &'a [u8; HEADER_BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn bytes(&self) -> &'a [u8; HEADER_BYTES] {
        self.0
    }

    /// Version: signed, as Bitcoin Core compares it.
    pub fn version(&self) -> i32 {
        i32::from_le_bytes(self.part(0))
    }

    /// Hash of the block before.
    pub fn parent(&self) -> BlockHash {
        BlockHash(self.part(4))
    }

    /// Root of the Merkle tree of transaction ids.
    pub fn merkle_root(&self) -> [u8; 32] {
        self.part(36)
    }

    /// Unix seconds, as the miner says.
    pub fn time(&self) -> u32 {
        u32::from_le_bytes(self.part(68))
    }

    /// The target, compact.
    pub fn bits(&self) -> u32 {
        u32::from_le_bytes(self.part(72))
    }

    /// The block's hash.
    pub fn hash(&self) -> BlockHash {
        header_hash(self.0)
    }

    /// `N` bytes from `at`; every caller's range lies within the header.
    fn part<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }
}

/// Bytes that are no run of headers.
pub(crate) fn headers_in(bytes: &[u8]) -> Option<&[[u8; HEADER_BYTES]]> {
    let (headers, rest) = bytes.as_chunks::<HEADER_BYTES>();
    (rest.is_empty() && !headers.is_empty()).then_some(headers)
}
