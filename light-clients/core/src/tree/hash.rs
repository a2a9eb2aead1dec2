//! Hash functions of the outbox tree.

use alloc::vec::Vec;

use alloy_primitives::{B256, keccak256};

/// Prefix byte of an inner node. A leaf's preimage starts with 0x00 ([`crate::entry::LEAF_PREFIX`]), so neither can ever
/// stand for the other (ATK-038).
pub const NODE_PREFIX: u8 = 0x01;

/// The inner node above `left` and `right`: `keccak256(0x01 ‖ left ‖ right)`.
#[inline]
#[must_use]
pub fn node(left: &B256, right: &B256) -> B256 {
    let mut preimage = [NODE_PREFIX; 65];
    let (_, children) = preimage.split_at_mut(1);
    let (l, r) = children.split_at_mut(32);
    l.copy_from_slice(left.as_slice());
    r.copy_from_slice(right.as_slice());
    keccak256(preimage)
}

/// The outbox tree's hashing for `rs_merkle`: whoever builds a `rs_merkle::MerkleTree<OutboxHasher>` over commitments gets
/// the same root and, for a contiguous run, the same siblings in the same order.
///
/// `rs_merkle` is a prover here, never a verifier: on its own it takes extra trailing hashes, any leaf count that gives
/// the same path, and an inner node where nothing separates it from a leaf. [`crate::tree::range`] verifies.
#[derive(Clone, Copy, Debug)]
pub struct OutboxHasher;

impl rs_merkle::Hasher for OutboxHasher {
    type Hash = [u8; 32];

    /// Hashes a leaf's content: prefix and words.
    fn hash(data: &[u8]) -> [u8; 32] {
        let mut preimage = Vec::with_capacity(1 + data.len());
        preimage.push(crate::entry::LEAF_PREFIX);
        preimage.extend_from_slice(data);
        keccak256(preimage).0
    }

    fn concat_and_hash(left: &[u8; 32], right: Option<&[u8; 32]>) -> [u8; 32] {
        right.map_or(*left, |right| node(&B256::new(*left), &B256::new(*right)).0)
    }
}
