//! What both relayers must hold alike before a lane is opened: versions, chains, light clients, caps. The caller sends its
//! terms; each side compares them with its own and says exactly what differs. A stream is opened only under a digest of
//! equal terms, so nobody can skip this.

use std::{collections::BTreeMap, sync::Arc};

use alloy::primitives::{B256, keccak256};
use causeway_core::LaneId;
use causeway_proto::{
    Message,
    convert::{self, Unreadable},
    peer::v1,
};

use super::config;
use crate::lane::error::{Error, Kind};

/// The versions of the protocol that this program speaks.
pub const VERSIONS: std::ops::RangeInclusive<u32> = 1..=1;

/// Longest text in terms, bytes. CAIP-2 ids take 41.
const TEXT_MAX: usize = 256;

/// Most parameters of a light client.
const PARAMETERS_MAX: usize = 64;

/// Domain of the digest of terms.
const DIGEST_DOMAIN: &[u8] = b"causeway/terms/1";

/// What a relayer says of itself, and by what it judges others.
#[derive(Clone, Debug)]
pub struct Hello {
    /// This organisation.
    pub organisation: Arc<str>,
    /// All lanes with a peer.
    pub lanes: Vec<Agreement>,
}

/// A lane that is shared with a peer.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// The other organisation.
    pub peer: Arc<str>,
    /// Which end this relayer serves.
    pub direction: Direction,
    /// What both must hold alike.
    pub terms: Terms,
}

/// Which end of a lane this relayer serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The source: bundles go to the peer.
    Out,
    /// The destination: bundles come from the peer.
    In,
}

/// What both relayers must hold alike about a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The lane.
    pub lane: LaneId,
    /// The source chain.
    pub source: ChainTerms,
    /// The destination chain.
    pub destination: ChainTerms,
    /// The light client of the source.
    pub client: ClientTerms,
    /// Fingerprint of the caps per asset and window.
    pub caps: B256,
}

/// Which chain it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainTerms {
    /// CAIP-2 id.
    pub chain: String,
    /// Genesis hash.
    pub genesis: B256,
}

/// A light client's parameters and where trust starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTerms {
    /// Consensus family.
    pub family: String,
    /// Parameters by name, in canonical text form.
    pub parameters: BTreeMap<String, String>,
    /// Height of the pinned header.
    pub pinned_height: u64,
    /// Hash of the pinned header.
    pub pinned_hash: B256,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// No protocol version is shared.
    #[error("protocol versions: expected {expected}, found {found}")]
    Version {
        /// This side's.
        expected: String,
        /// The other side's.
        found: String,
    },
    /// The lane is not one that both share; also when it is another organisation's.
    #[error("lane {lane}: not shared with this organisation")]
    UnknownLane {
        /// The lane.
        lane: LaneId,
    },
    /// Another chain or genesis.
    #[error("lane {lane}: {what}: expected {expected}, found {found}")]
    Chain {
        /// The lane.
        lane: LaneId,
        /// Which value.
        what: &'static str,
        /// This side's.
        expected: String,
        /// The other side's.
        found: String,
    },
    /// Another light client, parameter or pinned header.
    #[error("lane {lane}: light client: {what}: expected {expected}, found {found}")]
    Client {
        /// The lane.
        lane: LaneId,
        /// Which value.
        what: String,
        /// This side's.
        expected: String,
        /// The other side's.
        found: String,
    },
    /// Other caps.
    #[error("lane {lane}: caps fingerprint: expected {expected}, found {found}")]
    Caps {
        /// The lane.
        lane: LaneId,
        /// This side's.
        expected: B256,
        /// The other side's.
        found: B256,
    },
}

impl Mismatch {
    /// Reason on the wire.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Version { .. } => "VERSION_MISMATCH",
            Self::UnknownLane { .. } => "UNKNOWN_LANE",
            Self::Chain { .. } => "CHAIN_MISMATCH",
            Self::Client { .. } => "CLIENT_MISMATCH",
            Self::Caps { .. } => "CAPS_MISMATCH",
        }
    }

    /// As an error of the lane.
    #[must_use]
    pub fn error(&self) -> Error {
        let kind = match self {
            Self::Version { .. } | Self::Caps { .. } => Kind::PeerRefused,
            Self::UnknownLane { .. } => Kind::UnknownLane,
            Self::Chain { .. } | Self::Client { .. } => Kind::ChainMismatch,
        };
        super::status::refusal(kind, self.to_string())
    }
}

impl Hello {
    /// The agreement about a lane, if it is shared with `peer` in that direction.
    #[must_use]
    pub fn agreement(&self, peer: &str, lane: LaneId, direction: Direction) -> Option<&Agreement> {
        let shared = |a: &&Agreement| a.terms.lane == lane && a.direction == direction && *a.peer == *peer;
        self.lanes.iter().find(shared)
    }

    pub(super) fn lanes_to(&self, peer: &str) -> impl Iterator<Item = &Terms> {
        let peer = peer.to_owned();
        self.lanes.iter().filter(move |a| a.direction == Direction::Out && *a.peer == *peer).map(|a| &a.terms)
    }

    /// The version that both speak.
    ///
    /// # Errors
    /// [`Mismatch::Version`].
    pub fn version(min: u32, max: u32) -> Result<u32, Mismatch> {
        let version = max.min(*VERSIONS.end());
        if version >= min && VERSIONS.contains(&version) {
            return Ok(version);
        }
        let expected = format!("{} to {}", VERSIONS.start(), VERSIONS.end());
        Err(Mismatch::Version { expected, found: format!("{min} to {max}") })
    }

    /// Judges one lane's terms as `peer`, whose source it is, holds them.
    ///
    /// # Errors
    /// What differs first.
    pub fn judge(&self, peer: &str, found: &Terms) -> Result<(), Mismatch> {
        let lane = found.lane;
        let own = self.agreement(peer, lane, Direction::In).ok_or(Mismatch::UnknownLane { lane })?;
        own.terms.compare(found)
    }
}

impl Terms {
    /// Compares another side's terms with these.
    ///
    /// # Errors
    /// What differs first.
    pub fn compare(&self, found: &Self) -> Result<(), Mismatch> {
        let lane = self.lane;
        let (source, destination) = (&self.source, &self.destination);
        let chains: [(&'static str, String, String); 4] = [
            ("source chain", source.chain.clone(), found.source.chain.clone()),
            ("source genesis", source.genesis.to_string(), found.source.genesis.to_string()),
            ("destination chain", destination.chain.clone(), found.destination.chain.clone()),
            ("destination genesis", destination.genesis.to_string(), found.destination.genesis.to_string()),
        ];
        for (what, expected, found) in chains {
            if expected != found {
                return Err(Mismatch::Chain { lane, what, expected, found });
            }
        }
        self.client.compare(lane, &found.client)?;
        if self.caps != found.caps {
            return Err(Mismatch::Caps { lane, expected: self.caps, found: found.caps });
        }
        if self == found { Ok(()) } else { Err(Mismatch::UnknownLane { lane: found.lane }) }
    }

    /// keccak-256 over a domain and the encoded `LaneTerms`: fields ascending, defaults left out.
    #[must_use]
    pub fn digest(&self) -> B256 {
        let mut preimage = DIGEST_DOMAIN.to_vec();
        preimage.extend_from_slice(&self.put().encode_to_vec());
        keccak256(preimage)
    }

    pub(super) fn put(&self) -> v1::LaneTerms {
        let client = &self.client;
        let parameter = |(name, value): (&String, &String)| v1::Parameter { name: name.clone(), value: value.clone() };
        v1::LaneTerms {
            lane: convert::word(&self.lane.0),
            source_chain: self.source.chain.clone(),
            source_genesis: convert::word(&self.source.genesis),
            destination_chain: self.destination.chain.clone(),
            destination_genesis: convert::word(&self.destination.genesis),
            client: Some(v1::ClientTerms {
                family: client.family.clone(),
                parameters: client.parameters.iter().map(parameter).collect(),
                pinned_height: client.pinned_height,
                pinned_hash: convert::word(&client.pinned_hash),
            }),
            caps_fingerprint: convert::word(&self.caps),
        }
    }

    pub(super) fn take(wire: v1::LaneTerms) -> Result<Self, Unreadable> {
        let client = wire.client.ok_or(Unreadable::Missing { field: "client" })?;
        convert::at_most("parameters", PARAMETERS_MAX, client.parameters.len())?;
        let mut parameters = BTreeMap::new();
        for parameter in client.parameters {
            parameters.insert(text("parameter", parameter.name)?, text("parameter", parameter.value)?);
        }
        Ok(Self {
            lane: convert::lane(&wire.lane)?,
            source: ChainTerms {
                chain: text("source_chain", wire.source_chain)?,
                genesis: convert::hash("source_genesis", &wire.source_genesis)?,
            },
            destination: ChainTerms {
                chain: text("destination_chain", wire.destination_chain)?,
                genesis: convert::hash("destination_genesis", &wire.destination_genesis)?,
            },
            client: ClientTerms {
                family: text("family", client.family)?,
                parameters,
                pinned_height: client.pinned_height,
                pinned_hash: convert::hash("pinned_hash", &client.pinned_hash)?,
            },
            caps: convert::hash("caps_fingerprint", &wire.caps_fingerprint)?,
        })
    }
}

impl ClientTerms {
    fn compare(&self, lane: LaneId, found: &Self) -> Result<(), Mismatch> {
        let differ = |what: &str, expected: String, found: String| {
            Err(Mismatch::Client { lane, what: what.to_owned(), expected, found })
        };
        if self.family != found.family {
            return differ("family", self.family.clone(), found.family.clone());
        }
        let pinned = |terms: &Self| format!("{} at {}", terms.pinned_hash, terms.pinned_height);
        if pinned(self) != pinned(found) {
            return differ("pinned header", pinned(self), pinned(found));
        }
        let none = || "none".to_owned();
        for name in self.parameters.keys().chain(found.parameters.keys()) {
            let (expected, found) = (self.parameters.get(name), found.parameters.get(name));
            if expected != found {
                return differ(name, expected.cloned().unwrap_or_else(none), found.cloned().unwrap_or_else(none));
            }
        }
        Ok(())
    }
}

fn text(field: &'static str, text: String) -> Result<String, Unreadable> {
    convert::at_most(field, TEXT_MAX, text.len())?;
    Ok(text)
}

/// This side's bounds on the wire.
pub(super) fn limits(limits: &config::Limits) -> v1::Limits {
    v1::Limits {
        message_bytes_max: limits.message_bytes_max,
        bundle_entries_max: causeway_core::bounds::MAX_BATCH as u32,
        lane_credits: limits.lane_credits,
    }
}
