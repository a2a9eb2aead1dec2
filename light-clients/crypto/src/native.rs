//! libsecp256k1.

use alloy_primitives::{Address, B256};
use secp256k1::{
    Message, Secp256k1,
    ecdsa::{RecoverableSignature, RecoveryId},
};

use crate::{Recover, SignatureFault, address_of};

/// Signature checks in C (libsecp256k1).
#[derive(Clone, Copy, Debug, Default)]
pub struct Native;

impl Recover for Native {
    fn recover_checked(prehash: &B256, r_s: &[u8; 64], v: u8) -> Result<Address, SignatureFault> {
        // The tables are static in the library; a verification context is a small allocation.
        let context = Secp256k1::verification_only();
        let id = RecoveryId::try_from(i32::from(v)).map_err(|_| SignatureFault::RecoveryId { found: v })?;
        let signature = RecoverableSignature::from_compact(r_s, id).map_err(|_| SignatureFault::NoSuchPoint)?;
        let key = context
            .recover_ecdsa(Message::from_digest(prehash.0), &signature)
            .map_err(|_| SignatureFault::NoSuchPoint)?;
        address_of(&key.serialize_uncompressed()[1..])
    }
}
