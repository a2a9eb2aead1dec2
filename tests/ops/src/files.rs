//! The files that name metrics: dashboards, alert rules, runbook pages, documents.

use serde_json::Value;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Files below `folder` (from the root) whose name ends in `.extension`, sorted.
///
/// # Errors
/// What the file system says.
pub fn below(folder: &str, extension: &str) -> io::Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A query of a dashboard's panel.
#[derive(Clone, Debug)]
pub struct Query {
    /// File name of the dashboard.
    pub dashboard: String,
    /// Title of the panel.
    pub panel: String,
    /// The panel's description.
    pub description: String,
    /// The expression, variables not replaced.
    pub expr: String,
}

/// All queries of all dashboards.
///
/// # Errors
/// A file that cannot be read, or is not JSON.
pub fn queries() -> io::Result<Vec<Query>> {
    let mut queries = Vec::new();
    for path in below("deploy/grafana/dashboards", "json")? {
        let dashboard: Value = serde_json::from_slice(&fs::read(&path)?)?;
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        for panel in dashboard["panels"].as_array().into_iter().flatten() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                queries.push(Query {
                    dashboard: name.clone(),
                    panel: text(&panel["title"]),
                    description: text(&panel["description"]),
                    expr: text(&target["expr"]),
                });
            }
        }
    }
    Ok(queries)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// An alert of `alerts.yml`.
#[derive(Clone, Debug, Default)]
pub struct Alert {
    /// Name.
    pub name: String,
    /// Expression.
    pub expr: String,
    /// Where its page is, from the root.
    pub runbook: String,
}

/// All alerts. The file is checked as YAML by promtool; here its plain shape, a key a line, is enough.
///
/// # Errors
/// The file cannot be read.
pub fn alerts() -> io::Result<Vec<Alert>> {
    let mut alerts: Vec<Alert> = Vec::new();
    for line in fs::read_to_string(root().join("deploy/prometheus/alerts.yml"))?.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("- alert: ") {
            alerts.push(Alert { name: name.to_owned(), ..Alert::default() });
        }
        let Some(alert) = alerts.last_mut() else { continue };
        if let Some(expr) = line.strip_prefix("expr: ") {
            expr.clone_into(&mut alert.expr);
        } else if let Some(page) = line.strip_prefix("runbook_url: ") {
            page.clone_into(&mut alert.runbook);
        }
    }
    Ok(alerts)
}
