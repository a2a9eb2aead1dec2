#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use alloy_primitives::U256;
use causeway_core::{Body, Transfer};

use super::*;

const LANE: LaneId = LaneId(B256::repeat_byte(1));

fn entries(first: u64, count: u64) -> Vec<Entry> {
    let transfer = |index| Transfer {
        asset: B256::repeat_byte(2),
        amount: U256::from(index),
        sender: B256::repeat_byte(3),
        recipient: B256::repeat_byte(4),
        timeout: 1_800_000_000,
        memo: B256::ZERO,
    };
    (first..first + count).map(|index| Entry { lane: LANE, index, body: Body::Transfer(transfer(index)) }).collect()
}

fn wire(first: u64, count: u64) -> v1::Bundle {
    let siblings = [B256::repeat_byte(9); 5];
    let runs = [(4u8, (count - 1) as u16, &siblings[..]), (0, 1, &[])];
    let (update, proof) = (Bytes::from_static(b"update"), Bytes::from_static(b"proof"));
    put_bundle(7, first, &entries(first, count), 99, &update, &proof, runs.into_iter()).unwrap()
}

#[test]
fn a_bundle_comes_back_as_it_was() {
    for count in [2, 50, 256] {
        let bundle = take_bundle(LANE, wire(10, count)).unwrap();
        assert_eq!((bundle.number, bundle.first, bundle.source_height), (7, 10, 99));
        assert_eq!(bundle.entries, entries(10, count));
        assert_eq!(bundle.runs[0].siblings.len(), 5);
        assert_eq!(bundle.runs.iter().map(|run| u64::from(run.count)).sum::<u64>(), count);
        assert_eq!((&bundle.update[..], &bundle.state_proof[..]), (&b"update"[..], &b"proof"[..]));
    }
}

#[test]
fn atk_096_every_bound_of_a_bundle_is_kept() {
    type Change = fn(&mut v1::Bundle);
    let changes: [(&str, Change); 12] = [
        ("count + 1", |b| b.entry_count += 1),
        ("count - 1", |b| b.entry_count -= 1),
        ("no entries", |b| (b.entry_count, b.entries, b.runs) = (0, Bytes::new(), Bytes::new())),
        ("257 entries", |b| b.entry_count = 257),
        ("huge count", |b| b.entry_count = u32::MAX),
        ("update", |b| b.update = vec![0; UPDATE_BYTES_MAX + 1].into()),
        ("state proof", |b| b.state_proof = vec![0; STATE_PROOF_BYTES_MAX + 1].into()),
        ("runs cut", |b| b.runs = b.runs.slice(..b.runs.len() - 1)),
        ("runs and a byte", |b| b.runs = [&b.runs[..], &[0]].concat().into()),
        ("entries cut", |b| b.entries = b.entries.slice(..b.entries.len() - 1)),
        ("entries and a byte", |b| b.entries = [&b.entries[..], &[0]].concat().into()),
        ("index overflow", |b| b.first_index = u64::MAX - 2),
    ];
    for (name, change) in changes {
        let mut bundle = wire(10, 50);
        change(&mut bundle);
        assert!(take_bundle(LANE, bundle).is_err(), "{name}");
    }
    let mut bundle = wire(10, 50);
    (bundle.update, bundle.state_proof) = (vec![0; UPDATE_BYTES_MAX].into(), vec![0; STATE_PROOF_BYTES_MAX].into());
    take_bundle(LANE, bundle).expect("at the bounds");
}

#[test]
fn atk_096_runs_have_bounds() {
    let run = |peak: u8, count: u16, siblings: u8| {
        let mut out = vec![peak];
        out.extend_from_slice(&count.to_be_bytes());
        out.push(siblings);
        out.extend_from_slice(&vec![0; 32 * usize::from(siblings)]);
        out
    };
    assert!(take_runs(&run(63, 5, 128), 5).is_ok());
    assert!(take_runs(&run(64, 5, 0), 5).is_err());
    assert!(take_runs(&run(0, 5, 129), 5).is_err());
    assert!(take_runs(&run(0, 0, 0), 0).is_err());
    assert!(take_runs(&run(0, 1, 0).repeat(64), 64).is_ok());
    assert!(take_runs(&run(0, 1, 0).repeat(65), 65).is_err());
}

#[test]
fn ranges_ascend_and_are_bounded() {
    let take = |bounds: Vec<u64>| take_ranges(&v1::RangesHeld { bounds });
    assert_eq!(take(vec![0, 5, 7, 9]).unwrap(), [0..5, 7..9]);
    assert_eq!(take_ranges(&put_ranges(&[0..5, 7..9])).unwrap(), [0..5, 7..9]);
    assert_eq!(take(vec![]).unwrap(), []);
    for bad in [vec![1], vec![5, 5], vec![5, 4], vec![0, 5, 5, 6], vec![0, 5, 3, 9]] {
        assert_eq!(take(bad), Err(Unreadable::Ranges));
    }
    let many: Vec<u64> = (0..2 * (RANGES_MAX as u64 + 1)).collect();
    assert!(take(many.clone()).is_err());
    assert_eq!(take(many[..2 * RANGES_MAX].to_vec()).unwrap().len(), RANGES_MAX);
}
