//! What must be accepted: every attack's nearest honest neighbour.

use alloy_primitives::B256;

use super::kit::{Chain, HEIGHT, MODES, START, addresses, keys, sign, verify_both};
use crate::{Mode, SealedHeader, TrustedState, Update, compose::HeaderFields, quorum, update_from_header};

#[test]
fn a_quorum_moves_the_client_on_in_every_mode() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        let header = chain.header(5);
        let verified = chain.verify(&chain.update(5)).unwrap();
        assert_eq!(verified.header.height, HEIGHT + 5);
        assert_eq!(verified.header.state_root, header.state_root);
        assert_eq!(verified.header.block_hash, header.block_hash(mode));
        assert_eq!(verified.trusted.height(), HEIGHT + 5);
        assert_eq!(verified.trusted.time(), START + 5);
        assert_eq!(verified.trusted.block_hash(), header.block_hash(mode));
        assert_eq!(verified.trusted.validators(), chain.trusted.validators());
    }
}

#[test]
fn an_older_header_under_the_set_in_force_moves_nothing() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        for (height, time) in [(HEIGHT - 7, START - 7), (HEIGHT, START)] {
            let mut header = chain.header(1);
            (header.height, header.time) = (height, time);
            let verified = chain.verify(&chain.signed(&header, &chain.keys)).unwrap();
            assert_eq!(verified.header.height, height);
            assert_eq!(verified.trusted, chain.trusted);
        }
    }
}

#[test]
fn a_changed_set_is_believed_from_more_than_a_third_of_the_set_in_force() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        // 0 and 1 leave, 10 and 11 come: two of the four trusted ones are more than a third.
        let new = keys([2, 3, 10, 11]);
        let mut header = chain.header(9);
        header.validators = addresses(&new);
        let parts = chain.signed_by(&header, &new, 0..4).with_previous(&chain.keys);
        let verified = chain.verify(&parts).unwrap();
        assert_eq!(verified.trusted.validators().as_slice(), addresses(&new));
    }
}

#[test]
fn an_update_made_from_a_sealed_header_is_accepted() {
    for mode in MODES {
        let chain = Chain::new(mode, 7);
        let new = keys([2, 3, 4, 5, 10, 11]);
        for (keys, round) in [(&chain.keys, 0), (&chain.keys, 3), (&new, 1)] {
            let mut header = chain.header(3);
            header.validators = addresses(keys);
            header.round = if mode == Mode::Ibft1 { 0 } else { round };
            let digest = header.commit_digest(mode);
            // More than a quorum, in no order, one of them twice and one by a stranger.
            let mut seals: std::vec::Vec<_> = keys.iter().rev().map(|key| sign(key, digest)).collect();
            seals.push(seals[0]);
            seals.push(sign(&super::kit::key(99), digest));
            let bytes = header.sealed(mode, &seals);
            let sealed = SealedHeader::read(mode, &bytes).unwrap();
            assert_eq!(sealed.block_hash(), header.block_hash(mode));
            assert_eq!(sealed.commit_digest(), digest);
            let update = update_from_header(&chain.params, &chain.trusted, &sealed, None).unwrap();
            assert_eq!(Update::decode(&update).unwrap().signers.count_ones(), quorum(keys.len()));
            let verified = verify_both(&chain.params, &chain.trusted, &update, START + 60).unwrap();
            assert_eq!(verified.header.block_hash, header.block_hash(mode));
            let again = TrustedState::decode(&verified.trusted.encode()).unwrap();
            assert_eq!(again, verified.trusted);
        }
    }
}

#[test]
fn headers_of_later_forks_are_read() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        let mut header = chain.header(1);
        let accepted = |header: &HeaderFields| chain.verify(&chain.signed(header, &chain.keys)).is_ok();
        header.base_fee = Some(7);
        assert!(accepted(&header));
        header.withdrawals_root = Some(causeway_mpt::EMPTY_ROOT);
        assert!(accepted(&header));
        header.cancun = Some((0, 0, B256::ZERO));
        assert!(accepted(&header));
        header.requests_hash = Some(B256::ZERO);
        assert!(accepted(&header));
    }
}
