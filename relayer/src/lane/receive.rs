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
    types::{Account, Bundle, Outcome},
    verify,
};
use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

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
    /// Bundles that an earlier run stored and did not finish. Taken up once.
    pub backlog: Mutex<Vec<(u64, Bundle)>>,
    /// Stored bundles whose entries are not all proven delivered, by number.
    pub held: Mutex<BTreeMap<u64, Range<u64>>>,
}

impl Receive {
    /// Takes bundles until the queue ends.
    pub async fn run(&self, inbox: &mut mpsc::Receiver<Inbound>) -> Result<()> {
        self.take_up().await?;
        loop {
            let closed = self.book.closed.notified();
            tokio::select! {
                inbound = inbox.recv() => match inbound {
                    Some(inbound) => self.one(inbound).await?,
                    None => return Err(Error::retry(Kind::ShuttingDown, "the peer listener ended")),
                },
                () = closed => {}
            }
            self.forget_delivered().await?;
        }
    }

    /// Takes up what an earlier run left, after the chain has said what it holds already.
    async fn take_up(&self) -> Result<()> {
        let left = std::mem::take(&mut *self.backlog.lock().unwrap_or_else(PoisonError::into_inner));
        if left.is_empty() {
            return Ok(());
        }
        let asked = async {
            while self.book.has_hints() {
                self.book.closed.notified().await;
            }
        };
        let _ = timeout(REACH_WAIT, asked).await;
        for (number, bundle) in left {
            self.one(Inbound { number, bundle, answer: mpsc::channel(1).0 }).await?;
        }
        Ok(())
    }

    /// Forgets stored bundles whose entries are all proven delivered.
    async fn forget_delivered(&self) -> Result<()> {
        let done: Vec<u64> = {
            let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.iter().filter(|(_, range)| self.book.all_delivered((*range).clone())).map(|(n, _)| *n).collect()
        };
        for number in done {
            self.forget(number).await?;
        }
        Ok(())
    }

    async fn one(&self, inbound: Inbound) -> Result<()> {
        let Inbound { number, bundle, answer } = inbound;
        self.book.note_progress();
        let range = bundle.first..bundle.end();
        let bundle = self.store(number, bundle).await?;
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(number, range.clone());
        let _ = answer.try_send((number, Outcome::Received));
        // Here already (a repeated or reordered frame, or this relayer was faster): nothing to do twice.
        if self.book.working(range.clone()) || self.book.all_delivered(range.clone()) {
            return Ok(());
        }
        let _ = timeout(REACH_WAIT, self.source.reach(bundle.source_height)).await;
        let started = Instant::now();
        match verify::bundle(&self.source, &self.outbox, &bundle, &*self.clock) {
            Ok(_) => {
                self.submit.verified(&bundle, started.elapsed());
                self.submit.submit(bundle, Some((number, answer))).await
            }
            Err(e) => {
                let outcome = Outcome::Rejected { kind: e.kind, detail: e.detail.to_string() };
                let _ = answer.try_send((number, outcome));
                self.forget(number).await
            }
        }
    }

    async fn store(&self, number: u64, bundle: Bundle) -> Result<Arc<Bundle>> {
        let (journal, peer) = (self.journal.clone(), self.peer.clone());
        let write = move || journal.received(&peer, number, &bundle).map(|()| Arc::new(bundle));
        tokio::task::spawn_blocking(write).await.map_err(|e| Error::retry(Kind::Store, e.to_string()))?
    }

    async fn forget(&self, number: u64) -> Result<()> {
        let (journal, peer, lane) = (self.journal.clone(), self.peer.clone(), self.book.lane());
        tokio::task::spawn_blocking(move || journal.finished(&peer, lane, number))
            .await
            .map_err(|e| Error::retry(Kind::Store, e.to_string()))??;
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        Ok(())
    }
}
