//! Builds tries, so that there are proofs to be judged: the plainest implementation of the Yellow Paper's appendix D,
//! which unlike faster ones also knows keys that are prefixes of others. It judges nothing.

use alloy_primitives::{B256, keccak256};
use causeway_mpt::{EMPTY_ROOT, rlp};

type Entry<'a> = (&'a [u8], &'a [u8]);

/// A trie with all its nodes.
#[derive(Debug)]
pub struct Trie {
    root: Option<Node>,
}

#[derive(Debug)]
struct Node {
    encoded: Vec<u8>,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Leaf,
    Extension(Vec<u8>, Box<Node>),
    Branch(Vec<Option<Node>>),
}

impl Trie {
    /// The trie of these keys and values; the last value of a key counts, an empty one removes it.
    pub fn new<'a>(entries: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut sorted = std::collections::BTreeMap::new();
        for (key, value) in entries {
            sorted.insert(nibbles(key), value.to_vec());
        }
        sorted.retain(|_, value| !value.is_empty());
        let entries: Vec<Entry<'_>> = sorted.iter().map(|(key, value)| (key.as_slice(), value.as_slice())).collect();
        Self { root: (!entries.is_empty()).then(|| Node::build(&entries)) }
    }

    /// The values of a list under the keys of their positions, as transactions and receipts are kept.
    pub fn of_list(values: &[Vec<u8>]) -> Self {
        let keys: Vec<Vec<u8>> = (0..values.len()).map(index_key).collect();
        Self::new(keys.iter().zip(values).map(|(key, value)| (key.as_slice(), value.as_slice())))
    }

    /// The root hash.
    pub fn root(&self) -> B256 {
        self.root.as_ref().map_or(EMPTY_ROOT, |node| keccak256(&node.encoded))
    }

    /// The nodes on the way to a key.
    pub fn proof(&self, key: &[u8]) -> Vec<&[u8]> {
        let key = nibbles(key);
        let (mut rest, mut next, mut nodes) = (key.as_slice(), self.root.as_ref(), Vec::new());
        while let Some(node) = next {
            if nodes.is_empty() || node.encoded.len() >= 32 {
                nodes.push(node.encoded.as_slice());
            }
            next = match &node.shape {
                Shape::Leaf => None,
                Shape::Extension(path, child) => rest.strip_prefix(path.as_slice()).map(|after| {
                    rest = after;
                    child.as_ref()
                }),
                Shape::Branch(children) => rest.split_first().and_then(|(nibble, after)| {
                    rest = after;
                    children.get(usize::from(*nibble))?.as_ref()
                }),
            };
        }
        nodes
    }
}

/// The key of a position in a list.
pub fn index_key(position: usize) -> Vec<u8> {
    let mut key = Vec::new();
    rlp::put_u64(&mut key, position as u64);
    key
}

impl Node {
    fn build(entries: &[Entry<'_>]) -> Self {
        if let [(path, value)] = entries {
            return Self::short(path, true, string(value), Shape::Leaf);
        }
        let shared = shared_prefix(entries);
        if shared > 0 {
            let path = entries[0].0[..shared].to_vec();
            let below: Vec<Entry<'_>> = entries.iter().map(|(key, value)| (&key[shared..], *value)).collect();
            let child = Self::build(&below);
            return Self::short(&path.clone(), false, child.reference(), Shape::Extension(path, Box::new(child)));
        }
        let mut items = Vec::new();
        let mut children = Vec::new();
        for nibble in 0..16u8 {
            let below: Vec<Entry<'_>> = entries
                .iter()
                .filter(|(key, _)| key.first() == Some(&nibble))
                .map(|(key, value)| (&key[1..], *value))
                .collect();
            let child = (!below.is_empty()).then(|| Self::build(&below));
            items.extend(child.as_ref().map_or(vec![0x80], Self::reference));
            children.push(child);
        }
        let value = entries.iter().find(|(key, _)| key.is_empty()).map_or(&[][..], |(_, value)| value);
        items.extend(string(value));
        Self { encoded: rlp::list(&items), shape: Shape::Branch(children) }
    }

    fn short(path: &[u8], leaf: bool, rest: Vec<u8>, shape: Shape) -> Self {
        let flag = if leaf { 2 } else { 0 };
        let mut packed = Vec::new();
        let even = if path.len() % 2 == 1 {
            packed.push((flag + 1) << 4 | path[0]);
            &path[1..]
        } else {
            packed.push(flag << 4);
            path
        };
        packed.extend(even.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
        Self { encoded: rlp::list(&[string(&packed), rest].concat()), shape }
    }

    fn reference(&self) -> Vec<u8> {
        if self.encoded.len() < 32 { self.encoded.clone() } else { string(keccak256(&self.encoded).as_slice()) }
    }
}

fn shared_prefix(entries: &[Entry<'_>]) -> usize {
    let (first, last) = (entries[0].0, entries[entries.len() - 1].0);
    // Sorted: what the first and the last share, all share.
    first.iter().zip(last).take_while(|(a, b)| a == b).count()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    rlp::put_bytes(&mut out, bytes);
    out
}

fn nibbles(key: &[u8]) -> Vec<u8> {
    key.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]).collect()
}
