//! The outbox as events told it: the tree, how large it was at which height, what of it is beyond doubt, and runs cut out
//! of it to be proven.

use super::{Book, Open, Standing, bit};
use crate::lane::{
    error::{Error, Kind, Result},
    types::Run,
};
use alloy::primitives::B256;
use causeway_core::{
    Entry, OutboxTree,
    tree::{TreeError, peaks},
};
use std::ops::Range;
use tokio::time::Instant;

/// Sizes kept by height: enough for bundles that wait for an older tip. One mark is 16 bytes.
const MARKS_MAX: usize = 1024;

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

impl Book {
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
                inner.urgency.note(e);
            }
        }
        let facts = inner.note_facts(fresh, Some(height));
        drop(inner);
        if facts {
            self.note_facts_changed();
        }
        Ok(fresh.len())
    }

    /// Forgets entries from `size` on: the proven outbox holds others there than the node told.
    pub fn truncate(&self, size: u64) {
        let mut inner = self.inner();
        let before = inner.tree.size();
        if inner.tree.truncate(size).is_err() {
            return; // already shorter
        }
        let open = inner.open.split_off(&size).len() as u64;
        inner.closed = inner.closed.saturating_sub(before - size - open);
        inner.sound = inner.sound.min(size);
        inner.told.split_off(&size);
        inner.heal.dropped(size);
        inner.marks.retain(|m| m.1 <= size);
        let at = inner.marks.back().map_or(0, |m| m.0);
        inner.marks.push_back((at, size));
    }

    /// The chain was proven to hold the peak over entries `subtree` that this book gives.
    ///
    /// Nothing else puts entries beyond doubt. A delivered bit does not: it says that the chain's entry of that index was
    /// delivered, not that a node told that entry.
    pub fn prove_sound(&self, subtree: Range<u64>) {
        let mut inner = self.inner();
        // One watermark, not a set of ranges: batches are cut one after the other, and `audit` proves the whole.
        if subtree.start <= inner.sound && subtree.end <= inner.tree.size() {
            if subtree.end > inner.sound {
                inner.sound = subtree.end;
                inner.heal.moved();
            }
            let sound = inner.sound;
            let facts = inner.told.range(..sound).next().is_some();
            drop(inner);
            if facts {
                self.note_facts_changed();
            }
        }
    }

    /// How many entries, from the first on, are beyond doubt.
    pub fn sound(&self) -> u64 {
        self.inner().sound
    }

    /// Size of the outbox when the source chain was at `height`, as far as seen.
    pub fn size_at(&self, height: u64) -> Option<u64> {
        self.inner().marks.iter().rev().find(|m| m.0 <= height).map(|m| m.1)
    }

    /// The value that the chain must show in the slot of the peak of `height` when the outbox had `size` entries.
    pub fn peak(&self, size: u64, height: u8) -> Option<B256> {
        self.inner().tree.slot_at(size, height).ok().flatten()
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
