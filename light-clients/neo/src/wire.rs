//! A cursor over untrusted bytes: little-endian numbers and Neo's variable-length integers, in their shortest form only.

use crate::HeaderFault;

/// Reads from the front.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], HeaderFault> {
        let end = self.at.saturating_add(length);
        let taken = self.bytes.get(self.at..end);
        let taken = taken.ok_or(HeaderFault::Truncated { expected: end, found: self.bytes.len() })?;
        self.at = end;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], HeaderFault> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, HeaderFault> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A length: one byte, or 0xfd and two, or 0xfe and four, or 0xff and eight. neo-cli reads longer forms too; a
    /// witness stands outside the block's hash, so only one form may pass (ATK-019).
    pub(crate) fn length(&mut self, limit: usize) -> Result<usize, HeaderFault> {
        let first = self.u8()?;
        let (value, least) = match first {
            0xfd => (u64::from(u16::from_le_bytes(self.array()?)), 0xfd),
            0xfe => (u64::from(u32::from_le_bytes(self.array()?)), 0x1_0000),
            0xff => (u64::from_le_bytes(self.array()?), 0x1_0000_0000),
            byte => (u64::from(byte), 0),
        };
        if value < least {
            return Err(HeaderFault::NonCanonical);
        }
        match usize::try_from(value) {
            Ok(length) if length <= limit => Ok(length),
            _ => Err(HeaderFault::TooLarge { limit, found: usize::try_from(value).unwrap_or(usize::MAX) }),
        }
    }

    /// Bytes behind their length.
    pub(crate) fn bytes(&mut self, limit: usize) -> Result<&'a [u8], HeaderFault> {
        let length = self.length(limit)?;
        self.take(length)
    }

    pub(crate) fn end(&self) -> Result<(), HeaderFault> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            extra => Err(HeaderFault::Trailing(extra)),
        }
    }
}
