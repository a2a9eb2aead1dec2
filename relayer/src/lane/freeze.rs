//! **freeze**: two final headers of a chain conflict (INV-8). Its lanes stop at once and stay stopped over restarts, until
//! people pin a header above the conflict; and the evidence goes to the client contracts that read the chain, so that what
//! this relayer knows stops everybody.

use super::{
    chain::ChainView,
    error::{Error, Kind, Result},
    ports::{Journal, blocking},
    types::Conflict,
};
use backon::{BackoffBuilder, ExponentialBuilder};
use causeway_core::LaneId;
use std::{sync::Arc, time::Duration};

/// First and longest pause between two attempts to freeze a contract.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

impl ChainView {
    /// Stops every lane of this chain on the evidence that its client met, and remembers it.
    pub async fn freeze(&self, journal: &Arc<dyn Journal>) {
        let conflict = self.verifier.conflict();
        self.frozen_by(conflict.clone());
        let Some(conflict) = conflict else { return };
        tracing::error!(chain = %self.id, height = conflict.height, detail = %conflict.detail, "two final headers conflict");
        let (journal, id) = (journal.clone(), self.id.clone());
        if let Err(e) = blocking(move || journal.freeze(&id, &conflict)).await {
            tracing::error!(chain = %self.id, error = %e, "the conflict could not be stored");
        }
    }

    /// Takes up a conflict that an earlier run met, unless the pinned header is above it: people have chosen.
    ///
    /// # Errors
    /// The journal's.
    pub async fn recall_freeze(&self, journal: &Arc<dyn Journal>, pinned: u64) -> Result<()> {
        let (journal, id) = (journal.clone(), self.id.clone());
        let conflict = blocking(move || {
            let conflict = journal.frozen(&id)?;
            if conflict.as_ref().is_some_and(|conflict| conflict.height < pinned) {
                journal.thaw(&id)?;
                return Ok(None);
            }
            Ok(conflict)
        })
        .await?;
        if conflict.is_some() {
            self.frozen_by(conflict);
        }
        Ok(())
    }
}

/// Brings evidence to the client contract of a lane.
pub struct Report {
    /// The chain that may be frozen.
    pub source: Arc<ChainView>,
    /// Where its client contract stands.
    pub destination: Arc<ChainView>,
    /// The lane.
    pub lane: LaneId,
}

impl Report {
    /// Reports for ever: until the contract is proven frozen, then no more.
    pub async fn run(&self) {
        if let Some(conflict) = self.source.conflict().filter(|c| !c.a.is_empty() && !c.b.is_empty()) {
            let pauses = ExponentialBuilder::default().with_min_delay(PAUSE.0).with_max_delay(PAUSE.1);
            for pause in pauses.with_jitter().without_max_times().build() {
                match self.once(&conflict).await {
                    Ok(()) => break,
                    Err(e) => {
                        tracing::warn!(lane = %self.lane, error = %e, "the client contract is not frozen yet");
                        tokio::time::sleep(pause).await;
                    }
                }
            }
        }
        std::future::pending().await
    }

    /// True evidence is brought once: whoever else was faster, the contract says so.
    async fn once(&self, conflict: &Conflict) -> Result<()> {
        let Some(submitter) = &self.destination.submitter else { return Ok(()) };
        let client = submitter.proven_client(self.lane).await?;
        if client.frozen {
            tracing::info!(lane = %self.lane, "the client contract is frozen");
            return Ok(());
        }
        let history = self.source.history();
        let mut evidence = Vec::with_capacity(2);
        for update in [&conflict.a, &conflict.b] {
            let (before, update) = self.source.verifier.for_contract(&client, &history, update)?;
            if !before.is_empty() {
                drop(submitter.update_client(self.lane, before).await?);
            }
            evidence.push(update);
        }
        if let (Some(b), Some(a)) = (evidence.pop(), evidence.pop()) {
            let mut events = submitter.misbehaviour(self.lane, a, b).await?;
            while events.recv().await.is_some() {}
        }
        Err(Error::retry(Kind::NotAvailableYet, "evidence was brought; its effect is to be proven"))
    }
}
