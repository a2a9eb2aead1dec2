//! An honest header with fuzzed fields under validators whose keys nobody has: never accepted, never a panic.
//!
//! The first bytes choose mode and shape; the rest overwrites the update from a chosen place on, so that the reader is
//! passed and the rules are reached.
#![no_main]

use alloy_primitives::{Address, B256, U256};
use causeway_bft_evm::{
    Mode, Params, Threshold, TrustedState, Update, ValidatorSet, ValidatorSource, compose::HeaderFields, conflict,
    verify,
};
use libfuzzer_sys::fuzz_target;

const START: u64 = 1_800_000_000;

fuzz_target!(|bytes: &[u8]| {
    let Some(([mode, shape, at_high, at_low], patch)) = bytes.split_first_chunk::<4>() else { return };
    let mode = Mode::from_number(mode % 3).unwrap_or(Mode::Qbft);
    let contract = shape & 1 == 1 && mode != Mode::Ibft1;
    let validators: Vec<Address> = (1..=4).map(Address::repeat_byte).collect();
    let listed = match (contract, shape & 2) {
        (true, _) => Vec::new(),
        (false, 0) => validators.clone(),
        (false, _) => (2..=6).map(Address::repeat_byte).collect(),
    };
    let previous = validators.concat();
    let header = HeaderFields::new(2, START + 1, B256::repeat_byte(1), B256::repeat_byte(2), listed);
    let header = header.seal_less(mode);
    let seals = [[0x11; 65]; 4].concat();
    let update = Update {
        header: &header,
        previous: (contract || shape & 2 != 0).then_some(previous.as_slice()),
        next_set: (contract && shape & 4 != 0).then_some(patch),
        signers: U256::from(0b1111),
        seals: &seals,
    };
    let Ok(mut update) = update.encode() else { return };
    let at = usize::from(u16::from_be_bytes([*at_high, *at_low])) % update.len();
    update.iter_mut().skip(at).zip(patch).for_each(|(byte, new)| *byte = *new);
    let params = Params {
        mode,
        validators: match contract {
            true => ValidatorSource::Contract { address: Address::ZERO, slot: B256::ZERO },
            false => ValidatorSource::Header,
        },
        trusting_period: 86_400,
        drift: 15,
        trust_threshold: Threshold::ONE_THIRD,
        freeze_delay: 3_600,
    };
    let Ok(set) = ValidatorSet::new(validators) else { return };
    let trusted = TrustedState::new(1, START, B256::ZERO, B256::ZERO, set);
    for now in [START + 1, START + 86_400] {
        assert!(verify(&params, &trusted, &update, now).is_err());
        assert!(conflict(&params, &trusted, &update, &update, now).is_err());
    }
});
