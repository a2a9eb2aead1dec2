//! An honest header under validators whose keys nobody has, with fuzzed bytes laid over it: never accepted, never a panic.
//!
//! The first bytes choose the shape and the place; the rest overwrites the update from there, so that the reader is passed
//! and the rules are reached.
#![no_main]

use alloy_primitives::B256;
use causeway_cometbft::{
    BlockId, Commit, CommitSig, Encoding, Header, Params, PartSetHeader, PublicKey, Time, TrustedState, Update, Validator,
    ValidatorSet, Vote, conflict, verify,
};
use libfuzzer_sys::fuzz_target;

const START: u64 = 1_800_000_000;

/// Points of the curve with unknown logarithms: multiples of nothing that is written down anywhere.
fn set(first: u8) -> Option<ValidatorSet> {
    let key = |number: u8| {
        let mut key = [number; 32];
        key[31] &= 0x7f;
        Validator::new(PublicKey::Ed25519(key), 10)
    };
    ValidatorSet::new((first..first + 4).map(key).collect()).ok()
}

fuzz_target!(|bytes: &[u8]| {
    let Some(([shape, at_high, at_low], patch)) = bytes.split_first_chunk::<3>() else { return };
    let skip = shape & 1 == 1;
    let (Some(trusted_set), Some(own)) = (set(2), set(if skip { 4 } else { 2 })) else { return };
    let own_hash = own.hash(Encoding::Protobuf);
    let header = Header {
        block_protocol: 11,
        chain_id: "fuzz-1",
        height: if skip { 9 } else { 2 },
        time: Time::from_unix(START + 1),
        validators_hash: Some(own_hash),
        next_validators_hash: Some(own_hash),
        app_hash: &[1; 32],
        ..Header::empty()
    };
    let block_id = BlockId {
        hash: Some(header.hash(Encoding::Protobuf)),
        parts: PartSetHeader { total: 1, hash: Some(B256::repeat_byte(1)) },
    };
    let signature = [0x11; 64];
    let entry = |validator: &Validator| {
        let vote = Vote { address: validator.address, time: Time::from_unix(START + 2), signature: &signature };
        if shape & 2 == 0 { CommitSig::Commit(vote) } else { CommitSig::Nil(vote) }
    };
    let signatures = own.as_slice().iter().map(entry).collect();
    let commit = Commit { height: header.height, round: 0, block_id, signatures };
    let trusted_validators = skip.then(|| trusted_set.clone());
    let mut update =
        Update { header, commit, validators: own, trusted_height: None, trusted_validators }.encode();
    let at = usize::from(u16::from_be_bytes([*at_high, *at_low])) % update.len();
    update.iter_mut().skip(at).zip(patch).for_each(|(byte, new)| *byte = *new);
    let params = Params::new("fuzz-1".into(), core::time::Duration::from_secs(86_400));
    let next = trusted_set.hash(Encoding::Protobuf);
    let trusted = TrustedState::new(1, Time::from_unix(START), B256::ZERO, Vec::new(), next);
    for now in [START + 1, START + 86_400] {
        let now = Time::from_unix(now);
        assert!(verify(&params, &trusted, &update, now).is_err());
        assert!(conflict(&params, &trusted, &update, &update, now).is_err());
    }
});
