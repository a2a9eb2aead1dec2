//! A check of untrusted protobuf bytes before they are decoded: linear time, no allocation.
//!
//! Protobuf decoders skip unknown fields, let the last of several values win, and allocate an item for every two bytes
//! of a repeated message field (a 1 MiB message can cost 100 MiB). So a message from a peer is first walked along a
//! [`Shape`] that the build derives from the `.proto` file. What passes has one meaning and a bounded size (ATK-064,
//! ATK-096). The encoding: <https://protobuf.dev/programming-guides/encoding>.

/// A message type whose bytes can be checked.
pub trait Strict {
    /// What its bytes may look like.
    const SHAPE: &'static Shape;
}

/// What the bytes of a message may look like.
#[derive(Debug)]
pub struct Shape {
    /// Name of the message.
    pub name: &'static str,
    /// Its fields, at most 16 (the build checks it).
    pub fields: &'static [Field],
}

/// A field of a [`Shape`].
#[derive(Debug)]
pub struct Field {
    /// Number in the `.proto` file.
    pub number: u32,
    /// Kind on the wire.
    pub kind: Kind,
    /// How often it may stand in one message.
    pub times: u32,
    /// Position of the oneof that it belongs to, from 1; 0: none.
    pub oneof: u8,
}

/// Kind of a field on the wire.
#[derive(Debug)]
pub enum Kind {
    /// A number.
    Varint {
        /// The largest one; decoders cut off what is above.
        max: u64,
    },
    /// Bytes or a string.
    Bytes,
    /// Numbers one after another.
    Packed {
        /// How many at most.
        items_max: u32,
    },
    /// A message.
    Message(&'static Shape),
}

impl Kind {
    const fn wire_type(&self) -> u8 {
        match self {
            Self::Varint { .. } => 0,
            Self::Bytes | Self::Packed { .. } | Self::Message(_) => 2,
        }
    }
}

/// Why bytes are not a message of their type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotStrict {
    /// The bytes end within a field.
    #[error("{message}: the bytes end within a field")]
    Truncated {
        /// The message type.
        message: &'static str,
    },
    /// A number in more bytes than it needs, or beyond 64 bits.
    #[error("{message}: a number is not in its shortest form")]
    NonCanonical {
        /// The message type.
        message: &'static str,
    },
    /// A field that the type does not have.
    #[error("{message}: unknown field {number}")]
    UnknownField {
        /// The message type.
        message: &'static str,
        /// The field's number.
        number: u32,
    },
    /// A field in another form than its own; groups are such.
    #[error("{message}: field {number} has wire type {found}, expected {expected}")]
    WireType {
        /// The message type.
        message: &'static str,
        /// The field's number.
        number: u32,
        /// Wire type of the field.
        expected: u8,
        /// Wire type given.
        found: u8,
    },
    /// More items than allowed; a singular field given twice, or two fields of a oneof.
    #[error("{message}: more than {max} of field {number}")]
    TooMany {
        /// The message type.
        message: &'static str,
        /// The field's number.
        number: u32,
        /// How many are allowed.
        max: u32,
    },
}

/// Deepest nesting walked; the deepest message type has four levels.
const DEPTH_MAX: u8 = 8;

/// Checks `bytes` against the shape of `M`.
///
/// # Errors
/// See [`NotStrict`].
pub fn check<M: Strict>(bytes: &[u8]) -> Result<(), NotStrict> {
    walk(M::SHAPE, bytes, DEPTH_MAX)
}

fn walk(shape: &'static Shape, mut bytes: &[u8], depth: u8) -> Result<(), NotStrict> {
    let message = shape.name;
    let mut seen = [0u32; 16];
    let mut oneofs = 0u32;
    while !bytes.is_empty() {
        let tag = varint(&mut bytes, message)?;
        let wire_type = (tag & 7) as u8;
        let number = u32::try_from(tag >> 3).map_err(|_| NotStrict::NonCanonical { message })?;
        let found = shape.fields.iter().zip(&mut seen).find(|(field, _)| field.number == number);
        let (field, times) = found.ok_or(NotStrict::UnknownField { message, number })?;
        if wire_type != field.kind.wire_type() {
            let expected = field.kind.wire_type();
            return Err(NotStrict::WireType { message, number, expected, found: wire_type });
        }
        *times += 1;
        if *times > field.times {
            return Err(NotStrict::TooMany { message, number, max: field.times });
        }
        if field.oneof != 0 {
            let bit = 1u32.checked_shl(u32::from(field.oneof)).unwrap_or(0);
            if oneofs & bit != 0 {
                return Err(NotStrict::TooMany { message, number, max: 1 });
            }
            oneofs |= bit;
        }
        let value = varint(&mut bytes, message)?;
        if let Kind::Varint { max } = field.kind {
            if value > max {
                return Err(NotStrict::NonCanonical { message });
            }
            continue;
        }
        let len = usize::try_from(value).map_err(|_| NotStrict::Truncated { message })?;
        let (body, rest) = bytes.split_at_checked(len).ok_or(NotStrict::Truncated { message })?;
        bytes = rest;
        match field.kind {
            Kind::Varint { .. } | Kind::Bytes => {}
            Kind::Packed { items_max } => packed(body, message, number, items_max)?,
            Kind::Message(inner) => {
                let depth = depth.checked_sub(1).ok_or(NotStrict::TooMany { message, number, max: 0 })?;
                walk(inner, body, depth)?;
            }
        }
    }
    Ok(())
}

fn packed(mut body: &[u8], message: &'static str, number: u32, max: u32) -> Result<(), NotStrict> {
    let mut items = 0u32;
    while !body.is_empty() {
        varint(&mut body, message)?;
        items += 1;
        if items > max {
            return Err(NotStrict::TooMany { message, number, max });
        }
    }
    Ok(())
}

/// Takes a base-128 number off the front, in its shortest form.
fn varint(bytes: &mut &[u8], message: &'static str) -> Result<u64, NotStrict> {
    let mut value = 0u64;
    for at in 0..10u32 {
        let (byte, rest) = bytes.split_first().ok_or(NotStrict::Truncated { message })?;
        *bytes = rest;
        let low = u64::from(byte & 0x7f);
        // The tenth byte holds bit 63 alone.
        if at == 9 && low > 1 {
            break;
        }
        value |= low << (7 * at);
        if byte & 0x80 == 0 {
            if *byte == 0 && at > 0 {
                break;
            }
            return Ok(value);
        }
    }
    Err(NotStrict::NonCanonical { message })
}

include!(concat!(env!("OUT_DIR"), "/shapes.rs"));

#[cfg(test)]
#[path = "strict_tests.rs"]
mod tests;
