//! Neo's Merkle-Patricia trie (`Neo.Cryptography.MPTTrie`): nodes are known by SHA-256 twice over their bytes, a key is
//! walked in half bytes, and a path's half bytes take a byte each.
//!
//! ```text
//! branch     0x00 | 17 children (the last: the value's node)     child      0x03 | hash, or 0x04 (none)
//! extension  0x01 | length | half bytes | child                  leaf       0x02 | length | value
//! ```

use alloc::vec::Vec;

use alloy_primitives::B256;
use thiserror::Error;

use crate::{HeaderFault, hash256, wire::Reader};

/// Neo's bound for a storage key (64 bytes) and the contract's id before it.
pub const MAX_KEY_BYTES: usize = 4 + 64;

/// Neo's bound for a stored value (`MaxStorageValueSize`), and for a leaf with one.
pub const MAX_VALUE_BYTES: usize = 65_535;

/// A leaf with the longest value: type, length, value and the flag of the item.
const MAX_NODE_BYTES: usize = 1 + 5 + MAX_VALUE_BYTES + 1;

/// Each node on the way takes at least one half byte of the key, the last one none.
pub const MAX_NODES: usize = 2 * MAX_KEY_BYTES + 2;

const BRANCH: u8 = 0;
const EXTENSION: u8 = 1;
const LEAF: u8 = 2;
const HASH: u8 = 3;
const EMPTY: u8 = 4;

/// A proof that shows nothing: neither presence nor absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TrieFault {
    /// The zero root proves nothing.
    #[error("the state root is zero: nothing is proven by it")]
    RootUnknown,
    /// The nodes end before the key does. This is never absence.
    #[error("the proof ends after {nodes} nodes, before the key does")]
    Incomplete {
        /// How many nodes were given.
        nodes: usize,
    },
    /// A node is not the one that its parent (or the root) names.
    #[error("node {index}: expected hash {expected}, found {found}")]
    WrongNode {
        /// Position of the node in the proof.
        index: usize,
        /// The hash that the parent holds.
        expected: B256,
        /// The hash of the bytes given.
        found: B256,
    },
    /// Nodes are left over when the key has been decided.
    #[error("{unused} nodes of the proof were not needed")]
    Unused {
        /// How many nodes were left.
        unused: usize,
    },
    /// A node is not the one encoding of what it says.
    #[error("node {index} is not canonical")]
    NonCanonical {
        /// Position of the node in the proof.
        index: usize,
    },
    /// A length beyond its bound; nothing was hashed.
    #[error("{what}: at most {limit}, found {found}")]
    TooLarge {
        /// What was measured.
        what: &'static str,
        /// The bound.
        limit: usize,
        /// The size found.
        found: usize,
    },
}

/// What a proof shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// The key holds this value.
    Present(&'a [u8]),
    /// The trie holds nothing under the key.
    Absent,
}

/// Looks `key` up in the trie with this root, by the nodes from the root downwards.
///
/// # Errors
/// The nodes prove neither presence nor absence of the key; see [`TrieFault`].
pub fn lookup<'a>(root: &B256, key: &[u8], nodes: &[&'a [u8]]) -> Result<Lookup<'a>, TrieFault> {
    check_sizes(key, nodes)?;
    if root.is_zero() {
        return Err(TrieFault::RootUnknown);
    }
    let half_bytes: Vec<u8> = key.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]).collect();
    let mut rest = half_bytes.as_slice();
    let mut wanted = *root;
    let mut taken = 0;
    let found = loop {
        let node = *nodes.get(taken).ok_or(TrieFault::Incomplete { nodes: nodes.len() })?;
        let found = hash256(node);
        if found != wanted {
            return Err(TrieFault::WrongNode { index: taken, expected: wanted, found });
        }
        let read = Node::read(node, rest).map_err(|()| TrieFault::NonCanonical { index: taken })?;
        taken += 1;
        match read {
            Node::Value(value) if rest.is_empty() => break Lookup::Present(value),
            Node::Value(_) | Node::Nothing => break Lookup::Absent,
            Node::Down { child, consumed } => {
                rest = rest.get(consumed..).unwrap_or_default();
                wanted = child;
            }
        }
    };
    match nodes.len() - taken {
        0 => Ok(found),
        unused => Err(TrieFault::Unused { unused }),
    }
}

fn check_sizes(key: &[u8], nodes: &[&[u8]]) -> Result<(), TrieFault> {
    let longest = nodes.iter().map(|node| node.len()).max().unwrap_or(0);
    for (what, limit, found) in [
        ("key bytes", MAX_KEY_BYTES, key.len()),
        ("proof nodes", MAX_NODES, nodes.len()),
        ("node bytes", MAX_NODE_BYTES, longest),
    ] {
        if found > limit {
            return Err(TrieFault::TooLarge { what, limit, found });
        }
    }
    Ok(())
}

/// What a node says about the rest of a key.
enum Node<'a> {
    Value(&'a [u8]),
    Nothing,
    Down { child: B256, consumed: usize },
}

impl<'a> Node<'a> {
    /// Reads a node whole, so that each has one encoding, and follows `rest` in it.
    fn read(bytes: &'a [u8], rest: &[u8]) -> Result<Self, ()> {
        let malformed = |_: HeaderFault| ();
        let mut reader = Reader::new(bytes);
        let node = match reader.u8().map_err(malformed)? {
            BRANCH => {
                let asked = rest.first().map_or(16, |half| usize::from(*half));
                let mut found = Self::Nothing;
                let mut children = 0;
                for position in 0..17 {
                    let child = child(&mut reader)?;
                    children += usize::from(child.is_some());
                    if let Some(child) = child.filter(|_| position == asked) {
                        found = Self::Down { child, consumed: usize::from(!rest.is_empty()) };
                    }
                }
                // With one child it would have been an extension.
                if children < 2 {
                    return Err(());
                }
                found
            }
            EXTENSION => {
                let path = reader.bytes(2 * MAX_KEY_BYTES).map_err(malformed)?;
                if path.is_empty() || path.iter().any(|half| *half > 0x0f) {
                    return Err(());
                }
                let child = child(&mut reader)?.ok_or(())?;
                if rest.starts_with(path) { Self::Down { child, consumed: path.len() } } else { Self::Nothing }
            }
            LEAF => Self::Value(reader.bytes(MAX_VALUE_BYTES + 1).map_err(malformed)?),
            _ => return Err(()),
        };
        reader.end().map_err(malformed)?;
        Ok(node)
    }
}

fn child(reader: &mut Reader<'_>) -> Result<Option<B256>, ()> {
    match reader.u8() {
        Ok(HASH) => reader.array().map(|hash| Some(B256::new(hash))).map_err(|_| ()),
        Ok(EMPTY) => Ok(None),
        _ => Err(()),
    }
}
