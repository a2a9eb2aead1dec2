//! Encodings.
//!
//! * *QBFT extra data*: `{name: {qbft_extra_data, rlp}}`: the bytes read as exactly this object.
//! * *QBFT messages*: `{name: {message, rlp}}`. The bytes are read by the strict reader; the strings in them, in order,
//!   are the fields of the message in the order of the EEA specification.
//! * *RLP tests* (ethereum/tests): `{name: {in, out}}`; `in` is `INVALID` where a strict reader must refuse `out`.

use causeway_bft_evm::{Mode, extra::Extra};
use causeway_mpt::rlp::{self, Item};
use serde_json::Value;

use crate::{
    cases::{File, Judged, ensure, same},
    json::{addresses, byte_list, bytes, bytes_of, field, text, trimmed, u64_of, unhex},
};

/// The cases of an object if each holds these fields.
fn named<'a>(value: &'a Value, fields: [&str; 2]) -> Option<Vec<(&'a String, &'a Value)>> {
    let cases = value.as_object()?;
    let fits = |case: &Value| fields.iter().all(|field| case.get(field).is_some());
    (!cases.is_empty() && cases.values().all(fits)).then(|| cases.iter().collect())
}

/// Judges `{name: {qbft_extra_data, rlp}}`.
pub fn qbft_extra_data(file: &File<'_>) -> Judged {
    let cases = named(file.value, ["qbft_extra_data", "rlp"])?;
    Some(cases.into_iter().map(|(name, case)| (name.clone(), extra_data(case).into())).collect())
}

fn extra_data(case: &Value) -> Result<(), String> {
    let (bytes, expected) = (bytes(case, "rlp")?, field(case, "qbft_extra_data")?);
    let extra = Extra::sealed(Mode::Qbft, &bytes).map_err(|fault| fault.to_string())?;
    same("vanity", self::bytes(expected, "vanityData")?, extra.vanity.to_vec())?;
    same("validators", addresses(expected, "validators")?, extra.validators().collect())?;
    same("round", u64_of(expected, "round")?, u64::from(extra.round))?;
    same("seals", byte_list(expected, "seals")?, extra.seals().map(|seal| seal.to_vec()).collect())?;
    let vote = match expected.get("vote").filter(|vote| !vote.is_null()) {
        None => None,
        Some(vote) => Some((crate::json::address(vote, "recipient")?, text(vote, "voteType")? == "0xff")),
    };
    same("vote", vote, extra.vote)
}

/// Judges `{name: {message, rlp}}`.
pub fn qbft_messages(file: &File<'_>) -> Judged {
    let cases = named(file.value, ["message", "rlp"])?;
    Some(cases.into_iter().map(|(name, case)| (name.clone(), message(case).into())).collect())
}

fn message(case: &Value) -> Result<(), String> {
    let bytes = bytes(case, "rlp")?;
    let mut found = Vec::new();
    strings(rlp::exact(&bytes).map_err(|error| error.to_string())?, &mut found)?;
    let mut expected = Vec::new();
    fields(field(case, "message")?, &mut expected)?;
    same("fields", expected, found)
}

/// All strings in an item, depth first.
fn strings(item: Item<'_>, out: &mut Vec<Vec<u8>>) -> Result<(), String> {
    if !item.is_list() {
        out.push(item.payload().to_vec());
        return Ok(());
    }
    let mut items = item.items().map_err(|error| error.to_string())?;
    while !items.is_empty() {
        strings(items.item().map_err(|error| error.to_string())?, out)?;
    }
    Ok(())
}

/// Fields of a message in the order in which it is written. Blocks are read like the message itself.
fn fields(value: &Value, out: &mut Vec<Vec<u8>>) -> Result<(), String> {
    const ORDER: [&str; 15] = [
        "signedProposal",
        "signedRoundChange",
        "unsignedProposal",
        "unsignedRoundChange",
        "unsignedPrepare",
        "sequence",
        "round",
        "digest",
        "preparedRound",
        "preparedValue",
        "signature",
        "block",
        "roundChanges",
        "prepares",
        "vote",
    ];
    for name in ORDER {
        match value.get(name) {
            None => {}
            Some(Value::Number(_)) => out.push(trimmed(alloy_primitives::U256::from(u64_of(value, name)?))),
            Some(Value::String(hex)) if name == "block" => {
                let bytes = unhex(hex)?;
                strings(rlp::exact(&bytes).map_err(|error| error.to_string())?, out)?;
            }
            Some(Value::String(hex)) => out.push(unhex(hex)?),
            Some(Value::Array(items)) => items.iter().try_for_each(|item| fields(item, out))?,
            Some(inner) => fields(inner, out)?,
        }
    }
    Ok(())
}

/// Judges `{name: {in, out}}`.
pub fn rlp_tests(file: &File<'_>) -> Judged {
    let cases = named(file.value, ["in", "out"])?;
    Some(cases.into_iter().map(|(name, case)| (name.clone(), rlp_test(case).into())).collect())
}

fn rlp_test(case: &Value) -> Result<(), String> {
    let bytes = bytes_of(field(case, "out")?)?;
    let read = rlp::exact(&bytes).map_err(|error| error.to_string()).and_then(|item| {
        strings(item, &mut Vec::new())?;
        Ok(item)
    });
    let expected = field(case, "in")?;
    if expected == "INVALID" {
        return ensure(read.is_err(), || "accepted, expected a refusal".into());
    }
    ensure(is(read?, expected)?, || "reads as something else".into())
}

/// Whether an item is the value of a test.
fn is(item: Item<'_>, expected: &Value) -> Result<bool, String> {
    if let Value::Array(values) = expected {
        let mut items = item.items().map_err(|error| error.to_string())?;
        for value in values {
            if items.is_empty() || !is(items.item().map_err(|error| error.to_string())?, value)? {
                return Ok(false);
            }
        }
        return Ok(items.is_empty());
    }
    let found = item.bytes().map_err(|error| error.to_string())?;
    Ok(match expected {
        Value::Number(_) => item.u64().map_err(|error| error.to_string())? == expected.as_u64().ok_or("no u64")?,
        Value::String(text) => match text.strip_prefix('#') {
            // Numbers beyond 64 bits, in decimal; one of them beyond 256.
            Some(decimal) => found == big_endian(decimal)?,
            None => found == text.as_bytes(),
        },
        _ => return Err("unknown kind of value".into()),
    })
}

/// A decimal number of any length, big-endian without leading zeros.
fn big_endian(decimal: &str) -> Result<Vec<u8>, String> {
    let mut bytes: Vec<u8> = Vec::new(); // little-endian
    for digit in decimal.chars() {
        let mut carry = digit.to_digit(10).ok_or("no digit")?;
        for byte in &mut bytes {
            let value = u32::from(*byte) * 10 + carry;
            *byte = (value & 0xff) as u8;
            carry = value >> 8;
        }
        if carry > 0 {
            bytes.push(carry as u8);
        }
    }
    bytes.reverse();
    Ok(bytes)
}
