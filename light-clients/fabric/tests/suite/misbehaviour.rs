//! Evidence, and what is none.

use alloy_primitives::B256;
use causeway_crypto::p256::Native;
use causeway_fabric::{Misbehaviour, ReadFault, Refusal, conflict_with, outbox_with};

use crate::kit::{Attested, Chain, Parts, START};

const NOW: u64 = START + 60;

fn conflict(chain: &Chain, a: &Parts, b: &Parts) -> Result<Option<Misbehaviour>, Refusal> {
    let (a, b) = (a.encode(), b.encode());
    let found = conflict_with::<Native>(&chain.params, &chain.trusted, &a, &b, NOW)?;
    let turned = conflict_with::<Native>(&chain.params, &chain.trusted, &b, &a, NOW)?;
    assert_eq!(found.map(|found| (found.height, found.common)), turned.map(|found| (found.height, found.common)));
    Ok(found)
}

/// Another block at the same place.
fn fork(chain: &Chain, ahead: u64) -> Parts {
    let mut parts = chain.block(ahead, None);
    parts.header.data_hash = B256::repeat_byte(0x66);
    chain.sealed(parts)
}

#[test]
fn two_blocks_of_one_height_are_evidence() {
    for chain in [Chain::raft(1), Chain::bft(4)] {
        let (a, b) = (chain.update(4), fork(&chain, 4));
        let found = conflict(&chain, &a, &b).unwrap().unwrap();
        assert_eq!(found.height, 4);
        let third = chain.update(3);
        // The common block is the last one before, here one between.
        assert_eq!(found.common.0, 3);
        assert_ne!(found.common.1, third.header.hash());
        assert_eq!(found.freeze(NOW).at, 3);
    }
}

#[test]
fn a_longer_chain_that_does_not_hold_the_shorter_one_is_evidence() {
    let chain = Chain::raft(1);
    // The run to 6 has, at height 3, what lies between; a block with other data was final there.
    let (long, short) = (chain.update(6), chain.update(3));
    let found = conflict(&chain, &long, &short).unwrap().unwrap();
    assert_eq!((found.height, found.common.0), (3, 2));
}

#[test]
fn ancestors_and_other_signatures_are_none() {
    let chain = Chain::bft(4);
    let block = chain.update(2);
    let others: Vec<_> = (1..).zip(&chain.orderers).skip(1).collect();
    let again = chain.block(2, None).signed_by_consenters(&others);
    assert_ne!(block.encode(), again.encode());
    assert_eq!(conflict(&chain, &block, &again), Ok(None));
    let mut descendant = chain.block(5, None);
    descendant.between[1] = block.header.data_hash;
    let mut previous = block.header.hash();
    for (number, hash) in (3..).zip(&descendant.between[2..]) {
        let header = causeway_fabric::BlockHeader { number, previous_hash: Some(previous), data_hash: *hash };
        previous = header.hash();
    }
    descendant.header.previous_hash = Some(previous);
    assert_eq!(conflict(&chain, &block, &chain.sealed(descendant)), Ok(None));
}

#[test]
fn a_second_block_of_the_trusted_height_is_evidence_by_itself() {
    let mut chain = Chain::raft(1);
    let twin = fork(&chain, 1);
    let first = chain.verify(&chain.update(1)).unwrap();
    let same = chain.update(1);
    chain.trusted = first.trusted;
    let found = conflict(&chain, &twin, &twin).unwrap().unwrap();
    assert_eq!((found.height, found.common), (1, (0, first.header.parent_hash)));
    assert_eq!(conflict(&chain, &same, &same), Ok(None));
    // But it moves nothing.
    assert!(matches!(chain.verify(&twin), Err(Refusal::WrongNumber { .. })));
}

#[test]
fn what_would_not_be_accepted_is_no_evidence() {
    let chain = Chain::raft(1);
    let (good, mut bad) = (chain.update(2), fork(&chain, 2));
    bad.signatures.clear();
    assert!(matches!(conflict(&chain, &good, &bad), Err(Refusal::NotEnoughTrust { .. })));
    let stale = START + chain.params.trusting_period;
    let update = good.encode();
    let late = conflict_with::<Native>(&chain.params, &chain.trusted, &update, &update, stale);
    assert!(matches!(late, Err(Refusal::Expired { .. })));
}

#[test]
fn a_frozen_client_believes_nothing_new_and_what_was_final_may_be_read_after_a_delay() {
    let mut chain = Chain::raft(2);
    let lane = B256::repeat_byte(5);
    let trusted = chain.verify(&chain.update(9)).unwrap().trusted;
    let freeze = causeway_fabric::Freeze { at: 6, since: NOW };
    chain.trusted = trusted.freeze(freeze);
    let readable_from = NOW + chain.params.freeze_delay;
    let frozen = Refusal::Frozen { at: 6, readable_from };
    assert_eq!(chain.verify(&chain.update(1)), Err(frozen.clone()));
    assert_eq!(conflict(&chain, &chain.update(1), &fork(&chain, 1)), Err(frozen.clone()));
    let peers: Vec<_> = chain.peers.iter().collect();
    let read = |block, now| {
        let read = Attested::outbox(&lane, 3, B256::repeat_byte(1), block).signed(&chain.client, &peers);
        outbox_with::<Native>(&chain.params, &chain.trusted, &lane, &read, now)
    };
    assert_eq!(read(6, readable_from - 1), Err(frozen));
    assert!(read(6, readable_from).is_ok());
    let beyond = Refusal::Read(ReadFault::BeyondTrusted { block: 7, trusted: 6 });
    assert_eq!(read(7, readable_from), Err(beyond));
}
