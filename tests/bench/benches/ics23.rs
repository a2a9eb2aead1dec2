//! ICS-23 proofs from wire bytes to verdict, beside `ics23` with its own hash functions: of one key, and of runs of 50 keys
//! next to each other in a store of 2^16.
//!
//! The store is an IAVL-like tree made here: each node `height ‖ size ‖ version ‖ 32 ‖ left ‖ 32 ‖ right`. The ratios are
//! printed at the end; both sides are measured in turns, best of all rounds.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use alloy_primitives::keccak256;
use causeway_cometbft::proof::{Claim, HashOp, IAVL, membership, non_membership, verify_batch};
use criterion::{Criterion, criterion_group, criterion_main};
use ics23::{
    BatchEntry, BatchProof, CommitmentProof, ExistenceProof, HostFunctionsManager, InnerOp, LeafOp, NonExistenceProof,
    batch_entry, commitment_proof::Proof, compress, iavl_spec, verify_membership, verify_non_membership,
};
use prost013::Message;

const LEVELS: usize = 16;
const RUN: usize = 50;
const ROUNDS: u32 = 200;

type Hash = [u8; 32];

fn sha256(parts: &[&[u8]]) -> Hash {
    HashOp::Sha256.digest(parts).unwrap().as_slice().try_into().unwrap()
}

struct Store {
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    /// Hashes by level, leaves first.
    levels: Vec<Vec<Hash>>,
}

fn node_prefix(level: usize) -> Vec<u8> {
    // Height, size and version as zigzag varints.
    let mut prefix = Vec::new();
    for number in [level as u64, 1 << level, 300] {
        let mut value = number << 1;
        while value >= 0x80 {
            prefix.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        prefix.push(value as u8);
    }
    prefix
}

const LEAF_PREFIX: [u8; 4] = [0, 2, 0xd8, 4];

impl Store {
    fn new() -> Self {
        let entry = |number: u32| {
            let key = [b"outbox/".as_slice(), &(2 * number).to_be_bytes()].concat();
            (key, keccak256(number.to_be_bytes()).to_vec())
        };
        let entries: Vec<_> = (0..1 << LEVELS).map(entry).collect();
        let leaf = |(key, value): &(Vec<u8>, Vec<u8>)| {
            sha256(&[&LEAF_PREFIX, &[key.len() as u8], key, &[32], &sha256(&[value])])
        };
        let mut levels = vec![entries.iter().map(leaf).collect::<Vec<_>>()];
        for level in 1..=LEVELS {
            let prefix = node_prefix(level);
            let below = levels.last().unwrap();
            let node = |pair: &[Hash]| sha256(&[&prefix, &[32], &pair[0], &[32], &pair[1]]);
            levels.push(below.chunks(2).map(node).collect());
        }
        Self { entries, levels }
    }

    fn root(&self) -> Vec<u8> {
        self.levels[LEVELS][0].to_vec()
    }

    fn existence(&self, at: usize) -> ExistenceProof {
        let op = |level: usize| {
            let sibling = self.levels[level][(at >> level) ^ 1];
            let prefix = node_prefix(level + 1);
            let (prefix, suffix) = match (at >> level) & 1 {
                0 => ([prefix.as_slice(), &[32]].concat(), [&[32], sibling.as_slice()].concat()),
                _ => ([prefix.as_slice(), &[32], &sibling, &[32]].concat(), Vec::new()),
            };
            InnerOp { hash: 1, prefix, suffix }
        };
        let leaf = LeafOp { hash: 1, prehash_key: 0, prehash_value: 1, length: 1, prefix: LEAF_PREFIX.to_vec() };
        let (key, value) = self.entries[at].clone();
        ExistenceProof { key, value, leaf: Some(leaf), path: (0..LEVELS).map(op).collect() }
    }
}

fn wire(proof: Proof) -> Vec<u8> {
    CommitmentProof { proof: Some(proof) }.encode_to_vec()
}

fn decoded(bytes: &[u8]) -> CommitmentProof {
    CommitmentProof::decode(bytes).unwrap()
}

/// Measures both in turns and prints the ratio.
fn ratio(name: &str, mut ours: impl FnMut() -> bool, mut peer: impl FnMut() -> bool) {
    let mut best = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        let started = Instant::now();
        assert!(ours());
        best[0] = best[0].min(started.elapsed());
        let started = Instant::now();
        assert!(peer());
        best[1] = best[1].min(started.elapsed());
    }
    let ratio = best[1].as_secs_f64() / best[0].as_secs_f64();
    println!("ics23/{name}: {:?}, peer {:?}: ratio {ratio:.2}", best[0], best[1]);
}

fn proofs(c: &mut Criterion) {
    let store = Store::new();
    let (root, spec) = (store.root(), iavl_spec());
    let at = 12_345;
    let (key, value) = &store.entries[at];
    let proof = wire(Proof::Exist(store.existence(at)));
    let missing = [b"outbox/".as_slice(), &(2 * at as u32 + 1).to_be_bytes()].concat();
    let gap = NonExistenceProof {
        key: missing.clone(),
        left: Some(store.existence(at)),
        right: Some(store.existence(at + 1)),
    };
    let gap = wire(Proof::Nonexist(gap));
    let ours = || membership(&IAVL, &root, key, value, black_box(&proof)).is_ok();
    let peer = || verify_membership::<HostFunctionsManager>(&decoded(black_box(&proof)), &spec, &root, key, value);
    let ours_gap = || non_membership(&IAVL, &root, &missing, black_box(&gap)).is_ok();
    let peer_gap = || verify_non_membership::<HostFunctionsManager>(&decoded(black_box(&gap)), &spec, &root, &missing);
    assert!(ours() && peer() && ours_gap() && peer_gap());
    let mut group = c.benchmark_group("ics23");
    group.bench_function("present/causeway", |b| b.iter(ours));
    group.bench_function("present/ics23", |b| b.iter(peer));
    group.bench_function("absent/causeway", |b| b.iter(ours_gap));
    group.bench_function("absent/ics23", |b| b.iter(peer_gap));
    batches(&mut group, &store, &root);
    group.finish();
    ratio("present", ours, peer);
    ratio("absent", ours_gap, peer_gap);
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

/// A run of keys: one by one here and at the peer, as a plain batch, as a compressed one.
fn batches(group: &mut Group<'_>, store: &Store, root: &Vec<u8>) {
    let spec = iavl_spec();
    let run = 20_000..20_000 + RUN;
    let singles: Vec<Vec<u8>> = run.clone().map(|at| wire(Proof::Exist(store.existence(at)))).collect();
    let entry = |at| BatchEntry { proof: Some(batch_entry::Proof::Exist(store.existence(at))) };
    let batch = CommitmentProof { proof: Some(Proof::Batch(BatchProof { entries: run.clone().map(entry).collect() })) };
    let (plain, compressed) = (batch.encode_to_vec(), compress(&batch).unwrap().encode_to_vec());
    let items = &store.entries[run];
    let claims: Vec<Claim<'_>> = items.iter().map(|(key, value)| Claim::Present { key, value }).collect();
    let whole = |bytes: &[u8]| verify_batch(&IAVL, root, &claims, black_box(bytes)).is_ok();
    let one_by_one = || {
        let mut pairs = items.iter().zip(&singles);
        pairs.all(|((key, value), proof)| membership(&IAVL, root, key, value, black_box(proof)).is_ok())
    };
    let peer_one_by_one = || {
        let mut pairs = items.iter().zip(&singles);
        pairs.all(|((key, value), proof)| {
            verify_membership::<HostFunctionsManager>(&decoded(black_box(proof)), &spec, root, key, value)
        })
    };
    let peer_batch = |bytes: &[u8]| {
        let items = items.iter().map(|(key, value)| (key.as_slice(), value.as_slice())).collect();
        ics23::verify_batch_membership::<HostFunctionsManager>(&decoded(black_box(bytes)), &spec, root, items)
    };
    assert!(whole(&plain) && whole(&compressed) && one_by_one() && peer_one_by_one() && peer_batch(&compressed));
    group.bench_function("run of 50/one by one", |b| b.iter(one_by_one));
    group.bench_function("run of 50/batch", |b| b.iter(|| whole(&plain)));
    group.bench_function("run of 50/compressed", |b| b.iter(|| whole(&compressed)));
    group.bench_function("run of 50/ics23, one by one", |b| b.iter(peer_one_by_one));
    group.bench_function("run of 50/ics23, compressed", |b| b.iter(|| peer_batch(&compressed)));
    println!("bytes: one by one {}, plain {}, compressed {}", singles.concat().len(), plain.len(), compressed.len());
    ratio("run of 50, plain batch beside our own one by one", || whole(&plain), one_by_one);
    ratio("run of 50, compressed beside our own one by one", || whole(&compressed), one_by_one);
    ratio("run of 50, compressed beside ics23 one by one", || whole(&compressed), peer_one_by_one);
    ratio("run of 50, compressed beside ics23 compressed", || whole(&compressed), || peer_batch(&compressed));
}

criterion_group!(benches, proofs);
criterion_main!(benches);
