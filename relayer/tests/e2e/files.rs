//! Files that are wrong, or older than the chains.

use super::{PATIENCE, SOON, World};
use serde_json::Value;
use std::{fs, path::Path, time::Duration};
use tokio::process::Command;

/// Runs a relayer that should refuse to start; gives exit code and its JSON answer.
async fn refusal(world: &World) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_causeway"));
    command.arg("--config").arg(world.config(0)).args(["--output", "json", "run"]).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(30), command.output()).await.expect("it runs").unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (output.status.code().unwrap(), value)
}

fn quoted<'a>(text: &'a str, key: &str) -> &'a str {
    let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{key} = \""))).unwrap();
    line.split('"').nth(1).unwrap()
}

/// What was not agreed on, and what cannot be read, is refused before anything is started.
#[tokio::test(flavor = "multi_thread")]
async fn run_refuses_files_that_are_wrong() {
    let world = World::build(PATIENCE).await;
    let config = fs::read_to_string(world.config(0)).unwrap();
    let agreement = world.folder(0).join(quoted(&config, "agreement"));
    let agreed = fs::read_to_string(&agreement).unwrap();
    let fingerprint = quoted(&config, "fingerprint");
    let other = if fingerprint.starts_with('0') { "1" } else { "0" };
    let edits = [
        ("another fingerprint", config.replace(fingerprint, &format!("{other}{}", &fingerprint[1..])), agreed.clone()),
        ("another agreement", config.clone(), agreed.replacen("\"Harbour", "\"Habour", 1).replacen("HBC", "HBX", 1)),
        ("an unreadable agreement", config.clone(), agreed[..agreed.len() / 2].to_owned()),
        ("an unknown key", config.replacen("peer_patience", "peer_patients", 1), agreed.clone()),
        ("half a file", config[..config.len() / 2].to_owned() + "\n[", agreed.clone()),
        ("patience of no time", config.replacen("peer_patience = \"", "peer_patience = \"x", 1), agreed.clone()),
    ];
    for (name, config, agreed) in edits {
        fs::write(world.config(0), config).unwrap();
        fs::write(&agreement, agreed).unwrap();
        let (code, answer) = refusal(&world).await;
        println!("{name}: {}", answer["error"]["message"]);
        assert_eq!((code, &answer["error"]["kind"]), (3, &Value::from("config")), "{name}: {answer:#}");
    }
    // It was only these files: with the right ones it runs.
    fs::write(world.config(0), &config).unwrap();
    fs::write(&agreement, &agreed).unwrap();
    world.warm_up().await;
    world.judge(SOON).await;
}

/// Copies a data folder's files, as a backup does; sockets are none.
fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// ATK-088: a journal from before the last transfers, at one relayer and at both.
#[tokio::test(flavor = "multi_thread")]
async fn atk_088_yesterdays_journal_has_no_double_effect_and_loses_nothing() {
    let world = World::build(PATIENCE).await;
    world.warm_up().await;
    let backup = |who: usize| world.folder(who).join("backup");
    for who in [0, 1] {
        world.stop(who).await.unwrap();
        copy_files(&world.folder(who).join("data"), &backup(who));
        world.start(who).await.unwrap();
    }
    for who in [0, 1] {
        world.ready(who, true).await.unwrap();
    }
    tokio::try_join!(world.send(0, 30, 3), world.send(1, 30, 3)).unwrap();
    world.settle(SOON).await.unwrap();
    for victims in [vec![0], vec![1], vec![0, 1]] {
        // Some are under way when it happens.
        tokio::try_join!(world.send(0, 10, 1), world.send(1, 10, 1)).unwrap();
        for who in &victims {
            world.kill(*who).await.unwrap();
            let data = world.folder(*who).join("data");
            fs::remove_dir_all(&data).unwrap();
            copy_files(&backup(*who), &data);
            world.start(*who).await.unwrap();
        }
        tokio::try_join!(world.send(0, 10, 1), world.send(1, 10, 1)).unwrap();
        world.judge(SOON * 2).await;
    }
}
