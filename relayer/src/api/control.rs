//! What the admin service asks of the daemon. The answers are the wire's own messages: the operator's view is used
//! nowhere else, a second set of types would only be copied.

use crate::lane::error::{Class, Error, Kind};
use async_trait::async_trait;
use causeway_core::LaneId;
use causeway_proto::admin::v1::{
    Client, DeadLetter, DrainResponse, Entry, EntryTrace, Lane, RelayerStatus, ReloadResponse,
};
use std::{fmt, time::Duration};

/// Which entries to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Select {
    /// From this index on.
    pub from: u64,
    /// At most so many.
    pub limit: usize,
    /// Only entries that are not delivered.
    pub pending_only: bool,
}

/// The daemon, as an operator sees it. Every method ends within the admin service's deadline.
#[async_trait]
pub trait Control: Send + Sync + 'static {
    /// The relayer as a whole.
    async fn status(&self) -> Result<RelayerStatus, Refused>;
    /// All lanes in the order of the configuration.
    async fn lanes(&self) -> Result<Vec<Lane>, Refused>;
    /// One lane.
    async fn lane(&self, lane: LaneId) -> Result<Lane, Refused>;
    /// Stops the lane's stages until [`Control::resume`], also across restarts.
    async fn pause(&self, lane: LaneId) -> Result<Lane, Refused>;
    /// Starts a lane that was paused or that stopped.
    async fn resume(&self, lane: LaneId) -> Result<Lane, Refused>;
    /// Entries by index, ascending.
    async fn entries(&self, lane: LaneId, select: Select) -> Result<Vec<Entry>, Refused>;
    /// One entry with everything known of its way.
    async fn trace(&self, lane: LaneId, index: u64) -> Result<EntryTrace, Refused>;
    /// The light client of the lane's source.
    async fn client(&self, lane: LaneId) -> Result<Client, Refused>;
    /// Dead letters by number, ascending, those above `after`, at most `limit`.
    async fn dead_letters(&self, after: u64, limit: usize, lane: Option<LaneId>) -> Result<Vec<DeadLetter>, Refused>;
    /// Gives a dead letter back to its lane.
    async fn retry(&self, number: u64) -> Result<DeadLetter, Refused>;
    /// Forgets a dead letter.
    async fn discard(&self, number: u64) -> Result<DeadLetter, Refused>;
    /// Begins nothing new, finishes what is under way, and ends the relayer then. Says how much that is.
    async fn drain(&self) -> Result<DrainResponse, Refused>;
    /// Reads configuration and certificates again; with `validate_only` says what would change.
    async fn reload(&self, validate_only: bool) -> Result<ReloadResponse, Refused>;
}

/// Why an operator's call was not done.
#[derive(Debug)]
pub struct Refused {
    /// What kind of refusal.
    pub what: What,
    /// Machine-readable, UPPER_SNAKE_CASE.
    pub reason: String,
    /// For people: the thing, what was expected, what was found, what to do.
    pub detail: String,
}

/// Kind of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The thing named does not exist.
    NotFound,
    /// The request itself is wrong.
    Invalid,
    /// Not in this state.
    Precondition,
    /// Not now; perhaps later.
    Unavailable {
        /// Not before this, if known.
        after: Option<Duration>,
    },
    /// The relayer is at fault.
    Internal,
}

impl Refused {
    /// A refusal.
    pub fn new(what: What, reason: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { what, reason: reason.into(), detail: detail.into() }
    }

    /// The thing does not exist.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(What::NotFound, "NOT_FOUND", detail)
    }

    /// The request is wrong.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(What::Invalid, "INVALID_ARGUMENT", detail)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.detail)
    }
}

impl std::error::Error for Refused {}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let what = match error.class {
            _ if error.kind == Kind::UnknownLane => What::NotFound,
            Class::Retry { after } => What::Unavailable { after },
            Class::DeadLetter => What::Precondition,
            Class::StopLane => What::Internal,
        };
        Self::new(what, error.kind.name().to_ascii_uppercase(), error.detail)
    }
}
