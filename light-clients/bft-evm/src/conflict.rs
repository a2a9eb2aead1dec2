//! Evidence that validators committed two blocks that can not both be.

use alloy_primitives::B256;
use causeway_crypto::Recover;

use crate::{Accepted, Freeze, Params, Refusal, TrustedState, verify::as_evidence};

/// Two final headers on incompatible chains (INV-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misbehaviour {
    /// In which way they are incompatible.
    pub kind: MisbehaviourKind,
    /// Height and block hash of the lower one (of either, at one height).
    pub lower: (u64, B256),
    /// Height and block hash of the higher one.
    pub higher: (u64, B256),
    /// Height and hash of the last block that the two prove to be common to both chains.
    pub common: Option<(u64, B256)>,
}

impl Misbehaviour {
    /// The freeze that this evidence calls for at time `now`: at the last height proven common, else at the newest block
    /// that was accepted.
    pub fn freeze(&self, trusted: &TrustedState, now: u64) -> Freeze {
        match self.common {
            Some((at, hash)) => Freeze { at, since: now, anchor: Some(hash) },
            None => Freeze { at: trusted.height(), since: now, anchor: Some(trusted.block_hash()) },
        }
    }
}

/// In which way two final headers are incompatible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MisbehaviourKind {
    /// One height, two block hashes.
    TwoBlocks,
    /// A child whose parent hash is not the hash of the block one height below it.
    NotItsChild,
    /// A higher block that is older than the lower one, while times along a chain never go back.
    TimeWentBack,
}

/// Whether two updates, each acceptable from `trusted`, are evidence of misbehaviour.
///
/// The same block under other seals or another round is none: its hash is the same. An ancestor and its descendant
/// are none. Heights that are further apart than one prove nothing without the headers between them, unless time went
/// back from the lower to the higher. (Equal times at two heights are no evidence: chains with blocks of less than a
/// second have them.)
///
/// # Errors
/// The first refusal among the two: a header that the client would not accept is no evidence, and neither is one
/// judged from an expired or frozen state.
pub fn conflict_with<R: Recover>(
    params: &Params,
    trusted: &TrustedState,
    a: &[u8],
    b: &[u8],
    now: u64,
) -> Result<Option<Misbehaviour>, Refusal> {
    let a = as_evidence::<R>(params, trusted, a, now)?;
    let b = as_evidence::<R>(params, trusted, b, now)?;
    let (lower, higher) = if a.height <= b.height { (a, b) } else { (b, a) };
    Ok(kind_of(&lower, &higher).map(|kind| Misbehaviour {
        kind,
        lower: (lower.height, lower.block_hash),
        higher: (higher.height, higher.block_hash),
        common: common_parent(&lower, &higher),
    }))
}

fn kind_of(lower: &Accepted, higher: &Accepted) -> Option<MisbehaviourKind> {
    match higher.height - lower.height {
        0 if lower.block_hash != higher.block_hash => Some(MisbehaviourKind::TwoBlocks),
        1 if higher.parent_hash != lower.block_hash => Some(MisbehaviourKind::NotItsChild),
        1.. if higher.time < lower.time => Some(MisbehaviourKind::TimeWentBack),
        _ => None,
    }
}

/// Two blocks of one height with one parent: the chains part right above it.
fn common_parent(lower: &Accepted, higher: &Accepted) -> Option<(u64, B256)> {
    let same = lower.height == higher.height && lower.parent_hash == higher.parent_hash;
    lower.height.checked_sub(1).filter(|_| same).map(|height| (height, lower.parent_hash))
}
