//! Protocol Buffers, written by hand.

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A message being written.
#[derive(Clone, Default)]
pub struct Message(pub Vec<u8>);

impl Message {
    pub fn new() -> Self {
        Self::default()
    }

    /// A number, unless it is zero.
    pub fn number(mut self, field: u64, number: u64) -> Self {
        if number != 0 {
            varint(&mut self.0, field << 3);
            varint(&mut self.0, number);
        }
        self
    }

    /// A message, also if it is empty.
    pub fn part(mut self, field: u64, part: &[u8]) -> Self {
        varint(&mut self.0, field << 3 | 2);
        varint(&mut self.0, part.len() as u64);
        self.0.extend_from_slice(part);
        self
    }

    /// Bytes, unless they are empty.
    pub fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        if bytes.is_empty() { self } else { self.part(field, bytes) }
    }

    pub fn parts<P: AsRef<[u8]>>(self, field: u64, parts: impl IntoIterator<Item = P>) -> Self {
        parts.into_iter().fold(self, |message, part| message.part(field, part.as_ref()))
    }
}
