//! Beside `tendermint-light-client-verifier`: on updates of chains with real keys, changed at random, this client never
//! accepts what tendermint-rs refuses, and names the same header. Where tendermint-rs accepts and this client does not,
//! the reason is one of those that are written down in the crate's first page.

use std::{format, vec::Vec};

use proptest::prelude::*;
use tendermint::{block::signed_header::SignedHeader, validator::Set};
use tendermint_light_client_verifier::{
    ProdVerifier, Verdict, Verifier,
    options::Options,
    types::{TrustedBlockState, UntrustedBlockState},
};
use tendermint_proto::{Protobuf, v0_38::types as pb};

use crate::{
    CommitSig, Over, Refusal, Time, Update, Whose,
    header::nested,
    tests::kit::{Block, CHAIN, Chain, Entry, HEIGHT, Key, at, set},
    wire::put,
};

/// Keys in the order of their addresses: tendermint-rs sorts every set as chains do.
fn keys(numbers: impl IntoIterator<Item = u32>) -> Vec<Key> {
    let mut keys = super::kit::keys(numbers);
    keys.sort_by_key(Key::address);
    keys
}

/// The peer's verdict; none where it can not read the messages.
fn peer(chain: &Chain, update: &[u8], now: Time) -> Option<Verdict> {
    let update = Update::decode(update).ok()?;
    let signed = nested(|out| {
        put::message(out, 1, &update.header.encode());
        put::message(out, 2, &update.commit.encode());
    });
    let signed = <SignedHeader as Protobuf<pb::SignedHeader>>::decode(&signed[..]).ok()?;
    let set_of = |bytes: Vec<u8>| <Set as Protobuf<pb::ValidatorSet>>::decode(&bytes[..]).ok();
    let validators = set_of(update.validators.encode())?;
    let next = set_of(update.trusted_validators.as_ref().unwrap_or(&chain.set).encode())?;
    let time = |time: Time| tendermint::Time::from_unix_timestamp(time.seconds(), time.nanos()).ok();
    let trusted = TrustedBlockState {
        chain_id: &CHAIN.parse().ok()?,
        header_time: time(chain.trusted.time())?,
        height: u32::try_from(HEIGHT).ok()?.into(),
        next_validators: &next,
        next_validators_hash: tendermint::Hash::Sha256(chain.trusted.next_validators_hash().0),
    };
    let options = Options {
        trust_threshold: Default::default(),
        trusting_period: chain.params.trusting_period,
        clock_drift: chain.params.drift,
    };
    let untrusted = UntrustedBlockState { signed_header: &signed, validators: &validators, next_validators: None };
    let verdict = ProdVerifier::default().verify_update_header(untrusted, trusted, &options, time(now)?);
    if verdict == Verdict::Success {
        assert_eq!(signed.header.hash().as_bytes(), update.header.hash(crate::Encoding::Protobuf).as_slice());
    }
    Some(verdict)
}

/// Reasons for which this client refuses what tendermint-rs accepts: see the crate's first page.
fn stricter(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::WrongSigner { .. }
            | Refusal::BlockProtocol { .. }
            | Refusal::TrustedHeight { .. }
            | Refusal::TrustedValidatorsMissing
            // tendermint-rs takes the trusted set from its own state and does not read the one that an update brings.
            | Refusal::ValidatorsHash { whose: Whose::Trusted, .. }
            // tendermint-rs counts and checks in an order of its own, so it may be done before a bad signature.
            | Refusal::BadSignature { .. }
            // tendermint-rs does not read the height and round that a commit is said to be of before it signs them.
            | Refusal::CommitHeight { .. }
    )
}

fn beside(chain: &Chain, update: &[u8], now: Time) -> Result<(), TestCaseError> {
    let (ours, theirs) =
        (super::kit::verify_both(&chain.params, &chain.trusted, update, now), peer(chain, update, now));
    match (&ours, &theirs) {
        (Ok(_), Some(Verdict::Success)) | (Err(_), None | Some(Verdict::Invalid(_))) => Ok(()),
        (Err(Refusal::NotEnoughTrust { over: Over::Trusted, .. }), Some(Verdict::NotEnoughTrust(_))) => Ok(()),
        // Which of two broken rules is named is each one's own affair.
        (Err(_), Some(Verdict::NotEnoughTrust(_))) => Ok(()),
        (Err(refusal), Some(Verdict::Success)) if stricter(refusal) => Ok(()),
        _ => Err(TestCaseError::fail(format!("ours {ours:?}, tendermint-rs {theirs:?}"))),
    }
}

/// What a validator of a random commit does.
fn entry(keys: &[Key], place: usize, choice: u8, seconds: i64) -> Entry {
    let key = keys[place].clone();
    let (address, time) = (key.address(), at(seconds));
    let other = &keys[(place + 1) % keys.len()];
    match choice {
        0 => Entry::Absent,
        1 => Entry::Nil { key },
        2 => Entry::Commit { key: other.clone(), address, time },
        3 => Entry::Commit { key: other.clone(), address: other.address(), time },
        4 => Entry::Raw { address, time, signature: std::vec![9; 64] },
        _ => Entry::Commit { key, address, time },
    }
}

fn block(chain: &Chain, ahead: u64, first: u32, count: u32, choices: &[u8]) -> Block {
    let signing = keys(first..first + count);
    let own = set(&signing);
    let mut block = Block::new(ahead, &signing, own.clone(), &own);
    block.trusted = Some(chain.set.clone());
    block.entries = (0..signing.len())
        .map(|place| entry(&signing, place, choices[place % choices.len()], ahead.cast_signed()))
        .collect();
    block
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Commits of every kind, under validators that overlap the trusted ones more or less.
    #[test]
    fn commits_are_judged_alike(
        ahead in 1u64..4,
        first in prop_oneof![3 => Just(0u32), 2 => 0u32..8],
        count in 1u32..9,
        // Mostly honest, so that thresholds are where it is decided.
        choices in proptest::collection::vec(prop_oneof![12 => Just(9u8), 3 => Just(0u8), 1 => Just(1u8), 1 => 2u8..5], 8),
        now in prop_oneof![8 => Just(60i64), 1 => -20i64..20, 1 => Just(crate::tests::kit::TRUSTING.cast_signed())],
    ) {
        let chain = Chain::of(keys(0..6));
        let update = block(&chain, ahead, first, count, &choices).encode();
        beside(&chain, &update, at(now))?;
    }

    /// Honest updates with a byte changed.
    #[test]
    fn changed_bytes_are_judged_alike(at_byte in any::<prop::sample::Index>(), mask in 1u8.., skip in any::<bool>()) {
        let chain = Chain::of(keys(0..5));
        let block = if skip { chain.under(9, &keys(2..7)) } else { chain.block(1) };
        let mut update = block.encode();
        let place = at_byte.index(update.len());
        update[place] ^= mask;
        beside(&chain, &update, at(60))?;
    }

    /// Fields of the header and of the commit, changed before it is signed.
    #[test]
    fn changed_fields_are_judged_alike(which in 0u8..8, ahead in 1u64..3, seconds in -3i64..3) {
        let chain = Chain::of(keys(0..4));
        let mut block = chain.block(ahead);
        match which {
            0 => block.header.time = at(seconds),
            1 => block.header.height = HEIGHT.wrapping_add_signed(seconds),
            2 => block.commit_height = Some(HEIGHT.wrapping_add_signed(seconds)),
            3 => block.header.chain_id = "causeway-2",
            4 => block.header.validators_hash = None,
            5 => block.round = 7,
            6 => block.header.app_hash = &[],
            _ => block.header.next_validators_hash = None,
        }
        beside(&chain, &block.encode(), at(60))?;
    }
}

/// The peer accepts what this client accepts, so the comparison above is not one of two refusals.
#[test]
fn both_accept_honest_updates() {
    let chain = Chain::of(keys(0..6));
    for block in [chain.block(1), chain.block(7), chain.under(5, &keys(2..8))] {
        let update = block.encode();
        assert!(super::kit::verify_both(&chain.params, &chain.trusted, &update, at(60)).is_ok());
        assert_eq!(peer(&chain, &update, at(60)), Some(Verdict::Success));
        assert!(
            Update::decode(&update).unwrap().commit.signatures.iter().all(|sig| matches!(sig, CommitSig::Commit(_)))
        );
    }
}
