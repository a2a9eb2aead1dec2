//! The walk from the root to where the key ends.

use alloy_primitives::{B256, keccak256};

use crate::{
    EMPTY_ROOT, NodeFault, ProofError,
    nibbles::Nibbles,
    node::{Child, Node},
};

/// Keys of state tries are 32 bytes; tries keyed by other bytes stay below this.
const MAX_KEY_BYTES: usize = 64;

/// What a proof shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// The key holds this value.
    Present(&'a [u8]),
    /// The trie holds nothing under the key.
    Absent,
}

impl<'a> Lookup<'a> {
    /// The value, if the key is present.
    pub const fn value(self) -> Option<&'a [u8]> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent => None,
        }
    }
}

/// Bounds that are checked before anything is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one node.
    pub node_bytes: usize,
}

impl Limits {
    /// State and storage tries: all keys are of one length, so no branch has a value; a full branch takes 532 bytes,
    /// a leaf with an account at most 32 + 4 + 110.
    pub const STATE: Self = Self { node_bytes: 532 };
    /// Tries with large values (transactions, receipts): a leaf holds one, and a block's gas bounds it.
    pub const VALUES: Self = Self { node_bytes: 4 << 20 };
}

/// Whether a proof may list an inline node once more as an element of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InlineNodes {
    /// It stands in its parent only (geth, and the byte formats of this project).
    Embedded,
    /// Some nodes and libraries list it again; the repetition must be exact.
    MayRepeat,
}

/// Looks `key` up in a state or storage trie: [`lookup_with`] under [`Limits::STATE`], inline nodes not repeated.
///
/// # Errors
/// The nodes prove neither presence nor absence of the key.
pub fn lookup<'a, N: AsRef<[u8]>>(root: &B256, key: &[u8], nodes: &'a [N]) -> Result<Lookup<'a>, ProofError> {
    lookup_with(root, key, nodes, Limits::STATE, InlineNodes::Embedded)
}

/// Looks `key` up in the trie with this root, by the nodes from the root downwards.
///
/// # Errors
/// The nodes prove neither presence nor absence of the key; see [`ProofError`].
pub fn lookup_with<'a, N: AsRef<[u8]>>(
    root: &B256,
    key: &[u8],
    nodes: &'a [N],
    limits: Limits,
    inline: InlineNodes,
) -> Result<Lookup<'a>, ProofError> {
    check_sizes(key, nodes, limits)?;
    if *root == EMPTY_ROOT {
        return empty_trie(nodes);
    }
    let mut walk = Walk { nodes, taken: 0, inline };
    let found = walk.down(root, Nibbles::of_key(key))?;
    match nodes.len() - walk.taken {
        0 => Ok(found),
        unused => Err(ProofError::Unused { unused }),
    }
}

fn check_sizes<N: AsRef<[u8]>>(key: &[u8], nodes: &[N], limits: Limits) -> Result<(), ProofError> {
    let too_large = |what, limit, found| Err(ProofError::TooLarge { what, limit, found });
    if key.len() > MAX_KEY_BYTES {
        return too_large("key bytes", MAX_KEY_BYTES, key.len());
    }
    // Each node on the way takes at least one half byte of the key, the last one none.
    let depth_max = 2 * key.len() + 1;
    if nodes.len() > depth_max {
        return too_large("proof nodes", depth_max, nodes.len());
    }
    match nodes.iter().map(|node| node.as_ref().len()).max() {
        Some(longest) if longest > limits.node_bytes => too_large("node bytes", limits.node_bytes, longest),
        _ => Ok(()),
    }
}

/// The trie without entries has no node, or, as some serve it, the empty string for a root.
fn empty_trie<'a, N: AsRef<[u8]>>(nodes: &'a [N]) -> Result<Lookup<'a>, ProofError> {
    match nodes {
        [] => Ok(Lookup::Absent),
        [only] if only.as_ref() == [0x80] => Ok(Lookup::Absent),
        [first, ..] if first.as_ref() == [0x80] => Err(ProofError::Unused { unused: nodes.len() - 1 }),
        [first, ..] => Err(ProofError::WrongNode { index: 0, expected: EMPTY_ROOT, found: keccak256(first.as_ref()) }),
    }
}

struct Walk<'a, N> {
    nodes: &'a [N],
    taken: usize,
    inline: InlineNodes,
}

impl<'a, N: AsRef<[u8]>> Walk<'a, N> {
    fn down(&mut self, root: &B256, mut key: Nibbles<'_>) -> Result<Lookup<'a>, ProofError> {
        let mut bytes = self.by_hash(&root.0)?;
        loop {
            let split = key.split_first();
            let node = Node::read(bytes, split.map(|(nibble, _)| nibble)).map_err(|fault| self.non_canonical(fault))?;
            let child = match (node, split) {
                (Node::Leaf { path, value }, _) => {
                    let whole = key.len() == path.len() && key.strip_prefix(path).is_some();
                    return Ok(if whole { Lookup::Present(value) } else { Lookup::Absent });
                }
                (Node::Branch { value, .. }, None) => {
                    return Ok(if value.is_empty() { Lookup::Absent } else { Lookup::Present(value) });
                }
                (Node::Branch { child, .. }, Some((_, rest))) => {
                    key = rest;
                    child
                }
                (Node::Extension { path, child }, _) => match key.strip_prefix(path) {
                    Some(rest) => {
                        key = rest;
                        child
                    }
                    None => return Ok(Lookup::Absent),
                },
            };
            bytes = match child {
                Child::Empty => return Ok(Lookup::Absent),
                Child::Hash(hash) => self.by_hash(hash)?,
                Child::Inline(raw) => self.in_parent(raw)?,
            };
        }
    }

    /// The next element, which must hash to `expected`.
    fn by_hash(&mut self, expected: &[u8; 32]) -> Result<&'a [u8], ProofError> {
        let node = self.nodes.get(self.taken).ok_or(ProofError::Incomplete { nodes: self.nodes.len() })?.as_ref();
        let found = keccak256(node);
        if found.0 != *expected {
            return Err(ProofError::WrongNode { index: self.taken, expected: B256::new(*expected), found });
        }
        self.taken += 1;
        Ok(node)
    }

    /// A node that stands in its parent; steps over its repetition where that is allowed.
    fn in_parent(&mut self, raw: &'a [u8]) -> Result<&'a [u8], ProofError> {
        if self.inline == InlineNodes::MayRepeat
            && let Some(next) = self.nodes.get(self.taken).map(AsRef::as_ref)
            && next.len() < 32
        {
            if next != raw {
                return Err(self.non_canonical(NodeFault::Repeated));
            }
            self.taken += 1;
        }
        Ok(raw)
    }

    fn non_canonical(&self, fault: NodeFault) -> ProofError {
        ProofError::NonCanonical { index: self.taken.saturating_sub(1), fault }
    }
}
