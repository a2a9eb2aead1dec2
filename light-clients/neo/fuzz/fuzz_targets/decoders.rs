//! Any bytes as header, scripts and storage proof: no panic, and what is read is read from those very bytes.
#![no_main]

use alloy_primitives::B256;
use causeway_neo::{
    Header, MAX_SCRIPT_BYTES, Multisig, Params, StateRoot, Storage, proof::read_under, script::consensus_script,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for state_root_in_header in [false, true] {
        let params = Params { magic: 42, state_root_in_header, trusting_period: 1, drift: 0 };
        if let Ok(header) = Header::read(&params, bytes) {
            assert!(header.invocation.len() <= MAX_SCRIPT_BYTES && header.verification.len() <= MAX_SCRIPT_BYTES);
        }
    }
    if let Ok(script) = Multisig::read(bytes) {
        assert!(script.threshold() <= script.members());
    }
    let (keys, _) = bytes.as_chunks::<33>();
    let _ = consensus_script(keys);
    let root = StateRoot { height: 1, root: bytes.first_chunk::<32>().map_or(B256::ZERO, |root| B256::new(*root)) };
    let _ = read_under(&root, Storage { contract: 1, key: &bytes[..bytes.len().min(70)] }, bytes);
});
