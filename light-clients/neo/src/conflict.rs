//! Evidence that a consensus witnessed two blocks that can not both be.

use alloy_primitives::B256;
use causeway_crypto::p256::VerifyP256;

use crate::{Accepted, Freeze, Params, Refusal, TrustedState, verify::judge_alone};

/// Two headers, each acceptable, that can not stand on one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misbehaviour {
    /// What is wrong.
    pub kind: MisbehaviourKind,
    /// Height and hash of the lower header.
    pub lower: (u64, B256),
    /// Height and hash of the higher one.
    pub higher: (u64, B256),
    /// Height and hash of a block that both chains share, where the evidence shows one.
    pub common: Option<(u64, B256)>,
}

/// How two headers contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MisbehaviourKind {
    /// Two blocks of one height.
    TwoBlocks,
    /// The higher one follows directly and names another parent.
    NotItsChild,
    /// The higher one has an earlier time.
    TimeWentBack,
}

impl Misbehaviour {
    /// The freeze that follows from it: at the last block known to be common, else at the last one used before.
    pub fn freeze(&self, trusted: &TrustedState, now: u64) -> Freeze {
        Freeze { at: self.common.map_or(trusted.height(), |(height, _)| height), since: now }
    }
}

/// Whether two headers are evidence of misbehaviour. Each must be acceptable from the trusted state by itself, its link
/// to the trusted header aside; an ancestor and its descendant, or one block under two sets of signatures, are none.
///
/// # Errors
/// One of the two would not be accepted, so it is no evidence.
pub fn conflict_with<V: VerifyP256>(
    params: &Params,
    trusted: &TrustedState,
    a: &[u8],
    b: &[u8],
    now: u64,
) -> Result<Option<Misbehaviour>, Refusal> {
    let a = judge_alone::<V>(params, trusted, a, now)?;
    let b = judge_alone::<V>(params, trusted, b, now)?;
    let (lower, higher) = if a.height <= b.height { (a, b) } else { (b, a) };
    Ok(kind_of(&lower, &higher).map(|kind| Misbehaviour {
        kind,
        lower: (lower.height, lower.hash),
        higher: (higher.height, higher.hash),
        common: common_parent(&lower, &higher),
    }))
}

fn kind_of(lower: &Accepted, higher: &Accepted) -> Option<MisbehaviourKind> {
    match higher.height - lower.height {
        0 if lower.hash != higher.hash => Some(MisbehaviourKind::TwoBlocks),
        1 if higher.parent_hash != lower.hash => Some(MisbehaviourKind::NotItsChild),
        1.. if higher.time_ms < lower.time_ms => Some(MisbehaviourKind::TimeWentBack),
        _ => None,
    }
}

fn common_parent(lower: &Accepted, higher: &Accepted) -> Option<(u64, B256)> {
    let same = lower.height == higher.height && lower.parent_hash == higher.parent_hash;
    lower.height.checked_sub(1).filter(|_| same).map(|height| (height, lower.parent_hash))
}
