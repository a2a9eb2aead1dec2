//! Headers, changed.

use causeway_bitcoin::{
    Header, Params, Refusal, Rules, TrustedState, compact::check_work, params::PERIOD_BLOCKS, verify,
};
use conformance::bitcoin::{
    chain::prose,
    tree::{Bytes, Tree, now, offer, params, split},
};
use serde_json::Value;

use crate::{Tally, files};

/// The rule's name.
fn rule(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Frozen { .. } => "frozen",
        Refusal::Expired { .. } => "expired",
        Refusal::Malformed { .. } => "malformed",
        Refusal::TooLarge { .. } => "too large",
        Refusal::StartLength { .. } => "start length",
        Refusal::ChainMismatch { .. } => "other chain",
        Refusal::UnknownParent { .. } => "unknown parent",
        Refusal::NotAChild { .. } => "not a child",
        Refusal::WrongBits { .. } => "wrong bits",
        Refusal::NoTarget { .. } => "no target",
        Refusal::NotEnoughWork { .. } => "not enough work",
        Refusal::NonMonotonicTime { .. } => "time too old",
        Refusal::Timewarp { .. } => "timewarp",
        Refusal::NegativePeriod { .. } => "negative period",
        Refusal::HeaderFromFuture { .. } => "from the future",
        Refusal::OldVersion { .. } => "old version",
        Refusal::PeriodStartUnknown { .. } => "period start unknown",
        Refusal::HeightsExhausted { .. } => "no height left",
        Refusal::ReorgBelowFinal { .. } => "below final",
    }
}

/// Valid runs: a client at the block before, and the headers.
struct Run {
    name: String,
    rules: Rules,
    state: TrustedState,
    headers: Vec<Bytes>,
}

/// Cuts a way through a tree where a period is entered whose predecessor's start is not known.
fn runs_of(name: &str, tree: &Tree, rules: Rules, path: &[(u32, Bytes)], runs: &mut Vec<Run>) {
    let mut rest = path;
    while !rest.is_empty() {
        let Ok(state) = tree.begin(&rules, rest) else { return };
        let first = usize::from(state.tip().height() == rest[0].0);
        let headers: Vec<Bytes> = rest[first..].iter().map(|(_, bytes)| *bytes).collect();
        let good = match offer(&rules, &state, &headers) {
            Ok(_) => rest.len(),
            Err(Refusal::PeriodStartUnknown { height }) => rest.iter().position(|(at, _)| *at == height).unwrap(),
            Err(refusal) => panic!("{name}: {refusal}"),
        };
        let headers = headers[..good - first].to_vec();
        if !headers.is_empty() {
            runs.push(Run { name: name.into(), rules, state, headers });
        }
        rest = &rest[good..];
    }
}

/// All valid runs of the vectors: bare headers, trees, and those that BIP 54 would take as well.
fn runs() -> Vec<Run> {
    let mut runs = Vec::new();
    for (name, bytes, value) in files() {
        if value.is_null() {
            // Mainnet's, from the first change of bits on: that is the start of a period.
            let Some(headers) = split(&bytes).ok().filter(|headers| headers.len() > 1) else { continue };
            let bits = |at: usize| Header::new(&headers[at]).bits();
            let Some(start) = (1..headers.len()).find(|at| bits(*at) != bits(at - 1)) else { continue };
            let path: Vec<_> = (400 * PERIOD_BLOCKS..).zip(headers[start..].iter().copied()).collect();
            let mut tree = Tree::default();
            path.iter().for_each(|(height, bytes)| tree.add(*height, *bytes));
            runs_of(&name, &tree, Rules::MAINNET, &path, &mut runs);
            continue;
        }
        if value.get("trunk_from_genesis").is_some() {
            let trunk = serde_json::json!({ "headers": value["trunk_from_genesis"] });
            let (tree, _) = Tree::of(&trunk);
            runs_of(&name, &tree, Rules { bip54: true, ..Rules::MAINNET }, &tree.paths()[0], &mut runs);
            continue;
        }
        let grouped = value.as_object().is_some_and(|groups| groups.keys().any(|name| name.contains('.')));
        let parts: Vec<&Value> = if grouped { value.as_object().unwrap().values().collect() } else { vec![&value] };
        for part in parts {
            let (tree, _) = Tree::of(part);
            let rules = tree.rules(&prose(&value));
            // Groups with bad headers in them are no valid runs.
            let bad = |(_, bytes): &(u32, Bytes)| {
                let header = Header::new(bytes);
                check_work(&header.hash(), header.bits(), rules.limit).is_err()
            };
            for path in tree.paths().into_iter().filter(|path| path.len() > 1 && !path.iter().any(bad)) {
                runs_of(&name, &tree, rules, &path, &mut runs);
            }
        }
    }
    runs
}

/// Offers headers that must be refused. On networks where anybody mines, a changed header may hold work by chance: then it
/// is another honest block, and its work says so.
fn judge(tally: &mut Tally, kind: &'static str, run: &Run, state: &TrustedState, changed: &[Bytes], now: u64) {
    match verify(&params(run.rules), state, changed.as_flattened(), now) {
        Err(refusal) => tally.refuse(kind, rule(&refusal)),
        Ok(_) => {
            let mined = |bytes: &Bytes| {
                let header = Header::new(bytes);
                check_work(&header.hash(), header.bits(), run.rules.limit).is_ok()
            };
            match run.rules.no_retargeting && changed.iter().all(mined) {
                true => tally.equal(kind),
                false => tally.survivors.push(format!("{kind}: {} at {}", run.name, state.tip().height() + 1)),
            }
        }
    }
}

#[test]
fn changed_headers_are_refused() {
    let mut tally = Tally::default();
    let runs = runs();
    for run in &runs {
        let mut state = run.state.clone();
        // Some from all over the run, and every one beside a period's edge.
        let step = run.headers.len().div_ceil(120);
        for (at, bytes) in run.headers.iter().enumerate() {
            let height = state.tip().height() + 1;
            let edge = (height + 1) % PERIOD_BLOCKS <= 2;
            if at % step == 0 || edge {
                one_header(&mut tally, run, &state, at, bytes);
            }
            state = offer(&run.rules, &state, &[*bytes]).unwrap();
        }
        whole_run(&mut tally, run);
    }
    println!("{} runs", runs.len());
    tally.print("headers");
}

fn one_header(tally: &mut Tally, run: &Run, state: &TrustedState, at: usize, bytes: &Bytes) {
    let rest = &run.headers[at..run.headers.len().min(at + 3)];
    let now = now(&run.headers);
    for byte in 0..80 {
        for bit in [byte % 8, (byte + 3) % 8] {
            let mut changed = rest.to_vec();
            changed[0][byte] ^= 1 << bit;
            let kind = match byte {
                0..4 => "version",
                4..36 => "parent",
                36..68 => "merkle root",
                68..72 => "time",
                72..76 => "bits",
                _ => "nonce",
            };
            judge(tally, kind, run, state, &changed, now);
        }
    }
    // A target that is easier, harder, the limit, no target.
    let bits = Header::new(bytes).bits();
    for other in [bits + 1, bits - 1, bits + (1 << 24), run.rules.limit, bits | 0x80_0000, 0, 0xff7f_ffff] {
        if other != bits {
            let mut changed = *bytes;
            changed[72..76].copy_from_slice(&other.to_le_bytes());
            judge(tally, "claimed target", run, state, &[changed], now);
        }
    }
    // A time at or before the median, and before the block's own.
    for time in [state.tip().median_time(), 0, u32::MAX] {
        let mut changed = *bytes;
        changed[68..72].copy_from_slice(&time.to_le_bytes());
        judge(tally, "claimed time", run, state, &[changed], now);
    }
    let (time, drift) = (u64::from(Header::new(bytes).time()), params(run.rules).drift);
    if let Some(early) = time.checked_sub(drift + 1) {
        judge(tally, "clock before the header", run, state, &[*bytes], early);
    }
    // Already known, on itself, twice, without the ones before.
    judge(tally, "twice", run, state, &[*bytes, *bytes], now);
    if rest.len() > 2 {
        judge(tally, "one left out", run, state, &[rest[0], rest[2]], now);
        judge(tally, "swapped", run, state, &[rest[1], rest[0]], now);
        judge(tally, "first left out", run, state, &rest[1..], now);
    }
}

fn whole_run(tally: &mut Tally, run: &Run) {
    let (params, now) = (params(run.rules), now(&run.headers));
    let headers = &run.headers[..run.headers.len().min(4_032)];
    let bytes = headers.as_flattened();
    let mut refused = |kind, params: &Params, bytes: &[u8], now| match verify(params, &run.state, bytes, now) {
        Err(refusal) => tally.refuse(kind, rule(&refusal)),
        Ok(_) => tally.survivors.push(format!("{kind}: {}", run.name)),
    };
    for length in [0, 1, 79, bytes.len() - 1] {
        refused("truncated", &params, &bytes[..length], now);
    }
    refused("extended", &params, &[bytes, &[0]].concat(), now);
    // After the trusting period.
    let period = 86_400;
    let short = Params { trusting_period: period, drift: 0, ..params };
    let expired_at = u64::from(run.state.tip().time()) + period;
    refused("after the trusting period", &short, bytes, expired_at);
    // Another network's first block in front.
    let foreign = [&[1; 80][..], bytes].concat();
    refused("foreign header in front", &params, &foreign, now);
}
