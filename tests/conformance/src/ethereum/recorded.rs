//! Recordings of beacon nodes: a folder with `spec.json` and `genesis.json`.
//!
//! * *bootstraps, updates, finality and optimistic updates*, as JSON of the beacon API (`{version, data}`, or a list). A
//!   bootstrap starts a client. An update is accepted by a client that knows the committee from the other files, unless
//!   fewer than two thirds signed or it proves nothing final: then it is refused, for that reason. An optimistic update
//!   moves the optimistic header of the specification's store.
//! * *SSZ* of the same, and of blocks and states: the very bytes of the JSON file of the same name, if there is one; else
//!   judged like it.
//! * *headers* `{data: {root, header}}`, *blocks* `{data: {message, signature}}`: roots, and the payload under the body.
//! * files of the chain's constants belong to the cases of all others.

use causeway_crypto::bls::Native;
use causeway_ethereum::{
    Bootstrap, Fork, Kind, LightClientHeader, Network, SyncCommittee, TrustedState, Update, store::LightClientStore,
};
use serde_json::Value;

use super::{
    api, blocks,
    known::{self, Known, begin, verdict},
    schema::{self, Sizes},
};
use crate::{
    cases::{File, Judged, Outcome, ensure, same},
    json::{field, hash},
};

/// Constants of the chain, and of its execution layer.
pub fn constants(file: &File<'_>) -> Judged {
    known::of(file.path)?;
    let of_chain = ["genesis.json", "spec.json", "fork_schedule.json", "config.yaml"].contains(&file.name);
    let of_execution = file.value.get("alloc").is_some() && file.value.get("config").is_some();
    let word_beside_proof =
        file.value.get("jsonrpc").is_some() && field(file.value, "result").is_ok_and(Value::is_string);
    (of_chain || of_execution || word_beside_proof).then(Vec::new)
}

/// Judges bootstraps and updates in JSON.
pub fn light_client_data(file: &File<'_>) -> Judged {
    let items: Vec<&Value> = match file.value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(_) => vec![file.value],
        _ => return None,
    };
    if items.is_empty() || !items.iter().all(|item| api::is_bootstrap(item) || api::is_update(item)) {
        return None;
    }
    let known = known::of(file.path)?;
    let judge = |item: &Value| {
        let network = &known.params.network;
        if api::is_bootstrap(item) {
            let start = api::bootstrap(network, item)?;
            same_fork(item, start.fork)?;
            return bootstrap(&known, &start, named_root(file.name));
        }
        let update = api::update(network, item)?;
        same_fork(item, update.fork)?;
        judge_update(&known, &update)
    };
    let name = |at: usize| if items.len() == 1 { String::new() } else { format!("{at}") };
    Some(items.iter().enumerate().map(|(at, item)| (name(at), outcome(judge(item)))).collect())
}

/// What can not be judged for want of a file is no failure.
fn outcome(verdict: Result<(), String>) -> Outcome {
    match verdict {
        Err(why) if why.starts_with("no file holds") => Outcome::Unjudged(why),
        verdict => verdict.into(),
    }
}

fn same_fork(item: &Value, fork: Fork) -> Result<(), String> {
    match api::version(item) {
        // One name for both in older tools.
        Some(version) => same("fork", version, fork),
        None => Ok(()),
    }
}

/// A block root in a file's name: what a configuration would pin.
fn named_root(name: &str) -> Option<alloy_primitives::B256> {
    let (_, digits) = name.split_once("0x")?;
    digits.get(..64)?.parse().ok()
}

fn bootstrap(known: &Known, start: &Bootstrap, pinned: Option<alloy_primitives::B256>) -> Result<(), String> {
    if let Some(pinned) = pinned {
        same("pinned root", pinned, start.header.beacon.root())?;
    }
    let trusted = begin(&known.params, start)?;
    let again = TrustedState::decode(&trusted.encode()).map_err(|fault| fault.to_string())?;
    same("state again", &trusted, &again)
}

fn judge_update(known: &Known, update: &Update) -> Result<(), String> {
    let trusted = match known.client(update) {
        // Nothing signed: whoever is asked must refuse it.
        Err(_) if update.aggregate.bits.count() == 0 => {
            let (_, start) = known.bootstraps.iter().next().ok_or("no file holds a bootstrap")?;
            begin(&known.params, start)?
        }
        trusted => trusted?,
    };
    verdict(&known.params, &trusted, update)?;
    if update.finality.is_some() || update.next.is_some() {
        return Ok(());
    }
    // Optimistic: for the specification's store alone.
    let beacon = causeway_ethereum::BeaconHeader { slot: trusted.slot(), ..Default::default() };
    let header = LightClientHeader { beacon, ..LightClientHeader::default() };
    let (current, next) = (trusted.current().clone(), trusted.next().cloned());
    let mut store = LightClientStore::new(known.params.network, header, current, next);
    let taken = store.process_update::<Native>(update, update.signature_slot);
    if update.aggregate.bits.count() == 0 {
        return ensure(taken.is_err(), || "taken although nobody signed".into());
    }
    let (attested, trusted) = (update.attested.beacon.slot, trusted.slot());
    if attested <= trusted {
        // The genesis block itself: every store begins with it.
        return same("verdict", Err(causeway_ethereum::Refusal::NotNewer { attested, trusted }), taken);
    }
    taken.map_err(|refusal| refusal.to_string())?;
    same("optimistic header", &update.attested, store.optimistic())
}

/// Light client data in SSZ.
enum Decoded {
    Bootstrap(Box<Bootstrap>),
    Update(Kind, Box<Update>),
}

fn decode(network: &Network, bytes: &[u8]) -> Option<Decoded> {
    // Newest first: the shapes of two forks differ in length or not at all.
    for fork in Fork::ALL.into_iter().rev() {
        if let Ok(start) = Bootstrap::decode(network, fork, bytes)
            && network.fork_at_slot(start.header.beacon.slot) == Some(fork)
        {
            return Some(Decoded::Bootstrap(Box::new(start)));
        }
        for kind in [Kind::Full, Kind::Finality, Kind::Optimistic] {
            if let Ok(update) = Update::decode(network, kind, fork, bytes)
                && network.fork_at_slot(update.attested.beacon.slot) == Some(fork)
            {
                return Some(Decoded::Update(kind, Box::new(update)));
            }
        }
    }
    None
}

/// Judges SSZ.
pub fn ssz(file: &File<'_>) -> Judged {
    if file.path.extension().is_none_or(|extension| extension != "ssz") {
        return None;
    }
    let known = known::of(file.path)?;
    let network = &known.params.network;
    // A node's answer for several periods: length, fork digest, object.
    let framed =
        file.bytes.split_first_chunk::<8>().filter(|(length, rest)| u64::from_le_bytes(**length) == rest.len() as u64);
    let bytes = framed.and_then(|(_, rest)| rest.get(4..)).unwrap_or(file.bytes);
    let one = |verdict| Some(vec![(String::new(), outcome(verdict))]);
    match decode(network, bytes) {
        Some(Decoded::Bootstrap(start)) => one(same("encoding", bytes, &start.encode(network)).and_then(|()| {
            twin(file, |value| same("JSON", &api::bootstrap(network, value)?, &*start))?;
            bootstrap(&known, &start, named_root(file.name))
        })),
        Some(Decoded::Update(kind, update)) => {
            one(same("encoding", bytes, &update.encode(network, kind)).and_then(|()| {
                twin(file, |value| same("JSON", &api::update(network, value)?, &*update))?;
                judge_update(&known, &update)
            }))
        }
        None if file.name.starts_with("NONSPEC") => {
            // Its folder's README: not the specification's encoding. No shape takes it.
            Some(vec![(String::new(), Outcome::Passed)])
        }
        None => blocks::block_ssz(file, &known).or_else(|| state(file, &known)),
    }
}

/// The JSON file of the same name, if there is one.
fn twin(file: &File<'_>, judge: impl FnOnce(&Value) -> Result<(), String>) -> Result<(), String> {
    let Ok(bytes) = std::fs::read(file.path.with_extension("json")) else { return Ok(()) };
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let value = match value.as_array().map(Vec::as_slice) {
        Some([only]) => only,
        _ => &value,
    };
    judge(value)
}

/// A whole state: its root is the one in the header of its slot, and its committees have the roots that the client
/// computes.
fn state(file: &File<'_>, known: &Known) -> Judged {
    let network = &known.params.network;
    let sizes = Sizes { minimal: network.preset.committee_size == 32 };
    let slot = u64::from_le_bytes(file.bytes.get(40..48)?.try_into().ok()?);
    let kind = schema::state(sizes, network.fork_at_slot(slot)?);
    let judge = || {
        let root = kind.root(file.bytes)?;
        if let Some(expected) = known.state_roots.get(&slot) {
            same("state root", *expected, root)?;
        }
        let (_, validators_root) = kind.field(file.bytes, "genesis_validators_root")?;
        same("genesis validators root", network.genesis_validators_root.as_slice(), validators_root)?;
        if slot == 0 {
            let (validators, bytes) = kind.field(file.bytes, "validators")?;
            same("genesis validators", network.genesis_validators_root, validators.root(bytes)?)?;
        }
        for name in ["current_sync_committee", "next_sync_committee"] {
            let (described, bytes) = kind.field(file.bytes, name)?;
            let committee =
                SyncCommittee::decode(network.preset.committee_size, bytes).map_err(|fault| fault.to_string())?;
            same(name, described.root(bytes)?, committee.root())?;
        }
        Ok(())
    };
    Some(vec![(format!("state of slot {slot}"), judge().into())])
}

/// Judges `{data: {root, header: {message}}}`.
pub fn header(file: &File<'_>) -> Judged {
    let data = file.value.get("data")?;
    let (root, message) = (hash(data, "root").ok()?, data.get("header")?.get("message")?);
    let judge = || same("root", root, api::beacon(message)?.root());
    Some(vec![(String::new(), judge().into())])
}
