//! `hash_tree_root` for the few containers that a light client reads (SSZ specification, Merkleization).

use alloc::vec::Vec;

use alloy_primitives::B256;
use sha2::{Digest, Sha256};

/// SHA-256 of two nodes.
pub fn pair(left: &B256, right: &B256) -> B256 {
    let hash = Sha256::new().chain_update(left).chain_update(right).finalize();
    B256::new(hash.into())
}

/// Root of a tree over leaves, filled up with zero leaves to a power of two (a container's fields, a vector's chunks).
pub fn root(leaves: &[B256]) -> B256 {
    let width = leaves.len().next_power_of_two();
    let mut level: Vec<B256> = Vec::with_capacity(width);
    level.extend_from_slice(leaves);
    level.resize(width, B256::ZERO);
    while level.len() > 1 {
        let (pairs, _) = level.as_chunks::<2>();
        level = pairs.iter().map(|[left, right]| pair(left, right)).collect();
    }
    level.first().copied().unwrap_or_default()
}

/// Root of a fixed-length byte vector.
pub fn bytes(bytes: &[u8]) -> B256 {
    let chunks: Vec<B256> = bytes.chunks(32).map(B256::right_padding_from).collect();
    root(&chunks)
}

/// A number as a leaf.
pub fn number(number: u64) -> B256 {
    B256::right_padding_from(&number.to_le_bytes())
}

/// Root of a `List[byte, 32]`.
pub fn short_list(content: &[u8]) -> B256 {
    pair(&bytes(content), &number(content.len() as u64))
}
