//! P-256 by ring.

use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use super::{P256Fault, VerifyP256};

/// ring: constant-size big integers and point arithmetic in assembly.
#[derive(Clone, Copy, Debug)]
pub struct Native;

impl VerifyP256 for Native {
    fn verify_checked(key: &[u8; 65], message: &[u8], r_s: &[u8; 64]) -> Result<(), P256Fault> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.as_slice())
            .verify(message, r_s)
            .map_err(|_| P256Fault::Mismatch)
    }
}
