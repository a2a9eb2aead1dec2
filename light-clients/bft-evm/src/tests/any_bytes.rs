//! Any bytes before every decoder: none panics, and what is read has one spelling.

use std::vec::Vec;

use alloy_primitives::{Address, B256};
use proptest::prelude::*;

use super::kit::{Chain, MODES, START};
use crate::{SealLess, SealedHeader, TrustedState, Update, proof::outbox_peaks};

fn read(bytes: &[u8]) {
    if let Ok(update) = Update::decode(bytes) {
        assert_eq!(update.encode().as_deref(), Ok(bytes));
    }
    if let Ok(state) = TrustedState::decode(bytes) {
        assert_eq!(state.encode(), bytes);
    }
    for mode in MODES {
        if let Ok(header) = SealLess::read(mode, bytes) {
            let _ = (header.block_hash(), header.commit_digest());
        }
        if let Ok(header) = SealedHeader::read(mode, bytes) {
            let bare = header.seal_less();
            assert_eq!(SealLess::read(mode, &bare).unwrap().block_hash(), header.block_hash());
        }
    }
    let _ = outbox_peaks(&B256::repeat_byte(1), Address::ZERO, bytes);
}

proptest! {
    #[test]
    fn noise(bytes in prop::collection::vec(any::<u8>(), 0..700)) {
        read(&bytes);
    }

    /// Honest bytes with a stretch of noise in them.
    #[test]
    fn noise_in_honest_bytes(mode in 0usize..3, at: prop::sample::Index, noise in prop::collection::vec(any::<u8>(), 1..40)) {
        let chain = Chain::new(MODES[mode], 4);
        let update = chain.update(1);
        let sealed = chain.header(1).sealed(MODES[mode], &update.seals);
        for honest in [update.header.clone(), sealed, update.encode(), chain.trusted.encode()] {
            let mut bytes: Vec<u8> = honest;
            let at = at.index(bytes.len());
            bytes.iter_mut().skip(at).zip(&noise).for_each(|(byte, new)| *byte = *new);
            read(&bytes);
            let verdict = crate::verify(&chain.params, &chain.trusted, &bytes, START + 60);
            prop_assert!(verdict.is_err() || bytes == update.encode());
        }
    }
}
