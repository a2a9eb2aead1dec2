//! The book alone: what it takes in, what it refuses, and what it hands to the stages.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{Book, Mark, Standing};
use crate::lane::error::{Class, Kind};
use alloy::primitives::{B256, U256};
use causeway_core::{Anchor, Body, Entry, LaneId, Transfer};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

fn lane() -> LaneId {
    LaneId(B256::repeat_byte(7))
}

fn entry(index: u64) -> Entry {
    let body = Body::Transfer(Transfer {
        asset: B256::repeat_byte(1),
        amount: U256::from(index + 1),
        sender: B256::repeat_byte(2),
        recipient: B256::repeat_byte(3),
        timeout: 4,
        memo: B256::ZERO,
    });
    Entry { lane: lane(), index, body }
}

fn entries(range: std::ops::Range<u64>) -> Vec<Entry> {
    range.map(entry).collect()
}

fn book(size: u64) -> Arc<Book> {
    let book = Arc::new(Book::restore(lane(), &[], Vec::new(), Vec::new()));
    book.append(10, &entries(0..size)).unwrap();
    book
}

#[test]
fn atk_072_a_gap_is_scanned_again_and_repeated_events_change_nothing() {
    let book = book(5);
    let gap = book.append(11, &entries(6..8)).unwrap_err();
    assert_eq!((gap.kind, gap.is_retry()), (Kind::NotAvailableYet, true));
    assert_eq!(book.append(11, &entries(3..7)).unwrap(), 2, "3 and 4 are known, 5 and 6 are new");
    assert_eq!(book.size(), 7);
}

#[test]
fn atk_112_a_rewritten_index_stops_the_lane() {
    let book = book(5);
    let other = Entry { index: 4, ..entry(9) };
    let refused = book.append(11, &[other]).unwrap_err();
    assert_eq!((refused.kind, refused.class), (Kind::OutboxRewritten, Class::StopLane));
    assert_eq!(book.append(11, &[entry(4)]).unwrap(), 0, "the same entry again is no news");
}

#[test]
fn sizes_are_known_by_height() {
    let book = book(5);
    book.append(12, &entries(5..9)).unwrap();
    assert_eq!(book.size_at(9), Some(0), "nothing was there before the first event");
    assert_eq!((book.size_at(10), book.size_at(11), book.size_at(12)), (Some(5), Some(5), Some(9)));
}

#[test]
fn a_cut_proves_under_the_peaks_of_its_size() {
    let book = book(300);
    for size in [1, 2, 7, 64, 129, 300] {
        let end = size.min(256);
        let cut = book.cut(0..end, size).unwrap();
        let mut first = 0;
        for (run, peak) in cut.runs.iter().zip(&cut.peaks) {
            let of = &cut.entries[first as usize..first as usize + usize::from(run.count)];
            let anchor = Anchor::Peak { peak: *peak, height: run.peak };
            anchor.verify_entries(lane(), first, of, &run.siblings).unwrap();
            first += u64::from(run.count);
        }
        assert_eq!(first, end);
    }
}

#[tokio::test(start_paused = true)]
async fn only_proven_bits_close_entries_and_they_only_rise() {
    let book = book(300);
    assert_eq!(book.prove_delivered(&[(0, U256::from(0b101))]).len(), 2);
    assert!(book.prove_delivered(&[(0, U256::ZERO)]).is_empty(), "an older answer takes nothing back");
    assert!(book.all_delivered(0..1) && !book.all_delivered(0..2) && book.all_delivered(2..3));
    assert_eq!((book.open_count(), book.closed_count()), (298, 2));
    assert_eq!(book.next_waiting(300, 256, 0).unwrap().0, 1..2, "a run ends at a closed entry");
    // A bit for an entry that is still to be seen closes it on arrival.
    book.prove_delivered(&[(1, U256::from(1) << 44)]);
    book.append(11, &entries(300..302)).unwrap();
    assert!(book.all_delivered(300..301));
    assert_eq!(book.standing(300), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_waits_again_when_the_holder_is_gone() {
    let book = book(10);
    let hold = book.hold(0..4);
    assert!(book.working(3..5) && !book.working(4..10));
    assert_eq!(book.next_waiting(10, 100, 0).unwrap().0, 4..10);
    drop(hold);
    assert_eq!(book.next_waiting(10, 100, 0).unwrap().0, 0..10);
    // What failed meanwhile keeps its own time.
    let hold = book.hold(0..2);
    assert_eq!(book.fail(0..2, Instant::now() + Duration::from_secs(5)), 1);
    drop(hold);
    assert_eq!(book.next_waiting(10, 100, 0).unwrap().0, 2..10);
    tokio::time::advance(Duration::from_secs(6)).await;
    assert_eq!(book.next_failed(10, 100, 1), Some(0..2));
}

#[tokio::test(start_paused = true)]
async fn what_the_peer_does_not_move_becomes_overdue() {
    let book = book(10);
    book.stand(0..5, Standing::Sent(Instant::now()));
    tokio::time::advance(Duration::from_secs(3)).await;
    book.stand(5..10, Standing::Sent(Instant::now()));
    assert_eq!(book.overdue(Instant::now() - Duration::from_secs(2), 3), Some(0..3));
    assert_eq!(book.overdue(Instant::now() - Duration::from_secs(2), 100), Some(0..5));
}

#[test]
fn a_lie_is_forgotten_back_to_what_is_beyond_doubt() {
    let book = book(4);
    book.append(12, &entries(4..6)).unwrap();
    // The peak of four was proven; that of two was not.
    book.prove_sound(0..4);
    book.prove_sound(8..16);
    assert_eq!((book.sound(), book.heal_point()), (4, (4, 10)));
    book.truncate(4);
    assert_eq!(book.size(), 4);
    let genuine = Entry { index: 4, ..entry(40) };
    assert_eq!(book.append(12, &[genuine]).unwrap(), 1);
}

#[test]
fn atk_022_heights_that_events_told_are_not_believed_twice() {
    let book = book(4);
    book.prove_sound(0..4);
    book.prove_mark(Mark { size: 4, height: 7 });
    // Genuine, but told for a block after the one that the node left out.
    book.append(90, &entries(4..5)).unwrap();
    book.prove_sound(4..5);
    assert_eq!(book.heal_point(), (5, 90));
    book.truncate(5);
    assert_eq!(book.heal_point(), (4, 7), "the scan from a told height was in vain");
    book.truncate(4);
    assert_eq!(book.heal_point(), (4, 7));
    // A mark from a file that something spoilt is given up in the end.
    (0..8).for_each(|_| book.truncate(4));
    assert_eq!(book.heal_point(), (0, 0));
    // What proves more puts an end to it.
    book.append(90, &entries(4..6)).unwrap();
    book.prove_sound(0..6);
    assert_eq!(book.heal_point(), (6, 90));
}

#[test]
fn atk_022_a_false_entry_that_was_closed_by_its_namesakes_delivery_can_be_taken_back() {
    let book = book(4);
    book.prove_sound(0..4);
    // A node told a false entry 4; the genuine one was delivered by somebody else.
    book.append(12, &entries(4..5)).unwrap();
    book.prove_delivered(&[(0, U256::from(0b11111))]);
    assert_eq!((book.open_count(), book.closed_count()), (0, 5));
    assert_eq!(book.heal_point(), (4, 10), "a delivered bit does not make the entry genuine");
    book.truncate(4);
    assert_eq!(book.closed_count(), 4);
    let genuine = Entry { index: 4, ..entry(40) };
    assert_eq!(book.append(12, &[genuine]).unwrap(), 1);
    assert_eq!((book.open_count(), book.closed_count()), (0, 5));
}

#[test]
fn atk_078_of_a_backlog_what_expires_next_is_taken_first() {
    let expires = |index: u64, timeout: u64| {
        let Body::Transfer(transfer) = entry(index).body else { panic!() };
        Entry { body: Body::Transfer(Transfer { timeout, ..transfer }), ..entry(index) }
    };
    let book = Book::restore(lane(), &[], Vec::new(), Vec::new());
    // 10,000 that have time; some in the middle do not, one is late already.
    let timeout = |index: u64| match index {
        5_010 => 1_100,
        7_300..7_302 => 1_050,
        9_000 => 900,
        _ => 100_000 + index,
    };
    let all: Vec<Entry> = (0..10_000).map(|i| expires(i, timeout(i))).collect();
    book.append(10, &all).unwrap();
    let mut taken = Vec::new();
    for _ in 0..4 {
        let (range, _) = book.next_waiting(10_000, 128, 1_000).unwrap();
        book.stand(range.clone(), Standing::Working);
        taken.push(range);
    }
    assert_eq!(taken, [7_296..7_424, 4_992..5_120, 0..128, 128..256]);
    // Everything is taken once, in full batches but for the last.
    let mut batches = taken.len();
    let mut count = 512;
    while let Some((range, _)) = book.next_waiting(10_000, 128, 1_000) {
        book.stand(range.clone(), Standing::Working);
        (batches, count) = (batches + 1, count + (range.end - range.start));
    }
    assert_eq!((count, batches), (10_000, 79));
    // Nothing beyond what can be proven, however urgent; and without a backlog, one after the other.
    let book = Book::restore(lane(), &[], Vec::new(), Vec::new());
    book.append(10, &all[..300]).unwrap();
    book.append(11, &[expires(300, 1_001)]).unwrap();
    assert_eq!(book.next_waiting(300, 128, 1_000).unwrap().0, 0..128);
    assert_eq!(book.next_waiting(301, 128, 1_000).unwrap().0, 256..301);
    book.stand(0..200, Standing::Dead);
    book.prove_delivered(&[(0, U256::MAX)]);
    assert_eq!(book.next_waiting(301, 128, 1_000).unwrap().0, 256..301);
}

#[test]
fn hints_wait_for_their_height() {
    let book = book(300);
    book.hint(0..300, 50);
    assert!(book.take_hints(49, 16).is_empty() && book.has_hints());
    assert_eq!(book.take_hints(50, 16), vec![0, 1]);
    book.give_back_hints(&[1]);
    assert_eq!(book.take_hints(0, 16), vec![1]);
}
