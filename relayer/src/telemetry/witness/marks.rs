//! When each open entry reached its last stage: what stage latencies and spans are measured from.

use alloy::primitives::B256;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};
use tokio::time::Instant;

/// Marks of all lanes together. Past it entries are still counted, only not measured (INV-7): some 20 MB.
pub const MARKS_MAX: usize = 200_000;

/// How many marks there are.
#[derive(Debug, Default)]
pub struct Budget(AtomicUsize);

impl Budget {
    fn take(&self) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |n| (n < MARKS_MAX).then_some(n + 1)).is_ok()
    }

    fn give_back(&self, n: usize) {
        self.0.fetch_sub(n, Relaxed);
    }
}

/// Times of one entry.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// Its commitment.
    pub commitment: B256,
    /// When this relayer first saw it.
    pub seen: Instant,
    /// When it reached its last stage.
    pub last: Instant,
}

/// Marks of one lane, by index.
#[derive(Debug)]
pub struct Marks {
    budget: Arc<Budget>,
    by_index: Mutex<BTreeMap<u64, Mark>>,
}

impl Marks {
    /// None yet.
    pub fn new(budget: Arc<Budget>) -> Self {
        Self { budget, by_index: Mutex::default() }
    }

    /// An entry is seen, if it was not before.
    pub fn see(&self, index: u64, commitment: impl FnOnce() -> B256, now: Instant) {
        let mut marks = self.by_index.lock().unwrap_or_else(PoisonError::into_inner);
        if !marks.contains_key(&index) && self.budget.take() {
            marks.insert(index, Mark { commitment: commitment(), seen: now, last: now });
        }
    }

    /// Entries reach a stage at `now`: `each` gets the mark as it was before.
    pub fn reach(&self, indices: impl Iterator<Item = u64>, now: Instant, mut each: impl FnMut(u64, &Mark)) {
        let mut marks = self.by_index.lock().unwrap_or_else(PoisonError::into_inner);
        for index in indices {
            if let Some(mark) = marks.get_mut(&index) {
                each(index, mark);
                mark.last = now;
            }
        }
    }

    /// Entries are done: their marks go.
    pub fn finish(&self, indices: impl Iterator<Item = u64>, mut each: impl FnMut(u64, &Mark)) {
        let mut marks = self.by_index.lock().unwrap_or_else(PoisonError::into_inner);
        for index in indices {
            if let Some(mark) = marks.remove(&index) {
                self.budget.give_back(1);
                each(index, &mark);
            }
        }
    }
}

impl Drop for Marks {
    fn drop(&mut self) {
        let left = self.by_index.get_mut().unwrap_or_else(PoisonError::into_inner).len();
        self.budget.give_back(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_bounded_over_all_lanes_and_given_back() {
        let budget = Arc::new(Budget::default());
        let (a, b) = (Marks::new(Arc::clone(&budget)), Marks::new(Arc::clone(&budget)));
        let now = Instant::now();
        (0..MARKS_MAX as u64 + 10).for_each(|i| a.see(i, || B256::ZERO, now));
        b.see(0, || B256::ZERO, now);
        let mut met = 0;
        b.reach(0..1, now, |_, _| met += 1);
        assert_eq!(met, 0, "no room for b");
        a.finish(0..1, |_, _| ());
        b.see(0, || B256::ZERO, now);
        b.reach(0..1, now, |_, _| met += 1);
        assert_eq!(met, 1);
        drop((a, b));
        assert_eq!(budget.0.load(Relaxed), 0);
    }
}
