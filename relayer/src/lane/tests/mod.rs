//! The stages on scripted chains: what they do on bad days, to the second, on a paused clock.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod panics;
mod peer;
mod receive;
pub(crate) mod script;
mod submit;
mod swaps;
pub(crate) mod trap;
pub(crate) mod values;
mod watch;

use super::{
    book::Book,
    chain::ChainView,
    error::{Error, Kind},
    types::{Bundle, EventAt, Outcome, TrustedState},
};
use alloy::primitives::B256;
use causeway_core::{Entry, LaneId};
use std::{ops::Range, sync::Mutex, time::Duration};

/// Listens to every stage; keeps what tests ask for.
#[derive(Default)]
struct Ear {
    buried: Mutex<Vec<Range<u64>>>,
    failed: Mutex<Vec<Kind>>,
    observed: Mutex<usize>,
    expiry: Mutex<Vec<(u64, u64, u64)>>,
    voided: Mutex<Vec<B256>>,
}

impl super::watch::Witness for Ear {
    fn verified(&self, _: &ChainView, _: &TrustedState) {}
    fn observed(&self, _: &Book, entries: &[Entry], _: EventAt) {
        *self.observed.lock().unwrap() += entries.len();
    }
    fn delivered(&self, _: &Book, _: usize, _: usize, _: usize) {}
    fn ignored(&self, _: &ChainView) {}
}

impl super::send::Sent for Ear {
    fn proved(&self, _: &Book, _: &Bundle, _: Duration) {}
    fn sent(&self, _: &Book, _: &Bundle, _: Duration) {}
    fn answered(&self, _: &Book, _: &Range<u64>, _: &Outcome) {}
}

impl super::submit::Submitted for Ear {
    fn verified(&self, _: &Book, _: &Bundle, _: Duration) {}
    fn broadcast(&self, _: &Book, _: &Bundle, _: Duration) {}
    fn finalised(&self, _: &Book, _: &Bundle, _: Duration, _: super::submit::Cost) {}
    fn failed(&self, _: &Book, _: &Range<u64>, error: &Error) {
        self.failed.lock().unwrap().push(error.kind);
    }
    fn buried(&self, _: &Book, range: &Range<u64>, _: Kind) {
        self.buried.lock().unwrap().push(range.clone());
    }
}

impl super::confirm::Closed for Ear {
    fn closed(&self, _: &Book, _: &[(Entry, Duration)]) {}
}

impl super::refresh::Expiry for Ear {
    fn seconds_to_expiry(&self, _: &Book, height: u64, expires: u64, now: u64, _: bool) {
        self.expiry.lock().unwrap().push((height, expires, now));
    }
}

impl super::overdue::Voids for Ear {
    fn voided(&self, _: LaneId, swap: B256) {
        self.voided.lock().unwrap().push(swap);
    }
}

impl super::run::Retries for Ear {
    fn retry(&self, _: LaneId, _: &'static str, _: &Error, _: Duration) {}
}
