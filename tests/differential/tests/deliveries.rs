//! ATK-021, 037, 116: the entries of a delivery, in Rust and by a vault that really takes them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, U256};
use causeway_bft_evm::compose::HeaderFields;
use causeway_core::{
    Body, Entry, OutboxTree, Reason, Returned, SwapLeg, Transfer,
    pack::{DeliveryGroup, DeliveryRun, decode_runs, encode_runs, plan_groups},
    tree::{Anchor, peaks::split},
};
use causeway_differential::{
    machine::Failed,
    random::Random,
    reason::{of_vault, shown},
    tally::Tally,
    trie,
    validators::{Parts, addresses},
};
use common::world::{
    LOCKED, REMOTE_ASSET, REMOTE_OUTBOX, START, World, deliverCall, deliverFactsCall, deliverFactsReturn,
};

const SEED: u64 = 0x5eed_0000_0000_0003;
const BATCHES: usize = 60;
const INPUTS: usize = 40;

/// What a batch holds, and what Rust says of it.
trait Batch {
    fn entries(&self, random: &mut Random, count: u64) -> Vec<Entry>;
    fn rust(&self, first: u64, peaks: &[(u8, B256)], bytes: &[u8]) -> Result<(), (&'static str, String)>;
}

impl Batch for World {
    /// What the other chain's outbox holds: transfers of several shapes, and returns of what was locked here.
    fn entries(&self, random: &mut Random, count: u64) -> Vec<Entry> {
        let mut returned = random.below(LOCKED as usize) as u64;
        let mut asset = REMOTE_ASSET;
        (0..count)
            .map(|index| {
                if random.once_in(5) {
                    asset = *random.pick(&[REMOTE_ASSET, B256::repeat_byte(0xde)]);
                }
                let body = if random.once_in(3) && returned < LOCKED {
                    let transfer = self.sent[returned as usize];
                    let original = Entry { lane: self.out_lane, index: returned, body: Body::Transfer(transfer) };
                    let reason = *random.pick(&[Reason::Expired, Reason::Failed]);
                    returned += 1;
                    Body::Returned(Returned { index: returned - 1, commitment: original.commitment(), reason })
                } else if random.once_in(9) {
                    // Each of a swap of its own: what a vault thinks of two facts about one is its own tests' business.
                    let leg = SwapLeg { swap_id: B256::from(U256::from(index + 1)), leg: u8::from(random.once_in(2)) };
                    if random.once_in(2) { Body::SwapLocked(leg) } else { Body::SwapVoided(leg) }
                } else {
                    let wide = random.once_in(20);
                    Body::Transfer(Transfer {
                        asset,
                        amount: U256::from(random.next() >> random.below(64)) << if wide { 190 } else { 0 },
                        sender: if wide { B256::repeat_byte(0xdd) } else { Address::repeat_byte(0xdd).into_word() },
                        recipient: Address::from_slice(&random.bytes(20)).into_word(),
                        timeout: *random.pick(&[START, START + 100, START + 101, START + 5_000]),
                        memo: if random.once_in(4) { B256::repeat_byte(0x3e) } else { B256::ZERO },
                    })
                };
                Entry { lane: self.in_lane, index, body }
            })
            .collect()
    }

    /// The Rust verdict: what a relayer that receives this bundle says of it.
    fn rust(&self, first: u64, peaks: &[(u8, B256)], bytes: &[u8]) -> Result<(), (&'static str, String)> {
        let malformed = |why: String| ("malformed runs", why);
        let runs = decode_runs(self.in_lane, self.out_lane, first, bytes).map_err(|e| malformed(e.to_string()))?;
        if runs.len() != peaks.len() {
            return Err(malformed(format!("{} runs under {} peaks", runs.len(), peaks.len())));
        }
        let mut place = first;
        for (run, (height, peak)) in runs.iter().zip(peaks) {
            let entries: Vec<Entry> = run.entries().copied().collect();
            Anchor::Peak { peak: *peak, height: *height }
                .verify_entries(self.in_lane, place, &entries, &run.siblings)
                .map_err(|e| ("not in the outbox", e.to_string()))?;
            for group in &run.groups {
                let DeliveryGroup::Returned(returned) = group else { continue };
                let own = self.own.slot(returned.height).unwrap_or_default();
                returned.verify(self.out_lane, own).map_err(|e| ("not in the outbox", e.to_string()))?;
            }
            place += entries.len() as u64;
        }
        Ok(())
    }
}

/// Cuts a batch into runs under the peaks of an outbox of `tree`.
fn bundle(
    world: &World,
    tree: &OutboxTree,
    entries: &[Entry],
    first: u64,
    count: u64,
) -> (Vec<(u8, B256)>, Vec<DeliveryRun>) {
    let mut peaks = Vec::new();
    let mut runs = Vec::new();
    for run in split(tree.size(), first, count).unwrap() {
        let mut siblings = Vec::new();
        let peak = tree.prove_peak(run.peak.height, run.first, run.count, &mut siblings).unwrap();
        let part = &entries[run.first as usize..(run.first + run.count) as usize];
        let original = |index: u64| world.sent.get(index as usize).copied();
        let groups = plan_groups(part, world.out_lane, &world.own, original).unwrap();
        peaks.push((run.peak.height, peak));
        runs.push(DeliveryRun { siblings, groups });
    }
    (peaks, runs)
}

/// Changes what the runs say, in their own format.
fn change(runs: &mut Vec<DeliveryRun>, random: &mut Random) {
    let at = random.below(runs.len());
    let last = runs.len() - 1;
    let run = &mut runs[at];
    let group = random.below(run.groups.len());
    match random.below(9) {
        0 => drop(run.siblings.pop()),
        1 => run.siblings.push(B256::repeat_byte(9)),
        2 if !run.siblings.is_empty() => run.siblings.reverse(),
        3 if last > 0 => runs.swap(0, last),
        4 if last > 0 => drop(runs.pop()),
        5 => run.groups.reverse(),
        _ => match &mut run.groups[group] {
            DeliveryGroup::Plain(entries) => {
                let place = random.below(entries.len());
                if let Body::Transfer(transfer) = &mut entries[place].body {
                    match random.below(5) {
                        0 => transfer.amount += U256::ONE,
                        1 => transfer.recipient.0[31] ^= 1,
                        2 => transfer.sender.0[12] ^= 0x80,
                        3 => transfer.timeout += 1,
                        _ => transfer.memo.0[0] ^= 1,
                    }
                }
            }
            DeliveryGroup::Returned(returned) => match random.below(5) {
                0 => returned.height ^= 1 << random.below(3),
                1 => drop(returned.siblings.pop()),
                2 => returned.siblings.push(B256::repeat_byte(9)),
                3 => {
                    if let Body::Returned(body) = &mut returned.entries[0].body {
                        body.reason = if body.reason == Reason::Failed { Reason::Expired } else { Reason::Failed };
                    }
                }
                _ => {
                    if let Body::Transfer(transfer) = &mut returned.originals[0].body {
                        transfer.sender.0[31] ^= 1;
                    }
                }
            },
        },
    }
}

/// The vault's own `deliver` says the same of the same bytes, unless they hold facts.
fn plain_or_facts(
    world: &mut World,
    call: &deliverFactsCall,
    entries: &[Entry],
    by_module: &Result<deliverFactsReturn, Failed>,
) {
    if entries.iter().any(|entry| matches!(entry.body, Body::SwapLocked(_) | Body::SwapVoided(_))) {
        return;
    }
    let plain = deliverCall {
        lane: call.lane,
        first: call.first,
        update: call.update.clone(),
        stateProof: call.stateProof.clone(),
        runs: call.runs.clone(),
    };
    let by_vault = world.machine.call(world.vault, &plain);
    assert_eq!(by_vault.is_ok(), by_module.is_ok(), "deliver and deliverFacts: {:?}", by_module.as_ref().err());
}

#[test]
fn deliveries_have_one_verdict() {
    let mut world = World::new();
    let mut random = Random::new(SEED);
    let mut tally = Tally::default();
    for _ in 0..BATCHES {
        let size = *random.pick(&[1, 2, 3, 7, 8, 13, 40, 77]);
        let entries = world.entries(&mut random, size);
        let tree = OutboxTree::from_leaves(&entries.iter().map(Entry::commitment).collect::<Vec<_>>());
        for _ in 0..INPUTS {
            let first = random.below(size as usize) as u64;
            let count = 1 + random.below((size - first) as usize) as u64;
            let (mut peaks, mut runs) = bundle(&world, &tree, &entries, first, count);
            let mut from = first;
            let mut bytes = encode_runs(&runs).unwrap();
            match random.below(8) {
                0 | 1 => {}
                2 => from = first ^ (1 << random.below(4)),
                3 => from = if random.once_in(2) { u64::MAX - random.below(80) as u64 } else { first + (1 << 40) },
                4 if peaks.len() > 1 => peaks.reverse(),
                5 | 6 => {
                    change(&mut runs, &mut random);
                    match encode_runs(&runs) {
                        Ok(changed) => bytes = changed,
                        Err(_) => random.damage(&mut bytes),
                    }
                }
                _ => random.damage(&mut bytes),
            }
            let slots: BTreeMap<u8, B256> = peaks.iter().copied().collect();
            let asked: Vec<u8> = peaks.iter().map(|(height, _)| *height).collect();
            let (root, proof) = trie::state(REMOTE_OUTBOX, size, &slots, 20, &asked);
            let set = addresses(&world.validators);
            let fields = HeaderFields::new(1_001, START + 1, B256::repeat_byte(1), root, set);
            let mode = world.params.mode;
            let update = Parts::sealed(mode, fields.seal_less(mode), &world.validators, &[0, 1, 3]).encode();
            let rust = world.rust(from, &peaks, &bytes);
            // The module of the swaps takes whatever the vault's own `deliver` takes, and facts.
            let call = deliverFactsCall {
                lane: world.in_lane.0,
                first: from,
                update: update.into(),
                stateProof: proof.into(),
                runs: bytes.clone().into(),
            };
            let contract = world.machine.call(world.vault, &call);
            plain_or_facts(&mut world, &call, &entries, &contract);
            let rust_name = rust.as_ref().map_or_else(|(name, _)| *name, |()| "accepted");
            let contract_name = contract.as_ref().map_or_else(of_vault, |_| "accepted");
            // Rust reads all runs before it verifies one; a vault verifies each as it reads it.
            let same = match (&rust, &contract) {
                (Ok(()), Ok(_)) => true,
                (Err(_), Err(_)) => !contract_name.starts_with("unnamed"),
                _ => false,
            };
            tally.note(rust_name, contract_name, same, || {
                let failed = contract.as_ref().err().map(shown);
                format!("rust {rust:?}, contract {failed:?}, first {from}: {}", alloy::hex::encode(&bytes))
            });
        }
    }
    tally.finish("deliveries");
    assert!(tally.count("accepted") > 300 && tally.count("not in the outbox") > 300);
}
