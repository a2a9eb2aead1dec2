//! Any bytes, and honest bytes changed anywhere: no panic, and what is accepted is the honest header.

use proptest::prelude::*;

use crate::{
    Commit, Header, TrustedState, Update, ValidatorSet,
    proof::{CommitmentProof, IAVL, MAX_DEPTH, SMT, TENDERMINT, read, verify_batch},
    tests::{
        kit::{Chain, at, keys, verify_both},
        trees::Store,
    },
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(header) = Header::decode(&bytes) {
            let again = header.encode();
            prop_assert_eq!(Header::decode(&again), Ok(header));
        }
        if let Ok(commit) = Commit::decode(&bytes) {
            let again = commit.encode();
            prop_assert_eq!(Commit::decode(&again), Ok(commit));
        }
        if let Ok(set) = ValidatorSet::decode(&bytes) {
            prop_assert_eq!(ValidatorSet::decode(&set.encode()), Ok(set));
        }
        if let Ok(state) = TrustedState::decode(&bytes) {
            prop_assert_eq!(state.encode(), bytes.clone());
        }
        let _ = (Update::decode(&bytes), CommitmentProof::decode(&bytes, MAX_DEPTH));
        for spec in [IAVL, TENDERMINT, SMT] {
            let _ = (read(&spec, &bytes, &bytes, &bytes), verify_batch(&spec, &bytes, &[], &bytes));
        }
    }

    /// A changed byte is refused, or it does not matter: the header that is accepted is the very same.
    #[test]
    fn a_changed_update_proves_the_same_or_nothing(at_byte in any::<prop::sample::Index>(), mask in 1u8.., skip in any::<bool>()) {
        let chain = Chain::new(5);
        let block = if skip { chain.under(9, &keys(2..7)) } else { chain.block(1) };
        let honest = block.encode();
        let mut changed = honest.clone();
        let place = at_byte.index(changed.len());
        changed[place] ^= mask;
        if let Ok(verified) = verify_both(&chain.params, &chain.trusted, &changed, at(60)) {
            prop_assert_eq!(verified, chain.verify(&block).unwrap());
        }
    }

    #[test]
    fn a_changed_proof_shows_the_same_or_nothing(at_byte in any::<prop::sample::Index>(), mask in 1u8.., absent in any::<bool>()) {
        let store = Store::even(11);
        let root = store.root();
        let (key, honest) = match absent {
            true => (super::trees::key(7), store.gap(Some(3), Some(4))),
            false => (super::trees::key(6), store.proof(3)),
        };
        let mut changed = honest.clone();
        let place = at_byte.index(changed.len());
        changed[place] ^= mask;
        if let Ok(shown) = read(&TENDERMINT, &root, &key, &changed) {
            prop_assert_eq!(Ok(shown), read(&TENDERMINT, &root, &key, &honest));
        }
    }
}
