//! libsecp256k1.

use alloy_primitives::B256;
use secp256k1::{Message, PublicKey, ecdsa::Signature};

use super::{Ecdsa, EcdsaFault};
use crate::{Native, native::context};

impl Ecdsa for Native {
    fn verify_checked(key: &[u8; 33], prehash: &B256, r_s: &[u8; 64]) -> Result<(), EcdsaFault> {
        let key = PublicKey::from_byte_array_compressed(*key).map_err(|_| EcdsaFault::Key)?;
        let mut signature = Signature::from_compact(r_s).map_err(|_| EcdsaFault::Mismatch)?;
        // The library takes the low form only; which forms are taken was decided before.
        signature.normalize_s();
        context().verify_ecdsa(Message::from_digest(prehash.0), &signature, &key).map_err(|_| EcdsaFault::Mismatch)
    }
}
