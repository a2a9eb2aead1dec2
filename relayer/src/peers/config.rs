//! Settings of the listener for peers, and of each peer.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lane::error::{Error, Kind, Result};

/// The listener for other organisations' relayers, and this relayer's certificate for both directions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenSettings {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// PEM file: this relayer's certificate, then the intermediates up to its organisation's CA.
    pub certificate: PathBuf,
    /// PEM file: the certificate's private key.
    pub key: PathBuf,
    /// Bounds.
    #[serde(default)]
    pub limits: Limits,
    /// Development only: no TLS; every caller counts as this organisation. `listen` must be a loopback address.
    #[serde(default)]
    pub plaintext_for_development: Option<String>,
}

/// Another organisation's relayer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeerSettings {
    /// The organisation.
    pub organisation: String,
    /// Where it listens: `https://host:port`.
    pub address: String,
    /// The DNS name that its certificate carries: exactly one, no wildcard. This is who it is.
    pub certificate_name: String,
    /// PEM file: the CA that its certificates come from.
    pub ca: PathBuf,
    /// PEM file: certificates that the CA has taken back.
    #[serde(default)]
    pub revocations: Option<PathBuf>,
    /// Development only: no TLS. `address` must be a loopback address.
    #[serde(default)]
    pub plaintext_for_development: bool,
}

/// Bounds of the links to peers (INV-7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Largest message taken, bytes. The largest bundle (256 entries, 256 seals, a deep state) takes about 200 kB.
    pub message_bytes_max: u32,
    /// Bundles of one lane in flight: sent to this relayer and not yet stored by it.
    pub lane_credits: u32,
    /// Connections with a finished handshake, of all organisations.
    pub connections_max: u32,
    /// Connections of one organisation: its relayers, and the old ones of a restart.
    pub connections_per_peer_max: u32,
    /// Handshakes under way. Past it the oldest is given up, so that an honest caller always finds room.
    pub handshakes_max: u32,
    /// How long a handshake may take.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub handshake_deadline: Duration,
    /// How long a call may take, and how long sending waits for a credit.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub call_deadline: Duration,
    /// A connection that is silent so long is asked for a sign of life.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub keepalive_interval: Duration,
    /// How long the sign of life may take; then the connection is closed.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub keepalive_deadline: Duration,
    /// First pause before connecting again; doubles, with jitter, up to `reconnect_max`.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub reconnect_min: Duration,
    /// Longest pause before connecting again.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub reconnect_max: Duration,
    /// A connection older than this is made anew, so that certificates are judged again.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub connection_age_max: Duration,
    /// How often certificate files are looked at for changes.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub certificate_interval: Duration,
    /// Take gzip-compressed messages. The bound on message bytes holds for the decompressed size.
    pub compression: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 1 << 20,
            lane_credits: 64,
            connections_max: 256,
            connections_per_peer_max: 16,
            handshakes_max: 1024,
            handshake_deadline: Duration::from_secs(5),
            call_deadline: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(10),
            keepalive_deadline: Duration::from_secs(10),
            reconnect_min: Duration::from_millis(200),
            reconnect_max: Duration::from_secs(15),
            connection_age_max: Duration::from_secs(3600),
            certificate_interval: Duration::from_secs(10),
            compression: false,
        }
    }
}

impl ListenSettings {
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// `InvalidConfig`: plaintext beyond loopback, or a bound of zero.
    pub fn check(&self) -> Result<()> {
        if self.plaintext_for_development.is_some() && !self.listen.ip().is_loopback() {
            return Err(invalid(format!("plaintext is for loopback addresses only, found {}", self.listen)));
        }
        let limits = &self.limits;
        for (name, value) in [
            ("message_bytes_max", limits.message_bytes_max),
            ("lane_credits", limits.lane_credits),
            ("connections_max", limits.connections_max),
            ("connections_per_peer_max", limits.connections_per_peer_max),
            ("handshakes_max", limits.handshakes_max),
        ] {
            if value == 0 {
                return Err(invalid(format!("{name}: expected at least 1, found 0")));
            }
        }
        Ok(())
    }
}

impl PeerSettings {
    /// Host and port of `address`.
    ///
    /// # Errors
    /// `InvalidConfig`: not `https://host:port`, or plaintext beyond loopback.
    pub fn authority(&self) -> Result<(String, u16)> {
        let scheme = if self.plaintext_for_development { "http" } else { "https" };
        let uri: tonic::transport::Uri = self
            .address
            .parse()
            .map_err(|error| invalid(format!("address of {}: {:?}: {error}", self.organisation, self.address)))?;
        let (Some(found), Some(host), Some(port)) = (uri.scheme_str(), uri.host(), uri.port_u16()) else {
            return Err(invalid(format!("address of {}: expected {scheme}://host:port", self.organisation)));
        };
        if found != scheme {
            return Err(invalid(format!("address of {}: expected {scheme}, found {found}", self.organisation)));
        }
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let loopback = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if self.plaintext_for_development && !loopback {
            return Err(invalid(format!("plaintext is for loopback addresses only, found {host}")));
        }
        Ok((host.to_owned(), port))
    }
}

pub(super) fn invalid(detail: String) -> Error {
    Error::stop_lane(Kind::InvalidConfig, detail)
}
