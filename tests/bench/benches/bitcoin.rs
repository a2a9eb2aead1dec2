//! Bitcoin headers from wire bytes to verdict, beside `rust-bitcoin` doing the same work: decode, link, proof of work, sum
//! of work. (It has no rule for times or versions; ours are included.) Two periods of regtest, mined here, and
//! mainnet's where `CAUSEWAY_VECTORS` (or the folder beside the workspace) has them. The ratio is printed at the end of
//! each group, from interleaved rounds, so that a busy machine slows both alike.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::{
    hint::black_box,
    path::PathBuf,
    time::{Duration, Instant},
};

use bitcoin::{block::Header as PeerHeader, consensus::deserialize, pow::Work};
use causeway_bitcoin::{
    Context, Header, Params, Period, Rules, TrustedState, Vouched,
    params::{FUTURE_LIMIT, MAX_UPDATE_HEADERS, MAX_WINDOW, PERIOD_BLOCKS},
    verify,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

type Bytes = [u8; 80];

/// A client at the first header of a run, and the others.
struct Case {
    name: &'static str,
    params: Params,
    state: TrustedState,
    update: Vec<u8>,
    now: u64,
}

fn case(name: &'static str, rules: Rules, height: u32, headers: &[Bytes]) -> Case {
    let first = Header::new(&headers[0]);
    let period = height.is_multiple_of(PERIOD_BLOCKS).then(|| Period { time: first.time(), bits: first.bits() });
    let context = Context::vouched(&Vouched {
        height,
        hash: first.hash(),
        bits: first.bits(),
        work: Default::default(),
        times: &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, first.time()],
        period,
        real_bits: first.bits(),
    });
    let params = Params {
        rules,
        final_work: Params::work_of_blocks(6, first.bits()).unwrap(),
        window: MAX_WINDOW,
        trusting_period: u64::MAX >> 1,
        drift: FUTURE_LIMIT,
        freeze_delay: 0,
    };
    let now = headers.iter().map(|bytes| u64::from(Header::new(bytes).time())).max().unwrap();
    let update = headers[1..headers.len().min(MAX_UPDATE_HEADERS + 1)].as_flattened().to_vec();
    Case { name, params, state: TrustedState::at(context.unwrap()), update, now }
}

/// Two periods, each header mined in a few attempts.
fn regtest() -> Vec<Bytes> {
    let mut headers: Vec<Bytes> = Vec::new();
    for at in 0..=MAX_UPDATE_HEADERS as u32 {
        let mut bytes = [0; 80];
        bytes[0] = 4;
        if let Some(parent) = headers.last() {
            bytes[4..36].copy_from_slice(&Header::new(parent).hash().0);
        }
        bytes[36..40].copy_from_slice(&at.to_le_bytes());
        bytes[68..72].copy_from_slice(&(1_700_000_000 + 600 * at).to_le_bytes());
        bytes[72..76].copy_from_slice(&0x207f_ffff_u32.to_le_bytes());
        let mined = (0_u32..).find(|nonce| {
            bytes[76..80].copy_from_slice(&nonce.to_le_bytes());
            Header::new(&bytes).hash().0[31] < 0x7f
        });
        assert!(mined.is_some());
        headers.push(bytes);
    }
    headers
}

/// The first file of bare headers that begins with a period of mainnet.
fn mainnet() -> Option<Vec<Bytes>> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let root = std::env::var_os("CAUSEWAY_VECTORS").map_or_else(beside, PathBuf::from);
    let files = std::fs::read_dir(root.join("bitcoin")).ok()?;
    let bare = files.flatten().map(|it| it.path()).find(|path| path.extension().is_some_and(|it| it == "bin"))?;
    Some(std::fs::read(bare).ok()?.as_chunks::<80>().0.to_vec())
}

fn ours(case: &Case) -> bool {
    verify(&case.params, &case.state, black_box(&case.update), case.now).is_ok()
}

/// Decode, link, proof of work against the header's own target, sum of work.
fn peer(case: &Case) -> bool {
    let mut parent = None;
    let mut work: Option<Work> = None;
    for bytes in black_box(&case.update).as_chunks::<80>().0 {
        let Ok(header) = deserialize::<PeerHeader>(bytes) else { return false };
        if parent.is_some_and(|parent| parent != header.prev_blockhash) {
            return false;
        }
        let Ok(hash) = header.validate_pow(header.target()) else { return false };
        parent = Some(hash);
        work = Some(work.map_or(header.work(), |sum| sum + header.work()));
    }
    black_box(work).is_some()
}

/// The same without the sum of work: what `rust-bitcoin` calls validation.
fn peer_without_work(case: &Case) -> bool {
    let mut parent = None;
    for bytes in black_box(&case.update).as_chunks::<80>().0 {
        let Ok(header) = deserialize::<PeerHeader>(bytes) else { return false };
        if parent.is_some_and(|parent| parent != header.prev_blockhash) {
            return false;
        }
        let Ok(hash) = header.validate_pow(header.target()) else { return false };
        parent = Some(hash);
    }
    parent.is_some()
}

/// The best of several rounds of each, taken in turn.
fn ratios(case: &Case) {
    const ROUNDS: usize = 60;
    let mut best = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        let rows: [fn(&Case) -> bool; 3] = [ours, peer, peer_without_work];
        for (best, row) in best.iter_mut().zip(rows) {
            let start = Instant::now();
            assert!(row(case));
            *best = (*best).min(start.elapsed());
        }
    }
    let headers = (case.update.len() / 80) as f64;
    let [ours, peer, bare] = best.map(|it| it.as_secs_f64());
    println!(
        "headers/{}: {:.0} headers/s; rust-bitcoin {:.0} headers/s (ratio {:.2}), without its sum of work {:.0} (ratio {:.2})",
        case.name,
        headers / ours,
        headers / peer,
        peer / ours,
        headers / bare,
        bare / ours,
    );
}

fn headers(c: &mut Criterion) {
    let mut cases = vec![case("regtest", Rules::REGTEST, 400 * PERIOD_BLOCKS, &regtest())];
    cases.extend(mainnet().map(|headers| case("mainnet", Rules::MAINNET, 408 * PERIOD_BLOCKS, &headers)));
    let mut group = c.benchmark_group("bitcoin headers");
    for case in &cases {
        assert!(ours(case), "{:?}", verify(&case.params, &case.state, &case.update, case.now).map(|_| ()));
        assert!(peer(case) && peer_without_work(case));
        group.throughput(Throughput::Elements(case.update.len() as u64 / 80));
        group.bench_function(format!("causeway/{}", case.name), |b| b.iter(|| ours(case)));
        group.bench_function(format!("rust-bitcoin/{}", case.name), |b| b.iter(|| peer(case)));
        group
            .bench_function(format!("rust-bitcoin without work/{}", case.name), |b| b.iter(|| peer_without_work(case)));
        ratios(case);
    }
    group.finish();
}

criterion_group!(benches, headers);
criterion_main!(benches);
