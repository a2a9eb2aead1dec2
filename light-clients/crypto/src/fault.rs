//! Why a signature was refused.

use thiserror::Error;

/// A signature that no honest signer writes. None of these goes away by trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureFault {
    /// The recovery id is neither 0 nor 1.
    #[error("recovery id: expected 0 or 1, found {found}")]
    RecoveryId {
        /// The id that stood in the signature.
        found: u8,
    },
    /// `r` is zero or not below the group order.
    #[error("r is zero or not below the group order")]
    ROutOfRange,
    /// `s` is zero or not below the group order.
    #[error("s is zero or not below the group order")]
    SOutOfRange,
    /// `s` is above half the group order: the twin of the signature that was made.
    #[error("s is above half the group order")]
    HighS,
    /// No public key answers to this signature: `r` is no abscissa of the curve, or the key is the point at infinity.
    #[error("no public key answers to this signature")]
    NoSuchPoint,
    /// The key hashes to the zero address.
    #[error("the signer is the zero address")]
    ZeroAddress,
}
