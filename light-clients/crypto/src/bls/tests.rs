//! Both implementations beside each other; the vectors run in the conformance suite.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use alloc::vec::Vec;

use alloy_primitives::keccak256;

use super::*;

fn secret(number: u64) -> [u8; 32] {
    let mut bytes = keccak256(number.to_be_bytes()).0;
    // Below the group order.
    bytes[0] &= 0x3f;
    bytes
}

fn keys(of: u64) -> Vec<PublicKey> {
    (0..of).map(|number| Native::public_key(&Native::public_key_of(&secret(number)).unwrap()).unwrap()).collect()
}

/// What one implementation makes, the other takes, and both make the same.
#[test]
fn both_agree_on_honest_input() {
    for number in 0..4 {
        let (key, message) = (secret(number), keccak256([number as u8]));
        let public = Native::public_key_of(&key).unwrap();
        assert_eq!(public, Portable::public_key_of(&key).unwrap());
        let signature = Native::sign(&key, message.as_slice(), ETHEREUM_DST).unwrap();
        assert_eq!(signature, Portable::sign(&key, message.as_slice(), ETHEREUM_DST).unwrap());
        let native = Native::public_key(&public).unwrap();
        assert_eq!(native, Portable::public_key(&public).unwrap());
        assert_eq!(Native::compress(&native), Ok(public));
        assert_eq!(Portable::compress(&native), Ok(public));
        assert_eq!(Native::verify(&native, message.as_slice(), ETHEREUM_DST, &signature), Ok(()));
        assert_eq!(Portable::verify(&native, message.as_slice(), ETHEREUM_DST, &signature), Ok(()));
        let other = Err(BlsFault::WrongSignature);
        assert_eq!(Native::verify(&native, b"", ETHEREUM_DST, &signature), other);
        assert_eq!(Portable::verify(&native, b"", ETHEREUM_DST, &signature), other);
        assert_eq!(Native::verify(&native, message.as_slice(), b"", &signature), other);
        assert_eq!(Portable::verify(&native, message.as_slice(), b"", &signature), other);
    }
}

/// The sum without the absent is the sum of the present.
#[test]
fn subtraction_undoes_addition() {
    let keys = keys(8);
    let all = Native::aggregate(&keys).unwrap();
    assert_eq!(Portable::aggregate(&keys), Ok(all));
    for absent in 0..8 {
        let present = Native::aggregate(&keys[absent..]).unwrap();
        assert_eq!(Native::subtract(&all, &keys[..absent]), Ok(present));
        assert_eq!(Portable::subtract(&all, &keys[..absent]), Ok(present));
    }
    // A member may sit in a committee twice.
    let twice = Native::aggregate([&keys[0], &keys[0], &keys[1]]).unwrap();
    assert_eq!(Native::subtract(&twice, [&keys[0], &keys[0]]), Ok(keys[1]));
    assert_eq!(Portable::subtract(&twice, [&keys[0], &keys[0]]), Ok(keys[1]));
    // Nothing left is no key.
    assert_eq!(Native::subtract(&all, &keys), Err(BlsFault::InfinityKey));
    assert_eq!(Portable::subtract(&all, &keys), Err(BlsFault::InfinityKey));
    assert_eq!(Native::aggregate([]), Err(BlsFault::NoKeys));
    assert_eq!(Portable::aggregate([]), Err(BlsFault::NoKeys));
}

/// Every one-bit change of a key and of a signature, and edge encodings: refused, and for the same reason by both.
#[test]
fn atk_069_bls_edge_points() {
    let key = Native::public_key_of(&secret(1)).unwrap();
    let good = Native::public_key(&key).unwrap();
    let signature = Native::sign(&secret(1), b"message", ETHEREUM_DST).unwrap();
    for bit in 0..key.len() * 8 {
        let mut changed = key;
        changed[bit / 8] ^= 1 << (bit % 8);
        let (native, portable) = (Native::public_key(&changed), Portable::public_key(&changed));
        assert_eq!(native, portable, "bit {bit}");
        assert_ne!(native, Ok(good));
    }
    for bit in 0..signature.len() * 8 {
        let mut changed = signature;
        changed[bit / 8] ^= 1 << (bit % 8);
        let native = Native::verify(&good, b"message", ETHEREUM_DST, &changed);
        assert!(native.is_err());
        assert_eq!(native, Portable::verify(&good, b"message", ETHEREUM_DST, &changed), "bit {bit}");
    }
    let mut infinity = [0; 48];
    infinity[0] = 0xc0;
    assert_eq!(Native::public_key(&infinity), Err(BlsFault::InfinityKey));
    assert_eq!(Portable::public_key(&infinity), Err(BlsFault::InfinityKey));
    let wrong = Err(BlsFault::WrongSignature);
    assert_eq!(Native::verify(&good, b"message", ETHEREUM_DST, &INFINITY_SIGNATURE), wrong);
    assert_eq!(Portable::verify(&good, b"message", ETHEREUM_DST, &INFINITY_SIGNATURE), wrong);
    // Flags without meaning, coordinates at and above the modulus, every flag combination over zero.
    for first in (0..=7u8).map(|flags| flags << 5) {
        for fill in [0, 0xff] {
            let (mut point, mut pair) = ([fill; 48], [fill; 96]);
            (point[0], pair[0]) = (first | (fill & 0x1f), first | (fill & 0x1f));
            let native = Native::public_key(&point);
            assert!(native.is_err());
            assert_eq!(native, Portable::public_key(&point), "{first:02x} {fill:02x}");
            assert_eq!(Native::check_signature(&pair), Portable::check_signature(&pair), "{first:02x} {fill:02x}");
        }
    }
    // Nobody signing.
    assert_eq!(eth_fast_aggregate_verify::<Native>(&[], b"", &INFINITY_SIGNATURE), Ok(()));
    assert_eq!(eth_fast_aggregate_verify::<Portable>(&[], b"", &INFINITY_SIGNATURE), Ok(()));
    assert_eq!(eth_fast_aggregate_verify::<Native>(&[], b"", &signature), Err(BlsFault::NoKeys));
    assert_eq!(eth_fast_aggregate_verify::<Portable>(&[], b"", &signature), Err(BlsFault::NoKeys));
}

/// Coordinates that no key ever had are noticed where they are used.
#[test]
fn foreign_coordinates_are_refused() {
    let forged = PublicKey::from_trusted_affine([1; 96]);
    for outcome in [Native::aggregate([&forged]), Portable::aggregate([&forged])] {
        assert_eq!(outcome, Err(BlsFault::KeyEncoding));
    }
    assert_eq!(Native::verify(&forged, b"", ETHEREUM_DST, &INFINITY_SIGNATURE), Err(BlsFault::KeyEncoding));
    assert_eq!(Portable::verify(&forged, b"", ETHEREUM_DST, &INFINITY_SIGNATURE), Err(BlsFault::KeyEncoding));
}

#[test]
fn secret_keys_are_in_range() {
    for bytes in [[0; 32], [0xff; 32]] {
        assert_eq!(Native::public_key_of(&bytes), Err(BlsFault::SecretKey));
        assert_eq!(Portable::public_key_of(&bytes), Err(BlsFault::SecretKey));
        assert_eq!(Native::sign(&bytes, b"", b""), Err(BlsFault::SecretKey));
        assert_eq!(Portable::sign(&bytes, b"", b""), Err(BlsFault::SecretKey));
    }
    assert_eq!(Native::sign(&[1; 32], b"", &[0; 256]), Err(BlsFault::Dst(256)));
    assert_eq!(Portable::sign(&[1; 32], b"", &[0; 256]), Err(BlsFault::Dst(256)));
}
