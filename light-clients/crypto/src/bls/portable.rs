//! arkworks.

use alloc::vec::Vec;

use ark_bls12_381::{Bls12_381, Fq, Fr, G1Affine, G1Projective, G2Affine, G2Projective, g2};
use ark_ec::{
    AffineRepr, CurveGroup,
    hashing::{HashToCurve, curve_maps::wb::WBMap, map_to_curve_hasher::MapToCurveBasedHasher},
    pairing::Pairing,
};
use ark_ff::{Zero, field_hashers::DefaultFieldHasher};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize, Compress, Validate};
use sha2::Sha256;

use super::{Bls, BlsFault, PUBLIC_KEY_BYTES, PublicKey, SIGNATURE_BYTES, check_dst};

/// BLS signatures in pure Rust (arkworks).
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable;

type Hasher = MapToCurveBasedHasher<G2Projective, DefaultFieldHasher<Sha256, 128>, WBMap<g2::Config>>;

/// Of the encoding's three flag bits: the point at infinity.
const INFINITY: u8 = 0x40;

/// The library takes any point with `y` unread and its sign bit ignored for infinity; the encoding has one form only.
fn canonical(bytes: &[u8], again: &[u8]) -> bool {
    bytes == again
}

/// Reads the affine form again: on the curve, canonical.
fn point(key: &PublicKey) -> Result<G1Affine, BlsFault> {
    let (x, y) = key.to_affine().split_at(48);
    let coordinate = |bytes: &[u8]| {
        // Little-endian in the library's own encoding of a field element; refuses what is not below the modulus.
        let little: Vec<u8> = bytes.iter().rev().copied().collect();
        Fq::deserialize_compressed(little.as_slice()).map_err(|_| BlsFault::KeyEncoding)
    };
    let point = G1Affine::new_unchecked(coordinate(x)?, coordinate(y)?);
    if point.is_on_curve() { Ok(point) } else { Err(BlsFault::KeyEncoding) }
}

fn key_of(point: &G1Affine) -> Result<PublicKey, BlsFault> {
    if point.is_zero() {
        return Err(BlsFault::InfinityKey);
    }
    let mut bytes = [0; 96];
    point.serialize_with_mode(bytes.as_mut_slice(), Compress::No).map_err(|_| BlsFault::KeyEncoding)?;
    Ok(PublicKey(bytes))
}

fn sum<'a>(keys: impl IntoIterator<Item = &'a PublicKey>) -> Result<Option<G1Projective>, BlsFault> {
    let mut sum: Option<G1Projective> = None;
    for key in keys {
        let point = point(key)?;
        match &mut sum {
            None => sum = Some(point.into_group()),
            Some(sum) => *sum += point,
        }
    }
    Ok(sum)
}

fn signature_of(bytes: &[u8; SIGNATURE_BYTES]) -> Result<G2Affine, BlsFault> {
    let point = G2Affine::deserialize_with_mode(bytes.as_slice(), Compress::Yes, Validate::No)
        .map_err(|_| BlsFault::SignatureEncoding)?;
    if !canonical(bytes, &compress_g2(&point)?) {
        return Err(BlsFault::SignatureEncoding);
    }
    if point.is_in_correct_subgroup_assuming_on_curve() { Ok(point) } else { Err(BlsFault::SignatureSubgroup) }
}

fn compress_g2(point: &G2Affine) -> Result<[u8; SIGNATURE_BYTES], BlsFault> {
    let mut bytes = [0; SIGNATURE_BYTES];
    point.serialize_with_mode(bytes.as_mut_slice(), Compress::Yes).map_err(|_| BlsFault::SignatureEncoding)?;
    Ok(bytes)
}

fn compress_g1(point: &G1Affine) -> Result<[u8; PUBLIC_KEY_BYTES], BlsFault> {
    let mut bytes = [0; PUBLIC_KEY_BYTES];
    point.serialize_with_mode(bytes.as_mut_slice(), Compress::Yes).map_err(|_| BlsFault::KeyEncoding)?;
    Ok(bytes)
}

fn hash(message: &[u8], dst: &[u8]) -> Result<G2Affine, BlsFault> {
    check_dst(dst)?;
    let hasher = Hasher::new(dst).map_err(|_| BlsFault::Dst(dst.len()))?;
    hasher.hash(message).map_err(|_| BlsFault::Dst(dst.len()))
}

fn secret(bytes: &[u8; 32]) -> Result<Fr, BlsFault> {
    let little: Vec<u8> = bytes.iter().rev().copied().collect();
    let scalar = Fr::deserialize_compressed(little.as_slice()).map_err(|_| BlsFault::SecretKey)?;
    if scalar.is_zero() { Err(BlsFault::SecretKey) } else { Ok(scalar) }
}

impl Bls for Portable {
    fn public_key(compressed: &[u8; PUBLIC_KEY_BYTES]) -> Result<PublicKey, BlsFault> {
        let point = G1Affine::deserialize_with_mode(compressed.as_slice(), Compress::Yes, Validate::No)
            .map_err(|_| BlsFault::KeyEncoding)?;
        if !canonical(compressed, &compress_g1(&point)?) {
            return Err(BlsFault::KeyEncoding);
        }
        if compressed[0] & INFINITY != 0 {
            return Err(BlsFault::InfinityKey);
        }
        if !point.is_in_correct_subgroup_assuming_on_curve() {
            return Err(BlsFault::KeySubgroup);
        }
        key_of(&point)
    }

    fn compress(key: &PublicKey) -> Result<[u8; PUBLIC_KEY_BYTES], BlsFault> {
        compress_g1(&point(key)?)
    }

    fn aggregate<'a>(keys: impl IntoIterator<Item = &'a PublicKey>) -> Result<PublicKey, BlsFault> {
        key_of(&sum(keys)?.ok_or(BlsFault::NoKeys)?.into_affine())
    }

    fn subtract<'a>(
        sum_of: &PublicKey,
        absent: impl IntoIterator<Item = &'a PublicKey>,
    ) -> Result<PublicKey, BlsFault> {
        let Some(absent) = sum(absent)? else { return Ok(*sum_of) };
        key_of(&(point(sum_of)?.into_group() - absent).into_affine())
    }

    fn verify(key: &PublicKey, message: &[u8], dst: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> Result<(), BlsFault> {
        Self::aggregate_verify(core::slice::from_ref(key), &[message], dst, signature)
    }

    fn aggregate_verify(
        keys: &[PublicKey],
        messages: &[&[u8]],
        dst: &[u8],
        signature: &[u8; SIGNATURE_BYTES],
    ) -> Result<(), BlsFault> {
        check_dst(dst)?;
        if keys.is_empty() {
            return Err(BlsFault::NoKeys);
        }
        if keys.len() != messages.len() {
            return Err(BlsFault::MessageCount { keys: keys.len(), messages: messages.len() });
        }
        let signature = signature_of(signature)?;
        let mut left: Vec<G1Affine> = keys.iter().map(point).collect::<Result<_, _>>()?;
        let mut right: Vec<G2Affine> = messages.iter().map(|message| hash(message, dst)).collect::<Result<_, _>>()?;
        // ∏ e(keyᵢ, H(messageᵢ)) · e(−G, signature) = 1
        left.push(-G1Affine::generator());
        right.push(signature);
        if Bls12_381::multi_pairing(left, right).is_zero() { Ok(()) } else { Err(BlsFault::WrongSignature) }
    }

    fn check_signature(signature: &[u8; SIGNATURE_BYTES]) -> Result<(), BlsFault> {
        signature_of(signature).map(drop)
    }

    fn aggregate_signatures(signatures: &[[u8; SIGNATURE_BYTES]]) -> Result<[u8; SIGNATURE_BYTES], BlsFault> {
        if signatures.is_empty() {
            return Err(BlsFault::NoSignatures);
        }
        let mut sum = G2Projective::zero();
        for signature in signatures {
            sum += signature_of(signature)?;
        }
        compress_g2(&sum.into_affine())
    }

    fn hash_to_g2(message: &[u8], dst: &[u8]) -> Result<[u8; SIGNATURE_BYTES], BlsFault> {
        compress_g2(&hash(message, dst)?)
    }

    fn sign(secret_key: &[u8; 32], message: &[u8], dst: &[u8]) -> Result<[u8; SIGNATURE_BYTES], BlsFault> {
        compress_g2(&(hash(message, dst)? * secret(secret_key)?).into_affine())
    }

    fn public_key_of(secret_key: &[u8; 32]) -> Result<[u8; PUBLIC_KEY_BYTES], BlsFault> {
        compress_g1(&(G1Affine::generator() * secret(secret_key)?).into_affine())
    }
}
