//! What is proven delivered, and which words of the delivered bitmap wait to be proven.

use super::{Book, Fact, bit};
use alloy::primitives::U256;
use causeway_core::Entry;
use std::{ops::Range, time::Duration};
use tokio::time::Instant;

/// Hints (bitmap words to prove) kept at most; more collapse into the oldest open words anyway.
const HINTS_MAX: usize = 4096;

impl Book {
    /// True if every entry of `range` is proven delivered.
    pub fn all_delivered(&self, mut range: Range<u64>) -> bool {
        let inner = self.inner();
        range.all(|i| bit(&inner.delivered, i))
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
        let facts = !inner.unknown.is_empty();
        drop(inner);
        if facts && closed.iter().any(|(e, _)| Fact::of(e, None).is_some()) {
            self.note_facts_changed();
        }
        if !closed.is_empty() {
            self.closed.notify_waiters();
            self.wake();
        }
        closed
    }
}
