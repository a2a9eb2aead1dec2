//! Following what was sent: receipts, finality, and what was lost to others.

use super::{
    manager::Manager,
    nodes,
    pending::{Mined, Pending, Step},
};
use crate::{
    chains::observe::Spent,
    lane::{
        error::{Error, Kind, Result},
        types::TxEvent,
    },
};
use alloy::primitives::U256;
use std::sync::Arc;

/// Heads between two looks at the balance.
const BALANCE_HEADS: u64 = 30;

impl Manager {
    /// Looks at everything that is pending: at a new head, or when none came for long.
    pub(super) async fn look(&mut self) {
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

    pub(super) async fn try_look(&mut self) -> Result<()> {
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

    pub(super) async fn find_receipts(&mut self, steps: &[(u64, Step)]) {
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
                    pending.share = None;
                    pending.looks = 0;
                }
                Ok(None) => pending.looks += 1,
                Err(error) => tracing::debug!(chain = %self.chain, nonce, %error, "no receipt"),
            }
        }
    }

    /// Another transaction took the nonce. What it did to our entries, their delivered bits say.
    pub(super) async fn lost(&mut self, nonce: u64) {
        let Some(pending) = self.pending.remove(&nonce) else { return };
        self.observer.transaction_dropped(&self.chain, &self.label);
        self.fail(
            nonce,
            &pending,
            Error::retry(Kind::NonceConflict, format!("nonce {nonce} was used by another transaction")),
        )
        .await;
    }

    /// Ends every transaction whose block the light client has verified, after a second look at its receipt.
    pub(super) async fn finish(&mut self) {
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

    pub(super) async fn end(&mut self, nonce: u64, mined: Mined) {
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

    pub(super) async fn fail(&mut self, nonce: u64, pending: &Pending, error: Error) {
        self.observer.transaction_failed(&self.chain, &self.label, error.kind);
        pending.tell(TxEvent::Failed(error));
        self.settle_or_log(nonce).await;
    }
}
