//! Evidence, what only looks like it, and frozen and expired clients.

use alloy_primitives::B256;

use super::kit::{Chain, HEIGHT, MODES, Parts, START, keys, verify_both};
use crate::{
    Freeze, Misbehaviour, MisbehaviourKind, Mode, Refusal, SealedHeader, TrustedState, compose::HeaderFields,
    conflict_with, update_from_header,
};

fn conflict(chain: &Chain, a: &Parts, b: &Parts) -> Result<Option<Misbehaviour>, Refusal> {
    conflict_at(chain, a, b, START + 60)
}

fn conflict_at(chain: &Chain, a: &Parts, b: &Parts, now: u64) -> Result<Option<Misbehaviour>, Refusal> {
    let (a, b) = (a.encode(), b.encode());
    let native = conflict_with::<causeway_crypto::Native>(&chain.params, &chain.trusted, &a, &b, now);
    let portable = conflict_with::<causeway_crypto::Portable>(&chain.params, &chain.trusted, &b, &a, now);
    // The order in which evidence is given says nothing.
    assert_eq!(
        native.map(|found| found.map(|m| (m.kind, m.common))),
        portable.map(|found| found.map(|m| (m.kind, m.common)))
    );
    native
}

fn signed(chain: &Chain, header: &HeaderFields) -> Parts {
    chain.signed(header, &chain.keys)
}

/// besu #1734: two honest validators kept different blocks at one height.
#[test]
fn atk_050_two_final_blocks_at_one_height_are_misbehaviour() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        let a = chain.header(5);
        let mut b = a.clone();
        b.state_root = B256::repeat_byte(0x55);
        let found = conflict(&chain, &signed(&chain, &a), &signed(&chain, &b)).unwrap().unwrap();
        assert_eq!(found.kind, MisbehaviourKind::TwoBlocks);
        assert_eq!(found.common, Some((HEIGHT + 4, a.parent_hash)));
        // Other parents: where they part is unknown.
        b.parent_hash = B256::repeat_byte(0x66);
        let found = conflict(&chain, &signed(&chain, &a), &signed(&chain, &b)).unwrap().unwrap();
        assert_eq!((found.kind, found.common), (MisbehaviourKind::TwoBlocks, None));
        assert_eq!(
            found.freeze(&chain.trusted, 7),
            Freeze { at: HEIGHT, since: 7, anchor: Some(chain.trusted.block_hash()) }
        );
    }
}

#[test]
fn atk_050_a_child_of_another_block_and_time_that_goes_back_are_misbehaviour() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        let parent = chain.header(5);
        let mut child = chain.header(6);
        child.parent_hash = parent.block_hash(mode);
        assert_eq!(conflict(&chain, &signed(&chain, &parent), &signed(&chain, &child)), Ok(None));
        child.parent_hash = B256::repeat_byte(0x77);
        let found = conflict(&chain, &signed(&chain, &parent), &signed(&chain, &child)).unwrap().unwrap();
        assert_eq!(found.kind, MisbehaviourKind::NotItsChild);
        let mut later = chain.header(9);
        for (time, kind) in
            [(parent.time - 1, Some(MisbehaviourKind::TimeWentBack)), (parent.time, None), (parent.time + 1, None)]
        {
            later.time = time;
            let found = conflict(&chain, &signed(&chain, &parent), &signed(&chain, &later)).unwrap();
            assert_eq!(found.map(|m| m.kind), kind);
        }
    }
}

/// The block hash leaves out who sealed, and in which round.
#[test]
fn atk_050_the_same_block_under_other_seals_or_another_round_is_none() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        let header = chain.header(5);
        let a = chain.signed_by(&header, &chain.keys, 0..3);
        let b = chain.signed_by(&header, &chain.keys, 1..4);
        assert_eq!(conflict(&chain, &a, &b), Ok(None));
        if mode != Mode::Ibft1 {
            let mut other_round = header.clone();
            other_round.round = 2;
            assert_ne!(header.commit_digest(mode), other_round.commit_digest(mode));
            assert_eq!(conflict(&chain, &a, &signed(&chain, &other_round)), Ok(None));
        }
    }
}

/// hyperbridge #875: an ancestor and its descendant froze a client.
#[test]
fn atk_051_an_ancestor_and_a_header_twice_are_none() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        let a = signed(&chain, &chain.header(5));
        assert_eq!(conflict(&chain, &a, &a), Ok(None));
        assert_eq!(conflict(&chain, &a, &signed(&chain, &chain.header(50))), Ok(None));
        let mut old = chain.header(1);
        (old.height, old.time) = (HEIGHT - 3, START - 3);
        assert_eq!(conflict(&chain, &a, &signed(&chain, &old)), Ok(None));
    }
}

#[test]
fn evidence_counts_only_if_the_client_would_accept_both_headers() {
    let chain = Chain::new(Mode::Qbft, 4);
    let a = signed(&chain, &chain.header(5));
    let mut other = chain.header(5);
    other.state_root = B256::repeat_byte(0x55);
    // One seal short, forged by strangers, from an expired state, from a frozen one.
    let short = chain.signed_by(&other, &chain.keys, 0..2);
    assert!(matches!(conflict(&chain, &a, &short), Err(Refusal::NotEnoughTrust { .. })));
    let forged = chain.signed(&other, &keys(30..34));
    assert!(matches!(conflict(&chain, &a, &forged), Err(Refusal::BadSeal { .. })));
    let good = signed(&chain, &other);
    let expired_at = START + chain.params.trusting_period;
    assert!(conflict_at(&chain, &a, &good, expired_at - 1).unwrap().is_some());
    let now = expired_at;
    assert_eq!(conflict_at(&chain, &a, &good, now), Err(Refusal::Expired { expired_at, now }));
    let mut frozen = Chain::new(Mode::Qbft, 4);
    frozen.trusted = frozen.trusted.freeze(Freeze { at: HEIGHT, since: START, anchor: None });
    assert!(matches!(conflict(&frozen, &a, &good), Err(Refusal::Frozen { .. })));
}

#[test]
fn a_frozen_client_reads_the_last_common_block_after_the_delay_and_nothing_else() {
    for mode in MODES {
        let mut chain = Chain::new(mode, 4);
        let mut common = chain.header(4);
        common.round = if mode == Mode::Ibft1 { 0 } else { 3 };
        let freeze = Freeze { at: HEIGHT + 4, since: START + 100, anchor: Some(common.block_hash(mode)) };
        chain.trusted = chain.trusted.freeze(freeze);
        let readable = START + 100 + 3_600;
        let bare = chain.signed_by(&common, &[], []);
        let refusal = Refusal::Frozen { at: HEIGHT + 4, readable_from: Some(readable) };
        assert_eq!(chain.verify_at(&bare, readable - 1), Err(refusal));
        assert!(refusal.may_pass_later());
        let verified = chain.verify_at(&bare, readable).unwrap();
        assert_eq!(verified.header.state_root, common.state_root);
        assert_eq!(verified.trusted, chain.trusted);
        // Another block of that height, the right one with seals, any other height.
        let mut other = common.clone();
        other.state_root = B256::repeat_byte(1);
        assert_eq!(chain.verify_at(&chain.signed_by(&other, &[], []), readable), Err(refusal));
        assert_eq!(chain.verify_at(&chain.signed(&common, &chain.keys), readable), Err(refusal));
        assert_eq!(chain.verify_at(&chain.update(5), readable), Err(refusal));
        // Without a common block nothing is readable, ever.
        let mut blind = Chain::new(mode, 4);
        blind.trusted = blind.trusted.freeze(Freeze { anchor: None, ..freeze });
        let refusal = Refusal::Frozen { at: HEIGHT + 4, readable_from: None };
        assert_eq!(blind.verify_at(&bare, u64::MAX), Err(refusal));
        assert!(!refusal.may_pass_later());
    }
}

/// Where no common block is shown, and after an expiry, the newest block that was accepted is read after the delay.
#[test]
fn the_newest_block_is_read_after_a_freeze_or_an_expiry() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        let mut newest = chain.header(5);
        newest.round = if mode == Mode::Ibft1 { 0 } else { 2 };
        let moved = chain.verify(&signed(&chain, &newest)).unwrap().trusted;
        let bare = chain.signed_by(&newest, &[], []);
        let mut other = newest.clone();
        other.state_root = B256::repeat_byte(1);
        let other = chain.signed_by(&other, &[], []);
        let at = |state: &TrustedState, parts: &Parts, now| verify_both(&chain.params, state, &parts.encode(), now);
        let expired_at = newest.time + chain.params.trusting_period;
        let readable = expired_at + chain.params.freeze_delay;
        let expired = |now| Err(Refusal::Expired { expired_at, now });
        assert_eq!(at(&moved, &bare, readable - 1), expired(readable - 1));
        assert_eq!(at(&moved, &bare, readable).unwrap().header.state_root, newest.state_root);
        assert_eq!(at(&moved, &bare, readable).unwrap().trusted, moved);
        assert_eq!(at(&moved, &other, readable), expired(readable));
        assert_eq!(at(&moved, &chain.update(9), readable), expired(readable));
        // Evidence without a common parent.
        let (a, mut b) = (chain.header(9), chain.header(20));
        b.time = a.time - 1;
        let (a, b) = (signed(&chain, &a).encode(), signed(&chain, &b).encode());
        let now = START + 60;
        let found = crate::conflict(&chain.params, &moved, &a, &b, now).unwrap().unwrap();
        let frozen = moved.clone().freeze(found.freeze(&moved, now));
        let refusal = Refusal::Frozen { at: HEIGHT + 5, readable_from: Some(now + chain.params.freeze_delay) };
        assert_eq!(at(&frozen, &bare, now + chain.params.freeze_delay - 1), Err(refusal));
        assert!(at(&frozen, &bare, now + chain.params.freeze_delay).is_ok());
        assert_eq!(at(&frozen, &other, now + chain.params.freeze_delay), Err(refusal));
    }
}

#[test]
fn a_state_vouches_until_its_trusting_period_ends() {
    let chain = Chain::new(Mode::Qbft, 4);
    let update = chain.update(1);
    let expired_at = START + chain.params.trusting_period;
    assert!(chain.verify_at(&update, expired_at - 1).is_ok());
    assert_eq!(chain.verify_at(&update, expired_at), Err(Refusal::Expired { expired_at, now: expired_at }));
    assert_eq!(chain.trusted.expires_at(&chain.params), expired_at);
}

#[test]
fn atk_068_a_client_starts_only_at_the_pinned_header() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        let header = chain.header(1);
        let bytes = header.sealed(mode, &[]);
        let pinned = header.block_hash(mode);
        let begin = |pin: &B256, now| TrustedState::begin(&chain.params, pin, &bytes, None, now);
        let started = begin(&pinned, START + 10).unwrap();
        assert_eq!((started.height(), started.time()), (header.height, header.time));
        assert_eq!(started.validators().as_slice(), header.validators);
        let wrong = B256::repeat_byte(9);
        let mismatch = Refusal::ChainMismatch { expected: wrong, found: pinned };
        assert_eq!(begin(&wrong, START + 10), Err(mismatch));
        assert_eq!(begin(&B256::ZERO, START + 10), Err(Refusal::ChainMismatch { expected: B256::ZERO, found: pinned }));
        let expired_at = header.time + chain.params.trusting_period;
        assert!(begin(&pinned, expired_at - 1).is_ok());
        assert_eq!(begin(&pinned, expired_at), Err(Refusal::Expired { expired_at, now: expired_at }));
        assert!(matches!(begin(&pinned, START - 100), Err(Refusal::HeaderFromFuture { .. })));
        // From there on the client follows the chain by itself.
        let next = chain.header(2);
        let seals: std::vec::Vec<_> =
            chain.keys.iter().map(|key| super::kit::sign(key, next.commit_digest(mode))).collect();
        let sealed = next.sealed(mode, &seals);
        let sealed = SealedHeader::read(mode, &sealed).unwrap();
        let update = update_from_header(&chain.params, &started, &sealed, None).unwrap();
        assert!(verify_both(&chain.params, &started, &update, START + 10).is_ok());
    }
}

#[test]
fn states_have_one_encoding() {
    let chain = Chain::new(Mode::Qbft, 4);
    let anchors = [
        None,
        Some(Freeze { at: 5, since: 6, anchor: None }),
        Some(Freeze { at: 5, since: 6, anchor: Some(B256::repeat_byte(3)) }),
    ];
    for freeze in anchors {
        let state = freeze.map_or(chain.trusted.clone(), |freeze| chain.trusted.clone().freeze(freeze));
        let bytes = state.encode();
        assert_eq!(TrustedState::decode(&bytes).as_ref(), Ok(&state));
        for length in 0..bytes.len() {
            assert!(TrustedState::decode(&bytes[..length]).is_err());
        }
        for byte in 0..bytes.len() {
            let mut other = bytes.clone();
            other[byte] ^= 1;
            if let Ok(read) = TrustedState::decode(&other) {
                assert_eq!(read.encode(), other);
                assert_ne!(read, state);
            }
        }
    }
}
