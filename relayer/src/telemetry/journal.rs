//! A journal that is measured: how long durable writes take, how many fail, how large its file is. Whatever the store.

use crate::{
    lane::{
        book::Mark,
        error::{Kind, Result},
        ports::{DeadLetter, Journal, Seen, TxIntent},
        types::{Account, Bundle, ChainId, Conflict, TrustedState},
    },
    metrics::{Metrics, Refresh, process::ProcessMetrics},
};
use alloy::primitives::{B256, U256};
use causeway_core::{Entry, LaneId, swap::Terms};
use std::{
    path::PathBuf,
    sync::{Arc, Weak},
    time::Instant,
};

/// Another journal, measured.
pub struct Measured {
    inner: Arc<dyn Journal>,
    shown: ProcessMetrics,
    /// Its file, where it is one.
    file: Option<PathBuf>,
}

impl Measured {
    /// Measures `inner` into `metrics`; the size of `file` is read at every scrape.
    pub fn new(inner: Arc<dyn Journal>, metrics: &Metrics, file: Option<PathBuf>) -> Arc<Self> {
        let this = Arc::new(Self { inner, shown: metrics.process.clone(), file });
        let weak: Weak<Self> = Arc::downgrade(&this);
        metrics.refresh_by(weak);
        this
    }

    /// A durable write.
    fn write<T>(&self, write: impl FnOnce(&dyn Journal) -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let result = self.read(write);
        if result.is_ok() {
            self.shown.journal_commit_seconds.observe_since(started);
        }
        result
    }

    /// Anything: only the store's own trouble counts as its error, not a refusal of what was asked.
    fn read<T>(&self, read: impl FnOnce(&dyn Journal) -> Result<T>) -> Result<T> {
        read(&*self.inner).inspect_err(|error| {
            if error.kind == Kind::Store {
                self.shown.journal_errors_total.inc();
            }
        })
    }
}

impl Refresh for Measured {
    fn refresh(&self) {
        let size = self.file.as_ref().and_then(|path| path.metadata().ok()).map(|file| file.len());
        if let Some(bytes) = size {
            self.shown.journal_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }
}

impl Journal for Measured {
    fn trusted(&self, chain: &ChainId) -> Result<Option<TrustedState>> {
        self.read(|j| j.trusted(chain))
    }
    fn advance(&self, chain: &ChainId, trusted: &TrustedState, scanned: u64, seen: &[Seen<'_>]) -> Result<()> {
        self.write(|j| j.advance(chain, trusted, scanned, seen))
    }
    fn freeze(&self, chain: &ChainId, conflict: &Conflict) -> Result<()> {
        self.write(|j| j.freeze(chain, conflict))
    }
    fn frozen(&self, chain: &ChainId) -> Result<Option<Conflict>> {
        self.read(|j| j.frozen(chain))
    }
    fn thaw(&self, chain: &ChainId) -> Result<()> {
        self.write(|j| j.thaw(chain))
    }
    fn scanned(&self, chain: &ChainId) -> Result<Option<u64>> {
        self.read(|j| j.scanned(chain))
    }
    fn entries(&self, lane: LaneId, from: u64, limit: usize) -> Result<Vec<Entry>> {
        self.read(|j| j.entries(lane, from, limit))
    }
    fn commitments(&self, lane: LaneId) -> Result<Vec<B256>> {
        self.read(|j| j.commitments(lane))
    }
    fn terms(&self, swaps: &[B256]) -> Result<Vec<Terms>> {
        self.read(|j| j.terms(swaps))
    }
    fn truncate(&self, chain: &ChainId, lane: LaneId, size: u64, scanned: u64) -> Result<()> {
        self.write(|j| j.truncate(chain, lane, size, scanned))
    }
    fn prove_mark(&self, lane: LaneId, mark: Mark) -> Result<()> {
        self.write(|j| j.prove_mark(lane, mark))
    }
    fn proven_mark(&self, lane: LaneId) -> Result<Option<Mark>> {
        self.read(|j| j.proven_mark(lane))
    }
    fn delivered(&self, lane: LaneId) -> Result<Vec<(u64, U256)>> {
        self.read(|j| j.delivered(lane))
    }
    fn set_delivered(&self, lane: LaneId, words: &[(u64, U256)]) -> Result<()> {
        self.write(|j| j.set_delivered(lane, words))
    }
    fn received(&self, peer: &str, number: u64, bundle: &Bundle) -> Result<()> {
        self.write(|j| j.received(peer, number, bundle))
    }
    fn unfinished(&self) -> Result<Vec<(String, u64, Bundle)>> {
        self.read(|j| j.unfinished())
    }
    fn finished(&self, peer: &str, lane: LaneId, number: u64) -> Result<()> {
        self.write(|j| j.finished(peer, lane, number))
    }
    /// Most numbers come from a reservation, without a write: not measured as one.
    fn next_number(&self, lane: LaneId) -> Result<u64> {
        self.read(|j| j.next_number(lane))
    }
    fn intend(&self, intent: &TxIntent) -> Result<()> {
        self.write(|j| j.intend(intent))
    }
    fn intents(&self, chain: &ChainId, signer: &Account) -> Result<Vec<TxIntent>> {
        self.read(|j| j.intents(chain, signer))
    }
    fn settle(&self, chain: &ChainId, signer: &Account, nonce: u64) -> Result<()> {
        self.write(|j| j.settle(chain, signer, nonce))
    }
    fn bury(&self, letter: &DeadLetter) -> Result<()> {
        self.write(|j| j.bury(letter))
    }
    fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>> {
        self.read(|j| j.dead_letters(limit))
    }
    fn exhume(&self, id: u64) -> Result<Option<DeadLetter>> {
        self.write(|j| j.exhume(id))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::store::Store;

    #[test]
    fn the_store_is_measured_and_still_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let metrics = Metrics::new().unwrap();
        let store: Arc<dyn Journal> = Arc::new(Store::open(folder.path()).unwrap());
        let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let journal = Measured::new(store.clone(), &metrics, Some(file));
        let lane = LaneId(B256::repeat_byte(3));
        journal.set_delivered(lane, &[(0, U256::from(5))]).unwrap();
        assert_eq!(journal.delivered(lane).unwrap(), [(0, U256::from(5))]);
        assert_eq!(store.delivered(lane).unwrap(), [(0, U256::from(5))]);
        let text = metrics.render().unwrap();
        assert!(text.contains("causeway_journal_commit_seconds_count 1"), "{text}");
        assert!(text.contains("causeway_journal_errors_total 0"));
        let line = text.lines().find(|l| l.starts_with("causeway_journal_bytes ")).unwrap();
        assert!(line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() > 1000.0, "{line}");
    }
}
