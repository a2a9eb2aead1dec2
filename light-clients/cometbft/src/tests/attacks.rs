//! Attacks, by their ids.

use std::{string::String, vec, vec::Vec};

use alloy_primitives::B256;
use causeway_crypto::ed25519::{Ed25519, Signed};

use crate::{
    Encoding, MAX_VALIDATORS, Over, PublicKey, Refusal, SignatureFault, Time, TrustedState, Validator, ValidatorSet,
    WireFault,
    tests::kit::{Chain, Entry, HEIGHT, Key, START, TRUSTING, at, keys, params, set, verify_both},
};

/// GHSA-6jrf-4jv4-r9mw: one validator votes as others.
#[test]
fn atk_043_one_key_votes_once() {
    let chain = Chain::new(4);
    let a = &chain.keys[0];
    let as_a = Entry::Commit { key: a.clone(), address: a.address(), time: at(1) };
    // A's entry in B's place.
    let mut block = chain.block(1);
    block.entries[1] = as_a;
    let expected = Refusal::WrongSigner { index: 1, expected: chain.keys[1].address(), found: a.address() };
    assert_eq!(chain.refusal(&block), expected);
    // A signs as B, C and D.
    let mut block = chain.block(1);
    for place in 1..4 {
        let address = chain.keys[place].address();
        block.entries[place] = Entry::Commit { key: a.clone(), address, time: at(1) };
    }
    assert!(matches!(chain.refusal(&block), Refusal::BadSignature { index: 1, .. }));
    // A alone.
    for place in 1..4 {
        block.entries[place] = Entry::Absent;
    }
    assert!(matches!(chain.refusal(&block), Refusal::NotEnoughTrust { over: Over::Header, found: 10, .. }));
    // A listed four times.
    let listed = vec![Validator::new(a.public(), 10); 4];
    assert_eq!(ValidatorSet::new(listed), Err(Refusal::DuplicateValidator { address: a.address() }));
}

/// The set's hash covers the key, not the address beside it.
#[test]
fn atk_043_an_address_is_that_of_its_key() {
    let chain = Chain::new(4);
    let update = chain.block(1).encode();
    let address = chain.keys[1].address();
    let position = update.windows(20).rposition(|window| window == address.as_slice()).unwrap();
    let mut changed = update.clone();
    changed[position..position + 20].copy_from_slice(chain.keys[0].address().as_slice());
    let refusal = verify_both(&chain.params, &chain.trusted, &changed, at(60)).unwrap_err();
    assert_eq!(refusal, Refusal::Malformed(WireFault::Value("validator address")));
}

/// GHSA-xqqc-c5gw-c5r5: the chain id of the new header was never compared.
#[test]
fn atk_044_a_header_of_another_chain() {
    let chain = Chain::new(4);
    let mut block = chain.block(1);
    block.header.chain_id = "causeway-2";
    let expected = Refusal::ChainMismatch { expected: String::from("causeway-1"), found: String::from("causeway-2") };
    assert_eq!(chain.refusal(&block), expected);
    // Signed for another chain, shown as this one's.
    let other = block.encode();
    block.header.chain_id = "causeway-1";
    let ours = block.encode();
    let mut entries = Vec::new();
    let update = crate::Update::decode(&other).unwrap();
    for entry in &update.commit.signatures {
        let crate::CommitSig::Commit(vote) = entry else { panic!() };
        entries.push(Entry::Raw { address: vote.address, time: vote.time, signature: vote.signature.to_vec() });
    }
    assert_ne!(ours, other);
    block.entries = entries;
    assert!(matches!(chain.refusal(&block), Refusal::BadSignature { index: 0, .. }));
}

/// tendermint-rs #652: a commit of absent votes only was valid.
#[test]
fn atk_045_nobody_is_no_quorum() {
    let chain = Chain::new(4);
    let mut block = chain.block(1);
    let none = Refusal::NotEnoughTrust { over: Over::Header, needed: 27, found: 0, of: 40 };
    block.entries = vec![Entry::Absent; 4];
    assert_eq!(chain.refusal(&block), none);
    block.entries = chain.keys.iter().map(|key| Entry::Nil { key: key.clone() }).collect();
    assert_eq!(chain.refusal(&block), none);
    block.entries = Vec::new();
    assert_eq!(chain.refusal(&block), Refusal::CommitLength { expected: 4, found: 0 });
    assert_eq!(ValidatorSet::new(Vec::new()), Err(Refusal::EmptySet));
    // Validators without power.
    let powerless = chain.keys.iter().map(|key| Validator::new(key.public(), 0)).collect();
    let chain = Chain::with(chain.keys.clone(), ValidatorSet::new(powerless).unwrap());
    let refusal = chain.refusal(&chain.block(1));
    assert_eq!(refusal, Refusal::NotEnoughTrust { over: Over::Header, needed: 1, found: 0, of: 0 });
    // Further on, under others: nobody that is trusted.
    let chain = Chain::new(4);
    let refusal = chain.refusal(&chain.under(9, &keys(20..24)));
    assert!(matches!(refusal, Refusal::NotEnoughTrust { over: Over::Trusted, found: 0, .. }));
}

/// GHSA-c32p-wcqj-j677: time that does not rise, or runs ahead.
#[test]
fn atk_046_time_rises_and_stays_near() {
    let chain = Chain::new(4);
    for (seconds, nanos) in [(START, 7), (START, 6), (START - 1, 999_999_999), (0, 0), (-1, 0)] {
        let mut block = chain.block(1);
        block.header.time = Time::new(seconds, nanos).unwrap();
        let expected = Refusal::NonMonotonicTime { trusted: at(0), found: block.header.time };
        assert_eq!(chain.refusal(&block), expected);
    }
    for time in [at(60 + 10), at(60 + 11), Time::MAX] {
        let mut block = chain.block(1);
        block.header.time = time;
        assert_eq!(chain.refusal(&block), Refusal::HeaderFromFuture { limit: at(60 + 10), found: time });
    }
    // Times that no protocol buffer of Google's has.
    assert_eq!(Time::new(Time::ZERO.seconds() - 1, 0), None);
    assert_eq!(Time::new(Time::MAX.seconds() + 1, 0), None);
    assert_eq!(Time::new(0, 1_000_000_000), None);
}

/// ZIP-215: the same verdict as the chain's own software. The vectors (CCTV, Wycheproof) run in the conformance suite; here
/// a commit is signed by a key of small order, which any R of small order "signs".
#[test]
fn atk_047_small_order_is_judged_by_zip_215() {
    let identity = {
        let mut bytes = [0; 32];
        bytes[0] = 1;
        bytes
    };
    // y = p + 1, another encoding of the same point: RFC 8032 refuses it, ZIP-215 takes it.
    let mut unusual = [0xff; 32];
    (unusual[0], unusual[31]) = (0xee, 0x7f);
    for key in [identity, unusual] {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&unusual);
        let signed = Signed { key: &key, signature: &signature, message: b"anything" };
        assert_eq!(causeway_crypto::Native::verify(&signed), Ok(()));
        assert_eq!(causeway_crypto::Portable::verify(&signed), Ok(()));
        let weak = Validator::new(PublicKey::Ed25519(key), 10);
        let chain = Chain::new(4);
        let mut listed = chain.set.as_slice().to_vec();
        listed[3] = weak;
        let chain = Chain::with(chain.keys, ValidatorSet::new(listed).unwrap());
        let mut block = chain.block(1);
        block.entries[0] = Entry::Absent;
        block.entries[3] = Entry::Raw { address: weak.address, time: at(1), signature: signature.to_vec() };
        assert!(chain.verify(&block).is_ok());
        signature[32] = 1;
        block.entries[3] = Entry::Raw { address: weak.address, time: at(1), signature: signature.to_vec() };
        assert!(matches!(chain.refusal(&block), Refusal::BadSignature { index: 3, .. }));
    }
}

/// Counts and lengths are refused before anything is hashed or allocated for them.
#[test]
fn atk_067_sizes_are_bounded_first() {
    let chain = Chain::new(1);
    let huge = vec![0u8; crate::MAX_UPDATE_BYTES + 1];
    let too_large = |refusal| matches!(refusal, Refusal::Malformed(WireFault::TooLarge { .. }));
    assert!(too_large(verify_both(&chain.params, &chain.trusted, &huge, at(60)).unwrap_err()));
    // One validator more than CometBFT's bound: counted, not hashed. (65,536 do not even fit an update.)
    let one = Validator::new(chain.keys[0].public(), 1);
    let set = ValidatorSet::new(vec![one]).unwrap().encode();
    let update = chain.block(1).encode();
    let signed_header = update.len() - set.len() - 2;
    let mut many = update[..signed_header].to_vec();
    many.push(0x12);
    let mut length = set.len() * (MAX_VALIDATORS + 1);
    while length >= 0x80 {
        many.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    many.push(length as u8);
    for _ in 0..=MAX_VALIDATORS {
        many.extend_from_slice(&set);
    }
    let refusal = verify_both(&chain.params, &chain.trusted, &many, at(60)).unwrap_err();
    assert_eq!(refusal, Refusal::TooManyValidators { limit: MAX_VALIDATORS, found: MAX_VALIDATORS + 1 });
    assert!(set.len() * 65_536 > crate::MAX_UPDATE_BYTES);
    // Power that would overflow.
    let heavy: Vec<Validator> =
        keys(0..9).iter().map(|key| Validator::new(key.public(), i64::MAX.cast_unsigned() / 8)).collect();
    assert!(matches!(ValidatorSet::new(heavy), Err(Refusal::TotalPower { .. })));
}

/// The first trusted header is the one that the configuration names.
#[test]
fn atk_068_only_the_pinned_header_starts_a_client() {
    let chain = Chain::new(4);
    let header = chain.block(1).header;
    let (pin, bytes) = (header.hash(Encoding::Protobuf), header.encode());
    let begin = |pin: &B256, bytes: &[u8], now| TrustedState::begin(&chain.params, pin, bytes, now);
    let state = begin(&pin, &bytes, at(60)).unwrap();
    assert_eq!((state.height(), state.block_hash()), (HEIGHT + 1, pin));
    let other = B256::repeat_byte(1);
    assert_eq!(begin(&other, &bytes, at(60)), Err(Refusal::PinMismatch { expected: other, found: pin }));
    let mut poisoned = header.clone();
    poisoned.next_validators_hash = Some(set(&keys(20..24)).hash(Encoding::Protobuf));
    assert!(matches!(begin(&pin, &poisoned.encode(), at(60)), Err(Refusal::PinMismatch { .. })));
    let late = at(1 + TRUSTING.cast_signed());
    assert_eq!(begin(&pin, &bytes, late), Err(Refusal::Expired { expired_at: late, now: late }));
    assert!(matches!(begin(&pin, &bytes, at(-9)), Err(Refusal::HeaderFromFuture { .. })));
    let foreign = crate::Params { chain_id: String::from("other-1"), ..params() };
    assert!(matches!(TrustedState::begin(&foreign, &pin, &bytes, at(60)), Err(Refusal::ChainMismatch { .. })));
}

/// Signatures of a length that their key does not make.
#[test]
fn signatures_have_the_length_of_their_key() {
    let mixed: Vec<Key> = keys(0..3).into_iter().chain([Key::secp256k1(9)]).collect();
    let chain = Chain::of(mixed);
    for place in [0, 3] {
        let mut block = chain.block(1);
        block.entries[1] = Entry::Absent;
        let address = chain.keys[place].address();
        block.entries[place] = Entry::Raw { address, time: at(1), signature: vec![1; 63] };
        let Refusal::BadSignature { index, fault, .. } = chain.refusal(&block) else { panic!() };
        assert_eq!(index, place);
        match place {
            0 => assert_eq!(fault, SignatureFault::Length(63)),
            _ => assert!(matches!(fault, SignatureFault::Secp256k1(_))),
        }
    }
}
