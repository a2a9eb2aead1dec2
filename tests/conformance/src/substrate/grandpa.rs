//! GRANDPA justifications.

use alloy_primitives::B256;
use causeway_crypto::{Native, Portable};
use causeway_substrate::{
    AncestryRule, AuthoritySet, AuthoritySource, HeaderFormat, Justification, Params, Refusal,
    compose::{Vote, justification},
    verify_justification,
};
use serde_json::Value;

use super::ss58;
use crate::{
    cases::{File, Judged, Outcome, ensure},
    json::{array, byte_list, bytes, bytes_of, field, hash, text, u64_of},
};

/// A justification with the set that has to have signed it.
#[derive(Clone, Debug)]
pub struct GrandpaCase {
    /// The client's parameters.
    pub params: Params,
    /// The set.
    pub set: AuthoritySet,
    /// SCALE of the justification.
    pub justification: Vec<u8>,
    /// Whether it must be accepted.
    pub valid: bool,
}

impl GrandpaCase {
    /// Verdict of both implementations, which must agree.
    ///
    /// # Errors
    /// That they do not.
    pub fn verdict(&self, ancestry: AncestryRule) -> Result<Result<(), Refusal>, String> {
        let params = Params { ancestry, ..self.params };
        crate::seeds::keep("substrate", &self.justification);
        let native = verify_justification::<Native>(&params, &self.set, &self.justification).map(|_| ());
        let portable = verify_justification::<Portable>(&params, &self.set, &self.justification).map(|_| ());
        if native == portable { Ok(native) } else { Err(format!("native says {native:?}, portable {portable:?}")) }
    }

    /// The files say of each case whether two thirds of the weight stand behind the target. Whether every vote has to
    /// show it is a stricter question: what is invalid must be refused under both rules.
    fn judge(&self) -> Result<(), String> {
        let weight = self.verdict(AncestryRule::Weight)?;
        if self.valid {
            return weight.map_err(|refusal| refusal.to_string());
        }
        ensure(weight.is_err() && self.verdict(AncestryRule::Complete)?.is_err(), || "accepted".into())
    }
}

fn params(header: HeaderFormat) -> Params {
    Params {
        header,
        ancestry: AncestryRule::Complete,
        authorities: AuthoritySource::Digest,
        trusting_period: 14 * 24 * 3600,
        drift: 15,
        freeze_delay: 3600,
    }
}

/// Judges a justification as RPC prints it.
pub(super) fn rpc_justification(file: &File<'_>) -> Judged {
    let case = justification_case(file.value)?;
    Some(vec![(String::new(), case.and_then(|case| case.judge()).into())])
}

/// The case of a file, if it is of this format.
pub fn justification_case(value: &Value) -> Option<Result<GrandpaCase, String>> {
    let (set, proof) = (value.get("validator_set")?, value.get("justification")?);
    let (list, commit) = (set.get("validator_set")?.as_array()?, proof.get("commit")?);
    Some((|| {
        let authorities = list.iter().map(|item| Ok((key(item)?, 1))).collect::<Result<_, String>>()?;
        let set = AuthoritySet::new(u64_of(set, "set_id")?, authorities).map_err(|fault| fault.to_string())?;
        let headers = array(proof, "votes_ancestries")?;
        let avail = headers.iter().any(|header| header.get("extension").is_some());
        let votes = array(commit, "precommits")?.iter().map(vote).collect::<Result<Vec<_>, String>>()?;
        let headers = headers.iter().map(header).collect::<Result<Vec<_>, String>>()?;
        let justification = justification(u64_of(proof, "round")?, target(commit)?, &votes, &headers);
        let params = params(if avail { HeaderFormat::Avail } else { HeaderFormat::Substrate });
        let valid = value.get("expected").and_then(Value::as_str).is_none_or(|expected| expected.starts_with("valid"));
        Ok(GrandpaCase { params, set, justification, valid })
    })())
}

/// A key in SS58 or hex.
fn key(value: &Value) -> Result<[u8; 32], String> {
    let text = value.as_str().ok_or("no key")?;
    match crate::json::unhex(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
        Some(key) => Ok(key),
        None => ss58::key(text),
    }
}

fn target(value: &Value) -> Result<(B256, u32), String> {
    let number = u32::try_from(number(value, "target_number")?).map_err(|_| "number beyond 32 bits")?;
    Ok((hash(value, "target_hash")?, number))
}

/// A number as JSON or as a string of decimals or hex.
fn number(value: &Value, name: &str) -> Result<u64, String> {
    match field(value, name)? {
        Value::String(text) if !text.starts_with("0x") => text.parse().map_err(|_| format!("{name} is no number")),
        _ => u64_of(value, name),
    }
}

fn vote(value: &Value) -> Result<Vote, String> {
    let signature = bytes(value, "signature")?.try_into().map_err(|_| "signature is not 64 bytes")?;
    Ok(Vote { target: target(field(value, "precommit")?)?, signature, key: key(field(value, "id")?)? })
}

fn compact(value: u64) -> Result<Vec<u8>, String> {
    let value = u32::try_from(value).map_err(|_| "beyond 32 bits")?;
    Ok(match value {
        0..=0x3f => vec![(value as u8) << 2],
        0x40..=0x3fff => ((value as u16) << 2 | 1).to_le_bytes().to_vec(),
        0x4000..=0x3fff_ffff => (value << 2 | 2).to_le_bytes().to_vec(),
        _ => [&[3], value.to_le_bytes().as_slice()].concat(),
    })
}

/// SCALE of a header.
fn header(value: &Value) -> Result<Vec<u8>, String> {
    let mut out = hash(value, "parentHash")?.to_vec();
    out.extend(compact(number(value, "number")?)?);
    out.extend_from_slice(hash(value, "stateRoot")?.as_slice());
    out.extend_from_slice(hash(value, "extrinsicsRoot")?.as_slice());
    let logs = byte_list(field(value, "digest")?, "logs")?;
    out.extend(compact(logs.len() as u64)?);
    out.extend(logs.concat());
    let Some(extension) = value.get("extension") else { return Ok(out) };
    let extension = field(extension, "V3")?;
    out.push(2);
    let lookup = field(extension, "appLookup")?;
    out.extend(compact(number(lookup, "size")?)?);
    let index = array(lookup, "index")?;
    out.extend(compact(index.len() as u64)?);
    for entry in index {
        out.extend(compact(number(entry, "appId")?)?);
        out.extend(compact(number(entry, "start")?)?);
    }
    let commitment = field(extension, "commitment")?;
    out.extend(compact(number(commitment, "rows")?)?);
    out.extend(compact(number(commitment, "cols")?)?);
    let bytes = match field(commitment, "commitment")? {
        Value::Array(bytes) => {
            let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok()).ok_or("no byte");
            bytes.iter().map(byte).collect::<Result<Vec<u8>, _>>()?
        }
        hex => bytes_of(hex)?,
    };
    out.extend(compact(bytes.len() as u64)?);
    out.extend(bytes);
    out.extend_from_slice(hash(commitment, "dataRoot")?.as_slice());
    Ok(out)
}

/// A justification in SCALE beside its set: it is read strictly, and judged where the file names the set's id. Where it
/// lists no authorities, those who voted stand for the set.
pub(super) fn scale_justification(file: &File<'_>) -> Judged {
    const NAMES: [&str; 5] = ["justification", "justification_scale", "scale", "scale_encoded", "bytes"];
    let object = file.value.as_object()?;
    let (encoded, format) = NAMES.iter().find_map(|name| {
        let encoded = encoded(object.get(*name)?)?;
        let formats = [HeaderFormat::Substrate, HeaderFormat::Avail];
        let format = formats.into_iter().find(|format| Justification::read(*format, &encoded).is_ok())?;
        Some((encoded, format))
    })?;
    let verdict = scale_case(file.value, &encoded, format);
    Some(vec![(String::new(), verdict.unwrap_or_else(Outcome::Failed))])
}

/// Hex, or an array of bytes.
fn encoded(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Array(bytes) => bytes.iter().map(|byte| u8::try_from(byte.as_u64()?).ok()).collect(),
        value => bytes_of(value).ok(),
    }
}

fn scale_case(value: &Value, encoded: &[u8], format: HeaderFormat) -> Result<Outcome, String> {
    let read = Justification::read(format, encoded).map_err(|fault| fault.to_string())?;
    for (name, found) in [("round", read.round), ("target_number", read.target_number.into())] {
        if value.get(name).is_some() {
            crate::cases::same(name, number(value, name)?, found)?;
        }
    }
    if value.get("target_hash").is_some() {
        crate::cases::same("target", hash(value, "target_hash")?, read.target_hash)?;
    }
    let id = ["set_id", "authorities_set_id", "setId"].iter().find_map(|name| number(value, name).ok());
    let Some(id) = id else { return Ok(Outcome::Unjudged("read; the file does not name the set's id".into())) };
    let listed = ["authorities", "validators", "validator_set"]
        .iter()
        .find_map(|name| value.get(*name)?.as_array()?.iter().map(|item| key(item).ok()).collect::<Option<Vec<_>>>());
    let mut keys = listed.unwrap_or_else(|| read.precommits.iter().map(|vote| *vote.key).collect());
    keys.sort_unstable();
    keys.dedup();
    let set =
        AuthoritySet::new(id, keys.into_iter().map(|key| (key, 1)).collect()).map_err(|fault| fault.to_string())?;
    let valid = text(value, "expected").ok().is_none_or(|expected| !expected.starts_with("invalid"));
    let case = GrandpaCase { params: params(format), set, justification: encoded.to_vec(), valid };
    Ok(case.judge().into())
}
