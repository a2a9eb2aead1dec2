//! `k256`.

use alloy_primitives::{Address, B256};
use k256::{
    AffinePoint, FieldBytes, ProjectivePoint, Scalar,
    ecdsa::Signature,
    elliptic_curve::{
        PrimeField,
        ops::{Invert, LinearCombination, Reduce},
        point::DecompressPoint,
        sec1::ToEncodedPoint,
        subtle::Choice,
    },
};

use crate::{Recover, SignatureFault, address_of};

/// Signature checks in pure Rust (`k256`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable;

impl Recover for Portable {
    type Context = ();

    /// SEC 1 §4.1.6 with j = 0: Q = r⁻¹ (s·R − z·G).
    ///
    /// `VerifyingKey::recover_from_prehash` verifies the signature once more with the key that it found, which can
    /// not fail for a key found this way and doubles the work; so the formula is written out.
    fn recover_checked((): &(), prehash: &B256, r_s: &[u8; 64], v: u8) -> Result<Address, SignatureFault> {
        let signature = Signature::from_slice(r_s).map_err(|_| SignatureFault::NoSuchPoint)?;
        let (r, s) = signature.split_scalars();
        // With j = 0 the point's abscissa is r itself.
        let abscissa = r.to_repr();
        let point: Option<AffinePoint> = AffinePoint::decompress(&abscissa, Choice::from(v & 1)).into();
        let point = ProjectivePoint::from(point.ok_or(SignatureFault::NoSuchPoint)?);
        let z = <Scalar as Reduce<k256::U256>>::reduce_bytes(<&FieldBytes>::from(&prehash.0));
        let r_inverse: Scalar = *r.invert();
        let u1 = -(r_inverse * z);
        let u2 = r_inverse * *s;
        let key = ProjectivePoint::lincomb(&ProjectivePoint::GENERATOR, &u1, &point, &u2).to_affine();
        if key == AffinePoint::IDENTITY {
            return Err(SignatureFault::NoSuchPoint);
        }
        let encoded = key.to_encoded_point(false);
        address_of(encoded.as_bytes().get(1..).unwrap_or_default())
    }
}
