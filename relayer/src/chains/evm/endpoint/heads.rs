//! The heads that endpoints show: what the pool judges them by.

use super::{Health, Need, Pool, pool::MOMENTS, states::States};
use alloy::primitives::U64;
use std::{sync::MutexGuard, time::Duration};
use tokio::time::{Instant, sleep};

impl Pool {
    /// The endpoint showed a head.
    pub(super) fn saw_head(&self, i: usize, height: u64) {
        let now = Instant::now();
        let mut states = self.lock();
        let Some(o) = states.endpoints.get_mut(i) else { return };
        if matches!(o.health, Health::Lied { .. } | Health::WrongChain { .. }) || !o.identified {
            return;
        }
        let newer = o.saw_head(height, now);
        self.publish(states, now);
        if newer {
            self.observer.endpoint_head(&self.chain, &self.label(i), height);
        }
    }

    /// Asks one endpoint for its head, whatever its rank, unless it is in a pause.
    pub(super) async fn poll_head(&self, i: usize) {
        let paused = {
            let now = Instant::now();
            let mut states = self.lock();
            states.endpoints.get_mut(i).is_none_or(|o| {
                o.wake(now);
                o.health.paused_until().is_some()
            })
        };
        if paused {
            return;
        }
        if let Ok(head) = self.ask_for::<U64>(i, "eth_blockNumber", "[]", Need::Any).await {
            self.saw_head(i, head.to());
        }
    }

    /// Waits until every usable endpoint has this block, or `limit` is over: what is read afterwards is not older.
    pub async fn spread(&self, height: u64, limit: Duration) {
        let spread = async {
            for pause in MOMENTS.into_iter().cycle() {
                let all = self.ordered(Need::Any).into_iter();
                let behind: Vec<usize> = all.filter(|i| self.head_of(*i) < height).collect();
                if behind.is_empty() {
                    return;
                }
                futures::future::join_all(behind.iter().map(|i| self.poll_head(*i))).await;
                sleep(pause).await;
            }
        };
        let _ = tokio::time::timeout(limit, spread).await;
    }

    /// Newest head that the endpoint showed.
    pub(super) fn head_of(&self, i: usize) -> u64 {
        self.lock().endpoints.get(i).map_or(0, |o| o.head)
    }

    /// Judges every endpoint by the best head and makes that head known.
    pub(super) fn publish(&self, mut states: MutexGuard<'_, States>, now: Instant) {
        let (best, changed) = states.judge(self.timing, now);
        drop(states);
        for (i, health) in changed {
            tracing::info!(chain = %self.chain, endpoint = %self.label(i), "endpoint is {health}");
            self.observer.endpoint_health(&self.chain, &self.label(i), health);
        }
        self.best.send_if_modified(|value| std::mem::replace(value, best) != best);
    }
}
