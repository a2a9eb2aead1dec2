//! Headers that must be refused, each one change away from honest ones that are accepted.

use std::{vec, vec::Vec};

use alloy_primitives::{U256, hex};

use super::kit::{EASY, HEIGHT, PARAMS, START, after, client, hash, mine, now_of, offer, run, run_on, unmine};
use crate::{
    BlockHash, Header, Params, ParamsFault, Pin, Refusal, Rules, TrustedState,
    params::{MAX_UPDATE_HEADERS, MAX_WINDOW, PERIOD_BLOCKS},
    verify,
};

/// Genesis blocks of other networks, and headers on them: nothing but the parent ties a header to its chain.
#[test]
fn atk_044_headers_of_other_networks() {
    let genesis = hex!(
        "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3"
        "888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"
    );
    let params = Params { rules: Rules::MAINNET, ..PARAMS };
    let now = Header::new(&genesis).time().into();
    assert_eq!(Header::new(&genesis).hash(), Rules::MAINNET.genesis);
    // A client of mainnet starts at it; one of any other network does not.
    let pin = Pin { height: 0, hash: Rules::MAINNET.genesis, work: U256::ZERO };
    let state = TrustedState::begin(&params, &pin, &genesis, now).unwrap();
    for rules in [Rules::TESTNET3, Rules::TESTNET4, Rules::SIGNET, Rules::REGTEST] {
        let found = TrustedState::begin(&Params { rules, ..PARAMS }, &pin, &genesis, now);
        let mismatch = Refusal::ChainMismatch { expected: rules.genesis, found: Rules::MAINNET.genesis };
        assert_eq!(found, Err(mismatch));
        let pin = Pin { hash: rules.genesis, ..pin };
        let found = TrustedState::begin(&Params { rules, ..PARAMS }, &pin, &genesis, now);
        assert_eq!(found, Err(mismatch));
        let other = [mine(rules.genesis, [1; 32], START, EASY)];
        let unknown = Refusal::UnknownParent { parent: rules.genesis };
        assert_eq!(verify(&params, &state, other.as_flattened(), now), Err(unknown));
        assert!(unknown.intermediate_helps());
    }
    // A genesis block is nobody's child, on any network.
    let expected = PARAMS.rules.genesis;
    let mismatch = Refusal::ChainMismatch { expected, found: Rules::MAINNET.genesis };
    assert_eq!(offer(&client(), &[genesis]), Err(mismatch));
}

#[test]
fn every_link_and_every_hash_is_checked() {
    let state = client();
    let headers = run(&state, 5, 1);
    assert!(offer(&state, &headers).is_ok());
    for at in 0..5 {
        let mut changed = headers.clone();
        changed[at] = unmine(changed[at]);
        let found = offer(&state, &changed);
        assert!(matches!(found, Err(Refusal::NotEnoughWork { height, .. }) if height == HEIGHT + 1 + at as u32));
        // Another good block in its place: the next one is not its child.
        let parent = if at == 0 { state.tip().hash() } else { hash(&headers[at - 1]) };
        let mut changed = headers.clone();
        changed[at] = mine(parent, [7; 32], Header::new(&headers[at]).time(), EASY);
        let (expected, found) = (hash(&changed[at]), hash(&headers[at]));
        match at {
            4 => assert!(offer(&state, &changed).is_ok()),
            _ => {
                let height = HEIGHT + 2 + at as u32;
                assert_eq!(offer(&state, &changed), Err(Refusal::NotAChild { height, expected, found }));
            }
        }
    }
    // One left out, two swapped, one twice.
    let broken = [&headers[..2], &headers[3..]].concat();
    assert!(matches!(offer(&state, &broken), Err(Refusal::NotAChild { .. })));
    let swapped = [headers[1], headers[0]];
    assert!(matches!(offer(&state, &swapped), Err(Refusal::UnknownParent { .. })));
    assert!(matches!(offer(&state, &[headers[0], headers[0]]), Err(Refusal::NotAChild { .. })));
}

#[test]
fn atk_067_lengths_are_bounded_before_hashing() {
    let state = client();
    for bytes in [0, 1, 79, 81, 159, 80 * MAX_UPDATE_HEADERS + 1] {
        assert_eq!(verify(&PARAMS, &state, &vec![0; bytes], START.into()), Err(Refusal::Malformed { bytes }));
    }
    let found = MAX_UPDATE_HEADERS + 1;
    let refusal = Refusal::TooLarge { limit: MAX_UPDATE_HEADERS, found };
    assert_eq!(verify(&PARAMS, &state, &vec![0; 80 * found], START.into()), Err(refusal));
    let most = run(&state, MAX_UPDATE_HEADERS as u32, 1);
    let params = Params { rules: Rules { no_retargeting: true, ..PARAMS.rules }, ..PARAMS };
    assert!(verify(&params, &state, most.as_flattened(), now_of(&most)).is_ok());
}

/// The configuration names the block; a node's word about it counts for nothing.
#[test]
fn atk_068_a_client_starts_at_the_pinned_block_and_nowhere_else() {
    let parent = client();
    let headers = run(&parent, PERIOD_BLOCKS, 1);
    // Heights do not stand in headers: any place in a period can be had.
    for place in [0, 1, 9, 10, 11, 500, PERIOD_BLOCKS - 1] {
        let pinned = headers.last().unwrap();
        let pin = Pin { height: 100 * PERIOD_BLOCKS + place, hash: hash(pinned), work: U256::from(77) };
        let needed = pin.headers_needed();
        assert_eq!(needed, (place as usize + 1).max(11));
        let run = &headers[headers.len() - needed..];
        let now = now_of(run);
        let state = TrustedState::begin(&PARAMS, &pin, run.as_flattened(), now).unwrap();
        assert_eq!((state.tip().height(), state.tip().hash()), (pin.height, pin.hash));
        assert_eq!(state.tip().work(), U256::from(77));
        let opens = &run[needed - 1 - place as usize];
        assert_eq!(state.tip().period().map(|period| period.time), Some(Header::new(opens).time()));
        assert_eq!(state.tip().median_time(), Header::new(&run[needed - 6]).time());
        // A header fewer or more; another at the end; one that does not link.
        let begin = |run: &[[u8; 80]], now| TrustedState::begin(&PARAMS, &pin, run.as_flattened(), now);
        let length = Refusal::StartLength { expected: needed, found: needed - 1 };
        assert_eq!(begin(&run[1..], now), Err(length));
        let other = mine(BlockHash([3; 32]), [4; 32], START, EASY);
        for at in [0, 1, needed / 2, needed - 2, needed - 1] {
            let mut changed = run.to_vec();
            changed[at] = other;
            let expected = match at + 1 == needed {
                true => Refusal::ChainMismatch { expected: pin.hash, found: hash(&other) },
                false => Refusal::NotAChild {
                    height: pin.height - (needed - 2 - at) as u32,
                    expected: hash(&other),
                    found: hash(&run[at]),
                },
            };
            assert_eq!(begin(&changed, now), Err(expected));
        }
        let expired_at = now + PARAMS.trusting_period;
        assert!(begin(run, expired_at - 1).is_ok());
        assert_eq!(begin(run, expired_at), Err(Refusal::Expired { expired_at, now: expired_at }));
        let early = now - PARAMS.drift - 1;
        assert!(matches!(begin(run, early), Err(Refusal::HeaderFromFuture { .. })));
    }
    assert_eq!(Pin { height: 3, hash: BlockHash::default(), work: U256::ZERO }.headers_needed(), 4);
}

#[test]
fn atk_068_nothing_is_believed_after_the_trusting_period() {
    let state = after(&client(), &run(&client(), 3, 1));
    let next = run(&state, 1, 1);
    let expired_at = u64::from(state.tip().time()) + PARAMS.trusting_period;
    assert!(verify(&PARAMS, &state, next.as_flattened(), expired_at - 1).is_ok());
    let refusal = Refusal::Expired { expired_at, now: expired_at };
    assert_eq!(verify(&PARAMS, &state, next.as_flattened(), expired_at), Err(refusal));
    assert!(!refusal.may_pass_later());
}

/// A reorganisation from a block that was forgotten.
#[test]
fn nothing_stands_on_what_was_forgotten() {
    let headers = run(&client(), 150, 1);
    let params = Params { final_work: U256::MAX, ..PARAMS };
    let state = verify(&params, &client(), headers.as_flattened(), now_of(&headers)).unwrap().trusted;
    assert_eq!(state.base().hash(), hash(&headers[49]));
    for (at, known) in [(48, false), (49, true), (50, true)] {
        let parent = &headers[at];
        let rival = run_on(hash(parent), Header::new(parent).time(), 150, 2);
        let found = verify(&params, &state, rival.as_flattened(), now_of(&rival)).map(|_| ());
        match known {
            true => assert_eq!(found, Ok(())),
            false => assert_eq!(found, Err(Refusal::UnknownParent { parent: hash(parent) })),
        }
    }
}

#[test]
fn parameters_that_prove_nothing() {
    let check = |change: fn(&mut Params)| {
        let mut params = PARAMS;
        change(&mut params);
        params.check()
    };
    assert_eq!(check(|_| {}), Ok(()));
    let networks = [Rules::MAINNET, Rules::TESTNET3, Rules::TESTNET4, Rules::SIGNET, Rules::REGTEST];
    for rules in networks {
        assert_eq!(Params { rules, ..PARAMS }.check(), Ok(()));
    }
    assert_eq!(check(|params| params.final_work = U256::ZERO), Err(ParamsFault::NoFinalWork));
    assert_eq!(check(|params| params.window = 0), Err(ParamsFault::Window { found: 0 }));
    assert_eq!(check(|params| params.window = MAX_WINDOW + 1), Err(ParamsFault::Window { found: MAX_WINDOW + 1 }));
    assert_eq!(check(|params| params.trusting_period = 0), Err(ParamsFault::NoTrustingPeriod));
    let drift = ParamsFault::DriftTooLarge { drift: 9, trusting_period: 9 };
    assert_eq!(check(|params| (params.drift, params.trusting_period) = (9, 9)), Err(drift));
    assert_eq!(check(|params| (params.drift, params.trusting_period) = (9, 10)), Ok(()));
    for limit in [0, 0x1d80_ffff, 0xff00_ffff] {
        let rules = Rules { limit, ..PARAMS.rules };
        assert_eq!(Params { rules, ..PARAMS }.check(), Err(ParamsFault::Limit { limit }));
    }
    let rules = Rules { no_retargeting: false, ..PARAMS.rules };
    assert_eq!(Params { rules, ..PARAMS }.check(), Err(ParamsFault::Limit { limit: EASY }));
    let six: Vec<U256> = [Rules::MAINNET.limit, EASY].map(|bits| Params::work_of_blocks(6, bits).unwrap()).to_vec();
    assert_eq!(six, [U256::from(6 * 0x1_0001_0001_u64), U256::from(12)]);
}
