//! An honest header with fuzzed bytes under sealers whose keys nobody has: never accepted, never a panic.
#![no_main]

use alloy_primitives::B256;
use causeway_fisco_bcos::{
    FieldsV3, Params, Sealer, SealerSet, Suite, Threshold, TrustedState, Update, Version, conflict, verify,
};
use libfuzzer_sys::fuzz_target;

const START: u64 = 1_800_000_000;

fuzz_target!(|bytes: &[u8]| {
    let Some(([shape, at_high, at_low], patch)) = bytes.split_first_chunk::<3>() else { return };
    let suite = if shape & 1 == 0 { Suite::Ecdsa } else { Suite::Sm };
    let keys: Vec<[u8; 64]> = (1..=4).map(|seed| [seed; 64]).collect();
    let first = usize::from(shape & 2);
    let fields = FieldsV3 {
        version: 1,
        parent: (1, B256::ZERO),
        transactions_root: B256::ZERO,
        receipts_root: B256::ZERO,
        state_root: B256::ZERO,
        number: 2,
        gas_used: 9,
        time_ms: (START + 1) * 1000,
        sealer: 0,
        keys: &keys[first..],
        weights: &[1, 1, 1, 1][first..],
    };
    let header = fields.encode();
    let signature = vec![0x11; if suite == Suite::Sm { 128 } else { 65 }];
    let signatures = (0..4 - first as u64).map(|place| (place, signature.as_slice())).collect();
    let mut update = Update { header: &header, signatures }.encode();
    let at = usize::from(u16::from_be_bytes([*at_high, *at_low])) % update.len();
    update.iter_mut().skip(at).zip(patch).for_each(|(byte, new)| *byte = *new);
    let params = Params {
        version: Version::V3,
        suite,
        tree_width: 2,
        trusting_period: 86_400,
        drift: 15,
        trust_threshold: Threshold::ONE_THIRD,
        freeze_delay: 3_600,
    };
    let sealers = keys.into_iter().map(|key| Sealer { key, weight: 1 }).collect();
    let Ok(sealers) = SealerSet::new(sealers) else { return };
    let trusted = TrustedState::new(1, START * 1000, B256::ZERO, sealers);
    for now in [START + 1, START + 86_400] {
        assert!(verify(&params, &trusted, &update, now).is_err());
        assert!(conflict(&params, &trusted, &update, &update, now).is_err());
    }
});
