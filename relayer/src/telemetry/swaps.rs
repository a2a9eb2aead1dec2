//! A bridge's swaps as metrics, read from its book at every scrape.

use crate::{
    lane::{chain::ChainView, overdue::Voids, swaps::SwapBook},
    metrics::{Metrics, Refresh, labels::SwapEnd, lane::SwapMetrics},
};
use alloy::primitives::B256;
use causeway_core::LaneId;
use std::sync::{Arc, Weak};

/// Shows a bridge's swaps as long as somebody holds it.
pub struct Swaps {
    shown: SwapMetrics,
    book: Arc<SwapBook>,
    /// The bridge's lanes with the chains that their legs live on.
    legs: [(LaneId, Arc<ChainView>); 2],
}

impl Swaps {
    /// Shows `book` at every scrape of `metrics`.
    pub fn show(
        metrics: &Metrics,
        shown: SwapMetrics,
        book: Arc<SwapBook>,
        legs: [(LaneId, Arc<ChainView>); 2],
    ) -> Arc<Self> {
        let this = Arc::new(Self { shown, book, legs });
        let weak: Weak<Self> = Arc::downgrade(&this);
        metrics.refresh_by(weak);
        this
    }
}

impl Refresh for Swaps {
    fn refresh(&self) {
        let counts = self.book.counts();
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.shown.open_swaps.set(whole(counts.open as u64));
        self.shown.ended_swaps.at(SwapEnd::Released).set(whole(counts.released));
        self.shown.ended_swaps.at(SwapEnd::GivenBack).set(whole(counts.given_back));
        let overdue = self.legs.iter().map(|(lane, chain)| {
            let now = chain.tip().map_or(0, |tip| tip.trusted.time);
            self.book.overdue_count(*lane, now) as u64
        });
        self.shown.overdue_legs.set(whole(overdue.sum()));
    }
}

impl Voids for Swaps {
    fn voided(&self, _: LaneId, _: B256) {
        self.shown.voided_legs_total.inc();
    }
}
