//! **receive**: takes bundles from the peer durably, in any order, once.
//!
//! Takes: decoded, bounded bundles. Gives: stored bundles to `submit`, after `verify`. Answers *received* when the bundle
//! is on disk, *rejected* with a typed reason when it is not true. What cannot be judged yet (this relayer's own client
//! is behind the peer's) is kept, and judged again at each newer header.

use super::{
    book::Book,
    chain::ChainView,
    error::{Class, Error, Kind, Result},
    ports::{Clock, Inbound, Journal, blocking},
    submit::Submit,
    types::{Account, Bundle, Outcome},
    verify,
};
use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

/// How long a bundle waits for this relayer's own watch to reach its height before it is judged by its own header.
const REACH_WAIT: Duration = Duration::from_secs(3);
/// Bundles that wait for a newer header, at most; more are refused for now, and the peer sends them again.
const LATER_MAX: usize = 64;
/// Newer headers at which a bundle is judged again before it is refused.
const TRIES_MAX: u8 = 32;

/// A stored bundle that is not judged yet.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The peer's number for it.
    pub number: u64,
    /// The bundle.
    pub bundle: Arc<Bundle>,
    /// Where to answer.
    pub answer: mpsc::Sender<(u64, Outcome)>,
    /// How often it could not be judged.
    pub tries: u8,
}

impl Stored {
    /// What an earlier run stored. Nobody waits for an answer: the peer asks by itself.
    pub fn left(number: u64, bundle: Bundle) -> Self {
        Self { number, bundle: Arc::new(bundle), answer: mpsc::channel(1).0, tries: 0 }
    }

    fn range(&self) -> Range<u64> {
        self.bundle.first..self.bundle.end()
    }
}

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
    /// Stored and not judged: what an earlier run left, and what waits for a newer header. One leaves when it is done.
    pub backlog: Mutex<VecDeque<Stored>>,
    /// Stored bundles whose entries are not all proven delivered, by number.
    pub held: Mutex<BTreeMap<u64, Range<u64>>>,
}

impl Receive {
    /// Takes bundles until the queue ends.
    pub async fn run(&self, inbox: &mut mpsc::Receiver<Inbound>) -> Result<()> {
        self.take_up().await?;
        let mut tips = self.source.follow();
        tips.mark_unchanged();
        loop {
            let closed = self.book.closed.notified();
            let waiting = !self.backlog().is_empty();
            tokio::select! {
                inbound = inbox.recv(), if !self.book.draining() => match inbound {
                    Some(inbound) => self.take(inbound).await?,
                    None => return Err(Error::retry(Kind::ShuttingDown, "the peer listener ended")),
                },
                _ = tips.changed(), if waiting => self.again().await?,
                () = closed => {}
            }
            self.forget_delivered().await?;
        }
    }

    /// Bundles that are stored and not judged yet.
    pub fn waiting(&self) -> usize {
        self.backlog().len()
    }

    fn backlog(&self) -> MutexGuard<'_, VecDeque<Stored>> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up what an earlier run left, after the chain has said what it holds already.
    async fn take_up(&self) -> Result<()> {
        if self.backlog().is_empty() {
            return Ok(());
        }
        self.source.reach(0).await?;
        let asked = async {
            loop {
                let closed = self.book.closed.notified();
                if !self.book.has_hints() {
                    return;
                }
                closed.await;
            }
        };
        let _ = timeout(REACH_WAIT, asked).await;
        self.again().await
    }

    /// Judges everything that waits, one by one.
    async fn again(&self) -> Result<()> {
        let waiting: Vec<Stored> = self.backlog().iter().cloned().collect();
        for stored in waiting {
            self.attempt(stored).await?;
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

    async fn take(&self, inbound: Inbound) -> Result<()> {
        let Inbound { number, bundle, answer } = inbound;
        self.book.note_progress();
        let bundle = self.store(number, bundle).await?;
        let stored = Stored { number, bundle, answer, tries: 0 };
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(number, stored.range());
        let _ = stored.answer.try_send((number, Outcome::Received));
        // A frame that is repeated does not wait twice.
        self.backlog().retain(|s| s.number != number);
        self.backlog().push_back(stored.clone());
        if !self.done_already(&stored) {
            let _ = timeout(REACH_WAIT, self.source.reach(stored.bundle.source_height)).await;
        }
        self.attempt(stored).await
    }

    /// Here already (a repeated or reordered frame, or this relayer was faster): nothing to do twice.
    fn done_already(&self, stored: &Stored) -> bool {
        self.book.working(stored.range()) || self.book.all_delivered(stored.range())
    }

    /// Judges a bundle and hands it on. An error is the lane's: the bundle stays in the backlog.
    async fn attempt(&self, stored: Stored) -> Result<()> {
        let number = stored.number;
        if !self.done_already(&stored) {
            let started = Instant::now();
            match verify::bundle(&self.source, &self.outbox, &stored.bundle, &*self.clock) {
                Ok(_) => {
                    self.submit.verified(&stored.bundle, started.elapsed());
                    self.submit.submit(stored.bundle, Some((number, stored.answer))).await?;
                }
                Err(e) if e.class == Class::StopLane => {
                    // A peer brought the other side of a fork: that is the chain's fault, not the lane's alone.
                    if e.kind == Kind::ClientFrozen {
                        self.source.freeze(&self.journal).await;
                    }
                    return Err(e);
                }
                // Nothing is wrong with it: this relayer's own client is not there yet.
                Err(e) if e.kind == Kind::NotAvailableYet && self.later(&stored) => {
                    tracing::debug!(lane = %self.book.lane(), number, detail = %e.detail, "a bundle waits for a newer header");
                    return Ok(());
                }
                Err(e) => {
                    let outcome = Outcome::Rejected { kind: e.kind, detail: e.detail.to_string() };
                    let _ = stored.answer.try_send((number, outcome));
                    self.forget(number).await?;
                }
            }
        }
        self.backlog().retain(|s| s.number != number);
        Ok(())
    }

    /// Whether a bundle that cannot be judged yet stays.
    fn later(&self, stored: &Stored) -> bool {
        let mut backlog = self.backlog();
        let room = backlog.len() <= LATER_MAX || stored.tries > 0;
        match backlog.iter_mut().find(|s| s.number == stored.number) {
            Some(waiting) if room && stored.tries < TRIES_MAX => {
                waiting.tries += 1;
                true
            }
            _ => false,
        }
    }

    async fn store(&self, number: u64, bundle: Bundle) -> Result<Arc<Bundle>> {
        let (journal, peer) = (self.journal.clone(), self.peer.clone());
        blocking(move || journal.received(&peer, number, &bundle).map(|()| Arc::new(bundle))).await
    }

    async fn forget(&self, number: u64) -> Result<()> {
        let (journal, peer, lane) = (self.journal.clone(), self.peer.clone(), self.book.lane());
        blocking(move || journal.finished(&peer, lane, number)).await?;
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        Ok(())
    }
}
