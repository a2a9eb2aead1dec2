//! ECDSA on secp256k1 against a known public key, as Cosmos chains use it: a compressed key of 33 bytes, a signature
//! `r ‖ s` of 64 bytes, and the SHA-256 of what was signed.

#[cfg(feature = "native")]
mod native;
#[cfg(feature = "portable")]
mod portable;

use alloy_primitives::B256;
use thiserror::Error;

use crate::{HighS, SignatureFault, scalar};

/// Why a signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EcdsaFault {
    /// Not 64 bytes.
    #[error("expected 64 bytes r ‖ s, found {0}")]
    Length(usize),
    /// Out of range, or high where that is refused.
    #[error("{0}")]
    Signature(SignatureFault),
    /// The key is no compressed point of the curve.
    #[error("the public key is no compressed point of the curve")]
    Key,
    /// The equation does not hold.
    #[error("the signature does not match key and message")]
    Mismatch,
}

/// Verification on secp256k1.
pub trait Ecdsa {
    /// Whether `signature` over `prehash` is by `key`.
    ///
    /// # Errors
    /// Says what is wrong.
    fn verify_ecdsa(key: &[u8; 33], prehash: &B256, signature: &[u8], high_s: HighS) -> Result<(), EcdsaFault> {
        let r_s = signature.try_into().map_err(|_| EcdsaFault::Length(signature.len()))?;
        scalar::check_ranges(r_s, high_s).map_err(EcdsaFault::Signature)?;
        Self::verify_checked(key, prehash, r_s)
    }

    /// [`Ecdsa::verify_ecdsa`] after the checks on ranges, which are the same for every implementation.
    ///
    /// # Errors
    /// [`EcdsaFault::Key`] or [`EcdsaFault::Mismatch`].
    #[doc(hidden)]
    fn verify_checked(key: &[u8; 33], prehash: &B256, r_s: &[u8; 64]) -> Result<(), EcdsaFault>;
}
