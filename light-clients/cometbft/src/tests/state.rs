//! A trusted state as bytes, and time.

use core::time::Duration;
use std::vec;

use alloy_primitives::B256;

use crate::{Freeze, StateFault, Time, TrustedState, tests::kit::at};

#[test]
fn reads_what_it_wrote() {
    let mut state = TrustedState::new(9, at(3), B256::repeat_byte(1), vec![2; 32], B256::repeat_byte(3));
    let freezes = [None, Some(None), Some(Some(B256::repeat_byte(4)))];
    for anchor in freezes {
        if let Some(anchor) = anchor {
            let mut other = state.clone();
            other.freeze(Freeze { at: 8, since: at(5), anchor });
            let bytes = other.encode();
            assert_eq!(TrustedState::decode(&bytes), Ok(other.clone()));
            // The first freeze stays.
            other.freeze(Freeze { at: 1, since: at(6), anchor: None });
            assert_eq!(other.encode(), bytes);
        }
        let bytes = state.encode();
        assert_eq!(TrustedState::decode(&bytes), Ok(state.clone()));
        for length in 0..bytes.len() {
            assert!(TrustedState::decode(&bytes[..length]).is_err());
        }
        state = TrustedState::new(9, at(3), B256::repeat_byte(1), vec![], B256::repeat_byte(3));
    }
    let mut bytes = state.encode();
    bytes[0] = 2;
    assert_eq!(TrustedState::decode(&bytes), Err(StateFault::Version(2)));
    bytes[0] = 1;
    let flag = 1 + 8 + 12 + 32 + 32;
    bytes[flag] = 3;
    assert_eq!(TrustedState::decode(&bytes), Err(StateFault::Flag));
    bytes[flag] = 0;
    bytes[flag + 1] = 1;
    assert_eq!(TrustedState::decode(&bytes), Err(StateFault::Flag));
    bytes[flag + 1] = 0;
    bytes[9] = 0x7f;
    assert_eq!(TrustedState::decode(&bytes), Err(StateFault::Time));
    bytes[9] = 0;
    bytes.push(0);
    assert!(matches!(TrustedState::decode(&bytes), Err(StateFault::Length { .. })));
}

#[test]
fn time_adds_to_its_end() {
    let time = Time::new(10, 999_999_999).unwrap();
    assert_eq!(time.saturating_add(Duration::from_nanos(1)), Time::new(11, 0).unwrap());
    assert_eq!(time.saturating_add(Duration::MAX), Time::MAX);
    assert_eq!(Time::MAX.saturating_add(Duration::from_nanos(1)), Time::MAX);
    assert_eq!(Time::ZERO.saturating_add(Duration::from_secs(62_135_596_800)), Time::EPOCH);
    assert_eq!((Time::from_unix(u64::MAX), Time::from_unix(7).unix(), Time::ZERO.unix()), (Time::MAX, 7, 0));
    assert!(Time::new(-1, 999_999_999).unwrap() < Time::EPOCH);
}
