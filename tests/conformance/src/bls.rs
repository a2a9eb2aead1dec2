//! BLS signatures, judged by both implementations.
//!
//! * *bls12-381-tests* and the consensus specification's `bls` runner: `{input, output}` in JSON or YAML. The handler
//!   follows from the input's fields; `output` is a verdict, bytes, or null for what must be refused.
//! * *Wycheproof*: `bls_sig_verify_schema`, `bls_aggregate_verify_schema`, `bls_hash_to_g2_schema`.
//!
//! A batch of signature sets is accepted where each is: the client has no use for a randomised check of many at once.

use causeway_crypto::bls::{
    Bls, BlsFault, ETHEREUM_DST, Native, Portable, PublicKey, eth_fast_aggregate_verify, public_keys,
};
use serde_json::Value;

use crate::{
    cases::{File, Format, Judged, ensure, same},
    ethereum::yaml,
    json::{array, byte_list, bytes, bytes_of, field, text},
};

/// Formats of BLS vectors.
pub const FORMATS: [Format; 2] = [input_output, wycheproof];

/// What a case comes to: a verdict or bytes; or a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Verdict(bool),
    Bytes(Vec<u8>),
    Refused,
}

/// Judges `{input, output}`.
pub fn input_output(file: &File<'_>) -> Judged {
    let parsed = if file.value.is_null() { yaml::parse(file.bytes) } else { None };
    let case = parsed.as_ref().unwrap_or(file.value);
    let (input, output) = (case.get("input")?, case.get("output")?);
    if case.as_object().is_none_or(|fields| fields.len() != 2) {
        return None;
    }
    let nobody_counts =
        file.path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("eth_fast_aggregate_verify"));
    let native = answer::<Native>(input, nobody_counts)?;
    let portable = answer::<Portable>(input, nobody_counts)?;
    let judge = || {
        let expected = match output {
            Value::Null => Answer::Refused,
            Value::Bool(verdict) => Answer::Verdict(*verdict),
            Value::Object(_) => Answer::Bytes(point(output)?),
            bytes => Answer::Bytes(bytes_of(bytes)?),
        };
        same("native", &expected, &native)?;
        same("portable", &expected, &portable)
    };
    Some(vec![(String::new(), judge().into())])
}

/// `{x: "c0,c1", y: "c0,c1"}`, the coordinates of a point of G2, as its affine encoding.
fn point(value: &Value) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    for name in ["x", "y"] {
        let (first, second) = text(value, name)?.split_once(',').ok_or("no pair")?;
        for part in [second, first] {
            out.extend(crate::json::unhex(part)?);
        }
    }
    Ok(out)
}

/// The answer of an implementation; `None` where the input is of no known handler.
fn answer<B: Bls>(input: &Value, nobody_counts: bool) -> Option<Answer> {
    let has = |name: &str| input.get(name).is_some();
    let verdict = |outcome: Result<(), BlsFault>| Answer::Verdict(outcome.is_ok());
    let of_bytes = |outcome: Option<Vec<u8>>| outcome.map_or(Answer::Refused, Answer::Bytes);
    if let Some(items) = input.as_array() {
        let items: Vec<Vec<u8>> = items.iter().map(bytes_of).collect::<Result<_, _>>().ok()?;
        // Keys or signatures; of an empty list either has to be refused.
        let keys = items.iter().all(|item| item.len() == 48);
        return Some(of_bytes(if keys { aggregate_keys::<B>(&items) } else { aggregate_signatures::<B>(&items) }));
    }
    if has("privkey") {
        let secret = bytes(input, "privkey").ok()?.try_into().ok()?;
        let signed = B::sign(&secret, &bytes(input, "message").ok()?, ETHEREUM_DST);
        return Some(of_bytes(signed.ok().map(|signature| signature.to_vec())));
    }
    if has("msg") {
        /// The suite's own tag of RFC 9380 §J.10.1.
        const DST: &[u8] = b"QUUX-V01-CS02-with-BLS12381G2_XMD:SHA-256_SSWU_RO_";
        let hash = B::hash_to_g2(text(input, "msg").ok()?.as_bytes(), DST);
        return Some(of_bytes(hash.ok().and_then(|hash| affine(&hash))));
    }
    if has("signatures") {
        return Some(Answer::Verdict(batch::<B>(input).unwrap_or(false)));
    }
    let signature = || input.get("signature").and_then(|value| bytes_of(value).ok()).unwrap_or_default();
    if has("pubkeys") {
        let Some(keys) = keys::<B>(&byte_list(input, "pubkeys").ok()?) else { return Some(Answer::Verdict(false)) };
        let Ok(signature) = signature().try_into() else { return Some(Answer::Verdict(false)) };
        if has("messages") {
            let messages = byte_list(input, "messages").ok()?;
            let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
            return Some(verdict(B::aggregate_verify(&keys, &messages, ETHEREUM_DST, &signature)));
        }
        let message = bytes(input, "message").ok()?;
        return Some(verdict(if nobody_counts {
            eth_fast_aggregate_verify::<B>(&keys, &message, &signature)
        } else {
            B::fast_aggregate_verify(&keys, &message, ETHEREUM_DST, &signature)
        }));
    }
    let key = || -> Option<PublicKey> { B::public_key(&bytes(input, "pubkey").ok()?.try_into().ok()?).ok() };
    if has("message") {
        let outcome = || {
            let (message, signature) = (bytes(input, "message").ok()?, signature().try_into().ok()?);
            B::verify(&key()?, &message, ETHEREUM_DST, &signature).ok()
        };
        return Some(Answer::Verdict(outcome().is_some()));
    }
    match input.as_object()?.len() {
        // Decoding alone takes the point at infinity.
        1 if has("pubkey") => {
            let infinity = |key: &[u8; 48]| B::public_key(key) == Err(BlsFault::InfinityKey);
            let bytes: Option<[u8; 48]> = bytes(input, "pubkey").ok()?.try_into().ok();
            Some(Answer::Verdict(bytes.is_some_and(|bytes| infinity(&bytes) || B::public_key(&bytes).is_ok())))
        }
        1 if has("signature") => {
            let bytes: Option<[u8; 96]> = signature().try_into().ok();
            Some(Answer::Verdict(bytes.is_some_and(|bytes| B::check_signature(&bytes).is_ok())))
        }
        _ => None,
    }
}

fn keys<B: Bls>(keys: &[Vec<u8>]) -> Option<Vec<PublicKey>> {
    let keys: Vec<[u8; 48]> = keys.iter().map(|key| key.as_slice().try_into().ok()).collect::<Option<_>>()?;
    public_keys::<B>(&keys).ok()
}

fn aggregate_keys<B: Bls>(items: &[Vec<u8>]) -> Option<Vec<u8>> {
    let sum = B::aggregate(&keys::<B>(items)?).ok()?;
    B::compress(&sum).ok().map(|sum| sum.to_vec())
}

fn aggregate_signatures<B: Bls>(items: &[Vec<u8>]) -> Option<Vec<u8>> {
    let items: Vec<[u8; 96]> = items.iter().map(|item| item.as_slice().try_into().ok()).collect::<Option<_>>()?;
    B::aggregate_signatures(&items).ok().map(|sum| sum.to_vec())
}

fn batch<B: Bls>(input: &Value) -> Option<bool> {
    let (keys, signatures) = (keys::<B>(&byte_list(input, "pubkeys").ok()?)?, byte_list(input, "signatures").ok()?);
    let messages = byte_list(input, "messages").ok()?;
    if keys.len() != messages.len() || keys.len() != signatures.len() {
        return None;
    }
    for ((key, message), signature) in keys.iter().zip(&messages).zip(&signatures) {
        B::verify(key, message, ETHEREUM_DST, &signature.as_slice().try_into().ok()?).ok()?;
    }
    Some(true)
}

/// The affine form of a compressed point of G2, by a decoder that is neither of the two.
fn affine(compressed: &[u8; 96]) -> Option<Vec<u8>> {
    Some(blst::min_pk::Signature::uncompress(compressed).ok()?.serialize().to_vec())
}

/// Judges Wycheproof's BLS files.
pub fn wycheproof(file: &File<'_>) -> Judged {
    let schema = text(file.value, "schema").ok()?;
    let judge: fn(&Value, &Value) -> Result<(), String> = match schema {
        "bls_sig_verify_schema.json" => |group, test| {
            let key = text(field(group, "publicKey")?, "pk")?;
            verdict(test, |dst, message, signature| verify(key, dst, message, signature), group)
        },
        "bls_aggregate_verify_schema.json" => |group, test| {
            let expected = text(test, "result")? == "valid";
            let dst = text(group, "ciphersuite")?.as_bytes();
            same("native", expected, aggregate_verify::<Native>(test, dst).is_some())?;
            same("portable", expected, aggregate_verify::<Portable>(test, dst).is_some())
        },
        "bls_hash_to_g2_schema.json" => |group, test| {
            let (dst, message) = (text(group, "dst")?.as_bytes(), bytes(test, "msg")?);
            let expected = bytes(test, "expected")?;
            ensure(text(test, "result")? == "valid", || "unknown expectation".into())?;
            same("native", Ok(expected.clone()), Native::hash_to_g2(&message, dst).map(|hash| hash.to_vec()))?;
            same("portable", Ok(expected), Portable::hash_to_g2(&message, dst).map(|hash| hash.to_vec()))
        },
        _ => return None,
    };
    let mut cases = Vec::new();
    for group in array(file.value, "testGroups").ok()? {
        for test in array(group, "tests").ok()? {
            let name = format!("{}", test.get("tcId").unwrap_or(&Value::Null));
            cases.push((name, judge(group, test).into()));
        }
    }
    Some(cases)
}

fn verdict(test: &Value, check: impl Fn(&[u8], &[u8], &[u8]) -> (bool, bool), group: &Value) -> Result<(), String> {
    let expected = text(test, "result")? == "valid";
    let (message, signature) = (bytes(test, "msg")?, bytes(test, "sig")?);
    let (native, portable) = check(text(group, "ciphersuite")?.as_bytes(), &message, &signature);
    same("native", expected, native)?;
    same("portable", expected, portable)
}

fn verify(key: &str, dst: &[u8], message: &[u8], signature: &[u8]) -> (bool, bool) {
    fn one<B: Bls>(key: &str, dst: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
        let key = B::public_key(&crate::json::unhex(key).ok()?.try_into().ok()?).ok()?;
        B::verify(&key, message, dst, &signature.try_into().ok()?).ok()
    }
    (one::<Native>(key, dst, message, signature).is_some(), one::<Portable>(key, dst, message, signature).is_some())
}

fn aggregate_verify<B: Bls>(test: &Value, dst: &[u8]) -> Option<()> {
    let keys = keys::<B>(&byte_list(test, "pubkeys").ok()?)?;
    let messages = byte_list(test, "messages").ok()?;
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    let signature = bytes(test, "sig").ok()?.try_into().ok()?;
    B::aggregate_verify(&keys, &messages, dst, &signature).ok()
}
