//! BLS signatures over BLS12-381 with public keys in G1 and signatures in G2, as Ethereum's consensus uses them.
//!
//! Sources: draft-irtf-cfrg-bls-signature-05 (proof-of-possession scheme), RFC 9380 (hashing to the curve), the point
//! encoding of ZCash that both refer to, and `eth_fast_aggregate_verify` of the consensus specification (v1.6.1).
//!
//! * [`Native`] (feature `bls-native`): blst, assembly, for the relayer.
//! * [`Portable`] (feature `bls-portable`): arkworks, pure Rust, for wasm and contracts.
//!
//! Both refuse exactly the same inputs: points that are not canonically encoded, not on the curve, not in the subgroup of
//! prime order, and the point at infinity as a key. (The point at infinity *is* a signature in the encoding; no
//! pairing equation with a valid key holds for it.)
//!
//! # Keys once, aggregates cheaply
//! A [`PublicKey`] can only be made by [`Bls::public_key`], which validates it, or by adding and subtracting such keys;
//! it holds the affine point, so using it again costs no square root and no subgroup check. A sync committee's 512
//! keys are validated once, their sum is kept, and [`Bls::subtract`] takes away the few that are absent.

mod fault;
#[cfg(feature = "bls-native")]
mod native;
#[cfg(feature = "bls-portable")]
mod portable;
#[cfg(all(test, feature = "bls-native", feature = "bls-portable"))]
mod tests;

use alloc::vec::Vec;

pub use fault::BlsFault;
#[cfg(feature = "bls-native")]
pub use native::Native;
#[cfg(feature = "bls-portable")]
pub use portable::Portable;

/// The fastest implementation that this build holds.
#[cfg(feature = "bls-native")]
pub type Preferred = Native;
/// The fastest implementation that this build holds.
#[cfg(all(feature = "bls-portable", not(feature = "bls-native")))]
pub type Preferred = Portable;

/// Domain separation tag of Ethereum's consensus: the proof-of-possession scheme.
pub const ETHEREUM_DST: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

/// Bytes of a compressed public key.
pub const PUBLIC_KEY_BYTES: usize = 48;

/// Bytes of a compressed signature.
pub const SIGNATURE_BYTES: usize = 96;

/// The compressed point at infinity of G2: what an empty sync aggregate carries.
pub const INFINITY_SIGNATURE: [u8; SIGNATURE_BYTES] = {
    let mut bytes = [0; SIGNATURE_BYTES];
    bytes[0] = 0xc0;
    bytes
};

/// A public key: a point of G1's subgroup, not infinity, as `x ‖ y` (48 bytes each, big-endian).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 96]);

impl PublicKey {
    /// The affine coordinates `x ‖ y`.
    pub const fn to_affine(&self) -> &[u8; 96] {
        &self.0
    }

    /// A key from coordinates that [`PublicKey::to_affine`] gave and that nobody else could change meanwhile. Use
    /// checks that the point is on the curve, but neither its subgroup nor who chose it.
    pub const fn from_trusted_affine(coordinates: [u8; 96]) -> Self {
        Self(coordinates)
    }
}

impl core::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PublicKey(")?;
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…)")
    }
}

/// BLS signatures in G2 with keys in G1.
pub trait Bls {
    /// Decompresses and validates a public key (`KeyValidate` of the draft, §2.5).
    ///
    /// # Errors
    /// The encoding is not canonical, the point is not on the curve, not in the subgroup, or infinity.
    fn public_key(compressed: &[u8; PUBLIC_KEY_BYTES]) -> Result<PublicKey, BlsFault>;

    /// The compressed form of a key.
    ///
    /// # Errors
    /// The key was made from coordinates that are not on the curve.
    fn compress(key: &PublicKey) -> Result<[u8; PUBLIC_KEY_BYTES], BlsFault>;

    /// The sum of keys.
    ///
    /// # Errors
    /// [`BlsFault::NoKeys`], or [`BlsFault::InfinityKey`] where the sum is the point at infinity.
    fn aggregate<'a>(keys: impl IntoIterator<Item = &'a PublicKey>) -> Result<PublicKey, BlsFault>;

    /// `sum` without `absent`.
    ///
    /// # Errors
    /// [`BlsFault::InfinityKey`] where nothing is left.
    fn subtract<'a>(sum: &PublicKey, absent: impl IntoIterator<Item = &'a PublicKey>) -> Result<PublicKey, BlsFault>;

    /// Checks a signature over `message` (hashed to the curve under `dst`) with one key: one pairing equation.
    ///
    /// # Errors
    /// The signature is no canonical point of the subgroup, or [`BlsFault::WrongSignature`].
    fn verify(key: &PublicKey, message: &[u8], dst: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> Result<(), BlsFault>;

    /// Checks an aggregate signature over messages, one per key (`AggregateVerify`, §3.1.1; equal messages are the
    /// caller's concern, as the proof-of-possession scheme allows them).
    ///
    /// # Errors
    /// As [`Bls::verify`], [`BlsFault::NoKeys`], or [`BlsFault::MessageCount`].
    fn aggregate_verify(
        keys: &[PublicKey],
        messages: &[&[u8]],
        dst: &[u8],
        signature: &[u8; SIGNATURE_BYTES],
    ) -> Result<(), BlsFault>;

    /// Checks one aggregate signature of all keys over one message (`FastAggregateVerify`, §3.3.4).
    ///
    /// # Errors
    /// As [`Bls::verify`] and [`Bls::aggregate`].
    fn fast_aggregate_verify(
        keys: &[PublicKey],
        message: &[u8],
        dst: &[u8],
        signature: &[u8; SIGNATURE_BYTES],
    ) -> Result<(), BlsFault> {
        Self::verify(&Self::aggregate(keys)?, message, dst, signature)
    }

    /// Checks that a compressed signature is a canonical point of the subgroup (infinity is one).
    ///
    /// # Errors
    /// It is not.
    fn check_signature(signature: &[u8; SIGNATURE_BYTES]) -> Result<(), BlsFault>;

    /// The sum of signatures, each checked.
    ///
    /// # Errors
    /// [`BlsFault::NoSignatures`], or one of them is no canonical point of the subgroup.
    fn aggregate_signatures(signatures: &[[u8; SIGNATURE_BYTES]]) -> Result<[u8; SIGNATURE_BYTES], BlsFault>;

    /// RFC 9380 `hash_to_curve` with suite `BLS12381G2_XMD:SHA-256_SSWU_RO_`, compressed.
    ///
    /// # Errors
    /// [`BlsFault::Dst`] beyond 255 bytes of tag.
    fn hash_to_g2(message: &[u8], dst: &[u8]) -> Result<[u8; SIGNATURE_BYTES], BlsFault>;

    /// Signs: for test chains and vectors. The relayer holds no BLS key; this is not written to hide `secret` from
    /// who can measure time.
    ///
    /// # Errors
    /// [`BlsFault::SecretKey`] if `secret` (big-endian) is zero or not below the group order.
    fn sign(secret: &[u8; 32], message: &[u8], dst: &[u8]) -> Result<[u8; SIGNATURE_BYTES], BlsFault>;

    /// The compressed public key of a secret one; see [`Bls::sign`].
    ///
    /// # Errors
    /// As [`Bls::sign`].
    fn public_key_of(secret: &[u8; 32]) -> Result<[u8; PUBLIC_KEY_BYTES], BlsFault>;
}

/// `eth_fast_aggregate_verify` (consensus specification, Altair): nobody's signature is infinity.
///
/// # Errors
/// As [`Bls::fast_aggregate_verify`].
pub fn eth_fast_aggregate_verify<B: Bls>(
    keys: &[PublicKey],
    message: &[u8],
    signature: &[u8; SIGNATURE_BYTES],
) -> Result<(), BlsFault> {
    if keys.is_empty() && *signature == INFINITY_SIGNATURE {
        return Ok(());
    }
    B::fast_aggregate_verify(keys, message, ETHEREUM_DST, signature)
}

/// Validates many keys.
///
/// # Errors
/// The first one that is refused, with its position.
pub fn public_keys<'a, B: Bls>(
    compressed: impl IntoIterator<Item = &'a [u8; PUBLIC_KEY_BYTES]>,
) -> Result<Vec<PublicKey>, (usize, BlsFault)> {
    let key = |(at, key)| B::public_key(key).map_err(|fault| (at, fault));
    compressed.into_iter().enumerate().map(key).collect()
}

/// A tag of more bytes would have to be hashed first (RFC 9380 §5.3.3), which no suite here does.
const MAX_DST: usize = 255;

fn check_dst(dst: &[u8]) -> Result<(), BlsFault> {
    if dst.len() <= MAX_DST { Ok(()) } else { Err(BlsFault::Dst(dst.len())) }
}
