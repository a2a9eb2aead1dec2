//! One transaction manager per signer: an actor that alone owns the nonce.
//!
//! A transaction's way: its intent is durable ([`Journal::intend`](crate::lane::ports::Journal::intend)) → broadcast →
//! in a block → the block is at or below a header that the light client verified → the receipt still says so on a second
//! look → `Final` or `Reverted`. What closes an entry is the delivered bit that `confirm` proves, not the receipt.
//!
//! Beside that way: the same bytes again when the pool dropped them; a higher fee when they do not get in
//! ([`fees`]); a new nonce when another process with the same key took it; an empty transaction where a nonce is missing
//! under ones that were sent; and after a restart, whatever the chain says became of the intents (ATK-074, ATK-075).
//! It wakes on new heads, verified heights and jobs, and by a clock only when no head comes.

mod begin;
pub mod fees;
pub mod key;
mod manager;
pub(super) mod nodes;
mod pending;
mod resend;
mod share;
mod track;
pub mod tx;

use crate::{
    chains::{
        Context,
        evm::{
            config::{EvmChain, Fees, Signer as SignerConfig},
            endpoint::Pool,
        },
    },
    lane::{
        error::{Error, Kind, Result},
        live::Live,
        types::TxEvent,
    },
};
use alloy::primitives::Address;
use causeway_core::LaneId;
use key::Key;
use share::{Share, Shares};
use std::{ops::Range, sync::Arc};
use tokio::sync::{mpsc, watch};
use tx::Call;

/// Most transactions under one nonce: the first and its replacements. Eight raises are a factor of 2.5.
pub const MAX_REPLACEMENTS: usize = 8;
/// Gas of a transaction that does nothing.
pub(super) const EMPTY_GAS: u64 = 21_000;
/// Room for every event of one ticket, so that the manager never waits for a listener.
const EVENTS: usize = MAX_REPLACEMENTS + 4;

/// A transaction to send.
#[derive(Debug)]
pub struct Job {
    /// The call.
    pub call: Call,
    /// Lane that it serves.
    pub lane: LaneId,
    /// Entries that it delivers; empty for anything else.
    pub range: Range<u64>,
}

/// A job, where its events go, and its share of the window.
type Handed = (Job, mpsc::Sender<TxEvent>, Share);

/// Handle of a signer's manager.
#[derive(Clone, Debug)]
pub struct Signer {
    jobs: mpsc::Sender<Handed>,
    shares: Arc<Shares>,
    fees: Live<Fees>,
    address: Address,
}

impl Signer {
    /// Reads the key and starts the manager.
    ///
    /// # Errors
    /// `InvalidConfig` for a key file that is not usable.
    pub fn start(
        chain: &EvmChain,
        signer: &SignerConfig,
        pool: Arc<Pool>,
        verified: watch::Receiver<u64>,
        context: &Context,
    ) -> Result<Self> {
        let key = Key::read(&signer.key_file)?;
        Ok(Self::start_with(key, chain, signer, pool, verified, context))
    }

    /// Starts the manager of a key that is in memory.
    pub fn start_with(
        key: Key,
        chain: &EvmChain,
        signer: &SignerConfig,
        pool: Arc<Pool>,
        verified: watch::Receiver<u64>,
        context: &Context,
    ) -> Self {
        let address = key.address();
        // One slot: a job waits with its sender, not in a queue, while the window is full.
        let (jobs, inbox) = mpsc::channel(1);
        let fees = Live::from(chain.fees);
        let manager = manager::Manager::new(key, chain, signer, pool, verified, context, fees.clone());
        let shutdown = context.shutdown.clone();
        context.tasks.spawn(manager.run(inbox, shutdown));
        Self { jobs, shares: Shares::new(signer.window), fees, address }
    }

    /// The signer's address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// What transactions pay. What is out already is raised to no more than the cap of the moment.
    pub fn fees(&self) -> &Live<Fees> {
        &self.fees
    }

    /// Takes a transaction over. Waits while the window is full, or the lane has its share of it.
    ///
    /// # Errors
    /// `ShuttingDown`.
    pub async fn send(&self, job: Job) -> Result<mpsc::Receiver<TxEvent>> {
        let (events, listener) = mpsc::channel(EVENTS);
        let ended = |_| Error::retry(Kind::ShuttingDown, "the signer has stopped");
        let share = self.shares.take(job.lane).await;
        self.jobs.send((job, events, share)).await.map_err(ended)?;
        Ok(listener)
    }
}
