//! Packed groups: round trips in both forms, and bytes that must be refused.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use causeway_core::{
    B256, Body, Entry, EntryError, LaneId, OutboxTree, RangeRefusal, Reason, Returned, SwapLeg, Transfer, U256,
    bounds::{MAX_BATCH, MAX_EVENT_ENTRIES},
    pack::{
        DeliveryGroup, DeliveryRun, PackError, decode_event, decode_groups, decode_runs, encode_event, encode_groups,
        encode_runs, plan_groups,
    },
    tree::peaks,
};
use proptest::prelude::*;

const LANE: LaneId = LaneId(B256::repeat_byte(0xaa));
const REVERSE: LaneId = LaneId(B256::repeat_byte(0xbb));

fn transfer(amount: u64) -> Transfer {
    Transfer {
        asset: B256::repeat_byte(0x11),
        amount: U256::from(amount),
        sender: B256::left_padding_from(&[0x22; 20]),
        recipient: B256::left_padding_from(&[0x33; 20]),
        timeout: 1_800_000_000,
        memo: B256::ZERO,
    }
}

fn numbered(lane: LaneId, first: u64, bodies: impl IntoIterator<Item = Body>) -> Vec<Entry> {
    bodies.into_iter().zip(first..).map(|(body, index)| Entry { lane, index, body }).collect()
}

fn transfers(lane: LaneId, first: u64, count: u64) -> Vec<Entry> {
    numbered(lane, first, (0..count).map(|n| Body::Transfer(transfer(1000 + n))))
}

fn any_word() -> impl Strategy<Value = B256> {
    any::<[u8; 32]>().prop_map(B256::new)
}

fn any_account() -> impl Strategy<Value = B256> {
    prop_oneof![3 => any::<[u8; 20]>().prop_map(|a| B256::left_padding_from(&a)), 1 => any_word()]
}

fn any_amount() -> impl Strategy<Value = U256> {
    prop_oneof![
        any::<u64>().prop_map(U256::from),
        any::<[u8; 32]>().prop_map(U256::from_be_bytes),
        Just(U256::ZERO),
        Just(U256::MAX)
    ]
}

prop_compose! {
    fn any_transfer()(
        asset in prop_oneof![Just(B256::repeat_byte(1)), Just(B256::repeat_byte(2)), any_word()],
        amount in any_amount(),
        sender in any_account(),
        recipient in any_account(),
        timeout in any::<u64>(),
        memo in prop_oneof![2 => Just(B256::ZERO), 1 => any_word()],
    ) -> Transfer {
        Transfer { asset, amount, sender, recipient, timeout, memo }
    }
}

fn any_reason() -> impl Strategy<Value = Reason> {
    prop_oneof![Just(Reason::Expired), Just(Reason::Failed)]
}

fn any_body() -> impl Strategy<Value = Body> {
    let leg = || (any_word(), 0u8..2).prop_map(|(swap_id, leg)| SwapLeg { swap_id, leg });
    prop_oneof![
        4 => any_transfer().prop_map(Body::Transfer),
        2 => (any::<u64>(), any_word(), any_reason())
            .prop_map(|(index, commitment, reason)| Body::Returned(Returned { index, commitment, reason })),
        1 => leg().prop_map(Body::SwapLocked),
        1 => leg().prop_map(Body::SwapVoided),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn words_round_trip(body in any_body(), lane in any_word(), index in any::<u64>()) {
        let entry = Entry { lane: LaneId(lane), index, body };
        prop_assert_eq!(Entry::from_words(entry.words().as_slice()), Ok(entry));
    }

    /// Whatever word list decodes is the one that the entry encodes to (ATK-064).
    #[test]
    fn atk_064_words_are_canonical(body in any_body(), index in any::<u64>(), at in 0usize..9, byte in 0usize..32, flip in 1u8..) {
        let entry = Entry { lane: LANE, index, body };
        let mut words = entry.words().as_slice().to_vec();
        let at = at % words.len();
        words[at].0[byte] ^= flip;
        if let Ok(other) = Entry::from_words(&words) {
            prop_assert_ne!(other, entry);
            prop_assert_ne!(other.commitment(), entry.commitment());
            let again = other.words();
            prop_assert_eq!(again.as_slice(), &words[..]);
        }
    }

    #[test]
    fn events_round_trip(bodies in prop::collection::vec(any_body(), 1..80), first in 0..u64::MAX / 2) {
        let entries = numbered(LANE, first, bodies);
        let bytes = encode_event(&entries).unwrap();
        prop_assert_eq!(decode_event(LANE, first, &bytes), Ok(entries));
    }

    #[test]
    fn deliveries_round_trip_and_prove_their_originals(
        own in prop::collection::vec(any_transfer(), 1..70),
        bodies in prop::collection::vec((any_body(), any::<prop::sample::Index>(), any_reason()), 1..80),
        size in 80u64..200,
    ) {
        let own_entries = numbered(REVERSE, 0, own.iter().copied().map(Body::Transfer));
        let own_tree: OutboxTree = own_entries.iter().map(Entry::commitment).collect();
        // Returns must be of transfers that are there.
        let mut next = 0;
        let bodies = bodies.into_iter().map(|(body, pick, reason)| match body {
            Body::Returned(_) => {
                next = if next + 1 < own.len() && pick.index(2) == 0 { next + 1 } else { pick.index(own.len()) };
                Body::Returned(Returned { index: next as u64, commitment: own_entries[next].commitment(), reason })
            }
            body => body,
        });
        let entries = numbered(LANE, 0, bodies);
        let padding = transfers(LANE, entries.len() as u64, size - entries.len() as u64);
        let tree: OutboxTree = entries.iter().chain(&padding).map(Entry::commitment).collect();
        let mut runs = Vec::new();
        for part in peaks::split(size, 0, entries.len() as u64).unwrap() {
            let part_entries = &entries[part.first as usize..(part.first + part.count) as usize];
            let groups = plan_groups(part_entries, REVERSE, &own_tree, |index| own.get(index as usize).copied()).unwrap();
            let bytes = encode_groups(&groups).unwrap();
            prop_assert_eq!(&decode_groups(LANE, REVERSE, part.first, part_entries.len(), &bytes), &Ok(groups.clone()));
            let mut siblings = Vec::new();
            tree.prove_peak(part.peak.height, part.first, part.count, &mut siblings).unwrap();
            runs.push(DeliveryRun { siblings, groups });
        }
        let bytes = encode_runs(&runs).unwrap();
        let decoded = decode_runs(LANE, REVERSE, 0, &bytes).unwrap();
        prop_assert_eq!(&decoded, &runs);
        for group in decoded.iter().flat_map(|run| &run.groups) {
            let DeliveryGroup::Returned(group) = group else { continue };
            let peak = own_tree.peak(group.height).unwrap();
            prop_assert_eq!(group.verify(REVERSE, peak), Ok(()));
            prop_assert!(group.verify(LANE, peak).is_err());
        }
    }

    /// Truncated anywhere, or longer by a byte: refused.
    #[test]
    fn atk_019_cut_and_padded_bytes_are_refused(bodies in prop::collection::vec(any_body(), 1..6), cut in any::<prop::sample::Index>(), pad in any::<u8>()) {
        let entries = numbered(LANE, 5, bodies);
        let bytes = encode_event(&entries).unwrap();
        let cut = cut.index(bytes.len());
        // A cut at a group's edge leaves fewer whole entries; anywhere else it is refused.
        match decode_event(LANE, 5, &bytes[..cut]) {
            Ok(fewer) => {
                prop_assert!(fewer.len() < entries.len());
                prop_assert_eq!(&fewer[..], &entries[..fewer.len()]);
            }
            Err(PackError::Truncated { .. } | PackError::Empty) => {}
            Err(error) => prop_assert!(false, "{error}"),
        }
        let mut padded = bytes;
        padded.push(pad);
        prop_assert!(decode_event(LANE, 5, &padded).is_err());
    }

    /// Arbitrary bytes never panic, and what decodes encodes back to the same entries.
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(prop_oneof![0u8..5, any::<u8>()], 0..400), first in any::<u64>(), count in 0usize..300) {
        if let Ok(entries) = decode_event(LANE, first, &bytes) {
            let again = encode_event(&entries).unwrap();
            prop_assert!(again.len() <= bytes.len() + 37 * entries.len());
            prop_assert_eq!(decode_event(LANE, first, &again), Ok(entries));
        }
        let _ = decode_runs(LANE, REVERSE, first, &bytes);
        let _ = decode_groups(LANE, REVERSE, first, count, &bytes);
    }
}

#[test]
fn a_batch_of_plain_transfers_takes_its_smallest_form() {
    // 50 token amounts of two bytes between 20-byte accounts, without memo: 37 bytes once, then 2 + 20 + 20 + 8.
    assert_eq!(encode_event(&transfers(LANE, 0, 50)).unwrap().len(), 37 + 50 * 50);
    let zero = numbered(LANE, 0, [Body::Transfer(Transfer { amount: U256::ZERO, ..transfer(0) })]);
    assert_eq!(encode_event(&zero).unwrap().len(), 37 + 49);
    let memo = numbered(LANE, 0, [Body::Transfer(Transfer { memo: B256::repeat_byte(1), ..transfer(1) })]);
    assert_eq!(encode_event(&memo).unwrap().len(), 37 + 49 + 32);
    let wide = numbered(LANE, 0, [Body::Transfer(Transfer { sender: B256::repeat_byte(1), ..transfer(1) })]);
    assert_eq!(encode_event(&wide).unwrap().len(), 37 + 49 + 24);
    // Another asset starts another group.
    let mut two = transfers(LANE, 0, 2);
    if let Body::Transfer(second) = &mut two[1].body {
        second.asset = B256::repeat_byte(9);
    }
    assert_eq!(encode_event(&two).unwrap().len(), 2 * (37 + 50));
}

#[test]
fn atk_019_wider_than_needed_is_another_packing_of_the_same_entry() {
    let entry = transfers(LANE, 0, 1);
    let Body::Transfer(body) = entry[0].body else { unreachable!() };
    let mut bytes = vec![1, 0, 1, 32, 3];
    bytes.extend_from_slice(body.asset.as_slice());
    bytes.extend_from_slice(&body.amount.to_be_bytes::<32>());
    bytes.extend_from_slice(body.sender.as_slice());
    bytes.extend_from_slice(body.recipient.as_slice());
    bytes.extend_from_slice(&body.timeout.to_be_bytes());
    bytes.extend_from_slice(body.memo.as_slice());
    let decoded = decode_event(LANE, 0, &bytes).unwrap();
    assert_eq!(decoded, entry);
    assert_eq!(decoded[0].commitment(), entry[0].commitment());
}

#[test]
fn malformed_groups_are_refused_by_name() {
    let good = encode_event(&transfers(LANE, 0, 1)).unwrap();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        decode_event(LANE, 0, &bytes)
    };
    assert!(decode_event(LANE, 0, &good).is_ok());
    assert_eq!(decode_event(LANE, 0, &[]), Err(PackError::Empty));
    for kind in [0, 5, 255] {
        assert_eq!(with(0, kind), Err(PackError::Entry(EntryError::UnknownKind(u64::from(kind)))));
    }
    assert_eq!(with(2, 0), Err(PackError::Empty));
    assert!(matches!(with(2, 2), Err(PackError::Truncated { .. })));
    assert_eq!(with(1, 0xff), Err(PackError::TooManyEntries { max: MAX_EVENT_ENTRIES, found: 0xff01 }));
    assert_eq!(with(3, 0), Err(PackError::AmountWidth(0)));
    assert_eq!(with(3, 33), Err(PackError::AmountWidth(33)));
    for flags in [4, 128, 255] {
        assert_eq!(with(4, flags), Err(PackError::UnknownFlags(flags)));
    }
    let swap = |leg| [&[3, 0, 1][..], &[7; 32], &[leg]].concat();
    assert!(decode_event(LANE, 0, &swap(1)).is_ok());
    assert_eq!(decode_event(LANE, 0, &swap(2)), Err(PackError::Entry(EntryError::LegOutOfRange(2))));
    let returned = |reason| [&[2, 0, 1][..], &[0; 8], &[7; 32], &[reason]].concat();
    assert!(decode_event(LANE, 0, &returned(2)).is_ok());
    for reason in [0, 3] {
        let refusal = PackError::Entry(EntryError::UnknownReason(u64::from(reason)));
        assert_eq!(decode_event(LANE, 0, &returned(reason)), Err(refusal));
    }
    // The entry with index 2^64 - 1 stands; none follows it.
    let pair = encode_event(&transfers(LANE, 0, 2)).unwrap();
    assert!(decode_event(LANE, u64::MAX - 1, &pair).is_ok());
    assert_eq!(decode_event(LANE, u64::MAX, &pair), Err(PackError::IndexOverflow { first: u64::MAX }));
}

#[test]
fn atk_067_counts_are_bounded_before_anything_is_allocated() {
    let event = transfers(LANE, 0, MAX_EVENT_ENTRIES as u64 + 1);
    let at_most = &event[..MAX_EVENT_ENTRIES];
    let bytes = encode_event(at_most).unwrap();
    assert_eq!(decode_event(LANE, 0, &bytes).as_deref(), Ok(at_most));
    let past = MAX_EVENT_ENTRIES + 1;
    assert_eq!(encode_event(&event), Err(PackError::TooManyEntries { max: MAX_EVENT_ENTRIES, found: past }));
    let over = [bytes, encode_event(&event[..1]).unwrap()].concat();
    assert_eq!(decode_event(LANE, 0, &over), Err(PackError::TooManyEntries { max: MAX_EVENT_ENTRIES, found: past }));

    let groups = |count: u64| vec![DeliveryGroup::Plain(transfers(LANE, 0, count))];
    let most = MAX_BATCH as u64;
    assert!(encode_groups(&groups(most)).is_ok());
    let refusal = PackError::TooManyEntries { max: MAX_BATCH, found: MAX_BATCH + 1 };
    assert_eq!(encode_groups(&groups(most + 1)), Err(refusal));
    assert_eq!(decode_groups(LANE, REVERSE, 0, MAX_BATCH + 1, &[]), Err(refusal));
    let runs = [
        DeliveryRun { siblings: vec![], groups: groups(most) },
        DeliveryRun { siblings: vec![], groups: vec![DeliveryGroup::Plain(transfers(LANE, most, 1))] },
    ];
    assert_eq!(encode_runs(&runs), Err(refusal));
    let bytes = runs.iter().map(|run| encode_runs(core::slice::from_ref(run)).unwrap()).collect::<Vec<_>>().concat();
    assert_eq!(decode_runs(LANE, REVERSE, 0, &bytes), Err(refusal));
    // 256 runs of one entry each: more runs than an outbox has peaks.
    let bytes = (0..65).flat_map(|n| {
        encode_runs(&[DeliveryRun { siblings: vec![], groups: vec![DeliveryGroup::Plain(transfers(LANE, n, 1))] }])
            .unwrap()
    });
    let bytes: Vec<u8> = bytes.collect();
    assert_eq!(decode_runs(LANE, REVERSE, 0, &bytes), Err(PackError::TooManyRuns { max: 64, found: 65 }));
    let siblings = DeliveryRun { siblings: vec![B256::ZERO; 129], groups: groups(1) };
    assert_eq!(encode_runs(&[siblings]), Err(PackError::TooManySiblings { max: 128, found: 129 }));
    assert_eq!(decode_runs(LANE, REVERSE, 0, &[0, 1, 129]), Err(PackError::TooManySiblings { max: 128, found: 129 }));
}

#[test]
fn runs_and_groups_must_agree_on_their_count() {
    let bytes = encode_groups(&[DeliveryGroup::Plain(transfers(LANE, 0, 3))]).unwrap();
    assert!(decode_groups(LANE, REVERSE, 0, 3, &bytes).is_ok());
    assert_eq!(decode_groups(LANE, REVERSE, 0, 2, &bytes), Err(PackError::RunCount { expected: 2, found: 3 }));
    assert!(matches!(decode_groups(LANE, REVERSE, 0, 4, &bytes), Err(PackError::Truncated { .. })));
    assert_eq!(decode_groups(LANE, REVERSE, 0, 0, &bytes), Err(PackError::Empty));
    let longer = [&bytes[..], &[0]].concat();
    let refusal = PackError::TrailingBytes { at: bytes.len(), extra: 1 };
    assert_eq!(decode_groups(LANE, REVERSE, 0, 3, &longer), Err(refusal));
}

/// Three transfers of the reverse lane, their tree, and their returns on the lane.
fn returns() -> (Vec<Entry>, OutboxTree, Vec<Entry>) {
    let own = transfers(REVERSE, 0, 4);
    let tree = own.iter().map(Entry::commitment).collect();
    let bodies = own.iter().map(|entry| {
        Body::Returned(Returned { index: entry.index, commitment: entry.commitment(), reason: Reason::Expired })
    });
    let entries = numbered(LANE, 9, bodies);
    (own, tree, entries)
}

fn original(own: &[Entry]) -> impl FnMut(u64) -> Option<Transfer> + '_ {
    |index| match own.get(index as usize)?.body {
        Body::Transfer(transfer) => Some(transfer),
        _ => None,
    }
}

#[test]
fn atk_114_a_return_brings_the_very_transfer_that_it_returns() {
    let (own, tree, entries) = returns();
    let groups = plan_groups(&entries, REVERSE, &tree, original(&own)).unwrap();
    let [DeliveryGroup::Returned(group)] = &groups[..] else { panic!("one group: {groups:?}") };
    assert_eq!((group.height, group.siblings.len(), group.originals.len()), (2, 0, 4));
    assert_eq!(group.verify(REVERSE, tree.peak(2).unwrap()), Ok(()));
    let bytes = encode_groups(&groups).unwrap();
    assert_eq!(decode_groups(LANE, REVERSE, 9, 4, &bytes), Ok(groups.clone()));
    assert!(matches!(group.verify(REVERSE, B256::repeat_byte(1)), Err(RangeRefusal::CommitmentMismatch { .. })));
    // Read with another reverse lane, the transfers are others: they stand nowhere, and the entries' commitments with them.
    let read = decode_groups(LANE, LANE, 9, 4, &bytes).unwrap();
    let [DeliveryGroup::Returned(foreign)] = &read[..] else { panic!("one group: {read:?}") };
    assert_ne!(foreign.entries, group.entries);
    assert!(foreign.verify(LANE, tree.peak(2).unwrap()).is_err());
    // One field of one transfer changed: another commitment, so neither the entry nor the own outbox has it.
    let amount_of_first = 3 + 1 + 1 + 8 + 1 + 32 + 31;
    let mut changed = bytes.clone();
    changed[amount_of_first] ^= 1;
    let read = decode_groups(LANE, REVERSE, 9, 4, &changed).unwrap();
    let [DeliveryGroup::Returned(other)] = &read[..] else { panic!("one group: {read:?}") };
    assert_ne!(other.entries[0].commitment(), entries[0].commitment());
    assert!(other.verify(REVERSE, tree.peak(2).unwrap()).is_err());
}

#[test]
fn returned_groups_are_refused_by_name() {
    let (own, tree, entries) = returns();
    let missing = plan_groups(&entries, REVERSE, &tree, |_| None);
    assert_eq!(missing, Err(PackError::OriginalMissing { index: 0 }));
    let wrong = plan_groups(&entries, REVERSE, &tree, |_| Some(transfer(7)));
    assert_eq!(wrong, Err(PackError::NotTheOriginal { index: 0 }));
    let groups = plan_groups(&entries, REVERSE, &tree, original(&own)).unwrap();
    let DeliveryGroup::Returned(group) = groups[0].clone() else { panic!("a group of returns") };
    let bytes = encode_groups(&groups).unwrap();
    let with = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        decode_groups(LANE, REVERSE, 9, 4, &bytes)
    };
    assert_eq!(with(3, 64), Err(PackError::HeightOutOfRange { max: 63, found: 64 }));
    assert_eq!(with(4, 129), Err(PackError::TooManySiblings { max: 128, found: 129 }));
    // The second record's index.
    assert_eq!(with(5 + 177 + 7, 2), Err(PackError::NotConsecutive { expected: 1, found: 2 }));
    assert_eq!(with(5 + 8, 3), Err(PackError::Entry(EntryError::UnknownReason(3))));
    let mut high = group.clone();
    high.height = 64;
    let refusal = encode_groups(&[DeliveryGroup::Returned(high)]);
    assert_eq!(refusal, Err(PackError::HeightOutOfRange { max: 63, found: 64 }));
    let mut fewer = group.clone();
    fewer.originals.pop();
    let refusal = encode_groups(&[DeliveryGroup::Returned(fewer)]);
    assert_eq!(refusal, Err(PackError::RunCount { expected: 4, found: 3 }));
    let mut swapped = group;
    swapped.originals[2].body = Body::Transfer(transfer(1));
    let refusal = encode_groups(&[DeliveryGroup::Returned(swapped)]);
    assert_eq!(refusal, Err(PackError::NotTheOriginal { index: 2 }));
    // Returns among plain groups have no transfers with them.
    assert_eq!(encode_groups(&[DeliveryGroup::Plain(entries)]), Err(PackError::OriginalMissing { index: 0 }));
}

#[test]
fn only_one_lane_and_consecutive_indices_are_packed() {
    let mut entries = transfers(LANE, 0, 3);
    entries[2].index = 3;
    assert_eq!(encode_event(&entries), Err(PackError::NotConsecutive { expected: 2, found: 3 }));
    entries[2].index = 2;
    entries[1].lane = REVERSE;
    assert_eq!(encode_event(&entries), Err(PackError::ForeignLane { expected: LANE, found: REVERSE }));
    assert_eq!(encode_event(&[]), Err(PackError::Empty));
    let leg = numbered(LANE, 0, [Body::SwapVoided(SwapLeg { swap_id: B256::ZERO, leg: 2 })]);
    assert_eq!(encode_event(&leg), Err(PackError::Entry(EntryError::LegOutOfRange(2))));
}
