//! A cursor over untrusted bytes that never reads past their end.

use alloc::vec::Vec;

use alloy_primitives::B256;

use crate::{bounds::MAX_SIBLINGS, pack::PackError};

pub(super) struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], PackError> {
        let truncated = PackError::Truncated { at: self.at, needed: len, found: self.rest.len() };
        let (head, rest) = self.rest.split_at_checked(len).ok_or(truncated)?;
        self.rest = rest;
        self.at += len;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PackError> {
        let truncated = PackError::Truncated { at: self.at, needed: N, found: self.rest.len() };
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(truncated)?;
        self.rest = rest;
        self.at += N;
        Ok(*head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, PackError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, PackError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, PackError> {
        self.array().map(u64::from_be_bytes)
    }

    pub(super) fn word(&mut self) -> Result<B256, PackError> {
        self.array().map(B256::new)
    }

    /// Up to 32 bytes, left-padded to a word.
    pub(super) fn padded(&mut self, len: usize) -> Result<B256, PackError> {
        self.bytes(len).map(B256::left_padding_from)
    }

    /// Checks that `count` records of `size` bytes are there, before room for them is allocated.
    pub(super) fn expect(&self, count: usize, size: usize) -> Result<(), PackError> {
        let needed = count.saturating_mul(size);
        if needed > self.rest.len() {
            return Err(PackError::Truncated { at: self.at, needed, found: self.rest.len() });
        }
        Ok(())
    }

    /// `u8 n | n × 32 bytes`.
    pub(super) fn siblings(&mut self) -> Result<Vec<B256>, PackError> {
        let count = usize::from(self.u8()?);
        if count > MAX_SIBLINGS {
            return Err(PackError::TooManySiblings { max: MAX_SIBLINGS, found: count });
        }
        let bytes = self.bytes(count * 32)?;
        Ok(bytes.as_chunks::<32>().0.iter().map(|word| B256::new(*word)).collect())
    }

    pub(super) const fn finish(&self) -> Result<(), PackError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(PackError::TrailingBytes { at: self.at, extra: self.rest.len() })
        }
    }
}

/// Writes `u8 n | n × 32 bytes`.
pub(super) fn put_siblings(out: &mut Vec<u8>, siblings: &[B256]) -> Result<(), PackError> {
    let too_many = PackError::TooManySiblings { max: MAX_SIBLINGS, found: siblings.len() };
    if siblings.len() > MAX_SIBLINGS {
        return Err(too_many);
    }
    out.push(u8::try_from(siblings.len()).map_err(|_| too_many)?);
    for sibling in siblings {
        out.extend_from_slice(sibling.as_slice());
    }
    Ok(())
}

/// Writes a group's or a run's `u16 count`.
pub(super) fn put_count(out: &mut Vec<u8>, count: usize) -> Result<(), PackError> {
    if count == 0 {
        return Err(PackError::Empty);
    }
    let max = usize::from(u16::MAX);
    let count = u16::try_from(count).map_err(|_| PackError::TooManyEntries { max, found: count })?;
    out.extend_from_slice(&count.to_be_bytes());
    Ok(())
}
