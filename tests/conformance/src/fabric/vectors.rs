//! Wycheproof's ECDSA vectors on P-256, signatures in DER or as `r ‖ s`, on both implementations.

use causeway_crypto::{
    HighS,
    p256::{Native, P256Fault, Portable, VerifyP256},
};
use serde_json::Value;

use crate::{
    cases::{File, Judged, Outcome, same},
    json::{array, bytes, field, text},
};

/// Judges `{testGroups: [{publicKey: {curve: "secp256r1"}, sha: "SHA-256", tests: […]}]}`.
pub(super) fn ecdsa(file: &File<'_>) -> Judged {
    let groups = array(file.value, "testGroups").ok()?;
    let of_curve = |group: &Value| {
        let key = group.get("publicKey")?;
        (text(key, "curve").ok()? == "secp256r1" && text(group, "sha").ok()? == "SHA-256").then_some(())
    };
    if groups.is_empty() || !groups.iter().all(|group| of_curve(group).is_some()) {
        return None;
    }
    Some(groups.iter().flat_map(judge_group).collect())
}

fn judge_group(group: &Value) -> Vec<(String, Outcome)> {
    let fixed = text(group, "type").is_ok_and(|kind| kind.contains("P1363"));
    let key = field(group, "publicKey").and_then(|key| bytes(key, "uncompressed"));
    let key = key.and_then(|key| <[u8; 65]>::try_from(key).map_err(|_| "the key has no 65 bytes".into()));
    let Ok(tests) = array(group, "tests") else { return Vec::new() };
    let judge = |test: &Value| {
        let id = test.get("tcId").map(Value::to_string).unwrap_or_default();
        let outcome = key.clone().and_then(|key| judge_test(&key, test, fixed));
        (format!("test {id}"), outcome.into())
    };
    tests.iter().map(judge).collect()
}

fn judge_test(key: &[u8; 65], test: &Value, fixed: bool) -> Result<(), String> {
    let (message, signature) = (bytes(test, "msg")?, bytes(test, "sig")?);
    let native = check::<Native>(key, &message, &signature, fixed);
    same("native and portable", native, check::<Portable>(key, &message, &signature, fixed))?;
    match text(test, "result")? {
        "valid" => native.map_err(|fault| fault.to_string()),
        "invalid" => same("accepted", false, native.is_ok()),
        // Either verdict is right.
        _ => Ok(()),
    }
}

fn check<V: VerifyP256>(key: &[u8; 65], message: &[u8], signature: &[u8], fixed: bool) -> Result<(), P256Fault> {
    if !fixed {
        return V::verify_der(key, message, signature, HighS::Accept);
    }
    let r_s: &[u8; 64] = signature.try_into().map_err(|_| P256Fault::Der)?;
    V::verify(key, message, r_s, HighS::Accept)
}
