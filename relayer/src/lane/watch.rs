//! **watch**: follows a chain's final headers through its light client and turns vault events into entries.
//!
//! Owns: the chain's trusted state. Takes: headers and events that a node tells. Gives: verified tips and grown books.
//! The node is not believed: headers are verified here; events are checked against the proven outbox by `prove` before
//! anything is sent, and against its proven size by `audit`.
//!
//! Order within a step: verify the header, take in the events up to it, make both durable, then publish the tip. So a
//! published tip always stands over books that hold at least everything below it.

use super::{
    book::Book,
    chain::{ChainView, Tip},
    error::{Error, Kind, Result},
    ports::{Clock, Journal, Seen},
    types::{EventAt, TrustedState, VaultEvent},
};
use alloy::primitives::B256;
use bytes::Bytes;
use causeway_core::{Entry, LaneId};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Blocks scanned in one step while catching up: bounds a node's answer and the memory for it.
const SCAN_STEP: u64 = 500;

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
        loop {
            let height = self.chain.headers.newer_than(trusted.height).await?;
            let mut update = Bytes::new();
            for step in self.chain.headers.updates(&trusted, height).await? {
                trusted = self.verify(&trusted, &step)?;
                update = step.bytes;
            }
            if update.is_empty() {
                return Err(Error::retry(Kind::Malformed, "the node gave no update for a newer height"));
            }
            while scanned < trusted.height {
                let to = trusted.height.min(scanned + SCAN_STEP);
                self.take_in(scanned + 1, to, &trusted).await?;
                scanned = to;
            }
            self.seen.verified(&self.chain, &trusted);
            self.chain.publish(Tip { trusted: trusted.clone(), update });
            for book in std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner)).values() {
                book.wake();
            }
            scanned = self.heal(scanned).await?;
        }
    }

    /// The stored state, or the pinned header.
    async fn start(&self) -> Result<(TrustedState, u64)> {
        let scanned = self.journal.scanned(&self.chain.id)?.unwrap_or(self.pinned.scan_from.saturating_sub(1));
        if let Some(trusted) = self.journal.trusted(&self.chain.id)? {
            return Ok((trusted, scanned));
        }
        let header = self.chain.headers.pinned(self.pinned.height).await?;
        let trusted = self.chain.verifier.start(self.pinned.hash, &header, self.clock.now())?;
        Ok((trusted, scanned))
    }

    /// Forgets what a lie may have touched, and scans it again: `prove` or `audit` found that events and state differ.
    async fn heal(&self, scanned: u64) -> Result<u64> {
        let mut from = scanned;
        for lane in self.chain.take_doubts() {
            let Some(book) = self.chain.leaving(lane) else { continue };
            let (size, height) = book.heal_point();
            let journal = self.journal.clone();
            tokio::task::spawn_blocking(move || journal.truncate(lane, size))
                .await
                .map_err(|e| Error::retry(Kind::Store, e.to_string()))??;
            book.truncate(size);
            // The block of the mark itself is scanned again: a node that leaves events out may have told half of it.
            from = from.min(height.max(self.pinned.scan_from).saturating_sub(1));
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
        for event in events {
            match event {
                VaultEvent::Appended { lane, first, entries, at } => {
                    self.appended(lane, first, entries, (at, to), &mut grown)?;
                }
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
            let seen: Vec<Seen<'_>> =
                grown.iter().map(|(lane, entries)| Seen::Entries { lane: *lane, entries }).collect();
            journal.advance(&id, &trusted, to, &seen)
        };
        tokio::task::spawn_blocking(write).await.map_err(|e| Error::retry(Kind::Store, e.to_string()))?
    }

    /// One event; `asked` is the last block of the question that it answers.
    fn appended(
        &self,
        lane: LaneId,
        first: u64,
        entries: Vec<Entry>,
        (at, asked): (EventAt, u64),
        grown: &mut BTreeMap<LaneId, Vec<Entry>>,
    ) -> Result<()> {
        // A lane that this relayer does not serve, or a look-alike event: ignored.
        let Some(book) = self.chain.leaving(lane) else {
            self.seen.ignored(&self.chain);
            return Ok(());
        };
        let consecutive = entries.iter().zip(first..).all(|(e, i)| e.lane == lane && e.index == i);
        if !consecutive {
            self.chain.headers.report_lie(asked, "an Appended event whose entries are not consecutive");
            return Err(Error::retry(Kind::NodeLied, "an Appended event whose entries are not consecutive"));
        }
        // A hole or a contradiction: this event is false, or one before was left out or false. Events are a node's word, so
        // it is not believed for a while, and everything that is not proven delivered is scanned again; no lane stops.
        let fresh = book.append(at.block, &entries).map_err(|e| {
            self.chain.headers.report_lie(asked, &e.detail);
            self.chain.doubt(lane);
            Error::retry(e.kind, e.detail)
        })?;
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
