//! The end that an operator chose ahead: nothing new is begun, what is under way is finished, then the relayer ends in order.
//!
//! Under way is what this relayer verifies, delivers or waits for the finality of, and what a peer gave it that is not
//! judged yet. What the peer has, it has; what nobody has begun waits for the next start, or for the peer.

use super::build::{Built, BuiltLane};
use crate::lane::run::State;
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

/// How often what is under way is counted. There are thousands of lanes, and it takes a few blocks.
const LOOK: Duration = Duration::from_millis(200);
/// Longest wait. What does not end until then is taken up at the next start, as after any other end.
pub(super) const DRAIN_MAX: Duration = Duration::from_secs(120);

/// See the module.
#[derive(Debug)]
pub(super) struct Drain(watch::Sender<bool>);

impl Drain {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Whether it was ordered.
    pub(super) fn begun(&self) -> bool {
        *self.0.borrow()
    }

    /// From now on nothing new is begun. Gives how many entries and bundles are under way.
    pub(super) fn begin(&self, built: &Built) -> u64 {
        if !self.0.send_replace(true) {
            tracing::info!("draining: nothing new is begun");
        }
        built.lanes.iter().for_each(|lane| lane.book.drain());
        under_way(built)
    }

    /// Waits until it was ordered and nothing is under way.
    pub(super) async fn done(&self, built: &Built) {
        // The sender is `self`, so it cannot be gone.
        let _ = self.0.subscribe().wait_for(|begun| *begun).await;
        let until = Instant::now() + DRAIN_MAX;
        // What a stage had in its hands when it began shows at the second look.
        let mut quiet = false;
        loop {
            sleep(LOOK).await;
            let left = under_way(built);
            if left == 0 && quiet {
                tracing::info!("drained: nothing is under way");
                return;
            }
            quiet = left == 0;
            if Instant::now() >= until {
                tracing::warn!(left, "not everything ended in time: the next start takes it up");
                return;
            }
        }
    }
}

fn under_way(built: &Built) -> u64 {
    // A lane that stands moves nothing, however long one waits.
    let moving = |lane: &&BuiltLane| matches!(*lane.run.state.borrow(), State::Running | State::Restarting { .. });
    let of = |lane: &BuiltLane| {
        let [_, _, working, _] = lane.book.standings();
        working + lane.run.receive.as_ref().map_or(0, |(receive, _)| receive.waiting())
    };
    built.lanes.iter().filter(moving).map(of).sum::<usize>() as u64
}
