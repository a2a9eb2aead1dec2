//! State tries with an outbox in them, and proofs of its peaks.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles, proof::ProofRetainer};
use causeway_bft_evm::proof::{SIZE_SLOT, encode_state_proof, peak_slot};
use causeway_mpt::rlp;

/// Root of a trie, and the nodes on the way to each of `keys`.
fn trie(entries: &BTreeMap<B256, Vec<u8>>, keys: &[B256]) -> (B256, Vec<Vec<Bytes>>) {
    let targets: Vec<Nibbles> = keys.iter().map(Nibbles::unpack).collect();
    let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::from_iter(targets.clone()));
    for (key, value) in entries {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    let root = builder.root();
    let nodes = builder.take_proof_nodes();
    let of = |target: &Nibbles| nodes.matching_nodes_sorted(target).into_iter().map(|(_, node)| node).collect();
    (root, targets.iter().map(of).collect())
}

fn account(storage_root: B256) -> Vec<u8> {
    let mut items = Vec::new();
    rlp::put_u64(&mut items, 1);
    rlp::put_u64(&mut items, 0);
    rlp::put_bytes(&mut items, storage_root.as_slice());
    rlp::put_bytes(&mut items, keccak256("code").as_slice());
    rlp::list(&items)
}

fn word(value: B256) -> Vec<u8> {
    let mut out = Vec::new();
    let bytes = value.as_slice();
    rlp::put_bytes(&mut out, &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]);
    out
}

/// A state with an outbox whose peak slots are `peaks`, between `others` accounts: its root, and a proof of `asked`.
///
/// # Panics
/// A part is too long for the format.
pub fn state(outbox: Address, size: u64, peaks: &BTreeMap<u8, B256>, others: u32, asked: &[u8]) -> (B256, Vec<u8>) {
    let mut slots = BTreeMap::from([(keccak256(SIZE_SLOT), word(B256::from(alloy::primitives::U256::from(size))))]);
    slots.extend(peaks.iter().map(|(height, peak)| (keccak256(peak_slot(*height)), word(*peak))));
    let keys: Vec<B256> = asked.iter().map(|height| keccak256(peak_slot(*height))).collect();
    let (storage_root, slot_nodes) = trie(&slots, &keys);
    let mut accounts: BTreeMap<B256, Vec<u8>> =
        (0..others).map(|number| (keccak256(number.to_be_bytes()), account(EMPTY_ROOT_HASH))).collect();
    accounts.insert(keccak256(outbox), account(storage_root));
    let (root, account_nodes) = trie(&accounts, &[keccak256(outbox)]);
    let slots: Vec<(u8, Vec<Bytes>)> = asked.iter().copied().zip(slot_nodes).collect();
    (root, encode_state_proof(&account_nodes[0], &slots).expect("short"))
}
