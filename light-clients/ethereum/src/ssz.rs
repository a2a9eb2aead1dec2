//! Reading SSZ: bounded, canonical, over borrowed bytes.
//!
//! A container's bytes are its fixed-size fields, where a variable-size field is represented by an offset, and then the
//! variable-size fields in order. Only one encoding of a value is taken: the first offset is the length of the
//! fixed part, offsets do not go back, nothing lies between or behind (SSZ specification, deserialization).

use alloc::vec::Vec;

use alloy_primitives::B256;
use thiserror::Error;

/// Bytes that are no SSZ encoding of what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SszFault {
    /// Another length than the type has.
    #[error("{what}: expected {expected} bytes, found {found}")]
    Length {
        /// The container.
        what: &'static str,
        /// Bytes expected (at least, where it holds a variable-size field).
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// An offset that is not where the fields before it end.
    #[error("{what}: expected offset {expected}, found {found}")]
    Offset {
        /// The container.
        what: &'static str,
        /// The offset expected (at least, for those behind the first).
        expected: usize,
        /// The offset found.
        found: usize,
    },
    /// A list beyond its limit.
    #[error("{what}: at most {limit} bytes, found {found}")]
    TooLarge {
        /// The list.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// The length found.
        found: usize,
    },
}

/// Reads the fields of one container in order.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    what: &'static str,
    /// All of the container.
    bytes: &'a [u8],
    /// What is left of its fixed part.
    fixed: &'a [u8],
    fixed_length: usize,
}

impl<'a> Reader<'a> {
    /// A container whose fixed part has `fixed_length` bytes and that has variable-size fields.
    pub(crate) fn variable(what: &'static str, bytes: &'a [u8], fixed_length: usize) -> Result<Self, SszFault> {
        let fixed = bytes.get(..fixed_length);
        let fixed = fixed.ok_or(SszFault::Length { what, expected: fixed_length, found: bytes.len() })?;
        Ok(Self { what, bytes, fixed, fixed_length })
    }

    /// A container of fixed size.
    pub(crate) fn fixed(what: &'static str, bytes: &'a [u8], length: usize) -> Result<Self, SszFault> {
        if bytes.len() != length {
            return Err(SszFault::Length { what, expected: length, found: bytes.len() });
        }
        Self::variable(what, bytes, length)
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], SszFault> {
        let found = self.fixed.len();
        let split = self.fixed.split_at_checked(length);
        let (taken, rest) = split.ok_or(SszFault::Length { what: self.what, expected: length, found })?;
        self.fixed = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], SszFault> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| SszFault::Length { what: self.what, expected: N, found: taken.len() })
    }

    pub(crate) fn hash(&mut self) -> Result<B256, SszFault> {
        self.array().map(B256::new)
    }

    pub(crate) fn hashes(&mut self, count: usize) -> Result<Vec<B256>, SszFault> {
        // The bytes are there before anything is allocated.
        let (chunks, _) = self.take(count.saturating_mul(32))?.as_chunks::<32>();
        Ok(chunks.iter().copied().map(B256::new).collect())
    }

    pub(crate) fn number(&mut self) -> Result<u64, SszFault> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn offset(&mut self) -> Result<usize, SszFault> {
        let offset = u32::from_le_bytes(self.array()?);
        usize::try_from(offset).map_err(|_| SszFault::Offset { what: self.what, expected: 0, found: usize::MAX })
    }

    /// The variable-size fields that begin at these offsets.
    pub(crate) fn parts<const N: usize>(&self, offsets: [usize; N]) -> Result<[&'a [u8]; N], SszFault> {
        let mut parts: [&[u8]; N] = [&[]; N];
        let mut expected = self.fixed_length;
        for (at, part) in parts.iter_mut().enumerate() {
            let start = offsets.get(at).copied().unwrap_or_default();
            let end = offsets.get(at + 1).copied().unwrap_or(self.bytes.len());
            // Only the first has a place of its own; each further one begins where the one before it ends.
            if at == 0 && start != expected {
                return Err(SszFault::Offset { what: self.what, expected, found: start });
            }
            *part = self.bytes.get(start..end).ok_or({
                let found = if end < start { end } else { self.bytes.len() };
                SszFault::Offset { what: self.what, expected: start, found }
            })?;
            expected = end;
        }
        Ok(parts)
    }
}
