//! Whether a quorum of a set signed a commitment, and whether a leaf is the newest under it.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256};
use causeway_crypto::{HighS, Recover};

use super::{Commitment, FinalityProof, Leaf, SIGNATURE_BYTES, member_root, root_by_path, set_root};
use crate::{BeefySet, CommitmentFault, Refusal, Signers, set::MAX_AUTHORITIES};

/// Judges a finality proof of a set: more than two thirds of its validators signed, each in its own place.
///
/// # Errors
/// The first rule broken.
pub fn verify_commitment<'a, R: Recover>(
    set: &BeefySet,
    finality_proof: &'a [u8],
    signers: &Signers<'_>,
) -> Result<Commitment<'a>, Refusal> {
    let proof = FinalityProof::read(finality_proof)?;
    if proof.commitment.set_id != set.id {
        return Err(Refusal::NotTheSetInForce { expected: set.id, found: proof.commitment.set_id });
    }
    if proof.validators != set.len {
        return Err(CommitmentFault::Validators { expected: set.len, found: proof.validators }.into());
    }
    let (needed, found) = (set.threshold(), proof.signatures().len() as u64);
    if found < needed {
        return Err(Refusal::NotEnoughTrust { needed, found, of: set.len.into() });
    }
    let addresses = addresses(set, &proof, signers)?;
    let digest = proof.commitment.digest();
    let context = R::Context::default();
    for ((index, signature), expected) in proof.signers().zip(proof.signatures()).zip(addresses) {
        check::<R>(&context, &digest, index, signature, &expected)?;
    }
    Ok(proof.commitment)
}

/// A validator's signature over a digest.
pub(crate) fn check<R: Recover>(
    context: &R::Context,
    digest: &B256,
    index: u32,
    signature: &[u8; SIGNATURE_BYTES],
    expected: &Address,
) -> Result<(), Refusal> {
    let [r_s @ .., v] = signature;
    // Nodes write the low form; the other one would be the same signature in other bytes.
    let found = R::recover_in(context, digest, r_s, *v, HighS::Refuse)
        .map_err(|fault| Refusal::InvalidSeal { index, fault })?;
    if found == *expected { Ok(()) } else { Err(Refusal::BadSeal { index, expected: *expected, found }) }
}

/// The address of each signer, shown to be in the set.
fn addresses(set: &BeefySet, proof: &FinalityProof<'_>, signers: &Signers<'_>) -> Result<Vec<Address>, Refusal> {
    match signers {
        Signers::Set(bytes) => {
            let (addresses, rest) = bytes.as_chunks::<20>();
            let found = addresses.len() as u64;
            if !rest.is_empty() || found != u64::from(set.len) || addresses.len() > MAX_AUTHORITIES {
                let found = u32::try_from(found).unwrap_or(u32::MAX);
                return Err(CommitmentFault::Validators { expected: set.len, found }.into());
            }
            is_root(set, set_root(addresses))?;
            let place = |index| addresses.get(usize::try_from(index).ok()?).map(|address| Address::new(*address));
            // Places are below `validators`, which is the count of addresses.
            Ok(proof.signers().filter_map(place).collect())
        }
        Signers::Proven(proven) => {
            let (signatures, proofs) = (proof.signatures().len(), proven.len());
            if signatures != proofs {
                return Err(CommitmentFault::Proofs { signatures, proofs }.into());
            }
            for (index, (address, path)) in proof.signers().zip(proven) {
                is_root(set, member_root(address, index, set.len, path)?)?;
            }
            Ok(proven.iter().map(|(address, _)| *address).collect())
        }
    }
}

fn is_root(set: &BeefySet, found: B256) -> Result<(), Refusal> {
    if found == set.root { Ok(()) } else { Err(Refusal::NotTheValidators { expected: set.root, found }) }
}

/// Reads the leaf that a commitment's own block added, and with it the set after `signed_by`.
///
/// An older leaf of the same history stands under the same root, but names a header and perhaps a set of the past. Only
/// the newest one may move a client: its parent is the block right below the commitment's.
///
/// # Errors
/// Another leaf, not under the root, or of another session.
pub fn next_of_leaf<'a>(
    commitment: &Commitment<'_>,
    signed_by: &BeefySet,
    leaf: &'a [u8],
    (index, count): (u64, u64),
    path: &[B256],
) -> Result<Leaf<'a>, Refusal> {
    let leaf = Leaf::read(leaf)?;
    if leaf.parent_number.checked_add(1) != Some(commitment.block_number) {
        return Err(Refusal::StaleLeaf { leaf: leaf.parent_number, commitment: commitment.block_number });
    }
    if signed_by.id.checked_add(1) != Some(leaf.next.id) {
        return Err(Refusal::NextSetMismatch { in_force: signed_by.id, found: leaf.next.id });
    }
    let (expected, found) = (commitment.mmr_root, root_by_path(&leaf.hash(), index, count, path)?);
    if found != expected {
        return Err(super::MmrFault::Root { expected, found }.into());
    }
    Ok(leaf)
}
