//! An honest update with fuzzed bytes under authorities whose keys nobody has: never accepted, never a panic.
//!
//! The first bytes choose the shape; the rest overwrites the update from a chosen place on, so that the reader is passed
//! and the rules are reached.
#![no_main]

use std::collections::BTreeMap;

use alloy_primitives::B256;
use causeway_substrate::{
    AncestryRule, AuthoritySet, AuthoritySource, Finality, GrandpaUpdate, HeaderFormat, Params, TrustedState, Update,
    compose::{StateVersion, Vote, header, justification, scheduled_change, trie},
    conflict,
    hash::blake2_256,
    proof::TIMESTAMP_NOW,
    verify,
};
use libfuzzer_sys::fuzz_target;

const START: u64 = 1_800_000_000;

fuzz_target!(|bytes: &[u8]| {
    let Some(([shape, at_high, at_low], patch)) = bytes.split_first_chunk::<3>() else { return };
    let keys: Vec<[u8; 32]> = (1..=4).map(|seed| blake2_256(&[seed]).0).collect();
    let time = (START + 1) * 1000;
    let (root, nodes) =
        trie(&BTreeMap::from([(TIMESTAMP_NOW.to_vec(), time.to_le_bytes().to_vec())]), StateVersion::V1);
    let change = scheduled_change(&[(keys[0], 1)], u32::from(shape & 3));
    let digest: &[&[u8]] = if shape & 4 == 0 { &[] } else { &[&change] };
    let target = header(&B256::ZERO, 2, &root, digest);
    let above = header(&blake2_256(&target), 3, &B256::ZERO, &[]);
    let at = [(blake2_256(&target), 2), (blake2_256(&above), 3)];
    let votes: Vec<Vote> = keys
        .iter()
        .enumerate()
        .map(|(place, key)| Vote { target: at[place % 2], signature: [0x11; 64], key: *key })
        .collect();
    let proof = justification(1, at[0], &votes, &[above]);
    let nodes: Vec<&[u8]> = nodes.iter().map(Vec::as_slice).collect();
    let update = GrandpaUpdate {
        set_id: 1,
        reads_set: shape & 8 != 0,
        justification: &proof,
        header: &target,
        state: nodes,
    };
    let mut update = Update::Grandpa(update).encode();
    let at = usize::from(u16::from_be_bytes([*at_high, *at_low])) % update.len();
    update.iter_mut().skip(at).zip(patch).for_each(|(byte, new)| *byte = *new);
    let params = Params {
        header: HeaderFormat::Substrate,
        ancestry: if shape & 16 == 0 { AncestryRule::Complete } else { AncestryRule::Weight },
        authorities: AuthoritySource::Pallet,
        trusting_period: 86_400,
        drift: 15,
        freeze_delay: 3_600,
    };
    let Ok(set) = AuthoritySet::new(1, keys.into_iter().map(|key| (key, 1)).collect()) else { return };
    let finality = Finality::Grandpa { set, pending: None };
    let trusted = TrustedState::new(1, START * 1000, B256::ZERO, B256::ZERO, finality);
    for now in [START + 1, START + 86_400] {
        assert!(verify(&params, &trusted, &update, now).is_err());
        assert!(conflict(&params, &trusted, &update, &update, now).is_err());
    }
});
