//! Fabric, from wire bytes to verdict: a raft block (one orderer), a SmartBFT block (3 of 4), an attested read (2 of 3).
//! Beside each the same rules over the `p256` crate; and one P-256 signature by ring beside one by `p256`.
#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../../../light-clients/fabric/tests/suite/kit/mod.rs"]
mod kit;

use std::hint::black_box;

use alloy_primitives::B256;
use causeway_crypto::{
    HighS,
    p256::{Native, P256Fault, VerifyP256},
};
use causeway_fabric::{outbox_with, verify_with};
use criterion::{Criterion, criterion_group, criterion_main};
use kit::{Attested, Chain, START};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey, signature::Signer, signature::Verifier};

/// `p256` as its users call it.
struct Peer;

impl VerifyP256 for Peer {
    fn verify_checked(key: &[u8; 65], message: &[u8], r_s: &[u8; 64]) -> Result<(), P256Fault> {
        let key = VerifyingKey::from_sec1_bytes(key).map_err(|_| P256Fault::Mismatch)?;
        let signature = Signature::from_slice(r_s).map_err(|_| P256Fault::Mismatch)?;
        key.verify(message, &signature).map_err(|_| P256Fault::Mismatch)
    }
}

/// A check of a DER signature by a key over a message.
type Check = fn(&[u8; 65], &[u8], &[u8], HighS) -> Result<(), P256Fault>;

fn signature(c: &mut Criterion) {
    let key = SigningKey::from_slice(&[5; 32]).unwrap();
    let public: [u8; 65] = key.verifying_key().to_encoded_point(false).as_bytes().try_into().unwrap();
    let made: Signature = key.sign(b"message");
    let der = made.normalize_s().unwrap_or(made).to_der();
    let mut group = c.benchmark_group("p256");
    let check = |check: Check| {
        check(black_box(&public), black_box(b"message"), black_box(der.as_bytes()), HighS::Refuse).is_ok()
    };
    assert!(check(Native::verify_der) && check(Peer::verify_der));
    group.bench_function("native", |b| b.iter(|| check(Native::verify_der)));
    group.bench_function("p256", |b| b.iter(|| check(Peer::verify_der)));
    group.finish();
}

fn blocks(c: &mut Criterion) {
    let mut group = c.benchmark_group("fabric");
    for (name, chain) in [("raft", Chain::raft(2)), ("smartbft 3 of 4", Chain::bft(4))] {
        let update = chain.update(1).encode();
        let native = || verify_with::<Native>(&chain.params, &chain.trusted, black_box(&update), START + 1).is_ok();
        let peer = || verify_with::<Peer>(&chain.params, &chain.trusted, black_box(&update), START + 1).is_ok();
        assert!(native() && peer());
        group.bench_function(format!("{name}/native"), |b| b.iter(native));
        group.bench_function(format!("{name}/p256"), |b| b.iter(peer));
    }
    let chain = Chain::raft(2);
    let run = chain.update(1_001).encode();
    let native = || verify_with::<Native>(&chain.params, &chain.trusted, black_box(&run), START + 1).is_ok();
    group.bench_function("run of 1,001 headers/native", |b| b.iter(native));
    let mut chain = Chain::raft(3);
    chain.trusted = chain.verify(&chain.update(9)).unwrap().trusted;
    let lane = B256::repeat_byte(1);
    let peers: Vec<_> = chain.peers.iter().take(2).collect();
    let read = Attested::outbox(&lane, 5, B256::repeat_byte(2), 3).signed(&chain.client, &peers);
    let native = || outbox_with::<Native>(&chain.params, &chain.trusted, &lane, black_box(&read), START + 60).is_ok();
    let peer = || outbox_with::<Peer>(&chain.params, &chain.trusted, &lane, black_box(&read), START + 60).is_ok();
    assert!(native() && peer());
    group.bench_function("attested read 2 of 3/native", |b| b.iter(native));
    group.bench_function("attested read 2 of 3/p256", |b| b.iter(peer));
    group.finish();
}

criterion_group!(benches, signature, blocks);
criterion_main!(benches);
