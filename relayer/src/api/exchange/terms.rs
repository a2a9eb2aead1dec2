//! Terms of swaps as callers write them, and back; what differs between two; whether their deadlines leave time.

use super::{
    bridges::{Bridge, ChainTime, native},
    refused::Refused,
};
use alloy::primitives::{B256, U256};
use causeway_core::{AccountId, Leg, Terms};
use causeway_proto::exchange::v1;
use prost_types::Timestamp;
use std::time::Duration;
use tonic::Code;

/// Longest number, as decimal digits: 2²⁵⁶ has 78.
const DIGITS_MAX: usize = 78;

/// Reads terms. The first leg is the proposer's. `nonce` is used where the terms have none.
///
/// # Errors
/// `INVALID_FIELD` with the field's path.
pub(crate) fn read(bridge: &Bridge, wire: &v1::SwapTerms, nonce: B256) -> Result<Terms, Refused> {
    let [first, second] = wire.legs.as_slice() else {
        return Err(Refused::field("terms.legs", "two legs", wire.legs.len()));
    };
    let (at, a) = leg(bridge, "terms.legs[0]", first)?;
    let (other, b) = leg(bridge, "terms.legs[1]", second)?;
    if at == other {
        return Err(Refused::field("terms.legs[1].asset", "an asset on the bridge's other chain", &second.asset));
    }
    let nonce = match wire.nonce.as_str() {
        "" => nonce,
        text => word("terms.nonce", text)?,
    };
    let terms = Terms { lanes: [bridge.lanes[at], bridge.lanes[other]], legs: [a, b], nonce };
    terms.check().map_err(|e| Refused::field("terms", "terms of a swap", e))?;
    Ok(terms)
}

fn leg(bridge: &Bridge, path: &str, wire: &v1::Leg) -> Result<(usize, Leg), Refused> {
    let (at, token) = bridge.asset(&format!("{path}.asset"), &wire.asset)?;
    let end = &bridge.ends[at];
    let amount = number(&format!("{path}.amount"), &wire.amount)?;
    if !token.unique && (amount.is_zero() || amount > U256::from(u128::MAX)) {
        return Err(Refused::field(&format!("{path}.amount"), "1 to 2^128 - 1", &wire.amount));
    }
    let (_, from) = end.read_account(&format!("{path}.from"), &wire.from)?;
    let (_, to) = end.read_account(&format!("{path}.to"), &wire.to)?;
    let own = [end.view.vault.as_ref(), token.address.as_slice()];
    if own.contains(&native(&to).as_ref()) {
        return Err(Refused::field(&format!("{path}.to"), "an account that can be paid", &wire.to));
    }
    let deadline = seconds(&format!("{path}.deadline"), wire.deadline.as_ref())?;
    Ok((at, Leg { asset: token.hash, amount, from, to, deadline }))
}

/// # Errors
/// Not a plain decimal number of 256 bits.
pub(crate) fn number(field: &str, text: &str) -> Result<U256, Refused> {
    let plain = (1..=DIGITS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let canonical = plain && (text == "0" || !text.starts_with('0'));
    let found = U256::from_str_radix(text, 10).ok().filter(|_| canonical);
    found.ok_or_else(|| Refused::field(field, "a decimal number below 2^256", format!("{text:?}")))
}

/// # Errors
/// Not 0x and 64 digits.
pub(crate) fn word(field: &str, text: &str) -> Result<B256, Refused> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 64);
    let found = digits.and_then(|digits| digits.parse().ok());
    found.ok_or_else(|| Refused::field(field, "0x and 64 hexadecimal digits", format!("{text:?}")))
}

/// # Errors
/// No time, one before 1970, or fractions of a second.
pub(crate) fn seconds(field: &str, time: Option<&Timestamp>) -> Result<u64, Refused> {
    let time = time.ok_or_else(|| Refused::field(field, "a time", "none"))?;
    let whole = (time.nanos == 0).then(|| u64::try_from(time.seconds).ok()).flatten();
    whole.ok_or_else(|| Refused::field(field, "whole seconds since 1970", time))
}

pub(crate) fn timestamp(seconds: u64) -> Timestamp {
    Timestamp { seconds: i64::try_from(seconds).unwrap_or(i64::MAX), nanos: 0 }
}

/// Writes terms.
pub(crate) fn write(bridge: &Bridge, terms: &Terms) -> v1::SwapTerms {
    let leg = |(leg, lane): (&Leg, _)| {
        let end = bridge.end_of(lane);
        let account = |word| end.map(|end| end.account(word).to_string()).unwrap_or_default();
        let asset = end.and_then(|end| end.token(&leg.asset)).map(|token| token.id.to_string());
        v1::Leg {
            // One that left the agreement still has its hash.
            asset: asset.unwrap_or_else(|| leg.asset.to_string()),
            amount: leg.amount.to_string(),
            from: account(&leg.from),
            to: account(&leg.to),
            deadline: Some(timestamp(leg.deadline)),
        }
    };
    let legs = terms.legs.iter().zip(terms.lanes).map(leg).collect();
    v1::SwapTerms { bridge: format!("bridges/{}", bridge.name), legs, nonce: terms.nonce.to_string() }
}

/// The accounts that own the two legs.
pub(crate) fn owners(bridge: &Bridge, terms: &Terms) -> [Option<AccountId>; 2] {
    [0, 1].map(|k| bridge.end_of(terms.lanes[k]).map(|end| end.account(&terms.legs[k].from)))
}

/// The first field in which two terms differ: its path, the first's value, the second's.
pub(crate) fn difference(a: &Terms, b: &Terms) -> Option<(String, String, String)> {
    if a.lanes != b.lanes {
        return Some(("terms.legs".into(), format!("lanes {:?}", a.lanes), format!("lanes {:?}", b.lanes)));
    }
    for (k, (x, y)) in a.legs.iter().zip(&b.legs).enumerate() {
        let fields = [
            ("asset", x.asset.to_string(), y.asset.to_string()),
            ("amount", x.amount.to_string(), y.amount.to_string()),
            ("from", x.from.to_string(), y.from.to_string()),
            ("to", x.to.to_string(), y.to.to_string()),
            ("deadline", x.deadline.to_string(), y.deadline.to_string()),
        ];
        if let Some((name, x, y)) = fields.into_iter().find(|(_, x, y)| x != y) {
            return Some((format!("terms.legs[{k}].{name}"), x, y));
        }
    }
    (a.nonce != b.nonce).then(|| ("terms.nonce".into(), a.nonce.to_string(), b.nonce.to_string()))
}

/// `TERMS_MISMATCH` with the field that differs.
pub(crate) fn mismatch(agreed: &Terms, found: &Terms) -> Refused {
    let (field, expected, value) = difference(agreed, found).unwrap_or_default();
    let detail = format!("{field}: the swap has {expected}, found {value}");
    let refused = Refused::new(Code::FailedPrecondition, "TERMS_MISMATCH", detail);
    refused.with("field", field).with("expected", expected).with("found", value)
}

/// Both chains' clocks, in leg order.
fn times(bridge: &Bridge, terms: &Terms, now: u64) -> Result<[ChainTime; 2], Refused> {
    let time = |lane| {
        let end = bridge.end_of(lane);
        end.and_then(|end| end.time(now)).ok_or_else(|| {
            Refused::new(Code::Unavailable, "CHAIN_NOT_FOLLOWED", "no verified header of a chain yet")
                .with("chain", end.map(|end| end.chain.to_string()).unwrap_or_default())
                .after(Duration::from_secs(1))
        })
    };
    Ok([time(terms.lanes[0])?, time(terms.lanes[1])?])
}

/// Checks that both legs' deadlines leave time, each in its own chain's clock: what is seen of both chains is old already,
/// and a lock must be proven from one to the other.
///
/// # Errors
/// `DEADLINE_TOO_SOON`, `DEADLINE_TOO_LATE` with the leg and the bound.
pub(crate) fn check_deadlines(bridge: &Bridge, terms: &Terms, margin: Duration, now: u64) -> Result<(), Refused> {
    let times = times(bridge, terms, now)?;
    let after = times[0].lag.saturating_add(times[1].lag).saturating_add(margin.as_secs());
    for (k, (leg, time)) in terms.legs.iter().zip(times).enumerate() {
        let earliest = time.now.saturating_add(after);
        let latest = time.now.saturating_sub(time.lag).saturating_add(causeway_core::bounds::MAX_TIMEOUT_SECONDS);
        let (reason, bound) = match leg.deadline {
            deadline if deadline < earliest => ("DEADLINE_TOO_SOON", earliest),
            deadline if deadline > latest => ("DEADLINE_TOO_LATE", latest),
            _ => continue,
        };
        let (now, lag) = (time.now, time.lag);
        let detail = format!("leg {k}: deadline {}, bound {bound}: it is {now} there, seen {lag} s late", leg.deadline);
        let refused = Refused::new(Code::FailedPrecondition, reason, detail).with("leg", k);
        return Err(refused.with("deadline", leg.deadline).with("bound", bound).with("lag_seconds", lag));
    }
    Ok(())
}
