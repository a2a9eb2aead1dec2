//! Honest chains: what is accepted, and what it does.

use std::vec::Vec;

use alloy_primitives::U256;

use super::kit::{
    Bytes, EASY, HARD, HEIGHT, PARAMS, RULES, START, after, client, context, hash, mine, now_of, offer, offer_to, run,
    run_on,
};
use crate::{
    Effect, Header, Params, Period, Refusal, Rules, TrustedState, Vouched, next_period_bits,
    params::{MEDIAN_BLOCKS, PERIOD_BLOCKS},
    verify,
};

#[test]
fn a_chain_grows_and_forgets_what_is_deeper_than_the_window() {
    let headers = run(&client(), 250, 1);
    let mut state = client();
    for part in headers.chunks(60) {
        let verified = offer(&state, part).unwrap();
        assert_eq!(verified.effect, Effect::Extended);
        state = verified.trusted;
    }
    assert_eq!(state.tip().height(), HEIGHT + 250);
    assert_eq!(state.base().height(), HEIGHT + 150);
    assert_eq!(state.tip().work(), U256::from(500));
    for (height, bytes) in (HEIGHT + 1..).zip(&headers) {
        let remembered = height >= HEIGHT + 150;
        assert_eq!(state.hash_at(height), remembered.then(|| hash(bytes)));
        assert_eq!(state.height_of(&hash(bytes)), remembered.then_some(height));
        let context = state.context_at(&RULES, height);
        assert_eq!(context.map(|context| context.hash()), remembered.then(|| hash(bytes)));
    }
    // In one update or in many: the same.
    assert_eq!(after(&client(), &headers), state);
}

#[test]
fn a_heavier_chain_wins_and_the_first_of_equals_stays() {
    let trunk = after(&client(), &run(&client(), 10, 1));
    let (short, long) = (run(&trunk, 1, 2), run(&trunk, 2, 3));
    let state = after(&trunk, &short);
    let equal = offer(&state, &long[..1]).unwrap();
    assert_eq!((equal.effect, &equal.trusted), (Effect::None, &state));
    assert_eq!(equal.header.hash, hash(&long[0]));
    let heavier = offer(&state, &long).unwrap();
    assert_eq!(heavier.effect, Effect::Reorganised { common: HEIGHT + 10 });
    assert_eq!(heavier.trusted.tip().hash(), hash(&long[1]));
    assert_eq!(heavier.trusted, after(&trunk, &long));
    // Known headers, then new ones: the chain grows, however much of it is sent again.
    let again = [long.as_slice(), &run_on(hash(&long[1]), Header::new(&long[1]).time(), 1, 4)].concat();
    assert_eq!(offer(&heavier.trusted, &again).unwrap().effect, Effect::Extended);
}

#[test]
fn final_blocks_are_not_undone() {
    let trunk = after(&client(), &run(&client(), 10, 1));
    let state = after(&trunk, &run(&trunk, 3, 2));
    let rival = run(&trunk, 4, 3);
    // Three blocks are final: the first of them can not be undone.
    let refusal = Refusal::ReorgBelowFinal { common: HEIGHT + 10, last_final: HEIGHT + 11 };
    assert_eq!(offer(&state, &rival), Err(refusal));
    let state = after(&trunk, &run(&trunk, 2, 2));
    assert_eq!(offer(&state, &rival).unwrap().effect, Effect::Reorganised { common: HEIGHT + 10 });
}

/// Five blocks of work 2 against one of work 32 (ATK-055: by work, not by length).
#[test]
fn atk_055_the_heavier_chain_wins_though_it_is_shorter() {
    let rules = Rules { min_difficulty: true, ..RULES };
    let params = Params { rules, final_work: U256::from(1_000), ..PARAMS };
    let state = TrustedState::at(context(HEIGHT, HARD, HARD));
    let mut easy: Vec<Bytes> = Vec::new();
    for at in 1..=5 {
        let parent = easy.last().map_or(state.tip().hash(), hash);
        easy.push(mine(parent, [1; 32], START + 1_201 * at, EASY));
    }
    let hard = [mine(state.tip().hash(), [2; 32], START + 600, HARD)];
    let long = offer_to(&params, &state, &easy).unwrap().trusted;
    assert_eq!(long.tip().work(), U256::from(10));
    let moved = offer_to(&params, &long, &hard).unwrap();
    assert_eq!(moved.effect, Effect::Reorganised { common: HEIGHT });
    assert_eq!(moved.trusted.tip().work(), U256::from(32));
    let kept = offer_to(&params, &moved.trusted, &easy).unwrap();
    assert_eq!(kept.effect, Effect::None);
}

/// Testnets: the easiest target only after twenty minutes, and after it the last real one.
#[test]
fn atk_055_easy_blocks_are_for_testnets_and_only_when_late() {
    let state = TrustedState::at(context(HEIGHT, HARD, HARD));
    let child = |time: u32, bits: u32| mine(state.tip().hash(), [1; 32], START + time, bits);
    let wrong = |expected, found| Err(Refusal::WrongBits { height: HEIGHT + 1, expected, found });
    for (rules, time, bits, expected) in [
        (RULES, 1_201, EASY, wrong(HARD, EASY)),
        (RULES, 1_201, HARD, Ok(())),
        (Rules { min_difficulty: true, ..RULES }, 1_201, EASY, Ok(())),
        (Rules { min_difficulty: true, ..RULES }, 1_201, HARD, wrong(EASY, HARD)),
        (Rules { min_difficulty: true, ..RULES }, 1_200, EASY, wrong(HARD, EASY)),
        (Rules { min_difficulty: true, ..RULES }, 1_200, HARD, Ok(())),
    ] {
        let found = offer_to(&Params { rules, ..PARAMS }, &state, &[child(time, bits)]).map(|_| ());
        assert_eq!(found, expected, "{time} {bits:08x}");
    }
    // After an easy one the real target again.
    let params = Params { rules: Rules { min_difficulty: true, ..RULES }, ..PARAMS };
    let easy = child(1_201, EASY);
    let next = |bits| mine(hash(&easy), [1; 32], START + 1_300, bits);
    assert_eq!(offer_to(&params, &state, &[easy, next(HARD)]).map(|_| ()), Ok(()));
    let wrong = Refusal::WrongBits { height: HEIGHT + 2, expected: HARD, found: EASY };
    assert_eq!(offer_to(&params, &state, &[easy, next(EASY)]), Err(wrong));
}

/// As Bitcoin Core's `pow_tests`, and mainnet's height 68544, where four times the difficulty was the most.
#[test]
fn atk_055_the_next_period_has_just_the_bits_that_the_rules_give() {
    // (bits, first time, last time, next bits)
    let limit = Rules::MAINNET.limit;
    for (bits, first, last, next) in [
        (0x1d00_ffff, 1_261_130_161, 1_262_152_739, 0x1d00_d86a),
        (0x1d00_ffff, 1_231_006_505, 1_233_061_996, 0x1d00_ffff),
        (0x1c05_a3f4, 1_279_008_237, 1_279_297_671, 0x1c01_68fd),
        (0x1c38_7f6f, 1_263_163_443, 1_269_211_443, 0x1d00_e1fd),
    ] {
        assert_eq!(next_period_bits(limit, bits, first, last), next);
    }
}

/// The first block of a period: bits of the one before are wrong, and so are those one second beside.
#[test]
fn atk_055_wrong_bits_at_the_edge() {
    let rules = Rules::MAINNET;
    let height = 32 * PERIOD_BLOCKS - 1;
    let (first, last, bits) = (1_261_130_161, 1_262_152_739, 0x1d00_ffff);
    let period = Some(Period { time: first, bits });
    let times = [last; 1];
    let at = |period| {
        let hash = crate::BlockHash([9; 32]);
        let parts = Vouched { height, hash, bits, work: U256::ZERO, times: &times, period, real_bits: bits };
        TrustedState::at(crate::Context::vouched(&parts).unwrap())
    };
    let state = at(period);
    assert_eq!(state.tip().required_bits(&rules, last + 600), Ok(0x1d00_d86a));
    let params = Params { rules, ..PARAMS };
    let mut header = [0; 80];
    header[..4].copy_from_slice(&4_u32.to_le_bytes());
    header[4..36].copy_from_slice(&[9; 32]);
    header[68..72].copy_from_slice(&(last + 600).to_le_bytes());
    for found in [bits, 0x1d00_d86b, 0x1d00_d869, 0x1c00_d86a, 0x1dff_ffff, 0x1d80_d86a, 0, 0xff00_d86a] {
        header[72..76].copy_from_slice(&found.to_le_bytes());
        let wrong = Refusal::WrongBits { height: height + 1, expected: 0x1d00_d86a, found };
        assert_eq!(verify(&params, &state, &header, u64::from(last) + 600), Err(wrong));
    }
    header[72..76].copy_from_slice(&0x1d00_d86a_u32.to_le_bytes());
    let found = verify(&params, &state, &header, u64::from(last) + 600);
    assert!(matches!(found, Err(Refusal::NotEnoughWork { .. })), "{found:?}");
    let found = verify(&params, &at(None), &header, u64::from(last) + 600);
    assert_eq!(found, Err(Refusal::PeriodStartUnknown { height: height + 1 }));
    // BIP 94: from the period's first bits, whatever the last block's are.
    let bip94 = Rules { bip94: true, min_difficulty: true, ..rules };
    let harder = at(Some(Period { time: first, bits: 0x1c38_7f6f }));
    let by_first = next_period_bits(rules.limit, 0x1c38_7f6f, first, last);
    assert_eq!(harder.tip().required_bits(&bip94, last + 1), Ok(by_first));
    assert_eq!(harder.tip().required_bits(&rules, last + 1), Ok(0x1d00_d86a));
    // Regtest: none of it.
    assert_eq!(at(None).tip().required_bits(&Rules::REGTEST, last + 5_000), Ok(bits));
}

#[test]
fn the_median_is_of_the_eleven_times_before() {
    let state = client();
    assert_eq!(state.tip().median_time(), START - 3_000);
    let mut short = context(HEIGHT, EASY, EASY);
    for (known, median) in [(1, 0), (2, 1), (3, 1), (10, 5), (11, 5)] {
        let times: Vec<u32> = (0..known as u32).map(|at| START + at).collect();
        let (hash, work, period) = (short.hash(), U256::ZERO, None);
        let parts = Vouched { height: 5, hash, bits: EASY, work, times: &times, period, real_bits: EASY };
        short = crate::Context::vouched(&parts).unwrap();
        assert_eq!(short.times(), times);
        assert_eq!(short.median_time(), START + median, "{known}");
        for time in START - 1..START + 12 {
            assert_eq!(short.median_before(time), time > START + median, "{known} {time}");
        }
    }
    assert_eq!(short.times().len(), MEDIAN_BLOCKS);
}

/// Time may go back from block to block, as long as it is after the median.
#[test]
fn atk_046_times_after_the_median_and_not_of_the_future() {
    let state = client();
    let median = state.tip().median_time();
    let at = |time| [mine(state.tip().hash(), [1; 32], time, EASY)];
    assert!(offer(&state, &at(median + 1)).is_ok());
    for found in [median, median - 1, 0] {
        let refusal = Refusal::NonMonotonicTime { height: HEIGHT + 1, median, found };
        assert_eq!(verify(&PARAMS, &state, at(found).as_flattened(), START.into()), Err(refusal));
    }
    let header = at(START + 10_000);
    let now = now_of(&header) - PARAMS.drift;
    assert!(verify(&PARAMS, &state, header.as_flattened(), now).is_ok());
    let refusal =
        Refusal::HeaderFromFuture { height: HEIGHT + 1, latest: now - 1 + PARAMS.drift, found: START + 10_000 };
    assert_eq!(verify(&PARAMS, &state, header.as_flattened(), now - 1), Err(refusal));
    assert!(refusal.may_pass_later());
}

/// BIP 94: 600 s; BIP 54: 7200 s, and a period that ends before it begins.
#[test]
fn atk_055_timewarps_where_the_rules_forbid_them() {
    let edge = 200 * PERIOD_BLOCKS;
    let bip54 = Rules { bip54: true, ..RULES };
    let bip94 = Rules { bip94: true, ..RULES };
    // The last blocks before the edge are dated ahead.
    let ahead = |height: u32| {
        let times: Vec<u32> = (0..11).map(|at| if at < 8 { START - 80_000 } else { START }).collect();
        let hash = crate::BlockHash([9; 32]);
        let period = Some(Period { time: START - 40_000, bits: EASY });
        let parts = Vouched { height, hash, bits: EASY, work: U256::ZERO, times: &times, period, real_bits: EASY };
        TrustedState::at(crate::Context::vouched(&parts).unwrap())
    };
    let judge = |rules, height: u32, time| {
        let state = ahead(height - 1);
        let header = [mine(state.tip().hash(), [1; 32], time, EASY)];
        verify(&Params { rules, ..PARAMS }, &state, header.as_flattened(), START.into()).map(|_| ())
    };
    let warp = |grace, found| Err(Refusal::Timewarp { height: edge, earliest: START - grace, found });
    for (rules, grace) in [(bip94, 600), (bip54, 7_200), (Rules { bip54: true, ..bip94 }, 600)] {
        assert_eq!(judge(rules, edge, START - grace), Ok(()));
        assert_eq!(judge(rules, edge, START - grace - 1), warp(grace, START - grace - 1));
        assert_eq!(judge(rules, edge + 1, START - grace - 1), Ok(()));
    }
    assert_eq!(judge(RULES, edge, START - 7_201), Ok(()));
    // The last block of a period before its first.
    let first = START - 40_000;
    let negative = Refusal::NegativePeriod { height: edge - 1, first, found: first - 1 };
    assert_eq!(judge(bip54, edge - 1, first), Ok(()));
    assert_eq!(judge(bip54, edge - 1, first - 1), Err(negative));
    assert_eq!(judge(bip94, edge - 1, first - 1), Ok(()));
    assert_eq!(judge(bip54, edge - 2, first - 1), Ok(()));
}

#[test]
fn old_versions_are_refused_from_their_heights_on() {
    let heights = Rules::MAINNET.versions;
    let rules = Rules { versions: heights, ..RULES };
    for (height, least) in [
        (heights[0] - 1, i32::MIN),
        (heights[0], 2),
        (heights[1] - 1, 2),
        (heights[1], 3),
        (heights[2] - 1, 3),
        (heights[2], 4),
        (u32::MAX, 4),
    ] {
        assert_eq!(rules.least_version(height), least);
        let state = TrustedState::at(context(height - 1, EASY, EASY));
        let mut versions: Vec<i32> = (-1..6).collect();
        versions.extend([i32::MIN, i32::MAX, 0x2000_0000]);
        for found in versions {
            let header = [super::kit::mine_version(found, state.tip().hash(), [1; 32], START + 600, EASY)];
            let verdict = offer_to(&Params { rules, ..PARAMS }, &state, &header).map(|_| ());
            match found >= least {
                true => assert_eq!(verdict, Ok(())),
                false => assert_eq!(verdict, Err(Refusal::OldVersion { height, least, found })),
            }
        }
    }
}

#[test]
fn no_height_is_left_at_the_end() {
    let state = TrustedState::at(context(u32::MAX - 1, EASY, EASY));
    let headers = run(&state, 2, 1);
    assert!(offer(&state, &headers[..1]).is_ok());
    assert_eq!(offer(&state, &headers), Err(Refusal::HeightsExhausted { height: u32::MAX - 1 }));
}
