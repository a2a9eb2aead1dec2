//! The chains that this relayer reads and writes: one folder a family, one line a family in [`registry`].
//!
//! Floor 4. A family gives the lanes of floor 3 a [`Chain`]: its ports, and the few numbers that a lane needs to know.
//! What a node says is unverified unless the port's documentation says otherwise.

pub mod evm;
pub mod observe;
pub mod registry;

use crate::lane::{
    error::{Kind, Result},
    ports::{Clock, Entries, Headers, Journal, Proofs, Submitter, Verifier},
    types::{Account, ChainId},
};
use alloy::primitives::{Address, B256, Bytes, U256};
use async_trait::async_trait;
use causeway_core::{LaneId, Terms};
use observe::Observer;
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The header that trust in a chain starts from, written by people into the configuration (ATK-068).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// Height.
    pub height: u64,
    /// Canonical hash.
    pub hash: B256,
}

/// A chain as the lanes see it.
pub struct Chain {
    /// CAIP-2 id.
    pub id: ChainId,
    /// Hash of block 0, part of every lane id.
    pub genesis: B256,
    /// Where trust starts.
    pub pinned: Pinned,
    /// The vault, native bytes.
    pub vault: Account,
    /// Follows final headers.
    pub headers: Arc<dyn Headers>,
    /// Judges headers and proofs.
    pub verifier: Arc<dyn Verifier>,
    /// Fetches state proofs.
    pub proofs: Arc<dyn Proofs>,
    /// Fetches the vault's events.
    pub entries: Arc<dyn Entries>,
    /// Reads the vault's accounting, for figures.
    pub holdings: Arc<dyn Holdings>,
    /// Says what others are to sign, and broadcasts it.
    pub prepare: Arc<dyn Prepare>,
    /// Sends transactions; `None` where this relayer has no signer.
    pub submitter: Option<Arc<dyn Submitter>>,
    /// Usual time between two blocks.
    pub block_time: Duration,
    /// Seconds that a client stays usable after its newest header.
    pub trusting_period: Duration,
    /// Newest height that [`Self::verifier`] accepted. A transaction counts as final when its block is at or below it.
    pub verified: watch::Receiver<u64>,
    /// Takes a changed configuration while the chain is in use.
    pub reconfigure: Arc<dyn Reconfigure>,
    /// State of the nodes, for `check`, `status` and `/readyz`.
    pub endpoints: Arc<dyn EndpointStates>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("id", &self.id)
            .field("submits", &self.submitter.is_some())
            .finish_non_exhaustive()
    }
}

/// What every family's builder is given.
#[derive(Clone)]
pub struct Context {
    /// For transaction intents.
    pub journal: Arc<dyn Journal>,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// Takes measurements.
    pub observer: Arc<dyn Observer>,
    /// Ends the chain's tasks.
    pub shutdown: CancellationToken,
    /// Counts the chain's tasks, so that the daemon can wait for them.
    pub tasks: TaskTracker,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

/// Reads what a vault holds (at an asset's home) or has minted and not burned (at the other end). A node's word: for
/// figures and alerts, never for a decision.
#[async_trait]
pub trait Holdings: Send + Sync {
    /// Of the asset that is `token` on this chain, for the bridge whose lane `out_lane` leaves it; in smallest units,
    /// tokens for non-fungible ones.
    async fn held(&self, out_lane: LaneId, token: &Account) -> Result<U256>;
}

/// Takes what may change while a chain is in use out of its section: more endpoints, limits.
pub trait Reconfigure: Send + Sync {
    /// Applies `config`; what cannot change while it runs is not looked at.
    ///
    /// # Errors
    /// `InvalidConfig`: an endpoint.
    fn apply(&self, config: &registry::ChainConfig) -> Result<()>;
}

/// What an account wants to do on a chain.
#[derive(Clone, Debug)]
pub enum Action {
    /// Lock a leg of a swap.
    LockLeg {
        /// The terms.
        terms: Terms,
        /// The leg.
        leg: u8,
        /// The leg's asset on this chain.
        token: Address,
        /// True for a non-fungible one.
        unique: bool,
    },
    /// Void a leg of a swap.
    VoidLeg {
        /// The terms.
        terms: Terms,
        /// The leg.
        leg: u8,
    },
    /// Send an asset over a lane that leaves this chain.
    Transfer {
        /// The lane.
        lane: LaneId,
        /// The asset on this chain.
        token: Address,
        /// True for a non-fungible one.
        unique: bool,
        /// Amount or token id.
        amount: U256,
        /// Account word of the other chain.
        recipient: B256,
        /// Unix seconds in the other chain's clock.
        timeout: u64,
        /// Hash of a memo, or zero.
        memo: B256,
    },
}

/// What a prepared transaction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Lets the vault take the asset.
    Approve,
    /// Locks a leg.
    Lock,
    /// Voids a leg.
    Void,
    /// Sends an asset.
    Transfer,
}

/// What a try of a call gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Simulation {
    /// It would succeed.
    Success,
    /// It would revert, with this error.
    Revert(String),
    /// Not tried: it needs the transaction before it.
    Depends,
}

/// An unsigned EVM transaction; it sends no coin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    /// EIP-155.
    pub chain_id: u64,
    /// Who signs.
    pub from: Address,
    /// What it calls.
    pub to: Address,
    /// Calldata.
    pub data: Bytes,
    /// Next nonce as a node knows it.
    pub nonce: u64,
    /// Gas limit.
    pub gas: u64,
    /// Wei per gas; `None` for EIP-1559.
    pub gas_price: Option<u128>,
    /// EIP-1559: wei per gas at most.
    pub max_fee: Option<u128>,
    /// EIP-1559: wei per gas for the block's maker at most.
    pub tip: Option<u128>,
    /// What is hashed for signing.
    pub payload: Bytes,
    /// Its keccak-256.
    pub signing_hash: B256,
}

/// A transaction for somebody to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// What it does.
    pub purpose: Purpose,
    /// The transaction.
    pub tx: Unsigned,
    /// Whether it would succeed now.
    pub simulation: Simulation,
}

/// A transaction that somebody signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Its hash.
    pub hash: B256,
    /// Who signed.
    pub from: Address,
    /// What it calls.
    pub to: Address,
    /// Whether it sends the chain's coin along.
    pub moves_coin: bool,
}

/// What a vault takes of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssetTerms {
    /// The smallest amount.
    pub amount_min: U256,
    /// What it still takes in this window; `None`: not capped.
    pub cap_rest: Option<U256>,
}

/// Says what others are to sign, and broadcasts what they signed. It holds no key.
#[async_trait]
pub trait Prepare: Send + Sync {
    /// The transactions by which `from` does something, in their order: an approval where the vault needs one, then the
    /// call. Prices, nonce and simulation are a node's word.
    async fn prepare(&self, from: &Account, action: Action) -> Result<Vec<Prepared>>;
    /// Reads a signed transaction of this chain. Asks nobody.
    fn read(&self, raw: &[u8]) -> Result<Signed>;
    /// Index of the first entry of `lane` that a transaction wrote, by its receipt; `None` while it is in no block. One
    /// that reverted, or wrote nothing there, is `Reverted`. A node's word.
    async fn appended(&self, tx: B256, lane: LaneId) -> Result<Option<u64>>;
    /// What the vault takes of an asset at `now` (Unix seconds). A node's word.
    async fn asset(&self, out_lane: LaneId, token: Address, now: u64) -> Result<AssetTerms>;
    /// Hands a signed transaction to the nodes. One that they have already is no error.
    async fn broadcast(&self, raw: Bytes) -> Result<()>;
}

/// Gives the present state of a chain's nodes.
pub trait EndpointStates: Send + Sync {
    /// One line per endpoint, in configured order.
    fn endpoints(&self) -> Vec<EndpointState>;
}

/// State of one node, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointState {
    /// Label from the configuration; never the URL, which may hold a key (ATK-103).
    pub label: String,
    /// Health by name: `healthy`, `lagging`, …
    pub health: &'static str,
    /// Newest block that it showed.
    pub head: u64,
    /// Usual time of an answer.
    pub latency: Duration,
    /// Last error, if the last call failed.
    pub error: Option<(Kind, String)>,
}
