//! RLP as a tree whose items can be written wrongly on purpose, inside lists whose lengths are right.

use crate::random::Random;

/// An item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A string.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Shape>),
    /// A string that holds an encoded list after some bytes of its own (extra data).
    Nested(Vec<u8>, Vec<Shape>),
    /// Bytes as they are, canonical or not.
    Raw(Vec<u8>),
}

fn header(base: u8, length: usize, out: &mut Vec<u8>) {
    if length < 56 {
        out.push(base + length as u8);
        return;
    }
    let bytes = length.to_be_bytes();
    let skip = bytes.iter().take_while(|byte| **byte == 0).count();
    out.push(base + 55 + (bytes.len() - skip) as u8);
    out.extend_from_slice(&bytes[skip..]);
}

fn string(bytes: &[u8], out: &mut Vec<u8>) {
    if let [byte @ 0..0x80] = bytes {
        out.push(*byte);
        return;
    }
    header(0x80, bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn list(items: &[Shape], out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    for item in items {
        item.put(&mut payload);
    }
    header(0xc0, payload.len(), out);
    out.extend_from_slice(&payload);
}

impl Shape {
    /// Reads canonical RLP.
    ///
    /// # Panics
    /// It is not.
    pub fn read(bytes: &[u8]) -> Self {
        let (item, rest) = Self::item(bytes);
        assert!(rest.is_empty(), "whole items only");
        item
    }

    fn item(bytes: &[u8]) -> (Self, &[u8]) {
        let first = bytes[0];
        let long = |base: u8| {
            let size = usize::from(first - base);
            let length = bytes[1..=size].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            (1 + size, length)
        };
        let (start, length, is_list) = match first {
            0..0x80 => (0, 1, false),
            0x80..0xb8 => (1, usize::from(first - 0x80), false),
            0xb8..0xc0 => (long(0xb7).0, long(0xb7).1, false),
            0xc0..0xf8 => (1, usize::from(first - 0xc0), true),
            _ => (long(0xf7).0, long(0xf7).1, true),
        };
        let (payload, rest) = (&bytes[start..start + length], &bytes[start + length..]);
        if !is_list {
            return (Self::Bytes(payload.to_vec()), rest);
        }
        let mut items = Vec::new();
        let mut left = payload;
        while !left.is_empty() {
            let (item, after) = Self::item(left);
            items.push(item);
            left = after;
        }
        (Self::List(items), rest)
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out);
        out
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bytes(bytes) => string(bytes, out),
            Self::List(items) => list(items, out),
            Self::Nested(before, items) => {
                let mut inner = before.clone();
                list(items, &mut inner);
                string(&inner, out);
            }
            Self::Raw(bytes) => out.extend_from_slice(bytes),
        }
    }

    /// Writes this item another way: another value, another type, or the same value not canonically.
    pub fn twist(&mut self, random: &mut Random) {
        if let Self::List(items) | Self::Nested(_, items) = self {
            // Deeper, most of the time.
            if !items.is_empty() && !random.once_in(4) {
                let at = random.below(items.len());
                if random.once_in(4) {
                    rearrange(items, at, random);
                } else {
                    items[at].twist(random);
                }
                return;
            }
        }
        let bytes = match self {
            Self::Bytes(bytes) | Self::Raw(bytes) => bytes.clone(),
            Self::List(_) | Self::Nested(..) => self.encode(),
        };
        *self = match random.below(12) {
            0 => Self::Bytes(Vec::new()),
            1 => Self::Bytes(vec![0]),
            2 => Self::Bytes([vec![0], bytes].concat()),
            3 => Self::Bytes([bytes, vec![random.byte()]].concat()),
            4 => Self::Bytes(bytes[bytes.len().min(1)..].to_vec()),
            5 => Self::List(vec![Self::Bytes(bytes)]),
            6 => Self::List(Vec::new()),
            // One byte with a length, short lengths written long, a length with a leading zero.
            7 => Self::Raw([vec![0x81], bytes[..bytes.len().min(1)].to_vec()].concat()),
            8 => Self::Raw([vec![0xb8, bytes.len() as u8], bytes].concat()),
            9 => Self::Raw([vec![0xb9, (bytes.len() >> 8) as u8, bytes.len() as u8], bytes].concat()),
            10 => {
                let count = *random.pick(&[1, 2, 3, 4, 5, 8, 9, 20, 21, 31, 32, 33]);
                Self::Bytes(random.bytes(count))
            }
            _ => {
                let mut raw = self.encode();
                random.damage(&mut raw);
                Self::Raw(raw)
            }
        };
    }
}

fn rearrange(items: &mut Vec<Shape>, at: usize, random: &mut Random) {
    match random.below(5) {
        0 => drop(items.remove(at)),
        1 => items.insert(at, items[at].clone()),
        2 => {
            let other = random.below(items.len());
            items.swap(at, other);
        }
        3 => items.push(Shape::Bytes(random.bytes(32))),
        _ => items.push(Shape::Bytes(Vec::new())),
    }
}
