#![no_std]
//! Merkle-Patricia proofs of Ethereum-shaped state: presence and absence, read strictly.
//!
//! A proof is the list of trie nodes from the root to where the key ends, as `eth_getProof` serves it (EIP-1186). The
//! walk is top-down over borrowed bytes: each node is hashed once and compared with what its parent says, so every
//! byte of an accepted proof is bound to the root. Source of the format: Ethereum Yellow Paper, appendices B (RLP),
//! C (hex-prefix) and D (trie).
//!
//! What makes a reader safe is what it refuses:
//!
//! * a proof that ends before the key does is [`ProofError::Incomplete`], never absence;
//! * nodes that the walk did not need, bytes behind a node, non-minimal lengths and bad hex-prefixes are refused;
//! * sizes are bounded before anything is hashed ([`Limits`]).
//!
//! What it trusts: the root that it is given, and keccak-256.

extern crate alloc;
#[cfg(test)]
extern crate std;

mod account;
mod error;
mod nibbles;
mod node;
pub mod rlp;
mod walk;

pub use account::{Account, decode_account, decode_word};
pub use error::{NodeFault, ProofError};
pub use walk::{InlineNodes, Limits, Lookup, lookup, lookup_with};

use alloy_primitives::{B256, b256};

/// The root of a trie without entries: `keccak256(0x80)`.
pub const EMPTY_ROOT: B256 = b256!("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");

#[cfg(test)]
mod tests;
