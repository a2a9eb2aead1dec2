//! Who may propose and seal, and how votes in headers change that.
//!
//! As GoQuorum does it: round-robin proposers, one vote a header, a candidate is in (or out) from the header after the one
//! whose vote made it more than half of the validators; votes are forgotten at the end of an epoch.

use alloy::primitives::Address;

use super::{Operators, Signer, Vote, quorum};

/// Blocks after which open votes are forgotten; GoQuorum's default.
const EPOCH_BLOCKS: u64 = 30_000;

/// The validators of the next header, with the votes that are open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Validators {
    /// Ascending, as headers list them.
    current: Vec<Address>,
    votes: Vec<(Address, Vote)>,
}

/// One header's roles.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) number: u32,
    pub(crate) proposer: Signer,
    pub(crate) committers: Vec<Signer>,
    pub(crate) vote: Option<Vote>,
}

impl Validators {
    pub(crate) fn new(mut current: Vec<Address>) -> Self {
        current.sort_unstable();
        current.dedup();
        Self { current, votes: Vec::new() }
    }

    /// The list that the next header carries.
    pub(crate) fn current(&self) -> &[Address] {
        &self.current
    }

    /// Who proposes and seals the header after one proposed by `last`; `None` while fewer than a quorum are alive.
    pub(crate) fn round(&self, operators: &Operators, last: Option<Address>, number: u64) -> Option<Round> {
        let count = self.current.len();
        let start = match last.and_then(|last| self.current.binary_search(&last).ok()) {
            Some(position) => position + 1,
            None => 0,
        };
        let (round, proposer) = (0..count).find_map(|round| {
            let validator = self.current.get((start + round) % count)?;
            Some((round, operators.alive(validator)?.clone()))
        })?;
        // Seals stand in the order in which they arrived, so rotate where they start.
        let committers: Vec<Signer> = (0..count)
            .filter_map(|offset| self.current.get((number as usize + offset) % count))
            .filter_map(|validator| operators.alive(validator).cloned())
            .take(quorum(count))
            .collect();
        if committers.len() < quorum(count) {
            return None;
        }
        let vote =
            (!number.is_multiple_of(EPOCH_BLOCKS)).then(|| self.vote_of(operators, proposer.address())).flatten();
        Some(Round { number: round as u32, proposer, committers, vote })
    }

    fn vote_of(&self, operators: &Operators, proposer: Address) -> Option<Vote> {
        operators.votes().find(|vote| self.meaningful(vote) && !self.votes.contains(&(proposer, *vote)))
    }

    fn meaningful(&self, vote: &Vote) -> bool {
        self.current.binary_search(&vote.candidate).is_ok() != vote.add
    }

    /// Counts a sealed header's vote; the list that [`Self::current`] gives next may have changed.
    pub(crate) fn count(&mut self, number: u64, proposer: Address, vote: Option<Vote>) {
        if number.is_multiple_of(EPOCH_BLOCKS) {
            self.votes.clear();
        }
        let Some(vote) = vote.filter(|vote| self.meaningful(vote)) else {
            return;
        };
        self.votes.retain(|(by, other)| !(*by == proposer && other.candidate == vote.candidate));
        self.votes.push((proposer, vote));
        let tally = self.votes.iter().filter(|(_, other)| *other == vote).count();
        if tally <= self.current.len() / 2 {
            return;
        }
        if vote.add {
            self.current.push(vote.candidate);
            self.current.sort_unstable();
        } else {
            self.current.retain(|validator| *validator != vote.candidate);
            self.votes.retain(|(by, _)| *by != vote.candidate);
        }
        self.votes.retain(|(_, other)| other.candidate != vote.candidate);
    }
}
