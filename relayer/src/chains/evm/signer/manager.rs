//! The manager: its state, its loop, and what it takes up after a restart. What it does is in `begin` (send), `track`
//! (follow) and `resend`.

use super::{
    Handed,
    fees::Price,
    key::Key,
    nodes,
    pending::Pending,
    tx::{self, Sent},
};
use crate::{
    chains::{
        Context,
        evm::{
            config::{EvmChain, Fees, Signer as SignerConfig},
            endpoint::Pool,
        },
        observe::{Observer, SignerState},
    },
    lane::{
        error::{Error, Kind, Result},
        live::Live,
        ports::{Journal, TxIntent},
        types::{Account, ChainId},
    },
};
use alloy::primitives::Bytes;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    select,
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// Without a new head for so many block times, pending transactions are looked at anyway: a chain without empty blocks
/// makes none while our transaction is lost.
const QUIET_BLOCKS: u32 = 6;
/// Shortest such time.
const QUIET_MIN: Duration = Duration::from_secs(3);
/// Pause between attempts to take up what a former process left.
const RECOVER_PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Manager {
    pub(super) key: Key,
    pub(super) chain: ChainId,
    pub(super) chain_id: u64,
    pub(super) account: Account,
    pub(super) label: String,
    pub(super) fees: Live<Fees>,
    pub(super) window: usize,
    pub(super) resend_after: u64,
    pub(super) quiet: Duration,
    pub(super) pool: Arc<Pool>,
    pub(super) heads: watch::Receiver<u64>,
    pub(super) verified: watch::Receiver<u64>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) pending: BTreeMap<u64, Pending>,
    pub(super) next: u64,
    pub(super) head: u64,
    pub(super) balance_at: u64,
    pub(super) quote: Option<(u64, Price)>,
}

impl Manager {
    pub(super) fn new(
        key: Key,
        chain: &EvmChain,
        signer: &SignerConfig,
        pool: Arc<Pool>,
        verified: watch::Receiver<u64>,
        context: &Context,
        fees: Live<Fees>,
    ) -> Self {
        Self {
            account: Bytes::copy_from_slice(key.address().as_slice()).into(),
            key,
            chain: Arc::clone(pool.chain()),
            chain_id: pool.identity().chain_id,
            label: signer.label.clone(),
            fees,
            window: signer.window,
            resend_after: signer.resend_after_blocks.max(1),
            quiet: chain.block_time.saturating_mul(QUIET_BLOCKS).max(QUIET_MIN),
            heads: pool.best(),
            pool,
            verified,
            journal: Arc::clone(&context.journal),
            observer: Arc::clone(&context.observer),
            pending: BTreeMap::new(),
            next: 0,
            head: 0,
            balance_at: 0,
            quote: None,
        }
    }

    /// Runs until shutdown. What is pending then stays in the journal.
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Handed>, shutdown: CancellationToken) {
        select! {
            () = shutdown.cancelled() => return,
            () = self.recover() => {}
        }
        let mut look_at = Instant::now() + self.quiet;
        let mut closed = false;
        loop {
            if closed && self.pending.is_empty() {
                return;
            }
            let room = !closed && self.pending.len() < self.window;
            select! {
                () = shutdown.cancelled() => return,
                job = inbox.recv(), if room => match job {
                    Some((job, events, share)) => self.begin(job, events, share).await,
                    // Nobody sends any more; what was sent is still followed to its end.
                    None => closed = true,
                },
                changed = self.heads.changed() => {
                    if changed.is_err() { return }
                    self.look().await;
                    look_at = Instant::now() + self.quiet;
                }
                changed = self.verified.changed() => {
                    if changed.is_err() { return }
                    self.finish().await;
                }
                () = sleep_until(look_at) => {
                    self.look().await;
                    look_at = Instant::now() + self.quiet;
                }
            }
            self.observe();
        }
    }

    /// Takes up what a former process intended. The chain says what became of it.
    async fn recover(&mut self) {
        loop {
            match self.try_recover().await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(chain = %self.chain, signer = self.label, %error, "the signer cannot start yet");
                    sleep_until(Instant::now() + RECOVER_PAUSE).await;
                }
            }
        }
    }

    async fn try_recover(&mut self) -> Result<()> {
        let (journal, chain, account) = (Arc::clone(&self.journal), self.chain.clone(), self.account.clone());
        let intents = blocking(move || journal.intents(&chain, &account)).await?;
        let next = nodes::nonce(&self.pool, self.key.address(), "pending").await?;
        self.pending.clear();
        self.next = next;
        for intent in intents {
            let mut sent = Vec::with_capacity(intent.sent.len());
            let mut call = None;
            for (hash, raw) in &intent.sent {
                let (this, tx) = tx::read(*hash, &Bytes::from(raw.clone()))?;
                call = Some(this);
                sent.push(tx);
            }
            let (Some(call), Some(newest)) = (call, sent.last().cloned()) else { continue };
            let mut pending = Pending::new(call, intent.lane, intent.range, newest, 0);
            pending.sent = sent;
            self.next = self.next.max(intent.nonce + 1);
            self.pending.insert(intent.nonce, pending);
        }
        if !self.pending.is_empty() {
            tracing::info!(chain = %self.chain, signer = self.label, count = self.pending.len(), "taking up transactions");
            self.look().await;
        }
        Ok(())
    }

    pub(super) fn intent(&self, nonce: u64, pending: &Pending, new: Option<&Sent>) -> TxIntent {
        let sent = pending.sent.iter().chain(new).map(|s| (s.hash, s.raw.0.clone())).collect();
        TxIntent {
            chain: self.chain.to_string(),
            signer: self.account.clone(),
            nonce,
            lane: pending.lane,
            range: pending.range.clone(),
            sent,
        }
    }

    pub(super) async fn intend(&self, nonce: u64, pending: &Pending) -> Result<()> {
        self.store(self.intent(nonce, pending, None)).await
    }

    pub(super) async fn store(&self, intent: TxIntent) -> Result<()> {
        let journal = Arc::clone(&self.journal);
        blocking(move || journal.intend(&intent)).await
    }

    pub(super) async fn settle(&self, nonce: u64) -> Result<()> {
        let (journal, chain, account) = (Arc::clone(&self.journal), self.chain.clone(), self.account.clone());
        blocking(move || journal.settle(&chain, &account, nonce)).await
    }

    /// An intent that cannot be settled is asked for again after a restart; nothing is sent twice for it.
    pub(super) async fn settle_or_log(&self, nonce: u64) {
        if let Err(error) = self.settle(nonce).await {
            tracing::error!(chain = %self.chain, signer = self.label, nonce, %error, "cannot settle an intent");
        }
    }

    fn observe(&self) {
        let oldest = self.pending.values().map(|p| p.first_sent).min();
        let state = SignerState { next_nonce: self.next, pending: self.pending.len(), oldest };
        self.observer.signer_state(&self.chain, &self.label, state);
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::retry(Kind::ShuttingDown, "the journal's thread has ended"))?
}
