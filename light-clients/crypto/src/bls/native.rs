//! blst.

use blst::{
    BLST_ERROR, Pairing, blst_p1_affine, blst_p2_affine,
    min_pk::{AggregatePublicKey, AggregateSignature, PublicKey as Point, SecretKey, Signature},
};

use super::{Bls, BlsFault, PUBLIC_KEY_BYTES, PublicKey, SIGNATURE_BYTES, check_dst};

/// BLS signatures in assembly (blst). Runs on the caller's thread alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Native;

/// One, whose signature over a message is the hash of the message.
const ONE: [u8; 32] = {
    let mut bytes = [0; 32];
    bytes[31] = 1;
    bytes
};

/// Reads the affine form again: on the curve, canonical.
fn point(key: &PublicKey) -> Result<Point, BlsFault> {
    Point::deserialize(key.to_affine()).map_err(|_| BlsFault::KeyEncoding)
}

fn sum<'a>(keys: impl IntoIterator<Item = &'a PublicKey>) -> Result<Option<AggregatePublicKey>, BlsFault> {
    let mut keys = keys.into_iter();
    let Some(first) = keys.next() else { return Ok(None) };
    let mut sum = AggregatePublicKey::from_public_key(&point(first)?);
    for key in keys {
        // Validated when the key was made.
        sum.add_public_key(&point(key)?, false).map_err(|_| BlsFault::KeyEncoding)?;
    }
    Ok(Some(sum))
}

fn key_of(sum: &AggregatePublicKey) -> Result<PublicKey, BlsFault> {
    let point = sum.to_public_key();
    // Sums of points of the subgroup are in it: only infinity can be refused here.
    let bytes = point.serialize();
    if bytes[0] & 0x40 != 0 { Err(BlsFault::InfinityKey) } else { Ok(PublicKey(bytes)) }
}

fn signature_of(bytes: &[u8; SIGNATURE_BYTES]) -> Result<Signature, BlsFault> {
    Signature::uncompress(bytes).map_err(|error| match error {
        // blst knows the points with x = 0 while decoding.
        BLST_ERROR::BLST_POINT_NOT_IN_GROUP => BlsFault::SignatureSubgroup,
        _ => BlsFault::SignatureEncoding,
    })
}

fn in_subgroup(signature: &Signature) -> Result<(), BlsFault> {
    if signature.subgroup_check() { Ok(()) } else { Err(BlsFault::SignatureSubgroup) }
}

fn secret(bytes: &[u8; 32]) -> Result<SecretKey, BlsFault> {
    SecretKey::from_bytes(bytes).map_err(|_| BlsFault::SecretKey)
}

impl Bls for Native {
    fn public_key(compressed: &[u8; PUBLIC_KEY_BYTES]) -> Result<PublicKey, BlsFault> {
        let point = Point::uncompress(compressed).map_err(|error| match error {
            BLST_ERROR::BLST_POINT_NOT_IN_GROUP => BlsFault::KeySubgroup,
            _ => BlsFault::KeyEncoding,
        })?;
        match point.validate() {
            Ok(()) => Ok(PublicKey(point.serialize())),
            Err(BLST_ERROR::BLST_PK_IS_INFINITY) => Err(BlsFault::InfinityKey),
            Err(_) => Err(BlsFault::KeySubgroup),
        }
    }

    fn compress(key: &PublicKey) -> Result<[u8; PUBLIC_KEY_BYTES], BlsFault> {
        Ok(point(key)?.compress())
    }

    fn aggregate<'a>(keys: impl IntoIterator<Item = &'a PublicKey>) -> Result<PublicKey, BlsFault> {
        key_of(&sum(keys)?.ok_or(BlsFault::NoKeys)?)
    }

    fn subtract<'a>(
        sum_of: &PublicKey,
        absent: impl IntoIterator<Item = &'a PublicKey>,
    ) -> Result<PublicKey, BlsFault> {
        let Some(absent) = sum(absent)? else { return Ok(*sum_of) };
        let mut left = AggregatePublicKey::from_public_key(&point(sum_of)?);
        left.sub_aggregate(&absent);
        key_of(&left)
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
        in_subgroup(&signature)?;
        let mut pairing = Pairing::new(true, dst);
        let mut beside: Option<&blst_p2_affine> = Some((&signature).into());
        for (key, message) in keys.iter().zip(messages) {
            let point = point(key)?;
            let point: &blst_p1_affine = (&point).into();
            let outcome = match beside.take() {
                Some(signature) => pairing.aggregate(point, false, signature, false, message, &[]),
                None => pairing.aggregate(point, false, &None::<blst_p2_affine>, false, message, &[]),
            };
            match outcome {
                BLST_ERROR::BLST_SUCCESS => {}
                BLST_ERROR::BLST_PK_IS_INFINITY => return Err(BlsFault::InfinityKey),
                _ => return Err(BlsFault::WrongSignature),
            }
        }
        pairing.commit();
        if pairing.finalverify(None) { Ok(()) } else { Err(BlsFault::WrongSignature) }
    }

    fn check_signature(signature: &[u8; SIGNATURE_BYTES]) -> Result<(), BlsFault> {
        in_subgroup(&signature_of(signature)?)
    }

    fn aggregate_signatures(signatures: &[[u8; SIGNATURE_BYTES]]) -> Result<[u8; SIGNATURE_BYTES], BlsFault> {
        let mut sum: Option<AggregateSignature> = None;
        for signature in signatures {
            let signature = signature_of(signature)?;
            in_subgroup(&signature)?;
            match &mut sum {
                None => sum = Some(AggregateSignature::from_signature(&signature)),
                Some(sum) => sum.add_signature(&signature, false).map_err(|_| BlsFault::SignatureSubgroup)?,
            }
        }
        Ok(sum.ok_or(BlsFault::NoSignatures)?.to_signature().compress())
    }

    fn hash_to_g2(message: &[u8], dst: &[u8]) -> Result<[u8; SIGNATURE_BYTES], BlsFault> {
        Self::sign(&ONE, message, dst)
    }

    fn sign(secret_key: &[u8; 32], message: &[u8], dst: &[u8]) -> Result<[u8; SIGNATURE_BYTES], BlsFault> {
        check_dst(dst)?;
        Ok(secret(secret_key)?.sign(message, dst, &[]).compress())
    }

    fn public_key_of(secret_key: &[u8; 32]) -> Result<[u8; PUBLIC_KEY_BYTES], BlsFault> {
        Ok(secret(secret_key)?.sk_to_pk().compress())
    }
}
