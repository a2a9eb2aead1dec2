//! Neo N3: raw headers with their network's magic, chains of blocks, and what a node answers to `getblockheader`,
//! `getblock`, `getcommittee` and `getproof`.

use std::{fs, path::Path};

use alloy_primitives::{Address, B256};
use base64::{Engine, engine::general_purpose::STANDARD};
use causeway_crypto::p256::{Native, Portable};
use causeway_neo::{
    Header, Params, StateRoot, Storage, TrustedState, Verified, conflict_with, proof::read_under,
    script::consensus_script, script_hash, trie::Lookup, verify_with,
};
use serde_json::Value;

use crate::{
    cases::{File, Format, Judged, Outcome, ensure, same},
    json::{array, bytes, field, text, u64_of, unhex},
};

/// The formats of this family.
pub const FORMATS: [Format; 6] = [headers_by_trust, chain_of_blocks, served_headers, served_block, committees, reads];

/// A century: test networks made their first block years after the genesis block's date.
const TRUSTING_PERIOD: u64 = 100 * 365 * 24 * 3600;

/// Parameters under which vectors are judged: times are those of the vectors.
pub fn params(magic: u32, state_root_in_header: bool) -> Params {
    Params { magic, state_root_in_header, trusting_period: TRUSTING_PERIOD, drift: 15 }
}

/// Verdict of both implementations, which must agree.
///
/// # Errors
/// The refusal, or that they differ.
pub fn verify(params: &Params, trusted: &TrustedState, header: &[u8], now: u64) -> Result<Verified, String> {
    crate::seeds::keep("neo", header);
    let native = verify_with::<Native>(params, trusted, header, now);
    let portable = verify_with::<Portable>(params, trusted, header, now);
    if native != portable {
        return Err(format!("native says {native:?}, portable {portable:?}"));
    }
    native.map_err(|refusal| refusal.to_string())
}

/// A valid header: parameters, the state to judge it from, its bytes. For the mutation engine.
pub struct HeaderCase {
    /// Parameters.
    pub params: Params,
    /// State that the header is valid from.
    pub trusted: TrustedState,
    /// The header.
    pub header: Vec<u8>,
}

/// Bytes of a hash as nodes show it, reversed.
fn shown(value: &Value, name: &str) -> Result<B256, String> {
    let mut bytes = bytes(value, name)?;
    bytes.reverse();
    B256::try_from(bytes.as_slice()).map_err(|_| format!("{name} is no hash"))
}

fn shown_script_hash(text: &str) -> Result<Address, String> {
    let mut bytes = unhex(text)?;
    bytes.reverse();
    Address::try_from(bytes.as_slice()).map_err(|_| format!("{text} is no script hash"))
}

fn magic(value: &Value) -> Result<u32, String> {
    u32::try_from(u64_of(value, "network_magic")?).map_err(|_| "network_magic is beyond 32 bits".to_owned())
}

/// Whether this network's headers hold a state root: the only shape that the bytes have.
fn shape(magic: u32, header: &[u8]) -> Result<Params, String> {
    let fits = |with: &bool| Header::read_front(&params(magic, *with), header).is_ok();
    let with = [false, true].into_iter().find(fits).ok_or("a header of neither shape")?;
    Ok(params(magic, with))
}

/// The state right before a header, under that consensus.
fn before(header: &Header<'_>, consensus: Address) -> TrustedState {
    let height = header.height.saturating_sub(1);
    TrustedState::new(height, header.time_ms.saturating_sub(1), header.parent_hash, consensus, None)
}

/// Judges a header that follows, and asks for evidence in it against itself.
fn follow(params: &Params, trusted: &TrustedState, header: &[u8]) -> Result<Verified, String> {
    let now = Header::read(params, header).map_err(|fault| fault.to_string())?.time_ms.div_ceil(1000);
    let verified = verify(params, trusted, header, now)?;
    match conflict_with::<Native>(params, trusted, header, header, now) {
        Ok(None) => Ok(verified),
        other => Err(format!("the same header twice: {other:?}")),
    }
}

/// `[{network_magic, header_hex, hash, expected: "valid when the trusted next_consensus is … (0x…)"}]`.
fn headers_by_trust(file: &File<'_>) -> Judged {
    let cases = file.value.as_array()?;
    if cases.is_empty()
        || !cases.iter().all(|case| case.get("network_magic").is_some() && case.get("header_hex").is_some())
    {
        return None;
    }
    let judge = |case: &Value| {
        let name = text(case, "name").unwrap_or_default().to_owned();
        (name, by_trust(case).into())
    };
    Some(cases.iter().map(judge).collect())
}

fn by_trust(case: &Value) -> Result<(), String> {
    let HeaderCase { params, trusted, header } = stated(case)?;
    let expected = text(case, "expected")?;
    let verdict = follow(&params, &trusted, &header);
    if !expected.starts_with("valid") {
        return ensure(verdict.is_err(), || "accepted".to_owned());
    }
    let verified = verdict?;
    same("hash", shown(case, "hash")?, verified.header.hash)?;
    same("height", u64_of(case, "index")?, verified.header.height)?;
    // The same bytes from any other consensus, and on another network.
    let stranger = TrustedState::new(trusted.height(), trusted.time_ms(), trusted.hash(), Address::ZERO, None);
    ensure(follow(&params, &stranger, &header).is_err(), || "accepted from another consensus".to_owned())?;
    let elsewhere = Params { magic: params.magic ^ 1, ..params };
    ensure(follow(&elsewhere, &trusted, &header).is_err(), || "accepted on another network".to_owned())
}

fn stated(case: &Value) -> Result<HeaderCase, String> {
    let header = bytes(case, "header_hex")?;
    let params = shape(magic(case)?, &header)?;
    let read = Header::read(&params, &header).map_err(|fault| fault.to_string())?;
    let expected = text(case, "expected")?;
    let named = expected.split_once("(0x").and_then(|(_, rest)| rest.split_once(')')).map(|(hash, _)| hash);
    let consensus = shown_script_hash(named.ok_or("no consensus is stated")?)?;
    let trusted = before(&read, consensus);
    Ok(HeaderCase { params, trusted, header })
}

/// `{network_magic, blocks: [{header_hex, hash, merkle_root, next_consensus, expected}]}`.
fn chain_of_blocks(file: &File<'_>) -> Judged {
    file.value.get("network_magic")?;
    let blocks = file.value.get("blocks")?.as_array()?;
    let mut trusted = None;
    let mut cases = Vec::new();
    for block in blocks {
        let name = format!("block {}", block.get("index").unwrap_or(&Value::Null));
        let outcome = magic(file.value).and_then(|magic| next_block(magic, &mut trusted, block));
        cases.push((name, outcome.into()));
    }
    Some(cases)
}

fn next_block(magic: u32, trusted: &mut Option<TrustedState>, block: &Value) -> Result<(), String> {
    let header = bytes(block, "header_hex")?;
    let params = shape(magic, &header)?;
    let read = Header::read(&params, &header).map_err(|fault| fault.to_string())?;
    same("hash", shown(block, "hash")?, read.hash)?;
    same("merkle root", shown(block, "merkle_root")?, read.merkle_root)?;
    same("next consensus", shown_script_hash(text(block, "next_consensus")?)?, read.next_consensus)?;
    let expected = text(block, "expected")?;
    let verdict = match trusted {
        // The first of a file is either the pinned one, or is witnessed by the consensus that it names itself.
        None if expected.contains("trusted") => {
            let now = read.time_ms / 1000;
            let pinned =
                TrustedState::pinned(&params, &read.hash, &header, now).map_err(|refusal| refusal.to_string())?;
            *trusted = Some(pinned);
            return Ok(());
        }
        None => follow(&params, &before(&read, read.next_consensus), &header),
        Some(trusted) => follow(&params, trusted, &header),
    };
    if !expected.starts_with("valid") {
        return ensure(verdict.is_err(), || "accepted".to_owned());
    }
    *trusted = Some(verdict?.trusted);
    Ok(())
}

/// The magic of the network that the answers in a folder come from: `getversion`'s.
fn recorded_magic(path: &Path) -> Result<u32, String> {
    let folder = path.parent().ok_or("no folder")?;
    let files = fs::read_dir(folder).map_err(|error| error.to_string())?.filter_map(Result::ok);
    let contents = files.filter_map(|file| serde_json::from_slice::<Value>(&fs::read(file.path()).ok()?).ok());
    let found = contents.filter_map(|value| value.pointer("/result/protocol/network")?.as_u64()).next();
    found.and_then(|magic| u32::try_from(magic).ok()).ok_or_else(|| "no getversion beside it".to_owned())
}

fn raw(value: &Value) -> Result<Vec<u8>, String> {
    STANDARD.decode(text(value, "raw_base64")?).map_err(|error| error.to_string())
}

/// `{raw_base64, verbose: {hash, nextconsensus, …}}`.
fn is_served(value: &Value) -> bool {
    value.get("raw_base64").is_some() && value.pointer("/verbose/nextconsensus").is_some()
}

/// Blocks' headers one after another, or one alone, raw and as the node explains them.
fn served_headers(file: &File<'_>) -> Judged {
    let one = std::slice::from_ref(file.value);
    let served = file.value.as_array().map_or(one, Vec::as_slice);
    if served.is_empty() || !served.iter().all(|value| is_served(value) && value.pointer("/verbose/tx").is_none()) {
        return None;
    }
    let magic = recorded_magic(file.path);
    let mut trusted = None;
    let judge = |value: &Value| {
        let name = format!("header {}", value.pointer("/verbose/index").unwrap_or(&Value::Null));
        let outcome = magic.clone().and_then(|magic| next_served(magic, &mut trusted, value, &raw(value)?));
        (name, outcome.into())
    };
    Some(served.iter().map(judge).collect())
}

fn next_served(magic: u32, trusted: &mut Option<TrustedState>, value: &Value, header: &[u8]) -> Result<(), String> {
    let params = shape(magic, header)?;
    let read = Header::read(&params, header).map_err(|fault| fault.to_string())?;
    let verbose = field(value, "verbose")?;
    same("hash", shown(verbose, "hash")?, read.hash)?;
    same("time", u64_of(verbose, "time")?, read.time_ms)?;
    if let Some(root) = read.previous_state_root {
        same("previous state root", shown(verbose, "previousstateroot")?, root)?;
    }
    let genesis = read.height == 0;
    let verified = match trusted {
        None if genesis => {
            let now = read.time_ms / 1000;
            let pinned =
                TrustedState::pinned(&params, &read.hash, header, now).map_err(|refusal| refusal.to_string())?;
            *trusted = Some(pinned);
            return Ok(());
        }
        // What a folder starts with is witnessed by whoever witnesses it: the script says who that is.
        None => follow(&params, &before(&read, script_hash(read.verification)), header)?,
        Some(trusted) => follow(&params, trusted, header)?,
    };
    *trusted = Some(verified.trusted);
    Ok(())
}

/// A whole block, raw and explained: its header.
fn served_block(file: &File<'_>) -> Judged {
    if !is_served(file.value) || file.value.pointer("/verbose/tx").is_none() {
        return None;
    }
    let judge = || {
        let (magic, block) = (recorded_magic(file.path)?, raw(file.value)?);
        let params = shape(magic, &block)?;
        let (_, behind) = Header::read_front(&params, &block).map_err(|fault| fault.to_string())?;
        let header = block.get(..block.len() - behind.len()).unwrap_or_default();
        next_served(magic, &mut None, file.value, header)
    };
    Some(vec![(String::new(), judge().into())])
}

/// `{getcommittee: {result: [keys]}}`: the script of these keys is the consensus of a header beside it.
fn committees(file: &File<'_>) -> Judged {
    let keys = file.value.pointer("/getcommittee/result")?.as_array()?;
    let judge = || {
        let key = |key: &Value| {
            let bytes = unhex(key.as_str().ok_or("a key is no string")?)?;
            <[u8; 33]>::try_from(bytes.as_slice()).map_err(|_| "a key has not 33 bytes".to_owned())
        };
        let keys: Vec<[u8; 33]> = keys.iter().map(key).collect::<Result<_, _>>()?;
        let script = consensus_script(&keys).map_err(|fault| fault.to_string())?;
        named_beside(file.path, script_hash(&script))
    };
    Some(vec![("committee".into(), judge().into())])
}

/// Some header beside the file names this consensus.
fn named_beside(path: &Path, consensus: Address) -> Result<(), String> {
    let magic = recorded_magic(path)?;
    let files = fs::read_dir(path.parent().ok_or("no folder")?).map_err(|error| error.to_string())?;
    for file in files.filter_map(Result::ok) {
        let Some(value) = fs::read(file.path()).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        else {
            continue;
        };
        for served in value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice) {
            let Ok(bytes) = raw(served) else { continue };
            let Ok(params) = shape(magic, &bytes) else { continue };
            if Header::read_front(&params, &bytes).is_ok_and(|(header, _)| header.next_consensus == consensus) {
                return Ok(());
            }
        }
    }
    Err(format!("no header names {consensus}"))
}

/// `{stateroot: {index, roothash}, proofs: {key: {getproof, verifyproof}}}`.
fn reads(file: &File<'_>) -> Judged {
    let root = file.value.get("stateroot")?;
    let proofs = file.value.get("proofs")?.as_object()?;
    let state = || Ok::<_, String>(StateRoot { height: u64_of(root, "index")?, root: shown(root, "roothash")? });
    let judge = |(name, case): (&String, &Value)| {
        let answer = case.pointer("/getproof/result").and_then(Value::as_str);
        let outcome = match answer {
            Some(answer) => state().and_then(|state| one_read(&state, name, answer, case)).into(),
            // The node refused: there is nothing to judge.
            None => Outcome::Unjudged("the node gives no proof of absence".into()),
        };
        (name.clone(), outcome)
    };
    let mut cases: Vec<(String, Outcome)> = proofs.iter().map(judge).collect();
    if let Some(found) = file.value.pointer("/findstates/result") {
        cases.push(("findstates".into(), state().and_then(|state| found_states(&state, found)).into()));
    }
    Some(cases)
}

fn one_read(state: &StateRoot, key: &str, answer: &str, case: &Value) -> Result<(), String> {
    let proof = STANDARD.decode(answer).map_err(|error| error.to_string())?;
    let value = case.pointer("/verifyproof/result").and_then(Value::as_str).ok_or("no verifyproof")?;
    let value = STANDARD.decode(value).map_err(|error| error.to_string())?;
    present(state, &unhex(key)?, &proof, &value)
}

/// The first and last of the listed states have proofs.
fn found_states(state: &StateRoot, found: &Value) -> Result<(), String> {
    let results = array(found, "results")?;
    for (listed, name) in [(results.first(), "firstProof"), (results.last(), "lastProof")] {
        let listed = listed.ok_or("nothing was found")?;
        let decode = |value: &Value, name: &str| STANDARD.decode(text(value, name)?).map_err(|error| error.to_string());
        present(state, &decode(listed, "key")?, &decode(found, name)?, &decode(listed, "value")?)?;
    }
    Ok(())
}

fn present(state: &StateRoot, key: &[u8], proof: &[u8], value: &[u8]) -> Result<(), String> {
    // The contract's id stands before the key in the proof; the question repeats it.
    let id = proof.get(1..5).and_then(|id| id.try_into().ok()).map(i32::from_le_bytes).ok_or("no contract id")?;
    let place = Storage { contract: id, key };
    let found = read_under(state, place, proof).map_err(|refusal| refusal.to_string())?;
    same("value", Lookup::Present(value), found)?;
    for at in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[at] ^= 1 << (at % 8);
        ensure(read_under(state, place, &changed).is_err(), || format!("accepted with byte {at} changed"))?;
    }
    let other = StateRoot { root: B256::repeat_byte(1), ..*state };
    ensure(read_under(&other, place, proof).is_err(), || "accepted under another root".to_owned())
}

/// Every valid header of a file of these formats.
pub fn valid_headers(value: &Value, path: &Path) -> Vec<HeaderCase> {
    let mut found = Vec::new();
    if let Some(cases) = value.as_array().filter(|cases| cases.iter().all(|case| case.get("header_hex").is_some())) {
        found.extend(cases.iter().filter_map(|case| stated(case).ok()));
    }
    let blocks = value.get("blocks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let of_blocks = blocks.iter().filter_map(|block| Some((magic(value).ok()?, bytes(block, "header_hex").ok()?)));
    let served = value.as_array().map_or(&[][..], Vec::as_slice).iter();
    let served = served
        .filter(|value| is_served(value))
        .filter_map(|value| Some((recorded_magic(path).ok()?, raw(value).ok()?)));
    for (magic, header) in of_blocks.chain(served) {
        let Ok(params) = shape(magic, &header) else { continue };
        let Ok(read) = Header::read(&params, &header) else { continue };
        if read.height > 0 {
            let trusted = before(&read, script_hash(read.verification));
            found.push(HeaderCase { params, trusted, header });
        }
    }
    found
}
