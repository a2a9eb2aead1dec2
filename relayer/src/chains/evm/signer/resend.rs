//! Sending again: the same bytes, a higher fee, or an empty transaction in a gap.

use super::{
    EMPTY_GAS, MAX_REPLACEMENTS, fees,
    manager::Manager,
    nodes::{self, Broadcast},
    pending::{Pending, gap},
    tx::{self, Call, Sent},
};
use crate::lane::{
    error::{Error, Kind, Result},
    types::TxEvent,
};
use alloy::primitives::Bytes;
use causeway_core::LaneId;

/// Times that the same bytes are sent again before a higher fee is tried although no node said that it still has them:
/// some answer a known transaction as if it were new.
const RESENDS: u32 = 1;

impl Manager {
    /// Sends the same bytes again; if a node still had them, they pay too little: replaces them.
    pub(super) async fn resend(&mut self, nonce: u64, first: bool) -> Result<()> {
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
    pub(super) fn resent(&mut self, nonce: u64) -> u32 {
        self.pending.get_mut(&nonce).map_or(0, |pending| {
            pending.resends += 1;
            pending.resends
        })
    }

    pub(super) fn accepted(&mut self, nonce: u64, sent: &Sent) {
        if let Some(pending) = self.pending.get_mut(&nonce)
            && !pending.accepted
        {
            pending.accepted = true;
            pending.tell(TxEvent::Broadcast { tx: sent.hash });
        }
    }

    /// Another process' transaction sits in the pool under our nonce and cannot be outbid: ours ends.
    pub(super) async fn give_way(&mut self, nonce: u64) {
        let Some(pending) = self.pending.remove(&nonce) else { return };
        self.observer.transaction_dropped(&self.chain, &self.label);
        let error = Error::retry(Kind::NonceConflict, format!("nonce {nonce} is held by another transaction"));
        self.fail(nonce, &pending, error).await;
    }

    /// Sends the transaction with a higher fee. False where there is no room for one.
    pub(super) async fn replace(&mut self, nonce: u64) -> Result<bool> {
        let behind = self.pending.range(nonce.saturating_add(1)..).next().is_some();
        // A stranger was first: no fee is raised for what is done, unless it holds up what is not (ATK-087).
        if !behind && self.pending.get(&nonce).is_some_and(Pending::moot) {
            return Ok(false);
        }
        self.quote = None;
        let market = self.price().await?;
        let Some(pending) = self.pending.get(&nonce) else { return Ok(false) };
        let Some(newest) = pending.sent.last() else { return Ok(false) };
        if pending.sent.len() >= MAX_REPLACEMENTS {
            return Ok(false);
        }
        let Some(price) = newest.price.raised(market, fees::cap(&self.fees.now())) else { return Ok(false) };
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
    pub(super) async fn fill_gap(&mut self, used: u64) -> Result<()> {
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
}
