//! How a lane works: sizes, ages, patience. Every bound has its reason beside it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Which end of a lane this relayer serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Proves and sends to the peer; submits by itself only when the peer does not.
    Source,
    /// Receives from the peer, verifies and submits; proves by itself only when the peer does not.
    Destination,
    /// Serves both ends without a peer.
    Both,
}

/// Settings of a lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Most entries in one bundle, 1 to 256 (a delivery's bound on chain).
    pub batch_max_entries: u16,
    /// A smaller batch is sent when its oldest entry is this old.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub batch_max_age: Duration,
    /// Bundles sent and not yet closed, at most. Bounds memory and what a dead peer can hold up.
    pub bundles_in_flight_max: usize,
    /// How long without any progress before this relayer does the other end's work itself.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub peer_patience: Duration,
    /// Attempts for one delivery before it is split, and for a single entry before it becomes a dead letter.
    pub attempts_max: u8,
    /// How often a quiet lane's outbox size is proven, to find entries that a node hides.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub audit_interval: Duration,
}

/// An entry that is left behind while its lane moves is taken up after so many times the patience.
const LEFT_BEHIND: u32 = 4;

impl Settings {
    /// How long an entry may stay with the peer, or wait for it, before this relayer acts by itself: the patience on a
    /// lane that has stood `still` for longer than it, [`LEFT_BEHIND`] times that on one that moves. Nothing that a peer
    /// answers makes it longer: an entry is at the peer for at most 8 × `peer_patience`.
    ///
    /// The source waits longer than the destination, so that both do not start at once.
    pub fn patience(&self, role: Role, still: Duration) -> Duration {
        let patience = match role {
            Role::Both => return Duration::ZERO,
            Role::Destination => self.peer_patience,
            Role::Source => self.peer_patience.saturating_mul(2),
        };
        if still > patience { patience } else { patience.saturating_mul(LEFT_BEHIND) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch_max_entries: 128,
            batch_max_age: Duration::from_millis(200),
            bundles_in_flight_max: 32,
            peer_patience: Duration::from_secs(30),
            attempts_max: 5,
            audit_interval: Duration::from_secs(60),
        }
    }
}
