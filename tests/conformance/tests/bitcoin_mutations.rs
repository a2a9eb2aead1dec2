//! Every valid run of headers and every valid proof of the vectors, changed in one place: nothing changed may be accepted,
//! unless it says the same.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use alloy_primitives::U256;
use causeway_bitcoin::{
    Header, Params, Refusal, Rules, Transaction, TrustedState, Txid,
    compact::check_work,
    merkle_block::{Match, MerkleBlock},
    params::PERIOD_BLOCKS,
    proof::{Inclusion, ProofRefusal},
    verify,
};
use conformance::{
    bitcoin::chain::prose,
    bitcoin::tree::{Bytes, Tree, now, offer, params, split},
    discover::{folders, roots},
};
use serde_json::Value;

/// Mutants by what was changed and how they were refused.
#[derive(Default)]
struct Tally {
    refused: BTreeMap<(&'static str, &'static str), usize>,
    /// Accepted, and saying the same; by what was changed.
    equal: BTreeMap<&'static str, usize>,
    survivors: Vec<String>,
}

impl Tally {
    fn refuse(&mut self, kind: &'static str, rule: &'static str) {
        *self.refused.entry((kind, rule)).or_default() += 1;
    }

    fn equal(&mut self, kind: &'static str) {
        *self.equal.entry(kind).or_default() += 1;
    }

    fn print(&self, what: &str) {
        let refused: usize = self.refused.values().sum();
        let equal: usize = self.equal.values().sum();
        println!(
            "bitcoin {what}: {} mutants, {equal} say the same, {} survivors",
            refused + equal,
            self.survivors.len()
        );
        self.refused.iter().for_each(|((kind, rule), count)| println!("  {kind}: {rule} {count}"));
        self.equal.iter().for_each(|(kind, count)| println!("  {kind}: the same {count}"));
        assert!(self.survivors.is_empty(), "{}", self.survivors.join("\n"));
    }
}

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

fn files() -> Vec<(String, Vec<u8>, Value)> {
    let present = roots().into_iter().filter(|root| root.path.is_dir());
    let folders = present.flat_map(|root| folders(&root).unwrap()).filter(|folder| folder.family == "bitcoin");
    let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();
    folders
        .flat_map(|folder| folder.files)
        .filter_map(|file| Some((name(&file.path), file.bytes, file.content.ok()?)))
        .collect()
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

/// `gettxoutproof`: one bit of every byte, and cut and drawn out.
#[test]
fn changed_partial_trees_are_refused() {
    let mut tally = Tally::default();
    for (name, _, value) in files() {
        let entries = value.as_array().into_iter().flatten();
        for entry in entries.filter_map(|entry| entry.get("merkleblock")?.as_str()) {
            let bytes = hex::decode(entry).unwrap();
            let honest = MerkleBlock::decode(&bytes).unwrap();
            // What the honest tree shows to be leaves: those that it points out, and their neighbours.
            let leaves: Vec<Match> = honest.matches().iter().flat_map(|found| neighbours(&honest, found)).collect();
            let mut judge = |kind, changed: &[u8]| match MerkleBlock::decode(changed) {
                Err(_) => tally.refuse(kind, "partial tree"),
                Ok(block)
                    if check_work(&block.header().hash(), block.header().bits(), Rules::MAINNET.limit).is_err() =>
                {
                    tally.refuse(kind, "not enough work");
                }
                // Fewer of them, or a neighbour that stands in the tree anyhow: what it says is so.
                Ok(block) if block.matches().iter().all(|found| leaves.contains(found)) => tally.equal(kind),
                Ok(block) => tally.survivors.push(format!("{kind}: {name} {:?}", block.matches())),
            };
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    let mut changed = bytes.clone();
                    changed[at] ^= 1 << bit;
                    judge("bit", &changed);
                }
            }
            for length in 0..bytes.len() {
                judge("truncated", &bytes[..length]);
            }
            judge("extended", &[bytes.as_slice(), &[0]].concat());
            // Two hashes swapped; one twice in the place of its neighbour.
            let hashes = (bytes.len() - 85) / 32;
            for at in 0..hashes.saturating_sub(2) {
                let (a, b) = (85 + 32 * at, 85 + 32 * (at + 1));
                let mut swapped = bytes.clone();
                swapped[a..a + 64].rotate_left(32);
                judge("swapped", &swapped);
                let mut twice = bytes.clone();
                twice.copy_within(a..a + 32, b);
                judge("one hash twice", &twice);
            }
        }
    }
    tally.print("partial trees");
}

/// A leaf that a tree points out and the one beside it.
fn neighbours(block: &MerkleBlock<'_>, found: &Match) -> Vec<Match> {
    let beside =
        block.branch(found.position).unwrap().first().map(|id| Match { position: found.position ^ 1, txid: Txid(*id) });
    [*found].into_iter().chain(beside).collect()
}

/// A whole proof of the vectors: transaction, coinbase, branches, header; and a client that knows the block.
struct Proof {
    name: String,
    state: TrustedState,
    rules: Rules,
    header: Bytes,
    position: u32,
    siblings: Vec<[u8; 32]>,
    transaction: Vec<u8>,
    coinbase_siblings: Vec<[u8; 32]>,
    coinbase: Vec<u8>,
}

impl Proof {
    fn inclusion(&self) -> Inclusion<'_> {
        Inclusion {
            headers: &self.header,
            position: self.position,
            siblings: self.siblings.clone(),
            transaction: &self.transaction,
            coinbase_siblings: self.coinbase_siblings.clone(),
            coinbase: &self.coinbase,
        }
    }
}

fn proofs() -> Vec<Proof> {
    let mut proofs = Vec::new();
    for (_, _, value) in files() {
        for (name, entry) in value.as_object().into_iter().flatten() {
            let Some(data) = entry.get("bitcoinChainData") else { continue };
            let raw = |name: &str| {
                let text = data.get(name)?.get("transactionHex")?.as_str()?;
                Some(hex::decode(text).unwrap())
            };
            let (Some(transaction), Some(coinbase)) = (raw("rawTransaction"), raw("coinbaseRawTransaction")) else {
                continue;
            };
            let siblings = |name: &str| -> Vec<[u8; 32]> {
                let list = data[name]["merkle"].as_array().unwrap();
                let turned = |text: &Value| {
                    let mut bytes = hex::decode(text.as_str().unwrap()).unwrap();
                    bytes.reverse();
                    bytes.try_into().unwrap()
                };
                list.iter().map(turned).collect()
            };
            let headers = split(&hex::decode(data["headersChain"].as_str().unwrap()).unwrap()).unwrap();
            let branch = &data["transactionMerkleBranch"];
            let (height, position) = (branch["blockHeight"].as_u64().unwrap(), branch["position"].as_u64().unwrap());
            let easy = headers.iter().any(|bytes| Header::new(bytes).bits() == Rules::TESTNET3.limit);
            let rules = if easy { Rules::TESTNET3 } else { Rules::MAINNET };
            let run: Vec<_> = (height as u32..).zip(headers.iter().copied()).collect();
            let state = Tree::default().begin(&rules, &run).unwrap();
            let state = offer(&rules, &state, &headers[1..]).unwrap();
            proofs.push(Proof {
                name: name.clone(),
                state,
                rules,
                header: headers[0],
                position: position as u32,
                siblings: siblings("transactionMerkleBranch"),
                transaction,
                coinbase_siblings: siblings("coinbaseMerkleBranch"),
                coinbase,
            });
        }
    }
    proofs
}

fn proof_rule(refusal: &ProofRefusal) -> &'static str {
    match refusal {
        ProofRefusal::TooLarge { .. } => "too large",
        ProofRefusal::Malformed { .. } => "malformed",
        ProofRefusal::NotAChild { .. } => "not a child",
        ProofRefusal::UnknownBlock { .. } => "unknown block",
        ProofRefusal::Frozen { .. } => "frozen",
        ProofRefusal::NotEnoughWork { .. } => "not enough work",
        ProofRefusal::Transaction { .. } => "no transaction",
        ProofRefusal::AmbiguousTx { .. } => "64 bytes",
        ProofRefusal::NotCoinbase { .. } => "no coinbase",
        ProofRefusal::OtherDepth { .. } => "other depth",
        ProofRefusal::Merkle { .. } => "merkle",
    }
}

#[test]
fn changed_proofs_are_refused() {
    let mut tally = Tally::default();
    let proofs = proofs();
    for proof in &proofs {
        let honest = Transaction::decode(&proof.transaction).unwrap();
        let work = proof.state.work_from(proof.state.base().height()).unwrap();
        let mut judge = |kind, bytes: &[u8], work: U256| {
            let judged = Inclusion::decode(bytes).and_then(|changed| {
                changed.verify(&params(proof.rules), &proof.state, work, 0).map(|found| found.transaction)
            });
            match judged {
                Err(refusal) => tally.refuse(kind, proof_rule(&refusal)),
                // A witness is not covered by the id: the payment is the same.
                Ok(found) if (found.txid(), found.outputs()) == (honest.txid(), honest.outputs()) => tally.equal(kind),
                Ok(_) => tally.survivors.push(format!("{kind}: {}", proof.name)),
            }
        };
        let bytes = proof.inclusion().encode().unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                judge("bit", &changed, work);
            }
        }
        for length in 0..bytes.len() {
            judge("truncated", &bytes[..length], work);
        }
        judge("extended", &[bytes.as_slice(), &[0]].concat(), work);
        judge("one unit of work short", &bytes, work + U256::ONE);
        for (kind, changed) in branches(proof) {
            judge(kind, &changed.inclusion().encode().unwrap(), work);
        }
    }
    println!("{} proofs", proofs.len());
    tally.print("proofs");
}

/// The branches cut, drawn out, turned, moved; the parts in each other's places.
fn branches(proof: &Proof) -> Vec<(&'static str, Proof)> {
    let with = |change: &dyn Fn(&mut Proof)| {
        let mut changed = Proof {
            name: proof.name.clone(),
            state: proof.state.clone(),
            siblings: proof.siblings.clone(),
            transaction: proof.transaction.clone(),
            coinbase_siblings: proof.coinbase_siblings.clone(),
            coinbase: proof.coinbase.clone(),
            ..*proof
        };
        change(&mut changed);
        changed
    };
    let depth = proof.siblings.len();
    let mut changed = Vec::new();
    for at in 0..depth {
        changed.push((
            "branch without a level",
            with(&|it| it.siblings = [&it.siblings[..at], &it.siblings[at + 1..]].concat()),
        ));
        changed.push((
            "both branches without a level",
            with(&|it| {
                it.siblings.remove(at);
                it.coinbase_siblings.remove(at);
                it.position = it.position & ((1 << at) - 1) | it.position >> (at + 1) << at;
            }),
        ));
        changed.push(("branch with a level twice", with(&|it| it.siblings.insert(at, it.siblings[at]))));
        changed.push((
            "both branches with a level twice",
            with(&|it| {
                it.siblings.insert(at, it.siblings[at]);
                it.coinbase_siblings.insert(at, it.coinbase_siblings[at]);
            }),
        ));
        changed.push((
            "sibling turned into a copy",
            with(&|it| it.siblings[at] = Transaction::decode(&it.transaction).unwrap().txid().0),
        ));
        if at > 0 {
            changed.push(("two levels swapped", with(&|it| it.siblings.swap(at - 1, at))));
            changed.push(("two levels of the coinbase swapped", with(&|it| it.coinbase_siblings.swap(at - 1, at))));
        }
    }
    for position in (0..1 << depth).chain([1 << depth, u32::MAX]).filter(|other| *other != proof.position) {
        changed.push(("another place", with(&|it| it.position = position)));
    }
    changed.push(("parts swapped", with(&|it| std::mem::swap(&mut it.transaction, &mut it.coinbase))));
    changed.push((
        "transaction as coinbase",
        with(&|it| {
            (it.coinbase, it.coinbase_siblings) = (it.transaction.clone(), it.siblings.clone());
        }),
    ));
    let header_mutant = with(&|it| it.header[76] ^= 1);
    changed.push(("another header", header_mutant));
    // 64 bytes in the place of each.
    let short = [&[2, 0, 0, 0, 1][..], &[7; 36], &[0], &[0xff; 4], &[1], &[0; 8], &[4], &[0; 8]].concat();
    changed.push(("64 bytes as transaction", with(&|it| it.transaction.clone_from(&short))));
    changed.push(("64 bytes as coinbase", with(&|it| it.coinbase.clone_from(&short))));
    changed
}
