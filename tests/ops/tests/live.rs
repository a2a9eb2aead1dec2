//! The demo under load, watched by Prometheus and a trace collector: every panel's query has an answer, every counter's
//! panel rises, every metric that is defined is served, no alert fires on a good day, and each transfer has one trace in
//! which both relayers' spans meet.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use causeway::{metrics::Metrics, telemetry::trace::ENDPOINT_VARIABLE};
use causeway_ops::{
    collector::Collector, files::alerts, panels, prometheus::Prometheus, promql::selectors, tools::find,
};
use std::{
    collections::{BTreeSet, HashMap},
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Enough to be at work for half a minute.
const TRANSFERS: &str = "400";
/// The whole demo, in the tests' profile on a busy machine.
const DEADLINE: Duration = Duration::from_secs(240);

/// Metrics that a good day does not show: they begin with the first trouble of their name.
const ON_BAD_DAYS: &[&str] = &[
    "causeway_lane_error_kinds_total",
    "causeway_lane_peer_rejections_total",
    "causeway_endpoint_errors_total",
    "causeway_signer_failures_total",
    "causeway_peer_violations_total",
    "causeway_listener_refused_total",
];

/// The demo's process; killed when dropped.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill(); // its relayers watch it and end with it
        let _ = self.0.wait();
    }
}

impl Demo {
    fn start(folder: &Path, collector: SocketAddr) -> Self {
        let program = env!("CARGO_BIN_EXE_causeway-under-test");
        let child = Command::new(program)
            .args(["demo", "--output", "json", "--transfers", TRANSFERS])
            .env("TMPDIR", folder)
            .env(ENDPOINT_VARIABLE, format!("http://{collector}"))
            .stdin(Stdio::null())
            .stdout(fs::File::create(folder.join("demo.json")).unwrap())
            .stderr(fs::File::create(folder.join("demo.log")).unwrap())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// The relayers' metrics listeners, once they answer: their configurations say where they are.
    fn listeners(&mut self, folder: &Path) -> Vec<SocketAddr> {
        let started = Instant::now();
        loop {
            let found: Vec<_> = configurations(folder).iter().filter_map(|text| listener(text)).collect();
            if found.len() >= 2 && found.iter().all(|at| TcpStream::connect(at).is_ok()) {
                return found;
            }
            self.must_run(folder, started);
            std::thread::sleep(Duration::from_millis(100)); // files appear without a sign
        }
    }

    fn must_run(&mut self, folder: &Path, started: Instant) {
        let log = || fs::read_to_string(folder.join("demo.log")).unwrap_or_default();
        assert!(self.0.try_wait().unwrap().is_none(), "the demo ended early:\n{}", log());
        assert!(started.elapsed() < DEADLINE, "the demo takes too long:\n{}", log());
    }

    fn end(&mut self, folder: &Path) {
        let started = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            self.must_run(folder, started);
            std::thread::sleep(Duration::from_millis(100)); // no event to wait for with a deadline in std
        }
        let status = self.0.wait().unwrap();
        let log = fs::read_to_string(folder.join("demo.log")).unwrap_or_default();
        assert!(status.success(), "the demo failed:\n{log}");
    }
}

/// Every TOML file two folders below.
fn configurations(folder: &Path) -> Vec<String> {
    let list = |folder: &Path| -> Vec<_> {
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    let demo = list(folder).into_iter().filter(|p| p.is_dir());
    let inner = demo.flat_map(|d| list(&d)).filter(|p| p.is_dir()).flat_map(|d| list(&d));
    let toml = inner.filter(|p| p.extension().is_some_and(|e| e == "toml"));
    toml.filter_map(|p| fs::read_to_string(p).ok()).collect()
}

fn listener(config: &str) -> Option<SocketAddr> {
    let (_, section) = config.split_once("[metrics]")?;
    let line = section.lines().find_map(|l| l.trim().strip_prefix("listen = "))?;
    line.trim_matches('"').parse().ok()
}

#[test]
fn a_bridge_at_work_shows_in_every_panel_and_trace() {
    let Some(prometheus) = find("prometheus") else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (collector, at) = runtime.block_on(Collector::start()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(folder.path(), at);
    let targets = demo.listeners(folder.path());
    let watch = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::start(&prometheus, watch.path(), &targets).unwrap();
    prometheus.scraped().unwrap();
    let started = Instant::now();
    demo.end(folder.path());
    let seconds = started.elapsed().as_secs().max(10);
    let end = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();

    let bridges = prometheus.label_values("bridge").unwrap();
    assert_eq!(bridges.len(), 1, "{bridges:?}");
    let mut problems = panels::problems(&prometheus, &bridges[0], end, seconds).unwrap();
    every_metric_is_served(&prometheus, end, seconds, &mut problems);
    no_alert_fires(&prometheus, end, seconds, &mut problems);
    traces_meet(&collector, &mut problems);
    assert!(problems.is_empty(), "{} problems: {problems:#?}", problems.len());
}

/// One trace per entry: spans of both organisations, and one root that all hang on.
fn traces_meet(collector: &Collector, problems: &mut Vec<String>) {
    let spans = collector.spans();
    let mut traces: HashMap<Vec<u8>, Trace> = HashMap::new();
    for (organisation, span) in spans.iter().flat_map(|(o, spans)| spans.iter().map(move |s| (o, s))) {
        let trace = traces.entry(span.trace_id.clone()).or_default();
        trace.organisations.insert(organisation.clone());
        trace.stages.insert(span.name.clone());
        if span.parent_span_id.is_empty() && span.trace_id.len() == 16 && span.links.is_empty() {
            trace.roots.push(span.span_id.clone());
        }
        trace.parents.extend(Some(span.parent_span_id.clone()).filter(|p| !p.is_empty()));
    }
    let entries: Vec<&Trace> = traces.values().filter(|t| !t.parents.is_empty()).collect();
    let transfers: usize = TRANSFERS.parse().unwrap();
    if entries.len() < transfers {
        problems.push(format!("{} traces of entries for {transfers} transfers", entries.len()));
    }
    for trace in entries {
        let met = trace.organisations.len() == 2;
        let one_root = trace.roots.len() == 1 && trace.parents.iter().all(|p| *p == trace.roots[0]);
        if !met || !one_root {
            problems.push(format!("a trace that does not meet: {trace:?}"));
            return;
        }
    }
}

#[derive(Debug, Default)]
struct Trace {
    organisations: BTreeSet<String>,
    stages: BTreeSet<String>,
    roots: Vec<Vec<u8>>,
    parents: Vec<Vec<u8>>,
}

/// What is defined and never served would be a lie of the reference page; what an alert reads and nobody sets, worse.
fn every_metric_is_served(prometheus: &Prometheus, end: u64, seconds: u64, problems: &mut Vec<String>) {
    for definition in Metrics::definitions().filter(|d| !ON_BAD_DAYS.contains(&d.name)) {
        let name = match definition.kind {
            "histogram" => format!("{}_count", definition.name),
            _ => definition.name.to_owned(),
        };
        let series = prometheus.range(&name, end, seconds).unwrap();
        if series.iter().flatten().all(|v| v.is_nan()) {
            problems.push(format!("{name} is defined, but no relayer serves it"));
        }
    }
    for alert in alerts().unwrap() {
        for selector in selectors(&alert.expr, &["causeway_", "process_"]) {
            let quiet = ON_BAD_DAYS.contains(&selector.metric.as_str());
            if !quiet && prometheus.range(&selector.metric, end, seconds).unwrap().is_empty() {
                problems.push(format!("{} reads {}, which no relayer serves", alert.name, selector.metric));
            }
        }
    }
}

fn no_alert_fires(prometheus: &Prometheus, end: u64, seconds: u64, problems: &mut Vec<String>) {
    for (name, health, error) in prometheus.rules().unwrap() {
        if health != "ok" {
            problems.push(format!("{name}: {health}: {error}"));
        }
    }
    for alert in alerts().unwrap() {
        let firing = format!("ALERTS{{alertname=\"{}\",alertstate=\"firing\"}}", alert.name);
        if !prometheus.range(&firing, end, seconds).unwrap().is_empty() {
            problems.push(format!("{} fires on a good day", alert.name));
        }
    }
}
