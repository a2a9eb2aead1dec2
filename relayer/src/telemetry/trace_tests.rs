//! A real collector receives the spans of two relayers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::trace::{Step, Traced, Traces};
use alloy::primitives::{B256, keccak256};
use causeway_core::LaneId;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};
use tonic::{Request, Response, Status};

/// Spans by the organisation that sent them.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<HashMap<String, Vec<Span>>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for batch in request.into_inner().resource_spans {
            let attributes = batch.resource.unwrap().attributes;
            let organisation = attributes.iter().find(|a| a.key == "causeway.organisation").unwrap();
            let name = format!("{:?}", organisation.value);
            let name = if name.contains("org-a") { "a" } else { "b" };
            let spans = batch.scope_spans.into_iter().flat_map(|s| s.spans);
            self.0.lock().unwrap().entry(name.to_owned()).or_default().extend(spans);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn collector() -> (Collector, String) {
    let collector = Collector::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let service = TraceServiceServer::new(collector.clone());
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
    (collector, endpoint)
}

fn entry(index: u64) -> Traced {
    Traced { commitment: keccak256(index.to_be_bytes()), lane: LaneId(B256::repeat_byte(7)), index }
}

fn step(name: &'static str) -> Step<'static> {
    let ended = SystemTime::now();
    Step { name, started: ended - Duration::from_millis(20), ended, error: None }
}

async fn flush(traces: &Traces) {
    let traces = traces.clone();
    tokio::task::spawn_blocking(move || traces.shutdown()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn both_relayers_spans_of_a_transfer_share_one_trace() {
    let (collector, endpoint) = collector().await;
    let a = Traces::otlp(&endpoint, 1.0, "org-a").unwrap();
    let b = Traces::otlp(&endpoint, 1.0, "org-b").unwrap();
    for entry in [entry(1), entry(2)] {
        a.step(&entry, step("proved"), &[]);
        b.step(&entry, Step { error: Some("stalled"), ..step("submitted") }, &[]);
        a.root(&entry, step("transfer"), &[]);
    }
    a.batch([entry(1), entry(2)], step("bundle"), &[]);
    flush(&a).await;
    flush(&b).await;

    let seen = collector.0.lock().unwrap();
    for entry in [entry(1), entry(2)] {
        let trace = entry.trace_id().to_bytes().to_vec();
        assert_eq!(trace, entry.commitment[..16]);
        let of = |org: &str| -> Vec<&Span> { seen[org].iter().filter(|s| s.trace_id == trace).collect() };
        let (of_a, of_b) = (of("a"), of("b"));
        assert_eq!(of_a.iter().map(|s| s.name.as_str()).collect::<HashSet<_>>(), HashSet::from(["proved", "transfer"]));
        assert_eq!(of_b.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["submitted"]);
        // One tree: the root is a real span, and every other span hangs on it.
        let root = of_a.iter().find(|s| s.name == "transfer").unwrap();
        assert!(root.parent_span_id.is_empty() && root.span_id == entry.commitment[16..24]);
        for child in of_a.iter().chain(&of_b).filter(|s| s.name != "transfer") {
            assert_eq!(child.parent_span_id, root.span_id);
        }
        assert_eq!(of_b[0].status.as_ref().unwrap().message, "stalled");
        assert!(of_b[0].end_time_unix_nano - of_b[0].start_time_unix_nano >= 19_000_000);
    }
    let bundle = seen["a"].iter().find(|s| s.name == "bundle").unwrap();
    let linked: Vec<_> = bundle.links.iter().map(|l| l.trace_id.clone()).collect();
    assert_eq!(linked, [entry(1).commitment[..16].to_vec(), entry(2).commitment[..16].to_vec()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_relayers_sample_the_same_entries() {
    let (collector, endpoint) = collector().await;
    let a = Traces::otlp(&endpoint, 0.25, "org-a").unwrap();
    let b = Traces::otlp(&endpoint, 0.25, "org-b").unwrap();
    for i in 0..400 {
        a.step(&entry(i), step("proved"), &[]);
        b.step(&entry(i), step("submitted"), &[]);
    }
    flush(&a).await;
    flush(&b).await;
    let seen = collector.0.lock().unwrap();
    let ids = |org: &str| seen[org].iter().map(|s| s.trace_id.clone()).collect::<HashSet<_>>();
    assert_eq!(ids("a"), ids("b"));
    assert!((60..140).contains(&ids("a").len()), "{} of 400 at 0.25", ids("a").len());
}

#[tokio::test]
async fn without_a_collector_nothing_is_made_and_nothing_breaks() {
    let off = Traces::default();
    assert!(!off.sampled(&entry(1).commitment));
    off.step(&entry(1), step("proved"), &[]);
    off.shutdown();
    let canary = "http://user:canary@[not an endpoint";
    let error = Traces::otlp(canary, 1.0, "org-a").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"), "atk_103: {error:?}");
}
