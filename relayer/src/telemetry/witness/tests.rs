//! Two relayers' stages tell their steps: the figures add up, and a real collector sees one trace per transfer.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{TaskUp, Witnesses, lane::LaneWitness, nodes::Nodes};
use crate::{
    chains::observe::{Observer, Spent},
    lane::{
        book::{Book, Standing},
        confirm::Closed,
        error::{Error, Kind},
        refresh::Expiry,
        run::{Retries, State},
        send::Sent,
        submit::Submitted,
        types::{Bundle, ChainId, EventAt},
    },
    metrics::Metrics,
    telemetry::{
        trace::Traces,
        trace_tests::{collector, flush},
    },
};
use alloy::primitives::{B256, U256};
use bytes::Bytes;
use causeway_core::{Body, Entry, LaneId, Reason, Returned, Transfer};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

fn entry(index: u64) -> Entry {
    let word = B256::with_last_byte(9);
    let body = if index == 3 {
        Body::Returned(Returned { index: 1, commitment: word, reason: Reason::Failed })
    } else {
        let amount = U256::from(5);
        Body::Transfer(Transfer { asset: word, amount, sender: word, recipient: word, timeout: 99, memo: B256::ZERO })
    };
    Entry { lane: LaneId(B256::repeat_byte(0xab)), index, body }
}

fn bundle(entries: &[Entry]) -> Bundle {
    Bundle {
        lane: entries[0].lane,
        first: entries[0].index,
        entries: entries.to_vec(),
        source_height: 7,
        update: Bytes::new(),
        state_proof: Bytes::new(),
        runs: vec![],
    }
}

struct Relayer {
    metrics: Arc<Metrics>,
    traces: Traces,
    book: Arc<Book>,
    lane: Arc<LaneWitness>,
}

fn relayer(traces: Traces, serves_source: bool, entries: &[Entry]) -> Relayer {
    let metrics = Arc::new(Metrics::new().unwrap());
    let book = Arc::new(Book::restore(entries[0].lane, &[], vec![], vec![]));
    let lane = Witnesses::new(metrics.clone(), traces.clone()).add_lane("demo", &book, serves_source).unwrap();
    book.append(7, entries).unwrap();
    lane.observed(entries, EventAt { block: 7, tx: B256::ZERO });
    Relayer { metrics, traces, book, lane }
}

fn value(metrics: &Metrics, series: &str) -> f64 {
    let text = metrics.render().unwrap();
    let line = text.lines().find(|l| l.starts_with(series)).unwrap_or_else(|| panic!("no {series} in:\n{text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

const LANE: &str = r#"bridge="demo",lane="abababab""#;

#[tokio::test(flavor = "multi_thread")]
async fn the_stages_of_two_relayers_meet_in_one_trace() {
    let (spans, endpoint) = collector().await;
    let entries: Vec<Entry> = (0..4).map(entry).collect();
    let a = relayer(Traces::otlp(&endpoint, 1.0, "org-a").unwrap(), true, &entries);
    let b = relayer(Traces::otlp(&endpoint, 1.0, "org-b").unwrap(), false, &entries);
    let (range, bundle) = (0..4, bundle(&entries));
    a.lane.proved(&a.book, &range, Duration::from_millis(3));
    a.lane.sent(&a.book, &range, Duration::ZERO);
    b.lane.verified(&b.book, &bundle);
    b.lane.broadcast(&b.book, &bundle);
    b.lane.finalised(&b.book, &bundle, 400_000, U256::ZERO);
    let closed: Vec<_> = entries.iter().map(|e| (*e, Duration::from_secs(2))).collect();
    a.lane.closed(&a.book, &closed);
    b.lane.closed(&b.book, &closed);
    flush(&a.traces).await;
    flush(&b.traces).await;

    let seen = spans.0.lock().unwrap();
    for entry in &entries {
        let trace = entry.commitment()[..16].to_vec();
        let names = |org: &str| -> HashSet<&str> {
            seen[org].iter().filter(|s| s.trace_id == trace).map(|s| s.name.as_str()).collect()
        };
        assert_eq!(names("a"), HashSet::from(["final", "proved", "sent", "delivered", "entry"]));
        assert_eq!(names("b"), HashSet::from(["final", "verified", "submitted", "included", "delivered"]));
    }
    assert_eq!(value(&b.metrics, &format!("causeway_lane_delivery_gas_total{{{LANE}}}")), 400_000.0);
    assert_eq!(value(&b.metrics, &format!("causeway_lane_delivery_entries_total{{{LANE}}}")), 4.0);
    assert_eq!(value(&a.metrics, &format!("causeway_lane_delivered_entries_total{{{LANE}}}")), 4.0);
    assert_eq!(value(&a.metrics, &format!("causeway_lane_batch_entries_sum{{{LANE}}}")), 4.0);
    let transfers = r#"causeway_lane_observed_entries_total{bridge="demo",kind="transfer",lane="abababab"}"#;
    let returned = r#"causeway_lane_observed_entries_total{bridge="demo",kind="returned_failed",lane="abababab"}"#;
    assert_eq!((value(&a.metrics, transfers), value(&a.metrics, returned)), (3.0, 1.0));
}

#[tokio::test]
async fn pending_entries_are_read_from_the_book() {
    let entries: Vec<Entry> = (0..4).map(entry).collect();
    let a = relayer(Traces::default(), true, &entries);
    let pending = |stage: &str| format!(r#"causeway_lane_pending_entries{{{LANE},stage="{stage}"}}"#);
    assert_eq!(value(&a.metrics, &pending("final")), 4.0);
    a.book.stand(0..2, Standing::Sent(Instant::now()));
    a.book.stand(2..3, Standing::Working);
    a.book.stand(3..4, Standing::Dead);
    a.lane.broadcast(&a.book, &bundle(&entries[2..3]));
    let by_stage = ["final", "sent", "verified", "submitted"].map(|s| value(&a.metrics, &pending(s)));
    assert_eq!(by_stage, [0.0, 2.0, 0.0, 1.0]);
    assert_eq!(value(&a.metrics, &format!("causeway_lane_dead_letter_entries{{{LANE}}}")), 1.0);
    assert_eq!(value(&a.metrics, &format!("causeway_lane_outbox_entries{{{LANE}}}")), 4.0);
    // A delivery that failed is no longer broadcast.
    a.lane.failed(&a.book, &(2..3), Kind::Reverted);
    assert_eq!(value(&a.metrics, &pending("submitted")), 0.0);
}

#[tokio::test]
async fn errors_and_states_show() {
    let a = relayer(Traces::default(), true, &[entry(0)]);
    a.lane.retry(entry(0).lane, "send", &Error::retry(Kind::Stalled, ""), Duration::ZERO);
    a.lane.buried(&a.book, &(0..1), Kind::Reverted);
    a.lane.seconds_to_expiry(&a.book, 120, true);
    let class = |class: &str| format!(r#"causeway_lane_errors_total{{bridge="demo",class="{class}",lane="abababab"}}"#);
    assert_eq!((value(&a.metrics, &class("retry")), value(&a.metrics, &class("dead_letter"))), (1.0, 1.0));
    let frozen = r#"causeway_client_frozen{bridge="demo",holder="contract",lane="abababab"}"#;
    assert_eq!(value(&a.metrics, frozen), 1.0);

    let (state, shown) = tokio::sync::watch::channel(State::Running);
    let following = tokio::spawn(a.lane.clone().follow(shown));
    state.send_replace(State::Stopped { kind: Kind::ClientFrozen, detail: String::new() });
    drop(state);
    following.await.unwrap();
    assert_eq!(value(&a.metrics, &format!("causeway_lane_stopped{{{LANE}}}")), 1.0);
    assert_eq!(value(&a.metrics, &class("stop_lane")), 1.0);
}

/// ATK-085: a task that ends, by itself or by a panic, is shown.
#[tokio::test]
async fn atk_085_a_task_that_ended_is_down() {
    let metrics = Arc::new(Metrics::new().unwrap());
    let up = r#"causeway_task_up{scope="left",task="watch"}"#;
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let (started, running) = tokio::sync::oneshot::channel::<()>();
    let shown = metrics.clone();
    let task = tokio::spawn(async move {
        let _up = TaskUp::new(&shown, "watch", "left");
        let _ = started.send(());
        let _ = wait.await;
        panic!("a task dies");
    });
    running.await.unwrap();
    assert_eq!(value(&metrics, up), 1.0);
    go.send(()).unwrap();
    task.await.unwrap_err();
    assert_eq!(value(&metrics, up), 0.0);
}

#[test]
fn nodes_and_signers_are_counted_under_configured_names() {
    let metrics = Arc::new(Metrics::new().unwrap());
    let chain: ChainId = "eip155:1337".into();
    let nodes = Nodes::new(metrics.clone(), HashMap::from([(chain.clone(), "left".to_owned())]));
    nodes.endpoint_health(&chain, "node-1", "stalled");
    nodes.endpoint_call(&chain, "node-1", "eth_getProof", Duration::from_millis(4), Some(Kind::Unavailable));
    let spent = Spent { gas: 21_000, fee: U256::from(42), reverted: false, took: Duration::from_secs(1) };
    nodes.transaction_final(&chain, "operator", spent);
    assert_eq!(value(&metrics, r#"causeway_endpoint_state{chain="left",endpoint="node-1",state="stalled"}"#), 1.0);
    let errors = r#"causeway_endpoint_errors_total{chain="left",endpoint="node-1",kind="unavailable"}"#;
    assert_eq!(value(&metrics, errors), 1.0);
    assert_eq!(value(&metrics, r#"causeway_signer_gas_total{chain="left",signer="operator"}"#), 21_000.0);
    assert_eq!(value(&metrics, r#"causeway_signer_fees_base_units_total{chain="left",signer="operator"}"#), 42.0);
}
