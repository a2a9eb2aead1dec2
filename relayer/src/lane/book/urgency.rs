//! Which entries expire next: what a backlog is cleared by, so that a transfer that can still be credited is not late because
//! it stood behind others that have time.

use super::{Inner, Open};
use causeway_core::{Body, Entry};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// Entries looked at for one answer: those in flight stand before those that wait. Beyond it, the order is that of the lane.
const LOOKED_MAX: usize = 8_192;

/// Expiry and index of open transfers. What is closed is forgotten when it is met.
#[derive(Debug, Default)]
pub(super) struct Urgency(BTreeSet<(u64, u64)>);

impl Urgency {
    pub(super) fn of<'a>(entries: impl Iterator<Item = &'a Entry>) -> Self {
        Self(entries.filter_map(key).collect())
    }

    pub(super) fn note(&mut self, entry: &Entry) {
        self.0.extend(key(entry));
    }

    /// The open entry that expires first after `now`, among those that `pick` takes.
    pub(super) fn next(&mut self, open: &BTreeMap<u64, Open>, now: u64, pick: impl Fn(&Open) -> bool) -> Option<u64> {
        let mut gone = Vec::new();
        let mut found = None;
        for at in self.0.range((now.saturating_add(1), 0)..).take(LOOKED_MAX) {
            match open.get(&at.1) {
                Some(o) if key(&o.entry) == Some(*at) => {
                    if pick(o) {
                        found = Some(at.1);
                        break;
                    }
                }
                _ => gone.push(*at),
            }
        }
        for at in gone {
            self.0.remove(&at);
        }
        // Those that expired stand before `now` and are never met again: they go once nothing of them is open.
        if self.0.len() > 2 * open.len() + LOOKED_MAX {
            self.0.retain(|at| open.get(&at.1).and_then(|o| key(&o.entry)) == Some(*at));
        }
        found
    }
}

fn key(entry: &Entry) -> Option<(u64, u64)> {
    match entry.body {
        Body::Transfer(transfer) => Some((transfer.timeout, entry.index)),
        _ => None,
    }
}

impl Inner {
    /// A run of at most `max` entries below `end` that `pick` takes, with the one of `index` in it. It begins at a multiple of
    /// `max` where it can, so that runs cut around several entries do not leave crumbs between them.
    pub(super) fn run_around(&self, index: u64, end: u64, max: usize, pick: impl Fn(&Open) -> bool) -> Range<u64> {
        let floor = index - index % (max.max(1) as u64);
        let mut start = index;
        for (i, open) in self.open.range(floor..index).rev() {
            if *i + 1 != start || !pick(open) {
                break;
            }
            start = *i;
        }
        self.run_of(start..end, max, pick).filter(|run| run.contains(&index)).unwrap_or(index..index + 1)
    }
}
