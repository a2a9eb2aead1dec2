//! Sending a new transaction: a nonce, a price, the intent, the broadcast.

use super::{
    Job,
    fees::{self, Price},
    manager::Manager,
    nodes::{self, Broadcast},
    pending::Pending,
    share::Share,
    tx,
};
use crate::lane::{
    error::{Error, Kind, Result},
    types::TxEvent,
};
use tokio::sync::mpsc;

/// Attempts to find a free nonce for one job while another process uses the same key.
const NONCE_ATTEMPTS: usize = 5;

impl Manager {
    /// Sends a new job.
    pub(super) async fn begin(&mut self, job: Job, events: mpsc::Sender<TxEvent>, share: Share) {
        match self.try_begin(job, &events, share).await {
            Ok(()) => {}
            Err(error) => {
                self.observer.transaction_failed(&self.chain, &self.label, error.kind);
                let _ = events.try_send(TxEvent::Failed(error));
            }
        }
    }

    pub(super) async fn try_begin(&mut self, job: Job, events: &mpsc::Sender<TxEvent>, share: Share) -> Result<()> {
        let mut share = Some(share);
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
                    pending.share = share.take();
                    self.keep(nonce, pending);
                    return Ok(());
                }
                Broadcast::NotYet | Broadcast::Unclear => {
                    // A node may have it. It is sent again at the next head, and told of once a node has taken it.
                    pending.share = share.take();
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
                    let raised = price.raised(market, fees::cap(&self.fees.now()));
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

    pub(super) fn keep(&mut self, nonce: u64, pending: Pending) {
        self.pending.insert(nonce, pending);
        self.next = self.next.max(nonce + 1);
    }

    /// The first price of a transaction, asked for once per head.
    pub(super) async fn price(&mut self) -> Result<Price> {
        if let Some((at, price)) = self.quote
            && at == self.head
        {
            return Ok(price);
        }
        let price = fees::quote(&self.pool, &self.fees.now()).await?;
        self.quote = Some((self.head, price));
        Ok(price)
    }
}
