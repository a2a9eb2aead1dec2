//! Prometheus' own tool reads the configuration and the alerts, and runs their tests.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use causeway_ops::{
    files::root,
    tools::{find, run},
};
use std::process::Command;

fn promtool(arguments: &[&str], last: &str) {
    let Some(promtool) = find("promtool") else { return };
    let mut command = Command::new(promtool);
    command.args(arguments).current_dir(root().join("deploy/prometheus"));
    let (good, text) = run(&mut command).unwrap();
    assert!(good, "promtool {arguments:?}:\n{text}");
    assert!(text.contains(last), "promtool {arguments:?} did not do its work:\n{text}");
}

#[test]
fn the_configuration_is_valid() {
    promtool(&["check", "config", "prometheus.yml"], "SUCCESS");
}

#[test]
fn the_rules_are_valid() {
    promtool(&["check", "rules", "alerts.yml"], "rules found");
}

#[test]
fn every_alert_fires_on_its_trouble_and_only_then() {
    promtool(&["test", "rules", "alerts_test.yml"], "SUCCESS");
}

/// What the relayer serves is read by Prometheus' own linter: names, help, types.
#[test]
fn the_page_is_what_prometheus_expects() {
    use causeway::metrics::{Metrics, labels::EntryStage};
    use std::{io::Write, process::Stdio};
    let Some(promtool) = find("promtool") else { return };
    let metrics = Metrics::new().unwrap();
    let lane = metrics.lanes.of("demo", "0a1b2c3d").unwrap();
    lane.stage_seconds.at(EntryStage::Proved).observe(0.1);
    lane.delivery_seconds.observe(1.0);
    metrics.clients.of("demo", "0a1b2c3d").unwrap();
    metrics.chains.of("left").unwrap();
    metrics.endpoints.of("left", "node-1").unwrap().call_seconds.observe(0.1);
    metrics.signers.of("left", "operator").unwrap().confirm_seconds.observe(1.0);
    metrics.peers.of("org-b").unwrap().received_seconds.observe(0.1);
    metrics.tasks.of("watch", "left").unwrap();
    let mut child =
        Command::new(promtool).args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(metrics.render().unwrap().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
