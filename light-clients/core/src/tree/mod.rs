//! The outbox tree: RFC 6962's shape over keccak-256, append-only.
//!
//! A leaf is an entry's commitment, `keccak256(0x00 ‖ words)`; an inner node is `keccak256(0x01 ‖ left ‖ right)`; a node
//! without a right neighbour is promoted. Two forms of commitment prove the same leaves (protocol §3):
//!
//! - *root form*: the root and the size come from the same proven state;
//! - *peak form*: one peak, the root of a full subtree of 2^h leaves, comes from its own storage slot. No size is read.
//!   The path has exactly h steps, and the turn at level j is bit j of the index.
//!
//! [`outbox`] holds a whole tree and makes proofs, [`range`] verifies them in place without allocating, [`peaks`] is the
//! arithmetic of peaks and the contract's storage slots, [`hash`] the hash functions (also for `rs_merkle`).

pub mod hash;
pub mod outbox;
pub mod peaks;
pub mod range;

pub use hash::OutboxHasher;
pub use outbox::{OutboxTree, TreeError};
pub use peaks::{Frontier, Peak, Run};
pub use range::{Anchor, RangeRefusal};
