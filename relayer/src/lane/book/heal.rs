//! Where to scan again from after a lie.
//!
//! The heights that events tell are a node's word, also those of genuine entries: a scan that begins at one of them may
//! begin too late. So only the first attempt does; the next ones begin where the outbox itself was proven, peaks and size,
//! at one height. That mark is in the journal: a restart does not make a lie cost a scan of the whole chain.

use super::Book;

/// Attempts from the proven mark before it is given up too: one from the journal may be wrong in a spoilt file.
const ATTEMPTS_MAX: u32 = 8;

/// At block `height` the outbox held exactly `size` entries, and their peaks were those of the book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Number of entries.
    pub size: u64,
    /// Block.
    pub height: u64,
}

#[derive(Debug, Default)]
pub(super) struct Heal {
    proven: Mark,
    attempts: u32,
}

impl Heal {
    /// Entries from `size` on are forgotten.
    pub(super) fn dropped(&mut self, size: u64) {
        self.attempts = self.attempts.saturating_add(1);
        if self.proven.size > size {
            self.proven = Mark::default();
        }
    }

    /// More is beyond doubt than before: what was scanned again was the truth.
    pub(super) fn moved(&mut self) {
        self.attempts = 0;
    }
}

impl Book {
    /// Peaks and size of the outbox at `mark` were proven to be those of this book.
    pub fn prove_mark(&self, mark: Mark) {
        let mut inner = self.inner();
        if mark.size <= inner.sound && mark > inner.heal.proven {
            inner.heal.proven = mark;
            inner.heal.moved();
        }
    }

    /// The newest mark that was proven, in this run or before it.
    pub fn proven_mark(&self) -> Mark {
        self.inner().heal.proven
    }

    /// The mark of an earlier run: where to scan again from, no more. What it covers is proven anew.
    pub(super) fn recall_mark(&self, mark: Mark) {
        let mut inner = self.inner();
        if mark.size <= inner.tree.size() {
            inner.heal.proven = mark;
        }
    }

    /// Where to scan again from after a lie: (entries to keep, height at which there were that many).
    pub fn heal_point(&self) -> (u64, u64) {
        let inner = self.inner();
        let Heal { proven, attempts } = inner.heal;
        let told = inner.marks.iter().rev().find(|m| m.1 <= inner.sound).map_or((0, 0), |m| (m.1, m.0));
        match attempts {
            // Both are true of entries, so the longer one counts, and the scan begins at the higher block.
            0 => (told.0.max(proven.size), told.1.max(proven.height)),
            1..=ATTEMPTS_MAX => (proven.size, proven.height),
            _ => (0, 0),
        }
    }
}
