//! `entries.json`: entries by field, as words and as commitments, and word lists that are none.

use causeway_core::{B256, Body, Entry, EntryError, LaneId, Reason, Returned, SwapLeg, Transfer, U256};
use serde_json::{Value, json};

use super::{account, hex, hexes, lane_pair, refused::name_of, transfer, words_of};

fn cases(lane: LaneId, reverse: LaneId) -> Vec<(&'static str, Entry)> {
    let entry = |index, body| Entry { lane, index, body };
    let plain = transfer(U256::from(1_000_000u64));
    let original = Entry { lane: reverse, index: 41, body: Body::Transfer(plain) };
    let returned = |reason| Body::Returned(Returned { index: 41, commitment: original.commitment(), reason });
    let leg = |leg| SwapLeg { swap_id: B256::repeat_byte(0x5a), leg };
    vec![
        ("transfer", entry(0, Body::Transfer(plain))),
        ("transfer of amount 0", entry(1, Body::Transfer(transfer(U256::ZERO)))),
        ("transfer of the largest amount", entry(2, Body::Transfer(transfer(U256::MAX)))),
        ("transfer with a memo hash", entry(3, Body::Transfer(Transfer { memo: B256::repeat_byte(0x3e), ..plain }))),
        (
            "transfer between accounts of 32 bytes",
            entry(
                4,
                Body::Transfer(Transfer {
                    sender: B256::repeat_byte(0x51),
                    recipient: B256::repeat_byte(0x52),
                    ..plain
                }),
            ),
        ),
        (
            "transfer at the last index and the last second",
            entry(u64::MAX, Body::Transfer(Transfer { timeout: u64::MAX, sender: account(9), ..plain })),
        ),
        ("returned, expired", entry(5, returned(Reason::Expired))),
        ("returned, failed", entry(6, returned(Reason::Failed))),
        ("swap locked, leg 0", entry(7, Body::SwapLocked(leg(0)))),
        ("swap locked, leg 1", entry(8, Body::SwapLocked(leg(1)))),
        ("swap voided, leg 0", entry(9, Body::SwapVoided(leg(0)))),
        ("swap voided, leg 1", entry(10, Body::SwapVoided(leg(1)))),
    ]
}

fn fields(body: &Body) -> Value {
    match body {
        Body::Transfer(t) => json!({
            "asset": hex(t.asset), "amount": t.amount.to_string(), "sender": hex(t.sender),
            "recipient": hex(t.recipient), "timeout": t.timeout.to_string(), "memo": hex(t.memo),
        }),
        Body::Returned(r) => json!({
            "index": r.index.to_string(), "commitment": hex(r.commitment), "reason": r.reason as u8,
        }),
        Body::SwapLocked(s) | Body::SwapVoided(s) => json!({ "swap_id": hex(s.swap_id), "leg": s.leg }),
    }
}

pub(crate) fn make() -> Value {
    let (lane, reverse) = lane_pair();
    let entries: Vec<Value> = cases(lane, reverse)
        .iter()
        .map(|(name, entry)| {
            json!({
                "name": name,
                "lane_id": hex(entry.lane.0),
                "index": entry.index.to_string(),
                "kind": entry.body.kind() as u8,
                "fields": fields(&entry.body),
                "words": words_of(entry),
                "commitment": hex(entry.commitment()),
            })
        })
        .collect();
    json!({ "entries": entries, "refused": refused(lane, reverse) })
}

fn refused(lane: LaneId, reverse: LaneId) -> Value {
    let cases = cases(lane, reverse);
    let words = |number: usize| cases[number].1.words().as_slice().to_vec();
    let changed = |number: usize, at: usize, byte: usize, value: u8| {
        let mut words = words(number);
        words[at].0[byte] = value;
        words
    };
    let mut longer = words(0);
    longer.push(B256::ZERO);
    let list: Vec<Value> = [
        ("no words", vec![], "WordCount"),
        ("two words", words(0)[..2].to_vec(), "WordCount"),
        ("a word too few", words(0)[..8].to_vec(), "WordCount"),
        ("a word too many", longer, "WordCount"),
        ("a returned entry with the words of a transfer", changed(0, 2, 31, 2), "WordCount"),
        ("kind 0", changed(0, 2, 31, 0), "UnknownKind"),
        ("kind 5", changed(0, 2, 31, 5), "UnknownKind"),
        ("kind 257", changed(0, 2, 30, 1), "UnknownKind"),
        ("a kind above 64 bits", changed(0, 2, 0, 1), "NonCanonical"),
        ("an index above 64 bits", changed(0, 1, 23, 1), "NonCanonical"),
        ("a timeout above 64 bits", changed(0, 7, 23, 1), "NonCanonical"),
        ("a returned index above 64 bits", changed(6, 3, 0, 0x80), "NonCanonical"),
        ("reason 0", changed(6, 5, 31, 0), "UnknownReason"),
        ("reason 3", changed(6, 5, 31, 3), "UnknownReason"),
        ("leg 2", changed(8, 4, 31, 2), "LegOutOfRange"),
        ("a leg above 64 bits", changed(8, 4, 5, 1), "NonCanonical"),
    ]
    .into_iter()
    .map(|(name, words, reason)| {
        let refusal: EntryError = Entry::from_words(&words).expect_err(name);
        assert_eq!(name_of(&refusal), reason, "{name}");
        json!({ "name": name, "words": hexes(&words), "reason": reason })
    })
    .collect();
    json!(list)
}
