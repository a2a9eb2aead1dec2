//! Any bytes before every decoder: none panics, and what is read is written back as the same bytes.
#![no_main]

use alloy_primitives::{Address, B256};
use causeway_bft_evm::{
    Mode, SealLess, SealedHeader, TrustedState, Update,
    proof::{outbox_peaks, outbox_size, storage_words},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(update) = Update::decode(bytes) {
        assert_eq!(update.encode().as_deref(), Ok(bytes));
        assert_eq!(update.signed().count(), update.signers.count_ones());
    }
    if let Ok(state) = TrustedState::decode(bytes) {
        assert_eq!(state.encode(), bytes);
    }
    for mode in [Mode::Qbft, Mode::Ibft2, Mode::Ibft1] {
        if let Ok(header) = SealLess::read(mode, bytes) {
            let _ = (header.block_hash(), header.commit_digest());
            assert_eq!(header.extra().validators().len(), header.extra().validator_count());
        }
        if let Ok(header) = SealedHeader::read(mode, bytes) {
            let bare = header.seal_less();
            let again = SealLess::read(mode, &bare).expect("a sealed header without its seals is a header");
            assert_eq!(again.block_hash(), header.block_hash());
            assert_eq!(again.commit_digest(), header.commit_digest());
        }
    }
    let root = B256::repeat_byte(1);
    let _ = outbox_peaks(&root, Address::ZERO, bytes);
    let _ = outbox_size(&root, Address::ZERO, bytes);
    let _ = storage_words(&root, Address::ZERO, &[B256::ZERO; 3], bytes);
});
