//! **submit**: makes the call that delivers a verified bundle, hands it to the signer, and follows it to finality.
//!
//! Takes: bundles that `verify` found true, or that this relayer proved itself. Gives: hints to `confirm` (the
//! transaction is final), or entries that wait again (it reverted). Retries are bounded: after `attempts_max` failures a
//! batch is split into single entries, after as many again a single entry becomes a dead letter.

use super::{
    book::{Book, Hold, Standing},
    chain::ChainView,
    error::{Class, Error, Kind, Result},
    live::Live,
    ports::{Clock, DeadLetter, Journal, blocking},
    settings::Settings,
    types::{Bundle, Delivery, Originals, Outcome, TxEvent},
};
use causeway_core::{Body, Entry};
use std::{ops::Range, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};

/// Pause after the first failure; doubles with each.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(60);

/// Block times that a delivery's own verdict may come after its entries were proven delivered.
const VERDICT_BLOCKS: u32 = 2;
/// Shortest such time.
const VERDICT_MIN: Duration = Duration::from_millis(500);

/// Where the outcome of a peer's bundle is told.
pub type Answer = Option<(u64, mpsc::Sender<(u64, Outcome)>)>;

/// See the module.
pub struct Submit {
    /// Source of the lane.
    pub source: Arc<ChainView>,
    /// Destination of the lane.
    pub destination: Arc<ChainView>,
    /// The lane.
    pub book: Arc<Book>,
    /// The lane back, whose transfers a `Returned` entry names.
    pub reverse: Arc<Book>,
    /// Store.
    pub journal: Arc<dyn Journal>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Bounds of retries.
    pub settings: Live<Settings>,
    /// Told of every step.
    pub submitted: Arc<dyn Submitted>,
}

/// What `submit` tells the outside (metrics, tracing).
pub trait Submitted: Send + Sync {
    /// A bundle was found true, in so long.
    fn verified(&self, book: &Book, bundle: &Bundle, took: Duration);
    /// A delivery was broadcast, so long after it was found true.
    fn broadcast(&self, book: &Book, bundle: &Bundle, took: Duration);
    /// A delivery is final, so long after it was found true, at this cost.
    fn finalised(&self, book: &Book, bundle: &Bundle, took: Duration, cost: Cost);
    /// A delivery failed.
    fn failed(&self, book: &Book, range: &Range<u64>, error: &Error);
    /// Entries were given up.
    fn buried(&self, book: &Book, range: &Range<u64>, kind: Kind);
}

/// What a final delivery cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Gas of the whole transaction.
    pub gas_used: u64,
    /// Fee paid, wei.
    pub fee: alloy::primitives::U256,
}

impl Submit {
    /// Tells that a bundle was found true.
    pub fn verified(&self, bundle: &Bundle, took: Duration) {
        self.submitted.verified(&self.book, bundle, took);
    }

    /// Submits a true bundle and follows it in the background. Waits while the signer's window is full. An error here is the lane's; a failed delivery is the entries' own trouble.
    pub async fn submit(self: &Arc<Self>, bundle: Arc<Bundle>, answer: Answer) -> Result<()> {
        let range = bundle.first..bundle.end();
        let hold = self.book.hold(range.clone());
        match self.hand_over(&bundle).await {
            Ok(events) => {
                let this = self.clone();
                tokio::spawn(async move { this.follow(bundle, events, answer, hold).await });
                Ok(())
            }
            Err(e) if e.class == Class::StopLane => Err(e),
            Err(e) => self.failed(range, &e, &answer).await,
        }
    }

    async fn hand_over(self: &Arc<Self>, bundle: &Arc<Bundle>) -> Result<mpsc::Receiver<TxEvent>> {
        let Some(submitter) = &self.destination.submitter else {
            return Err(Error::stop_lane(Kind::InvalidConfig, "no signer for the destination chain"));
        };
        let originals = if bundle.entries.iter().any(|e| matches!(e.body, Body::Returned(_))) {
            let (this, bundle) = (self.clone(), bundle.clone());
            blocking(move || this.originals(&bundle)).await?
        } else {
            Vec::new()
        };
        let contract = submitter.client(bundle.lane).await?;
        // One node's word stops no lane.
        if contract.frozen && submitter.proven_client(bundle.lane).await?.frozen {
            return Err(Error::stop_lane(Kind::ClientFrozen, "the destination's client contract is frozen"));
        }
        let history = self.source.history();
        let (before, update) = self.source.verifier.for_contract(&contract, &history, &bundle.update)?;
        if !before.is_empty() {
            // Ordered by the signer's nonce: the delivery comes after.
            drop(submitter.update_client(bundle.lane, before).await?);
        }
        let bundle =
            if update == bundle.update { bundle.clone() } else { Arc::new(Bundle { update, ..Bundle::clone(bundle) }) };
        submitter.deliver(Delivery { bundle, originals }).await
    }

    /// The original transfers that `Returned` entries send back, with proof that they stand in the destination's outbox.
    fn originals(&self, bundle: &Bundle) -> Result<Vec<Originals>> {
        let mut groups: Vec<Range<u64>> = Vec::new();
        let mut last_was_returned = false;
        // A group of a delivery never spans two runs.
        let mut left_in_run = 0u16;
        let mut runs = bundle.runs.iter();
        for entry in &bundle.entries {
            if left_in_run == 0 {
                left_in_run = runs.next().map_or(u16::MAX, |run| run.count);
                last_was_returned = false;
            }
            left_in_run = left_in_run.saturating_sub(1);
            let Body::Returned(r) = entry.body else {
                last_was_returned = false;
                continue;
            };
            match groups.last_mut() {
                Some(g) if last_was_returned && g.end == r.index => g.end += 1,
                _ => groups.push(r.index..r.index + 1),
            }
            last_was_returned = true;
        }
        groups
            .into_iter()
            .map(|g| self.original(g))
            .collect::<Result<Vec<_>>>()
            .map(|v| v.into_iter().flatten().collect())
    }

    /// One group; more than one where the originals lie under several peaks.
    fn original(&self, range: Range<u64>) -> Result<Vec<Originals>> {
        let lane = self.reverse.lane();
        let transfers = self.journal.entries(lane, range.start, (range.end - range.start) as usize)?;
        let complete = transfers.iter().zip(range.clone()).all(|(t, i)| t.index == i);
        if !complete || transfers.len() as u64 != range.end - range.start {
            return Err(Error::retry(
                Kind::NotAvailableYet,
                format!("transfers {range:?} of lane {lane} are not seen yet"),
            ));
        }
        let (runs, _) = self.reverse.runs(range, self.reverse.size())?;
        let mut rest: &[Entry] = &transfers;
        let mut groups = Vec::with_capacity(runs.len());
        for run in runs {
            let (mine, after) = rest.split_at(usize::from(run.count).min(rest.len()));
            groups.push(Originals { transfers: mine.to_vec(), peak: run.peak, siblings: run.siblings });
            rest = after;
        }
        Ok(groups)
    }

    /// Follows a delivery to its end. Dropping `_hold` lets entries that are still open wait again.
    async fn follow(
        self: Arc<Self>,
        bundle: Arc<Bundle>,
        mut events: mpsc::Receiver<TxEvent>,
        answer: Answer,
        _hold: Hold,
    ) {
        let range = bundle.first..bundle.end();
        let started = Instant::now();
        let tell = |outcome: Outcome| {
            if let Some((number, to)) = &answer {
                let _ = to.try_send((*number, outcome));
            }
        };
        while let Some(event) = self.next_event(&mut events, range.clone()).await {
            match event {
                TxEvent::Broadcast { tx } => {
                    self.submitted.broadcast(&self.book, &bundle, started.elapsed());
                    self.book.note_progress();
                    tell(Outcome::Submitted { tx });
                }
                TxEvent::Final { tx, block, gas_used, fee } => {
                    self.submitted.finalised(&self.book, &bundle, started.elapsed(), Cost { gas_used, fee });
                    self.book.hint(range.clone(), block);
                    tell(Outcome::Final { tx, block });
                    self.close(range).await;
                    return;
                }
                TxEvent::Reverted { data, .. } => {
                    let selector: String = data.iter().take(4).map(|b| format!("{b:02x}")).collect();
                    let e = Error::retry(Kind::Reverted, format!("the delivery reverted with 0x{selector}"));
                    let _ = self.failed(range, &e, &answer).await;
                    return;
                }
                TxEvent::Failed(e) => {
                    let _ = self.failed(range, &e, &answer).await;
                    return;
                }
            }
        }
        // The signer ended without a verdict (shutdown): the chain says later what happened.
    }

    /// The next event of a delivery. `None` at its end, and once somebody else was first: then the signer learns that
    /// nobody waits for it any more (ATK-087).
    async fn next_event(&self, events: &mut mpsc::Receiver<TxEvent>, range: Range<u64>) -> Option<TxEvent> {
        loop {
            let closed = self.book.closed.notified();
            if self.book.open_in(range.clone()) == 0 {
                // Our own: its verdict comes with the header that proved it.
                let grace = self.destination.block_time.saturating_mul(VERDICT_BLOCKS).max(VERDICT_MIN);
                return tokio::time::timeout(grace, events.recv()).await.ok().flatten();
            }
            tokio::select! {
                event = events.recv() => return event,
                () = closed => {}
            }
        }
    }

    /// Waits until the final delivery is proven; entries that it left open (a cap, another submitter's gap) wait again.
    async fn close(&self, range: Range<u64>) {
        let wait = RETRY_PAUSE_MAX;
        let proven = async {
            loop {
                let closed = self.book.closed.notified();
                if self.book.open_in(range.clone()) == 0 {
                    return;
                }
                closed.await;
            }
        };
        let _ = tokio::time::timeout(wait, proven).await;
    }

    /// A delivery failed: its entries wait again, or are buried.
    pub async fn failed(&self, range: Range<u64>, e: &Error, answer: &Answer) -> Result<()> {
        self.submitted.failed(&self.book, &range, e);
        let attempts = self.book.fail(range.clone(), Instant::now() + RETRY_PAUSE);
        let pause = RETRY_PAUSE.saturating_mul(1 << attempts.min(6)).min(RETRY_PAUSE_MAX);
        let after = if let Class::Retry { after: Some(after) } = e.class { after.max(pause) } else { pause };
        self.book.stand(range.clone(), Standing::Waiting(Instant::now() + after));
        self.book.hint(range.clone(), 0);
        let single = range.end - range.start == 1;
        let spent = attempts >= self.settings.now().attempts_max.saturating_mul(2);
        // Only what is the entry's own fault is ever given up: an outage or a node's word is tried for ever, slowly (INV-6).
        let own = matches!(e.kind, Kind::Reverted | Kind::Refused | Kind::TooLarge | Kind::Malformed);
        if single && spent && own {
            self.bury(range, e, answer).await?;
        }
        Ok(())
    }

    async fn bury(&self, range: Range<u64>, e: &Error, answer: &Answer) -> Result<()> {
        let buried = range.clone();
        if let Some((number, to)) = answer {
            let _ = to.try_send((*number, Outcome::Rejected { kind: e.kind, detail: e.detail.to_string() }));
        }
        let letter = DeadLetter {
            id: 0,
            lane: self.book.lane(),
            range,
            stage: "submit".into(),
            kind: e.kind,
            detail: e.detail.to_string(),
            at: self.clock.now(),
        };
        let journal = self.journal.clone();
        blocking(move || journal.bury(&letter)).await?;
        // The letter first: a failed write leaves the entry waiting, not dead without a letter.
        self.book.stand(buried.clone(), Standing::Dead);
        self.submitted.buried(&self.book, &buried, e.kind);
        Ok(())
    }
}
