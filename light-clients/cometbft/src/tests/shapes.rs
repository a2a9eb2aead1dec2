//! Forms: parameters, revisions, protocol buffers.

use core::time::Duration;
use std::{string::String, vec::Vec};

use crate::{
    Commit, Encoding, Header, Params, ParamsFault, Refusal, Threshold, Update, ValidatorSet, WireFault,
    header::nested,
    tests::kit::{Chain, at, params, verify_both},
    wire::put,
};

#[test]
fn parameters_that_prove_nothing() {
    assert_eq!(params().check(), Ok(()));
    let with = |change: &dyn Fn(&mut Params)| {
        let mut params = params();
        change(&mut params);
        params.check()
    };
    for (numerator, denominator) in [(0, 0), (1, 4), (33, 100), (1, 1), (4, 3), (0, 1)] {
        let expected = Err(ParamsFault::Threshold { numerator, denominator });
        assert_eq!(with(&|params| params.trust_threshold = Threshold { numerator, denominator }), expected);
    }
    assert_eq!(with(&|params| params.trust_threshold = Threshold { numerator: 34, denominator: 100 }), Ok(()));
    assert_eq!(with(&|params| params.chain_id.clear()), Err(ParamsFault::ChainId(0)));
    assert_eq!(with(&|params| params.chain_id = "x".repeat(51)), Err(ParamsFault::ChainId(51)));
    assert_eq!(with(&|params| params.trusting_period = Duration::ZERO), Err(ParamsFault::NoTrustingPeriod));
    let fault = with(&|params| params.drift = params.trusting_period);
    assert!(matches!(fault, Err(ParamsFault::DriftTooLarge { .. })));
}

#[test]
fn thresholds_need_more_than_the_fraction() {
    for total in 0..50 {
        for threshold in [Threshold::ONE_THIRD, Threshold::TWO_THIRDS] {
            let needed = threshold.needed(total);
            assert!(threshold.exceeded_by(needed, total));
            assert!(needed == 0 || !threshold.exceeded_by(needed - 1, total));
        }
    }
    assert!(Threshold::ONE_THIRD.at_most(Threshold::TWO_THIRDS));
    assert!(!Threshold::TWO_THIRDS.at_most(Threshold::ONE_THIRD));
}

/// Whatever an encoder may leave open is closed: order, repetition, unknown fields, padding.
#[test]
fn messages_have_one_form() {
    let chain = Chain::new(4);
    let block = chain.block(1);
    let good = block.header.encode();
    assert_eq!(Header::decode(&good).as_ref(), Ok(&block.header));
    let verdict = |bytes: &[u8]| Header::decode(bytes).unwrap_err();
    assert_eq!(verdict(&[good.as_slice(), &[0x18, 1]].concat()), WireFault::Order(3));
    assert_eq!(verdict(&[good.as_slice(), &[0x72, 0]].concat()), WireFault::Order(14));
    assert_eq!(verdict(&[good.as_slice(), &[0x78, 0]].concat()), WireFault::UnknownField(15));
    assert_eq!(verdict(&[good.as_slice(), &[0x7b]].concat()), WireFault::UnknownField(15));
    assert_eq!(verdict(&good[..good.len() - 1]), WireFault::Truncated);
    assert_eq!(verdict(&[0x18, 0x80, 0]), WireFault::Varint);
    assert_eq!(verdict(&[0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]), WireFault::Varint);
    assert_eq!(verdict(&[0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), WireFault::Value("height"));
    assert_eq!(verdict(&[0x1a, 0]), WireFault::UnknownField(3));
    assert_eq!(verdict(&[0x00, 0]), WireFault::Order(0));
    assert_eq!(verdict(&[]), WireFault::Value("proposer address"));
    let long = nested(|out| put::bytes(out, 2, &[b'x'; 51]));
    assert_eq!(verdict(&long), WireFault::TooLarge { what: "chain id", limit: 50, found: 51 });
    let long = nested(|out| put::bytes(out, 11, &[1; 65]));
    assert_eq!(verdict(&long), WireFault::TooLarge { what: "app hash", limit: 64, found: 65 });
}

#[test]
fn commits_have_one_form() {
    let chain = Chain::new(2);
    let bytes = chain.block(1).encode();
    let update = Update::decode(&bytes).unwrap();
    assert_eq!(Commit::decode(&update.commit.encode()).as_ref(), Ok(&update.commit));
    let with = |entry: Vec<u8>| Commit::decode(&nested(|out| put::message(out, 4, &entry))).map(|_| ()).unwrap_err();
    assert_eq!(with(Vec::new()), WireFault::Value("signer's address"));
    // An absent validator has said nothing.
    let absent = nested(|out| {
        put::u64(out, 1, 1);
        put::bytes(out, 4, &[1]);
    });
    assert_eq!(with(absent), WireFault::Value("absent signature"));
    let unsigned = nested(|out| {
        put::u64(out, 1, 2);
        put::bytes(out, 2, &[1; 20]);
    });
    assert_eq!(with(unsigned), WireFault::Missing("signature"));
    let unknown = nested(|out| {
        put::u64(out, 1, 4);
        put::bytes(out, 2, &[1; 20]);
        put::bytes(out, 4, &[1]);
    });
    assert_eq!(with(unknown), WireFault::Value("block id flag"));
    let long = nested(|out| put::bytes(out, 4, &[1; 65]));
    assert!(matches!(with(long), WireFault::TooLarge { limit: 64, found: 65, .. }));
    let round = nested(|out| put::u64(out, 2, 1 << 31));
    assert_eq!(Commit::decode(&round), Err(WireFault::Value("round")));
}

/// The order of a set is part of its hash; its proposer and priorities are not.
#[test]
fn sets_hash_in_their_order() {
    let chain = Chain::new(3);
    let mut listed = chain.set.as_slice().to_vec();
    listed.reverse();
    let other = ValidatorSet::new(listed).unwrap();
    for encoding in [Encoding::Protobuf, Encoding::Amino] {
        assert_ne!(other.hash(encoding), chain.set.hash(encoding));
    }
    let mut with_proposer = chain.set.encode();
    let first = ValidatorSet::new(chain.set.as_slice()[..1].to_vec()).unwrap().encode();
    with_proposer.push(0x12);
    with_proposer.extend_from_slice(&first[1..]);
    put::u64(&mut with_proposer, 3, 30);
    assert_eq!(ValidatorSet::decode(&with_proposer), Ok(chain.set.clone()));
    assert_eq!(ValidatorSet::decode(&[]), Err(Refusal::EmptySet));
}

/// The number behind the last hyphen, and what looks like one.
#[test]
fn revisions_of_chain_ids() {
    let of = |chain_id: &str, revision| {
        let mut chain = Chain::new(1);
        chain.params.chain_id = String::from(chain_id);
        let mut block = chain.block(1);
        block.header.chain_id = std::string::String::from(chain_id).leak();
        block.from = Some(crate::IbcHeight { revision, height: chain.trusted.height() });
        chain.verify(&block).is_ok()
    };
    for (chain_id, revision) in
        [("a-1", 1), ("a-b-42", 42), ("a", 0), ("a-01", 0), ("a-", 0), ("-1", 0), ("a--1", 0), ("a-1x", 0), ("a-+1", 0)]
    {
        assert!(of(chain_id, revision), "{chain_id}");
        assert!(!of(chain_id, revision + 1), "{chain_id}");
    }
    let chain = Chain::new(1);
    assert!(verify_both(&chain.params, &chain.trusted, &[], at(60)).is_err());
}
