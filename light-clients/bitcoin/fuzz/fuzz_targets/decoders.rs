//! Any bytes before every decoder: none panics, and what is read is written back as the same bytes.
#![no_main]

use causeway_bitcoin::{
    Rules, Transaction, TrustedState,
    compact::{bits_of, target_of},
    merkle_block::MerkleBlock,
    payment::Claim,
    proof::Inclusion,
    transaction::compact_size,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for rules in [Rules::MAINNET, Rules::TESTNET4] {
        if let Ok(state) = TrustedState::decode(&rules, bytes) {
            assert_eq!(state.encode(), bytes);
            assert!(state.context_at(&rules, state.tip().height()).is_some());
        }
    }
    if let Ok(proof) = Inclusion::decode(bytes) {
        assert_eq!(proof.encode().as_deref(), Some(bytes));
        let _ = proof.transaction_under(&[0; 32]);
    }
    if let Ok(claim) = Claim::decode(bytes) {
        assert_eq!(claim.encode().as_deref(), Some(bytes));
    }
    if let Ok(block) = MerkleBlock::decode(bytes) {
        assert!(block.matches().iter().all(|found| block.branch(found.position).is_some()));
    }
    if let Ok(transaction) = Transaction::decode(bytes) {
        assert!(transaction.stripped_bytes() <= bytes.len());
        assert!(!transaction.outputs().is_empty());
    }
    if let Ok((_, taken)) = compact_size(bytes) {
        assert!(taken <= bytes.len());
    }
    if let Some(bits) = bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
        && let Ok(target) = target_of(bits)
    {
        assert_eq!(target_of(bits_of(target)), Ok(target));
    }
});
