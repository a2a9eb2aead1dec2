//! **send**: hands runs of entries to the other organisation's relayer, with credits, durably numbered.
//!
//! Owns: what is at the peer. Takes: entries that wait. Gives: numbered bundles. Batches by size and age; keeps at most
//! `bundles_in_flight_max` unclosed bundles out. A bundle that the peer refuses, or does nothing about, waits again and is
//! taken by `sweep`.

use super::{
    book::{Book, Standing},
    error::{Error, Kind, Result},
    live::Live,
    ports::{Journal, Peer, blocking},
    prove::Prover,
    settings::Settings,
    types::{Bundle, Outcome},
};
use std::{collections::BTreeMap, ops::Range, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};

/// Pause before entries that the peer refused are tried again.
const REFUSED_PAUSE: Duration = Duration::from_secs(2);

/// How often open entries are looked at while none is due.
const LOOK: Duration = Duration::from_secs(1);

/// Bundles at the peer, by number, and since when.
type Out = BTreeMap<u64, (Range<u64>, Instant)>;

/// See the module.
pub struct Send {
    /// The lane.
    pub book: Arc<Book>,
    /// Proves runs.
    pub prover: Arc<Prover>,
    /// The other relayer.
    pub peer: Arc<dyn Peer>,
    /// Store, for numbers.
    pub journal: Arc<dyn Journal>,
    /// Sizes and ages.
    pub settings: Live<Settings>,
    /// Told of every bundle and outcome.
    pub sent: Arc<dyn Sent>,
}

/// What `send` tells the outside (metrics, tracing).
pub trait Sent: std::marker::Send + Sync {
    /// A bundle was proven, in so long.
    fn proved(&self, book: &Book, bundle: &Bundle, took: Duration);
    /// A bundle was handed to the peer, the oldest entry being so old.
    fn sent(&self, book: &Book, bundle: &Bundle, age: Duration);
    /// The peer answered.
    fn answered(&self, book: &Book, range: &Range<u64>, outcome: &Outcome);
}

impl Send {
    /// Sends for ever. Ends with the first error; the lane then starts again.
    pub async fn run(&self) -> Result<()> {
        let mut grown = self.book.grown();
        let mut answers = self.peer.acknowledgements(self.book.lane()).await?;
        let mut out = Out::new();
        loop {
            // What was closed, taken back or taken up by somebody else is not at the peer any more.
            out.retain(|_, (range, at)| self.book.sent_at(range.clone(), *at));
            let delay = if out.len() < self.settings.now().bundles_in_flight_max {
                self.send_next(&mut out).await?
            } else {
                None
            };
            let timer = delay.map(|d| Instant::now() + d);
            tokio::select! {
                answer = answers.recv() => self.answered(answer, &mut out)?,
                _ = grown.changed() => {}
                () = sleep_until(timer) => {}
            }
            drain(&mut answers, |a| self.answered(Some(a), &mut out))?;
        }
    }

    /// Sends what is due. Gives how long until the next batch is due by age, `None` when nothing waits.
    async fn send_next(&self, out: &mut Out) -> Result<Option<Duration>> {
        let max = usize::from(self.settings.now().batch_max_entries);
        while out.len() < self.settings.now().bundles_in_flight_max {
            let Some((range, age)) = self.book.next_waiting(self.prover.provable(), max, self.prover.time()) else {
                // An entry that waits for its time wakes nobody: look again while anything is open.
                return Ok((self.book.open_count() > 0).then_some(LOOK));
            };
            let full = (range.end - range.start) as usize >= max;
            if !full && age < self.settings.now().batch_max_age {
                return Ok(Some(self.settings.now().batch_max_age - age));
            }
            let started = Instant::now();
            let bundle = match self.prover.prove(range.clone()).await {
                Ok(bundle) => bundle,
                // Closed by somebody else meanwhile.
                Err(e) if e.kind == Kind::NotAvailableYet => return Ok(Some(self.settings.now().batch_max_age)),
                Err(e) => return Err(e),
            };
            self.sent.proved(&self.book, &bundle, started.elapsed());
            let (journal, lane) = (self.journal.clone(), self.book.lane());
            let number = blocking(move || journal.next_number(lane)).await?;
            self.peer.deliver(number, &bundle).await?;
            let at = Instant::now();
            self.book.stand(range.clone(), Standing::Sent(at));
            self.sent.sent(&self.book, &bundle, age);
            out.insert(number, (range, at));
        }
        Ok(None)
    }

    /// A peer's outcome is information: it moves hints and patience, never closes an entry.
    fn answered(&self, answer: Option<(u64, Outcome)>, out: &mut Out) -> Result<()> {
        let Some((number, outcome)) = answer else {
            return Err(Error::retry(Kind::Unavailable, "the peer's session ended"));
        };
        // A number that was never sent, or is closed: nothing depends on it (ATK-086).
        let Some((range, at)) = out.get(&number).cloned() else { return Ok(()) };
        self.sent.answered(&self.book, &range, &outcome);
        match outcome {
            Outcome::Received => {}
            Outcome::Submitted { .. } => self.book.note_progress(),
            // The block is the peer's word: the destination's own event names the words to prove.
            Outcome::Final { .. } => self.book.note_progress(),
            Outcome::Rejected { .. } => {
                out.remove(&number);
                if self.book.sent_at(range.clone(), at) {
                    self.book.fail(range, Instant::now() + REFUSED_PAUSE);
                }
            }
        }
        Ok(())
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn drain<T>(queue: &mut mpsc::Receiver<T>, mut each: impl FnMut(T) -> Result<()>) -> Result<()> {
    while let Ok(item) = queue.try_recv() {
        each(item)?;
    }
    Ok(())
}
