//! CometBFT's Merkle tree: that of RFC 6962 over SHA-256 (`crypto/merkle`).

use alloy_primitives::B256;
use sha2::{Digest, Sha256};

/// Hash of nothing: the root over no leaves.
pub(crate) const EMPTY: B256 = B256::new([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// Heights of subtrees: a count of leaves has at most this many bits.
const LEVELS: usize = usize::BITS as usize;

/// Takes leaves one after the other and keeps only the roots of full subtrees.
///
/// RFC 6962 splits n leaves at the largest power of two below n; so the subtrees left of the last leaf are full, and the
/// root folds them from the right.
#[derive(Debug)]
pub(crate) struct Tree {
    full: [B256; LEVELS],
    leaves: usize,
}

impl Tree {
    pub(crate) const fn new() -> Self {
        Self { full: [B256::ZERO; LEVELS], leaves: 0 }
    }

    /// Adds a leaf.
    pub(crate) fn push(&mut self, leaf: &[u8]) {
        let mut hash = B256::new(Sha256::new().chain_update([0]).chain_update(leaf).finalize().into());
        let mut level = 0;
        while self.leaves >> level & 1 == 1 {
            if let Some(left) = self.full.get(level) {
                hash = node(left, &hash);
            }
            level += 1;
        }
        if let Some(place) = self.full.get_mut(level) {
            *place = hash;
        }
        self.leaves += 1;
    }

    /// The root over the leaves so far.
    pub(crate) fn root(&self) -> B256 {
        let kept = self.full.iter().enumerate().filter(|(level, _)| self.leaves >> level & 1 == 1);
        let right_to_left = kept.map(|(_, hash)| *hash);
        right_to_left.reduce(|right, left| node(&left, &right)).unwrap_or(EMPTY)
    }
}

fn node(left: &B256, right: &B256) -> B256 {
    B256::new(Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into())
}
