//! `k256`.

use alloy_primitives::B256;
use k256::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier};

use super::{Ecdsa, EcdsaFault};
use crate::Portable;

impl Ecdsa for Portable {
    fn verify_checked(key: &[u8; 33], prehash: &B256, r_s: &[u8; 64]) -> Result<(), EcdsaFault> {
        let key = VerifyingKey::from_sec1_bytes(key).map_err(|_| EcdsaFault::Key)?;
        let signature = Signature::from_slice(r_s).map_err(|_| EcdsaFault::Mismatch)?;
        // The crate takes the low form only; which forms are taken was decided before.
        let signature = signature.normalize_s().unwrap_or(signature);
        key.verify_prehash(prehash.as_slice(), &signature).map_err(|_| EcdsaFault::Mismatch)
    }
}
