//! Escrow and outstanding of each asset (INV-1), for people to see. A node's word, so a figure and an alert, never a
//! reason to act: what is released is bounded by the vaults themselves.

use crate::{
    chains::Holdings,
    lane::{book::Book, types::Account},
    metrics::lane::AssetMetrics,
};
use alloy::primitives::U256;
use causeway_core::LaneId;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

/// Shortest time between two readings of a bridge: a scrape or two.
const READ_INTERVAL: Duration = Duration::from_secs(5);

/// One side of an asset.
#[derive(Clone)]
pub struct Side {
    /// Reads the vault.
    pub vault: Arc<dyn Holdings>,
    /// The bridge's lane that leaves this side.
    pub out_lane: LaneId,
    /// The token on this side.
    pub token: Account,
}

/// An asset of a bridge.
#[derive(Clone)]
pub struct Asset {
    /// Where it is locked and released.
    pub home: Side,
    /// Where its vouchers are minted and burned.
    pub away: Side,
    /// Where to show it.
    pub shown: AssetMetrics,
}

/// A bridge's assets, read when something moved on it.
pub struct Backing {
    /// Its assets.
    pub assets: Vec<Asset>,
    /// Both lanes: an idle bridge is not asked about again.
    pub books: [Arc<Book>; 2],
    /// Newest verified heights of both chains: a reading can only be new when one of them is.
    pub verified: [watch::Receiver<u64>; 2],
}

impl Backing {
    /// Reads and shows until `stop`. Errors only leave the last figures standing; the next block brings another try.
    pub async fn follow(mut self, stop: CancellationToken) {
        let mut ticks = interval(READ_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut read = None;
        loop {
            let moved = self.books.each_ref().map(|b| (b.size(), b.closed_count()));
            if read != Some(moved) && self.read_all().await {
                read = Some(moved);
            }
            let [one, other] = &mut self.verified;
            let next = async {
                ticks.tick().await;
                tokio::select! {
                    changed = one.changed() => changed.is_ok(),
                    changed = other.changed() => changed.is_ok(),
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                more = next => if !more { return },
            }
        }
    }

    async fn read_all(&self) -> bool {
        let mut all = true;
        for asset in &self.assets {
            all &= asset.read().await;
        }
        all
    }
}

impl Asset {
    /// The side that a credit raises later is read first, so that traffic does not look like a hole: what is outstanding
    /// now was in escrow before.
    async fn read(&self) -> bool {
        let Ok(outstanding) = self.away.held().await else { return false };
        let Ok(escrow) = self.home.held().await else { return false };
        self.shown.outstanding_base_units.set(outstanding.into());
        self.shown.escrow_base_units.set(escrow.into());
        true
    }
}

impl Side {
    async fn held(&self) -> crate::lane::error::Result<U256> {
        self.vault.held(self.out_lane, &self.token).await
    }
}
