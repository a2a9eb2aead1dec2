//! The definitions hold together: names, units, bounds on series, the reference page.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{
    Metrics,
    group::MAX_LABEL_SETS,
    labels::{EndpointState, EntryStage, Holder},
    reference,
};
use std::{
    collections::HashSet,
    time::{SystemTime, UNIX_EPOCH},
};

fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|l| l.starts_with(series)).unwrap_or_else(|| panic!("no {series} in:\n{text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn names_are_unique_and_end_in_their_unit() {
    let mut seen = HashSet::new();
    for d in Metrics::definitions() {
        assert!(seen.insert(d.name), "{} twice", d.name);
        assert!(d.help.len() > 15 && d.help.contains(['.', ';']), "{}: {:?}", d.name, d.help);
        assert_eq!(d.kind == "counter", d.name.ends_with("_total"), "{} is a {}", d.name, d.kind);
        if d.kind == "histogram" {
            assert!(["_seconds", "_entries", "_bytes"].iter().any(|u| d.name.ends_with(u)), "{} has no unit", d.name);
        }
        for word in ["address", "url", "amount", "sender", "recipient", "tx"] {
            assert!(!d.labels.contains(&word) && d.extra != Some(word), "{} is labelled by {word}", d.name);
        }
    }
    assert!(seen.len() > 60);
}

#[test]
fn the_reference_page_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    if std::env::var_os("CAUSEWAY_WRITE_REFERENCE").is_some() {
        std::fs::write(path, reference::page()).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap();
    assert!(written == reference::page(), "{path} is stale: run this test with CAUSEWAY_WRITE_REFERENCE=1");
}

#[test]
fn handles_count_into_one_series() {
    let m = Metrics::new().unwrap();
    let lane = m.lanes.of("demo", "0a1b2c3d").unwrap();
    lane.retries_total.inc();
    m.lanes.of("demo", "0a1b2c3d").unwrap().retries_total.inc();
    lane.stage_seconds.at(EntryStage::Proved).observe(0.03);
    lane.error_kinds_total.inc("stalled");
    lane.error_kinds_total.inc("stalled");
    m.endpoints.of("left", "node-1").unwrap().state.state(EndpointState::Stalled);
    let text = m.render().unwrap();
    assert_eq!(value(&text, r#"causeway_lane_retries_total{bridge="demo",lane="0a1b2c3d"}"#), 2.0);
    assert_eq!(value(&text, r#"causeway_lane_error_kinds_total{bridge="demo",kind="stalled",lane="0a1b2c3d"}"#), 2.0);
    let bucket = r#"causeway_lane_stage_seconds_bucket{bridge="demo",lane="0a1b2c3d",stage="proved",le="0.05"}"#;
    assert_eq!(value(&text, bucket), 1.0);
    let state = |s: &str| format!(r#"causeway_endpoint_state{{chain="left",endpoint="node-1",state="{s}"}}"#);
    assert_eq!((value(&text, &state("stalled")), value(&text, &state("healthy"))), (1.0, 0.0));
    assert!(text.contains("process_resident_memory_bytes"), "the process' own figures");
    assert!(text.contains("# HELP causeway_lane_retries_total Attempts of a stage after a retryable error."));
}

#[test]
fn ages_and_expiries_run_by_themselves() {
    let m = Metrics::new().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let lane = m.lanes.of("b", "l").unwrap();
    let client = m.clients.of("b", "l").unwrap();
    lane.oldest_pending_age_seconds.since(now - 100);
    // The chain's clock stands far from ours: only its own difference counts (ATK-080).
    client.seconds_to_expiry.at(Holder::Relayer).at(5_000, 4_000);
    let text = m.render().unwrap();
    let age = value(&text, "causeway_lane_oldest_pending_age_seconds");
    assert!((100.0..105.0).contains(&age), "{age}");
    let left = value(&text, r#"causeway_client_seconds_to_expiry{bridge="b",holder="relayer""#);
    assert!((995.0..=1000.0).contains(&left), "{left}");
    assert!(value(&text, r#"causeway_client_seconds_to_expiry{bridge="b",holder="contract""#).is_nan());
    lane.oldest_pending_age_seconds.none();
    assert_eq!(value(&m.render().unwrap(), "causeway_lane_oldest_pending_age_seconds"), 0.0);
}

#[test]
fn atk_101_series_are_bounded_whatever_the_labels() {
    let m = Metrics::new().unwrap();
    for i in 0..MAX_LABEL_SETS + 500 {
        m.assets.of("b", &format!("asset-{i}")).unwrap().escrow_base_units.set(1.0);
    }
    let lane = m.lanes.of("b", "l").unwrap();
    let names: Vec<&'static str> = (0..200).map(|i| &*format!("kind{i}").leak()).collect();
    for name in &names {
        lane.error_kinds_total.inc(name);
    }
    let text = m.render().unwrap();
    let count = |prefix: &str| text.lines().filter(|l| l.starts_with(prefix)).count();
    assert_eq!(count("causeway_asset_escrow_base_units{"), MAX_LABEL_SETS + 1);
    assert_eq!(count("causeway_lane_error_kinds_total{"), 65);
    assert_eq!(value(&text, r#"causeway_lane_error_kinds_total{bridge="b",kind="other""#), 136.0);
}

#[test]
fn forgotten_labels_end_their_series() {
    let m = Metrics::new().unwrap();
    let lane = m.lanes.of("b", "gone").unwrap();
    lane.error_kinds_total.inc("stalled");
    lane.stage_seconds.at(EntryStage::Final).observe(1.0);
    drop(lane);
    m.lanes.forget("b", "gone");
    let text = m.render().unwrap();
    assert!(!text.contains("gone"), "{text}");
}

/// An idle lane must stay cheap: 1,000 of them are scraped every few seconds.
#[test]
fn an_idle_lane_costs_few_series() {
    let m = Metrics::new().unwrap();
    m.lanes.of("b", "l").unwrap();
    m.clients.of("b", "l").unwrap();
    let series = m.render().unwrap().lines().filter(|l| l.contains(r#"lane="l""#)).count();
    assert!(series <= 50, "{series} series");
}

/// ATK-085: a task that ends, by itself or by a panic, is shown.
#[tokio::test]
async fn atk_085_a_task_that_ended_is_down() {
    let metrics = std::sync::Arc::new(Metrics::new().unwrap());
    let up = r#"causeway_task_up{scope="left",task="watch"}"#;
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let (started, running) = tokio::sync::oneshot::channel::<()>();
    let shown = metrics.clone();
    let task = tokio::spawn(async move {
        let _up = super::process::TaskUp::new(&shown, "watch", "left");
        let _ = started.send(());
        let _ = wait.await;
        panic!("a task dies");
    });
    running.await.unwrap();
    assert_eq!(value(&metrics.render().unwrap(), up), 1.0);
    go.send(()).unwrap();
    task.await.unwrap_err();
    assert_eq!(value(&metrics.render().unwrap(), up), 0.0);
}
