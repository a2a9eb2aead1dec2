//! The same questions to both implementations: they must give the same answers.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use alloy_primitives::{Address, B256, address, hex, keccak256};

use crate::{HighS, Native, Portable, Recover, SignatureFault};

/// Asks both.
fn recover(prehash: &B256, r_s: &[u8; 64], v: u8, high_s: HighS) -> Result<Address, SignatureFault> {
    let native = Native::recover(prehash, r_s, v, high_s);
    let portable = Portable::recover(prehash, r_s, v, high_s);
    assert_eq!(native, portable, "prehash {prehash}, r_s {}, v {v}", hex::encode(r_s));
    native
}

/// A signature by the key `keccak256(number)`.
fn signed(number: u8) -> (B256, [u8; 64], u8, Address) {
    let key = k256::ecdsa::SigningKey::from_slice(keccak256([number]).as_slice()).unwrap();
    let prehash = keccak256([number, 1]);
    let (signature, id) = key.sign_prehash_recoverable(prehash.as_slice()).unwrap();
    let point = key.verifying_key().to_encoded_point(false);
    let address = Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..]);
    (prehash, signature.to_bytes().into(), id.to_byte(), address)
}

/// n − s: the twin of a signature, with the other recovery id.
fn twin(r_s: &[u8; 64], v: u8) -> ([u8; 64], u8) {
    let signature = k256::ecdsa::Signature::from_slice(r_s).unwrap();
    let (r, s) = signature.split_scalars();
    let other = k256::ecdsa::Signature::from_scalars(*r, -*s).unwrap();
    (other.to_bytes().into(), 1 - v)
}

const ORDER: [u8; 32] = hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");

#[test]
fn signers_are_recovered() {
    for number in 0..50 {
        let (prehash, r_s, v, address) = signed(number);
        assert_eq!(recover(&prehash, &r_s, v, HighS::Refuse), Ok(address));
        assert_ne!(recover(&prehash, &r_s, 1 - v, HighS::Refuse), Ok(address));
    }
}

/// Ethereum's own ecrecover example (go-ethereum `core/vm/testdata/precompiles/ecRecover.json`, "ValidKey").
#[test]
fn the_precompile_s_example() {
    let prehash = B256::new(hex!("18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c"));
    let r_s = hex!(
        "73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75f"
        "eeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549"
    );
    let signer = address!("a94f5374fce5edbc8e2a8697c15331677e6ebf0b");
    assert_eq!(recover(&prehash, &r_s, 1, HighS::Accept), Ok(signer));
    assert_eq!(recover(&prehash, &r_s, 1, HighS::Refuse), Err(SignatureFault::HighS));
}

#[test]
fn atk_048_the_twin_of_a_signature_is_refused_where_asked() {
    for number in 0..20 {
        let (prehash, r_s, v, address) = signed(number);
        let (twin_r_s, twin_v) = twin(&r_s, v);
        assert_eq!(recover(&prehash, &twin_r_s, twin_v, HighS::Accept), Ok(address));
        assert_eq!(recover(&prehash, &twin_r_s, twin_v, HighS::Refuse), Err(SignatureFault::HighS));
    }
}

#[test]
fn atk_049_scalars_out_of_range_and_bad_ids_are_refused() {
    let (prehash, good, v, _) = signed(1);
    let with = |r: Option<[u8; 32]>, s: Option<[u8; 32]>| {
        let mut r_s = good;
        if let Some(r) = r {
            r_s[..32].copy_from_slice(&r);
        }
        if let Some(s) = s {
            r_s[32..].copy_from_slice(&s);
        }
        r_s
    };
    for bad in [[0; 32], ORDER, [0xff; 32]] {
        assert_eq!(recover(&prehash, &with(Some(bad), None), v, HighS::Accept), Err(SignatureFault::ROutOfRange));
        assert_eq!(recover(&prehash, &with(None, Some(bad)), v, HighS::Accept), Err(SignatureFault::SOutOfRange));
    }
    assert_eq!(recover(&prehash, &[0; 64], 0, HighS::Accept), Err(SignatureFault::ROutOfRange));
    for id in [2, 3, 27, 28, 255] {
        assert_eq!(recover(&prehash, &good, id, HighS::Accept), Err(SignatureFault::RecoveryId { found: id }));
    }
    let mut below_order = ORDER;
    below_order[31] -= 1;
    assert!(matches!(
        recover(&prehash, &with(None, Some(below_order)), v, HighS::Accept),
        Ok(_) | Err(SignatureFault::NoSuchPoint)
    ));
}

#[test]
fn an_r_that_is_no_abscissa_answers_nobody() {
    let (prehash, mut r_s, v, _) = signed(3);
    let mut refused = 0;
    for byte in 0..=255 {
        r_s[31] = byte;
        refused += usize::from(recover(&prehash, &r_s, v, HighS::Accept) == Err(SignatureFault::NoSuchPoint));
    }
    // Half of all numbers are abscissas of the curve.
    assert!((64..192).contains(&refused), "{refused}");
}

#[test]
fn the_point_at_infinity_is_nobody() {
    // R = G, s = z: s·R − z·G is the identity, whatever z.
    let generator = hex!("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    let z = hex!("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    let mut r_s = [0; 64];
    r_s[..32].copy_from_slice(&generator);
    r_s[32..].copy_from_slice(&z);
    // G has an even ordinate.
    assert_eq!(recover(&B256::new(z), &r_s, 0, HighS::Refuse), Err(SignatureFault::NoSuchPoint));
    assert!(recover(&B256::new(z), &r_s, 1, HighS::Refuse).is_ok());
}

#[test]
fn any_bytes_get_one_answer() {
    let mut seed = B256::repeat_byte(9);
    for _ in 0..300 {
        let prehash = keccak256(seed);
        let r = keccak256(prehash);
        let s = keccak256(r);
        let mut r_s = [0; 64];
        r_s[..32].copy_from_slice(r.as_slice());
        r_s[32..].copy_from_slice(s.as_slice());
        let _ = recover(&prehash, &r_s, s[0] & 3, HighS::Accept);
        let _ = recover(&prehash, &r_s, s[0] & 1, HighS::Refuse);
        seed = s;
    }
}
