//! SCALE, Substrate's encoding, read strictly: canonical compact numbers, bounded lengths, nothing allocated before a
//! length was checked. Source: Polkadot specification, appendix A.2.2.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256};
use thiserror::Error;

/// What is wrong with SCALE bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ScaleFault {
    /// The bytes end before the value does.
    #[error("{what}: expected {expected} more bytes, found {found}")]
    Truncated {
        /// What was read.
        what: &'static str,
        /// Bytes needed.
        expected: usize,
        /// Bytes left.
        found: usize,
    },
    /// A compact number that is not in its shortest form, or beyond 64 bits.
    #[error("{what}: compact number not canonical")]
    NonCanonical {
        /// What was read.
        what: &'static str,
    },
    /// A length or number beyond its bound.
    #[error("{what}: at most {limit}, found {found}")]
    TooLarge {
        /// What was measured.
        what: &'static str,
        /// The bound.
        limit: u64,
        /// What was found.
        found: u64,
    },
    /// A tag that the format does not know.
    #[error("{what}: unknown tag {found}")]
    Tag {
        /// What was read.
        what: &'static str,
        /// The tag.
        found: u8,
    },
    /// Bytes are left over.
    #[error("{what}: {found} trailing bytes")]
    Trailing {
        /// What was read.
        what: &'static str,
        /// Bytes left.
        found: usize,
    },
}

/// A cursor over borrowed bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not read yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// What was read since `before`, a copy of this reader.
    pub(crate) fn since(&self, before: &Self) -> &'a [u8] {
        before.rest.get(..before.rest.len().saturating_sub(self.rest.len())).unwrap_or_default()
    }

    pub(crate) const fn end(&self, what: &'static str) -> Result<(), ScaleFault> {
        if self.rest.is_empty() { Ok(()) } else { Err(ScaleFault::Trailing { what, found: self.rest.len() }) }
    }

    pub(crate) fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], ScaleFault> {
        let short = ScaleFault::Truncated { what, expected: count, found: self.rest.len() };
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(short)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> Result<&'a [u8; N], ScaleFault> {
        let short = ScaleFault::Truncated { what, expected: N, found: self.rest.len() };
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(short)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self, what: &'static str) -> Result<u8, ScaleFault> {
        self.array::<1>(what).map(|[byte]| *byte)
    }

    pub(crate) fn flag(&mut self, what: &'static str) -> Result<bool, ScaleFault> {
        match self.byte(what)? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(ScaleFault::Tag { what, found }),
        }
    }

    pub(crate) fn u16(&mut self, what: &'static str) -> Result<u16, ScaleFault> {
        self.array(what).map(|bytes| u16::from_le_bytes(*bytes))
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> Result<u32, ScaleFault> {
        self.array(what).map(|bytes| u32::from_le_bytes(*bytes))
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, ScaleFault> {
        self.array(what).map(|bytes| u64::from_le_bytes(*bytes))
    }

    pub(crate) fn hash(&mut self, what: &'static str) -> Result<B256, ScaleFault> {
        self.array(what).map(|bytes| B256::new(*bytes))
    }

    pub(crate) fn address(&mut self, what: &'static str) -> Result<Address, ScaleFault> {
        self.array::<20>(what).map(|bytes| Address::new(*bytes))
    }

    /// A compact number up to 64 bits.
    pub(crate) fn compact(&mut self, what: &'static str) -> Result<u64, ScaleFault> {
        let bad = ScaleFault::NonCanonical { what };
        let first = self.byte(what)?;
        let high = u64::from(first >> 2);
        let (value, least) = match first & 3 {
            0 => (high, 0),
            1 => (high | u64::from(self.byte(what)?) << 6, 1 << 6),
            2 => {
                let [a, b, c] = *self.array::<3>(what)?;
                (high | u64::from(a) << 6 | u64::from(b) << 14 | u64::from(c) << 22, 1 << 14)
            }
            // `high + 4` bytes follow; only as many as are needed, so the last is not zero.
            _ => {
                let count = usize::from(first >> 2).saturating_add(4);
                let bytes = if count <= 8 { self.take(count, what)? } else { return Err(bad) };
                if bytes.last() == Some(&0) {
                    return Err(bad);
                }
                (bytes.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte)), 1 << 30)
            }
        };
        if value < least { Err(bad) } else { Ok(value) }
    }

    /// A compact number up to 32 bits.
    pub(crate) fn compact_u32(&mut self, what: &'static str) -> Result<u32, ScaleFault> {
        let found = self.compact(what)?;
        u32::try_from(found).map_err(|_| ScaleFault::TooLarge { what, limit: u64::from(u32::MAX), found })
    }

    /// A count of items, at most `limit`, each at least `least` bytes long: more than the bytes left can hold is refused
    /// before anything is allocated.
    pub(crate) fn count(&mut self, limit: usize, least: usize, what: &'static str) -> Result<usize, ScaleFault> {
        let found = self.compact(what)?;
        let count = usize::try_from(found).ok().filter(|count| *count <= limit);
        let count = count.ok_or(ScaleFault::TooLarge { what, limit: limit as u64, found })?;
        let expected = count.saturating_mul(least);
        if expected > self.rest.len() {
            return Err(ScaleFault::Truncated { what, expected, found: self.rest.len() });
        }
        Ok(count)
    }

    /// Bytes with their length before them.
    pub(crate) fn bytes(&mut self, limit: usize, what: &'static str) -> Result<&'a [u8], ScaleFault> {
        let count = self.count(limit, 1, what)?;
        self.take(count, what)
    }
}

/// Appends a compact number.
pub(crate) fn put_compact(out: &mut Vec<u8>, value: u64) {
    match value {
        // The casts keep what the arm allows.
        0..=0x3f => out.push((value as u8) << 2),
        0x40..=0x3fff => out.extend_from_slice(&((value as u16) << 2 | 1).to_le_bytes()),
        0x4000..=0x3fff_ffff => out.extend_from_slice(&((value as u32) << 2 | 2).to_le_bytes()),
        _ => {
            let bytes = value.to_le_bytes();
            let used = 8 - value.leading_zeros() as usize / 8;
            out.push((used.saturating_sub(4) as u8) << 2 | 3);
            out.extend_from_slice(bytes.get(..used).unwrap_or_default());
        }
    }
}

/// Appends bytes with their length before them.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_compact(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
