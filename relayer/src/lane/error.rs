//! Errors are values with a class. The class is decided once, where the error enters the relayer, and nothing
//! later looks at texts: it matches on [`Kind`] and obeys [`Class`].

use std::{borrow::Cow, fmt, time::Duration};

/// What to do about an error. Decided where the error enters, see the table in `ARCHITECTURE.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Transient: try again, not before `after` when the other side named a delay.
    Retry {
        /// The delay that the other side asked for, if it did.
        after: Option<Duration>,
    },
    /// Fatal for this item: it becomes a dead letter, visible and re-drivable.
    DeadLetter,
    /// Fatal for this lane: the lane stops and an alert fires.
    StopLane,
}

/// What went wrong, by kind. A new kind needs a class in the place that creates it and a row in the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// No usable answer in time, connection refused or broken.
    Unavailable,
    /// The deadline of a call passed.
    DeadlineExceeded,
    /// The other side asked to slow down.
    RateLimited,
    /// The node answers but does not advance.
    Stalled,
    /// The node does not hold the state or block asked for (pruned, or behind).
    NotAvailableYet,
    /// The node's answer contradicts a verified fact (header, proof, outbox).
    NodeLied,
    /// The answer cannot be read: not the format expected.
    Malformed,
    /// A light client or proof refused.
    Refused,
    /// The light client's trusting period has passed.
    ClientExpired,
    /// Conflicting final headers: the client is frozen.
    ClientFrozen,
    /// The chain is not the one configured (chain id, genesis, code hash, pinned header).
    ChainMismatch,
    /// The lane is unknown here, or closed.
    UnknownLane,
    /// The outbox got shorter or an index was rewritten.
    OutboxRewritten,
    /// The vault's code or implementation changed.
    VaultCodeChanged,
    /// The signer cannot pay.
    InsufficientFunds,
    /// The nonce was taken by another transaction.
    NonceConflict,
    /// A replacement needs a higher fee.
    Underpriced,
    /// The transaction reverted.
    Reverted,
    /// The transaction was dropped or replaced by somebody else's.
    Dropped,
    /// The store cannot be written or read.
    Store,
    /// The peer broke the protocol.
    PeerMisbehaved,
    /// The peer refused.
    PeerRefused,
    /// A stated bound would be passed.
    TooLarge,
    /// The configuration is wrong.
    InvalidConfig,
    /// The relayer is shutting down.
    ShuttingDown,
}

impl Kind {
    /// Name for labels and machine-readable output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::RateLimited => "rate_limited",
            Self::Stalled => "stalled",
            Self::NotAvailableYet => "not_available_yet",
            Self::NodeLied => "node_lied",
            Self::Malformed => "malformed",
            Self::Refused => "refused",
            Self::ClientExpired => "client_expired",
            Self::ClientFrozen => "client_frozen",
            Self::ChainMismatch => "chain_mismatch",
            Self::UnknownLane => "unknown_lane",
            Self::OutboxRewritten => "outbox_rewritten",
            Self::VaultCodeChanged => "vault_code_changed",
            Self::InsufficientFunds => "insufficient_funds",
            Self::NonceConflict => "nonce_conflict",
            Self::Underpriced => "underpriced",
            Self::Reverted => "reverted",
            Self::Dropped => "dropped",
            Self::Store => "store",
            Self::PeerMisbehaved => "peer_misbehaved",
            Self::PeerRefused => "peer_refused",
            Self::TooLarge => "too_large",
            Self::InvalidConfig => "invalid_config",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

/// An error with its class, its kind and what an operator needs to know: what was expected, what was found.
#[derive(Debug)]
pub struct Error {
    /// What to do.
    pub class: Class,
    /// What it is.
    pub kind: Kind,
    /// For people: the thing, what was expected, what was found. Never holds secrets or URLs with credentials.
    pub detail: Cow<'static, str>,
}

impl Error {
    /// An error that may pass by itself.
    pub fn retry(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { class: Class::Retry { after: None }, kind, detail: detail.into() }
    }

    /// An error that may pass, not before `after`.
    pub fn retry_after(kind: Kind, after: Duration, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { class: Class::Retry { after: Some(after) }, kind, detail: detail.into() }
    }

    /// An error that ends this item.
    pub fn dead_letter(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { class: Class::DeadLetter, kind, detail: detail.into() }
    }

    /// An error that ends this lane until an operator acts.
    pub fn stop_lane(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { class: Class::StopLane, kind, detail: detail.into() }
    }

    /// True if trying again may help.
    pub fn is_retry(&self) -> bool {
        matches!(self.class, Class::Retry { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.detail)
    }
}

impl std::error::Error for Error {}

/// Shorthand for results of the relayer.
pub type Result<T, E = Error> = std::result::Result<T, E>;
