//! What a relayer knows of one lane: the tree of its outbox, the entries that are still open, and which are delivered.
//!
//! Owns: the in-memory state of a lane, shared by its stages. Takes: what `watch` saw and what `confirm` proved. Gives:
//! runs to send, entries that wait, and closed ranges. Nothing here does I/O; every method holds the lock for
//! microseconds.

use super::{
    error::{Error, Kind, Result},
    types::Run,
};
use alloy::primitives::{B256, U256};
use causeway_core::{
    Entry, LaneId, OutboxTree,
    tree::{TreeError, peaks},
};
use std::{
    collections::{BTreeMap, VecDeque},
    ops::{Range, RangeBounds},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

/// Sizes kept by height: enough for bundles that wait for an older tip. One mark is 16 bytes.
const MARKS_MAX: usize = 1024;
/// Hints (bitmap words to prove) kept at most; more collapse into the oldest open words anyway.
const HINTS_MAX: usize = 4096;

/// Where an open entry stands in this relayer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Seen in a final block, nobody works on it; not before the instant.
    Waiting(Instant),
    /// Sent to the peer at the instant.
    Sent(Instant),
    /// This relayer verifies or submits it.
    Working,
    /// Given up: an operator may drive it again.
    Dead,
}

/// An entry that is not known to be delivered.
#[derive(Clone, Debug)]
pub struct Open {
    /// The entry.
    pub entry: Entry,
    /// Where it stands.
    pub standing: Standing,
    /// When this relayer first saw it.
    pub seen: Instant,
    /// Failed deliveries so far.
    pub attempts: u8,
}

/// A run of consecutive entries with what is needed to prove it, as of an outbox size.
#[derive(Clone, Debug)]
pub struct Cut {
    /// Index of the first.
    pub first: u64,
    /// The entries.
    pub entries: Vec<Entry>,
    /// How they lie under the peaks.
    pub runs: Vec<Run>,
    /// The value that the chain must show for each run's peak.
    pub peaks: Vec<B256>,
}

struct Inner {
    tree: OutboxTree,
    open: BTreeMap<u64, Open>,
    delivered: BTreeMap<u64, U256>,
    marks: VecDeque<(u64, u64)>,
    hints: BTreeMap<u64, u64>,
    progress: Instant,
    closed: u64,
}

impl Inner {
    /// The first run of consecutive open entries within `bounds` for which `pick` holds, at most `max`.
    fn run_of(&self, bounds: impl RangeBounds<u64>, max: usize, pick: impl Fn(&Open) -> bool) -> Option<Range<u64>> {
        let mut run: Option<Range<u64>> = None;
        for (&i, open) in self.open.range(bounds) {
            match &mut run {
                None if pick(open) => run = Some(i..i + 1),
                None => {}
                Some(r) if i == r.end && pick(open) && ((r.end - r.start) as usize) < max => r.end += 1,
                Some(_) => break,
            }
        }
        run
    }
}

/// See the module.
pub struct Book {
    lane: LaneId,
    inner: Mutex<Inner>,
    /// Counts the moments at which there may be something to send: entries under a new tip, entries that wait again.
    grown: watch::Sender<u64>,
    /// Fires when there is something to prove delivered.
    pub hinted: Notify,
    /// Fires when entries were closed.
    pub closed: Notify,
}

impl Book {
    /// A book from what the journal holds: all commitments, the bodies of entries from `open_from` on, proven words.
    pub fn restore(lane: LaneId, commitments: &[B256], bodies: Vec<Entry>, delivered: Vec<(u64, U256)>) -> Self {
        let tree = OutboxTree::from_leaves(commitments);
        let now = Instant::now();
        let delivered: BTreeMap<_, _> = delivered.into_iter().collect();
        let open: BTreeMap<_, _> = bodies
            .into_iter()
            .filter(|e| !bit(&delivered, e.index))
            .map(|e| (e.index, Open { entry: e, standing: Standing::Waiting(now), seen: now, attempts: 0 }))
            .collect();
        let mut marks = VecDeque::new();
        marks.push_back((0, tree.size()));
        let closed = tree.size() - open.len() as u64;
        // Everything open is asked of the chain before anything is sent: the chain, not the journal, says what happened.
        let hints = open.keys().map(|i| (i / 256, 0)).collect();
        Self {
            lane,
            inner: Mutex::new(Inner { tree, open, delivered, marks, hints, progress: now, closed }),
            grown: watch::Sender::new(0),
            hinted: Notify::new(),
            closed: Notify::new(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A poisoned lock means a panic in a method below; state is only replaced whole, so it is still sound.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the moments at which there may be something to send.
    pub fn grown(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }

    /// There may be something to send.
    pub fn wake(&self) {
        self.grown.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// The lane.
    pub fn lane(&self) -> LaneId {
        self.lane
    }

    /// Number of entries seen.
    pub fn size(&self) -> u64 {
        self.inner().tree.size()
    }

    /// Number of entries not known to be delivered.
    pub fn open_count(&self) -> usize {
        self.inner().open.len()
    }

    /// Entries proven delivered.
    pub fn closed_count(&self) -> u64 {
        self.inner().closed
    }

    /// Age of the oldest open entry since this relayer saw it.
    pub fn oldest_age(&self) -> Option<Duration> {
        self.inner().open.first_key_value().map(|(_, o)| o.seen.elapsed())
    }

    /// Open entries by standing: waiting, sent, working, dead.
    pub fn standings(&self) -> [usize; 4] {
        let mut counts = [0; 4];
        for o in self.inner().open.values() {
            let i = match o.standing {
                Standing::Waiting(_) => 0,
                Standing::Sent(_) => 1,
                Standing::Working => 2,
                Standing::Dead => 3,
            };
            counts[i] += 1;
        }
        counts
    }

    /// Takes in entries that the source chain showed at `height`. Known ones must be the same; a gap is refused
    /// (`NotAvailableYet`: scan again), a rewritten index stops the lane.
    pub fn append(&self, height: u64, entries: &[Entry]) -> Result<usize> {
        let commitments: Vec<B256> = entries.iter().map(Entry::commitment).collect();
        let mut inner = self.inner();
        let size = inner.tree.size();
        let Some(first) = entries.first().map(|e| e.index) else { return Ok(0) };
        if first > size {
            return Err(Error::retry(
                Kind::NotAvailableYet,
                format!("lane {}: next index is {size}, the node shows {first}: an event is missing", self.lane),
            ));
        }
        let known = (size - first).min(entries.len() as u64) as usize;
        for (entry, commitment) in entries.iter().zip(&commitments).take(known) {
            if inner.tree.leaves().get(entry.index as usize) != Some(commitment) {
                return Err(Error::stop_lane(
                    Kind::OutboxRewritten,
                    format!("lane {}: index {} was seen with another commitment", self.lane, entry.index),
                ));
            }
        }
        let (fresh, fresh_commitments) = (&entries[known..], &commitments[known..]);
        if fresh.is_empty() {
            return Ok(0);
        }
        inner.tree.extend_from_slice(fresh_commitments);
        let size = inner.tree.size();
        match inner.marks.back_mut() {
            Some(mark) if mark.0 == height => mark.1 = size,
            _ => inner.marks.push_back((height, size)),
        }
        if inner.marks.len() > MARKS_MAX {
            inner.marks.pop_front();
        }
        let now = Instant::now();
        if inner.open.is_empty() {
            inner.progress = now;
        }
        for e in fresh {
            if bit(&inner.delivered, e.index) {
                inner.closed += 1;
            } else {
                let open = Open { entry: *e, standing: Standing::Waiting(now), seen: now, attempts: 0 };
                inner.open.insert(e.index, open);
            }
        }
        Ok(fresh.len())
    }

    /// Forgets entries from `size` on: the proven outbox holds others there than the node told.
    pub fn truncate(&self, size: u64) {
        let mut inner = self.inner();
        if inner.tree.truncate(size).is_err() {
            return; // already shorter
        }
        let _ = inner.open.split_off(&size);
        inner.marks.retain(|m| m.1 <= size);
        let at = inner.marks.back().map_or(0, |m| m.0);
        inner.marks.push_back((at, size));
    }

    /// Where to scan again from after a lie: (entries that are beyond doubt, height at which there were that many).
    /// Entries below the first open one are proven delivered, so they were genuine.
    pub fn heal_point(&self) -> (u64, u64) {
        let inner = self.inner();
        let sound = inner.open.keys().next().copied().unwrap_or_else(|| inner.tree.size());
        inner.marks.iter().rev().find(|m| m.1 <= sound).map_or((0, 0), |m| (m.1, m.0))
    }

    /// Size of the outbox when the source chain was at `height`, as far as seen.
    pub fn size_at(&self, height: u64) -> Option<u64> {
        self.inner().marks.iter().rev().find(|m| m.0 <= height).map(|m| m.1)
    }

    /// The value that the chain must show in the slot of the peak of `height` when the outbox had `size` entries.
    pub fn peak(&self, size: u64, height: u8) -> Option<B256> {
        self.inner().tree.slot_at(size, height).ok().flatten()
    }

    /// First waiting entry and how many wait after it without a gap (at most `max`), below `end`; with its age.
    pub fn next_waiting(&self, end: u64, max: usize) -> Option<(Range<u64>, Duration)> {
        let inner = self.inner();
        let now = Instant::now();
        let ready = |o: &Open| matches!(o.standing, Standing::Waiting(from) if from <= now);
        let range = inner.run_of(..end, max, ready)?;
        let age = inner.open.get(&range.start)?.seen.elapsed();
        Some((range, age))
    }

    /// Like [`Self::next_waiting`] for entries with at least `attempts` failed attempts.
    pub fn next_failed(&self, end: u64, max: usize, attempts: u8) -> Option<Range<u64>> {
        let now = Instant::now();
        let ready = |o: &Open| o.attempts >= attempts && matches!(o.standing, Standing::Waiting(from) if from <= now);
        self.inner().run_of(..end, max, ready)
    }

    /// Most failed attempts of an entry in `range`.
    pub fn attempts(&self, range: Range<u64>) -> u8 {
        self.inner().open.range(range).map(|(_, o)| o.attempts).max().unwrap_or(0)
    }

    /// Index of the first open entry.
    pub fn first_open(&self) -> Option<u64> {
        self.inner().open.keys().next().copied()
    }

    /// The first run of entries (at most `max`) sent to the peer before `before` and still open.
    pub fn overdue(&self, before: Instant, max: usize) -> Option<Range<u64>> {
        self.inner().run_of(.., max, |o| matches!(o.standing, Standing::Sent(at) if at < before))
    }

    /// When something last happened on this lane: a bundle came or an entry was closed.
    pub fn progress(&self) -> Instant {
        self.inner().progress
    }

    /// Something happened on this lane.
    pub fn note_progress(&self) {
        self.inner().progress = Instant::now();
    }

    /// Sets where the entries of `range` stand, those that are open.
    pub fn stand(&self, range: Range<u64>, standing: Standing) {
        let mut inner = self.inner();
        for (_, o) in inner.open.range_mut(range) {
            o.standing = standing;
        }
        drop(inner);
        if matches!(standing, Standing::Waiting(_)) {
            self.wake();
        }
    }

    /// This relayer works on `range` until the guard is dropped: then what is still open and unmoved waits again.
    pub fn hold(self: &Arc<Self>, range: Range<u64>) -> Hold {
        self.stand(range.clone(), Standing::Working);
        Hold { book: self.clone(), range }
    }

    fn release(&self, range: Range<u64>) {
        let mut inner = self.inner();
        let now = Instant::now();
        for (_, o) in inner.open.range_mut(range) {
            if o.standing == Standing::Working {
                o.standing = Standing::Waiting(now);
            }
        }
        drop(inner);
        self.wake();
    }

    /// Counts a failed attempt for the entries of `range` and gives the highest count.
    pub fn fail(&self, range: Range<u64>, again: Instant) -> u8 {
        let mut inner = self.inner();
        let mut most = 0;
        for (_, o) in inner.open.range_mut(range) {
            o.attempts = o.attempts.saturating_add(1);
            o.standing = Standing::Waiting(again);
            most = most.max(o.attempts);
        }
        most
    }

    /// Gives `range` another chance: attempts are forgotten.
    pub fn revive(&self, range: Range<u64>, at: Instant) {
        for (_, o) in self.inner().open.range_mut(range.clone()) {
            o.attempts = 0;
        }
        self.stand(range, Standing::Waiting(at));
    }

    /// True if this relayer works on any entry of `range`.
    pub fn working(&self, range: Range<u64>) -> bool {
        self.inner().open.range(range).any(|(_, o)| o.standing == Standing::Working)
    }

    /// Indices of `range` that are seen and not known to be delivered.
    pub fn open_in(&self, range: Range<u64>) -> usize {
        self.inner().open.range(range).count()
    }

    /// Where the entry of `index` stands, if it is open.
    pub fn standing(&self, index: u64) -> Option<Standing> {
        self.inner().open.get(&index).map(|o| o.standing)
    }

    /// Indices of open entries from `from` on, at most `max`.
    pub fn open_from(&self, from: u64, max: usize) -> Vec<u64> {
        self.inner().open.range(from..).map(|(i, _)| *i).take(max).collect()
    }

    /// True if every entry of `range` is proven delivered.
    pub fn all_delivered(&self, mut range: Range<u64>) -> bool {
        let inner = self.inner();
        range.all(|i| bit(&inner.delivered, i))
    }

    /// Cuts `range` out as of outbox `size`. `bodies` are asked for entries that are closed already.
    pub fn cut(&self, range: Range<u64>, size: u64) -> Result<Cut> {
        let inner = self.inner();
        let mut entries = Vec::with_capacity((range.end - range.start) as usize);
        for i in range.clone() {
            let Some(o) = inner.open.get(&i) else {
                return Err(Error::retry(Kind::NotAvailableYet, format!("entry {i} is closed already")));
            };
            entries.push(o.entry);
        }
        let (runs, peaks) = runs(&inner.tree, range.clone(), size)?;
        Ok(Cut { first: range.start, entries, runs, peaks })
    }

    /// Range proofs alone for `range` as of `size` (bodies come from the journal).
    pub fn runs(&self, range: Range<u64>, size: u64) -> Result<(Vec<Run>, Vec<B256>)> {
        runs(&self.inner().tree, range, size)
    }

    /// Asks for proof of the bitmap words of `range`, not before the destination reached `height`.
    pub fn hint(&self, range: Range<u64>, height: u64) {
        if range.is_empty() {
            return;
        }
        let mut inner = self.inner();
        for w in range.start / 256..=(range.end - 1) / 256 {
            if inner.hints.len() < HINTS_MAX || inner.hints.contains_key(&w) {
                let h = inner.hints.entry(w).or_insert(height);
                *h = (*h).max(height);
            }
        }
        drop(inner);
        self.hinted.notify_one();
    }

    /// Takes the words to prove at destination height `tip`, at most `max`.
    pub fn take_hints(&self, tip: u64, max: usize) -> Vec<u64> {
        let mut inner = self.inner();
        let words: Vec<u64> = inner.hints.iter().filter(|(_, h)| **h <= tip).map(|(w, _)| *w).take(max).collect();
        for w in &words {
            inner.hints.remove(w);
        }
        words
    }

    /// True if some words wait to be proven.
    pub fn has_hints(&self) -> bool {
        !self.inner().hints.is_empty()
    }

    /// Puts words back: their proof failed.
    pub fn give_back_hints(&self, words: &[u64]) {
        let mut inner = self.inner();
        for w in words {
            inner.hints.entry(*w).or_insert(0);
        }
    }

    /// Takes in proven words; gives the entries that this closed with how long they were open. Bits only ever rise.
    pub fn prove_delivered(&self, words: &[(u64, U256)]) -> Vec<(Entry, Duration)> {
        let mut inner = self.inner();
        let mut closed = Vec::new();
        for (w, bits) in words {
            let known = inner.delivered.entry(*w).or_default();
            *known |= *bits;
            let known = *known;
            let done: Vec<u64> = inner
                .open
                .range(w * 256..(w + 1) * 256)
                .filter(|(i, _)| known.bit((*i % 256) as usize))
                .map(|(i, _)| *i)
                .collect();
            for i in done {
                if let Some(o) = inner.open.remove(&i) {
                    closed.push((o.entry, o.seen.elapsed()));
                }
            }
        }
        inner.closed += closed.len() as u64;
        if !closed.is_empty() {
            inner.progress = Instant::now();
        }
        drop(inner);
        if !closed.is_empty() {
            self.closed.notify_waiters();
            self.wake();
        }
        closed
    }
}

/// Entries that this relayer works on; see [`Book::hold`].
pub struct Hold {
    book: Arc<Book>,
    range: Range<u64>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.book.release(self.range.clone());
    }
}

fn bit(words: &BTreeMap<u64, U256>, index: u64) -> bool {
    words.get(&(index / 256)).is_some_and(|w| w.bit((index % 256) as usize))
}

fn runs(tree: &OutboxTree, range: Range<u64>, size: u64) -> Result<(Vec<Run>, Vec<B256>)> {
    let refused = |e: TreeError| Error::retry(Kind::NotAvailableYet, e.to_string());
    let mut runs = Vec::new();
    let mut values = Vec::new();
    for part in peaks::split(size, range.start, range.end - range.start).map_err(refused)? {
        let mut siblings = Vec::new();
        values.push(tree.prove_peak(part.peak.height, part.first, part.count, &mut siblings).map_err(refused)?);
        // A cut is at most 256 entries, so the count fits.
        runs.push(Run { peak: part.peak.height, count: part.count as u16, siblings });
    }
    Ok((runs, values))
}
