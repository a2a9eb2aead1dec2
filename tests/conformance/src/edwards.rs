//! Ed25519 and ECDSA on secp256k1, as CometBFT chains use them: each case on both implementations, Ed25519 alone and in a
//! batch among good signatures.
//!
//! * *Wycheproof EdDSA*: expects RFC 8032. ZIP-215 differs only where a point has small order or a non-canonical encoding;
//!   there `ed25519-consensus` (the library that tendermint-rs uses, and the reference of ZIP-215) says what to expect.
//! * *CCTV Ed25519*: `[{key, sig, msg, flags}]`. Accepted exactly if `reencoded_k` is absent or `low_order_A` is there
//!   (C2SP/CCTV `ed25519vectors_test.go`, ZIP-215).
//! * *Wycheproof ECDSA on secp256k1*: DER, DER with low `s`, and `r ‖ s`. Cosmos takes `r ‖ s` with low `s`; so a valid case
//!   with high `s` must be refused so, and be taken where both forms are.

use alloy_primitives::{B256, hex};
use causeway_crypto::{
    HighS, Native, Portable, SignatureFault,
    ecdsa::{Ecdsa, EcdsaFault},
    ed25519::{Ed25519, KeyCache, Signed},
    p256::signature_from_der,
};
use curve25519_dalek::edwards::CompressedEdwardsY;
use ed25519_consensus::VerificationKey;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    cases::{File, Format, Judged, ensure, same},
    json::{bytes, field, text},
};

/// The formats of these primitives.
pub const FORMATS: [Format; 3] = [eddsa, cctv, secp256k1];

/// The groups of a Wycheproof file of a type, and of a curve.
fn groups<'a>(file: &'a File<'_>, kinds: &[&str], curve: &str) -> Option<&'a [Value]> {
    let groups = file.value.get("testGroups")?.as_array()?;
    let fits = |group: &Value| {
        let kind = group.get("type").and_then(Value::as_str).is_some_and(|kind| kinds.contains(&kind));
        let of = group.get("publicKey").and_then(|key| key.get("curve")).and_then(Value::as_str);
        kind && of == Some(curve)
    };
    (!groups.is_empty() && groups.iter().all(fits)).then_some(groups)
}

fn judged(groups: &[Value], judge: impl Fn(&Value, &Value) -> Result<(), String>) -> Judged {
    let name = |test: &Value| format!("{} {}", test["tcId"], test["comment"].as_str().unwrap_or_default());
    let group = |group: &Value| {
        let tests = group.get("tests").and_then(Value::as_array).cloned().unwrap_or_default();
        tests.into_iter().map(|test| (name(&test), judge(group, &test).into())).collect::<Vec<_>>()
    };
    Some(groups.iter().flat_map(group).collect())
}

/// Whether a case is to be accepted; `acceptable` may be either, so it is left to the primitive's own rules.
fn valid(test: &Value) -> Result<Option<bool>, String> {
    match text(test, "result")? {
        "valid" => Ok(Some(true)),
        "invalid" => Ok(Some(false)),
        "acceptable" => Ok(None),
        other => Err(format!("result {other}")),
    }
}

/// Judges Wycheproof's EdDSA files.
pub fn eddsa(file: &File<'_>) -> Judged {
    judged(groups(file, &["EddsaVerify"], "edwards25519")?, |group, test| {
        let (key, signature) = (bytes(field(group, "publicKey")?, "pk")?, bytes(test, "sig")?);
        let found = ed25519(&key, &signature, &bytes(test, "msg")?)?;
        // The reference agreed already; RFC 8032 has a say where the two rules are one.
        let differ = unusual(&key) || signature.get(..32).is_some_and(unusual);
        valid(test)?.filter(|_| !differ).map_or(Ok(()), |expected| same("accepted", expected, found))
    })
}

/// Judges CCTV's Ed25519 file.
pub fn cctv(file: &File<'_>) -> Judged {
    let cases = file.value.as_array()?;
    let is = |case: &Value| ["key", "sig", "msg", "number"].iter().all(|name| case.get(name).is_some());
    if cases.is_empty() || !cases.iter().all(is) {
        return None;
    }
    let judge = |case: &Value| {
        let flags = case.get("flags").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let has = |flag: &str| flags.iter().any(|found| found == flag);
        let expected = !has("reencoded_k") || has("low_order_A");
        let found = ed25519(&bytes(case, "key")?, &bytes(case, "sig")?, text(case, "msg")?.as_bytes())?;
        same("accepted", expected, found)
    };
    Some(cases.iter().map(|case| (case["number"].to_string(), judge(case).into())).collect())
}

/// Whether bytes are a point of small order, or another than the canonical encoding of a point.
fn unusual(bytes: &[u8]) -> bool {
    let point = CompressedEdwardsY::from_slice(bytes).ok().and_then(|encoded| encoded.decompress());
    point.is_some_and(|point| point.is_small_order() || point.compress().as_bytes() != bytes)
}

/// A good signature: RFC 8032 §7.1, test 2.
const GOOD_KEY: [u8; 32] = hex!("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
const GOOD_SIGNATURE: [u8; 64] = hex!(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
);

/// Verdict of both implementations, alone and in a batch, which must all agree.
fn ed25519(key: &[u8], signature: &[u8], message: &[u8]) -> Result<bool, String> {
    let key = key.try_into().map_err(|_| "no key of 32 bytes")?;
    // CometBFT refuses other lengths before it looks at the signature.
    let Ok(signature) = signature.try_into() else { return Ok(false) };
    let signed = Signed { key, signature, message };
    let good = Signed { key: &GOOD_KEY, signature: &GOOD_SIGNATURE, message: &[0x72] };
    let verdict = Native::verify(&signed);
    let alone = [verdict, Portable::verify(&signed)];
    ensure(alone[0] == alone[1], || format!("native says {:?}, portable {:?}", alone[0], alone[1]))?;
    for place in 0..4 {
        let mut batch = [good; 4];
        if let Some(member) = batch.get_mut(place) {
            *member = signed;
        }
        let native = Native::verify_all(&mut KeyCache::default(), &batch);
        let portable = Portable::verify_all(&mut (), &batch);
        let named = native.map_err(|bad| (bad.index, bad.fault));
        ensure(native == portable, || format!("in a batch native says {native:?}, portable {portable:?}"))?;
        same("in a batch", verdict.map_err(|fault| (place, fault)), named)?;
    }
    let reference = VerificationKey::try_from(*key)
        .and_then(|key| key.verify(&ed25519_consensus::Signature::from(*signature), message));
    same("ed25519-consensus accepts", reference.is_ok(), verdict.is_ok())?;
    Ok(verdict.is_ok())
}

/// Judges Wycheproof's ECDSA files of secp256k1.
pub fn secp256k1(file: &File<'_>) -> Judged {
    let kinds = ["EcdsaVerify", "EcdsaBitcoinVerify", "EcdsaP1363Verify"];
    judged(groups(file, &kinds, "secp256k1")?, |group, test| {
        let kind = text(group, "type")?;
        same("hash", "SHA-256", text(group, "sha")?)?;
        let signature = bytes(test, "sig")?;
        let r_s = match kind {
            "EcdsaP1363Verify" => signature,
            // What is no DER is no signature: of no bytes, for the verdict.
            _ => signature_from_der(&signature).map_or_else(|_| Vec::new(), |r_s| r_s.to_vec()),
        };
        let key = compressed(&bytes(field(group, "publicKey")?, "uncompressed")?)?;
        let prehash = B256::new(Sha256::digest(bytes(test, "msg")?).into());
        let both = ecdsa(&key, &prehash, &r_s, HighS::Accept)?;
        let low = ecdsa(&key, &prehash, &r_s, HighS::Refuse)?;
        let high = low == Err(EcdsaFault::Signature(SignatureFault::HighS));
        ensure(low == both || high, || format!("low form: {low:?}, both forms: {both:?}"))?;
        let Some(expected) = valid(test)? else { return Ok(()) };
        if kind == "EcdsaBitcoinVerify" {
            return same("accepted in the low form", expected, low.is_ok());
        }
        same("accepted", expected, both.is_ok())
    })
}

fn compressed(uncompressed: &[u8]) -> Result<[u8; 33], String> {
    let point = uncompressed.strip_prefix(&[4]).and_then(|point| point.first_chunk::<64>()).ok_or("no point")?;
    let (x, y) = point.split_at(32);
    let mut key = [0; 33];
    key[0] = 2 + (y.last().copied().unwrap_or_default() & 1);
    key[1..].copy_from_slice(x);
    Ok(key)
}

fn ecdsa(key: &[u8; 33], prehash: &B256, r_s: &[u8], high_s: HighS) -> Result<Result<(), EcdsaFault>, String> {
    let native = Native::verify_ecdsa(key, prehash, r_s, high_s);
    let portable = Portable::verify_ecdsa(key, prehash, r_s, high_s);
    ensure(native == portable, || format!("native says {native:?}, portable {portable:?}"))?;
    Ok(native)
}
