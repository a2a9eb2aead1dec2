//! A backlog of locks that wait when the relayers start, cleared as fast as they can: half of it sent one by one, half fifty
//! in a transaction; every other entry goes to an account that never held the token.

use crate::{
    results::Section,
    world::{BOTH, Result, World},
};
use std::time::{Duration, Instant};

/// Users that send.
const SENDERS: usize = 120;
/// Transfers in one `sendMany`.
const MANY: usize = 50;
/// Nothing takes longer on a machine that does anything else at all.
const LIMIT: Duration = Duration::from_secs(900);
/// What the relayers have sent to each other.
const SENT: &str = "causeway_lane_stage_entries_total{stage=\"sent\"";

/// Clears `locks` entries on chains with this gas limit; one row for each limit.
pub(crate) async fn run(locks: usize, gas_limits: &[u64]) -> Result<()> {
    let mut section = Section::begin(&format!("Backlog of {locks} locks"));
    section.line(format!(
        "{SENDERS} senders, half of the locks by `lock`, half by `sendMany` of {MANY}, every other one to an account that never \
         held the token; 4 validators, 1 s blocks; the relayers start when the last lock is final, prove, send, verify and \
         deliver everything, and the vault's contract verifies it again. Entries/s from the first bundle that leaves to the \
         block of the last credit. Where blocks are not full, a signer's window limits: `signer.window` deliveries wait for \
         their block at a time."
    ));
    let mut rows = Vec::new();
    for gas_limit in gas_limits {
        rows.push(one(locks, *gas_limit).await?);
    }
    let head = [
        "block gas",
        "entries/s",
        "s",
        "from start of relayers s",
        "deliveries",
        "entries a delivery",
        "fullest 10 blocks, gas used",
        "processor: chains / acme / globex",
        "relayers' peak MiB",
    ];
    section.table(&head, &rows);
    section.write()?;
    Ok(())
}

async fn one(locks: usize, gas_limit: u64) -> Result<Vec<String>> {
    let world = World::new(gas_limit).await?;
    let crowd = world.crowd(SENDERS).await?;
    let singles = locks / 2;
    world.pour(&crowd, singles, 1).await?;
    world.pour(&crowd, locks - singles, MANY).await?;
    world.written(locks, LIMIT).await?;
    let block = world.chain(1).head().number + 1;
    let before = world.processor().await[0];
    let started = Instant::now();
    futures::try_join!(world.start(0), world.start(1))?;
    let first = world.counted(0, SENT, 1.0, LIMIT).await?;
    world.decided(locks, LIMIT).await?;
    let last = world.moved().iter().filter_map(|moved| moved.decided).max().ok_or("nothing was credited")?;
    let wall = last.duration_since(started).as_secs_f64();
    let [chains, acme, globex] = world.processor().await;
    let memory = world.memory().await;
    let wrong = world.judge_load().await?;
    if !wrong.is_empty() {
        return Err(wrong.join("; ").into());
    }
    let seconds = last.duration_since(first).as_secs_f64();
    let deliveries = world.deliveries();
    let mut gas = world.gas_by_block(1, block)?;
    gas.sort_unstable_by(|a, b| b.cmp(a));
    let full = gas.iter().take(10).sum::<u64>() as f64 / (10 * gas_limit) as f64;
    for who in BOTH {
        world.stop(who).await?;
    }
    let share = |used: Duration| format!("{:.0} %", 100.0 * used.as_secs_f64() / wall);
    let row = vec![
        format!("{} M", gas_limit / 1_000_000),
        format!("{:.0}", locks as f64 / seconds),
        format!("{seconds:.1}"),
        format!("{wall:.1}"),
        deliveries.len().to_string(),
        format!("{:.1}", locks as f64 / deliveries.len() as f64),
        format!("{:.0} %", 100.0 * full),
        format!("{} / {} / {}", share(chains.saturating_sub(before)), share(acme), share(globex)),
        format!("{} / {}", memory[0].1, memory[1].1),
    ];
    println!("{}", row.join(", "));
    Ok(row)
}
