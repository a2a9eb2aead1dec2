//! ATK-110: a caller that has used up the EVM's call depth fails no credit. It takes a block of some 10^13 gas, which
//! chains without fees may have.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;

use alloy::{
    hex,
    primitives::{Address, B256, U256},
    sol,
    sol_types::SolCall,
};
use causeway_bft_evm::compose::HeaderFields;
use causeway_core::{Body, Entry, OutboxTree, Transfer};
use causeway_differential::{
    trie,
    validators::{Parts, addresses},
};
use common::world::{RELEASED_ASSET, REMOTE_ASSET, REMOTE_OUTBOX, START, World, deliverCall};

sol! {
    function isDelivered(bytes32 lane, uint64 index) external view returns (bool);
    function size() external view returns (uint64);
}

/// Calls itself as often as the first word says, then the address in the second word with what follows; answers with a
/// word that says whether that call succeeded.
const DIGGER: &[u8] = &hex!(
    "600035 80 6028 57 50"
    "6040 36 03 80 6040 6000 37 6000 6000 82 6000 6000 6020 35 5a f1 6000 52 6020 6000 f3"
    "5b 36 6000 6000 37 6001 90 03 6000 52 6020 6000 36 6000 6000 30 5a f1 50 6020 6000 f3"
);

#[test]
fn atk_110_no_depth_of_calls_fails_a_credit() {
    let mut world = World::new();
    world.machine.gas = u64::MAX >> 1;
    let digger = Address::repeat_byte(0xd1);
    world.machine.install(digger, DIGGER);
    // A voucher is minted in one call more than the client takes to verify; a release takes three more.
    for (count, asset) in [(1_u64, RELEASED_ASSET), (2, RELEASED_ASSET), (2, REMOTE_ASSET)] {
        let entries: Vec<Entry> = (0..count)
            .map(|index| {
                let transfer = Transfer {
                    asset,
                    amount: U256::from(5),
                    sender: Address::repeat_byte(0xdd).into_word(),
                    recipient: Address::repeat_byte(0xc0 + index as u8).into_word(),
                    timeout: START + 5_000,
                    memo: B256::ZERO,
                };
                Entry { lane: world.in_lane, index, body: Body::Transfer(transfer) }
            })
            .collect();
        let call = delivery(&world, &entries);
        let before = world.machine.call(world.outbox, &sizeCall {}).unwrap();
        let (mut credited, mut refused) = (0, 0);
        for depth in 1_000..=1_023_u64 {
            let mut machine = world.machine.clone();
            let mut data = U256::from(depth).to_be_bytes::<32>().to_vec();
            data.extend_from_slice(world.vault.into_word().as_slice());
            data.extend_from_slice(&call.abi_encode());
            machine.raw(digger, data.into());
            // Nothing is answered, at any depth: credited, or open for whoever comes next.
            assert_eq!(machine.call(world.outbox, &sizeCall {}).unwrap(), before, "depth {depth}: answered as failed");
            match machine.call(world.vault, &isDeliveredCall { lane: world.in_lane.0, index: 0 }).unwrap() {
                true => credited += 1,
                false => refused += 1,
            }
        }
        println!("{count} entries of {asset}: credited at {credited} depths, refused at {refused}");
        assert!(credited > 5 && refused > 1, "the depths on both sides of the edge");
    }
}

fn delivery(world: &World, entries: &[Entry]) -> deliverCall {
    let tree = OutboxTree::from_leaves(&entries.iter().map(Entry::commitment).collect::<Vec<_>>());
    let height = (entries.len() - 1) as u8;
    let mut siblings = Vec::new();
    let peak = tree.prove_peak(height, 0, entries.len() as u64, &mut siblings).unwrap();
    let groups = causeway_core::pack::plan_groups(entries, world.out_lane, &world.own, |_| None).unwrap();
    let runs = causeway_core::pack::encode_runs(&[causeway_core::pack::DeliveryRun { siblings, groups }]).unwrap();
    let size = entries.len() as u64;
    let (root, proof) = trie::state(REMOTE_OUTBOX, size, &BTreeMap::from([(height, peak)]), 20, &[height]);
    let set = addresses(&world.validators);
    let fields = HeaderFields::new(1_001, START + 1, B256::repeat_byte(1), root, set);
    let mode = world.params.mode;
    let update = Parts::sealed(mode, fields.seal_less(mode), &world.validators, &[0, 1, 2]).encode();
    deliverCall { lane: world.in_lane.0, first: 0, update: update.into(), stateProof: proof.into(), runs: runs.into() }
}
