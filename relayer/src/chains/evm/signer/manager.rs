//! The manager: takes jobs, sends them, and follows them to their end.

use super::{
    Job, MAX_REPLACEMENTS,
    fees::{self, Price},
    key::Key,
    nodes::{self, Broadcast},
    pending::{Mined, Pending, Step, gap},
    tx::{self, Call, Sent},
};
use crate::{
    chains::{
        Context,
        evm::{
            config::{EvmChain, Fees, Signer as SignerConfig},
            endpoint::Pool,
        },
        observe::{Observer, SignerState, Spent},
    },
    lane::{
        error::{Error, Kind, Result},
        ports::{Journal, TxIntent},
        types::{Account, ChainId, TxEvent},
    },
};
use alloy::primitives::{Bytes, U256};
use causeway_core::LaneId;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    select,
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// Attempts to find a free nonce for one job while another process uses the same key.
const NONCE_ATTEMPTS: usize = 5;
/// Without a new head for so many block times, pending transactions are looked at anyway: a chain without empty blocks
/// makes none while our transaction is lost.
const QUIET_BLOCKS: u32 = 6;
/// Shortest such time.
const QUIET_MIN: Duration = Duration::from_secs(3);
/// Times that the same bytes are sent again before a higher fee is tried although no node said that it still has them:
/// some answer a known transaction as if it were new.
const RESENDS: u32 = 1;
/// Heads between two looks at the balance.
const BALANCE_HEADS: u64 = 30;
/// Gas of an empty transaction that fills a gap.
const EMPTY_GAS: u64 = 21_000;
/// Pause between attempts to take up what a former process left.
const RECOVER_PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Manager {
    key: Key,
    chain: ChainId,
    chain_id: u64,
    account: Account,
    label: String,
    fees: Fees,
    window: usize,
    resend_after: u64,
    quiet: Duration,
    pool: Arc<Pool>,
    heads: watch::Receiver<u64>,
    verified: watch::Receiver<u64>,
    journal: Arc<dyn Journal>,
    observer: Arc<dyn Observer>,
    pending: BTreeMap<u64, Pending>,
    next: u64,
    head: u64,
    balance_at: u64,
    quote: Option<(u64, Price)>,
}

impl Manager {
    pub(super) fn new(
        key: Key,
        chain: &EvmChain,
        signer: &SignerConfig,
        pool: Arc<Pool>,
        verified: watch::Receiver<u64>,
        context: &Context,
    ) -> Self {
        Self {
            account: Bytes::copy_from_slice(key.address().as_slice()).into(),
            key,
            chain: Arc::clone(pool.chain()),
            chain_id: pool.identity().chain_id,
            label: signer.label.clone(),
            fees: chain.fees,
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
    pub(super) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<(Job, mpsc::Sender<TxEvent>)>,
        shutdown: CancellationToken,
    ) {
        select! {
            () = shutdown.cancelled() => return,
            () = self.recover() => {}
        }
        let mut look_at = Instant::now() + self.quiet;
        loop {
            let room = self.pending.len() < self.window;
            select! {
                () = shutdown.cancelled() => return,
                job = inbox.recv(), if room => match job {
                    Some((job, events)) => self.begin(job, events).await,
                    None => return,
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

    /// Sends a new job.
    async fn begin(&mut self, job: Job, events: mpsc::Sender<TxEvent>) {
        match self.try_begin(job, &events).await {
            Ok(()) => {}
            Err(error) => {
                self.observer.transaction_failed(&self.chain, &self.label, error.kind);
                let _ = events.try_send(TxEvent::Failed(error));
            }
        }
    }

    async fn try_begin(&mut self, job: Job, events: &mpsc::Sender<TxEvent>) -> Result<()> {
        let mut price = self.price().await?;
        for _ in 0..NONCE_ATTEMPTS {
            let nonce = self.next;
            let sent = tx::sign(&self.key, self.chain_id, nonce, &job.call, price)?;
            let mut pending = Pending::new(job.call.clone(), job.lane, job.range.clone(), sent, self.head);
            pending.events = Some(events.clone());
            self.intend(nonce, &pending).await?;
            let Some(sent) = pending.sent.last() else { continue };
            match nodes::broadcast(&self.pool, sent, false).await {
                Broadcast::Accepted | Broadcast::Known => {
                    pending.accepted = true;
                    pending.tell(TxEvent::Broadcast { tx: sent.hash });
                    self.keep(nonce, pending);
                    return Ok(());
                }
                Broadcast::NotYet | Broadcast::Unclear => {
                    // A node may have it. It is sent again at the next head, and told of once a node has taken it.
                    self.keep(nonce, pending);
                    return Ok(());
                }
                Broadcast::Taken => {
                    tracing::warn!(chain = %self.chain, signer = self.label, nonce, "another process uses this key");
                    self.settle(nonce).await?;
                    let held = nodes::nonce(&self.pool, self.key.address(), "pending").await?;
                    self.next = held.max(nonce + 1);
                }
                Broadcast::Underpriced => {
                    self.quote = None;
                    let market = self.price().await?;
                    let raised = price.raised(market, fees::cap(&self.fees));
                    self.settle(nonce).await?;
                    price = raised.ok_or_else(|| {
                        Error::retry(Kind::Underpriced, "the node wants a higher fee than the configured cap")
                    })?;
                }
                Broadcast::Refused(error) => {
                    self.settle(nonce).await?;
                    return Err(error);
                }
            }
        }
        Err(Error::retry(Kind::NonceConflict, "no free nonce was found: another process uses this key"))
    }

    fn keep(&mut self, nonce: u64, pending: Pending) {
        self.pending.insert(nonce, pending);
        self.next = self.next.max(nonce + 1);
    }

    /// The first price of a transaction, asked for once per head.
    async fn price(&mut self) -> Result<Price> {
        if let Some((at, price)) = self.quote
            && at == self.head
        {
            return Ok(price);
        }
        let price = fees::quote(&self.pool, &self.fees).await?;
        self.quote = Some((self.head, price));
        Ok(price)
    }

    /// Looks at everything that is pending: at a new head, or when none came for long.
    async fn look(&mut self) {
        self.head = *self.heads.borrow_and_update();
        if self.head >= self.balance_at {
            self.balance_at = self.head + BALANCE_HEADS;
            if let Ok(wei) = nodes::balance(&self.pool, self.key.address()).await {
                self.observer.signer_balance(&self.chain, &self.label, wei);
            }
        }
        if self.pending.is_empty() {
            return;
        }
        if let Err(error) = self.try_look().await {
            tracing::debug!(chain = %self.chain, signer = self.label, %error, "look again at the next head");
        }
        self.finish().await;
    }

    async fn try_look(&mut self) -> Result<()> {
        let used = nodes::nonce(&self.pool, self.key.address(), "latest").await?;
        let step = |(nonce, p): (&u64, &Pending)| (*nonce, p.step(*nonce, used, self.head, self.resend_after));
        let steps: Vec<(u64, Step)> = self.pending.iter().map(step).collect();
        self.find_receipts(&steps).await;
        for (nonce, step) in steps {
            match step {
                Step::GiveUp => self.lost(nonce).await,
                // The lowest nonce holds up the rest, so it alone is worth a higher fee.
                Step::Resend => self.resend(nonce, nonce == used).await?,
                Step::Look | Step::Hold | Step::Wait => {}
            }
        }
        self.fill_gap(used).await
    }

    async fn find_receipts(&mut self, steps: &[(u64, Step)]) {
        let wanted = steps.iter().filter(|(_, step)| *step == Step::Look).map(|(nonce, _)| *nonce);
        let asks = wanted.filter_map(|nonce| {
            let sent = self.pending.get(&nonce)?.sent.clone();
            let pool = Arc::clone(&self.pool);
            Some(async move { (nonce, nodes::receipt(&pool, &sent).await) })
        });
        for (nonce, found) in futures::future::join_all(asks).await {
            let Some(pending) = self.pending.get_mut(&nonce) else { continue };
            match found {
                Ok(Some(mined)) => {
                    pending.mined = Some(mined);
                    pending.looks = 0;
                }
                Ok(None) => pending.looks += 1,
                Err(error) => tracing::debug!(chain = %self.chain, nonce, %error, "no receipt"),
            }
        }
    }

    /// Another transaction took the nonce. What it did to our entries, their delivered bits say.
    async fn lost(&mut self, nonce: u64) {
        let Some(pending) = self.pending.remove(&nonce) else { return };
        self.observer.transaction_dropped(&self.chain, &self.label);
        self.fail(
            nonce,
            &pending,
            Error::retry(Kind::NonceConflict, format!("nonce {nonce} was used by another transaction")),
        )
        .await;
    }

    /// Sends the same bytes again; if a node still had them, they pay too little: replaces them.
    async fn resend(&mut self, nonce: u64, first: bool) -> Result<()> {
        let Some(pending) = self.pending.get_mut(&nonce) else { return Ok(()) };
        let Some(newest) = pending.sent.last().cloned() else { return Ok(()) };
        pending.mined = None;
        pending.sent_at = self.head;
        let was_accepted = pending.accepted;
        match nodes::broadcast(&self.pool, &newest, true).await {
            Broadcast::Accepted => {
                if was_accepted {
                    self.observer.transaction_dropped(&self.chain, &self.label);
                }
                self.observer.transaction_resent(&self.chain, &self.label, false);
                self.accepted(nonce, &newest);
                if first && self.resent(nonce) > RESENDS {
                    self.replace(nonce).await?;
                }
            }
            Broadcast::Known => {
                self.accepted(nonce, &newest);
                if was_accepted && first {
                    self.replace(nonce).await?;
                }
            }
            Broadcast::Underpriced => {
                self.replace(nonce).await?;
            }
            // Used since we asked, or by another: the next look tells. Held in the pool by another: pay more than it.
            Broadcast::Taken => {
                let used = nodes::nonce(&self.pool, self.key.address(), "latest").await?;
                if nonce >= used && !self.replace(nonce).await? {
                    self.give_way(nonce).await;
                }
            }
            Broadcast::NotYet | Broadcast::Unclear => {}
            Broadcast::Refused(error) => {
                if let Some(pending) = self.pending.remove(&nonce) {
                    self.fail(nonce, &pending, error).await;
                }
            }
        }
        Ok(())
    }

    /// Counts that the same bytes were taken again.
    fn resent(&mut self, nonce: u64) -> u32 {
        self.pending.get_mut(&nonce).map_or(0, |pending| {
            pending.resends += 1;
            pending.resends
        })
    }

    fn accepted(&mut self, nonce: u64, sent: &Sent) {
        if let Some(pending) = self.pending.get_mut(&nonce)
            && !pending.accepted
        {
            pending.accepted = true;
            pending.tell(TxEvent::Broadcast { tx: sent.hash });
        }
    }

    /// Another process' transaction sits in the pool under our nonce and cannot be outbid: ours ends.
    async fn give_way(&mut self, nonce: u64) {
        let Some(pending) = self.pending.remove(&nonce) else { return };
        self.observer.transaction_dropped(&self.chain, &self.label);
        let error = Error::retry(Kind::NonceConflict, format!("nonce {nonce} is held by another transaction"));
        self.fail(nonce, &pending, error).await;
    }

    /// Sends the transaction with a higher fee. False where there is no room for one.
    async fn replace(&mut self, nonce: u64) -> Result<bool> {
        self.quote = None;
        let market = self.price().await?;
        let Some(pending) = self.pending.get(&nonce) else { return Ok(false) };
        let Some(newest) = pending.sent.last() else { return Ok(false) };
        if pending.sent.len() >= MAX_REPLACEMENTS {
            return Ok(false);
        }
        let Some(price) = newest.price.raised(market, fees::cap(&self.fees)) else { return Ok(false) };
        let sent = tx::sign(&self.key, self.chain_id, nonce, &pending.call, price)?;
        let intent = self.intent(nonce, pending, Some(&sent));
        self.store(intent).await?;
        if let Some(pending) = self.pending.get_mut(&nonce) {
            pending.sent.push(sent.clone());
            pending.accepted = false;
            pending.resends = 0;
        }
        self.observer.transaction_resent(&self.chain, &self.label, true);
        if matches!(nodes::broadcast(&self.pool, &sent, false).await, Broadcast::Accepted | Broadcast::Known) {
            self.accepted(nonce, &sent);
        }
        Ok(true)
    }

    /// Fills a nonce that is missing under ones that were sent, unless another process' transaction holds it.
    async fn fill_gap(&mut self, used: u64) -> Result<()> {
        let Some(nonce) = gap(used, self.pending.keys()) else { return Ok(()) };
        if nodes::nonce(&self.pool, self.key.address(), "pending").await? > nonce {
            return Ok(());
        }
        let price = self.price().await?;
        let call = Call::new(self.key.address(), Bytes::new(), EMPTY_GAS);
        let sent = tx::sign(&self.key, self.chain_id, nonce, &call, price)?;
        let mut pending = Pending::new(call, LaneId::default(), 0..0, sent.clone(), self.head);
        self.intend(nonce, &pending).await?;
        tracing::warn!(chain = %self.chain, signer = self.label, nonce, "filling a missing nonce");
        pending.accepted =
            matches!(nodes::broadcast(&self.pool, &sent, true).await, Broadcast::Accepted | Broadcast::Known);
        self.keep(nonce, pending);
        Ok(())
    }

    /// Ends every transaction whose block the light client has verified, after a second look at its receipt.
    async fn finish(&mut self) {
        let verified = *self.verified.borrow_and_update();
        let due = |(nonce, p): (&u64, &Pending)| p.mined.filter(|m| m.block <= verified).map(|m| (*nonce, m));
        let due: Vec<(u64, Mined)> = self.pending.iter().filter_map(due).collect();
        let asks = due.into_iter().filter_map(|(nonce, first)| {
            let sent = self.pending.get(&nonce)?.sent.clone();
            let pool = Arc::clone(&self.pool);
            Some(async move { (nonce, first, nodes::receipt(&pool, &sent).await) })
        });
        for (nonce, first, second) in futures::future::join_all(asks).await {
            match second {
                Ok(Some(mined)) if mined == first => self.end(nonce, mined).await,
                Ok(other) => {
                    if let Some(pending) = self.pending.get_mut(&nonce) {
                        pending.mined = other;
                    }
                }
                Err(_) => {}
            }
        }
    }

    async fn end(&mut self, nonce: u64, mined: Mined) {
        let Some(pending) = self.pending.remove(&nonce) else { return };
        let fee = U256::from(mined.gas_used) * U256::from(mined.gas_price);
        let spent = Spent { gas: mined.gas_used, fee, reverted: !mined.succeeded, took: pending.first_sent.elapsed() };
        self.observer.transaction_final(&self.chain, &self.label, spent);
        if mined.succeeded {
            let (tx, block, gas_used) = (mined.hash, mined.block, mined.gas_used);
            pending.tell(TxEvent::Final { tx, block, gas_used, fee });
        } else {
            let data = nodes::revert_data(&self.pool, self.key.address(), &pending.call, mined.block).await;
            pending.tell(TxEvent::Reverted { tx: mined.hash, block: mined.block, data: data.0 });
        }
        self.settle_or_log(nonce).await;
    }

    async fn fail(&mut self, nonce: u64, pending: &Pending, error: Error) {
        self.observer.transaction_failed(&self.chain, &self.label, error.kind);
        pending.tell(TxEvent::Failed(error));
        self.settle_or_log(nonce).await;
    }

    fn intent(&self, nonce: u64, pending: &Pending, new: Option<&Sent>) -> TxIntent {
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

    async fn intend(&self, nonce: u64, pending: &Pending) -> Result<()> {
        self.store(self.intent(nonce, pending, None)).await
    }

    async fn store(&self, intent: TxIntent) -> Result<()> {
        let journal = Arc::clone(&self.journal);
        blocking(move || journal.intend(&intent)).await
    }

    async fn settle(&self, nonce: u64) -> Result<()> {
        let (journal, chain, account) = (Arc::clone(&self.journal), self.chain.clone(), self.account.clone());
        blocking(move || journal.settle(&chain, &account, nonce)).await
    }

    /// An intent that cannot be settled is asked for again after a restart; nothing is sent twice for it.
    async fn settle_or_log(&self, nonce: u64) {
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
