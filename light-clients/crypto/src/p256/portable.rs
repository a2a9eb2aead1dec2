//! P-256 by the `p256` crate.

use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};

use super::{P256Fault, VerifyP256};

/// `p256`: pure Rust, for wasm and for contracts that run Rust.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

impl VerifyP256 for Portable {
    fn verify_checked(key: &[u8; 65], message: &[u8], r_s: &[u8; 64]) -> Result<(), P256Fault> {
        let key = VerifyingKey::from_sec1_bytes(key).map_err(|_| P256Fault::Mismatch)?;
        let signature = Signature::from_slice(r_s).map_err(|_| P256Fault::Mismatch)?;
        key.verify(message, &signature).map_err(|_| P256Fault::Mismatch)
    }
}
