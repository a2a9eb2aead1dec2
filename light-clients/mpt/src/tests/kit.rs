//! Tries built by `alloy-trie`, and nodes written by hand where it can not build what an attacker can.

use std::{collections::BTreeMap, vec::Vec};

use alloy_primitives::{B256, keccak256};
use alloy_trie::{HashBuilder, Nibbles, proof::ProofRetainer};

use crate::rlp;

/// A trie of raw keys.
pub(super) struct Trie {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) root: B256,
}

impl Trie {
    pub(super) fn new(entries: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        let entries: BTreeMap<_, _> = entries.into_iter().collect();
        let mut builder = HashBuilder::default();
        for (key, value) in &entries {
            builder.add_leaf(Nibbles::unpack(key), value);
        }
        let root = builder.root();
        Self { entries, root }
    }

    /// A state-like trie: hashed keys, values as storage words are encoded.
    pub(super) fn hashed(count: u32) -> Self {
        Self::new((0..count).map(|number| {
            let mut value = Vec::new();
            rlp::put_u64(&mut value, u64::from(number) + 1);
            (hashed(number), value)
        }))
    }

    /// The nodes on the way to a key, inline ones once more as `alloy-trie` lists them.
    pub(super) fn proof_with_repeats(&self, key: &[u8]) -> Vec<Vec<u8>> {
        let target = Nibbles::unpack(key);
        let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::from_iter([target]));
        for (key, value) in &self.entries {
            builder.add_leaf(Nibbles::unpack(key), value);
        }
        builder.root();
        let nodes = builder.take_proof_nodes();
        nodes.matching_nodes_sorted(&target).into_iter().map(|(_, node)| node.to_vec()).collect()
    }

    /// The nodes on the way to a key as geth serves them.
    pub(super) fn proof(&self, key: &[u8]) -> Vec<Vec<u8>> {
        let nodes = self.proof_with_repeats(key).into_iter().enumerate();
        nodes.filter(|(at, node)| *at == 0 || node.len() >= 32).map(|(_, node)| node).collect()
    }

    pub(super) fn value(&self, key: &[u8]) -> Option<&[u8]> {
        self.entries.get(key).map(Vec::as_slice)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.entries.keys()
    }
}

/// The hashed key of a number.
pub(super) fn hashed(number: u32) -> Vec<u8> {
    keccak256(number.to_be_bytes()).to_vec()
}

/// A list of items that are encoded already.
pub(super) fn list(items: &[&[u8]]) -> Vec<u8> {
    rlp::list(&items.concat())
}

/// An encoded string.
pub(super) fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    rlp::put_bytes(&mut out, bytes);
    out
}

/// A node of two items: leaf or extension.
pub(super) fn short(path: &[u8], rest: &[u8]) -> Vec<u8> {
    list(&[&string(path), rest])
}
