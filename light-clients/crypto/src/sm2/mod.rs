//! SM2 signatures and the hash SM3 (GB/T 32918.2, GB/T 32905; RFC 8998 names both), for chains under Chinese commercial
//! cryptography.
//!
//! One implementation stands behind [`crate::Native`] and [`crate::Portable`]: the pure Rust crates `sm2` and `sm3`. No
//! maintained C library with these primitives is free of a whole TLS stack; chains of this kind have few signers.

use alloy_primitives::B256;
use sm2::dsa::{Signature, VerifyingKey, signature::Verifier};
use sm3::{Digest, Sm3};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// The signer's name that goes into what is signed where nobody agreed on another (GM/T 0009-2012 §10).
pub const DEFAULT_ID: &str = "1234567812345678";

/// Why a signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Sm2Fault {
    /// The key is no point of the curve.
    #[error("the public key is no point of the curve")]
    Key,
    /// `r` or `s` is zero or not below the group order.
    #[error("r or s is zero or not below the group order")]
    Range,
    /// The equation does not hold.
    #[error("the signature does not match key and message")]
    Mismatch,
}

/// SM3.
pub fn sm3(bytes: &[u8]) -> B256 {
    B256::new(Sm3::digest(bytes).into())
}

/// Whether `r ‖ s` over `message` is by `key` (x ‖ y) under [`DEFAULT_ID`].
///
/// # Errors
/// Says what is wrong.
pub fn verify(key: &[u8; 64], message: &[u8], r_s: &[u8; 64]) -> Result<(), Sm2Fault> {
    let mut point = [4; 65];
    point.iter_mut().skip(1).zip(key).for_each(|(place, byte)| *place = *byte);
    let key = VerifyingKey::from_sec1_bytes(DEFAULT_ID, &point).map_err(|_| Sm2Fault::Key)?;
    let signature = Signature::from_bytes(r_s).map_err(|_| Sm2Fault::Range)?;
    key.verify(message, &signature).map_err(|_| Sm2Fault::Mismatch)
}
