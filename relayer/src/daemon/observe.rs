//! What the stages and chains tell, as metrics and traces. The one place that knows both sides.

use crate::{
    chains::observe::{Observer, SignerState, Spent},
    lane::{
        book::Book,
        chain::ChainView,
        confirm::Closed,
        error::{Class, Error, Kind},
        refresh::Expiry,
        run::Retries,
        send::Sent,
        submit::{Cost, Submitted},
        types::{Bundle, ChainId, EventAt, Outcome, TrustedState},
        watch::Witness,
    },
    metrics::{
        Metrics,
        chain::{ChainMetrics, EndpointMetrics, SignerMetrics},
        labels::{Ending, EndpointState, EntryKind, EntryStage, ErrorClass, Holder},
        lane::{ClientMetrics, LaneMetrics},
    },
    telemetry::trace::{Step, Traced, Traces},
};
use alloy::primitives::U256;
use causeway_core::{Body, Entry, LaneId, Reason};
use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Handles of one lane.
pub struct LaneHandles {
    /// The lane's metrics.
    pub lane: LaneMetrics,
    /// Its clients' metrics.
    pub client: ClientMetrics,
    /// True where this relayer makes the root span of each transfer: one relayer only.
    pub roots: bool,
}

/// See the module.
pub struct Observe {
    metrics: Arc<Metrics>,
    traces: Traces,
    lanes: RwLock<HashMap<LaneId, Arc<LaneHandles>>>,
    chains: RwLock<HashMap<ChainId, ChainMetrics>>,
    /// Configured names of chains by CAIP-2 id: labels show names.
    names: HashMap<String, String>,
}

impl Observe {
    /// Observes into `metrics` and `traces`; `names` gives the configured name of each CAIP-2 id.
    pub fn new(metrics: Arc<Metrics>, traces: Traces, names: HashMap<String, String>) -> Self {
        Self { metrics, traces, lanes: RwLock::default(), chains: RwLock::default(), names }
    }

    /// Makes a lane known.
    pub fn register(&self, lane: LaneId, bridge: &str, roots: bool) -> prometheus::Result<Arc<LaneHandles>> {
        let short = short(lane);
        let handles = Arc::new(LaneHandles {
            lane: self.metrics.lanes.of(bridge, &short)?,
            client: self.metrics.clients.of(bridge, &short)?,
            roots,
        });
        self.lanes.write().unwrap_or_else(PoisonError::into_inner).insert(lane, handles.clone());
        Ok(handles)
    }

    /// The handles of a lane.
    pub fn lane(&self, lane: LaneId) -> Option<Arc<LaneHandles>> {
        self.lanes.read().unwrap_or_else(PoisonError::into_inner).get(&lane).cloned()
    }

    pub(super) fn name<'a>(&'a self, chain: &'a ChainId) -> &'a str {
        self.names.get(&**chain).map_or(chain, String::as_str)
    }

    fn chain(&self, chain: &ChainId, with: impl FnOnce(&ChainMetrics)) {
        if let Some(handle) = self.chains.read().unwrap_or_else(PoisonError::into_inner).get(chain) {
            return with(handle);
        }
        if let Ok(handle) = self.metrics.chains.of(self.name(chain)) {
            with(&handle);
            self.chains.write().unwrap_or_else(PoisonError::into_inner).insert(chain.clone(), handle);
        }
    }

    fn endpoint(&self, chain: &ChainId, endpoint: &str, with: impl FnOnce(&EndpointMetrics)) {
        if let Ok(handle) = self.metrics.endpoints.of(self.name(chain), endpoint) {
            with(&handle);
        }
    }

    fn signer(&self, chain: &ChainId, signer: &str, with: impl FnOnce(&SignerMetrics)) {
        if let Ok(handle) = self.metrics.signers.of(self.name(chain), signer) {
            with(&handle);
        }
    }

    /// Counts `entries` entries that reached `stage`, `took` after the one before.
    fn stage(&self, lane: LaneId, stage: EntryStage, entries: usize, took: Duration) {
        let Some(handles) = self.lane(lane) else { return };
        handles.lane.stage_entries_total.at(stage).inc_by(entries as u64);
        for _ in 0..entries {
            handles.lane.stage_seconds.at(stage).observe(took.as_secs_f64());
        }
    }

    fn spans(&self, name: &'static str, entries: &[Entry], took: Duration) {
        if !self.traces.is_on() {
            return;
        }
        let ended = SystemTime::now();
        let step = Step { name, started: ended.checked_sub(took).unwrap_or(ended), ended, error: None };
        for entry in entries {
            self.traces.step(&traced(entry), step, &[]);
        }
    }
}

/// The short id of a lane, as every command prints it.
pub fn short(lane: LaneId) -> String {
    lane.0.iter().take(4).map(|b| format!("{b:02x}")).collect()
}

fn traced(entry: &Entry) -> Traced {
    Traced { commitment: entry.commitment(), lane: entry.lane, index: entry.index }
}

impl Witness for Observe {
    fn verified(&self, chain: &ChainView, trusted: &TrustedState) {
        self.chain(&chain.id, |m| {
            m.final_height.set(trusted.height as i64);
            m.scanned_height.set(trusted.height as i64);
            m.final_age_seconds.since(trusted.time);
        });
        for book in chain.books() {
            let Some(handles) = self.lane(book.lane()) else { continue };
            handles.client.height.at(Holder::Relayer).set(trusted.height as i64);
            let expires = chain.verifier.expires_at(trusted);
            handles.client.seconds_to_expiry.at(Holder::Relayer).at(expires, trusted.time);
        }
    }

    fn observed(&self, book: &Book, entries: &[Entry], _: EventAt) {
        self.stage(book.lane(), EntryStage::Observed, entries.len(), Duration::ZERO);
        self.stage(book.lane(), EntryStage::Final, entries.len(), Duration::ZERO);
        self.spans("watch", entries, Duration::ZERO);
        if let Some(handles) = self.lane(book.lane()) {
            for entry in entries {
                handles.lane.observed_entries_total.at(kind(&entry.body)).inc();
            }
        }
    }

    fn delivered(&self, book: &Book, taken: usize, returned: usize, parked: usize) {
        let Some(handles) = self.lane(book.lane()) else { return };
        let endings = &handles.lane.delivered_entries_total;
        endings.at(Ending::Credited).inc_by(taken.saturating_sub(returned + parked) as u64);
        // The event does not say why an entry was answered with a return; the reverse lane's entry does.
        endings.at(Ending::Returned).inc_by(returned as u64);
        endings.at(Ending::Parked).inc_by(parked as u64);
    }

    fn ignored(&self, chain: &ChainView) {
        self.chain(&chain.id, |m| m.ignored_events_total.inc());
    }
}

impl Sent for Observe {
    fn proved(&self, book: &Book, bundle: &Bundle, took: Duration) {
        self.stage(book.lane(), EntryStage::Proved, bundle.entries.len(), took);
        self.spans("prove", &bundle.entries, took);
        if let Some(handles) = self.lane(book.lane()) {
            handles.lane.batch_entries.observe(bundle.entries.len() as f64);
            let bytes = bundle.update.len()
                + bundle.state_proof.len()
                + bundle.runs.iter().map(|r| 3 + 32 * r.siblings.len()).sum::<usize>()
                + 288 * bundle.entries.len();
            handles.lane.bundle_bytes.observe(bytes as f64);
        }
    }

    fn sent(&self, book: &Book, bundle: &Bundle, age: Duration) {
        self.stage(book.lane(), EntryStage::Sent, bundle.entries.len(), age);
        self.spans("send", &bundle.entries, age);
    }

    fn answered(&self, book: &Book, _: &Range<u64>, outcome: &Outcome) {
        if let Outcome::Rejected { kind, .. } = outcome
            && let Some(handles) = self.lane(book.lane())
        {
            handles.lane.peer_rejections_total.inc(kind.name());
        }
    }
}

impl Submitted for Observe {
    fn verified(&self, book: &Book, bundle: &Bundle, took: Duration) {
        self.stage(book.lane(), EntryStage::Verified, bundle.entries.len(), took);
        self.spans("verify", &bundle.entries, took);
        if let Some(handles) = self.lane(book.lane()) {
            handles.client.verify_seconds.observe(took.as_secs_f64());
        }
    }

    fn broadcast(&self, book: &Book, bundle: &Bundle, took: Duration) {
        self.stage(book.lane(), EntryStage::Submitted, bundle.entries.len(), took);
        self.spans("submit", &bundle.entries, took);
    }

    fn finalised(&self, book: &Book, bundle: &Bundle, took: Duration, cost: Cost) {
        self.stage(book.lane(), EntryStage::Included, bundle.entries.len(), took);
        self.spans("include", &bundle.entries, took);
        if let Some(handles) = self.lane(book.lane()) {
            handles.lane.delivery_gas_total.inc_by(cost.gas_used);
            handles.lane.delivery_entries_total.inc_by(bundle.entries.len() as u64);
            handles.client.updates_total.at(Holder::Contract).inc();
        }
    }

    fn failed(&self, book: &Book, range: &Range<u64>, error: &Error) {
        tracing::warn!(lane = %book.lane(), ?range, kind = error.kind.name(), detail = %error.detail, "delivery failed");
        let Some(handles) = self.lane(book.lane()) else { return };
        handles.lane.errors_total.at(class(error)).inc();
        handles.lane.error_kinds_total.inc(error.kind.name());
    }

    fn buried(&self, book: &Book, range: &Range<u64>, kind: Kind) {
        tracing::error!(lane = %book.lane(), ?range, kind = kind.name(), "dead letter: needs an operator");
        let Some(handles) = self.lane(book.lane()) else { return };
        handles.lane.errors_total.at(ErrorClass::DeadLetter).inc();
    }
}

impl Closed for Observe {
    fn closed(&self, book: &Book, entries: &[(Entry, Duration)]) {
        let Some(handles) = self.lane(book.lane()) else { return };
        handles.lane.stage_entries_total.at(EntryStage::Delivered).inc_by(entries.len() as u64);
        let ended = SystemTime::now();
        for (entry, open) in entries {
            handles.lane.stage_seconds.at(EntryStage::Delivered).observe(open.as_secs_f64());
            handles.lane.delivery_seconds.observe(open.as_secs_f64());
            if self.traces.is_on() {
                let started = ended.checked_sub(*open).unwrap_or(ended);
                let step = Step { name: "confirm", started, ended, error: None };
                self.traces.step(&traced(entry), step, &[]);
                if handles.roots {
                    self.traces.root(&traced(entry), Step { name: "transfer", ..step }, &[]);
                }
            }
        }
    }
}

impl Expiry for Observe {
    fn seconds_to_expiry(&self, book: &Book, height: u64, expires: u64, chain_now: u64, frozen: bool) {
        let Some(handles) = self.lane(book.lane()) else { return };
        handles.client.height.at(Holder::Contract).set(height as i64);
        handles.client.seconds_to_expiry.at(Holder::Contract).at(expires, chain_now);
        handles.client.frozen.at(Holder::Contract).set(i64::from(frozen));
    }
}

impl Retries for Observe {
    fn retry(&self, lane: LaneId, stage: &'static str, error: &Error, delay: Duration) {
        tracing::info!(%lane, stage, kind = error.kind.name(), detail = %error.detail, delay_ms = delay.as_millis() as u64, "stage tries again");
        let Some(handles) = self.lane(lane) else { return };
        handles.lane.retries_total.inc();
        handles.lane.errors_total.at(class(error)).inc();
        handles.lane.error_kinds_total.inc(error.kind.name());
        if error.kind == Kind::Refused {
            handles.client.refusals_total.inc();
        }
    }
}

fn class(error: &Error) -> ErrorClass {
    match error.class {
        Class::Retry { .. } => ErrorClass::Retry,
        Class::DeadLetter => ErrorClass::DeadLetter,
        Class::StopLane => ErrorClass::StopLane,
    }
}

impl Observer for Observe {
    fn endpoint_health(&self, chain: &ChainId, endpoint: &str, health: &'static str) {
        let state = match health {
            "healthy" => EndpointState::Healthy,
            "lagging" => EndpointState::Lagging,
            "stalled" => EndpointState::Stalled,
            "rate_limited" => EndpointState::Limited,
            "lied" | "wrong_chain" => EndpointState::Lied,
            _ => EndpointState::Down,
        };
        self.endpoint(chain, endpoint, |m| m.state.state(state));
    }

    fn endpoint_head(&self, chain: &ChainId, endpoint: &str, height: u64) {
        self.endpoint(chain, endpoint, |m| m.height.set(height as i64));
    }

    fn endpoint_call(
        &self,
        chain: &ChainId,
        endpoint: &str,
        method: &'static str,
        took: Duration,
        failed: Option<Kind>,
    ) {
        self.endpoint(chain, endpoint, |m| {
            m.call_seconds.observe(took.as_secs_f64());
            m.calls_total.inc(method);
            if let Some(kind) = failed {
                m.errors_total.inc(kind.name());
            }
        });
    }

    fn endpoint_resubscribed(&self, chain: &ChainId, endpoint: &str) {
        self.endpoint(chain, endpoint, |m| m.resubscriptions_total.inc());
    }

    fn endpoint_lied(&self, chain: &ChainId, endpoint: &str) {
        self.endpoint(chain, endpoint, |m| m.lies_total.inc());
    }

    fn signer_state(&self, chain: &ChainId, signer: &str, state: SignerState) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
        self.signer(chain, signer, |m| {
            m.next_nonce.set(state.next_nonce as i64);
            m.pending_transactions.set(state.pending as i64);
            match state.oldest {
                Some(at) => m.oldest_pending_age_seconds.since(now.saturating_sub(at.elapsed().as_secs())),
                None => m.oldest_pending_age_seconds.none(),
            }
        });
    }

    fn signer_balance(&self, chain: &ChainId, signer: &str, wei: U256) {
        self.signer(chain, signer, |m| m.balance_base_units.set(f64::from(wei)));
    }

    fn transaction_resent(&self, chain: &ChainId, signer: &str, replaced: bool) {
        if replaced {
            self.signer(chain, signer, |m| m.replacements_total.inc());
        }
    }

    fn transaction_dropped(&self, chain: &ChainId, signer: &str) {
        self.signer(chain, signer, |m| m.dropped_transactions_total.inc());
    }

    fn transaction_final(&self, chain: &ChainId, signer: &str, spent: Spent) {
        self.signer(chain, signer, |m| {
            if spent.reverted {
                m.reverted_transactions_total.inc();
            } else {
                m.final_transactions_total.inc();
            }
            m.gas_total.inc_by(spent.gas);
            m.fees_base_units_total.inc_by(f64::from(spent.fee));
            m.confirm_seconds.observe(spent.took.as_secs_f64());
        });
    }

    fn transaction_failed(&self, chain: &ChainId, signer: &str, kind: Kind) {
        self.signer(chain, signer, |m| m.failures_total.inc(kind.name()));
    }
}

/// What an entry says, as a label.
fn kind(body: &Body) -> EntryKind {
    match body {
        Body::Transfer(_) => EntryKind::Transfer,
        Body::Returned(r) if r.reason == Reason::Expired => EntryKind::ReturnedExpired,
        Body::Returned(_) => EntryKind::ReturnedFailed,
        Body::SwapLocked(_) => EntryKind::SwapLocked,
        Body::SwapVoided(_) => EntryKind::SwapVoided,
    }
}
