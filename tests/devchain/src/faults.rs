//! What can be wrong with a node, chosen per endpoint and changed at any time.

use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};

/// The faults of one endpoint. The default is an honest node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Faults {
    /// Accepts connections and requests, and never answers (HTTP and WebSocket).
    pub mute: bool,
    /// Answers after this many milliseconds.
    pub delay_ms: u64,
    /// Shows an older chain.
    pub lag: Option<Lag>,
    /// Answers at the level of HTTP.
    pub http: Option<HttpFault>,
    /// What happens to WebSocket connections, the open ones included.
    pub ws: Option<WsFault>,
    /// Lies in `eth_getLogs`, receipts and log notifications.
    pub logs: Option<LogLie>,
    /// Lies in `eth_getProof`.
    pub proof: Option<ProofLie>,
    /// Lies in everything that shows a header.
    pub header: Option<HeaderLie>,
    /// Answers `eth_sendRawTransaction` with the hash and forgets the transaction.
    pub drop_transactions: bool,
    /// If not empty, [`Self::http`], [`Self::delay_ms`] and [`Self::mute`] only strike requests for these methods.
    pub methods: Vec<String>,
}

/// An older chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lag {
    /// This many blocks behind.
    Blocks(u64),
    /// Never newer than this height.
    StuckAt(u64),
}

/// Wrong answers of HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HttpFault {
    /// 429 with `Retry-After` in seconds.
    TooManyRequests {
        /// Seconds.
        retry_after: u64,
    },
    /// A bare status.
    Status(u16),
    /// 200 with a JSON-RPC error for every request.
    ErrorBody {
        /// Error code.
        code: i64,
        /// Error message.
        message: String,
    },
    /// 200 with `"result": null` for every request.
    Null,
    /// 200 with a web page.
    Html,
    /// 200 with an empty body.
    Empty,
    /// 200 with the first half of the right body.
    Truncated,
}

/// Wrong behaviour of WebSocket connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WsFault {
    /// Open connections end, new ones end after the handshake.
    End,
    /// Connections stay open; nothing is read, written or pinged any more.
    HalfOpen,
    /// Requests are answered, but subscriptions say nothing.
    MuteSubscriptions,
    /// The handshake is refused with 503.
    Refuse,
}

/// Lies about logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LogLie {
    /// Every log is left out.
    Drop,
    /// Every `n`th log is left out.
    DropEvery(usize),
    /// The last byte of every log's data is flipped.
    Alter,
    /// A log that never happened is added to every answer about its address.
    Forge {
        /// Emitter.
        address: Address,
        /// Topics.
        topics: Vec<B256>,
        /// Data.
        data: Bytes,
    },
}

/// Lies in proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProofLie {
    /// One byte of the last account node is flipped.
    FlipAccount,
    /// One byte of the last node of every slot is flipped.
    FlipStorage,
    /// Every slot's value is one more than proven.
    FalseValue,
    /// The last node of every proof is missing.
    Truncate,
    /// The proof is that of the parent state.
    Stale,
}

/// Lies about headers; the answer's hash fits the header shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HeaderLie {
    /// Another state root under the true seals.
    AlterStateRoot,
    /// Another state root, sealed by strangers' keys; the list of validators is the true one.
    ForgeSeals,
    /// Another state root, sealed by strangers who are also the list of validators.
    ForgeValidators,
    /// Another state root under true seals: the validators themselves signed two blocks at one height.
    Equivocate,
    /// No seals at all.
    NoSeals,
    /// A timestamp one hour later under the true seals.
    AlterTime,
}

impl Faults {
    /// Whether faults that are bound to methods strike this one.
    pub(crate) fn strikes(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|other| other == method)
    }

    pub(crate) fn delay(&self) -> Option<Duration> {
        (self.delay_ms > 0).then(|| Duration::from_millis(self.delay_ms))
    }

    /// The height that the node shows as newest.
    pub(crate) fn head(&self, head: u64) -> u64 {
        match self.lag {
            None => head,
            Some(Lag::Blocks(blocks)) => head.saturating_sub(blocks),
            Some(Lag::StuckAt(height)) => head.min(height),
        }
    }
}
