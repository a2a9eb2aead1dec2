//! `causeway demo` as a newcomer runs it: the real binary, its own chains, its own relayer processes.
#![cfg(feature = "demo")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use serde_json::Value;
use std::{
    fs,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::process::{Child, Command};

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
    command.arg("demo").args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Processes whose parent is `parent`.
fn children(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let Some(id) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // pid (name) state ppid …; the name may hold anything, but ends with the last parenthesis.
        let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        let of = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        if of == Some(parent) {
            found.push(id);
        }
    }
    found
}

fn alive(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    !status.is_empty() && !status.contains("State:\tZ")
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A demo whose two relayers run.
async fn running() -> (Child, Vec<u32>, PathBuf) {
    let child = demo(&["--keep"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let id = child.id().unwrap();
    until("two relayers", || children(id).len() == 2).await;
    (child, children(id), std::env::temp_dir().join(format!("causeway-demo-{id}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_cross_and_come_back_and_the_invariants_hold() {
    let output = tokio::time::timeout(
        Duration::from_secs(240),
        demo(&["--transfers", "60", "--swaps", "7", "--output", "json"]).output(),
    );
    let output = output.await.expect("in time").unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    let summary: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}\n{log}"));
    assert!(output.status.success(), "{summary:#}\n{log}");
    assert_eq!(summary["ok"], true, "{summary:#}");
    let held: Vec<bool> =
        summary["invariants"].as_array().unwrap().iter().map(|verdict| verdict["holds"].as_bool().unwrap()).collect();
    assert_eq!(held, [true; 4], "{summary:#}");
    let counts = summary["transfers"].as_object().unwrap();
    assert_eq!(counts.values().map(|count| count.as_u64().unwrap()).sum::<u64>(), 60);
    for special in ["late (came back)", "refused (came back)", "parked (claimed)", "ERC-721 there", "ERC-721 back"] {
        assert_eq!(counts[special], 1, "{special}");
    }
    assert!(summary["latency_seconds"]["stages"].as_object().unwrap().len() >= 3, "{summary:#}");
    // One of each plot; of six of them both legs were decided, of one only one.
    assert_eq!(summary["swaps"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).collect::<Vec<_>>(), [1; 7]);
    assert_eq!(summary["swap_seconds"]["count"], 2, "{summary:#}");
    // Sixty transfers, three returns and thirteen facts, in fewer deliveries than entries.
    assert_eq!(summary["costs"]["entries"], 60 + 3 + 13, "{summary:#}");
    assert!(summary["costs"]["deliveries"].as_u64().unwrap() < 63, "{summary:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_demo_leaves_nothing_behind() {
    let (mut child, relayers, folder) = running().await;
    let interrupted = Command::new("kill").args(["-INT", &child.id().unwrap().to_string()]).status().await.unwrap();
    assert!(interrupted.success());
    let status = tokio::time::timeout(Duration::from_secs(30), child.wait()).await.expect("in time").unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(!relayers.iter().any(|relayer| alive(*relayer)));
    assert!(!folder.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn relayers_end_with_a_demo_that_is_killed() {
    let (mut child, relayers, folder) = running().await;
    child.kill().await.unwrap();
    until("the relayers' end", || !relayers.iter().any(|relayer| alive(*relayer))).await;
    fs::remove_dir_all(folder).unwrap();
}
