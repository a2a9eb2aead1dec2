//! Whom to ask next: a pure function from observations to an ordered list.

use super::{Health, Observation};
use std::time::Duration;
use tokio::time::Instant;

/// Tiers of health, best first. The derived order is the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    Healthy,
    Unknown,
    Lagging,
    Stalled,
}

/// Rank of an endpoint. The order of the fields is the order of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// It has not shown the height that is asked for, so it cannot answer.
    lacks_height: bool,
    tier: Tier,
    priority: u8,
    /// Latency by powers of two: noise does not reorder.
    latency_log2: u32,
    /// Configured order breaks ties.
    index: usize,
}

/// Indices of the endpoints to ask, in that order. Those in a pause are left out.
pub fn order(observations: &[Observation], at_least: u64, now: Instant) -> Vec<usize> {
    let mut ranks: Vec<Rank> = observations.iter().enumerate().filter_map(|(i, o)| rank(i, o, at_least, now)).collect();
    ranks.sort_unstable();
    ranks.into_iter().map(|rank| rank.index).collect()
}

/// When the first pause ends, if all endpoints are in one.
pub fn next_pause_end(observations: &[Observation], now: Instant) -> Option<Duration> {
    let ends = observations.iter().filter_map(|o| o.health.paused_until());
    ends.min().map(|end| end.saturating_duration_since(now))
}

fn rank(index: usize, o: &Observation, at_least: u64, now: Instant) -> Option<Rank> {
    let tier = match o.health {
        Health::Healthy => Tier::Healthy,
        Health::Unknown => Tier::Unknown,
        Health::Lagging { .. } => Tier::Lagging,
        Health::Stalled => Tier::Stalled,
        Health::RateLimited { until }
        | Health::Unreachable { until }
        | Health::Lied { until }
        | Health::WrongChain { until } => {
            if until > now {
                return None;
            }
            Tier::Unknown
        }
    };
    let millis = u32::try_from(o.latency.as_millis()).unwrap_or(u32::MAX);
    Some(Rank {
        // A node that was never heard has no head; it is not shown to lack the height.
        lacks_height: o.head < at_least && tier != Tier::Unknown,
        tier,
        priority: o.priority,
        latency_log2: millis.checked_ilog2().unwrap_or(0),
        index,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn healths(now: Instant) -> Vec<Health> {
        let later = now + Duration::from_secs(1);
        vec![
            Health::Healthy,
            Health::Unknown,
            Health::Lagging { behind: 5 },
            Health::Stalled,
            Health::RateLimited { until: later },
            Health::Unreachable { until: later },
            Health::Lied { until: later },
            Health::WrongChain { until: later },
            Health::RateLimited { until: now },
            Health::Unreachable { until: now },
            Health::Lied { until: now },
            Health::WrongChain { until: now },
        ]
    }

    fn all(now: Instant) -> Vec<Observation> {
        let mut out = Vec::new();
        for health in healths(now) {
            for priority in [0, 1] {
                for latency_ms in [1, 200] {
                    for head in [99, 100] {
                        let mut o = Observation::new(priority, now);
                        o.health = health;
                        o.latency = Duration::from_millis(latency_ms);
                        o.head = head;
                        out.push(o);
                    }
                }
            }
        }
        out
    }

    /// The rule again, written the long way: true if `a` must be asked before `b` whatever their indices are.
    fn before(a: &Observation, b: &Observation) -> Option<bool> {
        let tier = |o: &Observation| match o.health {
            Health::Healthy => 0,
            Health::Lagging { .. } => 2,
            Health::Stalled => 3,
            _ => 1,
        };
        let lacks = |o: &Observation| o.head < 100 && (tier(o) != 1);
        for (x, y) in [
            (u64::from(lacks(a)), u64::from(lacks(b))),
            (tier(a), tier(b)),
            (u64::from(a.priority), u64::from(b.priority)),
            (u64::from(a.latency.as_millis() > 2), u64::from(b.latency.as_millis() > 2)),
        ] {
            if x != y {
                return Some(x < y);
            }
        }
        None
    }

    #[test]
    fn every_pair_of_states_is_ordered_by_the_rule() {
        let now = Instant::now();
        let states = all(now);
        for a in &states {
            for b in &states {
                let got = order(&[a.clone(), b.clone()], 100, now);
                let paused = |o: &Observation| o.health.paused_until().is_some_and(|until| until > now);
                let expected: Vec<usize> = match (paused(a), paused(b)) {
                    (true, true) => vec![],
                    (true, false) => vec![1],
                    (false, true) => vec![0],
                    (false, false) => match before(a, b) {
                        Some(false) => vec![1, 0],
                        _ => vec![0, 1],
                    },
                };
                assert_eq!(got, expected, "{a:?} beside {b:?}");
            }
        }
    }

    #[test]
    fn atk_022_a_node_that_lied_is_left_out_even_when_it_is_the_last() {
        let now = Instant::now();
        let mut liar = Observation::new(0, now);
        liar.lied(now);
        let mut down = Observation::new(0, now);
        down.health = Health::Unreachable { until: now + Duration::from_secs(5) };
        assert!(order(&[liar.clone(), down.clone()], 0, now).is_empty());
        assert_eq!(next_pause_end(&[liar, down], now), Some(Duration::from_secs(5)));
    }

    #[test]
    fn the_whole_list_is_a_permutation_without_the_paused() {
        let now = Instant::now();
        let states = all(now);
        let mut got = order(&states, 100, now);
        let paused = states.iter().filter(|o| o.health.paused_until().is_some_and(|until| until > now)).count();
        assert_eq!(got.len(), states.len() - paused);
        got.sort_unstable();
        got.dedup();
        assert_eq!(got.len(), states.len() - paused);
    }
}
