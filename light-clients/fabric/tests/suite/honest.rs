//! What honest channels do is accepted, and moves the state as it should.

use causeway_crypto::p256::Native;
use causeway_fabric::{Data, Refusal, TrustedState, build_update_with, quorum};

use crate::kit::{Chain, START, block_bytes, channel_header, envelope, verify_both};

#[test]
fn raft_blocks_are_followed_one_by_one_and_over_a_run() {
    let mut chain = Chain::raft(2);
    for (step, ahead) in [1, 1, 40, 1].into_iter().enumerate() {
        let update = chain.update(ahead);
        let verified = chain.verify_at(&update, START + 60 + step as u64).unwrap();
        assert_eq!(verified.header.height, chain.trusted.height() + ahead);
        assert_eq!(verified.header.block_hash, update.header.hash());
        assert_eq!(verified.trusted.time(), START + 60 + step as u64);
        assert_eq!(verified.header.config_height, 0);
        chain.trusted = verified.trusted;
    }
}

#[test]
fn a_quorum_of_consenters_is_enough_and_needed() {
    for n in [1, 4, 5, 7] {
        let chain = Chain::bft(n);
        assert!(chain.verify(&chain.update(3)).is_ok());
        // All of them, and a quorum of others than the first.
        let all: Vec<_> = (1..).zip(&chain.orderers).collect();
        assert!(chain.verify(&chain.block(2, None).signed_by_consenters(&all)).is_ok());
        let last = &all[n - quorum(n)..];
        assert!(chain.verify(&chain.block(2, None).signed_by_consenters(last)).is_ok());
        // A consenter may also sign with its certificate, as orderers under raft do.
        let members: Vec<_> = chain.orderers.iter().collect();
        assert!(chain.verify(&chain.block(2, None).signed_by(&members)).is_ok());
    }
    assert_eq!([1, 2, 3, 4, 5, 6, 7, 10].map(quorum), [1, 2, 2, 3, 4, 4, 5, 7]);
}

#[test]
fn a_block_from_a_node_becomes_an_update_with_and_without_its_data() {
    let chain = Chain::raft(2);
    let transaction = envelope(&chain.client, &channel_header(3, "id", "vault"), b"anything");
    let block = chain.sealed(chain.block(1, Some(vec![transaction])));
    // The peer's flags and commit hash stand beside what orderers signed.
    let metadata = [block.metadata(), vec![], vec![0], vec![], vec![7; 34]];
    let bytes = block_bytes(&block.header, block.data.as_ref().unwrap(), &metadata);
    for (data, brought) in [(Data::IfConfig, false), (Data::Always, true)] {
        let update = build_update_with::<Native>(&chain.trusted, &[], &bytes, data, START + 1).unwrap();
        assert_eq!(causeway_fabric::Update::decode(&update).unwrap().data.is_some(), brought);
        let verified = verify_both(&chain.params, &chain.trusted, &update, START + 1).unwrap();
        assert_eq!(verified.header.block_hash, block.header.hash());
    }
}

#[test]
fn bad_signatures_are_left_out_of_an_update() {
    let chain = Chain::bft(4);
    let mut block = chain.block(1, Some(vec![envelope(&chain.client, &channel_header(3, "id", "vault"), b"a")]));
    let members: Vec<_> = (1..).zip(&chain.orderers).collect();
    block = block.signed_by_consenters(&members);
    block.signatures[0][1][10] ^= 1;
    block.signatures.push(block.signatures[1].clone());
    assert!(chain.verify(&block).is_err());
    let bytes = block_bytes(&block.header, block.data.as_ref().unwrap(), &[block.metadata()]);
    let update = build_update_with::<Native>(&chain.trusted, &[], &bytes, Data::IfConfig, START + 1).unwrap();
    assert!(verify_both(&chain.params, &chain.trusted, &update, START + 1).is_ok());
}

#[test]
fn a_state_is_written_and_read_back() {
    for chain in [Chain::raft(1), Chain::bft(4)] {
        let moved = chain.verify(&chain.update(5)).unwrap().trusted;
        let frozen = moved.clone().freeze(causeway_fabric::Freeze { at: 3, since: 9 });
        for state in [chain.trusted, moved, frozen] {
            let bytes = state.encode();
            assert_eq!(TrustedState::decode(&bytes).unwrap(), state);
            for cut in [0, 1, 60, bytes.len() - 1] {
                assert!(TrustedState::decode(&bytes[..cut]).is_err());
            }
            assert!(TrustedState::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
            let mut flagged = bytes.clone();
            flagged[89] ^= 2;
            assert!(TrustedState::decode(&flagged).is_err());
        }
    }
}

#[test]
fn the_trusting_period_has_exact_edges() {
    let chain = Chain::raft(1);
    let expired_at = START + chain.params.trusting_period;
    let update = chain.update(1);
    assert!(chain.verify_at(&update, START).is_ok());
    assert!(chain.verify_at(&update, expired_at - 1).is_ok());
    assert_eq!(chain.verify_at(&update, expired_at), Err(Refusal::Expired { expired_at, now: expired_at }));
    assert_eq!(
        chain.verify_at(&update, START - 1),
        Err(Refusal::NonMonotonicTime { now: START - 1, trusted_time: START })
    );
}
