//! Half bytes of keys and of hex-prefixed paths, read where they stand.

use crate::NodeFault;

/// A run of half bytes inside borrowed bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nibbles<'a> {
    bytes: &'a [u8],
    start: usize,
    end: usize,
}

impl<'a> Nibbles<'a> {
    /// All half bytes of a key, high half first.
    pub(crate) const fn of_key(key: &'a [u8]) -> Self {
        Self { bytes: key, start: 0, end: key.len() * 2 }
    }

    /// The path in a leaf or extension and whether it is a leaf's (Yellow Paper, appendix C).
    pub(crate) fn of_path(encoded: &'a [u8]) -> Result<(Self, bool), NodeFault> {
        let first = *encoded.first().ok_or(NodeFault::HexPrefix)?;
        let (leaf, odd) = match first >> 4 {
            0 => (false, false),
            1 => (false, true),
            2 => (true, false),
            3 => (true, true),
            _ => return Err(NodeFault::HexPrefix),
        };
        if !odd && first & 0x0f != 0 {
            return Err(NodeFault::HexPrefix);
        }
        let path = Self { bytes: encoded, start: if odd { 1 } else { 2 }, end: encoded.len() * 2 };
        if !leaf && path.len() == 0 {
            return Err(NodeFault::HexPrefix);
        }
        Ok((path, leaf))
    }

    pub(crate) const fn len(&self) -> usize {
        self.end - self.start
    }

    /// The first half byte and the rest.
    pub(crate) fn split_first(self) -> Option<(u8, Self)> {
        if self.start == self.end {
            return None;
        }
        let nibble = self.at(self.start)?;
        Some((nibble, Self { start: self.start + 1, ..self }))
    }

    /// The rest after `prefix`, if it begins so.
    pub(crate) fn strip_prefix(self, prefix: Nibbles<'_>) -> Option<Self> {
        if prefix.len() > self.len() {
            return None;
        }
        let same = (0..prefix.len()).all(|i| self.at(self.start + i) == prefix.at(prefix.start + i));
        same.then(|| Self { start: self.start + prefix.len(), ..self })
    }

    /// The half byte at an absolute position.
    fn at(&self, position: usize) -> Option<u8> {
        let byte = self.bytes.get(position / 2)?;
        Some(if position.is_multiple_of(2) { byte >> 4 } else { byte & 0x0f })
    }
}
