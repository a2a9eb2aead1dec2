//! Both implementations beside each other on what one can make up. The vectors (Wycheproof, CCTV) run in the conformance
//! suite.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::vec::Vec;

use curve25519_dalek::{EdwardsPoint, Scalar};
use sha2::{Digest, Sha512};

use super::{BadMember, Ed25519, Ed25519Fault, KeyCache, Signed};
use crate::{Native, Portable};

/// A key pair and a signature by the formula of RFC 8032.
fn sign(number: u8, message: &[u8]) -> ([u8; 32], [u8; 64]) {
    let secret = Scalar::from_bytes_mod_order_wide(&Sha512::digest([number, 1]).into());
    let nonce = Scalar::from_bytes_mod_order_wide(
        &Sha512::new().chain_update([number, 2]).chain_update(message).finalize().into(),
    );
    let (key, r) = (EdwardsPoint::mul_base(&secret).compress().0, EdwardsPoint::mul_base(&nonce).compress().0);
    let k = Sha512::new().chain_update(r).chain_update(key).chain_update(message).finalize();
    let s = nonce + Scalar::from_bytes_mod_order_wide(&k.into()) * secret;
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&r);
    signature[32..].copy_from_slice(s.as_bytes());
    (key, signature)
}

type Case = (Vec<u8>, [u8; 32], [u8; 64]);

fn cases(count: u8) -> Vec<Case> {
    let case = |number: u8| {
        let message = [number; 7].to_vec();
        let (key, signature) = sign(number, &message);
        (message, key, signature)
    };
    (0..count).map(case).collect()
}

fn both(cases: &[Case]) -> Result<(), BadMember> {
    let signed: Vec<_> = cases.iter().map(|(message, key, signature)| Signed { key, signature, message }).collect();
    let mut keys = KeyCache::default();
    let native = Native::verify_all(&mut keys, &signed);
    assert_eq!(native, Portable::verify_all(&mut (), &signed));
    // Points are known the second time, tables are there the third.
    for _ in 0..2 {
        assert_eq!(native, Native::verify_all(&mut keys, &signed), "a warm cache changes nothing");
    }
    native
}

#[test]
fn honest_signatures_of_every_count() {
    for count in [0, 1, 2, 3, 4, 33, 120] {
        assert_eq!(both(&cases(count)), Ok(()));
    }
}

#[test]
fn one_bad_among_many_is_named() {
    for index in [0, 5, 19] {
        for byte in [0, 31, 32, 63] {
            let mut cases = cases(20);
            cases[index].2[byte] ^= 1;
            assert_eq!(both(&cases).unwrap_err().index, index);
        }
        let mut cases = cases(20);
        cases[index].0.push(0);
        assert_eq!(both(&cases), Err(BadMember { index, fault: Ed25519Fault::Mismatch }));
        cases[index].1 = [2; 32];
        assert_eq!(both(&cases), Err(BadMember { index, fault: Ed25519Fault::Key }));
    }
}

/// Two wrong signatures whose errors cancel out where nothing random weighs them.
#[test]
fn errors_that_cancel_do_not_pass() {
    let mut cases = cases(4);
    let add = |signature: &mut [u8; 64], delta: Scalar| {
        let (_, s) = signature.split_last_chunk_mut::<32>().unwrap();
        *s = (Scalar::from_bytes_mod_order(*s) + delta).to_bytes();
    };
    add(&mut cases[1].2, Scalar::ONE);
    add(&mut cases[2].2, -Scalar::ONE);
    assert_eq!(both(&cases), Err(BadMember { index: 1, fault: Ed25519Fault::Mismatch }));
}

/// s + ℓ is the same number to a careless verifier.
#[test]
fn s_beyond_the_order_is_refused() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut cases = cases(5);
    let mut carry = 0;
    for (byte, order) in cases[3].2[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
    }
    assert_eq!(both(&cases), Err(BadMember { index: 3, fault: Ed25519Fault::SOutOfRange }));
}

/// The tables of one batch serve another: fewer keys, more keys, a key twice, and still name who is bad.
#[test]
fn tables_of_keys_outlive_a_batch() {
    let mut keys = KeyCache::default();
    let mut verdict = |cases: &[Case]| {
        let signed: Vec<_> = cases.iter().map(|(message, key, signature)| Signed { key, signature, message }).collect();
        Native::verify_all(&mut keys, &signed)
    };
    let all = cases(30);
    for cases in [&all[..20], &all[..20], &all[..20], &all[5..18], &all[..30], &all[..30], &all[10..]] {
        assert_eq!(verdict(cases), Ok(()));
        let mut bad = cases.to_vec();
        bad[7].0.push(1);
        assert_eq!(verdict(&bad), Err(BadMember { index: 7, fault: Ed25519Fault::Mismatch }));
    }
    let twice = [&all[..9], &all[3..12]].concat();
    assert_eq!(verdict(&twice), Ok(()));
}
