//! Evidence of two chains that can not both be final.

use alloy_primitives::U256;

use crate::{BlockHash, Freeze, Params, Refusal, TrustedState, context::WorkMemo, verify::Branch, verify::judge};

/// Two chains, each with the work of finality on a block that the other does not have (INV-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misbehaviour {
    /// Height and hash of the last block common to both.
    pub common: (u32, BlockHash),
    /// The first chain above it.
    pub first: Rival,
    /// The second chain above it.
    pub second: Rival,
}

/// A chain above the block where two part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rival {
    /// Its newest block's height.
    pub height: u32,
    /// That block's hash.
    pub hash: BlockHash,
    /// Work of the blocks that the other chain does not have.
    pub work: U256,
}

impl Misbehaviour {
    /// The freeze that this evidence calls for at time `now`.
    pub const fn freeze(&self, now: u64) -> Freeze {
        Freeze { at: self.common.0, since: now }
    }
}

/// Whether two updates, each acceptable from `trusted`, are evidence of misbehaviour. An update that ends within the
/// trusted chain stands for all of it, so that any known header and a rival chain make evidence.
///
/// A stale block is none, and neither is a reorganisation of blocks that were not final, the same block twice, or an
/// ancestor and its descendant: on each side the first block that the other lacks must be final by its own chain's work.
///
/// # Errors
/// The first refusal among the two: headers that the client would not accept are no evidence, and neither is anything
/// judged from an expired or frozen state.
pub fn conflict(
    params: &Params,
    trusted: &TrustedState,
    a: &[u8],
    b: &[u8],
    now: u64,
) -> Result<Option<Misbehaviour>, Refusal> {
    let (a, b) = (judge(params, trusted, a, now)?, judge(params, trusted, b, now)?);
    let (a, b) = (Chain::of(trusted, &a), Chain::of(trusted, &b));
    // Both hold the trusted chain up to the lower of the two parents.
    let start = a.branch.parent.min(b.branch.parent);
    let last = a.tip().0.min(b.tip().0);
    let common = (start..=last).take_while(|height| a.hash_at(*height) == b.hash_at(*height)).last();
    let Some((at, hash)) = common.and_then(|height| a.hash_at(height).map(|hash| (height, hash))) else {
        return Ok(None);
    };
    let (first, second) = (a.above(at), b.above(at));
    let both_final = first.work >= params.final_work && second.work >= params.final_work;
    Ok(both_final.then_some(Misbehaviour { common: (at, hash), first, second }))
}

/// A branch with the trusted chain below it, and above it where it ends within.
struct Chain<'a> {
    trusted: &'a TrustedState,
    branch: &'a Branch,
    within: bool,
}

impl<'a> Chain<'a> {
    fn of(trusted: &'a TrustedState, branch: &'a Branch) -> Self {
        let within = trusted.hash_at(branch.tip.height) == Some(branch.tip.hash);
        Self { trusted, branch, within }
    }

    fn hash_at(&self, height: u32) -> Option<BlockHash> {
        match self.within || height <= self.branch.parent {
            true => self.trusted.hash_at(height),
            false => self.branch.hash_at(height),
        }
    }

    fn tip(&self) -> (u32, BlockHash) {
        let tip = if self.within { &self.trusted.tip } else { &self.branch.tip };
        (tip.height, tip.hash)
    }

    /// What this chain has above a block of it.
    fn above(&self, common: u32) -> Rival {
        let (height, hash) = self.tip();
        let mut works = WorkMemo::default();
        let mut sum = |blocks: &[crate::Block]| {
            blocks.iter().map(|block| works.of(block.bits)).fold(U256::ZERO, U256::saturating_add)
        };
        let on_trusted = common.saturating_sub(self.trusted.base.height) as usize;
        let work = match self.within {
            true => sum(self.trusted.blocks.get(on_trusted..).unwrap_or_default()),
            false => {
                let parent = self.branch.parent.saturating_sub(self.trusted.base.height) as usize;
                let below = self.trusted.blocks.get(on_trusted..parent).unwrap_or_default();
                let skipped = common.saturating_sub(self.branch.parent) as usize;
                sum(below).saturating_add(sum(self.branch.blocks.get(skipped..).unwrap_or_default()))
            }
        };
        Rival { height, hash, work }
    }
}
