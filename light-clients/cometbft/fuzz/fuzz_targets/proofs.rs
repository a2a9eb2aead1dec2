//! Any bytes as an ICS-23 proof of a key under a root that nobody has a preimage of: never shown, never a panic.
#![no_main]

use causeway_cometbft::proof::{Claim, IAVL, SMT, TENDERMINT, read, store_root, verify_batch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let root = [0xa5; 32];
    let (key, proof) = bytes.split_at_checked(4).unwrap_or((b"key", bytes));
    for spec in [IAVL, TENDERMINT, SMT] {
        assert!(read(&spec, &root, key, proof).is_err());
        for claim in [Claim::Present { key, value: b"value" }, Claim::Absent { key }] {
            assert!(verify_batch(&spec, &root, &[claim, claim], proof).is_err());
        }
    }
    assert!(store_root(&root, "wasm", proof).is_err());
});
