//! The rows of attacks that concern this family.

use std::{vec, vec::Vec};

use alloy_primitives::{B256, keccak256};
use causeway_crypto::Native;

use super::kit::*;
use crate::{
    AncestryRule, AuthoritySet, CommitmentFault, Freeze, MisbehaviourKind, Params, Refusal, ScaleFault, SetFault,
    Signers, TrieFault, TrustedState, Update, beefy::MmrFault, compose, conflict_with, trie,
};

/// An old leaf stands under the root of every later commitment, with its valid path.
#[test]
fn atk_042_only_the_leaf_of_the_commitments_own_block_moves_a_client() {
    let seeds = [1, 2, 3, 4];
    let old = block(&B256::repeat_byte(3), 8, &[], &[]);
    let old_leaf = compose::leaf((8, old.hash), &beefy_set(8, &[9]), &[0; 32]);
    let mut made = Beefy::new(7, &seeds, &[1, 2, 3], &[3, 4, 5, 6]);
    let mut leaves: Vec<B256> = (0..8u8).map(|number| keccak256([number; 81])).collect();
    leaves.extend([keccak256(&old_leaf), keccak256([9; 81]), keccak256(&made.leaf)]);
    let (root, path) = compose::mountains(&leaves, 8);
    made.commitment = compose::commitment(&root, 11, 7);
    made.sign(&seeds, &[1, 2, 3]);
    (made.block, made.leaf, made.index, made.path) = (old, old_leaf, 8, path);
    let refusal = judge(&params(), &beefy_trusted(), &made.encode(), 11).unwrap_err();
    assert_eq!(refusal, Refusal::StaleLeaf { leaf: 8, commitment: 11 });
    // A leaf of another session.
    let mut made = Beefy::new(7, &seeds, &[1, 2, 3], &[3, 4, 5, 6]);
    let leaf = compose::leaf((10, made.block.hash), &beefy_set(9, &[9]), &[0; 32]);
    let (root, path) = compose::mountains(&[keccak256(&leaf)], 0);
    (made.leaf, made.index, made.count, made.path) = (leaf, 0, 1, path);
    made.commitment = compose::commitment(&root, 11, 7);
    made.sign(&seeds, &[1, 2, 3]);
    let refusal = judge(&params(), &beefy_trusted(), &made.encode(), 11).unwrap_err();
    assert_eq!(refusal, Refusal::NextSetMismatch { in_force: 7, found: 9 });
    // The right leaf under another root.
    let mut made = Beefy::new(7, &seeds, &[1, 2, 3], &[3, 4, 5, 6]);
    made.commitment = compose::commitment(&B256::repeat_byte(1), 11, 7);
    made.sign(&seeds, &[1, 2, 3]);
    let refusal = judge(&params(), &beefy_trusted(), &made.encode(), 11).unwrap_err();
    assert!(matches!(refusal, Refusal::Leaf(MmrFault::Root { .. })));
}

/// A set id ties what is signed to one chain's history; another chain with the same keys has another pin.
#[test]
fn atk_044_another_set_or_another_chain_is_refused() {
    let (second, state, _) = good();
    for id in [4, 6] {
        let bytes = update(&second, id, false, &justify(&second, id, &[1, 2, 3]));
        let refusal = judge(&params(), &state, &bytes, 2).unwrap_err();
        assert_eq!(refusal, Refusal::NotTheSetInForce { expected: 5, found: id });
        assert_eq!(refusal.intermediate_helps(), id > 5);
        // Signed for another set, presented as of the one in force.
        let bytes = update(&second, 5, false, &justify(&second, id, &[1, 2, 3]));
        assert!(matches!(judge(&params(), &state, &bytes, 2), Err(Refusal::BadSignature { .. })));
    }
    for id in [6, 9] {
        let made = Beefy::new(id, &[1, 2, 3, 4], &[1, 2, 3], &[5]);
        let refusal = judge(&params(), &beefy_trusted(), &made.encode(), 11).unwrap_err();
        assert_eq!(refusal, Refusal::NotTheSetInForce { expected: 7, found: id });
    }
    let refusal = judge(&params(), &state, &Beefy::new(7, &[1, 2, 3, 4], &[1, 2, 3], &[5]).encode(), 11);
    assert_eq!(refusal, Err(Refusal::OtherGadget));
}

#[test]
fn atk_045_nobody_is_no_quorum() {
    let (second, state, _) = good();
    for seeds in [&[][..], &[1], &[1, 2]] {
        let bytes = update(&second, 5, false, &justify(&second, 5, seeds));
        let found = seeds.len() as u64;
        assert_eq!(judge(&params(), &state, &bytes, 2), Err(Refusal::NotEnoughTrust { needed: 3, found, of: 4 }));
        let made = Beefy::new(7, &[1, 2, 3, 4], seeds, &[5]);
        let refusal = judge(&params(), &beefy_trusted(), &made.encode(), 11);
        assert_eq!(refusal, Err(Refusal::NotEnoughTrust { needed: 3, found, of: 4 }));
    }
    // Bits without signatures, signatures without bits.
    let made = Beefy::new(7, &[1, 2, 3, 4], &[1, 2, 3], &[5]);
    let proof = made.proof();
    let at = made.commitment.len() + 2;
    let mut more = proof.clone();
    more[at] |= 0x10;
    let bytes = made.encode_with(&more, Signers::Set(&made.validators));
    let fault = CommitmentFault::Signatures { bits: 4, signatures: 3 };
    assert_eq!(judge(&params(), &beefy_trusted(), &bytes, 11), Err(fault.into()));
    let mut beyond = proof;
    beyond[at] ^= 0x88;
    let bytes = made.encode_with(&beyond, Signers::Set(&made.validators));
    assert_eq!(judge(&params(), &beefy_trusted(), &bytes, 11), Err(CommitmentFault::Bitfield.into()));
    // A set of nobody has no quorum.
    assert_eq!(AuthoritySet::new(1, vec![]), Err(SetFault::Empty));
    assert_eq!(crate::quorum(0), 1);
}

#[test]
fn atk_046_time_is_monotonic_and_bounded() {
    let (first, state) = trusted();
    let judge_at = |number: u32, time: u64, now: u64| {
        let made = block_at(&first.hash, number, time, &[], &[]);
        let bytes = update(&made, 5, false, &justify(&made, 5, &[1, 2, 3]));
        crate::verify_with::<Native, Native>(&params(), &state, &bytes, now).map(|_| ())
    };
    let (trusted_time, now) = (time_ms(1), time_ms(2) / 1000);
    assert_eq!(judge_at(2, trusted_time + 1, now), Ok(()));
    let back = |height, time| Err(Refusal::NonMonotonicTime { height, time, trusted_height: 1, trusted_time });
    assert_eq!(judge_at(2, trusted_time, now), back(2, trusted_time));
    assert_eq!(judge_at(0, trusted_time + 1, now), back(0, trusted_time + 1));
    assert_eq!(judge_at(0, trusted_time - 1, now), Ok(()));
    assert_eq!(judge_at(2, (now + 15) * 1000 + 999, now), Ok(()));
    let refusal = judge_at(2, (now + 16) * 1000, now).unwrap_err();
    assert_eq!(refusal, Refusal::HeaderFromFuture { latest: now + 15, found: now + 16 });
    assert!(refusal.may_pass_later());
    let expired_at = state.time() + params().trusting_period;
    assert_eq!(judge_at(2, trusted_time + 1, expired_at - 1), Ok(()));
    assert_eq!(judge_at(2, trusted_time + 1, expired_at), Err(Refusal::Expired { expired_at, now: expired_at }));
}

#[test]
fn atk_050_two_final_blocks_of_one_height_freeze() {
    let (first, state) = trusted();
    let one = block(&first.hash, 2, &[], &[]);
    let other = block(&first.hash, 2, &[&[8]], &[]);
    let by = |block: &Block, seeds: &[u8]| update(block, 5, false, &justify(block, 5, seeds));
    let now = time_ms(2) / 1000;
    let conflict = |a: &[u8], b: &[u8]| conflict_with::<Native, Native>(&params(), &state, a, b, now);
    let found = conflict(&by(&one, &[1, 2, 3]), &by(&other, &[2, 3, 4])).unwrap().unwrap();
    assert_eq!((found.kind, found.common), (MisbehaviourKind::TwoBlocks, Some((1, first.hash))));
    // The same block by other votes, or in another round, is none.
    let votes: Vec<_> = [1, 3, 4].map(|seed| vote(seed, one.at(), 8, 5)).into();
    let again = update(&one, 5, false, &compose::justification(8, one.at(), &votes, &[]));
    assert_eq!(conflict(&by(&one, &[1, 2, 3]), &again), Ok(None));
    assert_eq!(conflict(&by(&one, &[1, 2, 3]), &by(&one, &[2, 3, 4])), Ok(None));
    // Frozen: nothing moves; the common block may be read after the delay.
    let frozen = state.clone().freeze(found.freeze(&state, now));
    assert_eq!(TrustedState::decode(&frozen.encode()).as_ref(), Ok(&frozen));
    let at = |update: &[u8], now| crate::verify_with::<Native, Native>(&params(), &frozen, update, now);
    let readable_from = Some(now + 3600);
    assert_eq!(at(&by(&one, &[1, 2, 3]), now + 3600), Err(Refusal::Frozen { at: 1, readable_from }));
    let bare = update(&first, 5, false, &[]);
    assert_eq!(at(&bare, now + 3599), Err(Refusal::Frozen { at: 1, readable_from }));
    assert_eq!(at(&bare, now + 3600).unwrap().header.block_hash, first.hash);
    assert_eq!(at(&update(&other, 5, false, &[]), now + 3600), Err(Refusal::Frozen { at: 1, readable_from }));
    let unanchored = state.freeze(Freeze { at: 1, since: now, anchor: None });
    let refusal = crate::verify_with::<Native, Native>(&params(), &unanchored, &bare, now + 9999);
    assert_eq!(refusal, Err(Refusal::Frozen { at: 1, readable_from: None }));
}

#[test]
fn atk_050_two_roots_of_one_block_freeze() {
    let seeds = [1, 2, 3, 4];
    let one = Beefy::new(7, &seeds, &[1, 2, 3], &[3, 4, 5, 6]);
    let mut other = one.clone();
    let leaves = [B256::repeat_byte(7), keccak256(&other.leaf)];
    let (root, path) = compose::mountains(&leaves, 1);
    (other.index, other.count, other.path) = (1, 2, path);
    other.commitment = compose::commitment(&root, 11, 7);
    other.sign(&seeds, &[2, 3, 4]);
    let conflict = |a: &Beefy, b: &Beefy| {
        conflict_with::<Native, Native>(&params(), &beefy_trusted(), &a.encode(), &b.encode(), time_ms(11) / 1000)
    };
    assert_eq!(conflict(&one, &other).unwrap().unwrap().kind, MisbehaviourKind::TwoRoots);
    let mut again = one.clone();
    again.sign(&seeds, &[1, 2, 3, 4]);
    assert_eq!(conflict(&one, &again), Ok(None));
}

#[test]
fn atk_051_an_ancestor_and_its_descendant_are_no_conflict() {
    let (second, state, bytes) = good();
    let third = block(&second.hash, 3, &[], &[]);
    let fourth = block(&third.hash, 4, &[], &[]);
    let stranger = block(&B256::repeat_byte(1), 3, &[], &[]);
    let by = |block: &Block| update(block, 5, false, &justify(block, 5, &[1, 2, 3]));
    let now = time_ms(4) / 1000;
    let conflict =
        |a: &[u8], b: &[u8]| conflict_with::<Native, Native>(&params(), &state, a, b, now).map(|m| m.map(|m| m.kind));
    for (a, b) in [(&bytes, &bytes), (&bytes, &by(&third)), (&by(&fourth), &bytes), (&by(&third), &by(&fourth))] {
        assert_eq!(conflict(a, b), Ok(None));
    }
    assert_eq!(conflict(&bytes, &by(&stranger)), Ok(Some(MisbehaviourKind::NotItsChild)));
    let stopped = block_at(&B256::ZERO, 9, time_ms(2), &[], &[]);
    assert_eq!(conflict(&by(&stopped), &bytes), Ok(Some(MisbehaviourKind::TimeWentBack)));
    // What is not accepted is no evidence.
    let weak = update(&stranger, 5, false, &justify(&stranger, 5, &[1, 2]));
    assert!(conflict(&bytes, &weak).is_err());
}

#[test]
fn atk_052_votes_that_do_not_count_are_refused() {
    let (second, state, _) = good();
    let third = block(&second.hash, 3, &[], &[]);
    let fork = block(&B256::repeat_byte(1), 3, &[], &[]);
    let at = |votes: &[(u8, (B256, u32))], headers: &[&Block], params: &Params| {
        let votes: Vec<_> = votes.iter().map(|(seed, target)| vote(*seed, *target, ROUND, 5)).collect();
        let headers: Vec<_> = headers.iter().map(|block| block.header.clone()).collect();
        let proof = compose::justification(ROUND, second.at(), &votes, &headers);
        judge(params, &state, &update(&second, 5, false, &proof), 3).map(|_| ())
    };
    let (complete, weight) = (params(), Params { ancestry: AncestryRule::Weight, ..params() });
    let target = second.at();
    let three = [(1, target), (2, target), (3, target)];
    let with = |vote| [&three[..], &[vote]].concat();
    let key = |seed| B256::new(ed_key(seed));
    for params in [&complete, &weight] {
        assert_eq!(at(&with((9, target)), &[], params), Err(Refusal::Stranger { key: key(9) }));
        assert_eq!(at(&with((3, target)), &[], params), Err(Refusal::RepeatedVote { key: key(3) }));
        let two = [(1, target), (2, target), (2, third.at())];
        assert_eq!(at(&two, &[&third], params), Err(Refusal::NotEnoughTrust { needed: 3, found: 2, of: 4 }));
        // Missing ancestry, a block elsewhere, a number that is not its header's: no weight.
        let off = |target| [three[0], three[1], (3, target)];
        for (votes, headers) in [
            (off(third.at()), &[][..]),
            (off(fork.at()), &[&fork]),
            (off((third.hash, 4)), &[&third]),
            (off((second.hash, 3)), &[]),
            (off((B256::repeat_byte(2), 1)), &[]),
        ] {
            assert!(at(&votes, headers, params).is_err());
        }
    }
    let vote_for = third.at();
    let refusal = Refusal::NotAboveTarget { vote: vote_for.0, number: 3, target: target.0, target_number: 2 };
    assert_eq!(at(&with((4, vote_for)), &[], &complete), Err(refusal));
    assert_eq!(at(&with((4, vote_for)), &[], &weight), Ok(()));
    assert_eq!(at(&three, &[&third], &complete), Err(Refusal::UnusedHeader { hash: third.hash }));
    assert_eq!(at(&three, &[&third], &weight), Ok(()));
    assert_eq!(at(&with((4, vote_for)), &[&third, &third], &complete), Err(Refusal::UnusedHeader { hash: third.hash }));
}

/// The specification counts an equivocator once; a third vote is none.
#[test]
fn atk_052_a_real_equivocation_counts_once() {
    let (second, state, _) = good();
    let third = block(&second.hash, 3, &[], &[]);
    let fork = block(&second.hash, 3, &[&[8]], &[]);
    let target = second.at();
    let judge = |votes: &[(u8, (B256, u32))]| {
        let votes: Vec<_> = votes.iter().map(|(seed, target)| vote(*seed, *target, ROUND, 5)).collect();
        let headers = [third.header.clone(), fork.header.clone()];
        let proof = compose::justification(ROUND, target, &votes, &headers);
        judge(&params(), &state, &update(&second, 5, false, &proof), 3).map(|_| ())
    };
    assert_eq!(judge(&[(1, target), (2, target), (3, third.at()), (3, fork.at())]), Ok(()));
    // Nodes bring an equivocator's votes wherever they stand: the weight counts for every block.
    let first = B256::from_slice(&second.header[..32]);
    let elsewhere = [(1, target), (2, third.at()), (3, (first, 1)), (3, fork.at())];
    assert_eq!(judge(&elsewhere), Ok(()));
    let two = [(1, target), (3, third.at()), (3, fork.at())];
    assert_eq!(judge(&two), Err(Refusal::NotEnoughTrust { needed: 3, found: 2, of: 4 }));
    let thrice = [(1, target), (2, target), (3, third.at()), (3, fork.at()), (3, target)];
    assert_eq!(judge(&thrice), Err(Refusal::RepeatedVote { key: B256::new(ed_key(3)) }));
}

#[test]
fn atk_067_sizes_are_refused_before_work() {
    let (_, state, _) = good();
    let huge = vec![0; crate::MAX_UPDATE_BYTES + 1];
    let limit = crate::MAX_UPDATE_BYTES as u64;
    let refusal = judge(&params(), &state, &huge, 2);
    assert_eq!(refusal, Err(ScaleFault::TooLarge { what: "update", limit, found: limit + 1 }.into()));
    let many: Vec<_> = (0..65_536u32).map(|number| (keccak256(number.to_be_bytes()).0, 1)).collect();
    let limit = crate::MAX_AUTHORITIES;
    assert_eq!(AuthoritySet::new(1, many), Err(SetFault::TooLarge { limit, found: 65_536 }));
    // Counts far beyond the bytes there are, in each list.
    for (count, too_large) in [([0xfd, 0x7f, 0, 0], false), ([0xfe, 0xff, 0xff, 0xff], true)] {
        let bytes = [&[0; 44][..], &count].concat();
        let fault = crate::Justification::read(crate::HeaderFormat::Substrate, &bytes).unwrap_err();
        assert_eq!(matches!(fault, ScaleFault::TooLarge { .. }), too_large);
        assert!(too_large || matches!(fault, ScaleFault::Truncated { .. }));
    }
    let nodes = vec![&[0u8][..]; trie::MAX_PROOF_NODES + 1];
    assert!(matches!(trie::Proof::new(&nodes), Err(TrieFault::TooLarge { .. })));
    let large = vec![0; trie::MAX_NODE_BYTES + 1];
    assert!(matches!(trie::Proof::new(&[&large]), Err(TrieFault::TooLarge { .. })));
    let mut made = Beefy::new(7, &[1, 2, 3, 4], &[1, 2, 3], &[5]);
    made.path = vec![B256::ZERO; 129];
    assert!(matches!(judge(&params(), &beefy_trusted(), &made.encode(), 11), Err(Refusal::Malformed(_))));
    made.count = 1 << 41;
    made.path.clear();
    assert_eq!(judge(&params(), &beefy_trusted(), &made.encode(), 11), Err(MmrFault::TooLarge(1 << 41).into()));
    assert!(Update::decode(&[2]).is_err());
}

#[test]
fn atk_068_a_client_starts_at_its_pin_alone() {
    let pin = block(&B256::ZERO, 9, &[], &pallet(5, &[1, 2, 3, 4]));
    let begin = |pinned: &B256, block: &Block, now| {
        TrustedState::begin_grandpa(&params(), pinned, &block.header, &block.state(), now)
    };
    let now = time_ms(9) / 1000;
    let other = block(&B256::ZERO, 9, &[&[8]], &pallet(5, &[9]));
    let refusal = begin(&pin.hash, &other, now).unwrap_err();
    assert_eq!(refusal, Refusal::ChainMismatch { expected: pin.hash, found: other.hash });
    let expired_at = now + params().trusting_period;
    assert_eq!(begin(&pin.hash, &pin, expired_at), Err(Refusal::Expired { expired_at, now: expired_at }));
    assert!(matches!(begin(&pin.hash, &pin, now - 16), Err(Refusal::HeaderFromFuture { .. })));
    // The set of another block's state.
    let mut mixed = pin.clone();
    mixed.nodes = other.nodes;
    assert!(matches!(begin(&pin.hash, &mixed, now), Err(Refusal::State { .. })));
    assert!(matches!(begin(&pin.hash, &block(&B256::ZERO, 9, &[], &[]), now), Err(Refusal::ChainMismatch { .. })));
    let bare = block(&B256::ZERO, 9, &[], &[]);
    assert!(begin(&bare.hash, &bare, now).is_err());
}
