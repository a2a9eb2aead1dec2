//! The configuration: one TOML file, checked as a whole before anything is started.
//!
//! Unknown keys are refused, secrets are named by file and never written into it, and every refusal says the file, the
//! key, what was expected, what was found and what to do. `docs/config.md` and `docs/config.schema.json` are generated
//! from the structs here ([`reference`]).

pub mod agreement;
pub mod error;
pub mod hot;
mod load;
pub mod reference;
pub mod secret;
pub(crate) mod validate;

pub use crate::chains::registry::ChainConfig;
pub use crate::lane::settings::{Role, Settings};
pub use agreement::{Agreement, Fingerprint};
pub use error::{ConfigError, Problem};
pub use load::MAX_CONFIG_BYTES;
pub use validate::Stage;

pub use crate::api::config::ApiConfig;
use crate::peers::config::{ListenSettings, PeerSettings};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

/// Everything that one organisation's relayer needs to know. Paths are relative to this file's folder; a relayer
/// writes only into `data_dir`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the organisation that runs this relayer: lower-case letters, digits and `-`, at most 32.
    pub organisation: String,
    /// Folder for the journal and the admin socket. Created with mode 0700 if absent.
    #[serde(default = "default_data_dir")]
    pub data_dir: PathBuf,
    /// The chains that this relayer reads or writes, by a short name of your choice.
    pub chains: BTreeMap<String, ChainConfig>,
    /// The bridges that this relayer serves, by name.
    #[serde(default)]
    pub bridges: BTreeMap<String, BridgeConfig>,
    /// PEM file: this organisation's CA certificate, the one that other organisations get.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// This relayer's own gRPC listener and certificate. May be absent if no bridge has a peer.
    #[serde(default)]
    pub listener: Option<ListenSettings>,
    /// The other organisations' relayers.
    #[serde(default)]
    pub peers: Vec<PeerSettings>,
    /// How lanes work: batch size and age, patience with the peer, attempts.
    #[serde(default)]
    pub lanes: Settings,
    /// Where the relayer remembers what it saw and intended.
    #[serde(default)]
    pub store: StoreConfig,
    /// Prometheus metrics and probes.
    #[serde(default)]
    pub metrics: MetricsConfig,
    /// The operator's socket.
    #[serde(default)]
    pub admin: AdminConfig,
    /// The listener for exchanges and wallets: swaps and transfers. Off if absent.
    #[serde(default)]
    pub api: Option<ApiConfig>,
    /// Logs.
    #[serde(default)]
    pub log: LogConfig,
    /// Traces. Off unless an endpoint is given.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
    /// Where this configuration was read from; not a key of the file.
    #[serde(skip)]
    pub source: Source,
}

impl Config {
    /// The other organisations.
    pub fn peer_names(&self) -> Vec<&str> {
        self.peers.iter().map(|peer| peer.organisation.as_str()).collect()
    }

    /// The two lanes of a bridge, with what this relayer does on each.
    pub fn lanes_of(&self, bridge: &BridgeConfig, agreement: &Agreement) -> [agreement::BridgeLane; 2] {
        let side = match &bridge.side {
            Side::Both => None,
            Side::Chain(name) => self.chains.get(name).and_then(|chain| agreement.end(validate::chain_id(chain))),
        };
        agreement.lanes(side)
    }

    /// How the lanes of a bridge work.
    pub fn lane_settings(&self, bridge: &BridgeConfig) -> Settings {
        bridge.lanes.clone().unwrap_or_else(|| self.lanes.clone())
    }

    /// How to reach an organisation.
    pub fn peer(&self, organisation: &str) -> Option<&PeerSettings> {
        self.peers.iter().find(|peer| peer.organisation == organisation)
    }
}

/// Where a configuration came from. Relative paths are resolved against `folder`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The file.
    pub file: PathBuf,
    /// The folder that it stands in.
    pub folder: PathBuf,
}

/// A bridge: a lane and its reverse, between two vaults.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BridgeConfig {
    /// What both organisations agreed on (`causeway bridge export` writes it, `bridge join` checks it): chains,
    /// genesis and pinned headers, contracts and their code hashes, assets, caps.
    pub agreement: PathBuf,
    /// The agreement's fingerprint, as two people read it to each other. The relayer refuses another one.
    pub fingerprint: Fingerprint,
    /// Which end this organisation stands at: the name of a chain above (this relayer proves what leaves it, and
    /// submits what arrives at it), or `both` (no peer is needed).
    pub side: Side,
    /// The organisation at the other end; absent if `side = "both"`.
    #[serde(default)]
    pub peer: Option<String>,
    /// Replaces `lanes` as a whole for this bridge.
    #[serde(default)]
    pub lanes: Option<Settings>,
}

/// The end of a bridge that a relayer serves.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(from = "String")]
#[schemars(with = "String")]
pub enum Side {
    /// Both ends: one relayer alone.
    Both,
    /// The chain of that name.
    Chain(String),
}

impl Side {
    /// As the configuration writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Both => "both",
            Self::Chain(name) => name,
        }
    }
}

impl From<String> for Side {
    fn from(name: String) -> Self {
        if name == "both" { Self::Both } else { Self::Chain(name) }
    }
}

/// Most entries that a vault takes in one call (`MAX_BATCH` of the contracts).
pub const MAX_BATCH: u16 = 256;

/// The journal.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// Which store.
    pub kind: StoreKind,
}

/// The kinds of stores.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum StoreKind {
    /// One file in `data_dir`, `journal.redb`.
    #[default]
    Embedded,
}

/// HTTP listener for `/metrics`, `/healthz` and `/readyz`. No actions.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsConfig {
    /// Address to listen on. It has no authentication: keep it on loopback or behind a firewall.
    pub listen: SocketAddr,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9464)) }
    }
}

/// The operator's gRPC socket, used by `status`, `lanes`, `entries`, `dead-letters` and others. Mode 0600.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    /// File name of the Unix socket, inside `data_dir`.
    pub socket: PathBuf,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { socket: PathBuf::from("admin.sock") }
    }
}

/// Logs, on standard error.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug` or `trace`, or a filter such as `info,causeway::lane=debug`.
    pub level: String,
    /// One JSON object a line, or text for people.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Json }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Text,
}

/// OpenTelemetry traces over OTLP/gRPC.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// The collector, such as `http://127.0.0.1:4317`. Absent: no traces.
    pub otlp_endpoint: Option<String>,
    /// Share of transfers that are traced, 0 to 1. Decided by the trace id, so that both relayers decide alike.
    pub sample_ratio: f64,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { otlp_endpoint: None, sample_ratio: 1.0 }
    }
}

fn default_data_dir() -> PathBuf {
    PathBuf::from("data")
}

#[cfg(test)]
mod tests;
