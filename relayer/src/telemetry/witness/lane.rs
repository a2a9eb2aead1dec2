//! One lane's witness: every step of its stages becomes counts, latencies and, for sampled entries, spans.

use super::marks::{Budget, Marks};
use crate::{
    lane::{
        book::Book,
        confirm::Closed,
        error::{Error, Kind},
        refresh::Expiry,
        run::{Retries, State},
        send::Sent,
        submit::Submitted,
        types::{Bundle, EventAt, Outcome, TrustedState},
    },
    metrics::{
        Refresh,
        labels::{EntryKind, EntryStage, ErrorClass, Holder},
        lane::{ClientMetrics, LaneMetrics},
    },
    telemetry::trace::{Step, Traced, Traces},
};
use alloy::primitives::U256;
use causeway_core::{Body, Entry, LaneId, Reason};
use opentelemetry::KeyValue;
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};
use tokio::{sync::watch, time::Instant};

/// See the module.
pub struct LaneWitness {
    lane: LaneMetrics,
    client: ClientMetrics,
    traces: Traces,
    marks: Marks,
    book: Arc<Book>,
    serves_source: bool,
    /// Entries in transactions that are broadcast and not final.
    submitted: AtomicU64,
}

impl LaneWitness {
    pub(super) fn new(
        (lane, client): (LaneMetrics, ClientMetrics),
        traces: Traces,
        budget: Arc<Budget>,
        book: &Arc<Book>,
        serves_source: bool,
    ) -> Self {
        let (marks, book, submitted) = (Marks::new(budget), Arc::clone(book), AtomicU64::new(0));
        Self { lane, client, traces, marks, book, serves_source, submitted }
    }

    /// Shows what the lane does until the lane is dropped.
    pub async fn follow(self: Arc<Self>, mut state: watch::Receiver<State>) {
        loop {
            let now = state.borrow_and_update().clone();
            self.lane.paused.set(i64::from(now == State::Paused));
            self.lane.stopped.set(i64::from(matches!(now, State::Stopped { .. })));
            match now {
                State::Restarting { kind, .. } => {
                    self.lane.restarts_total.inc();
                    self.error(ErrorClass::Retry, kind);
                }
                State::Stopped { kind, .. } => self.error(ErrorClass::StopLane, kind),
                State::Running | State::Paused => {}
            }
            if state.changed().await.is_err() {
                return;
            }
        }
    }

    /// The lane's light client has a new trusted header; it can be updated until `expires_at`.
    pub(super) fn trusts(&self, trusted: &TrustedState, expires_at: u64) {
        self.client.height.set(i64::try_from(trusted.height).unwrap_or(i64::MAX));
        self.client.seconds_to_expiry.at(Holder::Relayer).at(expires_at, trusted.time);
        self.client.updates_total.inc();
    }

    /// Entries were seen in a final block.
    pub(super) fn observed(&self, entries: &[Entry], at: EventAt) {
        let now = Instant::now();
        for entry in entries {
            self.lane.observed_entries_total.at(kind(&entry.body)).inc();
            self.marks.see(entry.index, || entry.commitment(), now);
        }
        self.lane.stage_entries_total.at(EntryStage::Final).inc_by(entries.len() as u64);
        let block = KeyValue::new("causeway.source_block", i64::try_from(at.block).unwrap_or(i64::MAX));
        let lane = self.book.lane();
        self.marks.reach(entries.iter().map(|e| e.index), now, |index, mark| {
            let traced = Traced { commitment: mark.commitment, lane, index };
            self.traces.step(&traced, step("final", now, now), std::slice::from_ref(&block));
        });
    }

    fn error(&self, class: ErrorClass, kind: Kind) {
        self.lane.errors_total.at(class).inc();
        self.lane.error_kinds_total.inc(kind.name());
    }

    /// Entries reached `stage`.
    fn reach(&self, range: Range<u64>, stage: EntryStage, attributes: &[KeyValue]) {
        let (now, seconds) = (Instant::now(), self.lane.stage_seconds.at(stage));
        self.lane.stage_entries_total.at(stage).inc_by(range.end.saturating_sub(range.start));
        let lane = self.book.lane();
        self.marks.reach(range, now, |index, mark| {
            seconds.observe((now - mark.last).as_secs_f64());
            let traced = Traced { commitment: mark.commitment, lane, index };
            self.traces.step(&traced, step(stage.name(), mark.last, now), attributes);
        });
    }

    /// A span of work on the whole range, linked to its entries.
    fn batch(&self, range: Range<u64>, name: &'static str, started: Instant, ended: Instant) {
        let (lane, mut entries) = (self.book.lane(), Vec::new());
        self.marks.reach(range.clone(), ended, |index, mark| {
            entries.push(Traced { commitment: mark.commitment, lane, index });
        });
        let count = KeyValue::new("causeway.entries", i64::try_from(range.end - range.start).unwrap_or(i64::MAX));
        self.traces.batch(
            entries,
            step(name, started, ended),
            &[KeyValue::new("causeway.lane", lane.to_string()), count],
        );
    }

    /// Entries of a broadcast transaction are no longer in it.
    fn settle(&self, range: &Range<u64>) {
        let n = range.end.saturating_sub(range.start);
        let _ = self.submitted.fetch_update(Relaxed, Relaxed, |now| Some(now.saturating_sub(n))); // never errs
    }
}

fn kind(body: &Body) -> EntryKind {
    match body {
        Body::Transfer(_) => EntryKind::Transfer,
        Body::Returned(r) if r.reason == Reason::Expired => EntryKind::ReturnedExpired,
        Body::Returned(_) => EntryKind::ReturnedFailed,
        Body::SwapLocked(_) => EntryKind::SwapLocked,
        Body::SwapVoided(_) => EntryKind::SwapVoided,
    }
}

/// A step between two moments of this process, as wall-clock times.
fn step(name: &'static str, started: Instant, ended: Instant) -> Step<'static> {
    let (wall, now) = (SystemTime::now(), Instant::now());
    let at = |moment: Instant| wall.checked_sub(now.saturating_duration_since(moment)).unwrap_or(wall);
    Step { name, started: at(started), ended: at(ended), error: None }
}

fn whole(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Refresh for LaneWitness {
    /// The book says what is open and where it stands: nothing can drift.
    fn refresh(&self) {
        let [waiting, sent, working, dead] = self.book.standings();
        let broadcast = working.min(usize::try_from(self.submitted.load(Relaxed)).unwrap_or(usize::MAX));
        let pending = &self.lane.pending_entries;
        pending.at(EntryStage::Final).set(whole(waiting));
        pending.at(EntryStage::Sent).set(whole(sent));
        pending.at(EntryStage::Verified).set(whole(working - broadcast));
        pending.at(EntryStage::Submitted).set(whole(broadcast));
        self.lane.dead_letter_entries.set(whole(dead));
        self.lane.outbox_entries.set(i64::try_from(self.book.size()).unwrap_or(i64::MAX));
        match self.book.oldest_age() {
            None => self.lane.oldest_pending_age_seconds.none(),
            Some(age) => self.lane.oldest_pending_age_seconds.for_already(age),
        }
    }
}

impl Sent for LaneWitness {
    fn proved(&self, _: &Book, range: &Range<u64>, took: Duration) {
        let now = Instant::now();
        self.lane.batch_entries.observe((range.end - range.start) as f64);
        self.reach(range.clone(), EntryStage::Proved, &[]);
        self.batch(range.clone(), "prove bundle", now.checked_sub(took).unwrap_or(now), now);
    }

    fn sent(&self, _: &Book, range: &Range<u64>, _: Duration) {
        self.reach(range.clone(), EntryStage::Sent, &[]);
    }

    fn answered(&self, _: &Book, _: &Range<u64>, outcome: &Outcome) {
        if let Outcome::Rejected { kind, .. } = outcome {
            self.lane.peer_rejections_total.inc(kind.name());
        }
    }
}

impl Submitted for LaneWitness {
    fn verified(&self, _: &Book, bundle: &Bundle) {
        let now = Instant::now();
        // The peer may be faster than this relayer's own watch.
        bundle.entries.iter().for_each(|e| self.marks.see(e.index, || e.commitment(), now));
        self.reach(bundle.first..bundle.end(), EntryStage::Verified, &[]);
    }

    fn broadcast(&self, _: &Book, bundle: &Bundle) {
        self.submitted.fetch_add(bundle.entries.len() as u64, Relaxed);
        self.reach(bundle.first..bundle.end(), EntryStage::Submitted, &[]);
    }

    fn finalised(&self, _: &Book, bundle: &Bundle, gas_used: u64, _: U256) {
        let range = bundle.first..bundle.end();
        self.settle(&range);
        self.lane.delivery_gas_total.inc_by(gas_used);
        self.lane.delivery_entries_total.inc_by(bundle.entries.len() as u64);
        let gas = KeyValue::new("causeway.gas", i64::try_from(gas_used).unwrap_or(i64::MAX));
        self.reach(range, EntryStage::Included, &[gas]);
    }

    fn failed(&self, _: &Book, range: &Range<u64>, kind: Kind) {
        self.settle(range);
        self.lane.retries_total.inc();
        self.error(ErrorClass::Retry, kind);
    }

    fn buried(&self, _: &Book, _: &Range<u64>, kind: Kind) {
        self.error(ErrorClass::DeadLetter, kind);
    }
}

impl Closed for LaneWitness {
    fn closed(&self, _: &Book, entries: &[(Entry, Duration)]) {
        let now = Instant::now();
        self.lane.delivered_entries_total.inc_by(entries.len() as u64);
        self.lane.stage_entries_total.at(EntryStage::Delivered).inc_by(entries.len() as u64);
        entries.iter().for_each(|(_, open)| self.lane.delivery_seconds.observe(open.as_secs_f64()));
        let (lane, seconds) = (self.book.lane(), self.lane.stage_seconds.at(EntryStage::Delivered));
        self.marks.finish(entries.iter().map(|(e, _)| e.index), |index, mark| {
            seconds.observe((now - mark.last).as_secs_f64());
            let traced = Traced { commitment: mark.commitment, lane, index };
            self.traces.step(&traced, step("delivered", mark.last, now), &[]);
            if self.serves_source {
                self.traces.root(&traced, step("entry", mark.seen, now), &[]);
            }
        });
    }
}

impl Expiry for LaneWitness {
    fn seconds_to_expiry(&self, _: &Book, seconds: i64, frozen: bool) {
        self.client.seconds_to_expiry.at(Holder::Contract).at(u64::try_from(seconds).unwrap_or(0), 0);
        self.client.frozen.at(Holder::Contract).set(i64::from(frozen));
    }
}

impl Retries for LaneWitness {
    fn retry(&self, _: LaneId, _: &'static str, error: &Error, _: Duration) {
        self.lane.retries_total.inc();
        self.error(ErrorClass::Retry, error.kind);
    }
}
