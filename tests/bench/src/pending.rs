//! Many entries that wait: memory of the relayers while they do, how fast a relayer starts over them, and memory while they
//! are cleared.

use crate::{
    results::Section,
    world::{BOTH, Result, World},
};
use causeway::demo::harness::BLOCK_GAS;
use std::time::{Duration, Instant};

/// Users that send.
const SENDERS: usize = 100;
/// Transfers in one `sendMany`.
const MANY: usize = 200;
/// Nothing takes longer.
const LIMIT: Duration = Duration::from_secs(900);
/// Entries that a relayer has seen final.
const OBSERVED: &str = "causeway_lane_stage_entries_total{stage=\"final\"";

/// See the module.
pub(crate) async fn run(entries: usize) -> Result<()> {
    let mut section = Section::begin(&format!("{entries} entries pending"));
    let world = World::new(BLOCK_GAS).await?;
    let crowd = world.crowd(SENDERS).await?;
    world.start_both().await?;
    world.pause(true).await?;
    let empty = world.memory().await;
    world.pour(&crowd, entries, MANY).await?;
    world.written(entries, LIMIT).await?;
    for who in BOTH {
        world.counted(who, OBSERVED, entries as f64, LIMIT).await?;
    }
    let waiting = world.memory().await;
    let mut starts = Vec::new();
    for who in BOTH {
        world.stop(who).await?;
        let begun = Instant::now();
        world.start(who).await?;
        world.pending(who, entries as u64, LIMIT).await?;
        starts.push(begun.elapsed().as_secs_f64());
    }
    let started = world.memory().await;
    for who in BOTH {
        world.ready(who, true).await?;
    }
    world.pause(false).await?;
    let begun = Instant::now();
    world.decided(entries, LIMIT).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let cleared = world.memory().await;
    let wrong = world.judge_load().await?;
    if !wrong.is_empty() {
        return Err(wrong.join("; ").into());
    }
    section.line(format!(
        "Sent by `sendMany` of {MANY} while the lane is paused at both relayers, then cleared: {seconds:.0} s, {:.0} entries/s.",
        entries as f64 / seconds
    ));
    let rows: Vec<Vec<String>> = BOTH
        .iter()
        .map(|&who| {
            let name = ["acme (source)", "globex (destination)"][who];
            let mib = [empty[who].0, waiting[who].0, waiting[who].1, started[who].0, cleared[who].1];
            let mut row = vec![name.to_owned()];
            row.extend(mib.map(|mib| mib.to_string()));
            row.push(format!("{:.2}", starts[who]));
            row
        })
        .collect();
    let head = [
        "relayer",
        "MiB idle",
        "MiB with all pending",
        "peak so far",
        "MiB after a restart",
        "peak until all is cleared",
        "start until all are pending again, s",
    ];
    section.table(&head, &rows);
    section.write()?;
    Ok(())
}
