//! The dashboards against the definitions alone: real Prometheus scrapes the real listener, on which every metric moves.
//! That a relayer moves them is for the test of the demo under load; here a query with a wrong label, function or type
//! is found in seconds.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use causeway::{
    api::{
        health::{Check, Health},
        probes,
    },
    metrics::{
        Metrics,
        labels::{Direction, Ending, EndpointState, EntryKind, EntryStage, ErrorClass, Holder, SwapEnd},
    },
};
use causeway_ops::{panels, prometheus::Prometheus, tools::find};
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{net::TcpListener, sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

/// Scrapes are a second apart, rates look back 10 seconds.
const SECONDS: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_shows_metrics_that_move() {
    let Some(program) = find("prometheus") else { return };
    let metrics = Arc::new(Metrics::new().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let store = Check { name: "store".into(), ok: true, detail: "".into() };
    let (_health, shown) = watch::channel(Health { live: true, checks: vec![store] });
    let stop = CancellationToken::new();
    let serving = tokio::spawn(probes::serve(listener, metrics.clone(), shown, stop.clone()));
    move_all(&metrics);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let start = move || {
        let prometheus = Prometheus::start(&program, &path, &[at])?;
        prometheus.scraped().map(|()| prometheus)
    };
    let prometheus = tokio::task::spawn_blocking(start).await.unwrap().unwrap();
    let started = Instant::now();
    while started.elapsed() < SECONDS {
        move_all(&metrics);
        sleep(Duration::from_millis(250)).await;
    }
    sleep(Duration::from_secs(2)).await; // a scrape after the last of it
    let seconds = started.elapsed().as_secs();
    let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let ask = move || (panels::problems(&prometheus, "demo", end, seconds).unwrap(), prometheus.rules().unwrap());
    let (problems, rules) = tokio::task::spawn_blocking(ask).await.unwrap();
    assert!(problems.is_empty(), "{problems:#?}");
    let unhealthy: Vec<_> = rules.iter().filter(|(_, health, _)| health != "ok").collect();
    assert!(unhealthy.is_empty() && rules.len() > 15, "{unhealthy:#?} of {} rules", rules.len());
    stop.cancel();
    serving.await.unwrap();
}

/// One turn of everything.
fn move_all(m: &Metrics) {
    let lane = m.lanes.of("demo", "0a1b2c3d").unwrap();
    for stage in EntryStage::ALL {
        lane.pending_entries.at(*stage).set(3);
        lane.stage_entries_total.at(*stage).inc();
        lane.stage_seconds.at(*stage).observe(0.3);
    }
    EntryKind::ALL.iter().for_each(|kind| lane.observed_entries_total.at(*kind).inc());
    Ending::ALL.iter().for_each(|ending| lane.delivered_entries_total.at(*ending).inc());
    ErrorClass::ALL.iter().for_each(|class| lane.errors_total.at(*class).inc());
    lane.delivery_seconds.observe(2.0);
    lane.batch_entries.observe(50.0);
    lane.bundle_bytes.observe(9_000.0);
    lane.outbox_entries.inc();
    lane.delivery_gas_total.inc_by(600_000);
    lane.delivery_entries_total.inc_by(50);
    lane.error_kinds_total.inc("stalled");
    lane.retries_total.inc();
    lane.restarts_total.inc();
    let client = m.clients.of("demo", "0a1b2c3d").unwrap();
    for holder in Holder::ALL {
        client.height.at(*holder).inc();
        client.seconds_to_expiry.at(*holder).at(900_000, 100);
        client.updates_total.at(*holder).inc();
    }
    client.verify_seconds.observe(0.001);
    let asset = m.assets.of("demo", "TOK").unwrap();
    asset.escrow_base_units.set(5e18);
    asset.outstanding_base_units.set(5e18);
    let swaps = m.swaps.of("demo").unwrap();
    swaps.open_swaps.set(2);
    SwapEnd::ALL.iter().for_each(|end| swaps.ended_swaps.at(*end).inc());
    swaps.overdue_legs.set(1);
    swaps.voided_legs_total.inc();
    move_nodes(m);
    m.tasks.of("watch", "left").unwrap().up.set(1);
    m.process.lanes.set(2);
    m.process.journal_commit_seconds.observe(0.002);
    m.process.journal_bytes.set(1 << 20);
}

fn move_nodes(m: &Metrics) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let chain = m.chains.of("left").unwrap();
    chain.final_height.inc();
    chain.final_age_seconds.since(now);
    chain.scanned_height.inc();
    let endpoint = m.endpoints.of("left", "node-1").unwrap();
    endpoint.state.state(EndpointState::Healthy);
    endpoint.height.inc();
    endpoint.call_seconds.observe(0.003);
    endpoint.calls_total.inc("eth_getProof");
    let signer = m.signers.of("left", "operator").unwrap();
    signer.balance_base_units.set(1e18);
    signer.pending_transactions.set(1);
    signer.final_transactions_total.inc();
    signer.gas_total.inc_by(600_000);
    signer.fees_base_units_total.inc_by(1e12);
    signer.confirm_seconds.observe(1.2);
    let peer = m.peers.of("org-b").unwrap();
    peer.connected.set(1);
    peer.credits.set(16);
    peer.received_seconds.observe(0.004);
    for direction in Direction::ALL {
        peer.frames_total.at(*direction).inc();
        peer.frame_bytes_total.at(*direction).inc_by(9_000);
    }
    m.certificates.of("own").unwrap().seconds_to_expiry.at(now + 9_000_000, now);
}
