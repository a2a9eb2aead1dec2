//! The consensus specification's own vectors (`tests/formats/light_client`).
//!
//! * *sync*: `steps.yaml` beside `config.yaml`, `meta.yaml`, `bootstrap.ssz_snappy` and the updates that the steps name.
//!   The specification's store ([`causeway_ethereum::store`]) must take every step and every check must hold. Until the
//!   first forced update, the bridge's verifier must hold final what the store does; after it, it must not follow.
//! * *update ranking*: `meta.yaml` with a count, and as many updates, best first.
//! * *single Merkle proof*: `proof.yaml` beside an object: the leaf stands in it.

use std::path::Path;

use alloy_primitives::B256;
use causeway_crypto::bls::{Native, Portable};
use causeway_ethereum::{
    Bootstrap, Fork, Kind, LightClientHeader, Network, Params, Place, Preset, TrustedState, Update, proves,
    store::{LightClientStore, is_better},
    update::seal,
    verify_with,
};
use serde_json::Value;

use super::{
    api, known,
    network::{LONG, fork_of_digest, number, of_vectors},
    schema::{self, Sizes},
    yaml,
};
use crate::{
    cases::{File, Judged, Outcome, ensure, same},
    json::{bytes, field, hash, text, u64_of},
};

/// The content of `name.ssz_snappy`.
fn unpack(folder: &Path, name: &str) -> Result<Vec<u8>, String> {
    let packed =
        std::fs::read(folder.join(format!("{name}.ssz_snappy"))).map_err(|error| format!("{name}: {error}"))?;
    snap::raw::Decoder::new().decompress_vec(&packed).map_err(|error| format!("{name}: {error}"))
}

/// Files that belong to the case of another one in their folder.
pub fn parts(file: &File<'_>) -> Judged {
    let folder = file.path.parent()?;
    let beside = |name: &str| folder.join(name).is_file();
    let object = file.name.ends_with(".ssz_snappy");
    let described = file.name == "config.yaml" || file.name == "meta.yaml";
    let of_sync = beside("steps.yaml") && (object || described);
    let of_ranking = object && beside("meta.yaml");
    let of_proof = object && beside("proof.yaml");
    (of_sync || of_ranking || of_proof).then(Vec::new)
}

/// Judges *sync*.
pub fn sync(file: &File<'_>) -> Judged {
    if !file.value.is_null() {
        return None;
    }
    let steps = yaml::parse(file.bytes)?;
    let steps = steps.as_array()?;
    let known =
        ["process_update", "force_update", "upgrade_store", "process_finality_update", "process_optimistic_update"];
    if steps.is_empty() || !steps.iter().all(|step| known.iter().any(|name| step.get(name).is_some())) {
        return None;
    }
    let mut run = match Run::begin(file.path.parent()?) {
        Ok(run) => run,
        Err(why) => return Some(vec![("bootstrap".into(), Outcome::Failed(why))]),
    };
    let mut cases = vec![("bootstrap".to_owned(), Outcome::Passed)];
    for (at, step) in steps.iter().enumerate() {
        cases.push((format!("step {at}"), run.step(step).into()));
    }
    Some(cases)
}

struct Run<'a> {
    folder: &'a Path,
    params: Params,
    config: Value,
    store: LightClientStore,
    /// The bridge's client, until the store was forced.
    trusted: TrustedState,
    forced: bool,
}

impl<'a> Run<'a> {
    fn begin(folder: &'a Path) -> Result<Self, String> {
        let (network, config, meta) = of_vectors(folder).ok_or("no config.yaml or meta.yaml")?;
        // The vectors' chain has no genesis time; its payloads are stamped from 0.
        let params = Params { network, trusting_period: LONG, drift: 0, freeze_delay: 0 };
        let digest = bytes(&meta, "bootstrap_fork_digest")?;
        let fork = fork_of_digest(&network, &config, &digest).ok_or("no fork has the bootstrap's digest")?;
        let pinned = hash(&meta, "trusted_block_root")?;
        let ssz = unpack(folder, "bootstrap")?;
        let start = Bootstrap::decode(&network, fork, &ssz).map_err(|fault| fault.to_string())?;
        same("bootstrap again", &ssz, &start.encode(&network))?;
        let store = LightClientStore::initialize::<Native>(network, &pinned, &start).map_err(|why| why.to_string())?;
        let wire = [&[fork as u8], ssz.as_slice()].concat();
        let now = network.time_of(start.header.beacon.slot);
        let trusted = TrustedState::begin::<Native>(&params, &pinned, &wire, now).map_err(|why| why.to_string())?;
        let other = TrustedState::begin::<Native>(&params, &B256::repeat_byte(7), &wire, now);
        ensure(other.is_err(), || "another pin is taken".into())?;
        Ok(Self { folder, params, config, store, trusted, forced: false })
    }

    fn step(&mut self, step: &Value) -> Result<(), String> {
        let (name, step) = step.as_object().and_then(|step| step.iter().next()).ok_or("no step")?;
        match name.as_str() {
            // The store holds headers of every shape alike.
            "upgrade_store" => {
                let digest = bytes(step, "store_fork_digest")?;
                fork_of_digest(&self.params.network, &self.config, &digest).ok_or("no fork has the store's digest")?;
            }
            "force_update" => {
                let before = self.store.finalized().clone();
                self.store.force_update::<Native>(u64_of(step, "current_slot")?).map_err(|why| why.to_string())?;
                self.forced |= *self.store.finalized() != before;
            }
            _ => self.process(step)?,
        }
        let checks = field(step, "checks")?;
        self.check(checks, "finalized_header", self.store.finalized())?;
        self.check(checks, "optimistic_header", self.store.optimistic())
    }

    fn check(&self, checks: &Value, name: &str, header: &LightClientHeader) -> Result<(), String> {
        let Some(expected) = checks.get(name) else { return Ok(()) };
        same(name, u64_of(expected, "slot")?, header.beacon.slot)?;
        same(name, hash(expected, "beacon_root")?, header.beacon.root())?;
        if expected.get("execution_root").is_some() {
            same(name, hash(expected, "execution_root")?, header.execution_root(&self.params.network))?;
        }
        Ok(())
    }

    fn process(&mut self, step: &Value) -> Result<(), String> {
        let network = self.params.network;
        let digest = bytes(step, "update_fork_digest")?;
        let fork = fork_of_digest(&network, &self.config, &digest).ok_or("no fork has the update's digest")?;
        let ssz = unpack(self.folder, text(step, "update")?)?;
        let update = Update::decode(&network, Kind::Full, fork, &ssz).map_err(|fault| fault.to_string())?;
        same("update again", &ssz, &update.encode(&network, Kind::Full))?;
        let slot = u64_of(step, "current_slot")?;
        self.store.process_update::<Native>(&update, slot).map_err(|why| why.to_string())?;
        if self.forced {
            return Ok(());
        }
        let wire = seal(Kind::Full, fork, &ssz);
        let now = network.time_of(slot);
        crate::seeds::keep("ethereum", &wire);
        let native = verify_with::<Native>(&self.params, &self.trusted, &wire, now);
        let portable = verify_with::<Portable>(&self.params, &self.trusted, &wire, now);
        same("portable", &native, &portable)?;
        if let Ok(verified) = native {
            known::remember(&self.params, &self.trusted, &update, now);
            self.trusted = verified.trusted;
        }
        same("the bridge's final block", self.store.finalized().beacon.root(), self.trusted.header().root)
    }
}

/// Judges *update ranking*.
pub fn ranking(file: &File<'_>) -> Judged {
    if !file.value.is_null() {
        return None;
    }
    let meta = yaml::parse(file.bytes)?;
    let count = number(meta.get("updates_count")?)?;
    let folder = file.path.parent()?;
    let judge = || {
        let packed: Vec<Vec<u8>> =
            (0..count).map(|at| unpack(folder, &format!("updates_{at}"))).collect::<Result<_, _>>()?;
        let read = |(preset, fork): (Preset, Fork)| {
            let network = Network { preset, ..Network::MAINNET };
            let decode = |ssz: &Vec<u8>| Update::decode(&network, Kind::Full, fork, ssz).ok();
            packed.iter().map(decode).collect::<Option<Vec<_>>>().map(|updates| (preset, updates))
        };
        // The shape says which fork and preset they are of.
        let shapes =
            [Preset::MINIMAL, Preset::MAINNET].into_iter().flat_map(|preset| Fork::ALL.map(|fork| (preset, fork)));
        let (preset, updates) = shapes.filter_map(read).next().ok_or("no shape fits every update")?;
        for (at, better) in updates.iter().enumerate() {
            for (later, worse) in updates.iter().enumerate().skip(at + 1) {
                ensure(!is_better(&preset, worse, better), || format!("{later} ranks above {at}"))?;
                ensure(later > at + 1 || is_better(&preset, better, worse), || format!("{at} is not above {later}"))?;
            }
        }
        Ok(())
    };
    Some(vec![(format!("{count} updates"), judge().into())])
}

/// Judges *single Merkle proof*.
pub fn merkle_proof(file: &File<'_>) -> Judged {
    if !file.value.is_null() {
        return None;
    }
    let proof = yaml::parse(file.bytes)?;
    let index = number(proof.get("leaf_index")?)?;
    let (leaf, branch) = (hash(&proof, "leaf").ok()?, api::branch(&proof, "branch").ok()?);
    let folder = file.path.parent()?;
    let place = Place { depth: index.checked_ilog2()? as usize, index: index - (1 << index.ilog2()) };
    let judge = || {
        let object = unpack(folder, "object")?;
        let mut known = false;
        for fork in Fork::ALL {
            for sizes in [Sizes { minimal: true }, Sizes { minimal: false }] {
                let of_state = [fork.finalized_root(), fork.current_committee(), fork.next_committee()];
                let kind = match place {
                    Place::EXECUTION if fork.has_execution() => schema::body(sizes, fork),
                    place if of_state.contains(&place) => schema::state(sizes, fork),
                    _ => continue,
                };
                known = true;
                let Ok(root) = kind.root(&object) else { continue };
                if proves(leaf, &branch, place, &root) {
                    // Neither another leaf nor a shorter branch is.
                    let shorter = branch.get(1..).unwrap_or_default();
                    ensure(!proves(root, &branch, place, &root), || "another leaf".into())?;
                    return ensure(!proves(leaf, shorter, place, &root), || "a shorter branch".into());
                }
            }
        }
        Err(if known { "under no root of an object of this shape" } else { "a place that the client does not know" }
            .into())
    };
    Some(vec![(format!("leaf {index}"), judge().into())])
}
