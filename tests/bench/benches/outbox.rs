//! Range proofs of the outbox: runs of 50 entries of a tree of 2^20 − 3, made and verified, beside `rs_merkle`.
//!
//! `cargo bench -p causeway-bench --bench outbox`. The throughput is in entries a second on one core. Peers hash with the
//! same function (`OutboxHasher`). The rows:
//!
//! - `entries/{root,peak}`: siblings made, then the run verified from its entries (commitments hashed, lane and index
//!   of each compared): what a relayer does;
//! - `commitments/{root,peak}`: the same from commitments that are at hand: what the peers do;
//! - `packed/peak`: a delivery's bytes decoded and verified, nothing made;
//! - `rs_merkle/single`: a proof for each entry, made and verified;
//! - `rs_merkle/run`: one multi-proof for the run, made and verified: its fastest way.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;

use causeway_core::{
    Anchor, B256, Body, Entry, LaneId, OutboxTree, Transfer, U256,
    pack::{DeliveryGroup, DeliveryRun, decode_runs, encode_runs},
    tree::{OutboxHasher, peaks},
};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rs_merkle::MerkleTree;

const SIZE: u64 = (1 << 20) - 3;
const RUN: u64 = 50;
const LANE: LaneId = LaneId(B256::repeat_byte(0x1a));
const REVERSE: LaneId = LaneId(B256::repeat_byte(0x1b));

fn entry(index: u64) -> Entry {
    let body = Body::Transfer(Transfer {
        asset: B256::repeat_byte(0xa5),
        amount: U256::from(1_000_000 + index),
        sender: B256::left_padding_from(&[0x5e; 20]),
        recipient: B256::left_padding_from(&[0x4e; 20]),
        timeout: 1_800_000_000,
        memo: B256::ZERO,
    });
    Entry { lane: LANE, index, body }
}

/// First indices of runs all over the tree, as far apart as they can be, never across a peak.
fn firsts() -> impl Iterator<Item = u64> {
    (0u64..).map(|n| (n * 7_919 * RUN) % (1 << 19) / RUN * RUN).filter(|first| first + RUN <= 1 << 19)
}

struct Outbox {
    entries: Vec<Entry>,
    tree: OutboxTree,
    peer: MerkleTree<OutboxHasher>,
}

impl Outbox {
    fn new() -> Self {
        let entries: Vec<Entry> = (0..SIZE).map(entry).collect();
        let leaves: Vec<B256> = entries.iter().map(Entry::commitment).collect();
        let tree = OutboxTree::from_leaves(&leaves);
        let words: Vec<[u8; 32]> = leaves.iter().map(|leaf| leaf.0).collect();
        let peer = MerkleTree::from_leaves(&words);
        assert_eq!(peer.root(), tree.root().map(|root| root.0));
        Self { entries, tree, peer }
    }

    fn run(&self, first: u64) -> &[Entry] {
        &self.entries[first as usize..(first + RUN) as usize]
    }

    /// Makes the siblings of a run, and says against what they are verified.
    fn prove(&self, peak_form: bool, first: u64, siblings: &mut Vec<B256>) -> Anchor {
        siblings.clear();
        if peak_form {
            let height = peaks::covering(SIZE, first).unwrap().height;
            let peak = self.tree.prove_peak(height, first, RUN, siblings).unwrap();
            Anchor::Peak { peak, height }
        } else {
            self.tree.prove_root(SIZE, first, RUN, siblings).unwrap();
            Anchor::Root { root: self.root(), size: SIZE }
        }
    }

    fn root(&self) -> B256 {
        // The peer caches its root; ours is asked for once a batch as well, which is once a light-client update.
        B256::new(self.peer.root().unwrap())
    }
}

fn made_and_verified(c: &mut Criterion) {
    let outbox = Outbox::new();
    let mut group = c.benchmark_group("outbox");
    group.throughput(Throughput::Elements(RUN));
    for (name, peak_form) in [("root", false), ("peak", true)] {
        let mut siblings = Vec::new();
        let mut runs = firsts();
        group.bench_function(format!("entries/{name}"), |b| {
            b.iter(|| {
                let first = runs.next().unwrap();
                let anchor = outbox.prove(peak_form, first, &mut siblings);
                anchor.verify_entries(LANE, first, black_box(outbox.run(first)), &siblings).unwrap();
            });
        });
        group.bench_function(format!("commitments/{name}"), |b| {
            b.iter(|| {
                let first = runs.next().unwrap();
                let anchor = outbox.prove(peak_form, first, &mut siblings);
                let leaves = &outbox.tree.leaves()[first as usize..(first + RUN) as usize];
                anchor.verify_commitments(first, black_box(leaves), &siblings).unwrap();
            });
        });
    }
    packed(&mut group, &outbox);
    peers(&mut group, &outbox);
    group.finish();
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn packed(group: &mut Group<'_>, outbox: &Outbox) {
    let mut runs = firsts();
    group.bench_function("packed/peak", |b| {
        let make = || {
            let first = runs.next().unwrap();
            let mut siblings = Vec::new();
            let anchor = outbox.prove(true, first, &mut siblings);
            let groups = vec![DeliveryGroup::Plain(outbox.run(first).to_vec())];
            (first, anchor, encode_runs(&[DeliveryRun { siblings, groups }]).unwrap())
        };
        b.iter_batched(
            make,
            |(first, anchor, bytes)| {
                for run in decode_runs(LANE, REVERSE, first, &bytes).unwrap() {
                    for group in &run.groups {
                        anchor.verify_entries(LANE, first, group.entries(), &run.siblings).unwrap();
                    }
                }
            },
            BatchSize::SmallInput,
        );
    });
}

fn peers(group: &mut Group<'_>, outbox: &Outbox) {
    let root = outbox.peer.root().unwrap();
    let leaves: Vec<[u8; 32]> = outbox.tree.leaves().iter().map(|leaf| leaf.0).collect();
    let mut runs = firsts();
    group.bench_function("rs_merkle/single", |b| {
        b.iter(|| {
            let first = runs.next().unwrap() as usize;
            for index in first..first + RUN as usize {
                let proof = outbox.peer.proof(&[index]);
                assert!(proof.verify(root, &[index], &leaves[index..=index], leaves.len()));
            }
        });
    });
    group.bench_function("rs_merkle/run", |b| {
        b.iter(|| {
            let first = runs.next().unwrap() as usize;
            let indices: Vec<usize> = (first..first + RUN as usize).collect();
            let proof = outbox.peer.proof(&indices);
            assert!(proof.verify(root, &indices, &leaves[first..first + RUN as usize], leaves.len()));
        });
    });
}

fn growth(c: &mut Criterion) {
    let leaves: Vec<B256> = (0..1u64 << 16).map(|index| entry(index).commitment()).collect();
    let mut group = c.benchmark_group("outbox-growth");
    group.throughput(Throughput::Elements(leaves.len() as u64));
    group.bench_function("append one by one", |b| {
        b.iter(|| {
            let mut tree = OutboxTree::new();
            for leaf in &leaves {
                tree.append(*leaf);
            }
            tree
        });
    });
    group.bench_function("extend", |b| b.iter(|| OutboxTree::from_leaves(&leaves)));
    group.finish();
}

criterion_group!(benches, made_and_verified, growth);
criterion_main!(benches);
