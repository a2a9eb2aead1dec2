//! `packed.json`: packed groups in events and deliveries, and bytes that are none.

use causeway_core::{
    B256, Body, Entry, LaneId, OutboxTree, Reason, Returned, SwapLeg, Transfer, U256,
    pack::{DeliveryGroup, DeliveryRun, decode_event, decode_runs, encode_event, encode_runs, plan_groups},
    tree::peaks,
};
use serde_json::{Value, json};

use super::{account, hex, hexes, lane_pair, numbered, refused::name_of, transfer, words_of};

pub(crate) fn make() -> Value {
    let (lane, reverse) = lane_pair();
    json!({
        "lane_id": hex(lane.0),
        "reverse_lane_id": hex(reverse.0),
        "events": events(lane, reverse),
        "deliveries": [delivery(lane, reverse)],
        "refused": refused(lane, reverse),
    })
}

fn plain(amounts: impl IntoIterator<Item = u64>) -> Vec<Body> {
    amounts.into_iter().map(|amount| Body::Transfer(transfer(U256::from(amount)))).collect()
}

/// Six transfers of the reverse lane, which stand in its outbox.
fn originals(reverse: LaneId) -> Vec<Entry> {
    numbered(reverse, 0, plain([500, 501, 502, 503, 504, 505]))
}

fn returned(original: &Entry, reason: Reason) -> Body {
    Body::Returned(Returned { index: original.index, commitment: original.commitment(), reason })
}

fn events(lane: LaneId, reverse: LaneId) -> Value {
    let base = transfer(U256::from(7u64));
    let legs = [0, 1].map(|leg| SwapLeg { swap_id: B256::repeat_byte(0x5a + leg), leg });
    let originals = originals(reverse);
    let returns = vec![returned(&originals[4], Reason::Expired), returned(&originals[1], Reason::Failed)];
    let wide = Body::Transfer(Transfer { recipient: B256::repeat_byte(0x52), ..base });
    let memo = Body::Transfer(Transfer { memo: B256::repeat_byte(0x3e), ..base });
    let mixed = [
        plain([1, 70_000]),
        vec![Body::Transfer(Transfer { asset: B256::repeat_byte(0xa5), ..base }), memo, memo, wide],
        returns.clone(),
        vec![Body::SwapLocked(legs[0]), Body::SwapVoided(legs[1])],
    ]
    .concat();
    let event = |name: &str, first: u64, bodies: Vec<Body>| {
        let entries = numbered(lane, first, bodies);
        let bytes = encode_event(&entries).unwrap();
        assert_eq!(decode_event(lane, first, &bytes).as_ref(), Ok(&entries), "{name}");
        json!({
            "name": name,
            "first": first.to_string(),
            "bytes": hex(&bytes),
            "entries": entries.iter().map(words_of).collect::<Vec<_>>(),
        })
    };
    let mut list = vec![
        event("one transfer", 0, plain([7])),
        event("fifty transfers", 1_048_523, plain(1000..1050)),
        event("amounts of different widths in one group", 3, plain([0, 255, 256, u64::MAX])),
        event("the largest amount", 3, vec![Body::Transfer(transfer(U256::MAX))]),
        event("a memo hash", 3, vec![memo]),
        event("an account of 32 bytes", 3, vec![wide]),
        event("returns", 9, returns),
        event("swap facts", 9, legs.iter().flat_map(|leg| [Body::SwapLocked(*leg), Body::SwapVoided(*leg)]).collect()),
        event("all kinds", u64::MAX - 9, mixed),
    ];
    // A packing that no encoder here makes: wider than needed and cut into two groups. It is as good.
    let entries = numbered(lane, 3, plain([7, 8]));
    let bytes: Vec<u8> = [7u64, 8].into_iter().flat_map(widest).collect();
    assert_eq!(decode_event(lane, 3, &bytes).as_ref(), Ok(&entries));
    list.push(json!({
        "name": "wider than needed, and in two groups",
        "first": "3",
        "bytes": hex(&bytes),
        "entries": entries.iter().map(words_of).collect::<Vec<_>>(),
    }));
    json!(list)
}

/// One transfer in the widest form.
fn widest(amount: u64) -> Vec<u8> {
    let body = transfer(U256::from(amount));
    let mut bytes = vec![1, 0, 1, 32, 3];
    bytes.extend_from_slice(body.asset.as_slice());
    bytes.extend_from_slice(&body.amount.to_be_bytes::<32>());
    bytes.extend_from_slice(body.sender.as_slice());
    bytes.extend_from_slice(body.recipient.as_slice());
    bytes.extend_from_slice(&body.timeout.to_be_bytes());
    bytes.extend_from_slice(body.memo.as_slice());
    bytes
}

/// Eleven entries at indices 2 to 12 of an outbox of 13: under its three peaks, with returns among them.
fn delivery(lane: LaneId, reverse: LaneId) -> Value {
    let originals = originals(reverse);
    let own: OutboxTree = originals.iter().map(Entry::commitment).collect();
    let fact = SwapLeg { swap_id: B256::repeat_byte(0x5a), leg: 1 };
    let mut bodies = plain([10, 11, 12, 13]);
    bodies.extend([1, 2, 3, 5].map(|n: usize| returned(&originals[n], Reason::Expired)));
    bodies.extend([Body::SwapLocked(fact), Body::SwapVoided(fact)]);
    bodies.extend(plain([14, 15, 16]));
    let entries = numbered(lane, 0, bodies);
    let tree: OutboxTree = entries.iter().map(Entry::commitment).collect();
    let first = 2;
    let (mut runs, mut described) = (Vec::new(), Vec::new());
    for part in peaks::split(tree.size(), first, tree.size() - first).unwrap() {
        let run = &entries[part.first as usize..(part.first + part.count) as usize];
        let groups = plan_groups(run, reverse, &own, |index| match originals.get(index as usize)?.body {
            Body::Transfer(transfer) => Some(transfer),
            _ => None,
        })
        .unwrap();
        let mut siblings = Vec::new();
        let peak = tree.prove_peak(part.peak.height, part.first, part.count, &mut siblings).unwrap();
        let returns: Vec<Value> = groups.iter().filter_map(|group| described_returns(group, &own)).collect();
        described.push(json!({
            "height": part.peak.height,
            "peak": hex(peak),
            "siblings": hexes(&siblings),
            "entries": run.iter().map(words_of).collect::<Vec<_>>(),
            "returned": returns,
        }));
        runs.push(DeliveryRun { siblings, groups });
    }
    let bytes = encode_runs(&runs).unwrap();
    assert_eq!(decode_runs(lane, reverse, first, &bytes).as_ref(), Ok(&runs));
    json!({
        "name": "indices 2 to 12 of an outbox of 13",
        "first": first.to_string(),
        "size": tree.size().to_string(),
        "bytes": hex(&bytes),
        "runs": described,
    })
}

fn described_returns(group: &DeliveryGroup, own: &OutboxTree) -> Option<Value> {
    let DeliveryGroup::Returned(group) = group else { return None };
    Some(json!({
        "height": group.height,
        "peak": hex(own.peak(group.height).unwrap()),
        "siblings": hexes(&group.siblings),
        "originals": group.originals.iter().map(words_of).collect::<Vec<_>>(),
    }))
}

fn refused(lane: LaneId, reverse: LaneId) -> Value {
    let one = encode_event(&numbered(lane, 0, plain([7]))).unwrap();
    let with = |at: usize, byte: u8| {
        let mut bytes = one.clone();
        bytes[at] = byte;
        bytes
    };
    let swap = |kind: u8, leg: u8| [&[kind, 0, 1][..], &[0x5a; 32], &[leg]].concat();
    let returned = |reason: u8| [&[2, 0, 1][..], &[0; 8], account(1).as_slice(), &[reason]].concat();
    let padded = [&one[..], &[0]].concat();
    let run = |count: u8| [&[0, count, 0][..], &one].concat();
    let list = [
        ("event", "no bytes", vec![], "Empty"),
        ("event", "a group of no entries", with(2, 0), "Empty"),
        ("event", "a group that says it has one more", with(2, 2), "Truncated"),
        ("event", "the last byte missing", one[..one.len() - 1].to_vec(), "Truncated"),
        ("event", "a byte left over, which is no kind", padded, "UnknownKind"),
        ("event", "kind 5", with(0, 5), "UnknownKind"),
        ("event", "more entries than an event has", with(1, 0x10), "TooManyEntries"),
        ("event", "amounts of no bytes", with(3, 0), "AmountWidth"),
        ("event", "amounts of 33 bytes", with(3, 33), "AmountWidth"),
        ("event", "a flag without meaning", with(4, 4), "UnknownFlags"),
        ("event", "leg 2 locked", swap(3, 2), "LegOutOfRange"),
        ("event", "leg 2 voided", swap(4, 2), "LegOutOfRange"),
        ("event", "reason 0", returned(0), "UnknownReason"),
        ("event", "reason 3", returned(3), "UnknownReason"),
        ("runs", "no bytes", vec![], "Empty"),
        ("runs", "a run of no entries", run(0), "Empty"),
        ("runs", "a run with fewer entries than it says", run(2), "Truncated"),
        ("runs", "a group with more entries than its run", [&[0, 1, 0][..], &with(2, 2)].concat(), "RunCount"),
        ("runs", "257 entries", [&[1, 1, 0][..], &one].concat(), "TooManyEntries"),
        ("runs", "129 siblings", [&[0, 1, 129][..], &one].concat(), "TooManySiblings"),
        ("runs", "returns in an event's form", [&[0, 1, 0][..], &returned(1)].concat(), "Truncated"),
        (
            "runs",
            "returns under a peak of height 64",
            [&[0, 1, 0, 2, 0, 1, 64, 0][..], &[0; 177]].concat(),
            "HeightOutOfRange",
        ),
    ];
    json!(
        list.into_iter()
            .map(|(form, name, bytes, reason)| {
                let refusal = if form == "event" {
                    decode_event(lane, 0, &bytes).expect_err(name)
                } else {
                    decode_runs(lane, reverse, 0, &bytes).expect_err(name)
                };
                assert_eq!(name_of(&refusal), reason, "{name}");
                json!({ "form": form, "name": name, "bytes": hex(&bytes), "reason": reason })
            })
            .collect::<Vec<_>>()
    )
}
