//! What a relayer knows of one lane: the tree of its outbox, the entries that are still open, and which are delivered.
//!
//! Owns: the in-memory state of a lane, shared by its stages. Takes: what `watch` saw and what `confirm` proved. Gives:
//! runs to send, entries that wait, and closed ranges. Nothing here does I/O; every method holds the lock for
//! microseconds.
//!
//! - `outbox`: the tree, what of it is beyond doubt, and runs cut out of it;
//! - `facts`: what entries say of swaps, until it is proven and known;
//! - `heal`: where to scan again from after a lie;
//! - `urgency`: which entries expire next;
//! - `work`: who works on which open entry; `delivered`: what is proven delivered, and what waits to be proven.

mod delivered;
mod facts;
mod heal;
mod outbox;
mod recall;
#[cfg(test)]
mod tests;
mod urgency;
mod work;

pub use self::{
    facts::{Fact, Facts},
    heal::Mark,
    outbox::Cut,
    work::Hold,
};

use self::{heal::Heal, urgency::Urgency};
use alloy::primitives::{B256, U256};
use causeway_core::{Entry, LaneId, OutboxTree};
use std::{
    collections::{BTreeMap, VecDeque},
    ops::{Range, RangeBounds},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

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

struct Inner {
    tree: OutboxTree,
    open: BTreeMap<u64, Open>,
    /// When open entries expire.
    urgency: Urgency,
    /// Proven words of the delivered bitmap.
    delivered: BTreeMap<u64, U256>,
    /// (height, size of the outbox then), ascending.
    marks: VecDeque<(u64, u64)>,
    /// Words to prove, and the destination's height from which on.
    hints: BTreeMap<u64, u64>,
    progress: Instant,
    closed: u64,
    /// Entries below it stand under peaks that the chain was proven to hold: no event can take them back.
    sound: u64,
    /// What nodes tell of swaps, by index, not proven yet.
    told: BTreeMap<u64, Fact>,
    /// What is proven of swaps, and not known to be delivered.
    unknown: BTreeMap<u64, Fact>,
    /// Where to scan again from, and how often that was done in vain.
    heal: Heal,
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
    /// Nothing new is begun: the relayer is about to end.
    draining: AtomicBool,
    /// Counts the moments at which there may be something to send: entries under a new tip, entries that wait again.
    grown: watch::Sender<u64>,
    /// Counts the moments at which facts about swaps may have come, been proven, or become known at the destination.
    facts: watch::Sender<u64>,
    /// Fires when there is something to prove delivered.
    pub hinted: Notify,
    /// Fires when entries were closed.
    pub closed: Notify,
}

impl Book {
    /// A book from what the journal holds: all commitments, the bodies of entries that are not known to be delivered, and
    /// proven words.
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
            inner: Mutex::new(Inner {
                tree,
                urgency: Urgency::of(open.values().map(|o| &o.entry)),
                open,
                delivered,
                marks,
                hints,
                progress: now,
                closed,
                sound: 0,
                told: BTreeMap::new(),
                unknown: BTreeMap::new(),
                heal: Heal::default(),
            }),
            draining: AtomicBool::new(false),
            grown: watch::Sender::new(0),
            facts: watch::Sender::new(0),
            hinted: Notify::new(),
            closed: Notify::new(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A poisoned lock means a panic in a method below; state is only replaced whole, so it is still sound.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing new is begun: no entry is given out to be sent or delivered, no bundle taken. What is under way goes on.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.closed.notify_waiters();
    }

    /// Whether nothing new is begun.
    pub fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
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
}

fn bit(words: &BTreeMap<u64, U256>, index: u64) -> bool {
    words.get(&(index / 256)).is_some_and(|w| w.bit((index % 256) as usize))
}
