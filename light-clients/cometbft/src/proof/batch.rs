//! Several keys by one proof.

use alloc::vec::Vec;

use thiserror::Error;

use super::{
    ProofFault,
    decode::{CommitmentProof, Entry, ExistenceProof, NonExistenceProof},
    spec::ProofSpec,
    walk::Walked,
};

/// What should hold of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim<'a> {
    /// It has this value.
    Present {
        /// The key.
        key: &'a [u8],
        /// The value.
        value: &'a [u8],
    },
    /// It has none.
    Absent {
        /// The key.
        key: &'a [u8],
    },
}

/// The claim that a batch does not show, and why.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BatchFault {
    /// The proof itself can not be used.
    #[error(transparent)]
    Proof(ProofFault),
    /// One claim is not shown.
    #[error("claim {index}: {fault}")]
    Claim {
        /// Its place among the claims.
        index: usize,
        /// Why.
        fault: ProofFault,
    },
}

/// Verifies claims under one root by one proof: `BatchProof`, `CompressedBatchProof`, or a proof of a single key.
///
/// Claims in the order of their keys are fastest: what two neighbouring paths share is hashed once.
///
/// # Errors
/// The first claim that is not shown, or that the proof can not be used at all. Entries that no claim needs are not
/// looked at.
pub fn verify_batch(spec: &ProofSpec<'_>, root: &[u8], claims: &[Claim<'_>], proof: &[u8]) -> Result<(), BatchFault> {
    spec.check().map_err(|fault| BatchFault::Proof(fault.into()))?;
    let entries = match CommitmentProof::decode(proof, spec.deepest()).map_err(BatchFault::Proof)? {
        CommitmentProof::Single(entry) => Vec::from([entry]),
        CommitmentProof::Batch(entries) => entries,
    };
    let entries = Entries::of(&entries);
    let mut walked = Walked::default();
    for (index, claim) in claims.iter().enumerate() {
        entries.show(spec, root, claim, &mut walked).map_err(|fault| BatchFault::Claim { index, fault })?;
    }
    Ok(())
}

/// The entries of a batch, those of present keys by key.
struct Entries<'e, 'a> {
    present: Vec<&'e ExistenceProof<'a>>,
    absent: Vec<&'e NonExistenceProof<'a>>,
}

impl<'e, 'a> Entries<'e, 'a> {
    fn of(entries: &'e [Entry<'a>]) -> Self {
        let (mut present, mut absent) = (Vec::with_capacity(entries.len()), Vec::new());
        for entry in entries {
            match entry {
                Entry::Exist(exist) => present.push(exist),
                Entry::Absent(gap) => absent.push(gap),
            }
        }
        present.sort_by_key(|exist| exist.key);
        Self { present, absent }
    }

    fn show(
        &self,
        spec: &ProofSpec<'_>,
        root: &[u8],
        claim: &Claim<'_>,
        walked: &mut Walked<'a>,
    ) -> Result<(), ProofFault> {
        match claim {
            Claim::Present { key, value } => {
                // Of several entries of one key the first one speaks, as in the reference.
                let first = self.present.partition_point(|exist| exist.key < *key);
                let found = self.present.get(first).filter(|exist| exist.key == *key);
                let exist = found.ok_or(ProofFault::SaysNothing("present"))?;
                if exist.value != *value {
                    return Err(ProofFault::OtherValue);
                }
                exist.verify_beside(spec, root, walked)
            }
            Claim::Absent { key } => {
                let around = |gap: &&&NonExistenceProof<'a>| gap.straddles(spec, key).is_ok();
                let gap = self.absent.iter().find(around).ok_or(ProofFault::SaysNothing("absent"))?;
                gap.verify_beside(spec, root, key, walked)
            }
        }
    }
}
