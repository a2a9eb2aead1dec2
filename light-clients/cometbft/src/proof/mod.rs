//! Reads of a chain's state: ICS-23 proofs that a key has a value, or that it has none (`cosmos/ics23`, v0.11 of its Go
//! and v0.12 of its Rust).
//!
//! A Cosmos chain keeps one tree for each module, and one over their roots, whose root is the application hash of the
//! *next* header. So a read is two proofs: [`store_root`] under the application hash, then [`StoreRoot::read`].
//!
//! Specifications are constants of this crate ([`IAVL`], [`TENDERMINT`], [`SMT`]); one that could hide a child in a prefix
//! is refused ([`SpecFault`]).

mod batch;
mod decode;
mod neighbours;
mod ops;
mod spec;
mod walk;

use alloy_primitives::B256;
use thiserror::Error;

use crate::wire::WireFault;

pub use batch::{BatchFault, Claim, verify_batch};
pub use decode::{
    CommitmentProof, Entry, ExistenceProof, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_PROOF_BYTES, NonExistenceProof,
};
pub use ops::{Digest, HashOp, InnerOp, LeafOp, LengthOp};
pub use spec::{DEFAULT_MAX_DEPTH, IAVL, InnerSpec, MAX_DEPTH, ProofSpec, SMT, SpecFault, TENDERMINT};

/// Why a proof does not show what it should.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProofFault {
    /// The bytes are not of the format.
    #[error("proof: {0}")]
    Malformed(#[from] WireFault),
    /// The specification is unsound.
    #[error("specification: {0}")]
    InvalidSpec(#[from] SpecFault),
    /// More steps than the specification allows.
    #[error("at most {limit} steps, found {found}")]
    TooDeep {
        /// The bound.
        limit: usize,
        /// Steps found (or one more than the bound, where counting stopped).
        found: usize,
    },
    /// Fewer steps than the specification asks for.
    #[error("at least {limit} steps, found {found}")]
    TooShallow {
        /// The bound.
        limit: usize,
        /// Steps found.
        found: usize,
    },
    /// The proof has no leaf.
    #[error("no leaf operation")]
    NoLeaf,
    /// The leaf is not one of this tree.
    #[error("leaf operation: {0}")]
    LeafOp(&'static str),
    /// A node is not one of this tree.
    #[error("inner operation, layer {layer}: {what}")]
    InnerOp {
        /// Steps above the leaf, from 1.
        layer: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Nothing where something is hashed.
    #[error("empty {0}")]
    Empty(&'static str),
    /// A hash function that can not be applied here.
    #[error("hash operation {0:?}")]
    HashOp(HashOp),
    /// A length that can not be written so.
    #[error("length operation {op:?} on {length} bytes")]
    LengthOp {
        /// The operation.
        op: LengthOp,
        /// The length.
        length: usize,
    },
    /// The proof is of another key.
    #[error("the proof is of another key")]
    OtherKey,
    /// The proof shows another value.
    #[error("the proof shows another value")]
    OtherValue,
    /// The proof leads to another root.
    #[error("the proof leads to root {0}, not to the one expected")]
    OtherRoot(Digest),
    /// The proof says nothing about the key, or the opposite.
    #[error("the proof does not show that the key is {0}")]
    SaysNothing(&'static str),
    /// Absence without neighbours.
    #[error("absence is shown without neighbours")]
    NoNeighbours,
    /// The left neighbour is not left of the key, or the right one not right of it.
    #[error("the {0} neighbour stands on the wrong side of the key")]
    WrongSide(&'static str),
    /// The neighbours are not next to each other (or, where one is missing, the other not at the edge): something could
    /// stand between them.
    #[error("something could stand between the neighbours")]
    Gap,
    /// A store's root is not 32 bytes.
    #[error("root of the store: expected 32 bytes, found {0}")]
    StoreRoot(usize),
}

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// Its value.
    Present(&'a [u8]),
    /// Nothing.
    Absent,
}

/// Verifies that `key` has `value` under `root`.
///
/// # Errors
/// [`ProofFault`].
pub fn membership(spec: &ProofSpec<'_>, root: &[u8], key: &[u8], value: &[u8], proof: &[u8]) -> Result<(), ProofFault> {
    match read(spec, root, key, proof)? {
        Lookup::Present(found) if found == value => Ok(()),
        Lookup::Present(_) => Err(ProofFault::OtherValue),
        Lookup::Absent => Err(ProofFault::SaysNothing("present")),
    }
}

/// Verifies that `key` has no value under `root`.
///
/// # Errors
/// [`ProofFault`].
pub fn non_membership(spec: &ProofSpec<'_>, root: &[u8], key: &[u8], proof: &[u8]) -> Result<(), ProofFault> {
    match read(spec, root, key, proof)? {
        Lookup::Absent => Ok(()),
        Lookup::Present(_) => Err(ProofFault::SaysNothing("absent")),
    }
}

/// What `key` holds under `root`, whichever the proof shows. Batches are for [`verify_batch`].
///
/// # Errors
/// [`ProofFault`].
pub fn read<'a>(spec: &ProofSpec<'_>, root: &[u8], key: &[u8], proof: &'a [u8]) -> Result<Lookup<'a>, ProofFault> {
    spec.check()?;
    match CommitmentProof::decode(proof, spec.deepest())? {
        CommitmentProof::Single(Entry::Exist(exist)) => {
            exist.verify(spec, root, key)?;
            Ok(Lookup::Present(exist.value))
        }
        CommitmentProof::Single(Entry::Absent(absent)) => {
            absent.verify(spec, root, key)?;
            Ok(Lookup::Absent)
        }
        CommitmentProof::Batch(_) => Err(ProofFault::SaysNothing("present or absent, alone")),
    }
}

/// The root of one module's store, proven under an application hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreRoot(B256);

/// Verifies the first of the two proofs of a Cosmos read: the root of a module's store under the application hash
/// (`ics23:simple` in an answer of `abci_query`).
///
/// # Errors
/// [`ProofFault`]; [`ProofFault::SaysNothing`] if the chain has no such store.
pub fn store_root(app_hash: &[u8], store: &str, proof: &[u8]) -> Result<StoreRoot, ProofFault> {
    match read(&TENDERMINT, app_hash, store.as_bytes(), proof)? {
        Lookup::Present(root) => B256::try_from(root).map(StoreRoot).map_err(|_| ProofFault::StoreRoot(root.len())),
        Lookup::Absent => Err(ProofFault::SaysNothing("present")),
    }
}

impl StoreRoot {
    /// The root.
    pub const fn as_hash(&self) -> &B256 {
        &self.0
    }

    /// What a key of the store holds. `spec` is that of the store's tree: [`IAVL`] for the Cosmos SDK.
    ///
    /// # Errors
    /// [`ProofFault`].
    pub fn read<'a>(&self, spec: &ProofSpec<'_>, key: &[u8], proof: &'a [u8]) -> Result<Lookup<'a>, ProofFault> {
        read(spec, self.0.as_slice(), key, proof)
    }

    /// Verifies what several keys of the store hold by one proof.
    ///
    /// # Errors
    /// [`BatchFault`].
    pub fn verify_batch(&self, spec: &ProofSpec<'_>, claims: &[Claim<'_>], proof: &[u8]) -> Result<(), BatchFault> {
        verify_batch(spec, self.0.as_slice(), claims, proof)
    }
}
