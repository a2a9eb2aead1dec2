//! A persistent Merkle-Patricia trie over 32-byte (already hashed) keys.
//!
//! Owns: the nodes and their cached references. Takes: a batch of changes. Gives: a new trie that shares every untouched
//! node with the old one, so keeping the states of many blocks costs only the paths that each block dirtied.
//! Specification: Ethereum yellow paper, appendix D (hex-prefix paths, nodes below 32 bytes inlined in their parent).

use std::sync::{Arc, OnceLock};

use alloy::primitives::{B256, Bytes};
use alloy_rlp::{EMPTY_STRING_CODE, Encodable, Header};
use alloy_trie::{EMPTY_ROOT_HASH, nodes::RlpNode};

/// Nibbles in a key.
const KEY_NIBBLES: usize = 64;

/// What a leaf holds.
pub(crate) trait TrieValue: Clone {
    /// Appends the leaf's value as RLP (it is then wrapped as a string by the leaf node).
    fn encode_value(&self, out: &mut Vec<u8>);
}

/// One change to a trie: a key and its new value, `None` to remove it.
pub(crate) type Change<V> = (B256, Option<V>);

/// A handle on one version of a trie; cloning it is one reference count.
#[derive(Debug)]
pub(crate) struct Trie<V>(Option<Arc<Node<V>>>);

#[derive(Debug)]
struct Node<V> {
    kind: Kind<V>,
    /// What the parent holds: the hash, or the node itself below 32 bytes. It depends on the depth at which the node
    /// stands, so a node that moves is made anew.
    reference: OnceLock<RlpNode>,
}

#[derive(Debug)]
enum Kind<V> {
    /// The whole key is kept; the path is its nibbles from the node's depth on.
    Leaf {
        key: B256,
        value: V,
    },
    /// `key` is any key that passes through; the path is `len` of its nibbles from the node's depth on.
    Extension {
        key: B256,
        len: usize,
        child: Arc<Node<V>>,
    },
    Branch(Children<V>),
}

type Children<V> = [Option<Arc<Node<V>>>; 16];

impl<V> Clone for Trie<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<V: TrieValue> Trie<V> {
    /// The value under a key.
    pub(crate) fn get(&self, key: &B256) -> Option<&V> {
        let mut node = self.0.as_deref()?;
        let mut depth = 0;
        loop {
            match &node.kind {
                Kind::Leaf { key: own, value } => return (own == key).then_some(value),
                Kind::Extension { key: own, len, child } => {
                    if common_nibbles(own, key, depth) < *len {
                        return None;
                    }
                    depth += len;
                    node = child;
                }
                Kind::Branch(children) => {
                    node = children.get(nibble(key, depth))?.as_deref()?;
                    depth += 1;
                }
            }
        }
    }

    /// The trie after a batch of changes; a key must not come twice. Only dirtied paths are made anew.
    pub(crate) fn update(&self, mut changes: Vec<Change<V>>) -> Self {
        changes.sort_unstable_by_key(|(key, _)| *key);
        Self(apply(self.0.as_ref(), 0, &changes))
    }

    /// The root hash. References of untouched nodes are remembered from the last time.
    pub(crate) fn root(&self) -> B256 {
        let Some(root) = self.0.as_deref() else {
            return EMPTY_ROOT_HASH;
        };
        // Forces (and caches) the references below before the root's own encoding is hashed whatever its length.
        match root.reference(0).as_hash() {
            Some(hash) => hash,
            None => alloy::primitives::keccak256(root.encoded(0)),
        }
    }

    /// The nodes from the root towards a key, as `eth_getProof` serves them: inlined nodes stand in their parent.
    pub(crate) fn prove(&self, key: &B256) -> Vec<Bytes> {
        let mut proof = Vec::new();
        let mut next = self.0.as_deref();
        let mut depth = 0;
        while let Some(node) = next {
            if depth == 0 || node.reference(depth).is_hash() {
                proof.push(node.encoded(depth).into());
            }
            next = match &node.kind {
                Kind::Leaf { .. } => None,
                Kind::Extension { key: own, len, child } => {
                    let follows = common_nibbles(own, key, depth) >= *len;
                    depth += len;
                    follows.then_some(child)
                }
                Kind::Branch(children) => {
                    let child = children.get(nibble(key, depth)).and_then(Option::as_deref);
                    depth += 1;
                    child
                }
            };
        }
        proof
    }
}

impl<V: TrieValue> Node<V> {
    fn new(kind: Kind<V>) -> Arc<Self> {
        Arc::new(Self { kind, reference: OnceLock::new() })
    }

    fn reference(&self, depth: usize) -> &RlpNode {
        self.reference.get_or_init(|| RlpNode::from_rlp(&self.encoded(depth)))
    }

    fn encoded(&self, depth: usize) -> Vec<u8> {
        // The longest node is a branch of 16 hashes: 532 bytes and its header.
        let mut payload = Vec::with_capacity(544);
        match &self.kind {
            Kind::Leaf { key, value } => {
                encode_path(key, depth, KEY_NIBBLES - depth, true, &mut payload);
                let mut content = Vec::with_capacity(112);
                value.encode_value(&mut content);
                content.as_slice().encode(&mut payload);
            }
            Kind::Extension { key, len, child } => {
                encode_path(key, depth, *len, false, &mut payload);
                payload.extend_from_slice(child.reference(depth + len));
            }
            Kind::Branch(children) => {
                for child in children {
                    match child {
                        Some(child) => payload.extend_from_slice(child.reference(depth + 1)),
                        None => payload.push(EMPTY_STRING_CODE),
                    }
                }
                payload.push(EMPTY_STRING_CODE);
            }
        }
        let mut out = Vec::with_capacity(payload.len() + 3);
        Header { list: true, payload_length: payload.len() }.encode(&mut out);
        out.extend_from_slice(&payload);
        out
    }
}

/// Applies sorted changes, all of which lie under the node's path, to a node at `depth`.
fn apply<V: TrieValue>(node: Option<&Arc<Node<V>>>, depth: usize, changes: &[Change<V>]) -> Option<Arc<Node<V>>> {
    let (Some((sample, _)), Some(node)) = (changes.first(), node) else {
        if changes.is_empty() {
            return node.cloned();
        }
        return build(depth, &inserted(changes));
    };
    let old: Children<V> = match &node.kind {
        Kind::Leaf { key, value } => {
            let mut items = inserted(changes);
            if changes.binary_search_by_key(key, |(key, _)| *key).is_err() {
                let position = items.partition_point(|(other, _)| other < key);
                items.insert(position, (*key, value));
            }
            return build(depth, &items);
        }
        Kind::Branch(children) => children.clone(),
        // An extension is opened into a branch with one child; `collapse` closes it again where that is still so.
        Kind::Extension { key, len, child } => {
            let mut children = Children::default();
            let rest = if *len == 1 {
                child.clone()
            } else {
                Node::new(Kind::Extension { key: *key, len: len - 1, child: child.clone() })
            };
            if let Some(slot) = children.get_mut(nibble(key, depth)) {
                *slot = Some(rest);
            }
            children
        }
    };
    let mut children = old.clone();
    for group in changes.chunk_by(|(a, _), (b, _)| nibble(a, depth) == nibble(b, depth)) {
        if let Some(slot) = group.first().and_then(|(key, _)| children.get_mut(nibble(key, depth))) {
            *slot = apply(slot.as_ref(), depth + 1, group);
        }
    }
    let untouched = old.iter().zip(&children).all(|(a, b)| match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    });
    if untouched {
        return Some(node.clone());
    }
    collapse(depth, *sample, children)
}

/// A branch's children as the node that the trie's normal form asks for.
fn collapse<V: TrieValue>(depth: usize, sample: B256, children: Children<V>) -> Option<Arc<Node<V>>> {
    let mut present =
        children.iter().enumerate().filter_map(|(index, child)| child.as_ref().map(|child| (index, child)));
    let (index, only) = present.next()?;
    if present.next().is_some() {
        return Some(Node::new(Kind::Branch(children)));
    }
    Some(match &only.kind {
        Kind::Leaf { key, value } => Node::new(Kind::Leaf { key: *key, value: value.clone() }),
        Kind::Extension { key, len, child } => {
            Node::new(Kind::Extension { key: *key, len: len + 1, child: child.clone() })
        }
        Kind::Branch(_) => {
            Node::new(Kind::Extension { key: with_nibble(sample, depth, index), len: 1, child: only.clone() })
        }
    })
}

/// The subtrie of sorted items that share the first `depth` nibbles.
fn build<V: TrieValue>(depth: usize, items: &[(B256, &V)]) -> Option<Arc<Node<V>>> {
    let (first, value) = items.first()?;
    let (last, _) = items.last()?;
    if items.len() == 1 {
        return Some(Node::new(Kind::Leaf { key: *first, value: (*value).clone() }));
    }
    let len = common_nibbles(first, last, depth);
    let mut children = Children::default();
    let below = depth + len;
    for group in items.chunk_by(|(a, _), (b, _)| nibble(a, below) == nibble(b, below)) {
        if let Some(slot) = group.first().and_then(|(key, _)| children.get_mut(nibble(key, below))) {
            *slot = build(below + 1, group);
        }
    }
    let branch = Node::new(Kind::Branch(children));
    if len == 0 {
        return Some(branch);
    }
    Some(Node::new(Kind::Extension { key: *first, len, child: branch }))
}

fn inserted<V>(changes: &[Change<V>]) -> Vec<(B256, &V)> {
    changes.iter().filter_map(|(key, value)| value.as_ref().map(|value| (*key, value))).collect()
}

fn nibble(key: &B256, index: usize) -> usize {
    let byte = key.0.get(index / 2).copied().unwrap_or_default();
    usize::from(if index.is_multiple_of(2) { byte >> 4 } else { byte & 0x0f })
}

fn with_nibble(mut key: B256, index: usize, value: usize) -> B256 {
    if let Some(byte) = key.0.get_mut(index / 2) {
        let value = (value & 0x0f) as u8;
        *byte = if index.is_multiple_of(2) { (*byte & 0x0f) | (value << 4) } else { (*byte & 0xf0) | value };
    }
    key
}

/// How many nibbles two keys share from `depth` on.
fn common_nibbles(a: &B256, b: &B256, depth: usize) -> usize {
    (depth..KEY_NIBBLES).take_while(|index| nibble(a, *index) == nibble(b, *index)).count()
}

/// Hex-prefix encoding of `len` nibbles of `key` from `from` on, as an RLP string.
fn encode_path(key: &B256, from: usize, len: usize, leaf: bool, out: &mut Vec<u8>) {
    let mut path = Vec::with_capacity(33);
    let flag = if leaf { 0x20 } else { 0x00 };
    let mut index = from;
    if len.is_multiple_of(2) {
        path.push(flag);
    } else {
        path.push(flag | 0x10 | nibble(key, index) as u8);
        index += 1;
    }
    while index < from + len {
        path.push(((nibble(key, index) << 4) | nibble(key, index + 1)) as u8);
        index += 2;
    }
    path.as_slice().encode(out);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::collections::BTreeMap;

    use alloy::primitives::{B256, U256, keccak256};
    use alloy_trie::{Nibbles, proof::verify_proof, root::storage_root};

    use super::*;

    impl TrieValue for U256 {
        fn encode_value(&self, out: &mut Vec<u8>) {
            self.encode(out);
        }
    }

    /// Keys with long shared prefixes, so that extensions split, merge and vanish.
    fn key(random: u64) -> B256 {
        let mut key = keccak256(random.to_be_bytes());
        if random.is_multiple_of(3) {
            key.0[..31].fill(0xab);
        } else if random.is_multiple_of(5) {
            key.0[..8].fill(0xab);
        }
        key
    }

    fn next(seed: &mut u64) -> u64 {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    }

    #[test]
    fn incremental_root_equals_a_rebuild_with_alloy_trie() {
        let mut seed = 0x9e37_79b9_7f4a_7c15;
        let mut model = BTreeMap::new();
        let mut trie = Trie::<U256>::default();
        for _ in 0..300 {
            let batch: BTreeMap<B256, Option<U256>> = (0..next(&mut seed) % 12)
                .map(|_| {
                    let random = next(&mut seed);
                    let value = !random.is_multiple_of(4);
                    (key(random % 97), value.then(|| U256::from(random % 1000 + 1)))
                })
                .collect();
            for (key, value) in &batch {
                match value {
                    Some(value) => model.insert(*key, *value),
                    None => model.remove(key),
                };
            }
            trie = trie.update(batch.into_iter().collect());
            assert_eq!(trie.root(), storage_root(model.clone()));
            for random in 0..97 {
                assert_eq!(trie.get(&key(random)), model.get(&key(random)));
            }
        }
    }

    #[test]
    fn proofs_verify_with_alloy_trie_for_presence_and_absence() {
        let items: BTreeMap<B256, U256> = (0..60).map(|i| (key(i), U256::from(i + 1))).collect();
        let trie = Trie::default().update(items.iter().map(|(key, value)| (*key, Some(*value))).collect());
        for random in 0..120 {
            let key = key(random);
            let expected = items.get(&key).map(alloy_rlp::encode);
            let proof = trie.prove(&key);
            verify_proof(trie.root(), Nibbles::unpack(key), expected, &proof).unwrap();
        }
    }

    #[test]
    fn old_versions_keep_their_root() {
        let first = Trie::default().update(vec![(key(1), Some(U256::from(1)))]);
        let root = first.root();
        let second = first.update(vec![(key(1), None), (key(2), Some(U256::from(2)))]);
        assert_eq!(first.root(), root);
        assert_ne!(second.root(), root);
        assert_eq!(second.update(vec![(key(2), None)]).root(), EMPTY_ROOT_HASH);
    }
}
