//! What the files of one folder of recordings say together: the chain, its committees, its final payloads.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use alloy_primitives::B256;
use causeway_crypto::bls::{Native, Portable};
use causeway_ethereum::{
    Accepted, Bootstrap, Committee, Execution, LightClientHeader, Network, Params, Refusal, SyncCommittee,
    TrustedState, Update, UpdateFault, Verified, verify_with,
};
use serde_json::Value;

use super::{api, network};
use crate::cases::{ensure, same};

/// A folder's chain.
#[derive(Debug)]
pub struct Known {
    /// Its parameters.
    pub params: Params,
    /// Bootstraps by slot.
    pub bootstraps: BTreeMap<u64, Bootstrap>,
    /// Full updates by the period of their attested header.
    pub updates: BTreeMap<u64, Update>,
    /// Payloads whose branch is good, by block number.
    pub payloads: BTreeMap<u64, Accepted>,
    /// State roots by slot.
    pub state_roots: BTreeMap<u64, B256>,
    /// Block roots by slot.
    pub block_roots: BTreeMap<u64, B256>,
}

/// What is known of the folder of a file.
pub fn of(path: &Path) -> Option<Arc<Known>> {
    static READ: Mutex<Option<HashMap<PathBuf, Option<Arc<Known>>>>> = Mutex::new(None);
    let folder = path.parent()?;
    let mut read = READ.lock().ok()?;
    let read = read.get_or_insert_default();
    read.entry(folder.to_owned()).or_insert_with(|| Known::read(folder).map(Arc::new)).clone()
}

impl Known {
    fn read(folder: &Path) -> Option<Self> {
        let network = network::of_folder(folder)?;
        let mut known = Self {
            params: network::params(network),
            bootstraps: BTreeMap::new(),
            updates: BTreeMap::new(),
            payloads: BTreeMap::new(),
            state_roots: BTreeMap::new(),
            block_roots: BTreeMap::new(),
        };
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "json")) {
            let Some(value) = std::fs::read(file).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
            else {
                continue;
            };
            let items = value.as_array().map_or_else(|| vec![&value], |items| items.iter().collect());
            items.into_iter().for_each(|item| known.learn(&network, item));
        }
        Some(known)
    }

    fn learn(&mut self, network: &Network, item: &Value) {
        if api::is_bootstrap(item) {
            if let Ok(start) = api::bootstrap(network, item) {
                self.header(&start.header);
                self.bootstraps.insert(start.header.beacon.slot, start);
            }
        } else if api::is_update(item)
            && let Ok(update) = api::update(network, item)
        {
            self.header(&update.attested);
            if let Some(finality) = &update.finality {
                self.header(&finality.header);
            }
            if update.next.is_some() {
                let period = network.preset.period(update.attested.beacon.slot);
                // Several of one period: the one with a quorum teaches.
                let better = |old: &Update| old.aggregate.bits.count() < update.aggregate.bits.count();
                if self.updates.get(&period).is_none_or(better) {
                    self.updates.insert(period, update);
                }
            }
        }
    }

    fn header(&mut self, header: &LightClientHeader) {
        let slot = header.beacon.slot;
        self.state_roots.insert(slot, header.beacon.state_root);
        self.block_roots.insert(slot, header.beacon.root());
        if header.check(&self.params.network).is_ok() && header.execution.block_number > 0 {
            self.payloads.insert(header.execution.block_number, accepted(&self.params.network, header));
        }
    }

    /// A client that has not yet seen the header signed in `signature_slot` and knows the committee that signed it.
    pub fn client(&self, update: &Update) -> Result<TrustedState, String> {
        let network = &self.params.network;
        let period = |slot| network.preset.period(slot);
        let wanted = period(update.signature_slot);
        // A header that is final before: else the one that is attested, so that a client may stand just below.
        let below =
            update.finality.as_ref().map_or(update.attested.beacon.slot, |finality| finality.header.beacon.slot);
        let before = self.bootstraps.range(..below.max(1)).next_back().map(|(_, start)| start);
        if let Some(start) = before.filter(|start| period(start.header.beacon.slot) == wanted) {
            return begin(&self.params, start);
        }
        // A client of an older period is led there by the updates in between.
        if let Some(start) = before {
            let mut trusted = begin(&self.params, start)?;
            for update in self.updates.range(period(start.header.beacon.slot)..wanted).map(|(_, update)| update) {
                match judge(&self.params, &trusted, update) {
                    Ok(verified) => trusted = verified.trusted,
                    Err(_) => break,
                }
            }
            if period(trusted.slot()) == wanted || (trusted.next().is_some() && period(trusted.slot()) + 1 == wanted) {
                return Ok(trusted);
            }
        }
        // Else one that is told the committee, as a recording says it was.
        let of_period = |start: &&Bootstrap| period(start.header.beacon.slot) == wanted;
        let from_bootstrap = self.bootstraps.values().find(of_period).map(|start| &start.committee);
        let from_update = || {
            let update = self.updates.get(&wanted.checked_sub(1)?)?;
            update.next.as_ref().map(|next| &next.committee)
        };
        let committee = from_bootstrap.or_else(from_update).ok_or("no file holds the committee of its period")?;
        told(&self.params, wanted, committee)
    }
}

/// What a valid header says, as the client would accept it.
pub fn accepted(network: &Network, header: &LightClientHeader) -> Accepted {
    let payload = &header.execution;
    let has = network.fork_at_slot(header.beacon.slot).is_some_and(|fork| fork.has_execution());
    Accepted {
        slot: header.beacon.slot,
        root: header.beacon.root(),
        parent_root: header.beacon.parent_root,
        time: if has { payload.timestamp } else { network.time_of(header.beacon.slot) },
        execution: has.then_some(Execution {
            block_number: payload.block_number,
            block_hash: payload.block_hash,
            parent_hash: payload.parent_hash,
            state_root: payload.state_root,
            receipts_root: payload.receipts_root,
        }),
    }
}

/// A client that starts at a bootstrap.
pub fn begin(params: &Params, start: &Bootstrap) -> Result<TrustedState, String> {
    let wire = [&[start.fork as u8], start.encode(&params.network).as_slice()].concat();
    let now = params.network.time_of(start.header.beacon.slot);
    let pinned = start.header.beacon.root();
    TrustedState::begin::<Native>(params, &pinned, &wire, now).map_err(|refusal| refusal.to_string())
}

/// A client that stands just before a period (or at genesis) and is told its committee.
pub fn told(params: &Params, period: u64, committee: &SyncCommittee) -> Result<TrustedState, String> {
    let committee = Committee::new::<Native>(committee).map_err(|refusal| refusal.to_string())?;
    let first = period * params.network.preset.slots_per_period();
    let (slot, next) = first.checked_sub(1).map_or((0, None), |before| (before, Some(committee.clone())));
    let time = params.network.time_of(slot);
    let header = Accepted { slot, root: B256::ZERO, parent_root: B256::ZERO, time, execution: None };
    Ok(TrustedState::new(header, committee, next))
}

/// An update that was accepted, with the client that accepted it.
#[derive(Clone, Debug)]
pub struct AcceptedUpdate {
    /// The client's parameters.
    pub params: Params,
    /// What it trusted.
    pub trusted: TrustedState,
    /// What it accepted.
    pub update: Update,
    /// When.
    pub now: u64,
}

static ACCEPTED: Mutex<Vec<AcceptedUpdate>> = Mutex::new(Vec::new());

/// Every update that was accepted since the last call, in the order in which it was.
pub fn take_accepted() -> Vec<AcceptedUpdate> {
    ACCEPTED.lock().map(|mut accepted| std::mem::take(&mut *accepted)).unwrap_or_default()
}

/// Remembers an accepted update.
pub fn remember(params: &Params, trusted: &TrustedState, update: &Update, now: u64) {
    if let Ok(mut accepted) = ACCEPTED.lock() {
        accepted.push(AcceptedUpdate { params: *params, trusted: trusted.clone(), update: update.clone(), now });
    }
}

/// The verdict of both implementations on an update, at the time of its signature.
pub fn judge(params: &Params, trusted: &TrustedState, update: &Update) -> Result<Verified, Refusal> {
    let (wire, now) = (update.to_wire(&params.network), params.network.time_of(update.signature_slot));
    verify_with::<Native>(params, trusted, &wire, now)
}

/// What an update must come to: accepted if a quorum signed something final, else refused for that very reason.
pub fn verdict(params: &Params, trusted: &TrustedState, update: &Update) -> Result<(), String> {
    let (wire, now) = (update.to_wire(&params.network), params.network.time_of(update.signature_slot));
    crate::seeds::keep("ethereum", &wire);
    let native = verify_with::<Native>(params, trusted, &wire, now);
    let portable = verify_with::<Portable>(params, trusted, &wire, now);
    same("portable", &native, &portable)?;
    let preset = &params.network.preset;
    let found = update.aggregate.bits.count();
    let finality = match &update.finality {
        None => {
            let kind = UpdateFault::Kind(causeway_ethereum::Kind::Optimistic as u8);
            let expected = if update.next.is_some() { Refusal::NotFinal } else { Refusal::Update(kind) };
            return same("verdict", Err(expected), native.map(|_| ()));
        }
        Some(finality) if finality.header.is_empty() => {
            return same("verdict", Err(Refusal::NotFinal), native.map(|_| ()));
        }
        Some(finality) => finality,
    };
    if found < preset.quorum() {
        let (needed, of) = (preset.quorum(), preset.committee_size);
        return same("verdict", Err(Refusal::NotEnoughTrust { needed, found, of }), native.map(|_| ()));
    }
    let verified = native.map_err(|refusal| refusal.to_string())?;
    remember(params, trusted, update, now);
    same("header", accepted(&params.network, &finality.header), verified.header)?;
    // ATK-057: the time is the payload's.
    let payload = &finality.header.execution;
    ensure(verified.header.execution.is_none() || verified.header.time == payload.timestamp, || "time".into())
}
