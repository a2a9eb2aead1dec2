//! A strict, borrowing RLP reader: exactly one encoding of every value is accepted (Yellow Paper, appendix B, plus
//! the rules that its definition of the *encoder* implies), and the few encoders that the light clients need.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, U256};
use thiserror::Error;

/// Payloads up to this length carry it in their first byte.
const SHORT_MAX: usize = 55;

/// Bytes that are not the canonical encoding of what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RlpError {
    /// The bytes end inside an item.
    #[error("RLP ends inside an item")]
    Truncated,
    /// Bytes follow where none may.
    #[error("RLP has {0} trailing bytes")]
    Trailing(usize),
    /// A length or a single byte in a longer form than needed, or a length with leading zeros.
    #[error("RLP length is not minimal")]
    NonMinimal,
    /// A number with leading zeros.
    #[error("RLP number has leading zeros")]
    LeadingZero,
    /// A string where a list belongs, or the reverse.
    #[error("RLP item is of the other kind")]
    Kind,
    /// A string of another length than its type has.
    #[error("RLP string: expected {expected} bytes, found {found}")]
    Length {
        /// The length of the type, or the largest allowed.
        expected: usize,
        /// The length found.
        found: usize,
    },
}

/// One item, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    raw: &'a [u8],
    header: usize,
    list: bool,
}

impl<'a> Item<'a> {
    /// Header and payload as they stand.
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The payload without its header.
    pub fn payload(&self) -> &'a [u8] {
        self.raw.get(self.header..).unwrap_or_default()
    }

    /// Whether the item is a list.
    pub const fn is_list(&self) -> bool {
        self.list
    }

    /// The bytes of a string.
    ///
    /// # Errors
    /// [`RlpError::Kind`] on a list.
    pub fn bytes(&self) -> Result<&'a [u8], RlpError> {
        if self.list { Err(RlpError::Kind) } else { Ok(self.payload()) }
    }

    /// The items of a list.
    ///
    /// # Errors
    /// [`RlpError::Kind`] on a string.
    pub fn items(&self) -> Result<Reader<'a>, RlpError> {
        if self.list { Ok(Reader::new(self.payload())) } else { Err(RlpError::Kind) }
    }

    /// A string of exactly `N` bytes.
    ///
    /// # Errors
    /// [`RlpError::Kind`] or [`RlpError::Length`].
    pub fn array<const N: usize>(&self) -> Result<&'a [u8; N], RlpError> {
        let bytes = self.bytes()?;
        bytes.try_into().map_err(|_| RlpError::Length { expected: N, found: bytes.len() })
    }

    /// A 32-byte string.
    ///
    /// # Errors
    /// As [`Item::array`].
    pub fn hash(&self) -> Result<B256, RlpError> {
        self.array::<32>().map(|bytes| B256::new(*bytes))
    }

    /// A 20-byte string.
    ///
    /// # Errors
    /// As [`Item::array`].
    pub fn address(&self) -> Result<Address, RlpError> {
        self.array::<20>().map(|bytes| Address::new(*bytes))
    }

    /// A number of at most `N` bytes, big-endian without leading zeros, left-padded.
    ///
    /// # Errors
    /// [`RlpError::Kind`], [`RlpError::Length`] or [`RlpError::LeadingZero`].
    pub fn number<const N: usize>(&self) -> Result<[u8; N], RlpError> {
        let bytes = self.bytes()?;
        if bytes.first() == Some(&0) {
            return Err(RlpError::LeadingZero);
        }
        let mut padded = [0; N];
        let start = N.checked_sub(bytes.len()).ok_or(RlpError::Length { expected: N, found: bytes.len() })?;
        padded[start..].copy_from_slice(bytes);
        Ok(padded)
    }

    /// A number that fits `u64`.
    ///
    /// # Errors
    /// As [`Item::number`].
    pub fn u64(&self) -> Result<u64, RlpError> {
        self.number::<8>().map(u64::from_be_bytes)
    }

    /// A number that fits 256 bits.
    ///
    /// # Errors
    /// As [`Item::number`].
    pub fn u256(&self) -> Result<U256, RlpError> {
        self.number::<32>().map(U256::from_be_bytes)
    }
}

/// Items one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads the items that stand one after the other in `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next item.
    ///
    /// # Errors
    /// [`RlpError::Truncated`] at the end, or the item is not canonical.
    pub fn item(&mut self) -> Result<Item<'a>, RlpError> {
        let (header, length, list) = header(self.rest)?;
        let end = header.checked_add(length).ok_or(RlpError::Truncated)?;
        let (raw, rest) = self.rest.split_at_checked(end).ok_or(RlpError::Truncated)?;
        // A single byte below 0x80 is its own encoding.
        if !list && length == 1 && header == 1 && raw.get(1).is_some_and(|byte| *byte < 0x80) {
            return Err(RlpError::NonMinimal);
        }
        self.rest = rest;
        Ok(Item { raw, header, list })
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`RlpError::Trailing`] if bytes are left.
    pub const fn end(self) -> Result<(), RlpError> {
        if self.rest.is_empty() { Ok(()) } else { Err(RlpError::Trailing(self.rest.len())) }
    }
}

/// The one item that `bytes` are.
///
/// # Errors
/// The item is not canonical, or bytes follow it.
pub fn exact(bytes: &[u8]) -> Result<Item<'_>, RlpError> {
    let mut reader = Reader::new(bytes);
    let item = reader.item()?;
    reader.end()?;
    Ok(item)
}

/// Header length, payload length and whether it is a list.
fn header(bytes: &[u8]) -> Result<(usize, usize, bool), RlpError> {
    let first = *bytes.first().ok_or(RlpError::Truncated)?;
    match first {
        0..=0x7f => Ok((0, 1, false)),
        0x80..=0xb7 => Ok((1, usize::from(first - 0x80), false)),
        0xb8..=0xbf => long(bytes, usize::from(first - 0xb7)).map(|(header, length)| (header, length, false)),
        0xc0..=0xf7 => Ok((1, usize::from(first - 0xc0), true)),
        0xf8..=0xff => long(bytes, usize::from(first - 0xf7)).map(|(header, length)| (header, length, true)),
    }
}

/// Header and payload length of an item whose length takes `width` bytes.
fn long(bytes: &[u8], width: usize) -> Result<(usize, usize), RlpError> {
    let length = bytes.get(1..1 + width).ok_or(RlpError::Truncated)?;
    if length.first() == Some(&0) {
        return Err(RlpError::NonMinimal);
    }
    // More than fits in memory is also more than `bytes` holds.
    let mut value: usize = 0;
    for byte in length {
        value = value.checked_mul(256).and_then(|v| v.checked_add(usize::from(*byte))).ok_or(RlpError::Truncated)?;
    }
    if value <= SHORT_MAX { Err(RlpError::NonMinimal) } else { Ok((1 + width, value)) }
}

/// Appends the header of a list whose payload takes `length` bytes.
pub fn put_list_header(out: &mut Vec<u8>, length: usize) {
    put_header(out, length, 0xc0);
}

/// Appends a string.
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes {
        [single] if *single < 0x80 => out.push(*single),
        _ => {
            put_header(out, bytes.len(), 0x80);
            out.extend_from_slice(bytes);
        }
    }
}

/// Appends a number: big-endian without leading zeros.
pub fn put_u64(out: &mut Vec<u8>, number: u64) {
    let bytes = number.to_be_bytes();
    let zeros = (number.leading_zeros() / 8) as usize;
    put_bytes(out, bytes.get(zeros..).unwrap_or_default());
}

/// A list around items that are encoded already.
pub fn list(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 9);
    put_list_header(&mut out, payload.len());
    out.extend_from_slice(payload);
    out
}

fn put_header(out: &mut Vec<u8>, length: usize, base: u8) {
    if length <= SHORT_MAX {
        // At most 55, so the sum fits a byte.
        out.push(base + length as u8);
        return;
    }
    let bytes = length.to_be_bytes();
    let zeros = (length.leading_zeros() / 8) as usize;
    let width = bytes.len() - zeros;
    out.push(base + SHORT_MAX as u8 + width as u8);
    out.extend_from_slice(bytes.get(zeros..).unwrap_or_default());
}
