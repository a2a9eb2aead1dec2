//! Evidence that validators committed two blocks that can not both be.

use alloc::vec::Vec;

use alloy_primitives::B256;

use crate::{
    Freeze, Params, Refusal, TrustedState,
    header::Address,
    signatures::Signatures,
    time::Time,
    verify::{Accepted, Count, judge},
};

/// Two final headers on incompatible chains (INV-8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misbehaviour {
    /// In which way they are incompatible.
    pub kind: MisbehaviourKind,
    /// Height and block hash of the lower one (of either, at one height).
    pub lower: (u64, B256),
    /// Height and block hash of the higher one.
    pub higher: (u64, B256),
    /// Height and hash of the last block that the two prove to be common to both chains.
    pub common: Option<(u64, B256)>,
    /// Who provably signed both, for [`MisbehaviourKind::Equivocation`]; nobody can be named for the other kinds without
    /// knowing which of the two chains is the right one.
    pub culprits: Vec<Address>,
}

impl Misbehaviour {
    /// The freeze that this evidence calls for at time `now`: at the last height proven common, else at the last one
    /// used before.
    pub fn freeze(&self, trusted: &TrustedState, now: Time) -> Freeze {
        match self.common {
            Some((at, hash)) => Freeze { at, since: now, anchor: Some(hash) },
            None => Freeze { at: trusted.height(), since: now, anchor: None },
        }
    }
}

/// In which way two final headers are incompatible (CometBFT `spec/light-client/attacks`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MisbehaviourKind {
    /// One height and one round, two blocks of the same state: whoever signed both is guilty.
    Equivocation,
    /// One height, two blocks that differ in what is computed from the block before (application hash, results,
    /// validators, parameters): one of the two was made up.
    Lunatic,
    /// One height, two blocks of the same state, two rounds. It looks like amnesia (validators that forgot their lock),
    /// but two headers prove only that the chain forked: who forgot shows in the votes of the rounds between, which
    /// no header holds. So nobody is named.
    ForkAcrossRounds,
    /// A header whose last block is not the one a height below it, or whose validators are not those that it named.
    NotItsChild,
    /// A higher block that is not newer than the lower one, while time along a chain rises.
    TimeWentBack,
}

/// Whether two updates, each acceptable from `trusted`, are evidence of misbehaviour. All signatures are checked, not just
/// enough of them.
///
/// The same block under another commit is none: its hash is the same. An ancestor and its descendant are none. Heights
/// that are further apart than one prove nothing without the headers between them, unless time went back from the
/// lower to the higher.
///
/// # Errors
/// The first refusal among the two: a header that the client would not accept is no evidence, and neither is one
/// judged from an expired or frozen state.
pub fn conflict_with<S: Signatures>(
    params: &Params,
    trusted: &TrustedState,
    a: &[u8],
    b: &[u8],
    now: Time,
) -> Result<Option<Misbehaviour>, Refusal> {
    if let Some(freeze) = trusted.frozen() {
        return Err(Refusal::Frozen { at: freeze.at, readable_from: None });
    }
    let mut keys = S::Keys::default();
    let (a, signed_a) = judge::<S>(&mut keys, params, trusted, a, now, Count::All)?;
    let (b, signed_b) = judge::<S>(&mut keys, params, trusted, b, now, Count::All)?;
    let mut found = compare(&a, &b);
    if let Some(found) = found.as_mut().filter(|found| found.kind == MisbehaviourKind::Equivocation) {
        found.culprits = signed_a.into_iter().filter(|address| signed_b.contains(address)).collect();
    }
    Ok(found)
}

/// The same of two headers that were accepted before, on whatever way. Names no culprits: signers are not kept.
pub fn compare(a: &Accepted, b: &Accepted) -> Option<Misbehaviour> {
    // At one height the hash decides, so that evidence reads the same whichever way round it came.
    let in_order = (a.height, a.block_hash) <= (b.height, b.block_hash);
    let (lower, higher) = if in_order { (a, b) } else { (b, a) };
    let kind = kind_of(lower, higher)?;
    Some(Misbehaviour {
        kind,
        lower: (lower.height, lower.block_hash),
        higher: (higher.height, higher.block_hash),
        common: common_parent(lower, higher),
        culprits: Vec::new(),
    })
}

fn kind_of(lower: &Accepted, higher: &Accepted) -> Option<MisbehaviourKind> {
    use MisbehaviourKind::{Equivocation, ForkAcrossRounds, Lunatic, NotItsChild, TimeWentBack};
    match higher.height.saturating_sub(lower.height) {
        0 if lower.block_hash == higher.block_hash => None,
        0 if !same_state(lower, higher) => Some(Lunatic),
        0 if lower.round == higher.round => Some(Equivocation),
        0 => Some(ForkAcrossRounds),
        1 if higher.last_block_hash != Some(lower.block_hash) => Some(NotItsChild),
        1 if higher.validators_hash != lower.next_validators_hash => Some(NotItsChild),
        _ if higher.time <= lower.time => Some(TimeWentBack),
        _ => None,
    }
}

/// Whether two headers of one height agree in what the block before determines (CometBFT `ConflictingHeaderIsInvalid`).
fn same_state(a: &Accepted, b: &Accepted) -> bool {
    a.validators_hash == b.validators_hash
        && a.next_validators_hash == b.next_validators_hash
        && a.consensus_hash == b.consensus_hash
        && a.app_hash == b.app_hash
        && a.last_results_hash == b.last_results_hash
}

/// Two blocks of one height with one parent: the chains part right above it.
fn common_parent(lower: &Accepted, higher: &Accepted) -> Option<(u64, B256)> {
    let same = lower.height == higher.height && lower.last_block_hash == higher.last_block_hash;
    lower.height.checked_sub(1).zip(lower.last_block_hash).filter(|_| same)
}
