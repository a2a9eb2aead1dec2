//! Evidence that counts, and what is none.

use alloy_primitives::B256;
use causeway_crypto::{Native, Portable};

use crate::{
    Encoding, Misbehaviour, MisbehaviourKind, Refusal, conflict_with,
    tests::kit::{Block, Chain, Entry, HEIGHT, Key, TRUSTING, at, id, verify_both},
};

fn conflict(chain: &Chain, a: &Block, b: &Block) -> Result<Option<Misbehaviour>, Refusal> {
    let (a, b) = (a.encode(), b.encode());
    let found = conflict_with::<Native>(&chain.params, &chain.trusted, &a, &b, at(60));
    assert_eq!(found, conflict_with::<Portable>(&chain.params, &chain.trusted, &a, &b, at(60)));
    assert_eq!(found, conflict_with::<Native>(&chain.params, &chain.trusted, &b, &a, at(60)));
    found
}

fn kind(chain: &Chain, a: &Block, b: &Block) -> Option<MisbehaviourKind> {
    conflict(chain, a, b).unwrap().map(|found| found.kind)
}

#[test]
fn two_blocks_of_one_round_name_who_signed_both() {
    let chain = Chain::new(7);
    let (mut a, mut b) = (chain.block(3), chain.block(3));
    b.header.data_hash = Some(B256::repeat_byte(0x33));
    a.entries[0] = Entry::Absent;
    b.entries[6] = Entry::Absent;
    let found = conflict(&chain, &a, &b).unwrap().unwrap();
    assert_eq!(found.kind, MisbehaviourKind::Equivocation);
    let mut culprits: std::vec::Vec<_> = chain.keys[1..6].iter().map(Key::address).collect();
    let mut named = found.culprits.clone();
    culprits.sort();
    named.sort();
    assert_eq!(named, culprits);
    assert_eq!(found.common, a.header.last_block_id.hash.map(|hash| (HEIGHT + 2, hash)));
}

#[test]
fn a_block_of_a_made_up_state_is_lunatic() {
    let chain = Chain::new(4);
    let changes: [fn(&mut Block); 4] = [
        |block| block.header.app_hash = &[1; 32],
        |block| block.header.last_results_hash = None,
        |block| block.header.consensus_hash = Some(B256::ZERO),
        |block| block.header.next_validators_hash = Some(B256::ZERO),
    ];
    for change in changes {
        let (a, mut b) = (chain.block(3), chain.block(3));
        change(&mut b);
        let found = conflict(&chain, &a, &b).unwrap().unwrap();
        assert_eq!((found.kind, found.culprits.len()), (MisbehaviourKind::Lunatic, 0));
    }
    // Under validators of the attacker's choice, of whom enough are trusted.
    let a = chain.block(3);
    let b = chain.under(3, &super::kit::keys([0, 1, 20]));
    assert_eq!(kind(&chain, &a, &b), Some(MisbehaviourKind::Lunatic));
}

#[test]
fn two_rounds_show_a_fork_and_no_culprit() {
    let chain = Chain::new(4);
    let (a, mut b) = (chain.block(3), chain.block(3));
    b.header.data_hash = None;
    b.round = 1;
    let found = conflict(&chain, &a, &b).unwrap().unwrap();
    assert_eq!((found.kind, found.culprits.len()), (MisbehaviourKind::ForkAcrossRounds, 0));
}

#[test]
fn a_child_names_its_parent_and_time_rises() {
    let chain = Chain::new(4);
    let a = chain.block(3);
    let mut child = chain.block(4);
    child.header.last_block_id = id(a.hash());
    assert_eq!(kind(&chain, &a, &child), None);
    child.header.last_block_id = id(B256::ZERO);
    assert_eq!(kind(&chain, &a, &child), Some(MisbehaviourKind::NotItsChild));
    let mut later = chain.block(9);
    later.header.time = a.header.time;
    assert_eq!(kind(&chain, &a, &later), Some(MisbehaviourKind::TimeWentBack));
    // The validators that the parent named are not those of the child.
    let others = chain.under(4, &super::kit::keys(0..3));
    let mut linked = others.clone();
    linked.header.last_block_id = id(a.hash());
    assert_eq!(kind(&chain, &a, &linked), Some(MisbehaviourKind::NotItsChild));
}

/// hyperbridge #875: an ancestor and its descendant, the same block twice.
#[test]
fn atk_051_honest_pairs_are_no_evidence() {
    let chain = Chain::new(4);
    let a = chain.block(3);
    assert_eq!(kind(&chain, &a, &a), None);
    assert_eq!(kind(&chain, &a, &chain.block(9)), None);
    let mut child = chain.block(4);
    child.header.last_block_id = id(a.hash());
    assert_eq!(kind(&chain, &a, &child), None);
    // The same block under another commit: other signers, another round.
    let mut other_commit = a.clone();
    other_commit.round = 5;
    other_commit.entries[0] = Entry::Absent;
    assert_eq!(kind(&chain, &a, &other_commit), None);
    // Blocks that the client would not accept, and a client that may not judge.
    let mut bad = chain.block(3);
    bad.header.data_hash = None;
    bad.entries[2] = Entry::Absent;
    bad.entries[3] = Entry::Absent;
    assert!(matches!(conflict(&chain, &a, &bad), Err(Refusal::NotEnoughTrust { .. })));
    let late = at(TRUSTING.cast_signed());
    let (a, b) = (a.encode(), chain.block(3).encode());
    let found = conflict_with::<Native>(&chain.params, &chain.trusted, &a, &b, late);
    assert!(matches!(found, Err(Refusal::Expired { .. })));
}

/// For evidence every signature counts, also behind the two thirds.
#[test]
fn evidence_has_no_unchecked_signature() {
    let chain = Chain::new(7);
    let (a, mut b) = (chain.block(3), chain.block(3));
    b.header.data_hash = None;
    b.entries[6] = Entry::Commit { key: Key::new(70), address: chain.keys[6].address(), time: at(4) };
    assert!(chain.verify(&b).is_ok(), "five of seven are good and suffice");
    assert!(matches!(conflict(&chain, &a, &b), Err(Refusal::BadSignature { index: 6, .. })));
}

#[test]
fn a_frozen_client_believes_nothing_but_the_last_common_block() {
    let chain = Chain::new(4);
    let (a, mut b) = (chain.block(3), chain.block(3));
    let common = chain.block(2);
    b.header.data_hash = None;
    let (mut a, mut b) = (a, b);
    a.header.last_block_id = id(common.hash());
    b.header.last_block_id = id(common.hash());
    let found = conflict(&chain, &a, &b).unwrap().unwrap();
    let mut frozen = Chain::new(4);
    frozen.trusted.freeze(found.freeze(&chain.trusted, at(60)));
    let freeze = *frozen.trusted.frozen().unwrap();
    assert_eq!((freeze.at, freeze.anchor), (HEIGHT + 2, Some(common.hash())));
    let refusal = frozen.refusal(&chain.block(9));
    assert!(matches!(refusal, Refusal::Frozen { at, readable_from: Some(_) } if at == HEIGHT + 2));
    assert!(refusal.may_pass_later());
    let read = |header: &Block, now| {
        verify_both(&frozen.params, &frozen.trusted, &header.header.encode(), now).map(|verified| verified.header)
    };
    let from = at(60 + 3_600);
    assert!(matches!(read(&common, at(60 + 3_599)), Err(Refusal::Frozen { .. })));
    assert_eq!(read(&common, from).unwrap().block_hash, common.header.hash(Encoding::Protobuf));
    assert!(matches!(read(&a, from), Err(Refusal::Frozen { .. })));
    assert!(matches!(
        conflict_with::<Native>(&frozen.params, &frozen.trusted, &a.encode(), &b.encode(), at(60)),
        Err(Refusal::Frozen { .. })
    ));
    // Evidence that shows no common block freezes at the last height used, for good.
    let apart = Misbehaviour { common: None, ..found };
    assert_eq!(apart.freeze(&chain.trusted, at(60)).at, HEIGHT);
    let mut frozen = Chain::new(4);
    frozen.trusted.freeze(apart.freeze(&chain.trusted, at(60)));
    assert_eq!(frozen.refusal(&a), Refusal::Frozen { at: HEIGHT, readable_from: None });
}
