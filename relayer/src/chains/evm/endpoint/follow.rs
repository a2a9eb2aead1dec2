//! Follows the head of every endpoint: one task each, by subscription where there is one, by polling otherwise.
//!
//! The watchdog: a subscription that is quiet for a few block times is checked by a poll. If the poll shows a newer head,
//! the subscription is broken and is made anew (ATK-070); if it does not, the node or the chain stands still, which is
//! judged in [`super::Pool`] (ATK-071).

use super::{Pool, socket::Heads};
use crate::{
    chains::evm::config::{Endpoint, EvmChain, SecretUrl},
    lane::error::Result,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    select,
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Shortest and longest time between two polls of a node without subscription.
const POLL: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Block times of silence after which a subscription is checked by a poll.
const QUIET_BLOCKS: u32 = 3;
/// Shortest such silence.
const QUIET_MIN: Duration = Duration::from_secs(1);
/// Pause between two attempts to subscribe; polling goes on meanwhile.
const RESUBSCRIBE: Duration = Duration::from_secs(5);

/// Starts one task per endpoint.
pub fn start(pool: &Arc<Pool>, config: &EvmChain, tasks: &TaskTracker, shutdown: &CancellationToken) {
    for (index, endpoint) in config.endpoints.iter().enumerate().take(pool.len()) {
        follow(pool, index, endpoint, config.block_time, tasks, shutdown);
    }
}

/// Takes endpoints of `config` in that are not known yet, and follows them.
///
/// # Errors
/// `InvalidConfig`: one of them; those before it are taken in.
pub fn add(pool: &Arc<Pool>, config: &EvmChain, tasks: &TaskTracker, shutdown: &CancellationToken) -> Result<()> {
    for endpoint in &config.endpoints {
        if let Some(index) = pool.add(endpoint)? {
            follow(pool, index, endpoint, config.block_time, tasks, shutdown);
        }
    }
    Ok(())
}

fn follow(
    pool: &Arc<Pool>,
    index: usize,
    endpoint: &Endpoint,
    block_time: Duration,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) {
    let poll = block_time.clamp(POLL.0, POLL.1);
    let quiet = block_time.saturating_mul(QUIET_BLOCKS).max(QUIET_MIN);
    let follower = Follower { pool: Arc::clone(pool), index, ws: endpoint.ws.clone(), poll, quiet };
    let shutdown = shutdown.clone();
    tasks.spawn(async move {
        select! {
            () = shutdown.cancelled() => {}
            () = follower.run() => {}
        }
    });
}

struct Follower {
    pool: Arc<Pool>,
    index: usize,
    ws: Option<SecretUrl>,
    poll: Duration,
    quiet: Duration,
}

impl Follower {
    async fn run(self) {
        let mut subscription = None;
        let mut subscribe_at = Instant::now();
        loop {
            self.pool.poll_head(self.index).await;
            if let Some(url) = &self.ws
                && subscription.is_none()
                && Instant::now() >= subscribe_at
            {
                subscription = Heads::subscribe(url).await;
                subscribe_at = Instant::now() + RESUBSCRIBE;
                if subscription.is_none() {
                    tracing::debug!(endpoint = %self.pool.label(self.index), "no subscription, polling");
                }
            }
            match &mut subscription {
                None => sleep_until(Instant::now() + self.poll).await,
                Some(heads) => {
                    if !self.listen(heads).await {
                        subscription = None;
                        self.pool.observer().endpoint_resubscribed(self.pool.chain(), &self.pool.label(self.index));
                    }
                }
            }
        }
    }

    /// Takes heads until the subscription is over (false) or was quiet and is still in step (true).
    async fn listen(&self, heads: &mut Heads) -> bool {
        let mut newest = 0;
        loop {
            let check_at = Instant::now() + self.quiet;
            select! {
                head = heads.next() => match head {
                    Some(height) => {
                        newest = newest.max(height);
                        self.pool.saw_head(self.index, height);
                    }
                    None => return false,
                },
                () = sleep_until(check_at) => {
                    self.pool.poll_head(self.index).await;
                    let polled = self.pool.head_of(self.index);
                    if polled > newest && newest > 0 {
                        return false;
                    }
                    newest = newest.max(polled);
                }
            }
        }
    }
}
