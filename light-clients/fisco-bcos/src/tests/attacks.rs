//! The rows of attacks that concern this family's headers.

use std::{vec, vec::Vec};

use alloy_primitives::B256;
use causeway_crypto::Native;
use causeway_mpt::rlp;

use super::kit::*;
use crate::{
    FieldsV3, Freeze, Header, HeaderFault, MisbehaviourKind, Over, Refusal, Sealer, SealerSet, Suite, TrustedState,
    Update, Version, conflict_with, verify_with,
};

#[test]
fn honest_headers_move_the_client_also_to_another_set() {
    for params in kinds() {
        let (hash, state) = trusted(&params, &[1, 2, 3, 4]);
        let same = Block::new(2, hash, &[1, 2, 3, 4]);
        let moved = judge(&params, &state, &same.update(&params, &[1, 2, 4]), 2).unwrap().trusted;
        assert_eq!((moved.height(), moved.block_hash()), (2, same.hash(&params)));
        assert_eq!(TrustedState::decode(&moved.encode()).as_ref(), Ok(&moved));
        // Two of four of the old set are more than a third.
        let other = Block::new(9, B256::ZERO, &[3, 4, 5, 6]);
        let moved = judge(&params, &moved, &other.update(&params, &[3, 4, 5]), 9).unwrap().trusted;
        assert_eq!(moved.sealers(), &set(params.suite, &[3, 4, 5, 6]));
        let refusal = judge(&params, &moved, &same.update(&params, &[1, 2, 4]), 9).unwrap_err();
        assert_eq!(refusal, Refusal::OlderUnderOtherSet { height: 2, trusted_height: 9 });
        // One of four is not.
        let far = Block::new(10, B256::ZERO, &[6, 7, 8, 9]);
        let refusal = judge(&params, &moved, &far.update(&params, &[6, 7, 8]), 10).unwrap_err();
        assert_eq!(refusal, Refusal::NotEnoughTrust { over: Over::SetInForce, needed: 2, found: 1, of: 4 });
        assert!(refusal.intermediate_helps());
    }
}

/// A header says nothing of its chain; its sealers and its pin do.
#[test]
fn atk_044_a_header_of_another_chain_is_refused() {
    for params in kinds() {
        let (hash, state) = trusted(&params, &[1, 2, 3, 4]);
        let other = Block::new(2, hash, &[5, 6, 7, 8]);
        let refusal = judge(&params, &state, &other.update(&params, &[5, 6, 7, 8]), 2).unwrap_err();
        assert_eq!(refusal, Refusal::NotEnoughTrust { over: Over::SetInForce, needed: 2, found: 0, of: 4 });
        let pin = Block::new(1, B256::ZERO, &[5, 6, 7, 8]);
        let begun = TrustedState::begin(&params, &hash, &pin.header(&params), START + 1);
        assert_eq!(begun, Err(Refusal::ChainMismatch { expected: hash, found: pin.hash(&params) }));
        // The other suite's hash, the other version's form.
        let block = Block::new(2, hash, &[1, 2, 3, 4]);
        for other in kinds().iter().filter(|other| **other != params) {
            assert!(judge(other, &state, &block.update(&params, &[1, 2, 3]), 2).is_err());
        }
    }
}

#[test]
fn atk_045_nobody_is_no_quorum() {
    for params in kinds() {
        let (hash, state) = trusted(&params, &[1, 2, 3, 4]);
        let block = Block::new(2, hash, &[1, 2, 3, 4]);
        for signers in [&[][..], &[1], &[1, 2]] {
            let refusal = judge(&params, &state, &block.update(&params, signers), 2).unwrap_err();
            let found = signers.len() as u64;
            assert_eq!(refusal, Refusal::NotEnoughTrust { over: Over::HeaderSet, needed: 3, found, of: 4 });
        }
    }
    assert_eq!(SealerSet::new(vec![]), Err(Refusal::EmptySet));
    let weights = |weights: &[u64]| {
        let sealers = (1..).zip(weights).map(|(seed, weight)| Sealer { key: [seed; 64], weight: *weight });
        SealerSet::new(sealers.collect())
    };
    for (total, quorum) in (1..=10).zip([1, 2, 3, 3, 4, 5, 5, 6, 7, 7]) {
        assert_eq!(weights(&[total]).unwrap().quorum(), quorum);
    }
    assert_eq!(weights(&[1, 0]), Err(Refusal::Weights));
    assert_eq!(weights(&[u64::MAX, 1]), Err(Refusal::Weights));
}

/// Weights count in version 3, not heads.
#[test]
fn atk_045_weights_count_not_heads() {
    let params = params(Version::V3, Suite::Ecdsa);
    let (_, state) = trusted(&params, &[1, 2, 3, 4]);
    let keys: Vec<_> = (1..=4).map(|seed| key(params.suite, seed)).collect();
    let fields = FieldsV3 {
        version: 1,
        parent: (1, state.block_hash()),
        transactions_root: B256::ZERO,
        receipts_root: B256::ZERO,
        state_root: B256::ZERO,
        number: 2,
        gas_used: 0,
        time_ms: time_ms(2),
        sealer: 0,
        keys: &keys,
        weights: &[7, 1, 1, 1],
    };
    let hash = fields.hash(params.suite);
    let by = |seeds: &[u8]| {
        let signatures: Vec<_> =
            seeds.iter().map(|seed| (u64::from(*seed) - 1, sign(params.suite, *seed, &hash))).collect();
        judge(&params, &state, &encode(&fields.encode(), &signatures), 2)
    };
    let few = Refusal::NotEnoughTrust { over: Over::HeaderSet, needed: 7, found: 3, of: 10 };
    assert_eq!(by(&[2, 3, 4]), Err(few));
    assert!(by(&[1, 2]).is_ok());
}

#[test]
fn atk_046_time_is_monotonic_and_bounded() {
    for params in kinds() {
        let (hash, state) = trusted(&params, &[1, 2, 3, 4]);
        let judge_at = |number, time_ms, now| {
            let block = Block { time_ms, ..Block::new(number, hash, &[1, 2, 3, 4]) };
            verify_with::<Native>(&params, &state, &block.update(&params, &[1, 2, 3]), now).map(|_| ())
        };
        let (trusted_time, now) = (time_ms(1), START + 2);
        let back = |height, time| Err(Refusal::NonMonotonicTime { height, time, trusted_height: 1, trusted_time });
        assert_eq!(judge_at(2, trusted_time + 1, now), Ok(()));
        assert_eq!(judge_at(2, trusted_time, now), back(2, trusted_time));
        assert_eq!(judge_at(1, trusted_time + 1, now), back(1, trusted_time + 1));
        assert_eq!(judge_at(2, (now + 15) * 1000 + 999, now), Ok(()));
        let refusal = judge_at(2, (now + 16) * 1000, now).unwrap_err();
        assert_eq!(refusal, Refusal::HeaderFromFuture { latest: now + 15, found: now + 16 });
        assert!(refusal.may_pass_later());
        let expired_at = state.time() + 86_400;
        assert_eq!(judge_at(2, trusted_time + 1, expired_at - 1), Ok(()));
        assert_eq!(judge_at(2, trusted_time + 1, expired_at), Err(Refusal::Expired { expired_at, now: expired_at }));
    }
}

#[test]
fn atk_050_two_final_blocks_of_one_height_freeze() {
    for params in kinds() {
        let (hash, state) = trusted(&params, &[1, 2, 3, 4]);
        let one = Block::new(2, hash, &[1, 2, 3, 4]);
        let other = Block { receipts_root: B256::ZERO, ..one.clone() };
        let child = Block::new(3, one.hash(&params), &[1, 2, 3, 4]);
        let now = START + 3;
        let conflict = |a: &[u8], b: &[u8]| conflict_with::<Native>(&params, &state, a, b, now);
        let by = |block: &Block, signers: &[u8]| block.update(&params, signers);
        let found = conflict(&by(&one, &[1, 2, 3]), &by(&other, &[2, 3, 4])).unwrap().unwrap();
        assert_eq!((found.kind, found.common), (MisbehaviourKind::TwoBlocks, Some((1, hash))));
        // The same block under other signatures; an ancestor and its descendant.
        assert_eq!(conflict(&by(&one, &[1, 2, 3]), &by(&one, &[1, 2, 3, 4])), Ok(None));
        assert_eq!(conflict(&by(&child, &[1, 2, 3]), &by(&one, &[1, 2, 3])), Ok(None));
        let kind = |a: &[u8], b: &[u8]| conflict(a, b).map(|found| found.map(|found| found.kind));
        let orphan = kind(&by(&child, &[1, 2, 3]), &by(&other, &[1, 2, 3]));
        assert_eq!(orphan, Ok(Some(MisbehaviourKind::NotItsChild)));
        let early = Block { time_ms: time_ms(2), ..Block::new(7, hash, &[1, 2, 3, 4]) };
        assert_eq!(kind(&by(&early, &[1, 2, 3]), &by(&one, &[1, 2, 3])), Ok(Some(MisbehaviourKind::TimeWentBack)));
        assert!(conflict(&by(&one, &[1, 2, 3]), &by(&other, &[2, 3])).is_err());
        // Frozen: nothing moves; the common block may be read after the delay.
        let frozen = state.clone().freeze(found.freeze(&state, now));
        assert_eq!(TrustedState::decode(&frozen.encode()).as_ref(), Ok(&frozen));
        let common = Block::new(1, B256::repeat_byte(9), &[1, 2, 3, 4]).update(&params, &[]);
        let at =
            |update: &[u8], now| verify_with::<Native>(&params, &frozen, update, now).map(|found| found.header.height);
        let refusal = Err(Refusal::Frozen { at: 1, readable_from: Some(now + 3600) });
        assert_eq!(at(&common, now + 3599), refusal);
        assert_eq!(at(&common, now + 3600), Ok(1));
        assert_eq!(at(&by(&one, &[1, 2, 3]), now + 3600), refusal);
        let blind = state.clone().freeze(Freeze { at: 1, since: now, anchor: None });
        assert_eq!(TrustedState::decode(&blind.encode()).as_ref(), Ok(&blind));
        assert!(verify_with::<Native>(&params, &blind, &common, now + 9999).is_err());
    }
}

#[test]
fn atk_067_sizes_are_refused_before_work() {
    let params = params(Version::V3, Suite::Ecdsa);
    let (_, state) = trusted(&params, &[1, 2, 3, 4]);
    let huge = vec![0; crate::MAX_UPDATE_BYTES + 1];
    assert!(matches!(judge(&params, &state, &huge, 2), Err(Refusal::TooLarge { what: "update", .. })));
    let limit = crate::MAX_SEALERS;
    let many = |count: usize| (0..count).map(|number| Sealer { key: [(number % 251) as u8; 64], weight: 1 }).collect();
    assert_eq!(SealerSet::new(many(65_536)), Err(Refusal::TooLarge { what: "sealers", limit, found: 65_536 }));
    assert_eq!(SealerSet::new(many(252)), Err(Refusal::DuplicateSealer { index: 251 }));
    let signatures: Vec<_> = (0..=limit as u64).map(|place| (place, vec![])).collect();
    let update = encode(&Block::new(2, B256::ZERO, &[1]).header(&params), &signatures);
    assert!(matches!(Update::decode(&update), Err(Refusal::TooLarge { what: "sealers", .. })));
}

#[test]
fn atk_068_a_client_starts_at_its_pin_alone() {
    for params in kinds() {
        let pin = Block::new(1, B256::ZERO, &[1, 2, 3, 4]);
        let (hash, header) = (pin.hash(&params), pin.header(&params));
        let begin = |now| TrustedState::begin(&params, &hash, &header, now);
        assert_eq!(begin(START + 1).unwrap().sealers(), &set(params.suite, &[1, 2, 3, 4]));
        let expired_at = START + 1 + 86_400;
        assert_eq!(begin(expired_at), Err(Refusal::Expired { expired_at, now: expired_at }));
        assert!(matches!(begin(START - 15), Err(Refusal::HeaderFromFuture { .. })));
    }
}

/// One hash of version 3 must not be read as another header: gas that takes digits of the time, a list that ends earlier.
#[test]
fn a_hash_of_version_3_has_one_reading() {
    let params = params(Version::V3, Suite::Ecdsa);
    let keys = [key(params.suite, 1), key(params.suite, 2)];
    let fields = FieldsV3 {
        version: 1,
        parent: (1, B256::ZERO),
        transactions_root: B256::ZERO,
        receipts_root: B256::ZERO,
        state_root: B256::ZERO,
        number: 2,
        gas_used: 12,
        // The first byte is the digit 3.
        time_ms: 0x33 << 56,
        sealer: 0,
        keys: &keys,
        weights: &[1, 1],
    };
    let read =
        |fields: &FieldsV3<'_>| Header::read(Version::V3, params.suite, &fields.encode()).map(|header| header.number);
    assert_eq!(read(&fields), Err(HeaderFault::Number.into()));
    assert_eq!(read(&FieldsV3 { time_ms: 1, ..fields }), Ok(2));
    assert_eq!(read(&FieldsV3 { time_ms: 1, number: 3, ..fields }), Err(HeaderFault::Number.into()));
    let few = FieldsV3 { time_ms: 1, weights: &[1], ..fields };
    assert_eq!(read(&few), Err(HeaderFault::Weights { sealers: 2, weights: 1 }.into()));
    assert_eq!(
        read(&FieldsV3 { time_ms: 1, sealer: 2, ..fields }),
        Err(HeaderFault::Sealer { index: 2, of: 2 }.into())
    );
    // Not even a place for extra data in the form.
    let mut more = fields.encode();
    more.push(0x80);
    assert!(Header::read(Version::V3, params.suite, &more).is_err());
    assert!(rlp::exact(&fields.encode()).is_ok());
}
