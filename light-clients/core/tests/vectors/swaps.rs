//! `swaps.json`: terms of swaps by field, as words and as ids, and words that are none.

use causeway_core::{B256, Leg, Terms, TermsError, U256};
use serde_json::{Value, json};

use super::{account, asset, hex, hexes, lane_pair, refused::name_of};

/// Time of both chains in the refused cases, Unix seconds.
const NOW: u64 = 1_799_990_000;

fn leg(first: u8, amount: U256, deadline: u64) -> Leg {
    Leg { asset: asset(), amount, from: account(first), to: account(first + 1), deadline }
}

/// A bill (an id) against money.
fn bill() -> Terms {
    let (lane, reverse) = lane_pair();
    let token = Leg { asset: B256::repeat_byte(0xb1), ..leg(3, U256::from(77u64), 1_800_000_600) };
    Terms {
        lanes: [lane, reverse],
        legs: [leg(1, U256::from(1_000_000u64), 1_800_000_000), token],
        nonce: B256::repeat_byte(7),
    }
}

fn cases() -> Vec<(&'static str, Terms)> {
    let base = bill();
    let with = |change: fn(&mut Terms)| {
        let mut terms = base;
        change(&mut terms);
        terms
    };
    vec![
        ("a bill against money", base),
        ("another nonce", with(|terms| terms.nonce = B256::ZERO)),
        ("the lanes the other way", with(|terms| terms.lanes.swap(0, 1))),
        ("the legs the other way", with(|terms| terms.legs.swap(0, 1))),
        ("leg 0: another asset", with(|terms| terms.legs[0].asset = B256::repeat_byte(0xb2))),
        ("leg 0: one unit more", with(|terms| terms.legs[0].amount += U256::ONE)),
        ("leg 0: another payer", with(|terms| terms.legs[0].from = account(9))),
        ("leg 0: another buyer", with(|terms| terms.legs[0].to = account(9))),
        ("leg 0: a second later", with(|terms| terms.legs[0].deadline += 1)),
        ("leg 1: another asset", with(|terms| terms.legs[1].asset = B256::repeat_byte(0xb2))),
        ("leg 1: the largest id", with(|terms| terms.legs[1].amount = U256::MAX)),
        ("leg 1: id 0", with(|terms| terms.legs[1].amount = U256::ZERO)),
        ("leg 1: an account of 32 bytes", with(|terms| terms.legs[1].from = B256::repeat_byte(0x51))),
        ("leg 1: another buyer", with(|terms| terms.legs[1].to = account(9))),
        ("leg 1: the last second", with(|terms| terms.legs[1].deadline = u64::MAX)),
    ]
}

pub(crate) fn make() -> Value {
    let swaps: Vec<Value> = cases()
        .iter()
        .map(|(name, terms)| {
            let leg = |leg: &Leg| {
                json!({
                    "asset": hex(leg.asset), "amount": leg.amount.to_string(), "from": hex(leg.from),
                    "to": hex(leg.to), "deadline": leg.deadline.to_string(),
                })
            };
            json!({
                "name": name,
                "lanes": hexes(&terms.lanes.map(|lane| lane.0)),
                "legs": terms.legs.iter().map(leg).collect::<Vec<_>>(),
                "nonce": hex(terms.nonce),
                "words": hexes(&terms.words()),
                "swap_id": hex(terms.id()),
            })
        })
        .collect();
    json!({ "swaps": swaps, "refused": refused() })
}

/// What a relayer asks of words that somebody calls the terms of a swap.
fn judge(words: &[B256]) -> Result<(), TermsError> {
    let terms = Terms::from_words(words)?;
    terms.check()?;
    terms.check_deadlines([NOW; 2])
}

fn refused() -> Value {
    let words = bill().words();
    let changed = |at: usize, value: B256| {
        let mut words = words.to_vec();
        words[at] = value;
        words
    };
    let high = |byte: usize| {
        let mut word = words[6];
        word.0[byte] = 1;
        word
    };
    let time = |seconds: u64| B256::from(U256::from(seconds));
    assert_eq!(judge(&words), Ok(()));
    let list: Vec<Value> = [
        ("no words", vec![], "WordCount"),
        ("a word too few", words[..12].to_vec(), "WordCount"),
        ("a word too many", [&words[..], &[B256::ZERO]].concat(), "WordCount"),
        ("leg 0: a deadline above 64 bits", changed(6, high(23)), "NonCanonical"),
        ("leg 1: a deadline above 64 bits", changed(11, high(0)), "NonCanonical"),
        ("one lane twice", changed(1, words[0]), "OneLane"),
        ("leg 0: no asset", changed(2, B256::ZERO), "MissingAsset"),
        ("leg 1: no asset", changed(7, B256::ZERO), "MissingAsset"),
        ("leg 0: from nobody", changed(4, B256::ZERO), "MissingAccount"),
        ("leg 1: for nobody", changed(10, B256::ZERO), "MissingAccount"),
        ("leg 0: a deadline that is now", changed(6, time(NOW)), "DeadlineOutOfRange"),
        ("leg 1: a deadline that was", changed(11, time(NOW - 1)), "DeadlineOutOfRange"),
        ("leg 0: 30 days and a second", changed(6, time(NOW + 30 * 86_400 + 1)), "DeadlineOutOfRange"),
        ("leg 1: for ever", changed(11, time(u64::MAX)), "DeadlineOutOfRange"),
    ]
    .into_iter()
    .map(|(name, words, reason)| {
        let refusal = judge(&words).expect_err(name);
        assert_eq!(name_of(&refusal), reason, "{name}");
        json!({ "name": name, "words": hexes(&words), "now": NOW.to_string(), "reason": reason })
    })
    .collect();
    json!(list)
}

/// A swap whose two sides differ in one field is two swaps.
#[test]
fn atk_061_every_field_counts() {
    let ids: std::collections::BTreeSet<B256> = cases().iter().map(|(_, terms)| terms.id()).collect();
    assert_eq!(ids.len(), cases().len());
    for (name, terms) in cases() {
        assert_eq!(Terms::from_words(&terms.words()), Ok(terms), "{name}");
    }
}

#[test]
fn a_leg_is_overdue_from_its_deadline_on() {
    let terms = bill();
    for (leg, deadline) in [(0, 1_800_000_000), (1, 1_800_000_600)] {
        assert!(!terms.is_overdue(leg, deadline - 1));
        assert!(terms.is_overdue(leg, deadline));
    }
    assert!(!terms.is_overdue(2, u64::MAX));
}
