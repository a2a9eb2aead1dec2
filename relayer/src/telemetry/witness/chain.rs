//! A chain's witness: what its watch verifies and sees, told on to the lanes that leave it.

use super::Witnesses;
use crate::{
    lane::{
        book::Book,
        chain::ChainView,
        types::{EventAt, TrustedState},
        watch::Witness,
    },
    metrics::chain::ChainMetrics,
};
use causeway_core::Entry;
use std::sync::Arc;

/// See the module.
pub struct ChainWitness {
    pub(super) witnesses: Arc<Witnesses>,
    pub(super) chain: ChainMetrics,
}

impl Witness for ChainWitness {
    fn verified(&self, chain: &ChainView, trusted: &TrustedState) {
        self.chain.final_height.set(i64::try_from(trusted.height).unwrap_or(i64::MAX));
        self.chain.final_age_seconds.since(trusted.time);
        self.chain.verified_headers_total.inc();
        let expires_at = chain.verifier.expires_at(trusted);
        for book in chain.books() {
            if let Some(lane) = self.witnesses.lane(book.lane()) {
                lane.trusts(trusted, expires_at);
            }
        }
    }

    fn observed(&self, book: &Book, entries: &[Entry], at: EventAt) {
        if let Some(lane) = self.witnesses.lane(book.lane()) {
            lane.observed(entries, at);
        }
    }
}
