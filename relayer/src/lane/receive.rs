//! **receive**: takes bundles from the peer durably, in any order, once.
//!
//! Takes: decoded, bounded bundles. Gives: stored bundles to `submit`, after `verify`. Answers *received* when the bundle
//! is on disk, *rejected* with a typed reason when it is not true.

use super::{
    book::Book,
    chain::ChainView,
    error::{Error, Kind, Result},
    ports::{Clock, Inbound, Journal},
    submit::Submit,
    types::{Account, Outcome},
    verify,
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::timeout};

/// How long a bundle waits for this relayer's own watch to reach its height before it is judged by its own header.
const REACH_WAIT: Duration = Duration::from_secs(3);

/// See the module.
pub struct Receive {
    /// Source of the lane, as this relayer sees it.
    pub source: Arc<ChainView>,
    /// The lane's outbox on the source.
    pub outbox: Account,
    /// The lane.
    pub book: Arc<Book>,
    /// Name of the peer, for the store.
    pub peer: String,
    /// Store.
    pub journal: Arc<dyn Journal>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Next stage.
    pub submit: Arc<Submit>,
}

impl Receive {
    /// Takes bundles until the queue ends.
    pub async fn run(&self, inbox: &mut mpsc::Receiver<Inbound>) -> Result<()> {
        while let Some(inbound) = inbox.recv().await {
            self.one(inbound).await?;
        }
        Err(Error::retry(Kind::ShuttingDown, "the peer listener ended"))
    }

    async fn one(&self, inbound: Inbound) -> Result<()> {
        let Inbound { number, bundle, answer } = inbound;
        self.book.note_progress();
        let range = bundle.first..bundle.end();
        let bundle = self.store(number, bundle).await?;
        let _ = answer.try_send((number, Outcome::Received));
        // Here already (a repeated or reordered frame, or this relayer was faster): nothing to do twice.
        if self.book.working(range.clone()) || self.book.all_delivered(range.clone()) {
            return Ok(());
        }
        let _ = timeout(REACH_WAIT, self.source.reach(bundle.source_height)).await;
        match verify::bundle(&self.source, &self.outbox, &bundle, &*self.clock) {
            Ok(_) => {
                self.submit.verified(&bundle);
                self.submit.submit(bundle, Some((number, answer))).await
            }
            Err(e) => {
                let outcome = Outcome::Rejected { kind: e.kind, detail: e.detail.to_string() };
                let _ = answer.try_send((number, outcome));
                self.forget(number).await
            }
        }
    }

    async fn store(&self, number: u64, bundle: super::types::Bundle) -> Result<Arc<super::types::Bundle>> {
        let (journal, peer) = (self.journal.clone(), self.peer.clone());
        let write = move || journal.received(&peer, number, &bundle).map(|()| Arc::new(bundle));
        tokio::task::spawn_blocking(write).await.map_err(|e| Error::retry(Kind::Store, e.to_string()))?
    }

    async fn forget(&self, number: u64) -> Result<()> {
        let (journal, peer, lane) = (self.journal.clone(), self.peer.clone(), self.book.lane());
        tokio::task::spawn_blocking(move || journal.finished(&peer, lane, number))
            .await
            .map_err(|e| Error::retry(Kind::Store, e.to_string()))?
    }
}
