//! Any bytes before every decoder: none panics, and what is read is written back as the same bytes.
#![no_main]

use alloy_primitives::B256;
use causeway_fisco_bcos::{
    Accepted, Header, Params, Suite, Threshold, TrustedState, Update, Version,
    proof::receipt_v2,
    tree::{Siblings, groups_of_words, root_v2, root_v3},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(update) = Update::decode(bytes) {
        assert_eq!(update.encode(), bytes);
    }
    if let Ok(state) = TrustedState::decode(bytes) {
        assert_eq!(state.encode(), bytes);
    }
    for version in [Version::V2, Version::V3] {
        let _ = Header::read(version, Suite::Ecdsa, bytes);
    }
    // The bytes as a receipt that does stand in its block.
    let params = Params {
        version: Version::V2,
        suite: Suite::Ecdsa,
        tree_width: 2,
        trusting_period: 1,
        drift: 1,
        trust_threshold: Threshold::ONE_THIRD,
        freeze_delay: 1,
    };
    let path = [Siblings::default()];
    if let Ok(root) = root_v2(Suite::Ecdsa, 0, &Suite::Ecdsa.hash(bytes), &path) {
        let hash = B256::ZERO;
        let header = Accepted {
            height: 1,
            time_ms: 1,
            block_hash: hash,
            parent_hash: hash,
            transactions_root: hash,
            receipts_root: root,
        };
        let _ = receipt_v2(&params, &header, 0, bytes, &path);
    }
    let words: Vec<B256> = bytes.as_chunks::<32>().0.iter().map(|word| B256::new(*word)).collect();
    if let (Ok(groups), Some(leaf)) = (groups_of_words(&words), words.get(1)) {
        let _ = root_v3(Suite::Ecdsa, 2, leaf, &groups);
    }
});
