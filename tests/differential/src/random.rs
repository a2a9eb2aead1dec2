//! Numbers from a seed, the same on every machine.

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts from a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next word.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound` (0 for a bound of 0).
    pub const fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next() % bound as u64) as usize }
    }

    /// True once in `n` times.
    pub const fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of a list.
    ///
    /// # Panics
    /// The list is empty.
    pub const fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// A byte.
    pub const fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }

    /// Changes bytes without knowing what they are: a bit, a byte, a cut, an insertion, a swap, a repeated stretch.
    pub fn damage(&mut self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            bytes.push(self.byte());
            return;
        }
        let at = self.below(bytes.len());
        match self.below(8) {
            0 | 1 => bytes[at] ^= 1 << self.below(8),
            2 => bytes[at] = *self.pick(&[0x00, 0x01, 0x7f, 0x80, 0x81, 0xa0, 0xb8, 0xc0, 0xf8, 0xf9, 0xff]),
            3 => bytes[at] = self.byte(),
            4 => bytes.truncate(at),
            5 => bytes.insert(at, self.byte()),
            6 => drop(bytes.remove(at)),
            _ => {
                let length = self.below(40.min(bytes.len() - at));
                let stretch: Vec<u8> = bytes[at..at + length].to_vec();
                let to = self.below(bytes.len());
                bytes.splice(to..to, stretch);
            }
        }
    }
}
