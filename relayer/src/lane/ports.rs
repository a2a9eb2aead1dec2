//! The ports of a lane: small traits, each answering one question. A chain family implements the first five for its
//! chains (`chains/<family>`), `peers` implements [`Peer`], `store` implements [`Journal`].
//!
//! Every method that asks somebody else has a deadline inside; an answer of a node is unverified unless said.

use super::{
    book::Mark,
    error::{Error, Kind, Result},
    types::{
        Account, Bundle, ChainId, Conflict, ContractClient, Delivery, Outcome, StateProof, TrustedState, TxEvent,
        Update, VaultEvent,
    },
};
use alloy::primitives::{B256, U256};
use async_trait::async_trait;
use bytes::Bytes;
use causeway_core::{Entry, LaneId, swap::Terms};
use std::ops::Range;
use tokio::sync::mpsc;

/// What is the newest final header; what leads there from this trusted state? Unverified.
#[async_trait]
pub trait Headers: Send + Sync {
    /// Waits until some node shows a final header above `after` and gives its height. Event-driven where the node
    /// offers a subscription. Errors when no node advances within the stall limit (`Stalled`).
    async fn newer_than(&self, after: u64) -> Result<u64>;
    /// Updates that lead from `trusted` to `height` (usually one; more where the signers changed too much).
    async fn updates(&self, trusted: &TrustedState, height: u64) -> Result<Vec<Update>>;
    /// The update for the pinned header itself, to start from: judged by [`Verifier::start`].
    async fn pinned(&self, height: u64) -> Result<Update>;
    /// The node that answered last for `height` was shown to be wrong: demote it.
    fn report_lie(&self, height: u64, detail: &str);
}

/// A family's verifier bound to one chain's parameters. Pure: no I/O, the time is an argument.
pub trait Verifier: Send + Sync {
    /// The trusted state that a pinned header gives; refuses another hash or one older than the trusting period.
    fn start(&self, pinned: B256, header: &Update, now: u64) -> Result<TrustedState>;
    /// Judges `update` from `trusted` at `now` (Unix seconds).
    fn verify(&self, trusted: &TrustedState, update: &Update, now: u64) -> Result<TrustedState>;
    /// Peaks of `outbox` at `heights`, proven under `at`. Same order.
    fn peaks(&self, at: &TrustedState, outbox: &Account, heights: &[u8], proof: &StateProof) -> Result<Vec<B256>>;
    /// Size of `outbox`, proven under `at`.
    fn size(&self, at: &TrustedState, outbox: &Account, proof: &StateProof) -> Result<u64>;
    /// Words of the delivered bitmap of `lane` in `vault`, proven under `at`. Same order as `words`.
    fn delivered(
        &self,
        at: &TrustedState,
        vault: &Account,
        lane: LaneId,
        words: &[u64],
        proof: &StateProof,
    ) -> Result<Vec<U256>>;
    /// The first conflict that [`Self::verify`] met: the evidence behind its `ClientFrozen`.
    fn conflict(&self) -> Option<Conflict>;
    /// Unix second at which a client that stands at `trusted` can no longer be updated.
    fn expires_at(&self, trusted: &TrustedState) -> u64;
    /// Makes `update` acceptable to a client contract that holds `contract`, given trusted states that this relayer
    /// has verified itself (newest last): e.g. adds the previous validator set. Gives updates to send before it, too.
    fn for_contract(
        &self,
        contract: &ContractClient,
        history: &[TrustedState],
        update: &Bytes,
    ) -> Result<(Vec<Bytes>, Bytes)>;
}

/// State proofs at a height. Unverified.
#[async_trait]
pub trait Proofs: Send + Sync {
    /// Proof of the peaks at `heights` (no size).
    async fn peaks(&self, outbox: &Account, heights: &[u8], at: u64) -> Result<StateProof>;
    /// Proof of the outbox' size.
    async fn size(&self, outbox: &Account, at: u64) -> Result<StateProof>;
    /// Proof of words of the delivered bitmap.
    async fn delivered(&self, vault: &Account, lane: LaneId, words: &[u64], at: u64) -> Result<StateProof>;
}

/// Which events did the vault write in these blocks? Unverified.
#[async_trait]
pub trait Entries: Send + Sync {
    /// Events of `vault` in blocks `from..=to`, in chain order. Bounds the range by itself.
    async fn scan(&self, vault: &Account, from: u64, to: u64) -> Result<Vec<VaultEvent>>;
    /// The node that told events up to block `to`, or that told events last, was shown to be wrong: demote it.
    fn report_lie(&self, to: u64, detail: &str);
}

/// Sends calls to a chain, owning the nonce of its signer.
#[async_trait]
pub trait Submitter: Send + Sync {
    /// Takes over a delivery. The intent is durable before anything is sent. Events come on the returned channel
    /// (bounded; the last one ends it). Waits while the signer's window of pending transactions is full.
    async fn deliver(&self, call: Delivery) -> Result<mpsc::Receiver<TxEvent>>;
    /// Voids leg `leg` of a swap, which lives on this chain and was not locked by its deadline.
    async fn void_leg(&self, terms: &Terms, leg: u8) -> Result<mpsc::Receiver<TxEvent>>;
    /// Sends client updates alone (refresh of an idle client, or updates before a delivery).
    async fn update_client(&self, lane: LaneId, updates: Vec<Bytes>) -> Result<mpsc::Receiver<TxEvent>>;
    /// Gives the client contract of `lane` evidence that freezes it.
    async fn misbehaviour(&self, lane: LaneId, a: Bytes, b: Bytes) -> Result<mpsc::Receiver<TxEvent>>;
    /// Makes a chain that is idle and makes no empty blocks make one: an empty transaction to the signer itself. What
    /// must be proven at a newer header than the newest (a refresh of the client that reads this chain) needs it.
    async fn tick(&self) -> Result<mpsc::Receiver<TxEvent>>;
    /// State of the client contract that `lane` uses on this chain: proven where a header of this chain is verified, else a
    /// node's word.
    async fn client(&self, lane: LaneId) -> Result<ContractClient>;
    /// The same, proven under this chain's newest verified header: what a lane may be stopped for.
    async fn proven_client(&self, lane: LaneId) -> Result<ContractClient>;
    /// Balance of the signer, wei.
    async fn balance(&self) -> Result<U256>;
}

/// The other organisation's relayer, or this one when it serves both ends.
#[async_trait]
pub trait Peer: Send + Sync {
    /// Sends a bundle under `number`. Waits for credit, up to a deadline.
    async fn deliver(&self, number: u64, bundle: &Bundle) -> Result<()>;
    /// Acknowledgements for `lane`, in no particular order: (number, outcome).
    async fn acknowledgements(&self, lane: LaneId) -> Result<mpsc::Receiver<(u64, Outcome)>>;
    /// Ranges that the peer says it holds: a hint for where to start after a reconnect.
    async fn held(&self, lane: LaneId) -> Result<Vec<Range<u64>>>;
    /// True while a session stands.
    fn connected(&self) -> bool;
}

/// A bundle that a peer sent, with where to answer. Dropping `answer` tells nothing.
#[derive(Debug)]
pub struct Inbound {
    /// The peer's number for it.
    pub number: u64,
    /// The bundle: decoded and bounded, not verified.
    pub bundle: Bundle,
    /// Outcomes go here; bounded, never waited for: a peer that does not listen misses them.
    pub answer: mpsc::Sender<(u64, Outcome)>,
}

/// What a relayer remembers: facts and intents, never conclusions that a chain can be asked for.
///
/// Calls are synchronous and durable when they return; callers on async tasks use `spawn_blocking` or batch.
pub trait Journal: Send + Sync {
    /// Newest verified state of a chain, if any was stored.
    fn trusted(&self, chain: &ChainId) -> Result<Option<TrustedState>>;
    /// One durable step of watching a chain: newest verified state, the block scanned to, and what was seen.
    fn advance(&self, chain: &ChainId, trusted: &TrustedState, scanned: u64, seen: &[Seen<'_>]) -> Result<()>;
    /// A chain's final headers conflict: it stays frozen over restarts. The first evidence counts.
    fn freeze(&self, chain: &ChainId, conflict: &Conflict) -> Result<()>;
    /// Whether a chain is frozen, and by what.
    fn frozen(&self, chain: &ChainId) -> Result<Option<Conflict>>;
    /// People chose a header above the conflict to go on from.
    fn thaw(&self, chain: &ChainId) -> Result<()>;
    /// Block up to which a chain's events have been taken in.
    fn scanned(&self, chain: &ChainId) -> Result<Option<u64>>;
    /// Entries of a lane from index `from`, ascending, at most `limit`.
    fn entries(&self, lane: LaneId, from: u64, limit: usize) -> Result<Vec<Entry>>;
    /// Terms of these swaps, those that were seen. Any order.
    fn terms(&self, swaps: &[B256]) -> Result<Vec<Terms>>;
    /// Commitments of all entries of a lane, ascending from index 0.
    fn commitments(&self, lane: LaneId) -> Result<Vec<B256>>;
    /// Drops entries of a lane that leaves `chain` from index `size` on (the chain was shown to hold others), and lowers
    /// the block scanned to: in one step, so that what was dropped is looked for again after any crash.
    fn truncate(&self, chain: &ChainId, lane: LaneId, size: u64, scanned: u64) -> Result<()>;
    /// The outbox of a lane was proven at a height, size and peaks: where to scan again from after a lie.
    fn prove_mark(&self, lane: LaneId, mark: Mark) -> Result<()>;
    /// The mark noted last that entries dropped since did not undo.
    fn proven_mark(&self, lane: LaneId) -> Result<Option<Mark>>;
    /// Delivered bitmap words that were proven, all of a lane.
    fn delivered(&self, lane: LaneId) -> Result<Vec<(u64, U256)>>;
    /// Records proven bitmap words.
    fn set_delivered(&self, lane: LaneId, words: &[(u64, U256)]) -> Result<()>;
    /// Stores a bundle before it is acknowledged as received; numbers may repeat (same content wins).
    fn received(&self, peer: &str, number: u64, bundle: &Bundle) -> Result<()>;
    /// Bundles received and not yet closed.
    fn unfinished(&self) -> Result<Vec<(String, u64, Bundle)>>;
    /// Forgets received bundles of a lane that end at or below `end`, or this one when `number` is given.
    fn finished(&self, peer: &str, lane: LaneId, number: u64) -> Result<()>;
    /// Next number for bundles sent on a lane; durable, never repeats.
    fn next_number(&self, lane: LaneId) -> Result<u64>;
    /// Intent to send a transaction; durable before it is broadcast.
    fn intend(&self, intent: &TxIntent) -> Result<()>;
    /// Intents of a signer on a chain that have not ended, by nonce. One key may sign on several chains.
    fn intents(&self, chain: &ChainId, signer: &Account) -> Result<Vec<TxIntent>>;
    /// The intent ended (final, reverted or given up).
    fn settle(&self, chain: &ChainId, signer: &Account, nonce: u64) -> Result<()>;
    /// Records a dead letter.
    fn bury(&self, letter: &DeadLetter) -> Result<()>;
    /// Dead letters, oldest first, at most `limit`.
    fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>>;
    /// Takes a dead letter out (re-driven or discarded).
    fn exhume(&self, id: u64) -> Result<Option<DeadLetter>>;
}

/// Runs calls of a [`Journal`] where they may wait for the disk.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::retry(Kind::Store, e.to_string()))?
}

/// What a scan adds to a lane.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// Entries at consecutive indices of a lane.
    Entries {
        /// The lane.
        lane: LaneId,
        /// Consecutive.
        entries: &'a [Entry],
    },
    /// Terms of swaps that the entries speak of. Their ids are recomputed: no node can make them up.
    Terms(&'a [Terms]),
}

/// A transaction that is about to be, or was, broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxIntent {
    /// Chain.
    pub chain: String,
    /// Signer's native address.
    pub signer: Account,
    /// Nonce.
    pub nonce: u64,
    /// Lane that it serves.
    pub lane: LaneId,
    /// Range of entries that it delivers; empty for client updates.
    pub range: Range<u64>,
    /// Signed transactions broadcast under this nonce, newest last (hash, raw bytes), at most `MAX_REPLACEMENTS`.
    pub sent: Vec<(B256, Bytes)>,
}

/// An item that needs an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Number given by the journal; 0 when new.
    pub id: u64,
    /// Lane.
    pub lane: LaneId,
    /// Entries.
    pub range: Range<u64>,
    /// Stage that gave it up.
    pub stage: String,
    /// Why.
    pub kind: Kind,
    /// For people.
    pub detail: String,
    /// When, Unix seconds.
    pub at: u64,
}

/// The wall clock. Real in the daemon, simulated in tests.
pub trait Clock: Send + Sync {
    /// Unix seconds.
    fn now(&self) -> u64;
}
