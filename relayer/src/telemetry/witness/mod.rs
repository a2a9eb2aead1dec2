//! What the stages and the chains' code tell, turned into metrics and spans.
//!
//! The stages know neither metrics nor traces: they tell their steps to small traits ([`crate::lane`]), the chains'
//! code to [`crate::chains::observe::Observer`]. Here these are implemented, once, for the daemon to hand out.

pub mod chain;
pub mod lane;
pub mod marks;
pub mod nodes;

use super::trace::Traces;
use crate::{
    lane::book::Book,
    metrics::{Metrics, field::Gauge, labels},
};
use causeway_core::LaneId;
use chain::ChainWitness;
use lane::LaneWitness;
use marks::Budget;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, Weak},
};

/// Every lane's witness, by lane: chains tell them what they see.
pub struct Witnesses {
    metrics: Arc<Metrics>,
    traces: Traces,
    budget: Arc<Budget>,
    lanes: RwLock<HashMap<LaneId, Arc<LaneWitness>>>,
}

impl Witnesses {
    /// No lanes yet.
    pub fn new(metrics: Arc<Metrics>, traces: Traces) -> Arc<Self> {
        Arc::new(Self { metrics, traces, budget: Arc::default(), lanes: RwLock::default() })
    }

    /// The witness of a lane: one value for every trait that its stages tell. `serves_source` says that this relayer
    /// makes the root spans of its transfers.
    pub fn add_lane(
        &self,
        bridge: &str,
        book: &Arc<Book>,
        serves_source: bool,
    ) -> prometheus::Result<Arc<LaneWitness>> {
        let label = labels::lane(&book.lane());
        let witness = Arc::new(LaneWitness::new(
            (self.metrics.lanes.of(bridge, &label)?, self.metrics.clients.of(bridge, &label)?),
            self.traces.clone(),
            Arc::clone(&self.budget),
            book,
            serves_source,
        ));
        let refresh: Weak<LaneWitness> = Arc::downgrade(&witness);
        self.metrics.refresh_by(refresh);
        let mut lanes = self.lanes.write().unwrap_or_else(PoisonError::into_inner);
        lanes.insert(book.lane(), Arc::clone(&witness));
        self.metrics.process.lanes.set(i64::try_from(lanes.len()).unwrap_or(i64::MAX));
        Ok(witness)
    }

    /// A lane that is no longer served.
    pub fn remove_lane(&self, bridge: &str, lane: LaneId) {
        let mut lanes = self.lanes.write().unwrap_or_else(PoisonError::into_inner);
        lanes.remove(&lane);
        self.metrics.process.lanes.set(i64::try_from(lanes.len()).unwrap_or(i64::MAX));
        let label = labels::lane(&lane);
        self.metrics.lanes.forget(bridge, &label);
        self.metrics.clients.forget(bridge, &label);
    }

    /// The witness of a chain's watch. `name` is the chain's configured name.
    pub fn chain(self: &Arc<Self>, name: &str) -> prometheus::Result<Arc<ChainWitness>> {
        Ok(Arc::new(ChainWitness { witnesses: Arc::clone(self), chain: self.metrics.chains.of(name)? }))
    }

    fn lane(&self, lane: LaneId) -> Option<Arc<LaneWitness>> {
        self.lanes.read().unwrap_or_else(PoisonError::into_inner).get(&lane).cloned()
    }
}

/// While it lives, `causeway_task_up` is 1 for its task: it falls to 0 however the task ends (ATK-085).
#[must_use]
pub struct TaskUp(Option<Gauge>);

impl TaskUp {
    /// `task` runs for `scope` (a chain's, lane's or peer's label, or `process`).
    pub fn new(metrics: &Metrics, task: &str, scope: &str) -> Self {
        let up = metrics.tasks.of(task, scope).ok().map(|m| m.up);
        up.iter().for_each(Gauge::inc);
        Self(up)
    }
}

impl Drop for TaskUp {
    fn drop(&mut self) {
        self.0.iter().for_each(Gauge::dec);
    }
}

#[cfg(test)]
mod tests;
