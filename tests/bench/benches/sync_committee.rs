//! A sync committee update of 512 seats from wire bytes to verdict: 512, 500 and 342 signers. Beside it, over the same
//! bytes, what a client does that aggregates the participants' keys naively (decompressing each, as keys travel; and from
//! keys that it holds decompressed), and the bare pairing equation with a key that is given. All of them blst.
//!
//! Prints the ratios at the end: of medians, in the same run.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use blst::min_pk::{AggregatePublicKey, PublicKey, Signature};
use causeway_crypto::bls::{ETHEREUM_DST, Native, Portable};
use causeway_ethereum::{
    Fork, Network, Params, TrustedState, Update,
    compose::{Members, Plan, bootstrap, header},
    verify_with,
};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

const NETWORK: Network = Network::MAINNET;
const SIGNATURE_SLOT: u64 = 14_562_090;

struct Case {
    params: Params,
    trusted: TrustedState,
    wire: Vec<u8>,
    now: u64,
    update: Update,
    keys: Vec<[u8; 48]>,
    points: Vec<PublicKey>,
    signing_root: B256,
}

fn case(members: &Members, signers: usize) -> Case {
    let params = Params { network: NETWORK, trusting_period: 1 << 30, drift: 12, freeze_delay: 60 };
    assert_eq!(NETWORK.fork_at_slot(SIGNATURE_SLOT), Some(Fork::Fulu));
    let start = bootstrap(&NETWORK, SIGNATURE_SLOT - 200, members.committee());
    let pinned = start.header.beacon.root();
    let bytes = [&[start.fork as u8], start.encode(&NETWORK).as_slice()].concat();
    let now = NETWORK.time_of(SIGNATURE_SLOT);
    let trusted = TrustedState::begin::<Native>(&params, &pinned, &bytes, now).unwrap();
    let finalized = header(&NETWORK, SIGNATURE_SLOT - 90, B256::repeat_byte(1), B256::repeat_byte(2));
    let attested = SIGNATURE_SLOT - 1;
    let plan = Plan { attested, finalized: Some(finalized), next: None, signature_slot: SIGNATURE_SLOT };
    // Absent seats are spread, as they are.
    let present = |seat: usize| seat * (512 - signers) / 512 == (seat + 1) * (512 - signers) / 512;
    let update = plan.signed::<Native>(&NETWORK, members, present).unwrap();
    assert_eq!(update.aggregate.bits.count(), signers);
    let signing_root = NETWORK.signing_root(&update.attested.beacon.root(), SIGNATURE_SLOT);
    let present = |(seat, _): &(usize, &[u8; 48])| update.aggregate.bits.get(*seat);
    let keys: Vec<[u8; 48]> =
        members.committee().pubkeys.iter().enumerate().filter(present).map(|(_, key)| *key).collect();
    let points = keys.iter().map(|key| PublicKey::uncompress(key).unwrap()).collect();
    Case { params, wire: update.to_wire(&NETWORK), trusted, now, update, keys, points, signing_root }
}

fn ours<B: causeway_crypto::bls::Bls>(case: &Case) -> bool {
    verify_with::<B>(&case.params, black_box(&case.trusted), black_box(&case.wire), case.now).is_ok()
}

fn pairing(case: &Case, key: &PublicKey) -> bool {
    let signature = Signature::uncompress(&case.update.aggregate.signature).unwrap();
    let verdict = signature.verify(true, case.signing_root.as_slice(), ETHEREUM_DST, &[], key, false);
    verdict == blst::BLST_ERROR::BLST_SUCCESS
}

/// Keys as they travel: decompressed, validated, added, then the pairing.
fn naive(case: &Case) -> bool {
    let points: Vec<PublicKey> = case.keys.iter().map(|key| PublicKey::key_validate(key).unwrap()).collect();
    let points: Vec<&PublicKey> = points.iter().collect();
    pairing(case, &AggregatePublicKey::aggregate(&points, false).unwrap().to_public_key())
}

/// Keys held decompressed: added, then the pairing.
fn held(case: &Case) -> bool {
    let points: Vec<&PublicKey> = case.points.iter().collect();
    pairing(case, &AggregatePublicKey::aggregate(&points, false).unwrap().to_public_key())
}

fn median(times: usize, run: impl Fn() -> bool) -> Duration {
    let once = |_| {
        let start = Instant::now();
        assert!(run());
        start.elapsed()
    };
    let mut measured: Vec<Duration> = (0..times).map(once).collect();
    measured.sort();
    measured[times / 2]
}

fn sync_committee(c: &mut Criterion) {
    let members = Members::new::<Native>(512, 1).unwrap();
    let mut group = c.benchmark_group("sync_committee");
    group.sample_size(20);
    for signers in [512, 500, 342] {
        let case = case(&members, signers);
        let points: Vec<&PublicKey> = case.points.iter().collect();
        let sum = AggregatePublicKey::aggregate(&points, false).unwrap().to_public_key();
        let bare = |case: &Case| pairing(case, &sum);
        let mut row = |name: &str, check: &dyn Fn(&Case) -> bool| {
            assert!(check(&case));
            group.bench_function(BenchmarkId::new(name, signers), |b| b.iter(|| check(black_box(&case))));
        };
        row("native", &ours::<Native>);
        row("portable", &ours::<Portable>);
        row("naive", &naive);
        row("naive_held", &held);
        row("pairing", &bare);
        let ours = median(101, || ours::<Native>(&case));
        let (bare, naive, held) =
            (median(101, || bare(&case)), median(11, || naive(&case)), median(101, || held(&case)));
        let over = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
        println!(
            "sync_committee/{signers}: ours {:.2} x the bare pairing; naive aggregation {:.1} x ours, of held keys {:.2} x",
            over(ours, bare),
            over(naive, ours),
            over(held, ours),
        );
    }
    group.finish();
}

criterion_group!(benches, sync_committee);
criterion_main!(benches);
