//! Why a proof was refused. None of these goes away by trying the same bytes again.

use alloy_primitives::B256;
use thiserror::Error;

use crate::rlp::RlpError;

/// A proof that shows nothing: neither presence nor absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProofError {
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
    /// Not the one encoding that a node can have.
    #[error("node {index} is not canonical: {fault}")]
    NonCanonical {
        /// Position of the node in the proof; an inline node counts as its parent.
        index: usize,
        /// What is wrong with it.
        fault: NodeFault,
    },
    /// A length beyond what the caller allows; nothing was hashed.
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

/// What is wrong with one node or one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NodeFault {
    /// Its RLP is not the only encoding of what it says.
    #[error("{0}")]
    Rlp(#[from] RlpError),
    /// Neither 2 nor 17 items.
    #[error("a node has 2 or 17 items, found {0}")]
    ItemCount(usize),
    /// The hex-prefix of a path is malformed: unknown flag, padding that is not zero, no byte, or an empty extension.
    #[error("hex-prefix")]
    HexPrefix,
    /// A child is neither empty, nor a hash, nor a node of fewer than 32 bytes.
    #[error("child reference")]
    Child,
    /// A leaf without a value, or a value that is no string.
    #[error("value")]
    Value,
    /// An element that repeats an inline node differs from it.
    #[error("a repeated inline node differs from the one in its parent")]
    Repeated,
}
