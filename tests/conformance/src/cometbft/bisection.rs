//! Bisection (tendermint-rs): a primary's light blocks, where to start, which height to reach, and what comes of it;
//! witnesses that may show another block there.

use std::time::Duration;

use causeway_cometbft::{Accepted, Bisection, Encoding, Params, Threshold, Time, TrustedState, compare};
use causeway_crypto::Native;
use serde_json::Value;

use super::json::{LightBlock, given, number, time};
use crate::{
    cases::{File, Judged, Outcome, ensure},
    json::{array, field, text},
};

/// Judges a bisection.
pub fn bisections(file: &File<'_>) -> Judged {
    let value = file.value;
    let is = value.get("primary")?.get("lite_blocks").is_some() && value.get("height_to_verify").is_some();
    let judge = || -> Result<Outcome, String> {
        let Some(encoding) = encoding(value)? else {
            // Seen in a file that its own project keeps but no longer runs.
            let why = "its first header does not have the trusted hash under any encoding: it contradicts itself";
            return Ok(Outcome::Unjudged(why.into()));
        };
        let expected = given(value, "expected_output").and_then(Value::as_str).unwrap_or_default();
        let error_expected = !matches!(expected, "" | "no error");
        let verdict = match reach(value, encoding)? {
            Ok(()) => ensure(!error_expected, || "reached, an error was expected".into()),
            Err(error) => ensure(error_expected, || error),
        };
        Ok(verdict.into())
    };
    is.then(|| vec![(String::new(), judge().unwrap_or_else(Outcome::Failed))])
}

/// The encoding under which the block to start at has the trusted hash: the format is older than v0.34.
fn encoding(value: &Value) -> Result<Option<Encoding>, String> {
    let options = field(value, "trust_options")?;
    let (start, pinned) = (number(options, "height")?, crate::json::hash(options, "hash")?);
    let primary = blocks(field(value, "primary")?)?;
    let first = primary.iter().find(|block| block.height() == start).ok_or("the primary has no block to start at")?;
    let fits = |encoding: &Encoding| first.header.header().hash(*encoding) == pinned;
    Ok([Encoding::Protobuf, Encoding::Amino].into_iter().find(fits))
}

/// Whether the target is reached and no witness objects; the inner error is that it is not.
fn reach(value: &Value, encoding: Encoding) -> Result<Result<(), String>, String> {
    let (options, target) = (field(value, "trust_options")?, number(value, "height_to_verify")?);
    let primary = blocks(field(value, "primary")?)?;
    let now = time(text(value, "now")?)?;
    let start = number(options, "height")?;
    let pinned = crate::json::hash(options, "hash")?;
    let first = primary.iter().find(|block| block.height() == start).ok_or("the primary has no block to start at")?;
    let header = first.header.header();
    let params = Params { encoding, ..params(options, header.chain_id)? };
    let trusted = match TrustedState::begin(&params, &pinned, &first.header.header().encode(), now) {
        Ok(trusted) => trusted,
        Err(refusal) => return Ok(Err(refusal.to_string())),
    };
    let way = match follow(&params, &trusted, &primary, target, now) {
        Ok(way) => way,
        Err(error) => return Ok(Err(error)),
    };
    let mut agreeing = 0;
    let witnesses = given(value, "witnesses").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for witness in witnesses {
        let witness = blocks(witness.get("value").unwrap_or(witness))?;
        match ask(&params, &trusted, &witness, target, now, &way) {
            Answer::Agrees => agreeing += 1,
            Answer::Fork(what) => return Ok(Err(what)),
            Answer::Faulty => {}
        }
    }
    if !witnesses.is_empty() && agreeing == 0 {
        return Ok(Err("no witness has the primary's block".into()));
    }
    Ok(Ok(()))
}

fn params(options: &Value, chain_id: &str) -> Result<Params, String> {
    let part = |name: &str| -> Result<u16, String> {
        let level = field(options, "trust_level")?;
        u16::try_from(number(level, name)?).map_err(|error| error.to_string())
    };
    Ok(Params {
        trusting_period: Duration::from_nanos(number(options, "period")?),
        trust_threshold: Threshold { numerator: part("numerator")?, denominator: part("denominator")? },
        // The headers of this format were made without a protocol.
        block_protocol: None,
        ..super::params(chain_id)
    })
}

fn blocks(value: &Value) -> Result<Vec<LightBlock>, String> {
    array(value, "lite_blocks")?.iter().map(LightBlock::read_ordered).collect()
}

enum Answer {
    Agrees,
    Fork(String),
    Faulty,
}

/// What a witness says of the target: the primary's block, another that it can lead to as well, or nothing worth hearing.
fn ask(
    params: &Params,
    trusted: &TrustedState,
    witness: &[LightBlock],
    target: u64,
    now: Time,
    way: &[Accepted],
) -> Answer {
    let found =
        witness.iter().find(|block| block.height() == target).map(|block| block.header.header().hash(params.encoding));
    let primary = way.last().map(|accepted| accepted.block_hash);
    if found.is_some() && found == primary {
        return Answer::Agrees;
    }
    let Ok(other) = follow(params, trusted, witness, target, now) else { return Answer::Faulty };
    match other.last().zip(way.last()).and_then(|(other, primary)| compare(primary, other)) {
        Some(misbehaviour) => Answer::Fork(format!("fork: {misbehaviour:?}")),
        None => Answer::Agrees,
    }
}

/// The headers accepted on the way to the target.
fn follow(
    params: &Params,
    trusted: &TrustedState,
    blocks: &[LightBlock],
    target: u64,
    now: Time,
) -> Result<Vec<Accepted>, String> {
    let mut way = Bisection::new(trusted.clone(), target);
    let mut keys = Default::default();
    while let Some(height) = way.wanted() {
        let at = |height| blocks.iter().find(|block| block.height() == height).ok_or(format!("no block {height}"));
        let trusted_block = at(way.trusted().height())?;
        let update = at(height)?.update(None, trusted_block.next_validators.as_deref())?;
        way.offer::<Native>(&mut keys, params, &update, now).map_err(|fault| fault.to_string())?;
    }
    Ok(way.verified().to_vec())
}
