//! ECDSA on P-256 with SHA-256 (FIPS 186-5, SEC 1 §4.1.4), behind one trait.
//!
//! * [`Native`] (feature `p256-native`): ring, whose field arithmetic is assembly (from BoringSSL).
//! * [`Portable`] (feature `p256-portable`): the `p256` crate, pure Rust.
//!
//! Signatures are read here, once for both: either the 64 bytes `r ‖ s`, or strict DER
//! `SEQUENCE { INTEGER r, INTEGER s }`. Whether the twin `(r, n − s)` is taken is the caller's choice ([`HighS`]).

mod der;
#[cfg(feature = "p256-native")]
mod native;
#[cfg(feature = "p256-portable")]
mod portable;

#[cfg(feature = "p256-points")]
mod points;

use core::cmp::Ordering;

use thiserror::Error;

pub use der::{MAX_SIGNATURE_BYTES, signature_from_der};
#[cfg(feature = "p256-native")]
pub use native::Native;
#[cfg(feature = "p256-points")]
pub use points::decompress;
#[cfg(feature = "p256-portable")]
pub use portable::Portable;

use crate::HighS;

/// The fastest implementation that this build holds.
#[cfg(feature = "p256-native")]
pub type Preferred = Native;
/// The fastest implementation that this build holds.
#[cfg(all(feature = "p256-portable", not(feature = "p256-native")))]
pub type Preferred = Portable;

/// The order of the group, big-endian (SEC 2 §2.4.2).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// Half of the order, rounded down: the highest `s` of the low form.
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xde, 0x73, 0x7d,
    0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

/// Why a P-256 signature was refused. None of these goes away by trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum P256Fault {
    /// The signature is not the DER of two positive integers, or not their only DER.
    #[error("the signature is not strict DER of two positive integers")]
    Der,
    /// `r` is zero or not below the group order.
    #[error("r is zero or not below the group order")]
    ROutOfRange,
    /// `s` is zero or not below the group order.
    #[error("s is zero or not below the group order")]
    SOutOfRange,
    /// `s` is above half the group order: the twin of the signature that was made.
    #[error("s is above half the group order")]
    HighS,
    /// The key is no uncompressed point of the curve, or the signature is not its signature over this message.
    #[error("the signature is not made by this key over this message")]
    Mismatch,
}

/// A check of P-256 signatures.
pub trait VerifyP256 {
    /// Checks `r ‖ s` by `key` (65 bytes, SEC 1 uncompressed) over the SHA-256 of `message`.
    ///
    /// # Errors
    /// The first of: ranges, low form (where asked), key and signature.
    fn verify(key: &[u8; 65], message: &[u8], r_s: &[u8; 64], high_s: HighS) -> Result<(), P256Fault> {
        check_ranges(r_s, high_s)?;
        Self::verify_checked(key, message, r_s)
    }

    /// The same for a signature in DER.
    ///
    /// # Errors
    /// As [`VerifyP256::verify`], and [`P256Fault::Der`].
    fn verify_der(key: &[u8; 65], message: &[u8], signature: &[u8], high_s: HighS) -> Result<(), P256Fault> {
        Self::verify(key, message, &signature_from_der(signature)?, high_s)
    }

    /// [`VerifyP256::verify`] after the checks on ranges, which are the same for every implementation.
    ///
    /// # Errors
    /// [`P256Fault::Mismatch`].
    #[doc(hidden)]
    fn verify_checked(key: &[u8; 65], message: &[u8], r_s: &[u8; 64]) -> Result<(), P256Fault>;
}

/// `0 < r, s < n`, and `s ≤ n / 2` where asked.
fn check_ranges(r_s: &[u8; 64], high_s: HighS) -> Result<(), P256Fault> {
    let (r, s) = r_s.split_at(32);
    let in_range = |number: &[u8]| number.iter().any(|byte| *byte != 0) && number.cmp(&ORDER[..]) == Ordering::Less;
    if !in_range(r) {
        return Err(P256Fault::ROutOfRange);
    }
    if !in_range(s) {
        return Err(P256Fault::SOutOfRange);
    }
    if high_s == HighS::Refuse && s.cmp(&HALF_ORDER[..]) == Ordering::Greater {
        return Err(P256Fault::HighS);
    }
    Ok(())
}

#[cfg(all(test, feature = "p256-native", feature = "p256-portable"))]
mod tests;
