//! **watch**: follows a chain's final headers through its light client and turns vault events into entries.
//!
//! Owns: the chain's trusted state. Takes: headers and events that a node tells. Gives: verified tips and grown books.
//! The node is not believed: headers are verified here; events are checked against the proven outbox by `prove` before
//! anything is sent, and against its proven size by `audit`.
//!
//! Order within a step: verify the header, take in the events up to it, make both durable, then publish the tip. So a
//! published tip always stands over books that hold at least everything below it, but for lanes in doubt: events are a
//! node's word, and a lane whose events are found false is forgotten back to what is beyond doubt and scanned again, while
//! the chain's other lanes go on.

use super::{
    book::{Book, Fact},
    chain::{ChainView, Tip},
    error::{Error, Kind, Result},
    ports::{Clock, Journal, Seen, blocking},
    swaps::LegState,
    types::{EventAt, TrustedState, VaultEvent},
};
use alloy::primitives::B256;
use bytes::Bytes;
use causeway_core::{Entry, LaneId, swap::Terms};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Blocks scanned in one step while catching up: bounds a node's answer and the memory for it.
const SCAN_STEP: u64 = 500;

/// Shortest and longest time between two scans of events that were in doubt: a node that goes on lying must not keep the
/// chain's other lanes waiting.
const HEAL_PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// Without doubts for so long, the next one is healed at once again.
const CALM: Duration = Duration::from_secs(120);

/// When doubts may be healed next.
struct Pace {
    next: Instant,
    pause: Duration,
}

impl Pace {
    fn new() -> Self {
        Self { next: Instant::now(), pause: HEAL_PAUSE.0 }
    }

    /// Doubts are healed now.
    fn step(&mut self) {
        let now = Instant::now();
        self.pause =
            if now.duration_since(self.next) > CALM { HEAL_PAUSE.0 } else { (self.pause * 2).min(HEAL_PAUSE.1) };
        self.next = now + self.pause;
    }
}

/// Where a chain's light client starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// Height of the pinned header.
    pub height: u64,
    /// Its hash, from the configuration: never from a node.
    pub hash: B256,
    /// First block that can hold events of the vault.
    pub scan_from: u64,
}

/// See the module.
pub struct Watch {
    /// The chain.
    pub chain: Arc<ChainView>,
    /// Where to start without a stored state.
    pub pinned: Pinned,
    /// Store.
    pub journal: Arc<dyn Journal>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Told of every step.
    pub seen: Arc<dyn Witness>,
    /// Books that grew since the last published tip.
    pub woken: Mutex<BTreeMap<LaneId, Arc<Book>>>,
}

/// What `watch` tells the outside (metrics, tracing).
pub trait Witness: Send + Sync {
    /// A header was verified.
    fn verified(&self, chain: &ChainView, trusted: &TrustedState);
    /// New entries of a lane were seen in a final block.
    fn observed(&self, book: &Book, entries: &[Entry], at: EventAt);
    /// A delivery was seen in a final block: how many entries were newly taken, answered with a return, parked. A
    /// node's word.
    fn delivered(&self, book: &Book, taken: usize, returned: usize, parked: usize);
    /// An event of a lane that is not served here, or of a look-alike.
    fn ignored(&self, chain: &ChainView);
}

impl Watch {
    /// Follows the chain until an error. Retryable errors end it too: the caller starts it again after a delay.
    pub async fn run(&self) -> Result<()> {
        let (mut trusted, scanned) = self.start().await?;
        // What ended the last run may have been a lie.
        let mut scanned = self.heal(scanned).await?;
        let mut pace = Pace::new();
        // The first round proves the stored height again: a quiet chain shows no newer one for long.
        let mut after = trusted.height.saturating_sub(1);
        loop {
            let height = tokio::select! {
                height = self.chain.headers.newer_than(after) => height?,
                () = self.doubted(pace.next), if self.chain.tip().is_some() => {
                    pace.step();
                    scanned = self.heal(scanned).await?;
                    scanned = self.scan(scanned, &trusted, &trusted).await?;
                    self.wake();
                    continue;
                }
            };
            let before = trusted.clone();
            let mut update = Bytes::new();
            for step in self.chain.headers.updates(&trusted, height).await? {
                trusted = self.verify(&trusted, &step)?;
                update = step.bytes;
            }
            if update.is_empty() {
                return Err(Error::retry(Kind::Malformed, "the node gave no update for a newer height"));
            }
            scanned = self.scan(scanned, &before, &trusted).await?;
            after = trusted.height;
            self.seen.verified(&self.chain, &trusted);
            self.chain.publish(Tip { trusted: trusted.clone(), update });
            self.wake();
        }
    }

    /// The stored state, or the pinned header where that is newer: people moved it on purpose.
    async fn start(&self) -> Result<(TrustedState, u64)> {
        let (journal, id) = (self.journal.clone(), self.chain.id.clone());
        let (stored, scanned) = blocking(move || Ok((journal.trusted(&id)?, journal.scanned(&id)?))).await?;
        let scanned = scanned.unwrap_or(self.pinned.scan_from.saturating_sub(1));
        if let Some(trusted) = stored.filter(|trusted| trusted.height >= self.pinned.height) {
            return Ok((trusted, scanned));
        }
        let header = self.chain.headers.pinned(self.pinned.height).await?;
        let trusted = self.chain.verifier.start(self.pinned.hash, &header, self.clock.now())?;
        Ok((trusted, scanned))
    }

    /// Waits for doubts, and until `next`.
    async fn doubted(&self, next: Instant) {
        self.chain.doubted().await;
        tokio::time::sleep_until(next).await;
    }

    /// Tells the books that grew.
    fn wake(&self) {
        for book in std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner)).values() {
            book.wake();
        }
    }

    /// Takes in events up to `trusted`. Until the last of them is stored the journal keeps the state `before`: a stored
    /// state stands over everything below it.
    async fn scan(&self, mut scanned: u64, before: &TrustedState, trusted: &TrustedState) -> Result<u64> {
        while scanned < trusted.height {
            let to = trusted.height.min(scanned + SCAN_STEP);
            let state = if to == trusted.height { trusted } else { before };
            self.take_in(scanned + 1, to, state).await?;
            scanned = to;
        }
        Ok(scanned)
    }

    /// Forgets what a lie may have touched, so that it is scanned again: `prove` or `audit` found that events and state
    /// differ.
    async fn heal(&self, scanned: u64) -> Result<u64> {
        let mut from = scanned;
        for lane in self.chain.take_doubts() {
            let Some(book) = self.chain.leaving(lane) else { continue };
            let (size, height) = book.heal_point();
            // The block of the mark itself is scanned again: a node that leaves events out may have told half of it.
            from = from.min(height.max(self.pinned.scan_from).saturating_sub(1));
            let (journal, id) = (self.journal.clone(), self.chain.id.clone());
            blocking(move || journal.truncate(&id, lane, size, from)).await?;
            book.truncate(size);
        }
        Ok(from)
    }

    fn verify(&self, trusted: &TrustedState, step: &super::types::Update) -> Result<TrustedState> {
        self.chain.verifier.verify(trusted, step, self.clock.now()).inspect_err(|e| {
            if e.kind == Kind::Refused {
                self.chain.headers.report_lie(step.height, &e.detail);
            }
        })
    }

    /// Takes in the events of blocks `from..=to` and makes the step durable.
    async fn take_in(&self, from: u64, to: u64, trusted: &TrustedState) -> Result<()> {
        let events = self.chain.entries.scan(&self.chain.vault, from, to).await?;
        let mut grown: BTreeMap<LaneId, Vec<Entry>> = BTreeMap::new();
        let mut doubted: BTreeSet<LaneId> = BTreeSet::new();
        // Terms first: a vault tells of an entry before it tells of the terms.
        let mut terms: Vec<Terms> = Vec::new();
        for event in &events {
            if let VaultEvent::Leg { terms: told, leg, voided, at } = event {
                self.leg(**told, *leg, *voided, *at, &mut terms);
            }
        }
        for event in events {
            match event {
                // Of a lane whose events were found false here, nothing more is taken in before it is healed.
                VaultEvent::Appended { lane, .. } if doubted.contains(&lane) => {}
                VaultEvent::Appended { lane, first, entries, at } => {
                    if let Err(e) = self.appended(lane, first, entries, at, &mut grown) {
                        self.chain.entries.report_lie(to, &e.detail);
                        self.chain.doubt(lane);
                        tracing::warn!(chain = %self.chain.id, %lane, detail = %e.detail, "a lane's events are scanned again");
                        doubted.insert(lane);
                    }
                }
                VaultEvent::Leg { .. } => {}
                VaultEvent::Delivered { lane, first, count, taken, returned, parked, at } => {
                    let Some(book) = self.chain.arriving(lane) else {
                        self.seen.ignored(&self.chain);
                        continue;
                    };
                    self.seen.delivered(&book, taken.count_ones(), returned.count_ones(), parked.count_ones());
                    // A hint only: `confirm` proves the bitmap words that it names. May be ahead of the source's watch:
                    // the words are kept for entries that are still to be seen.
                    book.hint(first..first.saturating_add(count.min(256)), at.block);
                }
            }
        }
        let (journal, id, trusted) = (self.journal.clone(), self.chain.id.clone(), trusted.clone());
        let write = move || {
            let mut seen: Vec<Seen<'_>> =
                grown.iter().map(|(lane, entries)| Seen::Entries { lane: *lane, entries }).collect();
            seen.push(Seen::Terms(&terms));
            journal.advance(&id, &trusted, to, &seen)
        };
        blocking(write).await
    }

    /// Terms that an event brought.
    fn leg(&self, told: Terms, leg: u8, voided: bool, at: EventAt, terms: &mut Vec<Terms>) {
        // A bridge that is not served here.
        let Some(swaps) = told.lane_of(leg).and_then(|lane| self.chain.swaps(lane)) else {
            self.seen.ignored(&self.chain);
            return;
        };
        let state = if voided { LegState::Voided } else { LegState::Locked };
        match swaps.told(told, leg, state, at) {
            Ok(_) => terms.push(told),
            Err(e) => tracing::warn!(chain = %self.chain.id, detail = %e.detail, "terms are not taken in"),
        }
    }

    /// A swap that `entries` speak of and whose terms no event brought: without them nobody could void its other leg.
    fn without_terms(&self, lane: LaneId, entries: &[Entry]) -> Option<B256> {
        let swaps = self.chain.swaps(lane)?;
        let facts = entries.iter().filter_map(|e| Fact::of(e, None));
        facts.map(|f| f.leg.swap_id).find(|id| swaps.terms(*id).is_none())
    }

    /// One event. An error means that it is false, or that one before it was left out or false.
    fn appended(
        &self,
        lane: LaneId,
        first: u64,
        entries: Vec<Entry>,
        at: EventAt,
        grown: &mut BTreeMap<LaneId, Vec<Entry>>,
    ) -> Result<()> {
        // A lane that this relayer does not serve, or a look-alike event: ignored.
        let Some(book) = self.chain.leaving(lane) else {
            self.seen.ignored(&self.chain);
            return Ok(());
        };
        let consecutive = entries.iter().zip(first..).all(|(e, i)| e.lane == lane && e.index == i);
        if !consecutive {
            return Err(Error::retry(Kind::NodeLied, "an Appended event whose entries are not consecutive"));
        }
        if let Some(id) = self.without_terms(lane, &entries) {
            let detail = format!("lane {lane}: a leg of swap {id} without the event that holds its terms");
            return Err(Error::retry(Kind::NodeLied, detail));
        }
        let fresh = book.append(at.block, &entries)?;
        if fresh > 0 {
            self.seen.observed(&book, &entries[entries.len() - fresh..], at);
            self.woken.lock().unwrap_or_else(PoisonError::into_inner).insert(lane, book);
        }
        // Known entries are stored again: a step that failed after `append` is scanned a second time.
        // A line that an answer repeats counts once.
        let list = grown.entry(lane).or_default();
        let next = list.last().map_or(first, |e| e.index + 1);
        list.extend(entries.iter().filter(|e| e.index >= next));
        Ok(())
    }
}
