//! Figures of a run: how long, how many together, how much gas. All from blocks and receipts that the demo read itself,
//! except the split by stage, which only the relayers can know.

use super::{
    failed,
    ledger::{Place, Seen},
    network::Network,
    transfers::Transfer,
};
use crate::cli::exit::CliError;
use alloy::{primitives::B256, providers::Provider};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

/// Receipts asked for at once.
const PARALLEL_RECEIPTS: usize = 16;

/// Two quantiles of some durations, in seconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Quantiles {
    /// How many were measured.
    pub(super) count: usize,
    /// Half took no longer.
    pub(super) p50: f64,
    /// 99 of 100 took no longer.
    pub(super) p99: f64,
}

impl Quantiles {
    /// Of `durations`, by the nearest rank.
    pub(super) fn of(mut durations: Vec<f64>) -> Self {
        durations.sort_by(f64::total_cmp);
        let rank = |share: f64| {
            let at = (share * durations.len() as f64).ceil() as usize;
            durations.get(at.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { count: durations.len(), p50: rank(0.5), p99: rank(0.99) }
    }
}

/// What the summary says of the quantiles by stage; the benchmarks take theirs from spans.
pub(super) const STAGES_ARE: &str = "estimated within the buckets of the relayers' histograms";

/// Latencies of transfers.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Latency {
    /// From the lock's block to the credit's (or the return's decision), as a watching user sees both.
    pub(super) lock_to_credit: Quantiles,
    /// From sending the lock to its block: the chain's own.
    pub(super) sent_to_lock: Quantiles,
    /// The relayers' own measurements, by stage, in the order of the way: see `stages_are`.
    pub(super) stages: BTreeMap<String, Quantiles>,
    /// How exact these are.
    pub(super) stages_are: &'static str,
}

/// Deliveries and what they cost.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Costs {
    /// Entries written into both outboxes.
    pub(super) entries: usize,
    /// Deliveries.
    pub(super) deliveries: usize,
    /// Entries per delivery: mean.
    pub(super) entries_per_delivery_mean: f64,
    /// And most.
    pub(super) entries_per_delivery_max: u32,
    /// Gas that users paid for one lock, mean.
    pub(super) gas_per_entry_sent: u64,
    /// Gas that relayers paid for one entry, mean over all deliveries.
    pub(super) gas_per_entry_received: u64,
    /// The same in the largest delivery.
    pub(super) gas_per_entry_received_largest: u64,
}

/// How long transfers took, but for those that were kept waiting on purpose.
pub(super) fn latency(seen: &Seen, transfers: &[(Transfer, Place)]) -> (Quantiles, Quantiles) {
    let seconds = |duration: Duration| duration.as_secs_f64();
    let ordinary = transfers.iter().filter(|(transfer, _)| !transfer.purpose.comes_back());
    let measured = ordinary.filter_map(|(transfer, place)| {
        let [written, decided] = [seen.written.get(place)?.seen, seen.decided.get(place)?.seen];
        let lock = seconds(written.saturating_duration_since(transfer.sent));
        Some((seconds(decided.saturating_duration_since(written)), lock))
    });
    let (credit, lock): (Vec<f64>, Vec<f64>) = measured.unzip();
    (Quantiles::of(credit), Quantiles::of(lock))
}

/// Gas and batch sizes, from receipts.
pub(super) async fn costs(
    seen: &Seen,
    transfers: &[(Transfer, Place)],
    chains: [&Network; 2],
    lanes: [causeway_core::LaneId; 2],
) -> Result<Costs, CliError> {
    let source = |place: &Place| usize::from(place.0 != lanes[0]);
    let locks = transfers.iter().map(|(transfer, place)| (source(place), transfer.tx));
    let lock_gas = gas_of(chains, locks.collect()).await?;
    // A delivery runs on the chain where its lane ends.
    let deliveries: Vec<(usize, B256)> = seen.batches.iter().map(|b| (usize::from(b.lane == lanes[0]), b.tx)).collect();
    let delivery_gas = gas_of(chains, deliveries).await?;
    let entries: u64 = seen.batches.iter().map(|batch| u64::from(batch.entries)).sum();
    let gas = |tx: &B256| delivery_gas.get(tx).copied().unwrap_or_default();
    let largest = seen.batches.iter().max_by_key(|batch| batch.entries);
    let mean = |total: u64, count: u64| total.checked_div(count).unwrap_or_default();
    Ok(Costs {
        entries: seen.written.len(),
        deliveries: seen.batches.len(),
        entries_per_delivery_mean: entries as f64 / (seen.batches.len().max(1)) as f64,
        entries_per_delivery_max: largest.map_or(0, |batch| batch.entries),
        gas_per_entry_sent: mean(lock_gas.values().sum(), lock_gas.len() as u64),
        gas_per_entry_received: mean(seen.batches.iter().map(|batch| gas(&batch.tx)).sum(), entries),
        gas_per_entry_received_largest: largest.map_or(0, |batch| mean(gas(&batch.tx), u64::from(batch.entries))),
    })
}

async fn gas_of(chains: [&Network; 2], transactions: Vec<(usize, B256)>) -> Result<HashMap<B256, u64>, CliError> {
    let receipts = stream::iter(transactions).map(|(chain, tx)| async move {
        let network = chains[chain.min(1)];
        let receipt = network.provider.get_transaction_receipt(tx).await.map_err(|error| failed("a receipt", error))?;
        Ok::<_, CliError>((tx, receipt.map_or(0, |receipt| receipt.gas_used)))
    });
    receipts.buffer_unordered(PARALLEL_RECEIPTS).try_collect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let hundred = Quantiles::of((1..=100).rev().map(f64::from).collect());
        assert_eq!((hundred.count, hundred.p50, hundred.p99), (100, 50.0, 99.0));
        let one = Quantiles::of(vec![3.0]);
        assert_eq!((one.p50, one.p99), (3.0, 3.0));
        assert_eq!(Quantiles::of(Vec::new()).count, 0);
    }
}
