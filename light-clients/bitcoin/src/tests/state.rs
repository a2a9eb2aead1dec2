//! Trusted states are written and read back, byte for byte.

use std::vec::Vec;

use alloy_primitives::U256;

use super::kit::{EASY, HEIGHT, PARAMS, RULES, after, client, context, run};
use crate::{BitsFault, Context, Freeze, Period, StateFault, TrustedState, Vouched};

fn states() -> Vec<TrustedState> {
    let grown = after(&client(), &run(&client(), 120, 1));
    let short = Vouched {
        height: 2_016 * 5 - 2,
        hash: crate::BlockHash([1; 32]),
        bits: EASY,
        work: U256::MAX >> 4,
        times: &[7],
        period: Some(Period { time: 3, bits: EASY }),
        real_bits: EASY,
    };
    let short = TrustedState::at(Context::vouched(&short).unwrap());
    let frozen = grown.clone().freeze(Freeze { at: HEIGHT + 100, since: u64::MAX });
    [client(), grown, frozen, short.clone(), after(&short, &run(&short, 3, 2))].to_vec()
}

#[test]
fn states_come_back_as_they_were() {
    for state in states() {
        let bytes = state.encode();
        assert_eq!(TrustedState::decode(&RULES, &bytes).as_ref(), Ok(&state));
        for length in 0..bytes.len() {
            assert!(TrustedState::decode(&RULES, &bytes[..length]).is_err(), "{length}");
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(TrustedState::decode(&RULES, &longer), Err(StateFault::Length { bytes: longer.len() }));
        // Whatever is read is what would be written.
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            if let Ok(read) = TrustedState::decode(&RULES, &changed) {
                assert_eq!(read.encode(), changed, "{at}");
                assert_ne!(read, state, "{at}");
            }
        }
    }
}

#[test]
fn states_that_can_not_be() {
    let bytes = client().encode();
    let decode = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        TrustedState::decode(&RULES, &bytes)
    };
    assert_eq!(decode(0, 2), Err(StateFault::Version(2)));
    let zero = StateFault::Bits { bits: 0x007f_ffff & 0xffff, fault: BitsFault::Zero };
    let mut no_target = bytes.clone();
    no_target[37..41].copy_from_slice(&0x0000_ffff_u32.to_be_bytes());
    assert_eq!(TrustedState::decode(&RULES, &no_target), Err(zero));
    // version, height, hash, bits, work: then the number of times.
    let known = 1 + 4 + 32 + 4 + 32;
    assert_eq!(bytes[known], 11);
    for found in [0, 12, 255] {
        let count = StateFault::Count { what: "times", limit: 11, found: u32::from(found) };
        assert_eq!(decode(known, found), Err(count));
    }
    let period = known + 1 + 44;
    assert_eq!(decode(period, 2), Err(StateFault::Flag(2)));
    let count = period + 1 + 4;
    assert_eq!(bytes[count..count + 4], [0; 4]);
    let many = StateFault::Count { what: "blocks", limit: 8_064, found: 0x0100_0000 };
    assert_eq!(decode(count, 1), Err(many));
    assert_eq!(decode(count + 4, 3), Err(StateFault::Flag(3)));
}

#[test]
fn work_is_counted_from_the_tip_down() {
    let state = after(&client(), &run(&client(), 5, 1));
    assert_eq!(state.base().height(), HEIGHT);
    for (height, work) in [(HEIGHT + 5, 2), (HEIGHT + 4, 4), (HEIGHT + 1, 10), (HEIGHT, 12)] {
        assert_eq!(state.work_from(height), Some(U256::from(work)));
        assert_eq!(state.confirmed(U256::from(work)), Some(height));
        assert_eq!(state.confirmed(U256::from(work - 1)), Some(height));
    }
    assert_eq!(state.work_from(HEIGHT + 6), None);
    assert_eq!(state.work_from(HEIGHT - 1), None);
    assert_eq!(state.confirmed(U256::from(13)), None);
    assert_eq!(state.context_at(&RULES, HEIGHT), Some(context(HEIGHT, EASY, EASY)));
    assert_eq!(state.context_at(&RULES, HEIGHT + 6), None);
    assert_eq!(state.context_at(&RULES, HEIGHT - 1), None);
    assert_eq!(state.expires_at(&PARAMS), u64::from(state.tip().time()) + PARAMS.trusting_period);
}
