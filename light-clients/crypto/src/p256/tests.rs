//! The same questions to both implementations: they must give the same answers.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use p256::ecdsa::{Signature, SigningKey, signature::Signer};

use super::{HALF_ORDER, Native, ORDER, P256Fault, Portable, VerifyP256};
use crate::HighS;

fn key(number: u8) -> SigningKey {
    SigningKey::from_slice(&[number + 1; 32]).unwrap()
}

fn public(key: &SigningKey) -> [u8; 65] {
    key.verifying_key().to_encoded_point(false).as_bytes().try_into().unwrap()
}

/// Asks both.
fn verify(key: &[u8; 65], message: &[u8], signature: &[u8], high_s: HighS) -> Result<(), P256Fault> {
    let native = Native::verify_der(key, message, signature, high_s);
    assert_eq!(native, Portable::verify_der(key, message, signature, high_s), "{signature:02x?}");
    native
}

fn low(signature: Signature) -> Signature {
    signature.normalize_s().unwrap_or(signature)
}

#[test]
fn good_signatures_verify_and_no_bit_may_change() {
    for number in 0..8 {
        let (signer, message) = (key(number), [number; 50]);
        let der = low(signer.sign(&message)).to_der();
        assert_eq!(verify(&public(&signer), &message, der.as_bytes(), HighS::Refuse), Ok(()));
        assert_eq!(
            verify(&public(&key(number + 1)), &message, der.as_bytes(), HighS::Refuse),
            Err(P256Fault::Mismatch)
        );
        for bit in 0..der.as_bytes().len() * 8 {
            let mut changed = der.as_bytes().to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&public(&signer), &message, &changed, HighS::Accept).is_err());
        }
    }
}

#[test]
fn the_twin_is_taken_only_where_asked() {
    let (signer, message) = (key(9), b"twin");
    let (r, s) = low(signer.sign(message)).split_scalars();
    let twin = Signature::from_scalars(*r, -*s).unwrap().to_der();
    assert_eq!(verify(&public(&signer), message, twin.as_bytes(), HighS::Accept), Ok(()));
    assert_eq!(verify(&public(&signer), message, twin.as_bytes(), HighS::Refuse), Err(P256Fault::HighS));
}

#[test]
fn ranges_are_exact() {
    let ask = |r: [u8; 32], s: [u8; 32]| {
        let r_s: [u8; 64] = [r, s].concat().try_into().unwrap();
        let native = Native::verify(&public(&key(1)), b"m", &r_s, HighS::Refuse);
        assert_eq!(native, Portable::verify(&public(&key(1)), b"m", &r_s, HighS::Refuse));
        native
    };
    let one = {
        let mut one = [0; 32];
        one[31] = 1;
        one
    };
    let mut above_half = HALF_ORDER;
    above_half[31] += 1;
    let mut below_order = ORDER;
    below_order[31] -= 1;
    assert_eq!(ask([0; 32], one), Err(P256Fault::ROutOfRange));
    assert_eq!(ask(ORDER, one), Err(P256Fault::ROutOfRange));
    assert_eq!(ask(one, [0; 32]), Err(P256Fault::SOutOfRange));
    assert_eq!(ask(one, ORDER), Err(P256Fault::SOutOfRange));
    assert_eq!(ask(one, below_order), Err(P256Fault::HighS));
    assert_eq!(ask(one, above_half), Err(P256Fault::HighS));
    assert_eq!(ask(one, HALF_ORDER), Err(P256Fault::Mismatch));
}

#[test]
fn keys_off_the_curve_are_refused() {
    let (signer, message) = (key(3), b"key");
    let der = low(signer.sign(message)).to_der();
    for at in [0, 1, 40, 64] {
        let mut changed = public(&signer);
        changed[at] ^= 1;
        assert_eq!(verify(&changed, message, der.as_bytes(), HighS::Refuse), Err(P256Fault::Mismatch));
    }
}
