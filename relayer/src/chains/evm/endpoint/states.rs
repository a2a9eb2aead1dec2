//! What is known of all endpoints together. Plain values behind the pool's lock; no I/O.

use super::{Health, Need, Observation, Timing, call::kind_of, order::order};
use crate::{
    chains::evm::{config::Endpoint, errors::NodeError},
    lane::error::Kind,
};
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// How many answers are remembered for [`States::answered`]. A lie is found within a few calls of the answer.
const REMEMBERED_ANSWERS: usize = 256;

/// Who answered about a height, and to what.
struct Answer {
    height: u64,
    method: &'static str,
    endpoint: usize,
}

/// See the module.
pub(super) struct States {
    pub(super) endpoints: Vec<Observation>,
    /// The last error of each, for people.
    pub(super) errors: Vec<Option<(Kind, String)>>,
    /// Newest last.
    answers: VecDeque<Answer>,
}

impl States {
    pub(super) fn new(config: &[Endpoint], now: Instant) -> Self {
        let endpoints: Vec<_> = config.iter().map(|e| Observation::new(e.priority, now)).collect();
        let errors = vec![None; endpoints.len()];
        Self { endpoints, errors, answers: VecDeque::with_capacity(REMEMBERED_ANSWERS) }
    }

    /// One more endpoint, that nothing is known of.
    pub(super) fn add(&mut self, endpoint: &Endpoint, now: Instant) {
        self.endpoints.push(Observation::new(endpoint.priority, now));
        self.errors.push(None);
    }

    /// Whom to ask, in that order.
    pub(super) fn ordered(&mut self, need: Need, now: Instant) -> Vec<usize> {
        for o in &mut self.endpoints {
            o.wake(now);
        }
        let at_least = match need {
            Need::Any => 0,
            Need::Height(height) => height,
        };
        order(&self.endpoints, at_least, now)
    }

    /// Remembers who answered about a height.
    pub(super) fn remember(&mut self, height: u64, method: &'static str, endpoint: usize) {
        if self.answers.len() >= REMEMBERED_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back(Answer { height, method, endpoint });
    }

    /// Who answered last about a height. An answer about a range of blocks is remembered under its last.
    pub(super) fn answered(&self, height: u64) -> Option<usize> {
        let newest = |exact: bool| {
            let fits = |h: u64| if exact { h == height } else { h > height };
            self.answers.iter().rev().find(|a| fits(a.height)).map(|a| a.endpoint)
        };
        newest(true).or_else(|| newest(false))
    }

    /// Who answered last to `method`: about `height` if anybody did.
    pub(super) fn answered_to(&self, method: &'static str, height: u64) -> Option<usize> {
        let newest = |exact: bool| {
            let fits = |a: &&Answer| a.method == method && (!exact || a.height == height);
            self.answers.iter().rev().find(fits).map(|a| a.endpoint)
        };
        newest(true).or_else(|| newest(false))
    }

    /// An endpoint was shown to be wrong.
    pub(super) fn lied(&mut self, i: usize, detail: String, now: Instant) {
        if let Some(o) = self.endpoints.get_mut(i) {
            o.lied(now);
        }
        self.note(i, Kind::NodeLied, detail);
        self.answers.retain(|a| a.endpoint != i);
    }

    /// An endpoint answered.
    pub(super) fn well(&mut self, i: usize, took: Duration) {
        if let Some(o) = self.endpoints.get_mut(i) {
            o.answered(took);
            if o.health.paused_until().is_none()
                && let Some(slot) = self.errors.get_mut(i)
            {
                *slot = None;
            }
        }
    }

    /// An endpoint gave no usable answer.
    pub(super) fn failed(&mut self, i: usize, error: &NodeError, now: Instant) {
        if let Some(o) = self.endpoints.get_mut(i) {
            o.failed(error, now);
        }
        self.note(i, kind_of(error), format!("{error:?}"));
    }

    /// An endpoint's identity was compared.
    pub(super) fn identified(&mut self, i: usize, same: bool, now: Instant) {
        if let Some(o) = self.endpoints.get_mut(i) {
            o.identified(same, now);
            o.answered(o.latency);
        }
    }

    /// It did not give `height`. If it had shown it, it is not asked for it again until it shows more; and if nobody else
    /// shows it, its word on heads does not count for a while: one node must not send the others to blocks that are not.
    pub(super) fn lacks(&mut self, i: usize, height: u64, now: Instant) {
        let others = self.endpoints.iter().enumerate().filter(|(j, o)| *j != i && o.head_counts(now));
        let others = others.map(|(_, o)| o.head).max().unwrap_or(0);
        let Some(o) = self.endpoints.get_mut(i).filter(|o| o.head >= height) else { return };
        let below = height.saturating_sub(1);
        if others >= height {
            o.head = below;
        } else {
            o.head_was_empty(if others == 0 { below } else { others }, now);
        }
    }

    /// Keeps an endpoint's error for people.
    pub(super) fn note(&mut self, i: usize, kind: Kind, detail: String) {
        if let Some(slot) = self.errors.get_mut(i) {
            *slot = Some((kind, detail));
        }
    }

    /// Judges every endpoint by the best head. Gives that head, and the endpoints whose health changed.
    pub(super) fn judge(&mut self, timing: Timing, now: Instant) -> (u64, Vec<(usize, &'static str)>) {
        let believed = |o: &&Observation| !matches!(o.health, Health::Lied { .. } | Health::WrongChain { .. });
        let counted = self.endpoints.iter().filter(believed).filter(|o| o.head_counts(now)).map(|o| o.head).max();
        // Where nobody's head counts, it is one node alone, or all are in a pause: their word is better than none.
        let best = counted.or_else(|| self.endpoints.iter().filter(believed).map(|o| o.head).max()).unwrap_or(0);
        let mut changed = Vec::new();
        for (i, o) in self.endpoints.iter_mut().enumerate() {
            let before = o.health.name();
            o.judge(best, timing, now);
            if before != o.health.name() {
                changed.push((i, o.health.name()));
            }
        }
        (best, changed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const TIMING: Timing = Timing { stall_after: Duration::from_secs(10), empty_blocks: true };

    fn two(now: Instant) -> States {
        let endpoint =
            |i| toml::from_str::<Endpoint>(&format!("label = \"{i}\"\nurl = \"http://127.0.0.1:{i}\"")).unwrap();
        let mut states = States::new(&[endpoint(1), endpoint(2)], now);
        for i in [0, 1] {
            states.identified(i, true, now);
            states.well(i, Duration::from_millis(1));
        }
        states
    }

    #[test]
    fn atk_070_a_node_that_shows_heads_that_are_not_costs_only_itself() {
        let mut now = Instant::now();
        let mut states = two(now);
        let mut followed = 0;
        for height in 1..=3_600 {
            now += Duration::from_secs(1);
            states.endpoints[0].saw_head(height, now);
            // Always far ahead, always another.
            states.endpoints[1].saw_head(1_000_000 + height, now);
            let (best, _) = states.judge(TIMING, now);
            if best != height {
                followed += 1;
                states.lacks(1, best, now);
                assert_eq!(states.judge(TIMING, now).0, height, "what the honest one shows is next");
            }
            assert_eq!(states.endpoints[0].health, Health::Healthy, "the honest one is not behind");
        }
        assert!((1..20).contains(&followed), "followed {followed} times in an hour");
    }

    #[test]
    fn the_heads_of_a_node_in_a_pause_do_not_count() {
        let now = Instant::now();
        let mut states = two(now);
        states.endpoints[0].saw_head(100, now);
        states.endpoints[1].saw_head(1_000_000, now);
        states.failed(1, &NodeError::Deadline, now);
        assert_eq!(states.judge(TIMING, now).0, 100);
        // Alone, its word is better than none.
        states.failed(0, &NodeError::Deadline, now);
        assert_eq!(states.judge(TIMING, now).0, 1_000_000);
    }

    #[test]
    fn a_block_that_others_have_is_only_late() {
        let now = Instant::now();
        let mut states = two(now);
        states.endpoints[0].saw_head(100, now);
        states.endpoints[1].saw_head(100, now);
        states.lacks(1, 100, now);
        assert_eq!((states.endpoints[1].head, states.endpoints[1].empty_heads), (99, 0));
    }
}
