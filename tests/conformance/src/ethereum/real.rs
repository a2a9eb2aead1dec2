//! Recordings of public networks in one file each: a start and what follows.
//!
//! The start is a `bootstrap`, a `store`, an `initial_state`, or a header (or none) with the committees that are trusted.
//! `updates`, `light_client_update`, `update…`, `finality_update` and `optimistic_update` follow, accepted in this order,
//! except those that are named `…reject`. `expected` is prose, of which a final finalized slot is read.

use std::path::Path;

use causeway_crypto::bls::Native;
use causeway_ethereum::{
    Accepted, Bootstrap, Committee, Fork, ForkStart, NEVER, Network, Params, Place, Preset, TrustedState, Update,
    proves,
};
use causeway_mpt::{InlineNodes, Limits, Lookup, decode_account, lookup_with, rlp};
use serde_json::Value;

use super::{
    api,
    known::{accepted, begin, judge, told, verdict},
    network::{params, public},
};
use crate::{
    cases::{File, Judged, Outcome, ensure, same},
    json::{byte_list, field, hash, text},
};

const STARTS: [&str; 5] = ["bootstrap", "store", "initial_state", "trusted_header", "current_sync_committee"];

/// Updates in the order in which they follow each other.
const STEPS: [&str; 3] = ["update", "finality_update", "optimistic_update"];

/// Judges a start and what follows.
pub fn scenario(file: &File<'_>) -> Judged {
    let value = file.value;
    let names = value.as_object()?;
    if !STARTS.iter().any(|name| names.contains_key(*name)) || steps(value).is_empty() {
        return None;
    }
    let Some(network) = network_of(value) else {
        return Some(vec![(String::new(), Outcome::Failed("of no known network".into()))]);
    };
    let params = params(network);
    let mut cases = Vec::new();
    let mut trusted = match start(&params, value) {
        Ok(trusted) => {
            cases.push(("start".to_owned(), Outcome::Passed));
            trusted
        }
        Err(why) => return Some(vec![("start".into(), Outcome::Failed(why))]),
    };
    let mut last = None;
    for (name, item) in steps(value) {
        let outcome = match api::update(&network, inner(item)) {
            Err(why) => Outcome::Failed(why),
            Ok(update) if name.contains("reject") => {
                ensure(judge(&params, &trusted, &update).is_err(), || "accepted".into()).into()
            }
            Ok(update) => {
                let client = client(&params, &trusted, &update, value, file.path);
                let outcome = step(&params, &client, &update, item);
                if let (Outcome::Passed, Ok(verified)) = (&outcome, judge(&params, &client, &update)) {
                    trusted = verified.trusted;
                    last = Some(verified.header);
                }
                outcome
            }
        };
        cases.push((name, outcome));
    }
    if let Some(slot) = expected_slot(value) {
        cases.push(("final slot".into(), same("final slot", slot, trusted.slot()).into()));
    }
    if let (Some(header), true) = (last, value.get("account_proof").is_some()) {
        cases.push(("account proof".into(), account_proof(&header, value).into()));
    }
    Some(cases)
}

/// `"… finalized slot N …"`.
fn expected_slot(value: &Value) -> Option<u64> {
    let (_, rest) = text(value, "expected").ok()?.split_once("finalized slot ")?;
    rest.split(|digit: char| !digit.is_ascii_digit()).next()?.parse().ok()
}

fn steps(value: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    let Some(fields) = value.as_object() else { return found };
    let rank = |name: &str| {
        if name.contains("reject") {
            return 4;
        }
        STEPS.iter().rposition(|step| name.contains(step)).unwrap_or(3)
    };
    let mut names: Vec<&String> = fields.keys().filter(|name| name.contains("update")).collect();
    names.sort_by_key(|name| (rank(name), name.as_str()));
    for name in names {
        let item = &fields[name];
        match item.as_array() {
            // A pair of an update and its period, or a list of updates.
            Some(items) if items.iter().all(|item| api::is_update(inner(item))) => {
                found.extend(items.iter().enumerate().map(|(at, item)| (format!("{name} {at}"), item)));
            }
            Some(items) => found.extend(items.first().map(|item| (name.clone(), item))),
            None if api::is_update(inner(item)) => found.push((name.clone(), item)),
            None => {}
        }
    }
    found
}

/// The update inside a wrapper that adds an execution root and its branch.
fn inner(item: &Value) -> &Value {
    item.get("light_client_update").unwrap_or(item)
}

fn network_of(value: &Value) -> Option<Network> {
    if let Some(network) = public(value) {
        return Some(network);
    }
    // A development network of the minimal preset, whose file holds the genesis root beside the start. The fork versions
    // are those of the preset, all forks up to Bellatrix from genesis on.
    let state = value.get("initial_state")?.as_array()?;
    let root = state.iter().rev().find_map(|item| item.as_str()?.parse().ok())?;
    let mut network = Network { preset: Preset::MINIMAL, genesis_validators_root: root, ..Network::MAINNET };
    network.genesis_version = [0, 0, 0, 1];
    for (start, fork) in network.forks.iter_mut().zip(Fork::ALL) {
        let epoch = if fork <= Fork::Bellatrix { 0 } else { NEVER };
        *start = ForkStart { epoch, version: [fork as u8, 0, 0, 1] };
    }
    Some(network)
}

fn start(params: &Params, value: &Value) -> Result<TrustedState, String> {
    let network = &params.network;
    if let Some(start) = value.get("bootstrap") {
        return begin(params, &api::bootstrap(network, start)?);
    }
    if let Some(state) = value.get("initial_state").and_then(Value::as_array) {
        let start = state.first().ok_or("no state")?;
        let beacon = api::header(field(start, "beacon_header")?)?;
        let fork = network.fork_at_slot(beacon.beacon.slot).ok_or("before Altair")?;
        let committee = api::committee(field(start, "current_sync_committee")?)?;
        let branch = api::branch(start, "current_sync_committee_branch")?;
        return begin(params, &Bootstrap { fork, header: beacon, committee, branch });
    }
    let store = value.get("store").unwrap_or(value);
    let committee = |name: &str| -> Result<Option<Committee>, String> {
        let Some(found) = store.get(name).filter(|found| !found.is_null()) else { return Ok(None) };
        Committee::new::<Native>(&api::committee(found)?).map(Some).map_err(|refusal| refusal.to_string())
    };
    let (current, next) = (committee("current_sync_committee")?, committee("next_sync_committee")?);
    let header = ["finalized_header", "trusted_header"].iter().find_map(|name| store.get(name));
    let header: Accepted = match header {
        Some(header) => accepted(network, &api::header(header)?),
        None => {
            // Told the committee alone: it stands where the period of the first signature begins.
            let (_, first) = steps(value).into_iter().next().ok_or("nothing follows")?;
            let update = api::update(network, inner(first))?;
            let committee = api::committee(field(store, "current_sync_committee")?)?;
            return told(params, network.preset.period(update.signature_slot), &committee);
        }
    };
    Ok(TrustedState::new(header, current.ok_or("no committee")?, next))
}

/// The client that judges an update: the one that followed so far; or, where the period's committee stands in another
/// file of the same kind, one that is told it. A file may be one of a sequence of which others are missing: a committee
/// with the very same members (their sum is the same) signs alike, if all of it signs.
fn client(params: &Params, trusted: &TrustedState, update: &Update, value: &Value, path: &Path) -> TrustedState {
    let preset = &params.network.preset;
    let wanted = preset.period(update.signature_slot);
    let at = preset.period(trusted.slot());
    if wanted == at || (wanted == at + 1 && trusted.next().is_some()) {
        return trusted.clone();
    }
    let from_file = |file: &Value| {
        let taught = |(_, item): (String, &Value)| {
            let update = api::update(&params.network, inner(item)).ok()?;
            let period = preset.period(update.attested.beacon.slot) + 1;
            Some((period, update.next?.committee))
        };
        steps(file).into_iter().filter_map(taught).find(|(period, _)| *period == wanted).map(|(_, committee)| committee)
    };
    let beside = || {
        let files = std::fs::read_dir(path.parent()?).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let json = files.filter(|file| file.extension().is_some_and(|extension| extension == "json"));
        json.filter_map(|file| serde_json::from_slice::<Value>(&std::fs::read(file).ok()?).ok())
            .filter(|file| {
                file.get("initial_state").is_some() && file.get("initial_state") == value.get("initial_state")
            })
            .find_map(|file| from_file(&file))
    };
    if let Some(client) = beside().and_then(|committee| told(params, wanted, &committee).ok()) {
        return client;
    }
    let slot = (wanted * preset.slots_per_period()).saturating_sub(1);
    let header = Accepted { slot, execution: None, time: params.network.time_of(slot), ..*trusted.header() };
    TrustedState::new(header, trusted.current().clone(), Some(trusted.current().clone()))
}

fn step(params: &Params, trusted: &TrustedState, update: &Update, item: &Value) -> Outcome {
    if let Err(why) = payload_root(update, item) {
        return Outcome::Failed(why);
    }
    if update.finality.is_none() {
        // A head that nobody finalized: nothing for a bridge.
        return ensure(judge(params, trusted, update).is_err(), || "accepted".into()).into();
    }
    verdict(params, trusted, update).into()
}

/// A payload's root beside an update of before Capella: it stands in the finalized block's body.
fn payload_root(update: &Update, item: &Value) -> Result<(), String> {
    if item.get("finalized_execution_root").is_none() {
        return Ok(());
    }
    let (root, branch) = (hash(item, "finalized_execution_root")?, api::branch(item, "finalized_execution_branch")?);
    let body = update.finality.as_ref().ok_or("no finalized header")?.header.beacon.body_root;
    ensure(proves(root, &branch, Place::EXECUTION, &body), || "the payload's root is not in the body".into())
}

/// An account's proof whose address the file does not name: the key is read off the path, then proven.
fn account_proof(header: &Accepted, value: &Value) -> Result<(), String> {
    let nodes = byte_list(value, "account_proof")?;
    let root = header.execution.ok_or("no payload")?.state_root;
    let mut key: Vec<u8> = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        let mut items = rlp::exact(node).and_then(|node| node.items()).map_err(|error| error.to_string())?;
        let mut parts = Vec::new();
        while !items.is_empty() {
            parts.push(items.item().map_err(|error| error.to_string())?);
        }
        let next = nodes.get(at + 1).map(alloy_primitives::keccak256);
        if parts.len() == 17 {
            let next = next.ok_or("ends in a branch")?;
            let turn = parts.iter().position(|part| part.payload() == next.as_slice()).ok_or("not linked")?;
            key.push(turn as u8);
        } else {
            let path = parts.first().ok_or("no path")?.payload();
            let odd = path.first().ok_or("no path")? & 0x10 != 0;
            let nibbles = path.iter().flat_map(|byte| [byte >> 4, byte & 15]).skip(if odd { 1 } else { 2 });
            key.extend(nibbles);
        }
    }
    let key: Vec<u8> = key.chunks(2).map(|two| two[0] << 4 | two.get(1).copied().unwrap_or_default()).collect();
    match lookup_with(&root, &key, &nodes, Limits::STATE, InlineNodes::Embedded) {
        Ok(Lookup::Present(account)) => decode_account(account).map(drop).map_err(|error| error.to_string()),
        other => Err(format!("{other:?}")),
    }
}
