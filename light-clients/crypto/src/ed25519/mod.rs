//! Ed25519 signatures as CometBFT, Zcash and others judge them: ZIP-215.
//!
//! RFC 8032 leaves open which encodings of points are taken and whether the equation is checked with the cofactor, so
//! libraries differ. Consensus needs one answer. ZIP-215 fixes it:
//!
//! * `A` and `R` may be any encodings that decompress, non-canonical ones and points of small order included;
//! * `s` must be below the group order ℓ;
//! * `k` is the hash of the bytes as they were received, never of re-encoded points;
//! * the equation is `[8][s]B = [8]R + [8][k]A`. The cofactor makes a batch say exactly what its members say.
//!
//! Both implementations stand on `curve25519-dalek`, whose field arithmetic is chosen for the machine (AVX2 where the CPU
//! has it). They differ in the equation: [`crate::Native`] checks many signatures at once, as one multi-scalar
//! multiplication; [`crate::Portable`] checks each alone, which is the small code that a contract wants.

#[cfg(feature = "native")]
mod batch;
#[cfg(feature = "portable")]
mod portable;
#[cfg(all(test, feature = "native", feature = "portable"))]
mod tests;

use curve25519_dalek::{EdwardsPoint, Scalar, edwards::CompressedEdwardsY};
use sha2::{Digest, Sha512};
use thiserror::Error;

#[cfg(feature = "native")]
pub use batch::KeyCache;

/// A signature, who is said to have made it, and over what.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The public key, `A`.
    pub key: &'a [u8; 32],
    /// `R ‖ s`.
    pub signature: &'a [u8; 64],
    /// The bytes that were signed.
    pub message: &'a [u8],
}

/// Why a signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Ed25519Fault {
    /// `A` is the encoding of no point.
    #[error("the public key is no point of the curve")]
    Key,
    /// `R` is the encoding of no point.
    #[error("R is no point of the curve")]
    R,
    /// `s` is not below the group order.
    #[error("s is not below the group order")]
    SOutOfRange,
    /// The equation does not hold: another key, another message, or no signature at all.
    #[error("the signature does not match key and message")]
    Mismatch,
}

/// The first of several signatures that is not good, by its position, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadMember {
    /// Its place among those that were given.
    pub index: usize,
    /// What is wrong with it.
    pub fault: Ed25519Fault,
}

/// Verification under ZIP-215.
pub trait Ed25519 {
    /// What an implementation remembers of public keys from one call to the next. Empty to begin with; it changes how
    /// fast an answer comes, never the answer.
    type Keys: Default;

    /// Whether one signature is good.
    ///
    /// # Errors
    /// Says what is wrong with it.
    fn verify(signed: &Signed<'_>) -> Result<(), Ed25519Fault> {
        single(signed)
    }

    /// Whether all signatures are good.
    ///
    /// # Errors
    /// The first that is not.
    fn verify_all(keys: &mut Self::Keys, signed: &[Signed<'_>]) -> Result<(), BadMember>;
}

/// A signature taken apart.
struct Parts {
    r: EdwardsPoint,
    s: Scalar,
    k: Scalar,
}

impl Parts {
    fn of(signed: &Signed<'_>) -> Result<Self, Ed25519Fault> {
        let (r_bytes, s_bytes) = signed.signature.split_at(32);
        let s_bytes = <[u8; 32]>::try_from(s_bytes).map_err(|_| Ed25519Fault::SOutOfRange)?;
        let s = Option::from(Scalar::from_canonical_bytes(s_bytes)).ok_or(Ed25519Fault::SOutOfRange)?;
        let r = CompressedEdwardsY::from_slice(r_bytes).map_err(|_| Ed25519Fault::R)?;
        let r = r.decompress().ok_or(Ed25519Fault::R)?;
        let hash = Sha512::new().chain_update(r_bytes).chain_update(signed.key).chain_update(signed.message).finalize();
        Ok(Self { r, s, k: Scalar::from_bytes_mod_order_wide(&hash.into()) })
    }
}

fn point_of(key: &[u8; 32]) -> Result<EdwardsPoint, Ed25519Fault> {
    CompressedEdwardsY(*key).decompress().ok_or(Ed25519Fault::Key)
}

/// `[8]([s]B − [k]A − R) = 0`.
fn single(signed: &Signed<'_>) -> Result<(), Ed25519Fault> {
    use curve25519_dalek::traits::IsIdentity;
    let a = point_of(signed.key)?;
    let Parts { r, s, k } = Parts::of(signed)?;
    let expected = EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &-a, &s);
    if (expected - r).mul_by_cofactor().is_identity() { Ok(()) } else { Err(Ed25519Fault::Mismatch) }
}

/// Each alone.
#[cfg(any(feature = "native", feature = "portable"))]
fn one_by_one(signed: &[Signed<'_>]) -> Result<(), BadMember> {
    let mut each = signed.iter().enumerate();
    each.try_for_each(|(index, signed)| single(signed).map_err(|fault| BadMember { index, fault }))
}
