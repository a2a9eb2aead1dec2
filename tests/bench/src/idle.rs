//! Relayers with many lanes and nothing to do.

use crate::{
    results::Section,
    world::{BOTH, Result, World},
};
use std::time::{Duration, Instant};

/// Setting up hundreds of bridges takes big blocks.
const BLOCK_GAS: u64 = 1_000_000_000;
/// How long is watched: several of every interval that an idle relayer has.
const WATCHED: Duration = Duration::from_secs(150);
/// Until audits and first looks at everything are over.
const SETTLE: Duration = Duration::from_secs(20);

/// Watches two relayers that serve `lanes` lanes between two chains.
pub(crate) async fn run(lanes: usize) -> Result<()> {
    let mut section = Section::begin(&format!("Idle with {lanes} lanes"));
    let world = World::new(BLOCK_GAS).await?;
    world.add_bridges(lanes / 2 - 1).await?;
    let begun = Instant::now();
    futures::try_join!(world.start(0), world.start(1))?;
    for who in BOTH {
        world.serving(who, lanes, Duration::from_secs(120)).await?;
    }
    let started = begun.elapsed().as_secs_f64();
    tokio::time::sleep(SETTLE).await;
    let before = world.processor().await;
    let begun = Instant::now();
    tokio::time::sleep(WATCHED).await;
    let after = world.processor().await;
    let wall = begun.elapsed().as_secs_f64();
    let memory = world.memory().await;
    section.line(format!(
        "Two chains of 1 s blocks, one peer, {lanes} lanes; all lanes run and have their session {started:.1} s after the start; \
         watched for {wall:.0} s. Each relayer verifies two headers a second in that time."
    ));
    let rows: Vec<Vec<String>> = BOTH
        .iter()
        .map(|&who| {
            let used = (after[1 + who] - before[1 + who]).as_secs_f64();
            vec![
                ["acme", "globex"][who].to_owned(),
                format!("{:.2} %", 100.0 * used / wall),
                memory[who].0.to_string(),
                memory[who].1.to_string(),
            ]
        })
        .collect();
    section.table(&["relayer", "processor, of one core", "MiB", "peak MiB"], &rows);
    section.write()?;
    Ok(())
}
