//! Who may use the signer's window: all of it for a lane that is alone, a share while others are about.
//!
//! Transactions of one account get into blocks in the order of their nonces, so a lane that clears a backlog would put all
//! that it has before the next transaction of every other lane (ATK-078). While other lanes are about, a lane has only so
//! many transactions that are in no block yet: what others send then gets into the next block, as without the backlog.

use causeway_core::LaneId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// A lane that sent something is about for so long.
const ABOUT: Duration = Duration::from_secs(30);
/// Part of the window that one of several lanes may have in no block: four deliveries of the largest batch fill about
/// half a block of 30 M gas.
const PART: usize = 4;
/// Lanes remembered; those that were quiet for longest are forgotten first. Bounds memory, no more.
const LANES_MAX: usize = 4_096;

/// See the module.
#[derive(Debug)]
pub(super) struct Shares {
    share: usize,
    lanes: Mutex<HashMap<LaneId, Use>>,
    changed: Notify,
}

#[derive(Debug)]
struct Use {
    /// Transactions in no block yet.
    open: usize,
    seen: Instant,
}

impl Shares {
    pub(super) fn new(window: usize) -> Arc<Self> {
        Arc::new(Self { share: (window / PART).max(1), lanes: Mutex::default(), changed: Notify::new() })
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<LaneId, Use>> {
        // Plain numbers: each is valid whatever panicked.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `lane` may send one more.
    pub(super) async fn take(self: &Arc<Self>, lane: LaneId) -> Share {
        loop {
            let changed = self.changed.notified();
            let alone_at = {
                let mut lanes = self.lanes();
                let now = Instant::now();
                if lanes.len() >= LANES_MAX {
                    lanes.retain(|_, used| used.open > 0 || now.duration_since(used.seen) < ABOUT);
                }
                let others = lanes.iter().filter(|(other, _)| **other != lane).map(|(_, used)| used.seen).max();
                let alone_at = others.map(|seen| seen + ABOUT).filter(|until| *until > now);
                let used = lanes.entry(lane).or_insert(Use { open: 0, seen: now });
                used.seen = now;
                if used.open < self.share || alone_at.is_none() {
                    used.open += 1;
                    return Share { shares: Arc::clone(self), lane };
                }
                alone_at.unwrap_or(now)
            };
            tokio::select! {
                () = changed => {}
                () = sleep_until(alone_at) => {}
            }
        }
    }
}

/// One transaction in no block yet. Dropped when it is in one, or ends otherwise.
#[derive(Debug)]
pub(super) struct Share {
    shares: Arc<Shares>,
    lane: LaneId,
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(used) = self.shares.lanes().get_mut(&self.lane) {
            used.open = used.open.saturating_sub(1);
        }
        self.shares.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::B256;
    use tokio::time::timeout;

    fn lane(byte: u8) -> LaneId {
        LaneId(B256::repeat_byte(byte))
    }

    #[tokio::test(start_paused = true)]
    async fn atk_078_a_lane_has_the_window_alone_and_a_share_beside_others() {
        let shares = Shares::new(16);
        let mut held = Vec::new();
        for _ in 0..16 {
            held.push(shares.take(lane(1)).await);
        }
        // Another lane comes: it has its share at once; the first one has more than its own already.
        let other = shares.take(lane(2)).await;
        let soon = Duration::from_secs(1);
        assert!(timeout(soon, shares.take(lane(1))).await.is_err());
        held.truncate(3);
        held.push(timeout(soon, shares.take(lane(1))).await.unwrap_or_else(|_| panic!("a share is free")));
        assert!(timeout(soon, shares.take(lane(1))).await.is_err());
        // Alone again after a while, without any event.
        drop(other);
        assert!(timeout(ABOUT, shares.take(lane(1))).await.is_ok());
    }
}
