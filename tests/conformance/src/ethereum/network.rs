//! A chain's constants, from whatever a folder or a file says about it.

use std::path::Path;

use alloy_primitives::B256;
use causeway_ethereum::{Fork, ForkStart, NEVER, Network, Params, Preset};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::yaml;
use crate::json::{bytes_of, hash};

/// Long enough for every recording.
pub const LONG: u64 = 1 << 40;

/// Parameters of a client that follows recordings of any age.
pub fn params(network: Network) -> Params {
    Params { network, trusting_period: LONG, drift: 0, freeze_delay: 60 }
}

/// A number in decimal or hex, as text or not.
pub fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| match value.as_str()? {
        text if text.starts_with("0x") => u64::from_str_radix(text.get(2..)?, 16).ok(),
        text => text.parse().ok(),
    })
}

fn version(value: &Value) -> Option<[u8; 4]> {
    match value.as_str() {
        Some(_) => bytes_of(value).ok()?.try_into().ok(),
        // Plain hex digits in YAML are a number.
        None => u32::try_from(value.as_u64()?).ok().map(u32::to_be_bytes),
    }
}

/// The constants of a `config.yaml` or of the beacon API's `spec`, without genesis.
pub fn from_config(config: &Value) -> Option<Network> {
    let preset = match config.get("PRESET_BASE")?.as_str()? {
        "minimal" => Preset::MINIMAL,
        "mainnet" => Preset::MAINNET,
        _ => return None,
    };
    let get = |name: &str| config.get(name).and_then(number);
    let preset = Preset {
        committee_size: get("SYNC_COMMITTEE_SIZE")
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(preset.committee_size),
        slots_per_epoch: get("SLOTS_PER_EPOCH").unwrap_or(preset.slots_per_epoch),
        epochs_per_period: get("EPOCHS_PER_SYNC_COMMITTEE_PERIOD").unwrap_or(preset.epochs_per_period),
    };
    let mut forks = [ForkStart { epoch: NEVER, version: [0xff; 4] }; 6];
    for (at, fork) in Fork::ALL.iter().enumerate() {
        let name = fork.name().to_uppercase();
        if let Some(version) = config.get(format!("{name}_FORK_VERSION")).and_then(version) {
            let epoch = get(&format!("{name}_FORK_EPOCH")).unwrap_or(NEVER);
            forks[at] = ForkStart { epoch, version };
        }
    }
    Some(Network {
        preset,
        genesis_validators_root: B256::ZERO,
        genesis_time: 0,
        seconds_per_slot: get("SECONDS_PER_SLOT").unwrap_or(12),
        genesis_version: config.get("GENESIS_FORK_VERSION").and_then(version)?,
        forks,
    })
}

/// The chain of a folder of recordings: `spec.json` and `genesis.json` of a node.
pub fn of_folder(folder: &Path) -> Option<Network> {
    let read = |name: &str| -> Option<Value> { serde_json::from_slice(&std::fs::read(folder.join(name)).ok()?).ok() };
    let mut network = from_config(read("spec.json")?.get("data")?)?;
    let genesis = read("genesis.json")?;
    let genesis = genesis.get("data")?;
    network.genesis_validators_root = hash(genesis, "genesis_validators_root").ok()?;
    network.genesis_time = number(genesis.get("genesis_time")?)?;
    Some(network)
}

/// The chain of a folder of the specification's vectors: `config.yaml` and `meta.yaml`.
pub fn of_vectors(folder: &Path) -> Option<(Network, Value, Value)> {
    let read = |name: &str| yaml::parse(&std::fs::read(folder.join(name)).ok()?);
    let (config, meta) = (read("config.yaml")?, read("meta.yaml")?);
    let mut network = from_config(&config)?;
    network.genesis_validators_root = hash(&meta, "genesis_validators_root").ok()?;
    Some((network, config, meta))
}

/// `compute_fork_digest` of each fork that the configuration has, Fulu's with its blob parameters (EIP-7892).
pub fn fork_of_digest(network: &Network, config: &Value, digest: &[u8]) -> Option<Fork> {
    let known = Fork::ALL.into_iter().zip(network.forks).filter(|(_, start)| start.version != [0xff; 4]);
    let mut found = None;
    for (fork, start) in known {
        let mut preimage = [0u8; 64];
        preimage[..4].copy_from_slice(&start.version);
        preimage[32..].copy_from_slice(network.genesis_validators_root.as_slice());
        let base: [u8; 32] = Sha256::digest(preimage).into();
        let mut digests = vec![[base[0], base[1], base[2], base[3]]];
        if fork == Fork::Fulu {
            digests = blob_parameters(config)
                .into_iter()
                .map(|parameters| {
                    let mask: [u8; 32] = Sha256::digest(parameters).into();
                    std::array::from_fn(|at| base[at] ^ mask[at])
                })
                .collect();
        }
        if digests.iter().any(|candidate| candidate == digest) {
            found = Some(fork);
        }
    }
    found
}

/// Every `(epoch, max blobs)` that may be in force in Fulu, as it is hashed.
fn blob_parameters(config: &Value) -> Vec<[u8; 16]> {
    let get = |value: &Value, name: &str| value.get(name).and_then(number);
    let schedule = config.get("BLOB_SCHEDULE").and_then(Value::as_array).cloned().unwrap_or_default();
    let scheduled =
        schedule.iter().filter_map(|entry| Some((get(entry, "EPOCH")?, get(entry, "MAX_BLOBS_PER_BLOCK")?)));
    let electra = get(config, "ELECTRA_FORK_EPOCH").zip(get(config, "MAX_BLOBS_PER_BLOCK_ELECTRA"));
    let encode = |(epoch, blobs): (u64, u64)| {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&epoch.to_le_bytes());
        bytes[8..].copy_from_slice(&blobs.to_le_bytes());
        bytes
    };
    scheduled.chain(electra).map(encode).collect()
}

/// A public chain by name or by the root of its genesis validators.
pub fn public(file: &Value) -> Option<Network> {
    let by_name = match file.get("network").and_then(Value::as_str) {
        Some("mainnet") => Some(Network::MAINNET),
        Some("sepolia") => Some(Network::SEPOLIA),
        _ => None,
    };
    let root = ["genesis_validators_root", "genesis_root"].into_iter().find_map(|name| hash(file, name).ok());
    by_name
        .into_iter()
        .chain([Network::MAINNET, Network::SEPOLIA])
        .find(|network| root.map_or(by_name.as_ref() == Some(network), |root| root == network.genesis_validators_root))
}
