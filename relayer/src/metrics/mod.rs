//! Metrics: definitions only, used by floors 3 to 5. Serving them is `api::probes`' business.
//!
//! A metric is a field of a group ([`lane`], [`chain`], [`peer`], [`process`]) with a doc comment; help text and the
//! reference page come from it ([`reference`]). A user asks for its group's handle once ([`Metrics`]), keeps it, and
//! then counts without a look-up. Labels hold configured names only, never an address, an amount or a URL.
//!
//! ```
//! # use causeway::metrics::{Metrics, labels::EntryStage};
//! # fn main() -> prometheus::Result<()> {
//! let metrics = Metrics::new()?;
//! let lane = metrics.lanes.of("demo", "0a1b2c3d")?;
//! lane.pending_entries.at(EntryStage::Final).set(7);
//! lane.stage_seconds.at(EntryStage::Proved).observe(0.02);
//! # Ok(()) }
//! ```

pub mod chain;
pub mod field;
pub mod group;
pub mod labels;
pub mod lane;
pub mod peer;
pub mod process;
pub mod reference;

use field::Ages;
use group::Definition;
use prometheus::{Registry, Result, TextEncoder};
use std::sync::{
    Mutex, PoisonError, Weak,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// Something whose gauges are read from it at a scrape instead of being kept up to date.
pub trait Refresh: Send + Sync {
    /// Sets the gauges. Must not block.
    fn refresh(&self);
}

/// Every metric of the relayer. One per process, shared by `Arc`.
#[allow(missing_debug_implementations)]
pub struct Metrics {
    registry: Registry,
    ages: Ages,
    refreshers: Mutex<Vec<Weak<dyn Refresh>>>,
    /// Milliseconds of runtime already counted as busy.
    busy_ms: AtomicU64,
    /// Lanes.
    pub lanes: lane::LaneFamilies,
    /// Light clients of lanes.
    pub clients: lane::ClientFamilies,
    /// Assets of bridges.
    pub assets: lane::AssetFamilies,
    /// Swaps of bridges.
    pub swaps: lane::SwapFamilies,
    /// Chains.
    pub chains: chain::ChainFamilies,
    /// Endpoints of chains.
    pub endpoints: chain::EndpointFamilies,
    /// Signers.
    pub signers: chain::SignerFamilies,
    /// Peers.
    pub peers: peer::PeerFamilies,
    /// Listeners.
    pub listeners: peer::ListenerFamilies,
    /// Certificates.
    pub certificates: peer::CertificateFamilies,
    /// Tasks.
    pub tasks: process::TaskFamilies,
    /// The process.
    pub process: process::ProcessMetrics,
}

impl Metrics {
    /// Makes and registers every family. Errs only if two metrics have one name: a mistake in the definitions.
    pub fn new() -> Result<Self> {
        let (registry, ages) = (Registry::new(), Ages::default());
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        process::BuildFamilies::register(&registry, &ages)?.of(env!("CARGO_PKG_VERSION"))?.info.set(1);
        Ok(Self {
            lanes: lane::LaneFamilies::register(&registry, &ages)?,
            clients: lane::ClientFamilies::register(&registry, &ages)?,
            assets: lane::AssetFamilies::register(&registry, &ages)?,
            swaps: lane::SwapFamilies::register(&registry, &ages)?,
            chains: chain::ChainFamilies::register(&registry, &ages)?,
            endpoints: chain::EndpointFamilies::register(&registry, &ages)?,
            signers: chain::SignerFamilies::register(&registry, &ages)?,
            peers: peer::PeerFamilies::register(&registry, &ages)?,
            listeners: peer::ListenerFamilies::register(&registry, &ages)?,
            certificates: peer::CertificateFamilies::register(&registry, &ages)?,
            tasks: process::TaskFamilies::register(&registry, &ages)?,
            process: process::ProcessFamilies::register(&registry, &ages)?.of()?,
            refreshers: Mutex::default(),
            busy_ms: AtomicU64::new(0),
            registry,
            ages,
        })
    }

    /// Asks `refresh` to bring its gauges up to date at every scrape, as long as it lives.
    pub fn refresh_by(&self, refresh: Weak<dyn Refresh>) {
        self.refreshers.lock().unwrap_or_else(PoisonError::into_inner).push(refresh);
    }

    /// Prometheus' text format, everything counted up to now.
    pub fn render(&self) -> Result<String> {
        let mut alive = Vec::new();
        self.refreshers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|r| r.upgrade().map(|r| alive.push(r)).is_some());
        for refresh in alive {
            refresh.refresh();
        }
        self.ages.refresh();
        self.count_runtime();
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    /// Figures of the runtime that calls this, if one does.
    fn count_runtime(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (seen, process) = (runtime.metrics(), &self.process);
        let whole = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        process.runtime_workers.set(whole(seen.num_workers()));
        process.runtime_alive_tasks.set(whole(seen.num_alive_tasks()));
        process.runtime_queued_tasks.set(whole(seen.global_queue_depth()));
        let busy: u128 = (0..seen.num_workers()).map(|w| seen.worker_total_busy_duration(w).as_millis()).sum();
        let busy = u64::try_from(busy).unwrap_or(u64::MAX);
        let more = busy.saturating_sub(self.busy_ms.fetch_max(busy, Relaxed));
        process.runtime_busy_seconds_total.inc_by(more as f64 / 1000.0);
    }

    /// Every definition, group by group.
    pub fn definitions() -> impl Iterator<Item = &'static Definition> {
        reference::GROUPS.iter().flat_map(|(_, definitions)| definitions.iter())
    }
}

#[cfg(test)]
mod tests;
