//! An outbox peak under a state root, from wire bytes to verdict, in a state of 20,000 accounts and an outbox of 21
//! slots (a million entries). Beside it the same with `alloy_trie::proof::verify_proof`, which is given the expected
//! values.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeMap, hint::black_box};

use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles, proof::ProofRetainer, proof::verify_proof};
use causeway_bft_evm::proof::{SIZE_SLOT, encode_state_proof, outbox_peaks, peak_slot};
use causeway_mpt::rlp;
use criterion::{Criterion, criterion_group, criterion_main};

const HEIGHT: u8 = 12;

/// Root of a trie, and the nodes on the way to a key.
fn trie(entries: &BTreeMap<B256, Vec<u8>>, key: B256) -> (B256, Vec<Bytes>) {
    let target = Nibbles::unpack(key);
    let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::from_iter([target]));
    for (key, value) in entries {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    let root = builder.root();
    (root, builder.take_proof_nodes().matching_nodes_sorted(&target).into_iter().map(|(_, node)| node).collect())
}

fn account(storage_root: B256) -> Vec<u8> {
    let mut items = Vec::new();
    rlp::put_u64(&mut items, 1);
    rlp::put_u64(&mut items, 0);
    rlp::put_bytes(&mut items, storage_root.as_slice());
    rlp::put_bytes(&mut items, keccak256("code").as_slice());
    rlp::list(&items)
}

fn word(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    rlp::put_bytes(&mut out, bytes);
    out
}

struct Case {
    root: B256,
    outbox: Address,
    wire: Vec<u8>,
    account: Vec<u8>,
    storage_root: B256,
    peak: Vec<u8>,
}

fn case() -> Case {
    let outbox = Address::repeat_byte(0xab);
    let mut slots = BTreeMap::from([(keccak256(SIZE_SLOT), word(&[0x10, 0, 0]))]);
    for height in 0..20 {
        slots.insert(keccak256(peak_slot(height)), word(keccak256([height]).as_slice()));
    }
    let (storage_root, slot_nodes) = trie(&slots, keccak256(peak_slot(HEIGHT)));
    let mut accounts: BTreeMap<B256, Vec<u8>> =
        (0..20_000u32).map(|number| (keccak256(number.to_be_bytes()), account(EMPTY_ROOT_HASH))).collect();
    accounts.insert(keccak256(outbox), account(storage_root));
    let (root, account_nodes) = trie(&accounts, keccak256(outbox));
    let wire = encode_state_proof(&account_nodes, &[(HEIGHT, slot_nodes)]).unwrap();
    let peak = word(keccak256([HEIGHT]).as_slice());
    Case { root, outbox, wire, account: account(storage_root), storage_root, peak }
}

fn ours(case: &Case) -> bool {
    outbox_peaks(&case.root, case.outbox, &case.wire).is_ok_and(|peaks| peaks.len() == 1)
}

/// The same bytes, cut into nodes as `alloy_trie` takes them.
fn alloy(case: &Case) -> bool {
    let mut rest = case.wire.as_slice();
    let mut nodes = || {
        let (count, mut left) = rest.split_first().unwrap();
        let mut nodes = Vec::with_capacity(usize::from(*count));
        for _ in 0..*count {
            let (length, after) = left.split_first_chunk::<2>().unwrap();
            let (node, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            nodes.push(Bytes::copy_from_slice(node));
            left = after;
        }
        rest = left.get(2..).unwrap_or_default();
        nodes
    };
    let (account_nodes, slot_nodes) = (nodes(), nodes());
    let account = Nibbles::unpack(keccak256(case.outbox));
    let slot = Nibbles::unpack(keccak256(peak_slot(HEIGHT)));
    verify_proof(case.root, account, Some(case.account.clone()), &account_nodes).is_ok()
        && verify_proof(case.storage_root, slot, Some(case.peak.clone()), &slot_nodes).is_ok()
}

fn state_proof(c: &mut Criterion) {
    let case = case();
    assert!(ours(&case) && alloy(&case));
    let mut group = c.benchmark_group("state_proof");
    group.throughput(criterion::Throughput::Bytes(case.wire.len() as u64));
    group.bench_function("causeway", |b| b.iter(|| ours(black_box(&case))));
    group.bench_function("alloy_trie", |b| b.iter(|| alloy(black_box(&case))));
    group.finish();
}

criterion_group!(benches, state_proof);
criterion_main!(benches);
