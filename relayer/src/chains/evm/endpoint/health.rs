//! Health of an endpoint, as a value, and how each observation changes it. No I/O; time is an argument.

use crate::chains::evm::errors::{Meaning, NodeError};
use std::time::Duration;
use tokio::time::Instant;

/// First pause after a failure; doubled by each further one.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// Longest pause after failures, so that a node that came back is used again within half a minute.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Pause when a node asked to slow down without saying for how long.
const RATE_PAUSE: Duration = Duration::from_secs(2);
/// Longest pause that a node can ask for: a `Retry-After` of a year must not take it out for a year.
const RATE_PAUSE_MAX: Duration = Duration::from_secs(600);
/// How long a node that was shown to be wrong is left alone: doubled by each further lie, to a bound. Everything it says
/// is verified anyway, so this protects progress, not safety; and a sole node whose balancer mixed up two states is back
/// before its lanes are late.
const LIED_PAUSE: Duration = Duration::from_secs(30);
/// Longest such pause.
const LIED_PAUSE_MAX: Duration = Duration::from_secs(600);
/// How long a node of another chain is left alone before its identity is asked for again.
const WRONG_CHAIN_PAUSE: Duration = Duration::from_secs(60);
/// Blocks behind the best head from which a node counts as lagging. One block is propagation, not lag.
const LAG_BLOCKS: u64 = 3;

/// First pause for the heads of a node that showed one and did not give it, doubled by each further one. It may have been
/// quicker than its own workers, or sit behind a balancer.
const HEAD_PAUSE: Duration = Duration::from_millis(250);
/// Longest such pause: a node that makes heads up costs its chain a question in ten minutes.
const HEAD_PAUSE_MAX: Duration = Duration::from_secs(600);

/// Health of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Answers and is at the front.
    Healthy,
    /// Not asked yet, or a pause has passed.
    Unknown,
    /// Answers, but is behind the best head.
    Lagging {
        /// By how many blocks.
        behind: u64,
    },
    /// Answers, but its head has not moved for the stall limit.
    Stalled,
    /// Asked to slow down.
    RateLimited {
        /// Not before.
        until: Instant,
    },
    /// Gives no usable answer.
    Unreachable {
        /// Not before.
        until: Instant,
    },
    /// Was shown to be wrong.
    Lied {
        /// Not before.
        until: Instant,
    },
    /// Is a node of another chain.
    WrongChain {
        /// Not before.
        until: Instant,
    },
}

impl Health {
    /// Fixed name, for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unknown => "unknown",
            Self::Lagging { .. } => "lagging",
            Self::Stalled => "stalled",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unreachable { .. } => "unreachable",
            Self::Lied { .. } => "lied",
            Self::WrongChain { .. } => "wrong_chain",
        }
    }

    /// The moment before which the endpoint must not be asked, if there is one.
    pub fn paused_until(&self) -> Option<Instant> {
        match self {
            Self::RateLimited { until }
            | Self::Unreachable { until }
            | Self::Lied { until }
            | Self::WrongChain { until } => Some(*until),
            _ => None,
        }
    }
}

/// Limits for judging heads.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Without a new head for this long, a node is stalled.
    pub stall_after: Duration,
    /// Whether silence of all nodes together is a fault (not on chains without empty blocks).
    pub empty_blocks: bool,
}

/// All that is known about one endpoint.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Health.
    pub health: Health,
    /// Configured rank; lower is asked first.
    pub priority: u8,
    /// Moving average of the time of an answer.
    pub latency: Duration,
    /// Newest head that it showed.
    pub head: u64,
    /// When that head was first seen.
    pub head_at: Instant,
    /// Its chain id and genesis were compared since it was last unreachable.
    pub identified: bool,
    /// Failures since the last answer.
    pub failures: u32,
    /// Times that it was shown to be wrong.
    pub lies: u32,
    /// Heads that it showed, that nobody else had, and that it did not give.
    pub empty_heads: u32,
    /// Its heads do not count before.
    pub heads_from: Option<Instant>,
}

impl Observation {
    /// Nothing known yet.
    pub fn new(priority: u8, now: Instant) -> Self {
        Self {
            health: Health::Unknown,
            priority,
            latency: Duration::ZERO,
            head: 0,
            head_at: now,
            identified: false,
            failures: 0,
            lies: 0,
            empty_heads: 0,
            heads_from: None,
        }
    }

    /// Lets a pause that has passed end.
    pub fn wake(&mut self, now: Instant) {
        if self.health.paused_until().is_some_and(|until| until <= now) {
            if !matches!(self.health, Health::RateLimited { .. }) {
                self.identified = false;
            }
            self.health = Health::Unknown;
        }
    }

    /// It answered, with a result or with an error object that is a real answer.
    pub fn answered(&mut self, took: Duration) {
        self.failures = 0;
        self.latency = if self.latency.is_zero() { took } else { (self.latency * 7 + took) / 8 };
        if matches!(self.health, Health::Unknown | Health::Unreachable { .. }) && self.identified {
            self.health = Health::Healthy;
        }
    }

    /// It gave no usable answer.
    pub fn failed(&mut self, error: &NodeError, now: Instant) {
        if matches!(self.health, Health::Lied { .. } | Health::WrongChain { .. }) {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let asked = match error {
            NodeError::Http { retry_after, .. } => *retry_after,
            _ => None,
        };
        self.health = match error.meaning() {
            Some(Meaning::RateLimited) => {
                Health::RateLimited { until: now + asked.unwrap_or(RATE_PAUSE).min(RATE_PAUSE_MAX) }
            }
            _ => {
                let doubled = PAUSE_MIN.saturating_mul(1 << self.failures.saturating_sub(1).min(16));
                Health::Unreachable { until: now + asked.unwrap_or(doubled.min(PAUSE_MAX)).min(RATE_PAUSE_MAX) }
            }
        };
    }

    /// It showed a head. Returns true if it is newer than what it showed before.
    pub fn saw_head(&mut self, height: u64, now: Instant) -> bool {
        if height > self.head {
            self.head = height;
            self.head_at = now;
            return true;
        }
        // A head that goes back is a node that was reset or sits behind a balancer: follow it, so that lag shows.
        if height + LAG_BLOCKS < self.head {
            self.head = height;
        }
        false
    }

    /// It showed a head that it does not give and nobody else shows; `head` is the best that is known of it.
    pub fn head_was_empty(&mut self, head: u64, now: Instant) {
        self.head = head;
        let pause = HEAD_PAUSE.saturating_mul(1 << self.empty_heads.min(16)).min(HEAD_PAUSE_MAX);
        self.empty_heads = self.empty_heads.saturating_add(1);
        self.heads_from = Some(now + pause);
    }

    /// Whether what it shows as its head counts for the chain: it is not in a pause, and has not just shown an empty one.
    pub fn head_counts(&self, now: Instant) -> bool {
        self.health.paused_until().is_none_or(|until| until <= now) && self.heads_from.is_none_or(|from| from <= now)
    }

    /// Its identity was compared with the configuration.
    pub fn identified(&mut self, same: bool, now: Instant) {
        self.identified = same;
        if !same {
            self.health = Health::WrongChain { until: now + WRONG_CHAIN_PAUSE };
        }
    }

    /// What it said was shown to be wrong.
    pub fn lied(&mut self, now: Instant) {
        let pause = LIED_PAUSE.saturating_mul(1 << self.lies.min(16)).min(LIED_PAUSE_MAX);
        self.lies = self.lies.saturating_add(1);
        self.health = Health::Lied { until: now + pause };
        self.head = 0;
    }

    /// Judges its head by the best one. Pauses are not touched.
    pub fn judge(&mut self, best: u64, timing: Timing, now: Instant) {
        if !matches!(self.health, Health::Healthy | Health::Lagging { .. } | Health::Stalled) {
            return;
        }
        let behind = best.saturating_sub(self.head);
        let quiet = now.saturating_duration_since(self.head_at) >= timing.stall_after;
        self.health = if quiet && (timing.empty_blocks || behind > 0) {
            Health::Stalled
        } else if behind >= LAG_BLOCKS {
            Health::Lagging { behind }
        } else {
            Health::Healthy
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing { stall_after: Duration::from_secs(10), empty_blocks: true };

    fn healthy(now: Instant) -> Observation {
        let mut o = Observation::new(0, now);
        o.identified(true, now);
        o.answered(Duration::from_millis(5));
        o
    }

    #[test]
    fn atk_071_a_node_that_answers_but_does_not_advance_is_stalled() {
        let start = Instant::now();
        let mut o = healthy(start);
        o.saw_head(100, start);
        o.judge(100, TIMING, start + Duration::from_secs(9));
        assert_eq!(o.health, Health::Healthy);
        o.answered(Duration::from_millis(5));
        o.saw_head(100, start + Duration::from_secs(10));
        o.judge(100, TIMING, start + Duration::from_secs(10));
        assert_eq!(o.health, Health::Stalled);
        o.saw_head(101, start + Duration::from_secs(11));
        o.judge(101, TIMING, start + Duration::from_secs(11));
        assert_eq!(o.health, Health::Healthy);
    }

    #[test]
    fn silence_of_all_nodes_is_no_fault_without_empty_blocks() {
        let start = Instant::now();
        let quiet = Timing { empty_blocks: false, ..TIMING };
        let mut o = healthy(start);
        o.saw_head(100, start);
        o.judge(100, quiet, start + Duration::from_secs(60));
        assert_eq!(o.health, Health::Healthy);
        o.judge(101, quiet, start + Duration::from_secs(60));
        assert_eq!(o.health, Health::Stalled);
    }

    #[test]
    fn atk_073_a_named_delay_is_obeyed_and_bounded() {
        let now = Instant::now();
        let mut o = healthy(now);
        o.failed(&NodeError::Http { status: 429, retry_after: Some(Duration::from_secs(7)) }, now);
        assert_eq!(o.health, Health::RateLimited { until: now + Duration::from_secs(7) });
        o.wake(now + Duration::from_secs(6));
        assert_eq!(o.health.name(), "rate_limited");
        o.wake(now + Duration::from_secs(7));
        assert_eq!(o.health, Health::Unknown);
        o.failed(&NodeError::Http { status: 429, retry_after: Some(Duration::from_secs(1 << 40)) }, now);
        assert_eq!(o.health, Health::RateLimited { until: now + RATE_PAUSE_MAX });
    }

    #[test]
    fn pauses_double_to_a_bound_and_end_with_an_answer() {
        let now = Instant::now();
        let mut o = healthy(now);
        for expected_ms in [250, 500, 1_000, 2_000] {
            o.failed(&NodeError::Deadline, now);
            assert_eq!(o.health, Health::Unreachable { until: now + Duration::from_millis(expected_ms) });
        }
        for _ in 0..100 {
            o.failed(&NodeError::Deadline, now);
        }
        assert_eq!(o.health, Health::Unreachable { until: now + PAUSE_MAX });
        o.wake(now + PAUSE_MAX);
        assert!(!o.identified, "a node that was away may be another one now");
    }

    #[test]
    fn a_lie_is_not_forgotten_by_an_answer_or_a_failure() {
        let now = Instant::now();
        let mut o = healthy(now);
        o.lied(now);
        o.answered(Duration::from_millis(1));
        o.failed(&NodeError::Deadline, now);
        o.judge(1_000, TIMING, now);
        assert_eq!(o.health, Health::Lied { until: now + LIED_PAUSE });
        for _ in 0..100 {
            o.lied(now);
        }
        assert_eq!(o.health, Health::Lied { until: now + LIED_PAUSE_MAX });
    }
}
