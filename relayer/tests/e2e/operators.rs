//! What operators do to a relayer that is at work: another configuration, and an end that they chose ahead.

use super::{PATIENCE, SOON, World};
use causeway_devchain::Faults;
use serde_json::Value;
use std::{fs, time::Duration};
use tokio::process::Command;

/// A command of `causeway` on a relayer's configuration; exit code and its JSON answer.
async fn ask(world: &World, who: usize, args: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
    command.arg("--config").arg(world.config(who)).args(["--output", "json"]).args(args).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(200), command.output()).await.expect("it ends").unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (output.status.code().unwrap(), value)
}

/// Waits until a relayer's log says something.
async fn says(world: &World, who: usize, what: &str) {
    let said = async {
        while !world.logs(who).contains(what) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(SOON, said).await.unwrap_or_else(|_| panic!("nobody said {what:?}"));
}

async fn hang_up(world: &World, who: usize) {
    let process = world.process(who).await.unwrap().to_string();
    assert!(Command::new("kill").args(["-HUP", &process]).status().await.unwrap().success());
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// ATK-106 and beyond: what may change is taken while transfers are under way, what may not is named, what is wrong changes
/// nothing.
#[tokio::test(flavor = "multi_thread")]
async fn atk_106_a_running_relayer_takes_what_may_change_and_refuses_what_is_wrong() {
    // Nobody does the other one's work: what is measured is this relayer's.
    let world = World::build(Duration::from_secs(300)).await;
    let mut nodes = Vec::new();
    for at in [0, 1] {
        let first = world.chain(at).endpoint(Faults::default()).await.unwrap();
        for who in [0, 1] {
            world.use_nodes(who, at, &[&first]).unwrap();
        }
        nodes.push(first);
    }
    world.warm_up().await;

    // More nodes and another log level, noticed by itself; the old nodes go down, and transfers end by the new ones.
    let mut more = Vec::new();
    for at in [0, 1] {
        let node = world.chain(at).endpoint(Faults::default()).await.unwrap();
        let name = ["alpha", "beta"][at];
        let line =
            format!("label = \"{name}-0\", url = \"{}\", ws = \"{}\" }},\n", nodes[at].rpc_url(), nodes[at].ws_url());
        let added = format!(
            "{line}    {{ label = \"{name}-new\", url = \"{}\", ws = \"{}\" }},\n",
            node.rpc_url(),
            node.ws_url()
        );
        for who in [0, 1] {
            world.edit(who, &line, &added).unwrap();
        }
        more.push(node);
    }
    for who in [0, 1] {
        world.edit(who, "level = \"info\"", "level = \"info,causeway::daemon=debug\"").unwrap();
        says(&world, who, "chains.beta.endpoints.beta-new").await;
        says(&world, who, "log.level").await;
    }
    nodes.iter().for_each(causeway_devchain::Endpoint::take_down);
    tokio::try_join!(world.send(0, 12, 2), world.send(1, 12, 2)).unwrap();
    world.settle(SOON * 2).await.unwrap();

    // What needs a restart is named, and nothing of it is done; the rest is.
    world.edit(0, "batch_max_age = \"200ms\"", "batch_max_age = \"50ms\"").unwrap();
    world.edit(0, "socket = \"admin.sock\"", "socket = \"other.sock\"").unwrap();
    hang_up(&world, 0).await;
    says(&world, 0, "\"restart_required\":\"admin.socket\"").await;
    says(&world, 0, "lanes.batch_max_age").await;
    assert!(world.folder(0).join("data/admin.sock").exists() && !world.folder(0).join("data/other.sock").exists());
    world.edit(0, "socket = \"other.sock\"", "socket = \"admin.sock\"").unwrap();
    let (code, answer) = ask(&world, 0, &["reload", "--dry-run"]).await;
    assert_eq!((code, strings(&answer["restart_required"])), (0, vec![]), "{answer:#}");

    // A broken file: the one before stays in force, and both the log and the operator's command say what is wrong.
    let good = fs::read_to_string(world.config(0)).unwrap();
    let logged = world.logs(0).matches("the configuration is refused").count();
    fs::write(world.config(0), good.replace("batch_max_entries = 128", "batch_max_entries = 1280")).unwrap();
    says(&world, 0, "the configuration is refused: the relayer runs on the one before").await;
    says(&world, 0, "batch_max_entries").await;
    assert!(world.logs(0).matches("the configuration is refused").count() > logged);
    tokio::try_join!(world.send(0, 8, 1), world.send(1, 8, 1)).unwrap();
    world.settle(SOON).await.unwrap();
    fs::write(world.config(0), &good).unwrap();

    // The peer moves: a wrong address ends the session, the right one brings it back. No restart in between.
    let address = good.lines().find(|line| line.starts_with("address = ")).unwrap();
    world.edit(0, address, "address = \"https://127.0.0.1:9\"").unwrap();
    hang_up(&world, 0).await;
    let gone = async {
        while world.connected(0).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(SOON, gone).await.expect("the session with the old address stands");
    world.edit(0, "address = \"https://127.0.0.1:9\"", address).unwrap();
    hang_up(&world, 0).await;
    world.ready(0, true).await.unwrap();
    tokio::try_join!(world.send(0, 8, 1), world.send(1, 8, 1)).unwrap();
    world.judge(SOON).await;
}

/// A relayer that is drained takes nothing new, finishes what it has begun, and ends with code 0; nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_drained_relayer_finishes_what_it_began_takes_nothing_new_and_ends() {
    let world = World::build(Duration::from_secs(300)).await;
    world.warm_up().await;
    tokio::try_join!(world.send(0, 40, 2), world.send(1, 16, 1)).unwrap();
    let (code, answer) = ask(&world, 1, &["drain", "--comment", "a new kernel"]).await;
    assert_eq!((code, &answer["ended"]), (0, &Value::Bool(true)), "{answer:#}");
    let status = world.ended(1).await.unwrap();
    assert!(status.success(), "{status}");
    assert!(world.logs(1).contains("drained: nothing is under way"));
    assert!(fs::read_to_string(world.folder(1).join("data/audit.log")).unwrap().contains("a new kernel"));
    // Nothing that it had begun is left in its journal's hands: what it sent is final, and what comes now waits.
    let (decided, _) = world.progress();
    world.send(0, 8, 1).await.unwrap();
    tokio::time::sleep(PATIENCE * 2).await;
    let (later, open) = world.progress();
    assert!(open >= 8 && later <= decided + 60, "{decided} → {later}, {open} open");
    assert!(world.failed_transactions(1).await.unwrap().is_empty());
    world.start(1).await.unwrap();
    world.judge(SOON * 2).await;
}
