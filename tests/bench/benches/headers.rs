//! A header update from wire bytes to verdict: 4, 7 and 21 validators, QBFT, each with just a quorum of seals. Beside it
//! the same rules over `k256`'s own recovery (`VerifyingKey::recover_from_prehash`, precomputed tables), and over our
//! portable implementation. `seal` is one recovery alone: what is left of a header when nothing else costs anything, so
//! its ratio bounds the header's.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::hint::black_box;

use alloy_primitives::{Address, B256, U256, keccak256};
use causeway_bft_evm::{
    Mode, Params, Threshold, TrustedState, Update, ValidatorSet, ValidatorSource, compose::HeaderFields, compose::seal,
    quorum, verify_with,
};
use causeway_crypto::{Native, Portable, Recover, SignatureFault};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey};

const START: u64 = 1_800_000_000;

/// `k256` as its users call it.
struct K256;

impl Recover for K256 {
    type Context = ();

    fn recover_checked((): &(), prehash: &B256, r_s: &[u8; 64], v: u8) -> Result<Address, SignatureFault> {
        let signature = Signature::from_slice(r_s).map_err(|_| SignatureFault::NoSuchPoint)?;
        let id = RecoveryId::from_byte(v).ok_or(SignatureFault::RecoveryId { found: v })?;
        let key = VerifyingKey::recover_from_prehash(prehash.as_slice(), &signature, id)
            .map_err(|_| SignatureFault::NoSuchPoint)?;
        Ok(Address::from_slice(&keccak256(&key.to_encoded_point(false).as_bytes()[1..])[12..]))
    }
}

/// A client and an update that it accepts.
fn case(validators: u32) -> (Params, TrustedState, Vec<u8>) {
    let keys: Vec<SigningKey> = (0..validators)
        .map(|number| SigningKey::from_slice(keccak256(number.to_be_bytes()).as_slice()).unwrap())
        .collect();
    let address = |key: &SigningKey| {
        Address::from_slice(&keccak256(&key.verifying_key().to_encoded_point(false).as_bytes()[1..])[12..])
    };
    let listed: Vec<Address> = keys.iter().map(address).collect();
    let header = HeaderFields::new(2, START + 1, B256::repeat_byte(1), B256::repeat_byte(2), listed.clone());
    let digest = header.commit_digest(Mode::Qbft);
    let mut signers = U256::ZERO;
    let mut seals = Vec::new();
    for (bit, key) in keys.iter().take(quorum(keys.len())).enumerate() {
        let (signature, id) = key.sign_prehash_recoverable(digest.as_slice()).unwrap();
        signers.set_bit(bit, true);
        seals.extend_from_slice(&seal(&signature.to_bytes().into(), id.to_byte()));
    }
    let bytes = header.seal_less(Mode::Qbft);
    let update = Update { header: &bytes, previous: None, next_set: None, signers, seals: &seals }.encode().unwrap();
    let set = ValidatorSet::new(listed).unwrap();
    let trusted = TrustedState::new(1, START, B256::ZERO, B256::ZERO, set);
    let params = Params {
        mode: Mode::Qbft,
        validators: ValidatorSource::Header,
        trusting_period: 86_400,
        drift: 15,
        trust_threshold: Threshold::ONE_THIRD,
        freeze_delay: 3_600,
    };
    (params, trusted, update)
}

fn headers(c: &mut Criterion) {
    let mut group = c.benchmark_group("header");
    for validators in [4, 7, 21] {
        let (params, trusted, update) = case(validators);
        let mut row = |name: &str, check: fn(&Params, &TrustedState, &[u8]) -> bool| {
            assert!(check(&params, &trusted, &update));
            group.bench_with_input(BenchmarkId::new(name, validators), &update, |b, update| {
                b.iter(|| check(black_box(&params), black_box(&trusted), black_box(update)));
            });
        };
        row("native", |params, trusted, update| verify_with::<Native>(params, trusted, update, START + 2).is_ok());
        row("portable", |params, trusted, update| verify_with::<Portable>(params, trusted, update, START + 2).is_ok());
        row("k256", |params, trusted, update| verify_with::<K256>(params, trusted, update, START + 2).is_ok());
    }
    group.finish();
}

/// One seal: from signature and digest to the signer's address.
fn seals(c: &mut Criterion) {
    let key = SigningKey::from_slice(keccak256(b"seal").as_slice()).unwrap();
    let digest = keccak256(b"digest");
    let (signature, id) = key.sign_prehash_recoverable(digest.as_slice()).unwrap();
    let (bytes, v) = (<[u8; 64]>::from(signature.to_bytes()), id.to_byte());
    let mut group = c.benchmark_group("seal");
    let (native, portable) = (<Native as Recover>::Context::default(), <Portable as Recover>::Context::default());
    group.bench_function(BenchmarkId::new("native", 1), |b| {
        b.iter(|| Native::recover_checked(&native, black_box(&digest), black_box(&bytes), v));
    });
    group.bench_function(BenchmarkId::new("portable", 1), |b| {
        b.iter(|| Portable::recover_checked(&portable, black_box(&digest), black_box(&bytes), v));
    });
    group.bench_function(BenchmarkId::new("k256", 1), |b| {
        b.iter(|| K256::recover_checked(&(), black_box(&digest), black_box(&bytes), v));
    });
    group.finish();
}

criterion_group!(benches, headers, seals);
criterion_main!(benches);
