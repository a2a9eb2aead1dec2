//! What a run ends with: for people as text, for programs as one JSON object.

use super::{
    figures::{Costs, Latency, Quantiles},
    invariants::{Supply, Verdict},
};
use crate::cli::output::Report;
use alloy::primitives::Address;
use serde::Serialize;
use std::{collections::BTreeMap, fmt, path::PathBuf};

/// See the module.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// True if every invariant holds and everything ended as planned.
    pub(super) ok: bool,
    /// How many transfers ended how.
    pub(super) transfers: BTreeMap<&'static str, usize>,
    /// How many swaps were played how.
    pub(super) swaps: BTreeMap<&'static str, usize>,
    /// From the last party's lock to the release of both legs, seconds.
    pub(super) swap_seconds: Quantiles,
    /// From the command to the last credit, seconds.
    pub(super) seconds_total: f64,
    /// Of these, from the first lock to the last decision.
    pub(super) seconds_transferring: f64,
    /// Latencies.
    pub(super) latency_seconds: Latency,
    /// Deliveries and gas.
    pub(super) costs: Costs,
    /// Both sides of each ERC-20.
    pub(super) supply: Vec<Supply>,
    /// INV-1, 2, 3 and 4.
    pub(super) invariants: Vec<Verdict>,
    /// Peak memory, bytes: this process (with both chains in it) and each relayer.
    pub(super) memory: BTreeMap<String, u64>,
    /// The sum of these: an upper bound of what all had at one time.
    pub(super) memory_total: u64,
    /// Where everything listens, with `--keep`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) running: Option<Running>,
}

/// Addresses of what goes on running.
#[derive(Debug, Serialize)]
pub(super) struct Running {
    /// Files, journals, logs.
    pub(super) folder: PathBuf,
    /// Chain name → JSON-RPC over HTTP, over WebSocket, and the vault.
    pub(super) chains: BTreeMap<String, (String, String, Address)>,
    /// Organisation → gRPC for peers, metrics, and the configuration to use with `causeway --config`.
    pub(super) relayers: BTreeMap<String, (String, String, PathBuf)>,
}

impl Report for Summary {
    fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn positive(&self) -> bool {
        self.ok
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: usize = self.transfers.values().sum();
        let kinds: Vec<String> = self.transfers.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        writeln!(f, "{total} transfers: {}", kinds.join(", "))?;
        if !self.swaps.is_empty() {
            let total: usize = self.swaps.values().sum();
            let kinds: Vec<String> = self.swaps.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            writeln!(f, "{total} swaps: {}", kinds.join(", "))?;
        }
        writeln!(
            f,
            "{:.1} s in all, {:.1} s from the first lock to the last decision\n",
            self.seconds_total, self.seconds_transferring
        )?;
        writeln!(f, "Latency                              p50        p99")?;
        row(f, "sending a lock > its block", &self.latency_seconds.sent_to_lock)?;
        row(f, "lock > credit", &self.latency_seconds.lock_to_credit)?;
        if self.swap_seconds.count > 0 {
            row(f, "second lock > both legs released", &self.swap_seconds)?;
        }
        if !self.latency_seconds.stages.is_empty() {
            writeln!(f, "  by the relayers' histograms, estimated within their buckets:")?;
        }
        for (stage, quantiles) in &self.latency_seconds.stages {
            row(f, &format!("  {}", stage.get(2..).unwrap_or(stage)), quantiles)?;
        }
        let costs = &self.costs;
        writeln!(f, "\nEntries                          {} in {} deliveries", costs.entries, costs.deliveries)?;
        let (mean, max) = (costs.entries_per_delivery_mean, costs.entries_per_delivery_max);
        writeln!(f, "Entries per delivery             {mean:.1} mean, {max} most")?;
        writeln!(f, "Gas per entry sent               {}", costs.gas_per_entry_sent)?;
        let (mean, largest) = (costs.gas_per_entry_received, costs.gas_per_entry_received_largest);
        writeln!(f, "Gas per entry received           {mean} mean, {largest} in the largest delivery\n")?;
        writeln!(f, "Supply                           held at home   vouchers away")?;
        for supply in &self.supply {
            writeln!(f, "  {:<30} {:>12} {:>15}", supply.asset, supply.held.to_string(), supply.vouchers.to_string())?;
        }
        let mebibytes = |bytes: u64| bytes / (1024 * 1024);
        let parts: Vec<String> =
            self.memory.iter().map(|(name, bytes)| format!("{name} {}", mebibytes(*bytes))).collect();
        writeln!(
            f,
            "\nPeak memory                      {} MiB ({})\n",
            mebibytes(self.memory_total),
            parts.join(", ")
        )?;
        for verdict in &self.invariants {
            let sign = if verdict.holds { "holds" } else { "BROKEN" };
            writeln!(f, "{} {sign:<6} {}", verdict.id, verdict.claim)?;
            for violation in verdict.violations.iter().take(20) {
                writeln!(f, "    {violation}")?;
            }
        }
        if let Some(running) = &self.running {
            writeln!(f, "\nStill running, until Ctrl-C. Files: {}", running.folder.display())?;
            for (name, (http, ws, vault)) in &running.chains {
                writeln!(f, "  chain {name:<10} {http}  {ws}  vault {vault}")?;
            }
            for (name, (grpc, metrics, config)) in &running.relayers {
                writeln!(f, "  relayer {name:<8} gRPC {grpc}  metrics http://{metrics}/metrics")?;
                writeln!(f, "                   causeway --config {} status", config.display())?;
            }
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, quantiles: &Quantiles) -> fmt::Result {
    writeln!(f, "  {name:<34} {:>6.3} s   {:>6.3} s", quantiles.p50, quantiles.p99)
}
