//! Keeps a chain's watch running: what ends it and may pass starts it again after a pause, a panic included; what cannot
//! pass stops the chain's lanes: conflicting final headers, and a vault whose code changed, until the relayer starts again.

use super::{
    error::{Error, Kind},
    watch::Watch,
};
use backon::{BackoffBuilder, ExponentialBuilder};
use futures::FutureExt;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// First pause before a chain's watch starts again.
const PAUSE_MIN: Duration = Duration::from_millis(200);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(10);

fn backoff() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(PAUSE_MIN)
        .with_max_delay(PAUSE_MAX)
        .with_jitter()
        .without_max_times()
        .build()
}

impl Watch {
    /// Watches the chain until `stop`, or until two of its final headers conflict.
    pub async fn keep(self: Arc<Self>, stop: CancellationToken) {
        let mut pauses = backoff();
        let mut reached = 0;
        while self.chain.stopped().is_none() {
            // A panic is a fault of this program. The chain's lanes depend on the watch: it starts again as after an error.
            let run = AssertUnwindSafe(self.run()).catch_unwind();
            let ended = tokio::select! {
                () = stop.cancelled() => return,
                ended = run => ended.unwrap_or_else(|_| Err(Error::retry(Kind::ShuttingDown, "the watch panicked"))),
            };
            let Err(e) = ended else { continue };
            let height = self.chain.tip().map_or(0, |t| t.trusted.height);
            if height > reached {
                (reached, pauses) = (height, backoff());
            }
            let pause = pauses.next().unwrap_or(PAUSE_MAX);
            if e.is_retry() {
                tracing::warn!(chain = %self.chain.id, kind = e.kind.name(), detail = %e.detail, "watch starts again");
            } else {
                tracing::error!(chain = %self.chain.id, kind = e.kind.name(), detail = %e.detail, "the chain's lanes stand: needs an operator");
                match e.kind {
                    Kind::ClientFrozen => {
                        self.chain.freeze(&self.journal).await;
                        return;
                    }
                    // Seen once, it stays: who runs under the vault's name is for people to find out (ATK-009).
                    Kind::VaultCodeChanged => {
                        self.chain.stop_for(&e);
                        return;
                    }
                    _ => {}
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}
