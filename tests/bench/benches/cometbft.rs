//! An update of 150 validators from wire bytes to verdict, beside `tendermint-light-client-verifier`, which is given the
//! same messages (signed header, validator sets) and decodes them with `tendermint-proto`. Both stop at the same point:
//! when the power counted exceeds two thirds (and, to skip heights, the trust threshold).
//!
//! - `next block`: the validators are those that the trusted header names;
//! - `skip`: thirty of the validators are new, so the trusted ones vouch.
//!
//! `first` is a client that sees these keys for the first time; `again` one that has seen a block of them before, as a
//! relayer has. The ratios are printed at the end of each case; both sides are measured in turns, best of all rounds.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use causeway_cometbft::{
    BlockId, Commit, CommitSig, Encoding, Header, Params, PartSetHeader, PublicKey, Signatures, Time, TrustedState,
    Update, Validator, ValidatorSet, Vote, verify_in, verify_with,
};
use causeway_crypto::{Native, Portable};
use criterion::{Criterion, criterion_group, criterion_main};
use ed25519_consensus::SigningKey;
use tendermint::{block::signed_header::SignedHeader, chain::Id, validator::Set};
use tendermint_light_client_verifier::{
    ProdVerifier, Verdict, Verifier,
    options::Options,
    types::{TrustedBlockState, UntrustedBlockState},
};
use tendermint_proto::{Protobuf, v0_38::types as pb};

const CHAIN: &str = "causeway-bench-1";
const START: i64 = 1_700_000_000;
const VALIDATORS: u32 = 150;
const ROUNDS: u32 = 40;

fn keys(numbers: impl Iterator<Item = u32>) -> Vec<SigningKey> {
    let seed = |number: u32| {
        let mut seed = [7; 32];
        seed[..4].copy_from_slice(&number.to_le_bytes());
        SigningKey::from(seed)
    };
    numbers.map(seed).collect()
}

fn set(keys: &[SigningKey]) -> ValidatorSet {
    let validator = |(at, key): (usize, &SigningKey)| {
        Validator::new(PublicKey::Ed25519(key.verification_key().to_bytes()), 1_000_000 - 100 * at as u64)
    };
    ValidatorSet::new(keys.iter().enumerate().map(validator).collect()).unwrap()
}

/// A client and an update that it accepts, in our bytes and as messages for the peer.
struct Case {
    params: Params,
    trusted: TrustedState,
    update: Vec<u8>,
    now: Time,
    signed_header: Vec<u8>,
    validators: Vec<u8>,
    trusted_validators: Vec<u8>,
}

fn field(number: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    let mut length = body.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(body);
}

fn case(skip: bool) -> Case {
    let old = keys(0..VALIDATORS);
    let new = if skip { keys(30..VALIDATORS + 30) } else { old.clone() };
    let (trusted_set, own) = (set(&old), set(&new));
    let time = |seconds: i64| Time::new(START + seconds, 123_456_789).unwrap();
    let header = Header {
        block_protocol: 11,
        chain_id: CHAIN,
        height: if skip { 200 } else { 101 },
        time: time(6),
        last_block_id: BlockId {
            hash: Some(B256::repeat_byte(1)),
            parts: PartSetHeader { total: 1, hash: Some(B256::repeat_byte(2)) },
        },
        last_commit_hash: Some(B256::repeat_byte(3)),
        data_hash: Some(B256::repeat_byte(4)),
        validators_hash: Some(own.hash(Encoding::Protobuf)),
        next_validators_hash: Some(own.hash(Encoding::Protobuf)),
        consensus_hash: Some(B256::repeat_byte(5)),
        app_hash: &[6; 32],
        last_results_hash: Some(B256::repeat_byte(7)),
        evidence_hash: Some(B256::repeat_byte(8)),
        proposer_address: own.as_slice()[0].address,
        ..Header::empty()
    };
    let block_id = BlockId {
        hash: Some(header.hash(Encoding::Protobuf)),
        parts: PartSetHeader { total: 1, hash: Some(B256::repeat_byte(9)) },
    };
    let mut commit = Commit { height: header.height, round: 0, block_id, signatures: Vec::new() };
    let sign_bytes = commit.sign_bytes(CHAIN, Encoding::Protobuf);
    let stamp = |at: usize| Time::new(START + 7, 1_000_000 * (at as u32 + 1)).unwrap();
    let sign = |(at, key): (usize, &SigningKey)| {
        let mut message = Vec::new();
        sign_bytes.put(stamp(at), &mut message);
        key.sign(&message).to_bytes()
    };
    let signatures: Vec<[u8; 64]> = new.iter().enumerate().map(sign).collect();
    let entry = |(at, signature): (usize, _)| {
        CommitSig::Commit(Vote { address: own.as_slice()[at].address, time: stamp(at), signature })
    };
    commit.signatures = signatures.iter().map(|signature| signature.as_slice()).enumerate().map(entry).collect();
    let mut signed_header = Vec::new();
    field(1, &header.encode(), &mut signed_header);
    field(2, &commit.encode(), &mut signed_header);
    let (validators, trusted_validators) = (own.encode(), trusted_set.encode());
    let trusted = TrustedState::new(100, time(0), B256::ZERO, Vec::new(), trusted_set.hash(Encoding::Protobuf));
    let update = Update {
        header: header.clone(),
        commit: commit.clone(),
        validators: own.clone(),
        trusted_height: None,
        trusted_validators: skip.then_some(trusted_set),
    };
    let params = Params::new(CHAIN.to_owned(), Duration::from_secs(14 * 24 * 3_600));
    Case { params, trusted, update: update.encode(), now: time(60), signed_header, validators, trusted_validators }
}

fn ours<S: Signatures>(case: &Case) -> bool {
    verify_with::<S>(&case.params, &case.trusted, black_box(&case.update), case.now).is_ok()
}

fn again<S: Signatures>(keys: &mut S::Keys, case: &Case) -> bool {
    verify_in::<S>(keys, &case.params, &case.trusted, black_box(&case.update), case.now).is_ok()
}

/// What the peer holds of the trusted block.
struct Trusted {
    chain_id: Id,
    time: tendermint::Time,
    next: Set,
    hash: tendermint::Hash,
}

fn set_of(bytes: &[u8]) -> Set {
    <Set as Protobuf<pb::ValidatorSet>>::decode(bytes).unwrap()
}

impl Trusted {
    fn of(case: &Case) -> Self {
        let next = set_of(&case.trusted_validators);
        let time = tendermint::Time::from_unix_timestamp(case.trusted.time().seconds(), case.trusted.time().nanos());
        Self { chain_id: CHAIN.parse().unwrap(), time: time.unwrap(), hash: next.hash(), next }
    }
}

/// The peer: decodes the messages and verifies. Where the trusted validators are needed it decodes them as well; for the
/// next block it has them.
fn peer(case: &Case, trusted: &Trusted, skip: bool) -> bool {
    let signed_header =
        <SignedHeader as Protobuf<pb::SignedHeader>>::decode(black_box(&case.signed_header[..])).unwrap();
    let validators = set_of(&case.validators);
    let brought = skip.then(|| set_of(&case.trusted_validators));
    let untrusted =
        UntrustedBlockState { signed_header: &signed_header, validators: &validators, next_validators: None };
    let state = TrustedBlockState {
        chain_id: &trusted.chain_id,
        header_time: trusted.time,
        height: 100u32.into(),
        next_validators: brought.as_ref().unwrap_or(&trusted.next),
        next_validators_hash: trusted.hash,
    };
    let options = Options {
        trust_threshold: Default::default(),
        trusting_period: case.params.trusting_period,
        clock_drift: case.params.drift,
    };
    let now = tendermint::Time::from_unix_timestamp(case.now.seconds(), case.now.nanos()).unwrap();
    ProdVerifier::default().verify_update_header(untrusted, state, &options, now) == Verdict::Success
}

fn updates(c: &mut Criterion) {
    for skip in [false, true] {
        let name = if skip { "skip" } else { "next block" };
        let case = case(skip);
        let trusted = Trusted::of(&case);
        let mut keys = Default::default();
        assert!(ours::<Native>(&case) && ours::<Portable>(&case) && peer(&case, &trusted, skip));
        assert!(again::<Native>(&mut keys, &case));
        let mut group = c.benchmark_group(format!("cometbft/{name}/{VALIDATORS}"));
        group.sample_size(20);
        group.bench_function("native, first", |b| b.iter(|| ours::<Native>(&case)));
        group.bench_function("native, again", |b| b.iter(|| again::<Native>(&mut keys, &case)));
        group.bench_function("portable", |b| b.iter(|| ours::<Portable>(&case)));
        group.bench_function("tendermint-rs", |b| b.iter(|| peer(&case, &trusted, skip)));
        group.finish();
        let mut best = [Duration::MAX; 3];
        for _ in 0..ROUNDS {
            let mut row = |place: usize, run: &mut dyn FnMut() -> bool| {
                let started = Instant::now();
                assert!(run());
                best[place] = best[place].min(started.elapsed());
            };
            row(0, &mut || ours::<Native>(&case));
            row(1, &mut || again::<Native>(&mut keys, &case));
            row(2, &mut || peer(&case, &trusted, skip));
        }
        let ratio = |place: usize| best[2].as_secs_f64() / best[place].as_secs_f64();
        println!(
            "cometbft/{name}/{VALIDATORS}: first {:?}, again {:?}, tendermint-rs {:?}: ratio {:.2} (first), {:.2} (again)",
            best[0],
            best[1],
            best[2],
            ratio(0),
            ratio(1)
        );
    }
}

criterion_group!(benches, updates);
criterion_main!(benches);
