//! Protocol Buffers as CometBFT writes them: a reader over borrowed bytes and the writer that matches it.
//!
//! The reader is stricter than proto3 asks: fields stand in the order of their numbers, each once unless it is repeated,
//! none is unknown, variable-length integers have no padding. That is what CometBFT's own encoder writes, and it leaves no
//! room for two readers to see two things in one message. Nothing is allocated here; lengths are checked against the
//! bytes that are there.

use alloc::vec::Vec;

use thiserror::Error;

/// Why bytes are no message of the expected type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WireFault {
    /// The bytes end inside a field.
    #[error("ends inside a field")]
    Truncated,
    /// A variable-length integer is longer than it needs to be, or than 64 bits.
    #[error("a variable-length integer is padded or beyond 64 bits")]
    Varint,
    /// A field that the message does not have, or of another type.
    #[error("unexpected field {0} (or of an unexpected type)")]
    UnknownField(u32),
    /// A field stands behind a later one, or a second time.
    #[error("field {0} is out of order or repeated")]
    Order(u32),
    /// A length or count beyond its bound.
    #[error("{what}: at most {limit}, found {found}")]
    TooLarge {
        /// What was measured.
        what: &'static str,
        /// The bound.
        limit: usize,
        /// What was found.
        found: usize,
    },
    /// A value that the field can not have.
    #[error("{0}: a value that the field can not have")]
    Value(&'static str),
    /// A field that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
}

/// The value of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

/// Reads the fields of one message.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    last: u32,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, last: 0 }
    }

    /// The next field: its number and value. `repeated` says which numbers may follow themselves.
    pub(crate) fn next(&mut self, repeated: &[u32]) -> Result<Option<(u32, Value<'a>)>, WireFault> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).map_err(|_| WireFault::UnknownField(u32::MAX))?;
        if number < self.last || number == 0 || (number == self.last && !repeated.contains(&number)) {
            return Err(WireFault::Order(number));
        }
        self.last = number;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).map_err(|_| WireFault::Truncated)?;
                let (bytes, rest) = self.rest.split_at_checked(length).ok_or(WireFault::Truncated)?;
                self.rest = rest;
                Value::Bytes(bytes)
            }
            _ => return Err(WireFault::UnknownField(number)),
        };
        Ok(Some((number, value)))
    }

    fn varint(&mut self) -> Result<u64, WireFault> {
        let (value, rest) = varint(self.rest)?;
        self.rest = rest;
        Ok(value)
    }
}

/// A variable-length integer without padding, and what is behind it.
pub(crate) fn varint(bytes: &[u8]) -> Result<(u64, &[u8]), WireFault> {
    const LONGEST: usize = 10;
    let mut value = 0u64;
    for (at, byte) in bytes.iter().copied().enumerate().take(LONGEST) {
        let last = at + 1 == LONGEST;
        if last && byte > 1 {
            return Err(WireFault::Varint);
        }
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            if byte == 0 && at > 0 {
                return Err(WireFault::Varint);
            }
            return Ok((value, bytes.get(at + 1..).unwrap_or_default()));
        }
    }
    Err(if bytes.len() < LONGEST { WireFault::Truncated } else { WireFault::Varint })
}

impl<'a> Value<'a> {
    pub(crate) fn bytes(self, number: u32) -> Result<&'a [u8], WireFault> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(WireFault::UnknownField(number)) }
    }

    /// Bytes of a bounded length.
    pub(crate) fn bounded(self, number: u32, what: &'static str, limit: usize) -> Result<&'a [u8], WireFault> {
        let bytes = self.bytes(number)?;
        if bytes.len() <= limit {
            return Ok(bytes);
        }
        Err(WireFault::TooLarge { what, limit, found: bytes.len() })
    }

    pub(crate) fn message(self, number: u32) -> Result<Reader<'a>, WireFault> {
        self.bytes(number).map(Reader::new)
    }

    pub(crate) fn u64(self, number: u32) -> Result<u64, WireFault> {
        if let Self::Varint(value) = self { Ok(value) } else { Err(WireFault::UnknownField(number)) }
    }

    pub(crate) fn i64(self, number: u32) -> Result<i64, WireFault> {
        self.u64(number).map(u64::cast_signed)
    }

    /// A number that may not be negative.
    pub(crate) fn natural(self, number: u32, what: &'static str) -> Result<u64, WireFault> {
        let value = self.u64(number)?;
        if value <= i64::MAX.cast_unsigned() { Ok(value) } else { Err(WireFault::Value(what)) }
    }

    pub(crate) fn u32(self, number: u32, what: &'static str) -> Result<u32, WireFault> {
        u32::try_from(self.u64(number)?).map_err(|_| WireFault::Value(what))
    }
}

/// Writes messages. Zero and empty values are left out, as proto3 does.
pub(crate) mod put {
    use super::Vec;

    pub(crate) fn varint(out: &mut Vec<u8>, mut value: u64) {
        while value >= 0x80 {
            out.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    fn key(out: &mut Vec<u8>, number: u32, kind: u32) {
        varint(out, u64::from(number << 3 | kind));
    }

    pub(crate) fn u64(out: &mut Vec<u8>, number: u32, value: u64) {
        if value != 0 {
            key(out, number, 0);
            varint(out, value);
        }
    }

    pub(crate) fn i64(out: &mut Vec<u8>, number: u32, value: i64) {
        u64(out, number, value.cast_unsigned());
    }

    pub(crate) fn sfixed64(out: &mut Vec<u8>, number: u32, value: i64) {
        if value != 0 {
            key(out, number, 1);
            out.extend_from_slice(&value.to_le_bytes());
        }
    }

    pub(crate) fn bytes(out: &mut Vec<u8>, number: u32, value: &[u8]) {
        if !value.is_empty() {
            message(out, number, value);
        }
    }

    /// A message that is there even when it is empty.
    pub(crate) fn message(out: &mut Vec<u8>, number: u32, value: &[u8]) {
        key(out, number, 2);
        varint(out, value.len() as u64);
        out.extend_from_slice(value);
    }
}
