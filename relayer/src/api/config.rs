//! Settings of the listener for exchanges, and who may call it.

use crate::{
    lane::error::Result,
    peers::config::{Limits, ListenSettings, PeerSettings},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// The gRPC listener for exchanges and wallets. Off unless this section is there.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ApiConfig {
    /// Address to listen on. Loopback by default.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// PEM file: the listener's certificate, then the intermediates up to a CA that callers know. Absent only with
    /// `plaintext_for_development`.
    #[serde(default)]
    pub certificate: PathBuf,
    /// PEM file: the certificate's private key.
    #[serde(default)]
    pub key: PathBuf,
    /// TOML file, mode 0600: callers that show a bearer token. Read again when it changes. Each `[[token]]` has
    /// `sha256` (of the token, hexadecimal; the token itself stands nowhere), `organisation`, `scopes` and `accounts`.
    #[serde(default)]
    pub tokens: Option<PathBuf>,
    /// Callers that show a certificate.
    #[serde(default)]
    pub callers: Vec<CallerConfig>,
    /// Development only: no TLS, tokens travel in the clear. `listen` must be a loopback address.
    #[serde(default)]
    pub plaintext_for_development: bool,
    /// Bounds for each caller.
    #[serde(default)]
    pub limits: ApiLimits,
}

/// A caller that shows a certificate.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct CallerConfig {
    /// Whom it belongs to.
    pub organisation: String,
    /// The DNS name that its certificate carries: exactly one, no wildcard. This is who it is.
    pub certificate_name: String,
    /// PEM file: the CA that its certificates come from.
    pub ca: PathBuf,
    /// PEM file: certificates that the CA has taken back.
    #[serde(default)]
    pub revocations: Option<PathBuf>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Its accounts, CAIP-10: only swaps and transfers of these are shown to it, and only with these it acts.
    pub accounts: Vec<String>,
}

/// What a caller may do. Nothing is allowed that is not listed.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Quotes, and its swaps and transfers.
    Read,
    /// Propose swaps, and take them back.
    Propose,
    /// Accept swaps, and turn them down.
    Accept,
    /// Have transactions prepared, and submit signed ones.
    Submit,
}

/// Bounds for each caller of the listener (INV-7).
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct ApiLimits {
    /// Calls of one organisation per second, on average; twice as many at once.
    pub calls_per_second: u32,
    /// Proposals of one organisation that are not over.
    pub open_swaps: u32,
    /// Streams of one organisation.
    pub streams: u32,
    /// Shortest time between now and a leg's deadline, beside both chains' observed lag.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub deadline_margin: Duration,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self { calls_per_second: 1000, open_swaps: 5000, streams: 2000, deadline_margin: Duration::from_secs(30) }
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7443))
}

impl ApiConfig {
    /// As the peers' listener understands it: one code judges certificates for both.
    pub(crate) fn listener(&self) -> (ListenSettings, Vec<PeerSettings>) {
        let listen = ListenSettings {
            listen: self.listen,
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            limits: Limits { connections_max: 4096, connections_per_peer_max: 2048, ..Limits::default() },
            // No organisation has this name: a caller without TLS is nobody until it shows a token.
            plaintext_for_development: self.plaintext_for_development.then(String::new),
        };
        let callers = self.callers.iter().map(|caller| PeerSettings {
            organisation: caller.organisation.clone(),
            address: String::new(),
            certificate_name: caller.certificate_name.clone(),
            ca: caller.ca.clone(),
            revocations: caller.revocations.clone(),
            plaintext_for_development: false,
        });
        (listen, callers.collect())
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// `InvalidConfig`: plaintext beyond loopback.
    pub(crate) fn check(&self) -> Result<()> {
        self.listener().0.check()
    }
}
