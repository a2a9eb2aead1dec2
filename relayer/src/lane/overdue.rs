//! **overdue**: voids legs that were not locked by their deadline, so that the other party's asset goes home.
//!
//! Takes: the [`SwapBook`]'s legs whose other leg is locked, and the verified time of the chain that the leg lives on. Gives:
//! calls of `voidLeg` by this relayer's own signer, which anybody may send from the deadline on; the fact that they write
//! travels like any other. The parties, and the peer, may be gone.
//!
//! Each new tip may make legs overdue. The relayer at the leg's end voids at once, the other one when `peer_patience` has
//! passed besides, by the same chain's time, so that both do not pay. Where a chain makes no blocks while nothing happens,
//! no tip ever shows that a deadline has passed: by this machine's clock the chain is then made to make one (ATK-066).

use super::{
    chain::ChainView,
    error::{Error, Kind, Result},
    live::Live,
    ports::Clock,
    run::{Retries, keep},
    settings::{Role, Settings},
    swaps::SwapBook,
    types::TxEvent,
};
use alloy::primitives::B256;
use causeway_core::{LaneId, swap::Terms};
use futures::{StreamExt, stream::FuturesUnordered};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

/// Legs voided at a time: they share the signer's window with deliveries.
const VOIDING_MAX: usize = 32;
/// Pause before a leg is tried again whose call failed or has shown no effect; doubles up to [`RETRY_PAUSE_MAX`].
const RETRY_PAUSE: Duration = Duration::from_secs(5);
/// Longest pause.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(300);
/// A chain that shows no header for so many of its block times past a deadline is made to make a block.
const IDLE_BLOCKS: u32 = 3;
/// Shortest time between two such blocks.
const TICK_PAUSE: Duration = Duration::from_secs(5);

/// See the module.
pub struct Overdue {
    /// The lane whose legs are looked after: they live on its source.
    pub lane: LaneId,
    /// That chain.
    pub chain: Arc<ChainView>,
    /// The bridge's swaps.
    pub swaps: Arc<SwapBook>,
    /// This relayer's role on the lane.
    pub role: Role,
    /// Patience.
    pub settings: Live<Settings>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Told of every step.
    pub told: Arc<dyn Voids>,
}

/// What `overdue` tells the outside (metrics).
pub trait Voids: Send + Sync {
    /// This relayer's call that voids a leg is final.
    fn voided(&self, lane: LaneId, swap: B256);
}

/// When a leg that was tried may be tried again, and after which pause.
type Tried = HashMap<(B256, u8), (Instant, Duration)>;

impl Overdue {
    /// Looks after the lane's legs until `stop`, whatever the lane itself is doing: a leg may be voided on a lane that is stopped
    /// or paused, closed or frozen.
    pub async fn keep(self: Arc<Self>, retries: Arc<dyn Retries>, stop: CancellationToken) {
        let looking = keep(self.lane, "overdue", retries, || self.run());
        if let Some(Err(e)) = stop.run_until_cancelled(looking).await {
            tracing::error!(lane = %self.lane, kind = e.kind.name(), detail = %e.detail, "overdue legs are not voided: needs an operator");
        }
    }

    /// Looks after the lane's legs for ever.
    pub async fn run(&self) -> Result<()> {
        if self.chain.submitter.is_none() {
            return std::future::pending().await; // `check` says that this hangs on the peer
        }
        let (mut tips, mut changes) = (self.chain.follow(), self.swaps.changes());
        let mut tried = Tried::new();
        let mut voiding = FuturesUnordered::new();
        let mut ticked = Instant::now();
        loop {
            for (terms, leg) in self.due(&mut tried, VOIDING_MAX.saturating_sub(voiding.len())) {
                voiding.push(self.void(terms, leg));
            }
            tokio::select! {
                changed = tips.changed() => changed.map_err(|_| ended())?,
                // Whatever changed, and however much of it was missed: the book is looked at again.
                _ = changes.recv() => while changes.try_recv().is_ok() {},
                Some(()) = voiding.next() => {}
                () = self.again(&tried) => {}
                () = self.idle(ticked) => {
                    ticked = Instant::now();
                    self.tick().await?;
                }
            }
        }
    }

    /// Unix second of the chain's clock up to which deadlines have passed for this relayer.
    fn reached(&self) -> Option<u64> {
        let patience = if self.role == Role::Destination { self.settings.now().peer_patience.as_secs() } else { 0 };
        self.chain.tip()?.trusted.time.checked_sub(patience)
    }

    /// Legs to void now; notes them as tried.
    fn due(&self, tried: &mut Tried, room: usize) -> Vec<(Terms, u8)> {
        let Some(reached) = self.reached() else { return Vec::new() };
        let now = Instant::now();
        // Legs that are being voided stay overdue until the fact is proven.
        let mut late = self.swaps.overdue(self.lane, reached, tried.len() + room);
        tried.retain(|key, _| late.iter().any(|(terms, leg)| (terms.id(), *leg) == *key));
        late.retain(|(terms, leg)| tried.get(&(terms.id(), *leg)).is_none_or(|(from, _)| *from <= now));
        late.truncate(room);
        for (terms, leg) in &late {
            let tried = tried.entry((terms.id(), *leg)).or_insert((now, RETRY_PAUSE / 2));
            tried.1 = (tried.1 * 2).min(RETRY_PAUSE_MAX);
            tried.0 = now + tried.1;
        }
        late
    }

    /// Voids a leg. What fails is tried again after a pause: the book says whether the leg is still overdue.
    async fn void(&self, terms: Terms, leg: u8) {
        let (swap, lane) = (terms.id(), self.lane);
        let Some(submitter) = &self.chain.submitter else { return };
        let ended = match submitter.void_leg(&terms, leg).await {
            Ok(events) => follow(events).await,
            Err(e) => Err(e),
        };
        match ended {
            Ok(true) => {
                tracing::info!(%lane, %swap, leg, "an overdue leg is voided");
                self.told.voided(lane, swap);
            }
            // Somebody was faster, or the chain is not there yet.
            Ok(false) => tracing::info!(%lane, %swap, leg, "voiding an overdue leg had no effect"),
            Err(e) => {
                tracing::warn!(%lane, %swap, leg, kind = e.kind.name(), detail = %e.detail, "an overdue leg is not voided yet")
            }
        }
    }

    /// Waits until a leg that was tried may be tried again.
    async fn again(&self, tried: &Tried) {
        let now = Instant::now();
        match tried.values().map(|(at, _)| *at).filter(|at| *at > now).min() {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// Waits until a deadline has passed by this machine's clock, and by so much that a chain that makes blocks would have
    /// shown it. A leg that is overdue by the chain's own time needs no block.
    async fn idle(&self, ticked: Instant) {
        let (Some(deadline), Some(tip)) = (self.swaps.next_deadline(self.lane), self.chain.tip()) else {
            return std::future::pending().await;
        };
        let Some(reached) = self.reached() else { return std::future::pending().await };
        if reached >= deadline {
            return std::future::pending().await;
        }
        let due = deadline.saturating_add(tip.trusted.time - reached);
        let left = Duration::from_secs(due.saturating_sub(self.clock.now())) + self.chain.block_time * IDLE_BLOCKS;
        let earliest = ticked + TICK_PAUSE.max(self.chain.block_time * IDLE_BLOCKS);
        tokio::time::sleep_until((Instant::now() + left).max(earliest)).await;
    }

    async fn tick(&self) -> Result<()> {
        let Some(submitter) = &self.chain.submitter else { return Ok(()) };
        tracing::debug!(lane = %self.lane, chain = %self.chain.id, "a block is asked for: a leg's deadline has passed");
        // Its block is the next tip: nothing else is waited for.
        drop(submitter.tick().await?);
        Ok(())
    }
}

/// Follows a call to its end. Gives whether it had an effect.
async fn follow(mut events: mpsc::Receiver<TxEvent>) -> Result<bool> {
    while let Some(event) = events.recv().await {
        match event {
            TxEvent::Broadcast { .. } => {}
            TxEvent::Final { .. } => return Ok(true),
            TxEvent::Reverted { .. } => return Ok(false),
            TxEvent::Failed(e) => return Err(e),
        }
    }
    Ok(false)
}

fn ended() -> Error {
    Error::retry(Kind::ShuttingDown, "the chain's watch ended")
}
