//! Attacks by their numbers.

use alloy_primitives::B256;
use causeway_crypto::p256::Native;
use causeway_fabric::{
    Clock, ClockFault, Data, Over, ParamsFault, Pin, Reading, Refusal, TrustedState, UpdateFault, WireFault,
    block::{check_envelopes, data},
    bounds::{MAX_RUN, MAX_SIGNERS},
    build_update_with, quorum,
};

use crate::kit::{Chain, Message, Parts, START, block_bytes, channel_header, envelope, twin, value};

#[test]
fn atk_041_the_same_bytes_cut_into_other_envelopes() {
    let chain = Chain::raft(2);
    let one = envelope(&chain.client, &channel_header(3, "one", "vault"), b"first");
    let two = envelope(&chain.client, &channel_header(3, "two", "vault"), b"second");
    let good = chain.sealed(chain.block(1, Some(vec![one.clone(), two.clone()])));
    assert!(chain.verify(&good).is_ok());
    let glued = [one.clone(), two.clone()].concat();
    // The hash and the orderer's signature stay good for each of these.
    let payload_ends = one.len() - 72..one.len();
    let mut cuts = vec![vec![glued.clone()], vec![vec![], one.clone(), two.clone()], vec![one.clone(), two, vec![]]];
    cuts.extend(
        payload_ends
            .chain([1, one.len() + 1, glued.len() - 1])
            .map(|at| vec![glued[..at].to_vec(), glued[at..].to_vec()]),
    );
    for cut in cuts {
        let refusal = chain.verify(&with_data(&good, cut.clone())).unwrap_err();
        assert!(matches!(refusal, Refusal::Message(_)), "{cut:?}: {refusal}");
    }
    // Other content under the same header, and an envelope whose creator did not sign it.
    let other = with_data(&good, vec![one.clone()]);
    assert!(matches!(chain.verify(&other), Err(Refusal::WrongData { .. })));
    let mut forged = one;
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let forged = chain.sealed(chain.block(1, Some(vec![forged])));
    assert!(matches!(chain.verify(&forged), Err(Refusal::BadSignature { place: 0, .. })));
}

/// The block with other data under the same header and signatures.
fn with_data(good: &Parts, data: Vec<Vec<u8>>) -> Parts {
    Parts { data: Some(data), ..good.clone() }
}

#[test]
fn atk_044_a_block_of_another_channel_of_the_same_orderers() {
    let chain = Chain::raft(2);
    // Signed by the right orderer at the right height, but standing on another chain.
    for ahead in [1, 5] {
        let mut block = chain.block(ahead, None);
        block.header.previous_hash = Some(B256::repeat_byte(7));
        let refusal = chain.verify(&chain.sealed(block)).unwrap_err();
        assert!(matches!(refusal, Refusal::NotLinked { .. }), "{refusal}");
    }
    // Linked, but its transactions are of another channel.
    let header = Message::new().number(1, 3).bytes(4, b"other").0;
    let block = chain.sealed(chain.block(1, Some(vec![envelope(&chain.client, &header, b"x")])));
    let mismatch = Refusal::ChannelMismatch { expected: "trade".into(), found: "other".into() };
    assert_eq!(chain.verify(&block), Err(mismatch.clone()));
    // A configuration of another channel.
    let mut params = chain.params.clone();
    params.channel = "other".into();
    let pin = Pin { block_hash: chain.trusted.block_hash(), time: START };
    let swapped = Refusal::ChannelMismatch { expected: "other".into(), found: "trade".into() };
    assert_eq!(TrustedState::begin(&params, &pin, &chain.genesis, START), Err(swapped));
}

#[test]
fn atk_045_nobody_signed() {
    let raft = Chain::raft(1);
    let mut block = raft.update(1);
    block.signatures.clear();
    let nobody = Refusal::NotEnoughTrust { over: Over::BlockValidation, needed: 1, found: 0 };
    assert_eq!(raft.verify(&block), Err(nobody));
    // A signature without a signer.
    let mut block = raft.update(1);
    block.signatures[0][0].clear();
    assert!(matches!(raft.verify(&block), Err(Refusal::Signer { place: 0, .. })));
    let bft = Chain::bft(4);
    let mut block = bft.update(1);
    for left in (0..quorum(4)).rev() {
        block.signatures.truncate(left);
        let refusal = bft.verify(&block).unwrap_err();
        let expected = Refusal::NotEnoughTrust { over: Over::BlockValidation, needed: quorum(4), found: left };
        assert_eq!(refusal, expected);
    }
}

#[test]
fn atk_045_one_signer_does_not_count_twice() {
    let chain = Chain::bft(4);
    let two: Vec<_> = (1..).zip(&chain.orderers).take(2).collect();
    let mut block = chain.block(1, None).signed_by_consenters(&two);
    block.signatures.push(block.signatures[0].clone());
    assert_eq!(chain.verify(&block), Err(Refusal::DuplicateSigner { place: 2 }));
    // Once by its number, once by its certificate.
    let again = chain.block(1, None).signed_by(&[&chain.orderers[0]]);
    block.signatures[2] = again.signatures[0].clone();
    assert_eq!(chain.verify(&block), Err(Refusal::DuplicateSigner { place: 2 }));
    // Under the number of another.
    let wrong = [(1, &chain.orderers[0]), (2, &chain.orderers[0]), (3, &chain.orderers[2])];
    let block = chain.block(1, None).signed_by_consenters(&wrong);
    assert!(matches!(chain.verify(&block), Err(Refusal::BadSignature { place: 1, .. })));
    let block = chain.block(1, None).signed_by_consenters(&[(5, &chain.orderers[0])]);
    assert_eq!(chain.verify(&block), Err(Refusal::UnknownConsenter { place: 0, id: 5 }));
}

#[test]
fn atk_045_a_member_that_is_no_consenter_does_not_count() {
    // The policy in force lets any orderer sign; the consenters' quorum does not.
    let mut chain = Chain::bft(4);
    let ordering = chain.root.groups.get_mut("Orderer").unwrap();
    let any = crate::kit::item(crate::kit::meta_policy("Writers", 0));
    ordering.policies.insert("BlockValidation".into(), any);
    (_, _, chain.trusted) = crate::kit::begin(&chain.root);
    let stranger = chain.orderer_org.member("orderer");
    let block = chain.block(1, None).signed_by(&[&chain.orderers[0], &chain.orderers[1], &stranger]);
    let refusal = Refusal::NotEnoughTrust { over: Over::Consenters, needed: 3, found: 2 };
    assert_eq!(chain.verify(&block), Err(refusal));
    let peer = chain.peers[0].clone();
    let block = chain.block(1, None).signed_by(&[&peer]);
    assert!(matches!(chain.verify(&block), Err(Refusal::NotEnoughTrust { over: Over::BlockValidation, .. })));
}

#[test]
fn atk_046_the_clock_is_a_named_client_s_and_never_goes_back() {
    let client = B256::repeat_byte(1);
    let clock = Clock::new(Reading { client, height: 10, time: 1_000 });
    let reading = |height, time| Reading { client, height, time };
    assert_eq!(clock.advance(reading(11, 1_000)).unwrap().time(), 1_000);
    assert_eq!(clock.advance(reading(12, 1_500)).unwrap().time(), 1_500);
    assert_eq!(clock.advance(reading(10, 1_000)), Ok(clock));
    for (height, time) in [(9, 1_000), (9, 2_000), (11, 999), (10, 1_001)] {
        let fault = clock.advance(reading(height, time)).unwrap_err();
        assert!(matches!(fault, ClockFault::NonMonotonicTime { .. }));
    }
    let other = Reading { client: B256::repeat_byte(2), height: 11, time: 2_000 };
    assert_eq!(clock.advance(other), Err(ClockFault::OtherClient { expected: client, found: B256::repeat_byte(2) }));
    let mut params = Chain::raft(1).params;
    assert_eq!(params.check(), Ok(()));
    params.clock = B256::ZERO;
    assert_eq!(params.check(), Err(ParamsFault::NoClock));
}

#[test]
fn atk_065_flags_and_senders_times_change_nothing() {
    let chain = Chain::raft(2);
    let at = |seconds: u64| {
        let header = Message::new().number(1, 3).part(3, &Message::new().number(1, seconds).0).bytes(4, b"trade").0;
        chain.sealed(chain.block(1, Some(vec![envelope(&chain.client, &header, b"x")])))
    };
    for (seconds, flag) in [(1, 0), (START, 11), (u64::MAX >> 1, 255)] {
        let block = at(seconds);
        let metadata = [block.metadata(), vec![], vec![flag], vec![], vec![]];
        let bytes = block_bytes(&block.header, block.data.as_ref().unwrap(), &metadata);
        let update = build_update_with::<Native>(&chain.trusted, &[], &bytes, Data::Always, START + 5).unwrap();
        // Whatever flag a peer writes, the update is the same; whatever time a sender writes, the state's is the clock's.
        assert_eq!(update, block.encode());
        assert_eq!(chain.verify_at(&block, START + 5).unwrap().trusted.time(), START + 5);
    }
}

#[test]
fn atk_067_bounds_hold_before_anything_is_hashed() {
    let chain = Chain::raft(1);
    let mut block = chain.block(1, None);
    block.signatures = vec![[vec![1], vec![1], vec![]]; MAX_SIGNERS + 1];
    let refusal = chain.verify(&block).unwrap_err();
    assert!(matches!(refusal, Refusal::Message(WireFault::TooLarge { limit: MAX_SIGNERS, .. })), "{refusal}");
    let mut bytes = chain.update(1).encode();
    bytes[1..3].copy_from_slice(&(MAX_RUN as u16 + 1).to_be_bytes());
    let refusal = crate::kit::verify_both(&chain.params, &chain.trusted, &bytes, START).unwrap_err();
    assert!(matches!(refusal, Refusal::Malformed(UpdateFault::TooLarge { limit: MAX_RUN, .. })));
    let huge = vec![0; 10 << 20];
    let refusal = crate::kit::verify_both(&chain.params, &chain.trusted, &huge, START).unwrap_err();
    assert!(matches!(refusal, Refusal::Malformed(UpdateFault::TooLarge { .. })));
    // Policies nested beyond the bound, and groups.
    let mut rule = vec![8, 0];
    for _ in 0..100 {
        rule = Message::new().part(2, &Message::new().number(1, 1).part(2, &rule).0).0;
    }
    let policy = Message::new().part(2, &rule).part(3, &crate::kit::role_principal("Org1MSP", 0)).0;
    assert!(causeway_fabric::policy::SignaturePolicy::read(&policy).is_err());
    let mut group = Vec::new();
    for _ in 0..100 {
        group = Message::new().part(2, &Message::new().part(1, b"x").part(2, &group).0).0;
    }
    assert!(matches!(causeway_fabric::config::Group::read(&group), Err(WireFault::TooLarge { .. })));
    let many = Message::new().parts(1, vec![[1_u8; 1]; 10_001]).0;
    assert!(matches!(data(&many), Err(WireFault::TooLarge { limit: 10_000, .. })));
    assert!(check_envelopes::<Native>(chain.trusted.channel(), "trade", &[]).unwrap().is_empty());
}

#[test]
fn atk_068_a_client_starts_only_from_its_pin() {
    let chain = Chain::raft(1);
    let good = Pin { block_hash: chain.trusted.block_hash(), time: START };
    let begin = |pin: &Pin, block: &[u8], now| TrustedState::begin(&chain.params, pin, block, now);
    assert!(begin(&good, &chain.genesis, START).is_ok());
    let other = Pin { block_hash: B256::repeat_byte(1), ..good };
    assert_eq!(
        begin(&other, &chain.genesis, START),
        Err(Refusal::ChainMismatch { expected: other.block_hash, found: good.block_hash })
    );
    let expired_at = START + chain.params.trusting_period;
    assert!(begin(&good, &chain.genesis, expired_at - 1).is_ok());
    assert_eq!(begin(&good, &chain.genesis, expired_at), Err(Refusal::Expired { expired_at, now: expired_at }));
    assert!(matches!(begin(&good, &chain.genesis, START - 1), Err(Refusal::NonMonotonicTime { .. })));
    // The right header over another configuration; and every single byte of the block matters or is not read.
    let mut changed = chain.genesis.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    assert!(begin(&good, &changed, START).is_err());
    // A block that holds no configuration.
    let block =
        chain.sealed(chain.block(1, Some(vec![envelope(&chain.client, &channel_header(3, "id", "vault"), b"x")])));
    let bytes = block_bytes(&block.header, block.data.as_ref().unwrap(), &[block.metadata()]);
    let pin = Pin { block_hash: block.header.hash(), time: START };
    assert_eq!(begin(&pin, &bytes, START), Err(Refusal::NoConfig { number: 1 }));
}

#[test]
fn signatures_are_over_value_signer_and_header() {
    let chain = Chain::raft(1);
    let good = chain.update(1);
    let mut other_value = good.clone();
    *other_value.value.last_mut().unwrap() ^= 1;
    let mut other_nonce = good.clone();
    *other_nonce.signatures[0][0].last_mut().unwrap() ^= 1;
    let mut other_data = good.clone();
    other_data.header.data_hash = B256::repeat_byte(0xd6);
    let mut other_signer = good.clone();
    other_signer.signatures[0][0] = chain.orderer_org.member("orderer").header();
    for changed in [other_value, other_nonce, other_data, other_signer] {
        let refusal = chain.verify(&changed).unwrap_err();
        assert!(matches!(refusal, Refusal::BadSignature { place: 0, .. }), "{refusal}");
    }
}

#[test]
fn the_twin_of_a_signature_is_refused() {
    let chain = Chain::raft(1);
    let mut block = chain.update(1);
    block.signatures[0][1] = twin(&block.signatures[0][1]);
    let fault = causeway_crypto::p256::P256Fault::HighS;
    assert_eq!(chain.verify(&block), Err(Refusal::BadSignature { place: 0, fault }));
}

#[test]
fn the_configuration_in_force_is_the_one_that_the_block_names() {
    let chain = Chain::raft(1);
    let with = |ahead, last_config| {
        let mut block = chain.block(ahead, None);
        block.value = value(last_config);
        chain.verify(&chain.sealed(block)).unwrap_err()
    };
    assert_eq!(with(5, 3), Refusal::ConfigMissing { at: 3 });
    assert!(with(5, 3).may_pass_later());
    assert_eq!(with(5, 5), Refusal::DataMissing { number: 5 });
    assert_eq!(with(5, 6), Refusal::WrongLastConfig { in_force: 0, found: 6 });
    // Says nothing (Fabric before 1.4.1): only one block at a time, with its data.
    let mut block = chain.block(1, None);
    block.value = Vec::new();
    assert_eq!(chain.verify(&chain.sealed(block)), Err(Refusal::DataMissing { number: 1 }));
    let data = Some(vec![envelope(&chain.client, &channel_header(3, "id", "vault"), b"x")]);
    let mut block = chain.block(1, data.clone());
    block.value = Vec::new();
    assert!(chain.verify(&chain.sealed(block)).is_ok());
    // Says that it is a configuration, and is none.
    let mut block = chain.block(1, data);
    block.value = value(1);
    assert_eq!(chain.verify(&chain.sealed(block)), Err(Refusal::NotAsSigned { number: 1 }));
}

#[test]
fn blocks_stand_where_they_have_to() {
    let chain = Chain::raft(1);
    for wrong in [0, 1, 3, u64::MAX] {
        let mut block = chain.block(2, None);
        block.header.number = wrong;
        let refusal = chain.verify(&chain.sealed(block)).unwrap_err();
        assert_eq!(refusal, Refusal::WrongNumber { expected: 2, found: wrong });
    }
    // A block between that is another one, or is left out.
    let mut block = chain.update(4);
    block.between[1] = B256::repeat_byte(1);
    assert!(matches!(chain.verify(&block), Err(Refusal::NotLinked { .. })));
    let mut block = chain.update(4);
    block.between.remove(0);
    assert!(matches!(chain.verify(&block), Err(Refusal::WrongNumber { .. })));
}
