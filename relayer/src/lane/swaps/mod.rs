//! **swaps**: what this relayer knows of the swaps of one bridge (protocol §4).
//!
//! Owns: terms, and what became of each leg. Takes: terms from whoever tells them (their id is recomputed, so nobody can
//! make them up), and facts that [`facts`] found proven: an entry under a proven outbox, a delivered bit under a
//! proven bitmap. Gives: views, the ids that changed, and the legs that are overdue.
//!
//! Memory only: facts come back from the journal's entries, terms from the journal and from the events beside the facts.
//! Every method holds the lock for microseconds.

pub mod facts;
#[cfg(test)]
mod tests;
mod view;

pub use view::{End, LegAt, LegOutcome, LegState, LegView, SwapView};

use super::{
    book::Fact,
    error::{Error, Kind, Result},
    types::EventAt,
};
use alloy::primitives::B256;
use causeway_core::{LaneId, swap::Terms};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::broadcast;

/// Terms kept of which no leg is proven: anybody may propose. The oldest make room, and come back with the first leg's event.
const AGREED_MAX: usize = 16_384;
/// Swaps kept after their end, to be shown.
const ENDED_MAX: usize = 16_384;
/// Changes kept for a listener that is slow; past it, it reads everything that it follows again.
const CHANGES: usize = 4_096;

/// A fact in a lane. A vault writes only of its own legs into their lanes, but whether a lane is the leg's is known only from
/// the terms (ATK-113): until then all are kept, two lanes' for each leg.
#[derive(Clone, Copy, Debug)]
struct Known {
    lane: LaneId,
    leg: u8,
    state: LegState,
    at: LegAt,
    known_there: bool,
}

#[derive(Default)]
struct Swap {
    terms: Option<Terms>,
    facts: Vec<Known>,
    /// Transactions of legs by state, as a node told them: hints for people.
    txs: Vec<(u8, LegState, B256)>,
    ended: bool,
}

impl Swap {
    fn view(&self, id: B256) -> SwapView {
        let mut legs = [LegView::default(); 2];
        for (leg, number) in legs.iter_mut().zip(0u8..) {
            let Some(known) = self.fact(number) else { continue };
            let tx = self.txs.iter().find(|t| t.0 == number && t.1 == known.state).map(|t| t.2);
            let at = LegAt { tx, ..known.at };
            *leg = LegView { state: known.state, at: Some(at), known_there: known.known_there, ..LegView::default() };
        }
        view::settle(&mut legs);
        SwapView { id, terms: self.terms, legs }
    }

    /// The fact about a leg: of the lane that the terms name; without terms, if only one lane speaks of it.
    fn fact(&self, leg: u8) -> Option<&Known> {
        let mut told = self.facts.iter().filter(|k| k.leg == leg);
        match &self.terms {
            Some(terms) => told.find(|k| terms.lane_of(leg) == Some(k.lane)),
            None => told.next().filter(|_| told.next().is_none()),
        }
    }
}

/// A leg that may be voided by anybody from its deadline on, and should be: the other one's asset waits for it.
type Due = (u64, B256, u8);

#[derive(Default)]
struct Inner {
    swaps: HashMap<B256, Swap>,
    /// Terms without a fact, oldest first; what got a fact since is skipped.
    agreed: VecDeque<B256>,
    ended: VecDeque<B256>,
    /// Legs to void, by lane and deadline.
    due: [BTreeSet<Due>; 2],
    counts: Counts,
}

/// How many swaps stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// With a leg locked, and not ended.
    pub open: usize,
    /// Ended by release since the relayer knows of the bridge.
    pub released: u64,
    /// Ended by going back.
    pub given_back: u64,
}

/// See the module.
pub struct SwapBook {
    lanes: [LaneId; 2],
    inner: Mutex<Inner>,
    changes: broadcast::Sender<B256>,
}

impl SwapBook {
    /// A book for the bridge of these two lanes.
    pub fn new(lanes: [LaneId; 2]) -> Self {
        Self { lanes, inner: Mutex::default(), changes: broadcast::Sender::new(CHANGES) }
    }

    /// The bridge's lanes.
    pub fn lanes(&self) -> [LaneId; 2] {
        self.lanes
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A poisoned lock means a panic in a method below; every step leaves a sound state.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Position of a lane in the bridge.
    fn side(&self, lane: LaneId) -> Option<usize> {
        self.lanes.iter().position(|l| *l == lane)
    }

    /// Takes in terms, from whoever tells them. Gives the id.
    ///
    /// # Errors
    /// `Refused` (dead letter): not of this bridge, or no terms of any swap.
    pub fn learn(&self, terms: Terms) -> Result<B256> {
        let refused = |why: String| Error::dead_letter(Kind::Refused, why);
        terms.check().map_err(|e| refused(format!("terms of a swap: {e}")))?;
        if terms.lanes.iter().any(|lane| self.side(*lane).is_none()) {
            return Err(refused(format!(
                "terms of a swap: lanes {} and {} are another bridge's",
                terms.lanes[0], terms.lanes[1]
            )));
        }
        let id = terms.id();
        let mut inner = self.inner();
        let swap = inner.swaps.entry(id).or_default();
        if swap.terms.is_some() {
            return Ok(id);
        }
        swap.terms = Some(terms);
        if swap.facts.is_empty() {
            inner.agreed.push_back(id);
            inner.drop_oldest_agreed();
        }
        inner.update(id, self.lanes);
        drop(inner);
        let _ = self.changes.send(id); // nobody may listen
        Ok(id)
    }

    /// A node told of the event beside a leg's fact: the terms, and where it happened.
    ///
    /// # Errors
    /// As [`Self::learn`].
    pub fn told(&self, terms: Terms, leg: u8, state: LegState, at: EventAt) -> Result<B256> {
        let id = self.learn(terms)?;
        if let Some(swap) = self.inner().swaps.get_mut(&id)
            && !swap.txs.iter().any(|t| (t.0, t.1) == (leg, state))
            && swap.txs.len() < 4
        {
            swap.txs.push((leg, state, at.tx));
        }
        Ok(id)
    }

    /// The terms of a swap, if known.
    pub fn terms(&self, id: B256) -> Option<Terms> {
        self.inner().swaps.get(&id).and_then(|s| s.terms)
    }

    /// What is known of a swap; nothing of one that ended long ago.
    pub fn view(&self, id: B256) -> Option<SwapView> {
        self.inner().swaps.get(&id).map(|s| s.view(id))
    }

    /// Ids of swaps whose view changed, from now on. A listener that lags looks at everything that it follows again.
    pub fn changes(&self) -> broadcast::Receiver<B256> {
        self.changes.subscribe()
    }

    /// How many stand where.
    pub fn counts(&self) -> Counts {
        self.inner().counts
    }

    /// An entry of a lane is proven. Gives whether it contradicts one that was proven before: the first one counts.
    pub(super) fn prove(&self, lane: LaneId, index: u64, fact: &Fact) -> bool {
        let mut contradicts = false;
        let state = if fact.voided { LegState::Voided } else { LegState::Locked };
        let at = LegAt { index, height: fact.height, tx: None };
        self.change(fact.leg.swap_id, |swap| {
            match swap.facts.iter().find(|k| k.lane == lane && k.leg == fact.leg.leg) {
                None => swap.facts.push(Known { lane, leg: fact.leg.leg, state, at, known_there: false }),
                Some(known) if known.state == state => return false,
                // The vault writes a leg once: this one is not what it should be.
                Some(_) => {
                    contradicts = true;
                    return false;
                }
            }
            true
        });
        contradicts
    }

    /// A proven fact is proven to be delivered.
    pub(super) fn prove_known(&self, lane: LaneId, fact: &Fact) {
        self.change(fact.leg.swap_id, |swap| {
            match swap.facts.iter_mut().find(|k| k.lane == lane && k.leg == fact.leg.leg && !k.known_there) {
                Some(known) => known.known_there = true,
                None => return false,
            }
            true
        });
    }

    fn change(&self, id: B256, change: impl FnOnce(&mut Swap) -> bool) {
        let mut inner = self.inner();
        let swap = inner.swaps.entry(id).or_default();
        let was_open = swap.is_open();
        if !change(swap) {
            if swap.terms.is_none() && swap.facts.is_empty() {
                inner.swaps.remove(&id); // one that ended so long ago that it was forgotten
            }
            return;
        }
        let is_open = swap.is_open();
        match (was_open, is_open) {
            (false, true) => inner.counts.open += 1,
            (true, false) => inner.counts.open -= 1,
            _ => {}
        }
        inner.update(id, self.lanes);
        drop(inner);
        let _ = self.changes.send(id);
    }

    /// Legs of `lane` to void at `now`, by the time of the lane's source: not locked at their deadline, while the other leg is.
    /// At most `max`, earliest deadline first.
    pub fn overdue(&self, lane: LaneId, now: u64, max: usize) -> Vec<(Terms, u8)> {
        let inner = self.inner();
        let due = self.side(lane).and_then(|side| inner.due.get(side)).into_iter().flatten();
        let late = due.take_while(|(deadline, ..)| *deadline <= now).take(max);
        late.filter_map(|(_, id, leg)| Some((inner.swaps.get(id)?.terms?, *leg))).collect()
    }

    /// How many of `lane` are overdue at `now`.
    pub fn overdue_count(&self, lane: LaneId, now: u64) -> usize {
        let inner = self.inner();
        let due = self.side(lane).and_then(|side| inner.due.get(side)).into_iter().flatten();
        due.take_while(|(deadline, ..)| *deadline <= now).count()
    }

    /// The earliest deadline of a leg of `lane` whose other leg is locked.
    pub fn next_deadline(&self, lane: LaneId) -> Option<u64> {
        let inner = self.inner();
        inner.due.get(self.side(lane)?)?.first().map(|(deadline, ..)| *deadline)
    }
}

impl Swap {
    fn is_open(&self) -> bool {
        !self.ended && self.facts.iter().any(|k| k.state == LegState::Locked)
    }
}

impl Inner {
    /// Brings what is derived from a swap up to date.
    fn update(&mut self, id: B256, lanes: [LaneId; 2]) {
        let Some(swap) = self.swaps.get_mut(&id) else { return };
        let view = swap.view(id);
        if let Some(terms) = view.terms {
            for (number, leg) in (0u8..).zip(&terms.legs) {
                let [own, other] = if number == 0 { [0, 1] } else { [1, 0] };
                let Some(side) = lanes.iter().position(|l| *l == terms.lanes[own]) else { continue };
                let waits = view.legs[own].state == LegState::None && view.legs[other].state == LegState::Locked;
                let due = (leg.deadline, id, number);
                if waits {
                    self.due[side].insert(due);
                } else {
                    self.due[side].remove(&due);
                }
            }
        }
        if swap.ended {
            return;
        }
        let Some(end) = view.end().filter(|_| view.terms.is_some()) else { return };
        if swap.is_open() {
            self.counts.open = self.counts.open.saturating_sub(1);
        }
        swap.ended = true;
        match end {
            End::Released => self.counts.released += 1,
            End::GivenBack => self.counts.given_back += 1,
        }
        self.ended.push_back(id);
        if self.ended.len() > ENDED_MAX
            && let Some(oldest) = self.ended.pop_front()
        {
            self.swaps.remove(&oldest);
        }
    }

    fn drop_oldest_agreed(&mut self) {
        while self.agreed.len() > AGREED_MAX {
            let Some(oldest) = self.agreed.pop_front() else { return };
            if self.swaps.get(&oldest).is_some_and(|s| s.facts.is_empty()) {
                self.swaps.remove(&oldest);
            }
        }
    }
}
