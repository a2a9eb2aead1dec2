//! The block header and its hash.

use alloc::vec::Vec;

use alloy_primitives::B256;
use sha2::{Digest, Sha256};

use crate::wire::{Reader, WireFault};

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> B256 {
    B256::new(Sha256::digest(bytes).into())
}

/// SHA-256 of parts one behind the other.
pub(crate) fn sha256_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> B256 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    B256::new(hasher.finalize().into())
}

/// A block's header (`common.BlockHeader`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// Its place in the chain.
    pub number: u64,
    /// Hash of the header before it; none for block 0.
    pub previous_hash: Option<B256>,
    /// Hash of the block's data.
    pub data_hash: B256,
}

impl BlockHeader {
    /// Reads the protobuf form.
    ///
    /// # Errors
    /// It is not canonical, or a hash does not have 32 bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireFault> {
        const MESSAGE: &str = "BlockHeader";
        let mut reader = Reader::new(MESSAGE, bytes);
        let number = reader.number(1)?;
        let previous = reader.bytes(2)?;
        let data_hash = reader.required(3)?;
        reader.end()?;
        let hash = |bytes: &[u8]| B256::try_from(bytes).map_err(|_| WireFault::Number { message: MESSAGE });
        let previous_hash = if previous.is_empty() { None } else { Some(hash(previous)?) };
        Ok(Self { number, previous_hash, data_hash: hash(data_hash)? })
    }

    /// `SEQUENCE { INTEGER number, OCTET STRING previous_hash, OCTET STRING data_hash }` in DER: what is hashed, and
    /// what orderers sign (Fabric `protoutil.BlockHeaderBytes`).
    pub fn der(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(80);
        let digits = self.number.to_be_bytes();
        let significant = digits.iter().position(|byte| *byte != 0).unwrap_or(7);
        let digits = digits.get(significant..).unwrap_or_default();
        // An integer whose first bit is set would be negative.
        let padded = digits.first().is_some_and(|first| *first >= 0x80);
        body.extend_from_slice(&[0x02, digits.len() as u8 + u8::from(padded)]);
        body.extend_from_slice(if padded { &[0] } else { &[] });
        body.extend_from_slice(digits);
        let previous = self.previous_hash.as_ref().map_or(&[][..], |hash| hash.as_slice());
        for hash in [previous, self.data_hash.as_slice()] {
            body.extend_from_slice(&[0x04, hash.len() as u8]);
            body.extend_from_slice(hash);
        }
        // At most 11 + 34 + 34 bytes: one byte of length.
        let mut out = Vec::with_capacity(2 + body.len());
        out.extend_from_slice(&[0x30, body.len() as u8]);
        out.extend_from_slice(&body);
        out
    }

    /// The block's hash: SHA-256 of [`BlockHeader::der`].
    pub fn hash(&self) -> B256 {
        sha256(&self.der())
    }
}

/// The hash of a block's data: SHA-256 of its envelopes one behind the other, *without* any frame. The same bytes cut
/// elsewhere have the same hash (ATK-041), which is why [`crate::block::envelope`] takes only one cut.
pub fn data_hash(data: &[&[u8]]) -> B256 {
    sha256_of(data.iter().copied())
}
