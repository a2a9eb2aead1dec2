//! Evidence that a quorum sealed two blocks that can not both be.

use alloy_primitives::B256;
use causeway_crypto::Recover;

use crate::{Accepted, Freeze, Params, Refusal, TrustedState, verify_with};

/// Two final blocks on incompatible chains (INV-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misbehaviour {
    /// In which way they are incompatible.
    pub kind: MisbehaviourKind,
    /// Height and hash of the lower one (of either, at one height).
    pub lower: (u64, B256),
    /// Height and hash of the higher one.
    pub higher: (u64, B256),
    /// Height and hash of the last block that the two prove to be common to both chains.
    pub common: Option<(u64, B256)>,
}

impl Misbehaviour {
    /// The freeze that this evidence calls for at time `now`: at the last height proven common, else at the last one
    /// used before.
    pub fn freeze(&self, trusted: &TrustedState, now: u64) -> Freeze {
        match self.common {
            Some((at, hash)) => Freeze { at, since: now, anchor: Some(hash) },
            None => Freeze { at: trusted.height(), since: now, anchor: None },
        }
    }
}

/// In which way two final blocks are incompatible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MisbehaviourKind {
    /// One height, two hashes.
    TwoBlocks,
    /// A child whose parent hash is not the hash of the block one height below it.
    NotItsChild,
    /// A higher block that is not newer than the lower one.
    TimeWentBack,
}

/// Whether two updates, each acceptable from `trusted`, are evidence of misbehaviour.
///
/// The same block under other signatures is none. An ancestor and its descendant are none. Heights that
/// are further apart than one prove nothing without the headers between them, unless time went back.
///
/// # Errors
/// The first refusal among the two: a block that the client would not accept is no evidence.
pub fn conflict_with<R: Recover>(
    params: &Params,
    trusted: &TrustedState,
    a: &[u8],
    b: &[u8],
    now: u64,
) -> Result<Option<Misbehaviour>, Refusal> {
    let a = verify_with::<R>(params, trusted, a, now)?.header;
    let b = verify_with::<R>(params, trusted, b, now)?.header;
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
        1.. if higher.time_ms <= lower.time_ms => Some(MisbehaviourKind::TimeWentBack),
        _ => None,
    }
}

/// Two blocks of one height with one parent: the chains part right above it.
fn common_parent(lower: &Accepted, higher: &Accepted) -> Option<(u64, B256)> {
    let same = lower.height == higher.height && lower.parent_hash == higher.parent_hash;
    lower.height.checked_sub(1).filter(|_| same).map(|height| (height, lower.parent_hash))
}
