//! What every journal must do, whatever it stands on. `journal_suite!` makes one test of each case for a store.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::{ops::Range, sync::Arc};

use alloy::primitives::{B256, U256};
use bytes::Bytes;
use causeway_core::{Body, Entry, LaneId, Reason, Returned, SwapLeg, Transfer};

use crate::lane::{
    book::Mark,
    error::{Class, Kind},
    ports::{DeadLetter, Journal, Seen, TxIntent},
    types::{Bundle, ChainId, Run, TrustedState},
};

/// Opens the journal under test again; whatever had it open was dropped before.
pub(super) type Open<'a> = &'a dyn Fn() -> Box<dyn Journal>;

pub(super) fn lane(byte: u8) -> LaneId {
    LaneId(B256::repeat_byte(byte))
}

pub(super) fn chain() -> ChainId {
    Arc::from("eip155:1")
}

pub(super) fn entry(lane: LaneId, index: u64) -> Entry {
    let word = B256::from(U256::from(index + 1));
    let body = match index % 5 {
        0 => Body::Returned(Returned { index, commitment: word, reason: Reason::Expired }),
        1 => Body::SwapLocked(SwapLeg { swap_id: word, leg: 1 }),
        _ => Body::Transfer(Transfer {
            asset: B256::repeat_byte(7),
            amount: U256::from(index) * U256::from(1_000_000_007u64),
            sender: word,
            recipient: B256::repeat_byte(9),
            timeout: 1_800_000_000 + index,
            memo: B256::ZERO,
        }),
    };
    Entry { lane, index, body }
}

pub(super) fn entries(lane: LaneId, range: Range<u64>) -> Vec<Entry> {
    range.map(|index| entry(lane, index)).collect()
}

pub(super) fn state(height: u64) -> TrustedState {
    TrustedState {
        height,
        time: 1_700_000_000 + height,
        header_hash: B256::repeat_byte(1),
        state_root: B256::repeat_byte(2),
        family: Bytes::from_static(b"validators"),
    }
}

pub(super) fn bundle(lane: LaneId, range: Range<u64>) -> Bundle {
    let runs = vec![Run { peak: 5, count: (range.end - range.start) as u16, siblings: vec![B256::repeat_byte(3); 4] }];
    Bundle {
        lane,
        first: range.start,
        entries: entries(lane, range),
        source_height: 77,
        update: Bytes::from_static(b"update"),
        state_proof: Bytes::from_static(b"proof"),
        runs,
    }
}

fn advance(journal: &dyn Journal, height: u64, lane: LaneId, new: &[Entry]) -> crate::lane::error::Result<()> {
    journal.advance(&chain(), &state(height), height, &[Seen::Entries { lane, entries: new }])
}

pub(super) fn nothing_at_first(open: Open<'_>) {
    let journal = open();
    assert_eq!(journal.trusted(&chain()).unwrap(), None);
    assert_eq!(journal.scanned(&chain()).unwrap(), None);
    assert!(journal.entries(lane(1), 0, 10).unwrap().is_empty());
    assert!(journal.commitments(lane(1)).unwrap().is_empty());
    assert!(journal.delivered(lane(1)).unwrap().is_empty());
    assert!(journal.unfinished().unwrap().is_empty());
    assert!(journal.dead_letters(10).unwrap().is_empty());
    assert_eq!(journal.exhume(1).unwrap(), None);
}

pub(super) fn entries_survive_and_keep_their_order(open: Open<'_>) {
    let journal = open();
    advance(journal.as_ref(), 5, lane(1), &entries(lane(1), 0..3)).unwrap();
    advance(journal.as_ref(), 6, lane(1), &entries(lane(1), 3..900)).unwrap();
    advance(journal.as_ref(), 6, lane(2), &entries(lane(2), 0..1)).unwrap();
    drop(journal);
    let journal = open();
    assert_eq!(journal.trusted(&chain()).unwrap(), Some(state(6)));
    assert_eq!(journal.scanned(&chain()).unwrap(), Some(6));
    assert_eq!(journal.entries(lane(1), 0, 10_000).unwrap(), entries(lane(1), 0..900));
    assert_eq!(journal.entries(lane(1), 257, 3).unwrap(), entries(lane(1), 257..260));
    assert_eq!(journal.entries(lane(1), 899, 3).unwrap(), entries(lane(1), 899..900));
    assert!(journal.entries(lane(1), 900, 3).unwrap().is_empty());
    assert!(journal.entries(lane(1), 0, 0).unwrap().is_empty());
    assert_eq!(journal.entries(lane(2), 0, 10).unwrap(), entries(lane(2), 0..1));
    let expected: Vec<B256> = entries(lane(1), 0..900).iter().map(Entry::commitment).collect();
    assert_eq!(journal.commitments(lane(1)).unwrap(), expected);
}

pub(super) fn atk_072_a_hole_is_refused_whole(open: Open<'_>) {
    let journal = open();
    advance(journal.as_ref(), 5, lane(1), &entries(lane(1), 0..3)).unwrap();
    let late = entries(lane(1), 4..6);
    let good = entries(lane(2), 0..2);
    let both = [Seen::Entries { lane: lane(2), entries: &good }, Seen::Entries { lane: lane(1), entries: &late }];
    let refused = journal.advance(&chain(), &state(9), 9, &both).unwrap_err();
    assert_eq!((refused.kind, refused.is_retry()), (Kind::NotAvailableYet, true));
    assert_eq!(journal.scanned(&chain()).unwrap(), Some(5), "nothing of the step is stored");
    assert!(journal.entries(lane(2), 0, 9).unwrap().is_empty());
    // The nearest honest step.
    advance(journal.as_ref(), 9, lane(1), &entries(lane(1), 3..6)).unwrap();
    assert_eq!(journal.commitments(lane(1)).unwrap().len(), 6);
}

pub(super) fn atk_112_a_rewritten_index_stops_the_lane(open: Open<'_>) {
    let journal = open();
    advance(journal.as_ref(), 5, lane(1), &entries(lane(1), 0..600)).unwrap();
    for at in [0usize, 255, 256, 599] {
        let mut again = entries(lane(1), 0..700);
        again[at].body = Body::SwapVoided(SwapLeg { swap_id: B256::ZERO, leg: 0 });
        let refused = advance(journal.as_ref(), 6, lane(1), &again).unwrap_err();
        assert_eq!((refused.kind, refused.class), (Kind::OutboxRewritten, Class::StopLane), "at {at}");
    }
    assert_eq!(journal.commitments(lane(1)).unwrap().len(), 600);
    // The same entries again, with new ones behind, are taken.
    advance(journal.as_ref(), 6, lane(1), &entries(lane(1), 590..700)).unwrap();
    assert_eq!(journal.entries(lane(1), 0, 1000).unwrap(), entries(lane(1), 0..700));
}

pub(super) fn one_step_may_hold_several_runs_of_a_lane(open: Open<'_>) {
    let journal = open();
    let (a, b) = (entries(lane(1), 0..3), entries(lane(1), 3..5));
    let seen = [Seen::Entries { lane: lane(1), entries: &a }, Seen::Entries { lane: lane(1), entries: &b }];
    journal.advance(&chain(), &state(1), 1, &seen).unwrap();
    assert_eq!(journal.entries(lane(1), 0, 9).unwrap(), entries(lane(1), 0..5));
}

pub(super) fn entries_of_another_lane_or_order_are_refused(open: Open<'_>) {
    let journal = open();
    let mut mixed = entries(lane(1), 0..3);
    mixed[1].lane = lane(2);
    assert_eq!(advance(journal.as_ref(), 1, lane(1), &mixed).unwrap_err().kind, Kind::Malformed);
    let mut jump = entries(lane(1), 0..3);
    jump[2].index = 7;
    assert_eq!(advance(journal.as_ref(), 1, lane(1), &jump).unwrap_err().kind, Kind::Malformed);
    assert_eq!(journal.scanned(&chain()).unwrap(), None);
}

pub(super) fn truncate_cuts_exactly(open: Open<'_>) {
    let journal = open();
    for size in [900, 600, 513, 512, 511, 256, 1, 0] {
        advance(journal.as_ref(), 1, lane(1), &entries(lane(1), 0..900)).unwrap();
        advance(journal.as_ref(), 1, lane(2), &entries(lane(2), 0..3)).unwrap();
        journal.truncate(&chain(), lane(1), size, 1).unwrap();
        assert_eq!(journal.entries(lane(1), 0, 10_000).unwrap(), entries(lane(1), 0..size));
        advance(journal.as_ref(), 2, lane(1), &entries(lane(1), size..size + 2)).unwrap();
        assert_eq!(journal.commitments(lane(1)).unwrap().len() as u64, size + 2);
        journal.truncate(&chain(), lane(1), size, 1).unwrap();
    }
    journal.truncate(&chain(), lane(1), 50, 1).unwrap();
    assert_eq!(journal.entries(lane(2), 0, 9).unwrap().len(), 3, "other lanes are untouched");
}

pub(super) fn what_is_dropped_is_looked_for_again(open: Open<'_>) {
    let journal = open();
    advance(journal.as_ref(), 70, lane(1), &entries(lane(1), 0..9)).unwrap();
    journal.truncate(&chain(), lane(1), 5, 40).unwrap();
    drop(journal);
    let journal = open();
    assert_eq!(journal.entries(lane(1), 0, 99).unwrap().len(), 5);
    assert_eq!(journal.scanned(&chain()).unwrap(), Some(40), "the blocks of what was dropped are scanned again");
    journal.truncate(&chain(), lane(1), 5, 60).unwrap();
    assert_eq!(journal.scanned(&chain()).unwrap(), Some(40), "never raised");
}

pub(super) fn a_proven_mark_stays_until_its_entries_are_dropped(open: Open<'_>) {
    let journal = open();
    assert_eq!(journal.proven_mark(lane(1)).unwrap(), None);
    advance(journal.as_ref(), 70, lane(1), &entries(lane(1), 0..9)).unwrap();
    let mark = Mark { size: 7, height: 60 };
    journal.prove_mark(lane(1), mark).unwrap();
    drop(journal);
    let journal = open();
    assert_eq!(journal.proven_mark(lane(1)).unwrap(), Some(mark));
    assert_eq!(journal.proven_mark(lane(2)).unwrap(), None);
    journal.truncate(&chain(), lane(1), 7, 60).unwrap();
    assert_eq!(journal.proven_mark(lane(1)).unwrap(), Some(mark));
    journal.truncate(&chain(), lane(1), 6, 60).unwrap();
    assert_eq!(journal.proven_mark(lane(1)).unwrap(), None);
}

pub(super) fn delivered_bits_only_grow(open: Open<'_>) {
    let journal = open();
    journal.set_delivered(lane(1), &[(0, U256::from(0b101)), (7, U256::MAX)]).unwrap();
    journal.set_delivered(lane(1), &[(0, U256::from(0b010))]).unwrap();
    journal.set_delivered(lane(2), &[(0, U256::from(1))]).unwrap();
    drop(journal);
    assert_eq!(open().delivered(lane(1)).unwrap(), [(0, U256::from(0b111)), (7, U256::MAX)]);
}

pub(super) fn bundles_wait_until_closed(open: Open<'_>) {
    let journal = open();
    journal.received("org-b", 1, &bundle(lane(1), 0..50)).unwrap();
    journal.received("org-b", 2, &bundle(lane(1), 50..60)).unwrap();
    journal.received("org-c", 1, &bundle(lane(2), 0..256)).unwrap();
    journal.received("org-b", 2, &bundle(lane(1), 50..60)).unwrap();
    drop(journal);
    let journal = open();
    assert_eq!(
        journal.unfinished().unwrap(),
        [
            ("org-b".to_owned(), 1, bundle(lane(1), 0..50)),
            ("org-b".to_owned(), 2, bundle(lane(1), 50..60)),
            ("org-c".to_owned(), 1, bundle(lane(2), 0..256)),
        ]
    );
    journal.finished("org-b", lane(1), 1).unwrap();
    journal.finished("org-b", lane(1), 1).unwrap();
    journal.finished("org-c", lane(1), 2).unwrap();
    assert_eq!(journal.unfinished().unwrap().len(), 2);
}

pub(super) fn atk_082_bundles_have_a_bound(open: Open<'_>) {
    let journal = open();
    let one = bundle(lane(1), 0..1);
    // Two writers: the bound holds whoever asks.
    std::thread::scope(|scope| {
        for part in 0..8u64 {
            let (journal, one) = (&journal, &one);
            scope.spawn(move || {
                for number in 0..super::UNFINISHED_MAX / 8 {
                    journal.received("org-b", part * (super::UNFINISHED_MAX / 8) + number, one).unwrap();
                }
            });
        }
    });
    let refused = journal.received("org-b", super::UNFINISHED_MAX, &one).unwrap_err();
    assert_eq!((refused.kind, refused.is_retry()), (Kind::TooLarge, true));
    journal.received("org-b", 5, &one).expect("one that is known is no new one");
    journal.received("org-c", 1, &one).expect("another peer has its own bound");
    journal.finished("org-b", lane(1), 0).unwrap();
    journal.received("org-b", super::UNFINISHED_MAX, &one).unwrap();
}

pub(super) fn numbers_never_repeat(open: Open<'_>) {
    let mut last = 0;
    for _ in 0..4 {
        let journal = open();
        for _ in 0..100 {
            let number = journal.next_number(lane(1)).unwrap();
            assert!(number > last);
            last = number;
        }
        assert_eq!(journal.next_number(lane(1)).unwrap(), last + 1, "no gap without a restart");
        last += 1;
    }
    assert_eq!(open().next_number(lane(2)).unwrap(), 1);
}

pub(super) fn atk_075_intents_outlive_a_restart(open: Open<'_>) {
    let intent = |chain: &str, signer: u8, nonce, sent: usize| TxIntent {
        chain: chain.into(),
        signer: Bytes::from(vec![signer; 20]),
        nonce,
        lane: lane(1),
        range: 5..9,
        sent: vec![(B256::repeat_byte(4), Bytes::from_static(b"raw transaction")); sent],
    };
    let journal = open();
    journal.intend(&intent("eip155:1", 1, 7, 1)).unwrap();
    journal.intend(&intent("eip155:1", 1, 8, 0)).unwrap();
    journal.intend(&intent("eip155:1", 2, 7, 1)).unwrap();
    journal.intend(&intent("eip155:10", 1, 7, 1)).unwrap();
    journal.intend(&intent("eip155:1", 1, 7, 2)).unwrap();
    drop(journal);
    let journal = open();
    let signer = Bytes::from(vec![1u8; 20]);
    assert_eq!(journal.intents(&chain(), &signer).unwrap(), [intent("eip155:1", 1, 7, 2), intent("eip155:1", 1, 8, 0)]);
    journal.settle(&chain(), &signer, 7).unwrap();
    journal.settle(&chain(), &signer, 7).unwrap();
    assert_eq!(journal.intents(&chain(), &signer).unwrap(), [intent("eip155:1", 1, 8, 0)]);
    let other: ChainId = Arc::from("eip155:10");
    assert_eq!(journal.intents(&other, &signer).unwrap(), [intent("eip155:10", 1, 7, 1)], "one key, two chains");
    let refused = journal.intend(&intent("eip155:1", 1, 9, super::REPLACEMENTS_MAX + 1)).unwrap_err();
    assert_eq!(refused.kind, Kind::TooLarge);
}

pub(super) fn dead_letters_are_kept_until_taken(open: Open<'_>) {
    let letter = |kind, range: Range<u64>| DeadLetter {
        id: 0,
        lane: lane(1),
        range,
        stage: "submit".into(),
        kind,
        detail: "ö".repeat(2000),
        at: 1_700_000_000,
    };
    let journal = open();
    journal.bury(&letter(Kind::Reverted, 1..2)).unwrap();
    journal.bury(&letter(Kind::Refused, 4..9)).unwrap();
    drop(journal);
    let journal = open();
    let found = journal.dead_letters(10).unwrap();
    assert_eq!(found.iter().map(|l| (l.id, l.kind)).collect::<Vec<_>>(), [(1, Kind::Reverted), (2, Kind::Refused)]);
    assert!(found[0].detail.len() <= 1024 && found[0].detail.starts_with('ö'));
    assert_eq!(journal.dead_letters(1).unwrap().len(), 1);
    assert_eq!(journal.exhume(1).unwrap().unwrap().range, 1..2);
    assert_eq!(journal.exhume(1).unwrap(), None);
    journal.bury(&letter(Kind::Dropped, 0..1)).unwrap();
    assert_eq!(journal.dead_letters(10).unwrap().iter().map(|l| l.id).collect::<Vec<_>>(), [2, 3]);
}

/// One test of each case, on what `$with` opens: `fn with(case: fn(Open<'_>))`.
macro_rules! journal_suite {
    ($with:ident) => {
        $crate::store::suite::journal_suite! { $with:
            nothing_at_first, entries_survive_and_keep_their_order, atk_072_a_hole_is_refused_whole,
            atk_112_a_rewritten_index_stops_the_lane, one_step_may_hold_several_runs_of_a_lane,
            entries_of_another_lane_or_order_are_refused, truncate_cuts_exactly, what_is_dropped_is_looked_for_again,
            a_proven_mark_stays_until_its_entries_are_dropped, delivered_bits_only_grow,
            bundles_wait_until_closed, atk_082_bundles_have_a_bound, numbers_never_repeat,
            atk_075_intents_outlive_a_restart, dead_letters_are_kept_until_taken,
        }
    };
    ($with:ident: $($case:ident,)*) => {
        $(#[test] fn $case() { $with($crate::store::suite::$case); })*
    };
}
pub(super) use journal_suite;
