//! Everything that dashboards, alerts, runbooks and documents name exists: metrics, labels, pages, commands.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use causeway::metrics::{Metrics, group::Definition};
use causeway_ops::{
    files::{alerts, below, queries, root},
    promql::{names, selectors},
};
use std::{collections::BTreeSet, fs};

/// Metrics of ours, and those of the process and of the scrape itself.
const PREFIXES: &[&str] = &["causeway_", "process_"];
/// Crates are named alike; in prose they are no metrics.
const CRATES: &[&str] = &["core", "crypto", "mpt", "bft_evm", "proto", "devchain", "e2e", "bench", "ops", "cli"];
/// Served by the client library for Linux.
const PROCESS: &[&str] = &[
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
    "process_virtual_memory_bytes",
];
/// Labels that the scrape adds.
const SCRAPED: &[&str] = &["instance", "job"];

/// The definition behind a name as PromQL writes it.
fn definition(name: &str) -> Option<&'static Definition> {
    let of = |name: &str| Metrics::definitions().find(|d| d.name == name);
    let histogram = ["_bucket", "_sum", "_count"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix).and_then(of).filter(|d| d.kind == "histogram"));
    histogram.or_else(|| of(name).filter(|d| d.kind != "histogram"))
}

fn check_expression(place: &str, expr: &str, problems: &mut Vec<String>) {
    let found = selectors(expr, PREFIXES);
    if found.is_empty() && !expr.starts_with("up{") {
        problems.push(format!("{place}: no metric in {expr}"));
    }
    for selector in found {
        if PROCESS.contains(&selector.metric.as_str()) {
            continue;
        }
        let Some(d) = definition(&selector.metric) else {
            problems.push(format!("{place}: {} is not defined", selector.metric));
            continue;
        };
        for label in &selector.labels {
            let own = d.labels.contains(&label.as_str()) || d.extra == Some(label.as_str());
            if !own && !SCRAPED.contains(&label.as_str()) {
                problems.push(format!("{place}: {} has no label {label}", selector.metric));
            }
        }
    }
}

#[test]
fn dashboards_query_metrics_that_exist() {
    let (mut problems, queries) = (Vec::new(), queries().unwrap());
    assert!(queries.len() > 40, "{} queries", queries.len());
    for query in queries {
        check_expression(&format!("{}: {}", query.dashboard, query.panel), &query.expr, &mut problems);
        assert!(!query.description.is_empty(), "{}: {} has no description", query.dashboard, query.panel);
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn alerts_query_metrics_that_exist() {
    let (mut problems, alerts) = (Vec::new(), alerts().unwrap());
    assert!(alerts.len() > 15);
    for alert in alerts {
        check_expression(&alert.name, &alert.expr, &mut problems);
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_alert_has_its_page_and_every_page_its_alert() {
    let index = fs::read_to_string(root().join("docs/runbook/README.md")).unwrap();
    let alerts = alerts().unwrap();
    for alert in &alerts {
        assert_eq!(alert.runbook, format!("docs/runbook/{}.md", alert.name));
        let page = fs::read_to_string(root().join(&alert.runbook)).unwrap_or_else(|e| panic!("{}: {e}", alert.runbook));
        for part in ["## What it means", "## What to look at", "## What to do"] {
            assert!(page.contains(part), "{}: no {part}", alert.runbook);
        }
        assert!(page.contains(&format!("    {}\n", alert.expr)), "{}: shows another expression", alert.runbook);
        assert!(index.contains(&format!("[{0}]({0}.md)", alert.name)), "{} is not in the index", alert.name);
    }
    let pages = below("docs/runbook", "md").unwrap().len() - 1;
    assert_eq!(pages, alerts.len(), "a page without its alert");
}

#[test]
fn every_alert_is_tested_both_ways() {
    let tests = fs::read_to_string(root().join("deploy/prometheus/alerts_test.yml")).unwrap();
    for alert in alerts().unwrap() {
        for way in ["fires", "stays quiet"] {
            assert!(tests.contains(&format!("- name: {} {way}\n", alert.name)), "{} {way}: no test", alert.name);
        }
    }
}

#[test]
fn documents_name_metrics_that_exist() {
    let mut problems = Vec::new();
    let mut documents = below("docs", "md").unwrap();
    documents.extend(below("deploy/grafana", "md").unwrap());
    for page in ["README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        documents.extend(Some(root().join(page)).filter(|p| p.is_file()));
    }
    for path in documents {
        for name in names(&fs::read_to_string(&path).unwrap(), &["causeway_"]) {
            let of_crate = name.strip_prefix("causeway_").is_some_and(|rest| CRATES.contains(&rest));
            let prefix = name.ends_with('_');
            if !of_crate && !prefix && definition(&name).is_none() && !Metrics::definitions().any(|d| d.name == name) {
                problems.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

/// Panels have ids of their own and do not lie on one another; every query asks the chosen data source.
#[test]
fn dashboards_are_laid_out() {
    for path in below("deploy/grafana/dashboards", "json").unwrap() {
        let dashboard: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
        for panel in dashboard["panels"].as_array().unwrap() {
            let title = format!("{}: {}", path.display(), panel["title"]);
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: id used twice");
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|k| panel["gridPos"][k].as_u64().unwrap());
            assert!(x + w <= 24, "{title}: wider than the page");
            for place in (y..y + h).flat_map(|y| (x..x + w).map(move |x| (x, y))) {
                assert!(taken.insert(place), "{title}: lies on another panel");
            }
            for target in panel["targets"].as_array().into_iter().flatten() {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            }
        }
    }
}
