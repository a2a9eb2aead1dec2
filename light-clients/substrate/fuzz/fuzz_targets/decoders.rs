//! Any bytes before every decoder: none panics, and what is read is written back as the same bytes.
#![no_main]

use causeway_substrate::{
    Header, HeaderFormat, Justification, TrustedState, Update,
    beefy::{FinalityProof, Leaf},
    hash::blake2_256,
    trie::Proof,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(update) = Update::decode(bytes) {
        assert_eq!(update.encode(), bytes);
    }
    if let Ok(state) = TrustedState::decode(bytes) {
        assert_eq!(TrustedState::decode(&state.encode()), Ok(state));
    }
    for format in [HeaderFormat::Substrate, HeaderFormat::Avail] {
        let _ = Justification::read(format, bytes);
        if let Ok(header) = Header::read(format, bytes) {
            let _ = (header.hash(), header.change());
        }
    }
    if let Ok(proof) = FinalityProof::read(bytes) {
        assert_eq!(proof.signers().count(), proof.signatures().len());
    }
    let _ = Leaf::read(bytes);
    // The bytes as a trie's root node, and a part of them as a key.
    let (key, node) = bytes.split_at(bytes.len().min(4));
    if let Ok(mut proof) = Proof::new(&[node]) {
        let _ = proof.get(&blake2_256(node), key);
    }
});
