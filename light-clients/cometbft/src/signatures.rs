//! Checks the signatures that a verdict rests on: all Ed25519 ones at once, those of secp256k1 one by one.

use alloc::vec::Vec;

use alloy_primitives::B256;
use causeway_crypto::{
    HighS,
    ecdsa::{Ecdsa, EcdsaFault},
    ed25519::{Ed25519, Signed},
};
use sha2::{Digest, Sha256};

use crate::{
    Refusal, SignatureFault,
    commit::{CommitSig, Vote},
    header::{Address, Encoding},
    update::Update,
    validators::PublicKey,
};

/// The signature checks that a CometBFT client needs.
pub trait Signatures: Ed25519 + Ecdsa {}

impl<S: Ed25519 + Ecdsa> Signatures for S {}

/// Checks the signatures at these places of the commit.
pub(crate) fn check<S: Signatures>(
    keys: &mut S::Keys,
    encoding: Encoding,
    update: &Update<'_>,
    places: &[usize],
) -> Result<(), Refusal> {
    let template = update.commit.sign_bytes(update.header.chain_id, encoding);
    // The messages lie one behind the other; most are of one length.
    let mut messages = Vec::with_capacity(places.len() * 192);
    let mut members = Vec::with_capacity(places.len());
    for index in places.iter().copied() {
        let (Some(CommitSig::Commit(vote)), Some(validator)) =
            (update.commit.signatures.get(index), update.validators.as_slice().get(index))
        else {
            continue;
        };
        let start = messages.len();
        template.put(vote.time, &mut messages);
        let member = Member { index, address: validator.address, message: start..messages.len() };
        match &validator.key {
            PublicKey::Ed25519(key) => {
                let signature = <&[u8; 64]>::try_from(vote.signature)
                    .map_err(|_| member.bad(SignatureFault::Length(vote.signature.len())))?;
                members.push((member, key, signature));
            }
            PublicKey::Secp256k1(key) => {
                let message = messages.get(member.message.clone()).unwrap_or_default();
                secp256k1::<S>(key, message, vote).map_err(|fault| member.bad(SignatureFault::Secp256k1(fault)))?;
            }
        }
    }
    let signed: Vec<Signed<'_>> = members
        .iter()
        .map(|(member, key, signature)| Signed {
            key,
            signature,
            message: messages.get(member.message.clone()).unwrap_or_default(),
        })
        .collect();
    S::verify_all(keys, &signed).map_err(|bad| {
        let fault = SignatureFault::Ed25519(bad.fault);
        let (index, validator) =
            members.get(bad.index).map_or((bad.index, Address::ZERO), |(member, ..)| (member.index, member.address));
        Refusal::BadSignature { index, validator, fault }
    })
}

/// Cosmos: over SHA-256 of the message, low `s` only (CometBFT `crypto/secp256k1`).
fn secp256k1<S: Ecdsa>(key: &[u8; 33], message: &[u8], vote: &Vote<'_>) -> Result<(), EcdsaFault> {
    let prehash = B256::new(Sha256::digest(message).into());
    S::verify_ecdsa(key, &prehash, vote.signature, HighS::Refuse)
}

struct Member {
    index: usize,
    address: Address,
    message: core::ops::Range<usize>,
}

impl Member {
    const fn bad(&self, fault: SignatureFault) -> Refusal {
        Refusal::BadSignature { index: self.index, validator: self.address, fault }
    }
}
