//! Headers: runs, trees, periods, states, times.

use alloy_primitives::U256;
use causeway_bitcoin::{
    BlockHash, Effect, Header, Period, Rules,
    compact::{bits_of, check_work, target_of, work_of},
    conflict, next_period_bits,
    params::PERIOD_BLOCKS,
};
use serde_json::Value;

use super::tree::{Bytes, Tree, effect, follow, header, header_of, now, offer, params, shown, split, vouched};
use crate::{
    cases::{File, Judged, Outcome, ensure, same},
    json::{array, field, text},
};

/// Heights of files that do not tell theirs: far beyond all version rules, and the start of a period.
const SOME_PERIOD: u32 = 400 * PERIOD_BLOCKS;

/// Bare headers, one after the other: mainnet's. The height of the first within its period follows from where the bits
/// change; a number in the name is taken for its height where it agrees.
pub fn bare_headers(file: &File<'_>) -> Judged {
    if !file.value.is_null() || file.bytes.len() < 160 {
        return None;
    }
    let headers = split(file.bytes).ok()?;
    let linked = |pair: &[Bytes]| matches!(pair, [a, b] if Header::new(b).parent() == Header::new(a).hash());
    if !headers.windows(2).take(2).all(linked) {
        return None;
    }
    let bits = |at: usize| headers.get(at).map(|bytes| Header::new(bytes).bits());
    let change = (1..headers.len()).find(|at| bits(*at) != bits(at - 1)).unwrap_or(0) as u32 % PERIOD_BLOCKS;
    let place = (PERIOD_BLOCKS - change) % PERIOD_BLOCKS;
    let named = file.name.split(|it: char| !it.is_ascii_digit()).filter_map(|it| it.parse::<u32>().ok());
    let mut named = named.filter(|height| *height % PERIOD_BLOCKS == place && *height > SOME_PERIOD / 2);
    let first = named.next().unwrap_or(SOME_PERIOD + place);
    let mut tree = Tree::default();
    (first..).zip(&headers).for_each(|(height, bytes)| tree.add(height, *bytes));
    let run: Vec<(u32, Bytes)> = (first..).zip(headers.iter().copied()).collect();
    let whole = follow(&tree, &Rules::MAINNET, &run).map(|_| ());
    let mut cases = vec![(format!("{} headers from height {first}", headers.len()), whole.into())];
    // Each period on its own as well, with its first block known: its end gives the next one's bits.
    for (at, _) in run.iter().enumerate().filter(|(_, (height, _))| height.is_multiple_of(PERIOD_BLOCKS)) {
        let Some(period) = run.get(at..run.len().min(at + PERIOD_BLOCKS as usize + 1)) else { continue };
        let judged = follow(&tree, &Rules::MAINNET, period).map(|_| ());
        cases.push((format!("period of height {}", period.first().map_or(0, |(height, _)| *height)), judged.into()));
    }
    Some(cases)
}

/// Difficulty periods of mainnet: first and last header, the first of the next, work at each.
pub fn periods(file: &File<'_>) -> Judged {
    let entries = file.value.as_array().filter(|list| list.iter().all(|it| it.get("next_first_header").is_some()))?;
    let name = |entry: &Value| format!("period of height {}", entry.get("period_first_height").unwrap_or(&Value::Null));
    let cases: Vec<_> = entries.iter().map(|entry| (name(entry), period(entry).into())).collect();
    (!cases.is_empty()).then_some(cases)
}

fn period(entry: &Value) -> Result<(), String> {
    let rules = Rules::MAINNET;
    let height =
        u32::try_from(field(entry, "period_first_height")?.as_u64().ok_or("no height")?).map_err(|_| "height")?;
    let [first, last, next] = ["first_header", "last_header", "next_first_header"].map(|name| header(entry, name));
    let (first, last, next) = (first?, last?, next?);
    let work = |name: &str| -> Result<U256, String> {
        let text = text(entry, name)?;
        U256::from_str_radix(text, 16).map_err(|error| format!("{name}: {error}"))
    };
    let [first, last] = [&first, &last].map(Header::new);
    for header in [&first, &last] {
        check_work(&header.hash(), header.bits(), rules.limit).map_err(|fault| fault.to_string())?;
    }
    let blocks = U256::from(PERIOD_BLOCKS - 1);
    let within = work_of(first.bits()).map_err(|fault| fault.to_string())? * blocks;
    same("work of the period", work("chainwork_last")?, work("chainwork_first")? + within)?;
    let expected = u32::from_str_radix(text(entry, "expected_next_bits")?, 16).map_err(|error| error.to_string())?;
    same("next bits", expected, next_period_bits(rules.limit, last.bits(), first.time(), last.time()))?;
    let start = Some(Period { time: first.time(), bits: first.bits() });
    let times = [vec![0; 10], vec![last.time()]].concat();
    let height = height + PERIOD_BLOCKS - 1;
    let state = vouched(&rules, height, last.hash(), &times, last.bits(), start, last.bits(), work("chainwork_last")?)?;
    let state = offer(&rules, &state, &[next]).map_err(|refusal| refusal.to_string())?;
    same("work", work("chainwork_next_first")?, state.tip().work())?;
    same("bits", expected, state.tip().bits())
}

/// A chain state of mainnet, headers in parts, and the state after them (raito's light client).
pub fn states(file: &File<'_>) -> Judged {
    file.value.get("chain_state")?.get("prev_timestamps")?;
    Some(vec![(String::new(), state(file.value).into())])
}

fn number(value: &Value, name: &str) -> Result<u32, String> {
    let number = field(value, name)?.as_u64().ok_or_else(|| format!("{name} is no number"))?;
    u32::try_from(number).map_err(|_| format!("{name} is beyond 32 bits"))
}

fn decimal(value: &Value, name: &str) -> Result<U256, String> {
    U256::from_str_radix(text(value, name)?, 10).map_err(|error| format!("{name}: {error}"))
}

fn state(value: &Value) -> Result<(), String> {
    let rules = Rules::MAINNET;
    let (before, after) = (field(value, "chain_state")?, field(value, "expected")?);
    let times = |state: &Value| -> Result<Vec<u32>, String> {
        let time = |time: &Value| time.as_u64().and_then(|time| u32::try_from(time).ok()).ok_or("no time");
        Ok(array(state, "prev_timestamps")?.iter().map(time).collect::<Result<_, _>>()?)
    };
    let bits = bits_of(decimal(before, "current_target")?);
    let start = Some(Period { time: number(before, "epoch_start_time")?, bits });
    let hash = BlockHash(shown(text(before, "best_block_hash")?)?);
    let (height, work) = (number(before, "block_height")?, decimal(before, "total_work")?);
    let known = times(before)?;
    let mut state = vouched(&rules, height, hash, &known, bits, start, bits, work)?;
    for block in array(value, "blocks")? {
        let (header, data) = (field(block, "header")?, field(block, "data")?);
        let mut bytes = Vec::with_capacity(80);
        bytes.extend_from_slice(&number(header, "version")?.to_le_bytes());
        bytes.extend_from_slice(&state.tip().hash().0);
        bytes.extend_from_slice(&shown(text(data, "merkle_root")?)?);
        for name in ["time", "bits", "nonce"] {
            bytes.extend_from_slice(&number(header, name)?.to_le_bytes());
        }
        state = offer(&rules, &state, &split(&bytes)?).map_err(|refusal| refusal.to_string())?;
    }
    let tip = state.tip();
    same("height", number(after, "block_height")?, tip.height())?;
    same("hash", BlockHash(shown(text(after, "best_block_hash")?)?), tip.hash())?;
    same("work", decimal(after, "total_work")?, tip.work())?;
    same("target", Ok(decimal(after, "current_target")?), target_of(tip.bits()))?;
    same("period", Some(number(after, "epoch_start_time")?), tip.period().map(|period| period.time))?;
    same("times", times(after)?, tip.times().to_vec())
}

/// A stale block beside the one that won, and that one's child.
pub fn stale_block(file: &File<'_>) -> Judged {
    file.value.get("stale_header")?;
    Some(vec![
        ("stale first".into(), stale(file.value, true).into()),
        ("stale last".into(), stale(file.value, false).into()),
        ("no misbehaviour".into(), no_misbehaviour(file.value).into()),
    ])
}

struct Stale {
    parent: (u32, Bytes),
    stale: Bytes,
    main: Bytes,
    child: Bytes,
}

fn stale_parts(value: &Value) -> Result<Stale, String> {
    Ok(Stale {
        parent: (number(value, "height")? - 1, header(value, "parent_header")?),
        stale: header(value, "stale_header")?,
        main: header(value, "main_chain_header")?,
        child: header(value, "main_chain_child")?,
    })
}

fn stale(value: &Value, stale_first: bool) -> Result<(), String> {
    let (rules, parts) = (Rules::MAINNET, stale_parts(value)?);
    let start = Tree::default().begin(&rules, &[parts.parent])?;
    let (first, second) = if stale_first { (parts.stale, parts.main) } else { (parts.main, parts.stale) };
    let (moved, state) = effect(&rules, &start, &[first])?;
    same("first", Effect::Extended, moved)?;
    let (moved, state) = effect(&rules, &state, &[second])?;
    same("second, of equal work", Effect::None, moved)?;
    same("tip", Header::new(&first).hash(), state.tip().hash())?;
    let (moved, state) = effect(&rules, &state, &[parts.main, parts.child])?;
    let expected = if stale_first { Effect::Reorganised { common: parts.parent.0 } } else { Effect::Extended };
    same("child", expected, moved)?;
    same("tip", Header::new(&parts.child).hash(), state.tip().hash())
}

fn no_misbehaviour(value: &Value) -> Result<(), String> {
    let (rules, parts) = (Rules::MAINNET, stale_parts(value)?);
    let start = Tree::default().begin(&rules, &[parts.parent])?;
    let main = [parts.main, parts.child];
    // Final with two blocks: the stale one has but one.
    let bits = Header::new(&parts.main).bits();
    let two_blocks = causeway_bitcoin::Params::work_of_blocks(2, bits).map_err(|fault| fault.to_string())?;
    let params = causeway_bitcoin::Params { final_work: two_blocks, ..params(rules) };
    let found = conflict(&params, &start, &parts.stale, main.as_flattened(), now(&[parts.stale, parts.child]));
    same("misbehaviour", Ok(None), found)
}

/// Chains that are valid today, and that BIP 54 would refuse or not.
pub fn bip54_times(file: &File<'_>) -> Judged {
    let trunk = file.value.get("trunk_from_genesis")?.as_array()?;
    let trunk: Option<Vec<Bytes>> = trunk.iter().map(header_of).collect();
    let (trunk, cases) = (trunk?, file.value.get("cases")?.as_array()?);
    let name = |case: &Value| case.get("comment").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(cases.iter().map(|case| (name(case), bip54(&trunk, case).into())).collect())
}

fn bip54(trunk: &[Bytes], case: &Value) -> Result<(), String> {
    let parent = number(case, "parent_height")? as usize;
    let added: Option<Vec<Bytes>> = array(case, "headers")?.iter().map(header_of).collect();
    let headers = [trunk.get(..=parent).ok_or("no parent")?, &added.ok_or("no headers")?].concat();
    let run: Vec<(u32, Bytes)> = (0..).zip(headers).collect();
    for (rules, name) in
        [(Rules::MAINNET, "valid_current_consensus"), (Rules { bip54: true, ..Rules::MAINNET }, "valid_bip54")]
    {
        let expected = field(case, name)?.as_bool().ok_or_else(|| format!("{name} is no boolean"))?;
        let found = follow(&Tree::default(), &rules, &run);
        ensure(found.is_ok() == expected, || format!("{name}: expected {expected}, found {:?}", found.map(|_| ())))?;
    }
    Ok(())
}

/// The bits of the next period, from those of this one and its first and last time (Bitcoin Core's `pow_tests`).
pub fn next_work(file: &File<'_>) -> Judged {
    let entries = file.value.as_array().filter(|list| list.iter().all(|it| it.get("expected_next").is_some()))?;
    let name = |entry: &Value| entry.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let judge = |entry: &Value| -> Result<(), String> {
        let bits = |name: &str| u32::from_str_radix(text(entry, name)?, 16).map_err(|error| error.to_string());
        let (first, last) = (number(entry, "first_time")?, number(entry, "last_time")?);
        let (bits, expected, limit) = (bits("bits")?, bits("expected_next")?, Rules::MAINNET.limit);
        same("next bits", expected, next_period_bits(limit, bits, first, last))?;
        // And by the rule that a header meets, at the height that the file states.
        let start = Some(Period { time: first, bits });
        let (height, hash) = (number(entry, "height")?, BlockHash([1; 32]));
        let state = vouched(&Rules::MAINNET, height, hash, &[last], bits, start, bits, U256::ZERO)?;
        same("required bits", Ok(expected), state.tip().required_bits(&Rules::MAINNET, last + 1))
    };
    let cases: Vec<_> = entries.iter().map(|entry| (name(entry), judge(entry).into())).collect();
    (!cases.is_empty()).then_some(cases)
}

/// Hashes and bits that are no proof of work on mainnet (`CheckProofOfWork`).
pub fn claimed_work(file: &File<'_>) -> Judged {
    let has = |entry: &Value| ["bits", "hash", "expected"].iter().all(|name| entry.get(name).is_some());
    let entries = file.value.as_array().filter(|list| list.iter().all(has))?;
    let name = |entry: &Value| entry.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let judge = |entry: &Value| -> Result<(), String> {
        let bits = u32::from_str_radix(text(entry, "bits")?, 16).map_err(|error| error.to_string())?;
        let hash = U256::from_str_radix(text(entry, "hash")?, 16).map_err(|error| error.to_string())?;
        let found = check_work(&BlockHash(hash.to_le_bytes()), bits, Rules::MAINNET.limit);
        let expected = matches!(text(entry, "expected")?, "accept" | "valid");
        ensure(found.is_ok() == expected, || format!("expected {expected}, found {found:?}"))
    };
    let cases: Vec<_> = entries.iter().map(|entry| (name(entry), judge(entry).into())).collect();
    (!cases.is_empty()).then_some(cases)
}

/// Any JSON with headers in it: every way through them is a valid chain, and the heaviest one wins.
pub fn tree(file: &File<'_>) -> Judged {
    let (tree, unplaced) = Tree::of(file.value);
    if tree.headers.is_empty() {
        return None;
    }
    let rules = tree.rules(&prose(file.value));
    let mut cases = Vec::new();
    for path in tree.paths() {
        let (from, to) = (path.first().map_or(0, |it| it.0), path.last().map_or(0, |it| it.0));
        let name = format!("heights {from} to {to}");
        cases.push((name, follow(&tree, &rules, &path).map(|_| ()).into()));
    }
    for ((from, to), verdict) in rivals(&tree, &rules) {
        cases.push((format!("the heavier of {from} and {to}"), verdict.into()));
    }
    if unplaced > 0 {
        let why = "their height stands nowhere".into();
        cases.push((format!("{unplaced} more headers"), Outcome::Unjudged(why)));
    }
    if let Some((height, verdict)) = refused_on_mainnet(&tree, &rules) {
        cases.push((format!("mainnet refuses height {height}"), verdict.into()));
    }
    Some(cases)
}

/// What a file says about itself.
pub fn prose(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(prose).collect(),
        Value::Object(fields) => {
            let said = ["expected", "comment", "note", "network"].map(|name| fields.get(name).and_then(Value::as_str));
            let said = said.into_iter().flatten().map(str::to_owned);
            said.chain(fields.values().map(prose)).collect()
        }
        _ => String::new(),
    }
}

/// Ways that leave each other: offered in either order, the heavier one wins; of equal ones the first.
fn rivals(tree: &Tree, rules: &Rules) -> Vec<((u32, u32), Result<(), String>)> {
    let paths = tree.paths();
    let mut verdicts = Vec::new();
    for (at, a) in paths.iter().enumerate() {
        for b in paths.iter().skip(at + 1) {
            let shared = a.iter().zip(b).take_while(|(a, b)| a == b).count();
            let genesis = |path: &[(u32, Bytes)]| path.first().map(|(_, bytes)| Header::new(bytes).parent());
            let on_genesis = shared == 0 && genesis(a) == genesis(b) && genesis(a) == Some(rules.genesis);
            if shared == 0 && !on_genesis {
                continue;
            }
            let ends = [a, b].map(|path| path.last().map_or(0, |it| it.0));
            verdicts.push(((ends[0], ends[1]), heavier(tree, rules, a, b, shared)));
        }
    }
    verdicts
}

fn heavier(tree: &Tree, rules: &Rules, a: &[(u32, Bytes)], b: &[(u32, Bytes)], shared: usize) -> Result<(), String> {
    let start = match shared {
        0 => tree.begin(rules, a)?,
        _ => follow(tree, rules, a.get(..shared).unwrap_or_default())?,
    };
    let above = |path: &[(u32, Bytes)]| path.iter().skip(shared).map(|(_, bytes)| *bytes).collect::<Vec<_>>();
    let weigh =
        |path: &[Bytes]| path.iter().map(|bytes| work_of(Header::new(bytes).bits()).unwrap_or_default()).sum::<U256>();
    let (a, b) = (above(a), above(b));
    for (first, second) in [(&a, &b), (&b, &a)] {
        let state = offer(rules, &start, first).map_err(|refusal| refusal.to_string())?;
        let (_, state) = effect(rules, &state, second)?;
        let winner = if weigh(second) > weigh(first) { second } else { first };
        same("tip", winner.last().map(|bytes| Header::new(bytes).hash()), Some(state.tip().hash()))?;
    }
    Ok(())
}

/// A testnet's block of the easiest target in the middle of a period: no other network would take it.
fn refused_on_mainnet(tree: &Tree, rules: &Rules) -> Option<(u32, Result<(), String>)> {
    let limit = Rules::MAINNET.limit;
    let special = |at: &&(u32, Bytes)| {
        let header = Header::new(&at.1);
        let parent = tree.get(&header.parent()).map(|(_, bytes)| Header::new(&bytes).bits());
        let easy = header.bits() == limit && parent.is_some_and(|bits| bits != limit);
        easy && !at.0.is_multiple_of(PERIOD_BLOCKS)
    };
    let (height, bytes) = tree.headers.iter().filter(|_| rules.min_difficulty).find(special)?;
    let parent = tree.get(&Header::new(bytes).parent())?;
    let judge = || {
        let state = tree.begin(&Rules::MAINNET, &[parent])?;
        let found = offer(&Rules::MAINNET, &state, &[*bytes]);
        let wrong_bits = matches!(found, Err(causeway_bitcoin::Refusal::WrongBits { .. }));
        ensure(wrong_bits, || format!("expected wrong bits, found {:?}", found.map(|_| ())))
    };
    Some((*height, judge()))
}
