//! Model-based traces (tendermint-rs): `{initial, input: [{block, now, verdict}]}`. Each input is judged against the state
//! that the inputs before it have led to, at threshold 1/3 and without clock drift.

use std::time::Duration;

use causeway_cometbft::{Encoding, Over, Params, Refusal, Time, TrustedState, Validator, ValidatorSet};
use serde_json::Value;

use super::{
    json::{LightBlock, OwnedHeader, canonical, number, time, validators},
    verdict,
};
use crate::{
    cases::{File, Judged, Outcome, same},
    json::{array, field, text},
};

/// Judges a trace.
pub fn traces(file: &File<'_>) -> Judged {
    let (initial, inputs) = (file.value.get("initial")?, file.value.get("input")?.as_array()?);
    if !inputs.iter().all(|input| input.get("verdict").is_some() && input.get("block").is_some()) {
        return None;
    }
    let mut client = match Client::begin(initial) {
        Ok(client) => client,
        Err(error) => return Some(vec![("initial".into(), Outcome::Failed(error))]),
    };
    let mut judge = |input: &Value| {
        let expected = text(input, "verdict")?;
        same("verdict", expected, client.step(input)?)
    };
    Some(inputs.iter().enumerate().map(|(at, input)| (format!("input {at}"), judge(input).into())).collect())
}

/// What a trace's client holds.
pub struct Client {
    /// Its parameters.
    pub params: Params,
    /// Its state.
    pub trusted: TrustedState,
    /// Who may sign the next block.
    pub next: Vec<Validator>,
}

impl Client {
    /// The client that a trace starts with.
    ///
    /// # Errors
    /// It can not be read.
    pub fn begin(initial: &Value) -> Result<Self, String> {
        let header = OwnedHeader::read(field(field(initial, "signed_header")?, "header")?)?;
        let header = header.header();
        let params = Params {
            drift: Duration::ZERO,
            trusting_period: Duration::from_nanos(number(initial, "trusting_period")?),
            ..super::params(header.chain_id)
        };
        let next = canonical(validators(field(initial, "next_validator_set")?)?);
        let next_hash = header.next_validators_hash.unwrap_or_default();
        let trusted = TrustedState::new(
            header.height,
            header.time,
            header.hash(Encoding::Protobuf),
            header.app_hash.to_vec(),
            next_hash,
        );
        Ok(Self { params, trusted, next })
    }

    /// The verdict on an input in the words of the format.
    ///
    /// # Errors
    /// It can not be read, or the signature implementations differ.
    pub fn step(&mut self, input: &Value) -> Result<&'static str, String> {
        let Ok((block, update, now)) = self.update(input) else { return Ok("INVALID") };
        // The format shows the next validators beside the header that names them by hash.
        let next = block.next_validators.clone().unwrap_or_default();
        let named = block.header.header().next_validators_hash;
        if ValidatorSet::new(next.clone()).map(|set| set.hash(Encoding::Protobuf)).ok() != named {
            return Ok("INVALID");
        }
        match verdict(&self.params, &self.trusted, &update, now)? {
            Ok(verified) => {
                self.trusted = verified.trusted;
                self.next = next;
                Ok("SUCCESS")
            }
            Err(Refusal::NotEnoughTrust { over: Over::Trusted, .. }) => Ok("NOT_ENOUGH_TRUST"),
            Err(_) => Ok("INVALID"),
        }
    }

    /// An input as an update to this client.
    ///
    /// # Errors
    /// It holds what no update can hold (a set of nobody, say).
    pub fn update(&self, input: &Value) -> Result<(LightBlock, Vec<u8>, Time), String> {
        let block = LightBlock::read_ordered(field(input, "block")?)?;
        let update = block.update(None, Some(&self.next))?;
        Ok((block, update, time(text(input, "now")?)?))
    }
}

/// All updates of a trace that its client accepts, with the client as it is before each.
pub fn accepted(value: &Value) -> Vec<(Params, TrustedState, Vec<u8>, Time)> {
    let Some(Ok(mut client)) = value.get("initial").map(Client::begin) else { return Vec::new() };
    let mut found = Vec::new();
    for input in array(value, "input").into_iter().flatten() {
        let Ok((_, update, now)) = client.update(input) else { continue };
        let before = (client.params.clone(), client.trusted.clone());
        if client.step(input) == Ok("SUCCESS") {
            found.push((before.0, before.1, update, now));
        }
    }
    found
}
