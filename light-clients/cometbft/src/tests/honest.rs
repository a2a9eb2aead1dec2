//! What an honest chain shows is accepted.

use core::time::Duration;
use std::vec::Vec;

use crate::{
    Encoding, IbcHeight, Over, Refusal, Threshold, Whose,
    tests::kit::{Block, CHAIN, Chain, Entry, HEIGHT, Key, at, keys, set, weighted},
};

#[test]
fn the_next_block_and_blocks_further_on() {
    let chain = Chain::new(4);
    for ahead in [1, 2, 1_000] {
        let mut block = chain.block(ahead);
        block.from = (ahead != 2).then_some(IbcHeight { revision: 1, height: HEIGHT });
        let verified = chain.verify_at(&block, at(2_000)).unwrap();
        assert_eq!(verified.header.block_hash, block.hash());
        assert_eq!((verified.trusted.height(), verified.trusted.time()), (HEIGHT + ahead, at(ahead.cast_signed())));
        assert_eq!(verified.trusted.app_hash(), [5; 32]);
        assert_eq!(verified.trusted.next_validators_hash(), chain.set.hash(Encoding::Protobuf));
    }
}

#[test]
fn a_chain_of_updates_hands_its_validators_over() {
    let mut chain = Chain::new(4);
    for step in 1..5 {
        let next_keys = keys(step..step + 4);
        let next = set(&next_keys);
        let mut block = Block::new(u64::from(step), &chain.keys, chain.set.clone(), &next);
        block.header.height = chain.trusted.height() + 1;
        let verified = chain.verify(&block).unwrap();
        assert_eq!(verified.header.check_next_validators(&chain.params, &next), Ok(()));
        assert!(matches!(
            verified.header.check_next_validators(&chain.params, &chain.set),
            Err(Refusal::ValidatorsHash { whose: Whose::Next, .. })
        ));
        chain.trusted = verified.trusted;
        (chain.keys, chain.set) = (next_keys, next);
    }
}

#[test]
fn keys_of_both_kinds_sign_beside_each_other() {
    let mixed: Vec<Key> = keys(0..3).into_iter().chain((3..6).map(Key::secp256k1)).collect();
    let chain = Chain::of(mixed);
    assert!(chain.verify(&chain.block(1)).is_ok());
    // A bad signature of either kind is seen.
    for place in [0, 3] {
        let mut block = chain.block(1);
        block.entries[place] = Entry::Commit { key: Key::new(77), address: chain.keys[place].address(), time: at(1) };
        if place == 3 {
            let key = Key::secp256k1(77);
            block.entries[place] = Entry::Commit { key, address: chain.keys[place].address(), time: at(1) };
        }
        assert!(matches!(chain.refusal(&block), Refusal::BadSignature { index, .. } if index == place));
    }
}

#[test]
fn absent_and_nil_count_for_nothing_and_do_no_harm() {
    let chain = Chain::new(7);
    let mut block = chain.block(1);
    block.entries[1] = Entry::Absent;
    block.entries[5] = Entry::Nil { key: chain.keys[5].clone() };
    assert!(chain.verify(&block).is_ok());
    block.entries[6] = Entry::Absent;
    let (over, needed, found, of) = (Over::Header, 47, 40, 70);
    assert_eq!(chain.refusal(&block), Refusal::NotEnoughTrust { over, needed, found, of });
}

/// More than two thirds, not two thirds.
#[test]
fn exactly_two_thirds_are_too_few() {
    let chain = Chain::new(3);
    let mut block = chain.block(1);
    block.entries[2] = Entry::Absent;
    let (over, needed, found, of) = (Over::Header, 21, 20, 30);
    assert_eq!(chain.refusal(&block), Refusal::NotEnoughTrust { over, needed, found, of });
    let powers = weighted(&chain.keys, &[10, 11, 10]);
    let chain = Chain::with(chain.keys, powers);
    let mut block = chain.block(1);
    block.entries[2] = Entry::Absent;
    assert!(chain.verify(&block).is_ok());
}

/// More than a third of the trusted power, not a third.
#[test]
fn exactly_a_third_of_the_trusted_power_is_too_little() {
    let chain = Chain::new(3);
    let one_of_them = keys([0, 10, 11, 12]);
    let refusal = chain.refusal(&chain.under(5, &one_of_them));
    let (over, needed, found, of) = (Over::Trusted, 11, 10, 30);
    assert_eq!(refusal, Refusal::NotEnoughTrust { over, needed, found, of });
    assert!(refusal.intermediate_helps());
    let chain = Chain::new(5);
    assert!(chain.verify(&chain.under(5, &keys([0, 1, 10, 11, 12]))).is_ok());
}

/// A vouching validator behind the two thirds is counted.
#[test]
fn signers_are_counted_on_until_both_thresholds_are_met() {
    let chain = Chain::new(2);
    // Three strangers are two thirds of four before a trusted one is reached.
    let keys: Vec<Key> = keys(10..19).into_iter().chain(keys([0])).collect();
    let mut block = chain.under(3, &keys);
    assert!(chain.verify(&block).is_ok());
    block.entries[9] = Entry::Absent;
    assert!(matches!(chain.refusal(&block), Refusal::NotEnoughTrust { over: Over::Trusted, found: 0, .. }));
    block.entries[9] = Entry::Commit { key: Key::new(5), address: chain.keys[0].address(), time: at(1) };
    assert!(matches!(chain.refusal(&block), Refusal::BadSignature { index: 9, .. }));
}

/// With a threshold above two thirds the same validators still have to meet it.
#[test]
fn a_threshold_above_two_thirds_holds_for_the_trusted_validators_too() {
    let mut chain = Chain::new(10);
    chain.params.trust_threshold = Threshold { numerator: 4, denominator: 5 };
    assert_eq!(chain.params.check(), Ok(()));
    let mut block = chain.block(5);
    block.entries[0] = Entry::Absent;
    assert!(chain.verify(&block).is_ok());
    block.entries[1] = Entry::Absent;
    let (over, needed, found, of) = (Over::Trusted, 81, 80, 100);
    assert_eq!(chain.refusal(&block), Refusal::NotEnoughTrust { over, needed, found, of });
    // The next block is vouched for by name.
    let mut block = chain.block(1);
    block.entries[0] = Entry::Absent;
    block.entries[1] = Entry::Absent;
    assert!(chain.verify(&block).is_ok());
}

#[test]
fn the_edges_of_time() {
    let chain = Chain::new(4);
    let block = chain.block(100);
    let time = block.header.time;
    let now = |nanos_after: i64| {
        let whole = i128::from(time.seconds()) * 1_000_000_000 + i128::from(time.nanos()) + i128::from(nanos_after);
        let (seconds, nanos) = (whole.div_euclid(1_000_000_000), whole.rem_euclid(1_000_000_000));
        crate::Time::new(i64::try_from(seconds).unwrap(), u32::try_from(nanos).unwrap()).unwrap()
    };
    let drift = -10_000_000_000;
    assert!(chain.verify_at(&block, now(drift + 1)).is_ok());
    assert_eq!(
        chain.verify_at(&block, now(drift)).unwrap_err(),
        Refusal::HeaderFromFuture { limit: time, found: time }
    );
    assert!(Refusal::HeaderFromFuture { limit: time, found: time }.may_pass_later());
    let expired_at = at(0).saturating_add(Duration::from_secs(crate::tests::kit::TRUSTING));
    let last = crate::Time::new(expired_at.seconds(), expired_at.nanos() - 1).unwrap();
    assert!(chain.verify_at(&block, last).is_ok());
    let refusal = chain.verify_at(&block, expired_at).unwrap_err();
    assert_eq!(refusal, Refusal::Expired { expired_at, now: expired_at });
}

#[test]
fn what_a_block_says_of_itself_must_be_so() {
    let chain = Chain::new(4);
    let with = |change: &dyn Fn(&mut Block)| {
        let mut block = chain.block(2);
        change(&mut block);
        chain.refusal(&block)
    };
    assert!(matches!(
        with(&|block| block.commit_height = Some(HEIGHT + 3)),
        Refusal::CommitHeight { expected: 1_002, found: 1_003 }
    ));
    assert!(matches!(
        with(&|block| block.commit_hash = Some(alloy_primitives::B256::ZERO)),
        Refusal::CommitBlock { .. }
    ));
    assert!(matches!(with(&|block| drop(block.entries.pop())), Refusal::CommitLength { expected: 4, found: 3 }));
    assert!(matches!(
        with(&|block| block.entries.push(Entry::Absent)),
        Refusal::CommitLength { expected: 4, found: 5 }
    ));
    assert!(matches!(
        with(&|block| block.set = weighted(&chain.keys, &[10, 10, 10, 11])),
        Refusal::ValidatorsHash { whose: Whose::Header, .. }
    ));
    assert!(matches!(
        with(&|block| block.header.block_protocol = 10),
        Refusal::BlockProtocol { expected: 11, found: 10 }
    ));
    assert!(matches!(
        with(&|block| block.from = Some(IbcHeight { revision: 1, height: HEIGHT - 1 })),
        Refusal::TrustedHeight { .. }
    ));
    assert!(matches!(
        with(&|block| block.from = Some(IbcHeight { revision: 2, height: HEIGHT })),
        Refusal::TrustedHeight { .. }
    ));
    for height in [HEIGHT, HEIGHT - 1] {
        let refusal = with(&|block| block.header.height = height);
        assert_eq!(refusal, Refusal::NotNewer { trusted: HEIGHT, found: height });
    }
    assert!(CHAIN.ends_with("-1"));
}

#[test]
fn other_validators_need_the_trusted_ones_beside_them() {
    let chain = Chain::new(4);
    let mut block = chain.under(5, &keys(1..5));
    assert!(chain.verify(&block).is_ok());
    block.trusted = Some(set(&keys(1..5)));
    assert!(matches!(chain.refusal(&block), Refusal::ValidatorsHash { whose: Whose::Trusted, .. }));
    block.trusted = None;
    assert_eq!(chain.refusal(&block), Refusal::TrustedValidatorsMissing);
    // The next block can have no others than those that were named.
    let block = chain.under(1, &keys(1..5));
    let refusal = chain.refusal(&block);
    assert!(matches!(refusal, Refusal::ValidatorsHash { whose: Whose::Adjacent, .. }));
    assert!(!refusal.intermediate_helps());
}
