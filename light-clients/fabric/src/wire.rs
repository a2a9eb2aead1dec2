//! Protocol Buffers (proto3), read strictly: the only bytes taken are those that writing the message again would give.
//!
//! Fields stand in ascending order of their numbers, numbers in their shortest form, nothing is written that has its
//! default value, nothing is repeated that is single, and nothing is unknown. Everything that is read here is hashed
//! or signed by somebody; a second reading of the same bytes, or other bytes for the same reading, would be a way
//! around that (ATK-041).

use alloc::vec::Vec;

use thiserror::Error;

/// Bytes that are no canonical message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WireFault {
    /// A field ends behind the end of its message.
    #[error("{message}: truncated")]
    Truncated {
        /// The message's name.
        message: &'static str,
    },
    /// A number is not in its shortest form, or too large for its type.
    #[error("{message}: a number is not in its shortest form or too large")]
    Number {
        /// The message's name.
        message: &'static str,
    },
    /// A field that the message does not have, has already, or has at another place or of another type.
    #[error("{message}: field {field} is unknown, repeated or out of order")]
    Unexpected {
        /// The message's name.
        message: &'static str,
        /// The field's number.
        field: u64,
    },
    /// A field is written out although it has its default value.
    #[error("{message}: field {field} is written although it is empty")]
    Default {
        /// The message's name.
        message: &'static str,
        /// The field's number.
        field: u64,
    },
    /// A field that must be there is not.
    #[error("{message}: field {field} is missing")]
    Missing {
        /// The message's name.
        message: &'static str,
        /// The field's number.
        field: u64,
    },
    /// A string is not UTF-8.
    #[error("{message}: field {field} is no UTF-8")]
    Text {
        /// The message's name.
        message: &'static str,
        /// The field's number.
        field: u64,
    },
    /// A map names a key twice.
    #[error("{message}: a key stands twice in the map of field {field}")]
    DuplicateKey {
        /// The message's name.
        message: &'static str,
        /// The field's number.
        field: u64,
    },
    /// More of something than the bound allows.
    #[error("{message}: at most {limit} of field {field}")]
    TooLarge {
        /// The message's name.
        message: &'static str,
        /// The field's number; 0 for the message itself (bytes, or nesting).
        field: u64,
        /// The bound.
        limit: usize,
    },
}

/// Reads one message, field by field, in ascending order.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    message: &'static str,
    rest: &'a [u8],
}

const VARINT: u64 = 0;
const DELIMITED: u64 = 2;

impl<'a> Reader<'a> {
    /// A reader of a message; its name appears in faults.
    pub const fn new(message: &'static str, bytes: &'a [u8]) -> Self {
        Self { message, rest: bytes }
    }

    /// A number, in the shortest form; and what stands behind it.
    fn varint(&self, bytes: &'a [u8]) -> Result<(u64, &'a [u8]), WireFault> {
        let mut value = 0_u64;
        let mut rest = bytes;
        for shift in (0..64).step_by(7) {
            let (byte, behind) = rest.split_first().ok_or(WireFault::Truncated { message: self.message })?;
            rest = behind;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                if *byte == 0 && shift > 0 {
                    break;
                }
                return Ok((value, rest));
            }
        }
        Err(WireFault::Number { message: self.message })
    }

    /// Whether the next field is this one of this type; then what stands behind its tag.
    fn enter(&self, field: u64, wire_type: u64) -> Result<Option<&'a [u8]>, WireFault> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (tag, rest) = self.varint(self.rest)?;
        Ok((tag == (field << 3 | wire_type)).then_some(rest))
    }

    /// An optional number, which may be written although it is zero (a `oneof`).
    ///
    /// # Errors
    /// The number is malformed.
    pub fn number_if_present(&mut self, field: u64) -> Result<Option<u64>, WireFault> {
        let Some(rest) = self.enter(field, VARINT)? else { return Ok(None) };
        let (value, rest) = self.varint(rest)?;
        self.rest = rest;
        Ok(Some(value))
    }

    /// A number; 0 if absent.
    ///
    /// # Errors
    /// The number is malformed, or written although it is zero.
    pub fn number(&mut self, field: u64) -> Result<u64, WireFault> {
        match self.number_if_present(field)? {
            None => Ok(0),
            Some(0) => Err(WireFault::Default { message: self.message, field }),
            Some(value) => Ok(value),
        }
    }

    /// A number below 2³¹: an enumeration, an `int32` that is not negative, a `uint32`.
    ///
    /// # Errors
    /// As [`Reader::number`].
    pub fn small(&mut self, field: u64) -> Result<u32, WireFault> {
        u32::try_from(self.number(field)?).map_err(|_| WireFault::Number { message: self.message })
    }

    /// A yes or no.
    ///
    /// # Errors
    /// As [`Reader::number`].
    pub fn flag(&mut self, field: u64) -> Result<bool, WireFault> {
        match self.number(field)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(WireFault::Number { message: self.message }),
        }
    }

    /// A part with a length, which may be empty (a message).
    ///
    /// # Errors
    /// The length is malformed or ends behind the message.
    pub fn part(&mut self, field: u64) -> Result<Option<&'a [u8]>, WireFault> {
        let Some(rest) = self.enter(field, DELIMITED)? else { return Ok(None) };
        let (length, rest) = self.varint(rest)?;
        let truncated = WireFault::Truncated { message: self.message };
        let length = usize::try_from(length).map_err(|_| truncated)?;
        let (part, rest) = rest.split_at_checked(length).ok_or(truncated)?;
        self.rest = rest;
        Ok(Some(part))
    }

    /// Bytes; empty if absent.
    ///
    /// # Errors
    /// As [`Reader::part`], or they are written although they are empty.
    pub fn bytes(&mut self, field: u64) -> Result<&'a [u8], WireFault> {
        match self.part(field)? {
            None => Ok(&[]),
            Some([]) => Err(WireFault::Default { message: self.message, field }),
            Some(bytes) => Ok(bytes),
        }
    }

    /// Bytes or a message that must be there.
    ///
    /// # Errors
    /// As [`Reader::part`], or it is absent.
    pub fn required(&mut self, field: u64) -> Result<&'a [u8], WireFault> {
        self.part(field)?.ok_or(WireFault::Missing { message: self.message, field })
    }

    /// A string; empty if absent.
    ///
    /// # Errors
    /// As [`Reader::bytes`], or it is not UTF-8.
    pub fn text(&mut self, field: u64) -> Result<&'a str, WireFault> {
        core::str::from_utf8(self.bytes(field)?).map_err(|_| WireFault::Text { message: self.message, field })
    }

    /// All parts of a repeated field.
    ///
    /// # Errors
    /// As [`Reader::part`], or there are more than `limit`.
    pub fn parts(&mut self, field: u64, limit: usize) -> Result<Vec<&'a [u8]>, WireFault> {
        let mut parts = Vec::new();
        while let Some(part) = self.part(field)? {
            if parts.len() == limit {
                return Err(WireFault::TooLarge { message: self.message, field, limit });
            }
            parts.push(part);
        }
        Ok(parts)
    }

    /// The entries of a `map<string, message>`, in the order in which they are written. Both halves of an entry are
    /// always written, also where they are empty.
    ///
    /// # Errors
    /// As [`Reader::parts`]; or an entry is malformed.
    pub fn entries(&mut self, field: u64, limit: usize) -> Result<Vec<(&'a str, &'a [u8])>, WireFault> {
        let message = self.message;
        let entry = |bytes: &'a [u8]| {
            let mut entry = Reader::new(message, bytes);
            let key = entry.required(1)?;
            let value = entry.required(2)?;
            entry.end()?;
            Ok((core::str::from_utf8(key).map_err(|_| WireFault::Text { message, field })?, value))
        };
        self.parts(field, limit)?.into_iter().map(entry).collect()
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// Something is: a field that is unknown, repeated, out of order or of another type.
    pub fn end(self) -> Result<(), WireFault> {
        if self.rest.is_empty() {
            return Ok(());
        }
        let (tag, _) = self.varint(self.rest)?;
        Err(WireFault::Unexpected { message: self.message, field: tag >> 3 })
    }
}

/// Writes one part with its length.
pub(crate) fn put(out: &mut Vec<u8>, field: u64, part: &[u8]) {
    put_number(out, field << 3 | DELIMITED);
    put_number(out, part.len() as u64);
    out.extend_from_slice(part);
}

/// Writes a number in its shortest form.
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
