//! The loop that makes blocks in time.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use crate::core::Core;

/// Makes blocks until told to stop.
pub(crate) async fn run(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let mut last = Instant::now();
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            () = slot(&core, last) => {}
        }
        if core.is_paused() || (!core.config.empty_blocks && core.is_idle()) {
            tokio::select! {
                _ = stop.changed() => return,
                () = core.wake.notified() => continue,
            }
        }
        let Some(timestamp) = core.tip().map(|(parent, _, _)| core.next_timestamp(parent.header.timestamp)) else {
            return;
        };
        // A round whose proposer is down is waited out; the block keeps the time of its first proposal.
        let Some(round) = core.next_round() else {
            tokio::select! {
                _ = stop.changed() => return,
                () = core.wake.notified() => continue,
            }
        };
        if round.number > 0 {
            tokio::select! {
                _ = stop.changed() => return,
                () = sleep(core.config.request_timeout * round.number) => {}
            }
        }
        last = Instant::now();
        let builder = core.clone();
        let built = tokio::task::spawn_blocking(move || builder.produce(Some(timestamp))).await;
        match built {
            Ok(Some(block)) => tracing::debug!(
                number = block.header.number,
                transactions = block.transactions.len(),
                gas = block.header.gas_used,
                took_ms = last.elapsed().as_millis() as u64,
                "block"
            ),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "block production failed");
                return;
            }
        }
    }
}

/// Waits until the next block is due.
async fn slot(core: &Core, last: Instant) {
    // Only whole seconds can follow the clock that headers show.
    if core.config.block_time.subsec_nanos() != 0 {
        sleep_until(last + core.config.block_time).await;
        return;
    }
    let Some((parent, _, _)) = core.tip() else {
        return;
    };
    let wait = core.wait_for_slot(parent.header.timestamp);
    if wait > Duration::ZERO {
        sleep(wait).await;
    }
}
