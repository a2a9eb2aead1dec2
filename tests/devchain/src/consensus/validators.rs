//! Who may propose and seal, and how votes in headers change that.
//!
//! As GoQuorum does it: round-robin proposers, one vote a header, a candidate is in (or out) from the header after the one
//! whose vote made it more than half of the validators; votes are forgotten at the end of an epoch.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, map::AddressMap};

use super::{Signer, Vote, quorum};

/// Blocks after which open votes are forgotten; GoQuorum's default.
const EPOCH_BLOCKS: u64 = 30_000;

/// The validators of the next header, with the votes that are open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Validators {
    /// Ascending, as headers list them.
    current: Vec<Address>,
    signers: AddressMap<Signer>,
    /// What every validator proposes when its turn comes.
    proposals: BTreeMap<Address, bool>,
    votes: Vec<(Address, Vote)>,
    down: BTreeSet<Address>,
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
    pub(crate) fn new(signers: impl IntoIterator<Item = Signer>) -> Self {
        let mut set = Self::default();
        for signer in signers {
            set.current.push(signer.address());
            set.signers.insert(signer.address(), signer);
        }
        set.current.sort_unstable();
        set
    }

    /// A set whose keys are held elsewhere.
    #[cfg(test)]
    pub(crate) fn of(current: Vec<Address>) -> Self {
        Self { current, ..Self::default() }
    }

    /// The list that the next header carries.
    pub(crate) fn current(&self) -> &[Address] {
        &self.current
    }

    /// Makes a key known, so that its validator can seal once it is voted in.
    pub(crate) fn enlist(&mut self, signer: Signer) {
        self.signers.insert(signer.address(), signer);
    }

    /// Lets every validator vote for a change from its next turn on.
    pub(crate) fn propose(&mut self, candidate: Address, add: bool) {
        self.proposals.insert(candidate, add);
    }

    /// Stops or restarts a validator.
    pub(crate) fn set_down(&mut self, validator: Address, down: bool) {
        if down {
            self.down.insert(validator);
        } else {
            self.down.remove(&validator);
        }
    }

    fn alive(&self, validator: &Address) -> Option<&Signer> {
        if self.down.contains(validator) {
            return None;
        }
        self.signers.get(validator)
    }

    /// Who proposes and seals the header after one proposed by `last`; `None` while fewer than a quorum are alive.
    pub(crate) fn round(&self, last: Option<Address>, number: u64) -> Option<Round> {
        let count = self.current.len();
        let start = match last.and_then(|last| self.current.binary_search(&last).ok()) {
            Some(position) => position + 1,
            None => 0,
        };
        let (round, proposer) = (0..count).find_map(|round| {
            let validator = self.current.get((start + round) % count)?;
            Some((round, self.alive(validator)?.clone()))
        })?;
        // Seals stand in the order in which they arrived, so rotate where they start.
        let committers: Vec<Signer> = (0..count)
            .filter_map(|offset| self.current.get((number as usize + offset) % count))
            .filter_map(|validator| self.alive(validator).cloned())
            .take(quorum(count))
            .collect();
        if committers.len() < quorum(count) {
            return None;
        }
        let vote = (!number.is_multiple_of(EPOCH_BLOCKS)).then(|| self.vote_of(proposer.address())).flatten();
        Some(Round { number: round as u32, proposer, committers, vote })
    }

    fn vote_of(&self, proposer: Address) -> Option<Vote> {
        self.proposals
            .iter()
            .map(|(candidate, add)| Vote { candidate: *candidate, add: *add })
            .find(|vote| self.meaningful(vote) && !self.votes.contains(&(proposer, *vote)))
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
        self.proposals.remove(&vote.candidate);
    }
}
