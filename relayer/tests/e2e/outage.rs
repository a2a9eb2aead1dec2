//! Days on which nothing works: a disk that is full, and relayers that are away for longer than anybody likes.

use super::{BLOCK, PATIENCE, SOON, World};
use causeway::demo::harness::ChainOptions;
use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};
use tempfile::TempDir;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Both chains move on by a week, and both relayers are away meanwhile.
const WEEK: Duration = DAY.saturating_mul(7);

/// INV-6: after a week without any relayer, what was locked meanwhile is credited, what is too late comes back.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_week_without_relayers_everything_ends() {
    // The machine's clock stands: the chains' begin so far behind that a week later they are not ahead of it.
    let options = ChainOptions { behind: WEEK + DAY, ..ChainOptions::new(BLOCK) };
    let world = World::build_on(PATIENCE, options).await;
    world.warm_up().await;
    world.send(1, 8, 1).await.unwrap();
    world.settle(SOON).await.unwrap();
    tokio::try_join!(world.stop(0), world.stop(1)).unwrap();
    world.send_to_be_late(8).await.unwrap();
    for at in [0, 1] {
        let chain = world.chain(at);
        let height = chain.head().number + 2;
        chain.wait_for_block(height, SOON).await.unwrap();
        chain.advance_time(WEEK);
        chain.wait_for_block(height + 3, SOON).await.unwrap();
    }
    tokio::try_join!(world.send(0, 16, 2), world.send(1, 8, 2)).unwrap();
    world.start_both().await.unwrap();
    world.judge(SOON * 2).await;
    // And on as ever.
    tokio::try_join!(world.send(0, 8, 1), world.send(1, 8, 1)).unwrap();
    world.judge(SOON).await;
}

/// Shorter than the outage, longer than setting up takes.
const SHORT_TRUST: Duration = Duration::from_secs(60);

/// Clients that nobody refreshed in time are dead: nothing is delivered on them, the relayers say why and stay up for the
/// operators.
#[tokio::test(flavor = "multi_thread")]
async fn after_the_trusting_period_nothing_is_delivered_and_the_relayers_say_why() {
    let block = Duration::from_secs(1);
    let options = ChainOptions { trusting_period: SHORT_TRUST, ..ChainOptions::new(block) };
    let world = World::build_on(PATIENCE, options).await;
    world.warm_up().await;
    tokio::try_join!(world.stop(0), world.stop(1)).unwrap();
    world.send(0, 8, 1).await.unwrap();
    let height = world.chain(0).head().number + 2;
    world.chain(0).wait_for_block(height, SOON).await.unwrap();
    tokio::time::sleep(SHORT_TRUST).await;
    let (decided, open) = world.progress();
    assert_eq!(open, 8);
    tokio::try_join!(world.start(0), world.start(1)).unwrap();
    tokio::time::sleep(PATIENCE * 4).await;
    assert_eq!(world.progress(), (decided, open), "something was delivered on a dead client");
    for who in [0, 1] {
        assert!(world.logs(who).contains("client_expired"), "nobody said why");
        // Both run still, and stop in order.
        world.stop(who).await.unwrap();
    }
    for at in [0, 1] {
        assert!(world.failed_transactions(at).await.unwrap().is_empty());
    }
}

/// A `causeway` whose files cannot grow beyond what the file `limit` in its configuration's folder says, in blocks of 512
/// bytes: a write beyond is refused as on a full disk. Needs no rights, unlike a small file system.
fn narrow(dir: &Path) -> std::path::PathBuf {
    let script = dir.join("causeway");
    let program = env!("CARGO_BIN_EXE_causeway");
    let text = format!(
        "#!/bin/sh\nlimit=\"$(dirname \"$2\")/limit\"\nif [ -f \"$limit\" ]; then trap '' XFSZ; ulimit -f \"$(cat \"$limit\")\"; fi\n\
         exec {program} \"$@\"\n"
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    script
}

/// ATK-088: a relayer whose journal cannot grow does nothing that it could not note; the other one finishes alone, and when
/// there is room again, both go on.
#[tokio::test(flavor = "multi_thread")]
async fn atk_088_a_full_disk_stops_one_relayer_and_loses_nothing() {
    let dir = TempDir::new().unwrap();
    for victim in [0, 1] {
        let world = World::build_with(&narrow(dir.path()), PATIENCE, ChainOptions::new(BLOCK)).await;
        world.warm_up().await;
        world.stop(victim).await.unwrap();
        let journal = fs::metadata(world.folder(victim).join("data/journal.redb")).unwrap().len();
        let limit = world.folder(victim).join("limit");
        // Not even what is there may be written again.
        fs::write(&limit, (journal / 2 / 512).to_string()).unwrap();
        world.start(victim).await.unwrap();
        tokio::try_join!(world.send(0, 40, 4), world.send(1, 20, 2)).unwrap();
        world.judge(SOON * 2).await;
        let logs = world.logs(victim);
        assert!(
            logs.contains("journal: cannot") || logs.contains("journal: nothing was stored"),
            "it did not say what is wrong: {logs}"
        );
        // Room again: stopped or killed, it starts and takes part.
        let _ = world.stop(victim).await;
        fs::remove_file(&limit).unwrap();
        world.start(victim).await.unwrap();
        tokio::try_join!(world.ready(0, true), world.ready(1, true)).unwrap();
        tokio::try_join!(world.send(0, 10, 1), world.send(1, 10, 1)).unwrap();
        world.judge(SOON).await;
    }
}
