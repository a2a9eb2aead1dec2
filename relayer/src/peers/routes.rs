//! Where a lane's bundles go, and what is known of its bundles: shared by the streams of the listener and the lanes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use causeway_core::LaneId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::lane::{ports::Inbound, types::Outcome};

/// Outcomes that are kept of a lane for pull calls; the chain knows the rest.
const OUTCOMES_MAX: usize = 1024;

/// Lanes that arrive here. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Routes(Arc<Mutex<HashMap<LaneId, Route>>>);

#[derive(Debug, Default)]
struct Route {
    inbox: Option<mpsc::Sender<Inbound>>,
    /// The stream that serves the lane now.
    session: CancellationToken,
    outcomes: BTreeMap<u64, Outcome>,
}

impl Routes {
    fn lock(&self) -> MutexGuard<'_, HashMap<LaneId, Route>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bundles of `lane` come out of the returned queue, from now on; an earlier queue ends. `capacity` should be the
    /// lane's credits: a peer that keeps to them never finds it full.
    #[must_use]
    pub fn attach(&self, lane: LaneId, capacity: usize) -> mpsc::Receiver<Inbound> {
        let (inbox, bundles) = mpsc::channel(capacity.max(1));
        let mut routes = self.lock();
        let route = routes.entry(lane).or_default();
        route.inbox = Some(inbox);
        // The stream that fills the old queue ends; the peer opens another.
        route.session.cancel();
        bundles
    }

    /// No bundles of `lane` are taken any more; its stream ends.
    pub fn detach(&self, lane: LaneId) {
        if let Some(route) = self.lock().remove(&lane) {
            route.session.cancel();
        }
    }

    /// The lane's queue, if somebody reads it.
    pub(super) fn inbox(&self, lane: LaneId) -> Option<mpsc::Sender<Inbound>> {
        self.lock().get(&lane)?.inbox.clone().filter(|inbox| !inbox.is_closed())
    }

    /// A new stream serves the lane: the old one ends. The token says when this one must.
    pub(super) fn serve(&self, lane: LaneId, parent: &CancellationToken) -> CancellationToken {
        let session = parent.child_token();
        let old = std::mem::replace(&mut self.lock().entry(lane).or_default().session, session.clone());
        old.cancel();
        session
    }

    pub(super) fn note(&self, lane: LaneId, number: u64, outcome: &Outcome) {
        let mut routes = self.lock();
        let outcomes = &mut routes.entry(lane).or_default().outcomes;
        outcomes.insert(number, outcome.clone());
        if outcomes.len() > OUTCOMES_MAX {
            outcomes.pop_first();
        }
    }

    /// The last outcome that was told of a bundle.
    #[must_use]
    pub fn outcome(&self, lane: LaneId, number: u64) -> Option<Outcome> {
        self.lock().get(&lane)?.outcomes.get(&number).cloned()
    }
}
