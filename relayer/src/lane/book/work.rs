//! Who works on which open entry: what waits, what is at the peer, what this relayer holds, and what failed how often.

use super::{Book, Inner, Open, Standing};
use std::{ops::Range, sync::Arc, time::Duration};
use tokio::time::Instant;

impl Book {
    /// The run of waiting entries (at most `max`, below `end`) to take next, with the age of the first that waits. Where more
    /// wait than one batch holds, those whose expiry is nearest after `now` (Unix seconds) come first (ATK-078).
    pub fn next_waiting(&self, end: u64, max: usize, now: u64) -> Option<(Range<u64>, Duration)> {
        if self.draining() {
            return None;
        }
        let mut inner = self.inner();
        let instant = Instant::now();
        let ready = |o: &Open| matches!(o.standing, Standing::Waiting(from) if from <= instant);
        let first = inner.run_of(..end, max, ready)?;
        let age = inner.open.get(&first.start)?.seen.elapsed();
        if inner.open.len() <= max {
            return Some((first, age));
        }
        let Inner { open, urgency, .. } = &mut *inner;
        let urgent = urgency.next(open, now, |o| o.entry.index < end && ready(o));
        let range = match urgent {
            Some(index) if !first.contains(&index) => inner.run_around(index, end, max, ready),
            _ => first,
        };
        Some((range, age))
    }

    /// Like [`Self::next_waiting`] for entries with at least `attempts` failed attempts.
    pub fn next_failed(&self, end: u64, max: usize, attempts: u8) -> Option<Range<u64>> {
        if self.draining() {
            return None;
        }
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
        if self.draining() {
            return None;
        }
        self.inner().run_of(.., max, |o| matches!(o.standing, Standing::Sent(at) if at < before))
    }

    /// True if any entry of `range` is still at the peer since `at`.
    pub fn sent_at(&self, range: Range<u64>, at: Instant) -> bool {
        self.inner().open.range(range).any(|(_, o)| o.standing == Standing::Sent(at))
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
