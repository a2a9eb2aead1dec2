//! The bytes that carry headers to a verifier.
//!
//! ```text
//! u8 1 | u16 n | n × 32: data hashes of the blocks between the trusted one and the last | u64 number
//! | previous hash | data hash | u32 length | signed metadata | u32 length | block data
//! ```
//! Big-endian; a length of 0 for the data: absent. Headers between need no more than their data hash: number and
//! previous hash follow from the one before.

use alloc::vec::Vec;

use alloy_primitives::B256;
use causeway_crypto::p256::VerifyP256;
use thiserror::Error;

use crate::{
    TrustedState,
    block::{Block, SignedMetadata},
    bounds::{MAX_BLOCK_BYTES, MAX_RUN, MAX_SIGNATURES_BYTES, MAX_UPDATE_BYTES},
    header::BlockHeader,
    verify::good_signatures,
    wire::WireFault,
};

const VERSION: u8 = 1;

/// Bytes that are no update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UpdateFault {
    /// Written by another version.
    #[error("expected version {VERSION}, found {0}")]
    Version(u8),
    /// Shorter than its parts.
    #[error("expected {expected} bytes, found {found}")]
    Truncated {
        /// Bytes needed.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// Something stands behind its parts.
    #[error("{0} bytes too many")]
    Trailing(usize),
    /// A part is larger than its bound.
    #[error("{what}: at most {limit}, found {found}")]
    TooLarge {
        /// The part.
        what: &'static str,
        /// The bound.
        limit: usize,
        /// Its size.
        found: usize,
    },
}

/// An update, borrowed. Decoding checks the shape of the bytes and nothing else; [`crate::verify()`] does the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update<'a> {
    /// Data hashes of the blocks between, 32 bytes each.
    pub between: &'a [u8],
    /// The last header.
    pub header: BlockHeader,
    /// The metadata that its orderers signed.
    pub signatures: &'a [u8],
    /// Its data (`common.BlockData`): needed of a configuration block.
    pub data: Option<&'a [u8]>,
}

impl<'a> Update<'a> {
    /// Reads an update.
    ///
    /// # Errors
    /// The bytes are not of the format; the lengths of all parts must add up exactly.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, UpdateFault> {
        bounded("update", MAX_UPDATE_BYTES, bytes.len())?;
        let mut cursor = Cursor { bytes, at: 0 };
        let [version] = *cursor.array::<1>()?;
        if version != VERSION {
            return Err(UpdateFault::Version(version));
        }
        let count = usize::from(u16::from_be_bytes(*cursor.array::<2>()?));
        bounded("headers", MAX_RUN, count)?;
        let between = cursor.take(32 * count)?;
        let number = u64::from_be_bytes(*cursor.array::<8>()?);
        let previous_hash = Some(B256::new(*cursor.array::<32>()?));
        let data_hash = B256::new(*cursor.array::<32>()?);
        let signatures = cursor.sized("signed metadata", MAX_SIGNATURES_BYTES)?;
        let data = Some(cursor.sized("block data", MAX_BLOCK_BYTES)?).filter(|data| !data.is_empty());
        match bytes.len() - cursor.at {
            0 => Ok(Self { between, header: BlockHeader { number, previous_hash, data_hash }, signatures, data }),
            trailing => Err(UpdateFault::Trailing(trailing)),
        }
    }

    /// Writes the update.
    ///
    /// # Errors
    /// A part is larger than its bound.
    pub fn encode(&self) -> Result<Vec<u8>, UpdateFault> {
        let data = self.data.unwrap_or_default();
        let count = self.between.len() / 32;
        bounded("headers", MAX_RUN, count)?;
        bounded("signed metadata", MAX_SIGNATURES_BYTES, self.signatures.len())?;
        bounded("block data", MAX_BLOCK_BYTES, data.len())?;
        let mut out = Vec::with_capacity(83 + self.between.len() + self.signatures.len() + data.len());
        out.push(VERSION);
        // Each bound above fits its length field.
        out.extend_from_slice(&(count as u16).to_be_bytes());
        out.extend_from_slice(self.between);
        out.extend_from_slice(&self.header.number.to_be_bytes());
        out.extend_from_slice(self.header.previous_hash.unwrap_or_default().as_slice());
        out.extend_from_slice(self.header.data_hash.as_slice());
        for part in [self.signatures, data] {
            out.extend_from_slice(&(part.len() as u32).to_be_bytes());
            out.extend_from_slice(part);
        }
        Ok(out)
    }

    /// The number of the first header of the run.
    pub(crate) fn first_number(&self) -> Option<u64> {
        self.header.number.checked_sub((self.between.len() / 32) as u64)
    }
}

/// Why no update could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UpdateError {
    /// A part is too large.
    #[error("{0}")]
    Update(#[from] UpdateFault),
    /// A block is not canonical.
    #[error("{0}")]
    Block(#[from] WireFault),
}

/// What to bring of the last block's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// Header and signatures are enough, unless it is a configuration block.
    IfConfig,
    /// All of it: then every envelope in it is judged as well.
    Always,
}

/// Makes an update from a block as a node serves it, and from the headers between the trusted block and it. Signatures
/// that are no good are left out; whether the update will be accepted is for [`crate::verify()`] to say.
///
/// # Errors
/// The block is not canonical or too large.
pub fn build_update_with<V: VerifyP256>(
    trusted: &TrustedState,
    between: &[BlockHeader],
    block: &[u8],
    data: Data,
    now: u64,
) -> Result<Vec<u8>, UpdateError> {
    let block = Block::decode(block)?;
    let between: Vec<u8> = between.iter().flat_map(|header| header.data_hash.0).collect();
    let metadata = SignedMetadata::decode(block.signatures)?;
    // A block that does not say whether it holds a configuration is brought whole.
    let may_be_config = metadata.last_config.is_none_or(|index| index == block.header.number);
    let data = block.data.filter(|_| data == Data::Always || may_be_config);
    let signatures = good_signatures::<V>(trusted, &block.header, metadata, now);
    Ok(Update { between: &between, header: block.header, signatures: &signatures, data }.encode()?)
}

fn bounded(what: &'static str, limit: usize, found: usize) -> Result<(), UpdateFault> {
    if found > limit { Err(UpdateFault::TooLarge { what, limit, found }) } else { Ok(()) }
}

/// Reads fixed lengths from the front.
pub(crate) struct Cursor<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], UpdateFault> {
        let end = self.at.saturating_add(length);
        let taken =
            self.bytes.get(self.at..end).ok_or(UpdateFault::Truncated { expected: end, found: self.bytes.len() })?;
        self.at = end;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], UpdateFault> {
        let found = self.bytes.len();
        let expected = self.at.saturating_add(N);
        self.take(N)?.try_into().map_err(|_| UpdateFault::Truncated { expected, found })
    }

    pub(crate) fn sized(&mut self, what: &'static str, limit: usize) -> Result<&'a [u8], UpdateFault> {
        let length = u32::from_be_bytes(*self.array::<4>()?) as usize;
        bounded(what, limit, length)?;
        self.take(length)
    }
}
