//! A steady trickle of locks: what the relayers add between a lock's block and the broadcast of its delivery, beyond the time
//! that a batch may wait for company. A block counts from the moment when this process, which makes it, has it; a broadcast
//! is the end of the destination's span `submit`. Both by the machine's one clock, every entry measured.

use crate::{
    results::Section,
    world::{BOTH, Result, World, quantile},
};
use causeway::demo::harness::BLOCK_GAS;
use causeway_devchain::Handle;
use causeway_ops::collector::Collector;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Users that send.
const SENDERS: usize = 100;
/// As `init` writes it.
const BATCHING: f64 = 0.2;
/// Locks before the measured ones: connections stand, caches are filled.
const WARM: Duration = Duration::from_secs(5);
/// Blocks come in time.
const BLOCK_LIMIT: Duration = Duration::from_secs(30);
/// Spans leave a relayer once a second.
const SPANS: Duration = Duration::from_secs(3);

/// `per_second` locks for so long.
pub(crate) async fn run(per_second: u32, duration: Duration) -> Result<()> {
    let mut section = Section::begin(&format!("Steady {per_second} locks/s"));
    let (collector, at) = Collector::start().await?;
    let world = World::new(BLOCK_GAS).await?;
    for who in BOTH {
        let off = "# [telemetry]\n# otlp_endpoint = \"http://127.0.0.1:4317\"";
        world.edit(who, off, &format!("[telemetry]\notlp_endpoint = \"http://{at}\""))?;
    }
    let crowd = world.crowd(SENDERS).await?;
    world.start_both().await?;
    let blocks = Mutex::default();
    let send = async {
        let warm = world.trickle(&crowd, per_second, WARM).await?;
        let all = warm + world.trickle(&crowd, per_second, duration).await?;
        world.decided(all, Duration::from_secs(60)).await?;
        tokio::time::sleep(SPANS).await;
        Ok::<_, Box<dyn std::error::Error>>(warm)
    };
    let warm = tokio::select! {
        sent = send => sent?,
        ended = times(world.chain(0), &blocks) => return ended,
    };
    let blocks = blocks.into_inner().map_err(|_| "the clock of blocks broke")?;
    let broadcast = broadcasts(&collector, &world);
    let mut added: Vec<f64> = Vec::new();
    let mut ends: Vec<f64> = Vec::new();
    for moved in world.moved().iter().skip(warm) {
        let (Some(block), Some(sent)) = (blocks.get(&moved.block), broadcast.get(&moved.index)) else { continue };
        added.push((sent - block - BATCHING).max(0.0));
        ends.extend(moved.decided.map(|decided| decided.duration_since(moved.written).as_secs_f64()));
    }
    let measured = added.len();
    if measured * 10 < ends.len() * 9 || measured == 0 {
        return Err(format!("only {measured} of {} entries have spans", world.moved().len()).into());
    }
    added.sort_by(f64::total_cmp);
    ends.sort_by(f64::total_cmp);
    let memory = world.memory().await;
    let wrong = world.judge_load().await?;
    if !wrong.is_empty() {
        return Err(wrong.join("; ").into());
    }
    section.line(format!(
        "{measured} locks by `lock`, evenly over {} s; 1 s blocks, batching age {BATCHING} s; traces on. Added: from the lock's \
         block to the broadcast of its delivery, less the batching age. Relayers {} / {} MiB at most.",
        duration.as_secs(),
        memory[0].1,
        memory[1].1
    ));
    let row = |name: &str, of: &[f64]| {
        let mut row = vec![name.to_owned()];
        row.extend([0.5, 0.9, 0.99, 1.0].map(|share| format!("{:.0}", 1000.0 * quantile(of, share))));
        row
    };
    section.table(
        &["ms", "p50", "p90", "p99", "most"],
        &[row("added", &added), row("lock's block > credit's block", &ends)],
    );
    section.write()?;
    Ok(())
}

/// Notes when each block is there, for ever.
async fn times(chain: &Handle, blocks: &Mutex<HashMap<u64, f64>>) -> Result<()> {
    for number in chain.head().number + 1.. {
        chain.wait_for_block(number, BLOCK_LIMIT).await?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
        blocks.lock().map_err(|_| "the clock of blocks broke")?.insert(number, now);
    }
    Ok(())
}

/// When the destination's relayer had broadcast the delivery of each index, Unix seconds.
fn broadcasts(collector: &Collector, world: &World) -> HashMap<u64, f64> {
    let lane = world.lane(0).to_string();
    let mut found = HashMap::new();
    for span in collector.spans().into_values().flatten().filter(|span| span.name == "submit") {
        let value = |key: &str| {
            span.attributes.iter().find(|a| a.key == key).and_then(|a| a.value.clone()).and_then(|value| value.value)
        };
        let (Some(Value::StringValue(of)), Some(Value::IntValue(index))) =
            (value("causeway.lane"), value("causeway.index"))
        else {
            continue;
        };
        if of == lane
            && let Ok(index) = u64::try_from(index)
        {
            found.insert(index, span.end_time_unix_nano as f64 / 1e9);
        }
    }
    found
}
