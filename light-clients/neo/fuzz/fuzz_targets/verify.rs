//! Any bytes as a header that should follow a trusted one: never accepted (nobody holds the keys), never a panic; and
//! as a proof under a root made of them.
#![no_main]

use alloy_primitives::{Address, B256};
use causeway_neo::{Params, StateRoot, Storage, TrustedState, conflict, hash256, proof::read_under, script_hash, verify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let params = Params { magic: 42, state_root_in_header: true, trusting_period: 1 << 40, drift: 1 << 30 };
    // The consensus is whatever script the bytes end in, so that rules behind the script hash are reached.
    let script = bytes.len().checked_sub(1024).map_or(bytes, |from| &bytes[from..]);
    for consensus in [script_hash(script), Address::ZERO] {
        let trusted = TrustedState::new(0, 0, B256::ZERO, consensus, None);
        assert!(verify(&params, &trusted, bytes, 1_800_000_000).is_err());
        let half = bytes.len() / 2;
        assert!(conflict(&params, &trusted, &bytes[..half], &bytes[half..], 1_800_000_000).is_err());
    }
    // The first node's hash as the root: nodes behind it are walked.
    if let Some((length, rest)) = bytes.split_first()
        && let Some(node) = rest.get(..usize::from(*length))
    {
        let root = StateRoot { height: 1, root: hash256(node) };
        let key = [0x11; 6];
        let mut proof = vec![10, 1, 0, 0, 0];
        proof.extend_from_slice(&key);
        proof.push(1);
        proof.push(*length);
        proof.extend_from_slice(rest);
        let _ = read_under(&root, Storage { contract: 1, key: &key }, &proof);
    }
});
