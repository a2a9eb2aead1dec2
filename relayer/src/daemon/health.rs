//! What `/readyz` answers: a chain's newest verified header is fresh, peers are connected, no lane stands still.

use super::{
    WallClock,
    build::{Built, Parts},
    drain::Drain,
};
use crate::{
    api::health::{Check, Health},
    lane::{ports::Clock, run::State},
    metrics::Metrics,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

/// How often conditions are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// A chain whose verified height did not move for so many block times is not ready, but never sooner than `STILL_MIN`.
const STILL_BLOCKS: u32 = 20;
/// See [`STILL_BLOCKS`].
const STILL_MIN: Duration = Duration::from_secs(15);

/// The relayer is ending.
pub(super) fn stopping() -> Check {
    Check { name: "stop".into(), ok: false, detail: "the relayer is stopping".into() }
}

/// Looks until the relayer ends.
pub(super) fn follow(
    parts: &Parts,
    built: Arc<Built>,
    health: watch::Sender<Health>,
) -> impl Future<Output = ()> + Send + 'static {
    looks(parts.metrics.clone(), parts.drain.clone(), built, health, parts.stop.clone())
}

async fn looks(
    metrics: Arc<Metrics>,
    drain: Arc<Drain>,
    built: Arc<Built>,
    health: watch::Sender<Health>,
    stop: CancellationToken,
) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut moved: Vec<(u64, Instant)> = built.chains.iter().map(|_| (0, Instant::now())).collect();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Some(links) = &built.links {
            let seconds = WallClock.now();
            let _ = links.tls.report(&metrics, seconds); // the registry refuses only what it knows twice
        }
        let mut checks = checks(&built, &mut moved);
        if drain.begun() {
            checks.push(Check {
                name: "drain".into(),
                ok: false,
                detail: "the relayer begins nothing new and will end".into(),
            });
        }
        let now = Health { live: true, checks };
        metrics.process.ready.set(i64::from(now.ready()));
        health.send_if_modified(|shown| {
            let changed = *shown != now;
            *shown = now;
            changed
        });
    }
}

fn checks(built: &Built, moved: &mut [(u64, Instant)]) -> Vec<Check> {
    let mut checks = Vec::new();
    for (chain, moved) in built.chains.iter().zip(moved) {
        let height = chain.view.tip().map_or(0, |t| t.trusted.height);
        if height > moved.0 {
            *moved = (height, Instant::now());
        }
        let limit = chain.view.block_time.saturating_mul(STILL_BLOCKS).max(STILL_MIN);
        let ok = height > 0 && moved.1.elapsed() < limit;
        let detail = if ok { "" } else { "no newer final header could be verified" };
        checks.push(Check { name: format!("chain {}", chain.name).into(), ok, detail: detail.into() });
    }
    for peer in built.links.iter().flat_map(|l| l.peers()) {
        // A peer that refuses every lane is no use, whatever the session.
        let (connected, refuses) = (crate::lane::ports::Peer::connected(&**peer), peer.refusal().is_some());
        let (ok, detail) = match (connected, refuses) {
            (false, _) => (false, "no session"),
            (true, true) => (false, "refuses every lane"),
            (true, false) => (true, ""),
        };
        checks.push(Check { name: format!("peer {}", peer.organisation()).into(), ok, detail: detail.into() });
    }
    for lane in &built.lanes {
        let ok = !matches!(*lane.run.state.borrow(), State::Stopped { .. });
        let detail = if ok { "" } else { "stopped: needs an operator" };
        let name = format!("lane {}", super::observe::short(lane.book.lane()));
        checks.push(Check { name: name.into(), ok, detail: detail.into() });
    }
    checks
}
