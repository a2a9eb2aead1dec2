//! Proofs of Substrate's base-16 modified Merkle-Patricia trie, state versions 0 and 1, over BLAKE2b-256.
//!
//! A proof is a bag of nodes, as `state_getReadProof` serves it; in state version 1 values of 33 bytes and more stand
//! apart, as nodes of their own. Source: Polkadot specification §2.4 ("trie structure"), polkadot-sdk `sp-trie` (node
//! codec, `TrieLayout::V1`). Both versions share one node format; the version only says which values a writer hashes.
//!
//! Stricter than `sp-trie`: nodes that no key needed, the same node twice, and bytes behind a node are refused.

use alloc::vec::Vec;

use alloy_primitives::B256;
use thiserror::Error;

use crate::{
    hash::blake2_256,
    scale::{Reader, ScaleFault},
};

/// Nodes of one proof. A key's path holds about log₁₆(entries) of them.
pub const MAX_PROOF_NODES: usize = 4096;

/// Bytes of one node: the runtime's code, 2 MB and more, is never read here, a set of 4096 authorities (164 kB) is.
pub const MAX_NODE_BYTES: usize = 512 * 1024;

/// Bytes of one proof.
pub const MAX_PROOF_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of a key.
pub const MAX_KEY_BYTES: usize = 512;

/// Root of a trie without entries: `blake2b-256(0x00)`.
pub const EMPTY_ROOT: B256 =
    alloy_primitives::b256!("03170a2e7597b7b7e3d84c05391d139a62b157e78786d8c082f29dcf4c111314");

/// Why a proof shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TrieFault {
    /// Too many nodes, or too large.
    #[error("{what}: at most {limit}, found {found}")]
    TooLarge {
        /// What was measured.
        what: &'static str,
        /// The bound.
        limit: usize,
        /// What was found.
        found: usize,
    },
    /// A node that the walk needs is not there.
    #[error("node {0} is missing")]
    Incomplete(B256),
    /// A node that no key needed, or that is there twice.
    #[error("node {0} is not needed")]
    Unused(B256),
    /// A node is not of the format.
    #[error("node: {0}")]
    Node(#[from] ScaleFault),
    /// A node breaks a rule of the format.
    #[error("node: {0}")]
    Malformed(&'static str),
}

/// A bag of nodes, by hash.
#[derive(Clone, Debug)]
pub struct Proof<'a> {
    nodes: Vec<(B256, &'a [u8], bool)>,
}

/// A value in a node, or its hash.
#[derive(Clone, Copy)]
enum Value<'a> {
    Inline(&'a [u8]),
    Hashed(B256),
}

enum Child<'a> {
    Hash(B256),
    Inline(&'a [u8]),
}

/// Where one step through a node ends.
enum Step<'a> {
    Absent,
    Value(Value<'a>),
    Down(Child<'a>),
}

impl<'a> Proof<'a> {
    /// Hashes the nodes.
    ///
    /// # Errors
    /// They are too many or too large.
    pub fn new(nodes: &[&'a [u8]]) -> Result<Self, TrieFault> {
        let limits = [
            ("proof nodes", MAX_PROOF_NODES, nodes.len()),
            ("node bytes", MAX_NODE_BYTES, nodes.iter().map(|node| node.len()).max().unwrap_or_default()),
            ("proof bytes", MAX_PROOF_BYTES, nodes.iter().fold(0usize, |sum, node| sum.saturating_add(node.len()))),
        ];
        for (what, limit, found) in limits {
            if found > limit {
                return Err(TrieFault::TooLarge { what, limit, found });
            }
        }
        let mut nodes: Vec<_> = nodes.iter().map(|node| (blake2_256(node), *node, false)).collect();
        nodes.sort_unstable_by_key(|node| node.0);
        Ok(Self { nodes })
    }

    fn node(&mut self, hash: &B256) -> Result<&'a [u8], TrieFault> {
        let place = self.nodes.binary_search_by(|node| node.0.cmp(hash)).map_err(|_| TrieFault::Incomplete(*hash))?;
        let node = self.nodes.get_mut(place).ok_or(TrieFault::Incomplete(*hash))?;
        node.2 = true;
        Ok(node.1)
    }

    /// What stands under a key; `None` if the proof shows that nothing does.
    ///
    /// # Errors
    /// The proof shows neither.
    pub fn get(&mut self, root: &B256, key: &[u8]) -> Result<Option<&'a [u8]>, TrieFault> {
        if key.len() > MAX_KEY_BYTES {
            return Err(TrieFault::TooLarge { what: "key bytes", limit: MAX_KEY_BYTES, found: key.len() });
        }
        let mut rest = Nibbles { bytes: key, at: 0, end: 2 * key.len() };
        let mut node = self.node(root)?;
        // Each turn takes a nibble of the key at least, so there are no more than the key has, and one.
        for _ in 0..=2 * key.len() {
            match step(node, &mut rest)? {
                Step::Absent => return Ok(None),
                Step::Value(Value::Inline(value)) => return Ok(Some(value)),
                Step::Value(Value::Hashed(hash)) => return self.node(&hash).map(Some),
                Step::Down(Child::Hash(hash)) => node = self.node(&hash)?,
                Step::Down(Child::Inline(inline)) => node = inline,
            }
        }
        Err(TrieFault::Malformed("deeper than its key"))
    }

    /// Every node was needed, each once.
    ///
    /// # Errors
    /// One was not.
    pub fn finish(self) -> Result<(), TrieFault> {
        match self.nodes.iter().find(|node| !node.2) {
            Some(unused) => Err(TrieFault::Unused(unused.0)),
            None => Ok(()),
        }
    }
}

/// Reads keys under a root from one proof, in their order. Shared nodes are hashed once.
///
/// # Errors
/// The proof does not show all of them, or holds more than they need.
pub fn read<'a>(root: &B256, keys: &[&[u8]], nodes: &[&'a [u8]]) -> Result<Vec<Option<&'a [u8]>>, TrieFault> {
    let mut proof = Proof::new(nodes)?;
    let values = keys.iter().map(|key| proof.get(root, key)).collect::<Result<_, _>>()?;
    proof.finish()?;
    Ok(values)
}

/// A key's nibbles from one place on.
#[derive(Clone, Copy)]
struct Nibbles<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl Iterator for Nibbles<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.at >= self.end {
            return None;
        }
        let byte = self.bytes.get(self.at / 2)?;
        let nibble = if self.at.is_multiple_of(2) { byte >> 4 } else { byte & 15 };
        self.at += 1;
        Some(nibble)
    }
}

/// What a node's first byte says.
struct Kind {
    branch: bool,
    value: bool,
    hashed: bool,
    /// Bits that the count of nibbles starts in.
    count_bits: u32,
}

impl Kind {
    fn of(first: u8) -> Option<Self> {
        let kind = |branch, value, hashed, count_bits| Some(Self { branch, value, hashed, count_bits });
        match first >> 6 {
            0b01 => kind(false, true, false, 6),
            0b10 => kind(true, false, false, 6),
            0b11 => kind(true, true, false, 6),
            _ if first >> 5 == 0b001 => kind(false, true, true, 5),
            _ if first >> 4 == 0b0001 => kind(true, true, true, 4),
            _ => None,
        }
    }
}

/// One step from a node towards the end of `key`.
fn step<'a>(node: &'a [u8], key: &mut Nibbles<'_>) -> Result<Step<'a>, TrieFault> {
    let mut reader = Reader::new(node);
    let first = reader.byte("node")?;
    if first == 0 {
        reader.end("empty node")?;
        return Ok(Step::Absent);
    }
    let kind = Kind::of(first).ok_or(TrieFault::Malformed("unknown kind"))?;
    let partial = partial_key(first, kind.count_bits, &mut reader)?;
    let fits = partial.into_iter().all(|nibble| key.next() == Some(nibble));
    let bitmap = if kind.branch { reader.u16("bitmap")? } else { 0 };
    if kind.branch && bitmap == 0 {
        return Err(TrieFault::Malformed("a branch without children"));
    }
    let value = match (kind.value, kind.hashed) {
        (false, _) => None,
        (true, true) => Some(Value::Hashed(reader.hash("value's hash")?)),
        (true, false) => Some(Value::Inline(reader.bytes(MAX_NODE_BYTES, "value")?)),
    };
    let turn = if fits { key.next() } else { None };
    let mut down = None;
    for place in (0..16u8).filter(|place| bitmap >> place & 1 == 1) {
        let child = reader.bytes(32, "child")?;
        if turn == Some(place) {
            down = Some(match <[u8; 32]>::try_from(child) {
                Ok(hash) => Child::Hash(B256::new(hash)),
                Err(_) => Child::Inline(child),
            });
        }
    }
    reader.end("node")?;
    Ok(match (fits, turn, down, value) {
        (true, None, _, Some(value)) => Step::Value(value),
        (true, Some(_), Some(child), _) => Step::Down(child),
        _ => Step::Absent,
    })
}

/// The nibbles that a node takes off the key.
fn partial_key<'a>(first: u8, count_bits: u32, reader: &mut Reader<'a>) -> Result<Nibbles<'a>, TrieFault> {
    let most = (1usize << count_bits) - 1;
    let mut count = usize::from(first) & most;
    if count == most {
        loop {
            let more = reader.byte("nibbles")?;
            count += usize::from(more);
            if count > 2 * MAX_KEY_BYTES {
                return Err(TrieFault::TooLarge { what: "nibbles", limit: 2 * MAX_KEY_BYTES, found: count });
            }
            if more < u8::MAX {
                break;
            }
        }
    }
    let bytes = reader.take(count.div_ceil(2), "partial key")?;
    let at = count % 2;
    if at == 1 && bytes.first().is_some_and(|byte| byte >> 4 != 0) {
        return Err(TrieFault::Malformed("padding of a partial key"));
    }
    Ok(Nibbles { bytes, at, end: at + count })
}
