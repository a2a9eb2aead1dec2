//! BEEFY: commitments to the root of a Merkle mountain range over the chain's history, signed on secp256k1 for bridges.

mod commitment;
mod leaf;
mod mmr;
pub mod sampled;
mod signed;

pub use commitment::{Commitment, FinalityProof, MAX_PAYLOADS, SIGNATURE_BYTES};
pub use leaf::Leaf;
pub use mmr::{MAX_LEAVES, MmrFault, member_root, ordered_root, root_by_path, set_root};
pub use signed::{next_of_leaf, verify_commitment};
