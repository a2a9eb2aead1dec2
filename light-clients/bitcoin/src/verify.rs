//! The rules by which headers are accepted, one small function each.

use alloc::vec::Vec;

use alloy_primitives::U256;

use crate::{
    Block, BlockHash, Context, Header, Params, Refusal, Rules, TrustedState, WorkFault,
    context::{TargetMemo, WorkMemo},
    hash::header_hashes,
    header::headers_in,
    params::{BIP54_GRACE, BIP94_GRACE, MAX_UPDATE_HEADERS, PERIOD_BLOCKS},
};

/// The rules in the order in which [`verify`] applies them; from the seventh on header by header. The first one broken
/// is the verdict.
pub const RULES: [&str; 15] = [
    "not frozen",
    "within the trusting period: tip.time + trustingPeriod > now",
    "one or more whole headers, at most 4032",
    "the first header's parent is remembered",
    "a height is left",
    "each header's parent is the one before it",
    "bits as retargeting gives them (GetNextWorkRequired)",
    "hash <= target <= limit (CheckProofOfWork)",
    "time > median of the eleven times before (time-too-old)",
    "BIP 94, BIP 54: a period's first block not far before its parent; BIP 54: its last not before its first",
    "time <= now + drift (time-too-new)",
    "version not outdated (bad-version)",
    "moves only to more work than the tip's",
    "and undoes no final block",
    "forgets what lies deeper than the window",
];

/// Headers hashed before the first of them is judged: so few that a bad run costs next to nothing.
const HASHED_TOGETHER: usize = 32;

/// A header that the client believes to be valid; see [`Effect`] for whether it is of the heaviest chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Height of the block.
    pub height: u32,
    /// Its hash.
    pub hash: BlockHash,
    /// Its time, Unix seconds.
    pub time: u32,
    /// Median of its time and the ten before: the time to measure deadlines with.
    pub median_time: u32,
    /// Work of the chain up to it.
    pub work: U256,
}

/// What an update did to the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: its headers are known already, or valid and on a chain with no more work than the tip's. A stale block is
    /// no misbehaviour.
    None,
    /// The chain grew.
    Extended,
    /// Another chain is heavier.
    Reorganised {
        /// Last block common to both.
        common: u32,
    },
}

/// The outcome of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The last header of the update.
    pub header: Accepted,
    /// What became of the chain.
    pub effect: Effect,
    /// The trusted state from now on.
    pub trusted: TrustedState,
}

/// Judges an update, headers of 80 bytes one after the other, against a trusted state at time `now` (Unix seconds). The
/// first one's parent must be remembered; to offer another chain, send it whole from where it leaves this one.
///
/// # Errors
/// The first of [`RULES`] that the update breaks.
pub fn verify(params: &Params, trusted: &TrustedState, update: &[u8], now: u64) -> Result<Verified, Refusal> {
    let branch = judge(params, trusted, update, now)?;
    let tip = branch.tip;
    let header =
        Accepted { height: tip.height, hash: tip.hash, time: tip.time, median_time: tip.median_time(), work: tip.work };
    if tip.work <= trusted.tip.work {
        return Ok(Verified { header, effect: Effect::None, trusted: trusted.clone() });
    }
    let common = branch.common_with(trusted);
    undoes_nothing_final(params, trusted, common)?;
    let effect = if common == trusted.tip.height { Effect::Extended } else { Effect::Reorganised { common } };
    Ok(Verified { header, effect, trusted: branch.moved(params, trusted) })
}

/// Valid headers on a block of the trusted chain.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    /// Height of the block that they stand on.
    pub(crate) parent: u32,
    /// The headers' blocks.
    pub(crate) blocks: Vec<Block>,
    /// The last one.
    pub(crate) tip: Context,
}

impl Branch {
    /// Hash at a height of the branch itself.
    pub(crate) fn hash_at(&self, height: u32) -> Option<BlockHash> {
        let above = height.checked_sub(self.parent)?.checked_sub(1)?;
        self.blocks.get(above as usize).map(|block| block.hash)
    }

    /// Height of the last block that the branch shares with the trusted chain.
    pub(crate) fn common_with(&self, trusted: &TrustedState) -> u32 {
        let heights = self.parent.saturating_add(1)..=self.tip.height;
        let shared = heights.take_while(|height| self.hash_at(*height) == trusted.hash_at(*height));
        shared.last().unwrap_or(self.parent)
    }

    /// The state with the branch as its chain, reduced to the window.
    fn moved(self, params: &Params, trusted: &TrustedState) -> TrustedState {
        let kept = self.parent.saturating_sub(trusted.base.height) as usize;
        let kept = trusted.blocks.get(..kept).unwrap_or_default();
        let surplus = (kept.len() + self.blocks.len()).saturating_sub(params.window as usize);
        if kept.is_empty() && surplus == 0 {
            return TrustedState { base: trusted.base, blocks: self.blocks, tip: self.tip, frozen: trusted.frozen };
        }
        let (mut base, mut works) = (trusted.base, WorkMemo::default());
        for block in kept.iter().chain(&self.blocks).take(surplus) {
            base.push(&params.rules, block, works.of(block.bits));
        }
        let blocks = kept.iter().chain(&self.blocks).skip(surplus).copied().collect();
        TrustedState { base, blocks, tip: self.tip, frozen: trusted.frozen }
    }
}

/// The rules up to the version: gives the headers as a branch.
pub(crate) fn judge(params: &Params, trusted: &TrustedState, update: &[u8], now: u64) -> Result<Branch, Refusal> {
    not_frozen(params, trusted)?;
    within_trusting_period(params, trusted, now)?;
    let headers = headers_in(update).ok_or(Refusal::Malformed { bytes: update.len() })?;
    if headers.len() > MAX_UPDATE_HEADERS {
        return Err(Refusal::TooLarge { limit: MAX_UPDATE_HEADERS, found: headers.len() });
    }
    let first = headers.first().map(Header::new).ok_or(Refusal::Malformed { bytes: 0 })?;
    let parent = parent_of(params, trusted, &first)?;
    if parent.height.checked_add(headers.len() as u32).is_none() {
        return Err(Refusal::HeightsExhausted { height: parent.height });
    }
    let (mut tip, mut targets) = (parent, TargetMemo::default());
    let mut blocks = Vec::with_capacity(headers.len());
    let mut hashes = [BlockHash::default(); HASHED_TOGETHER];
    for headers in headers.chunks(HASHED_TOGETHER) {
        header_hashes(headers, &mut hashes);
        for (header, hash) in headers.iter().map(Header::new).zip(hashes) {
            let (block, work) = child_of(params, &tip, &header, hash, &mut targets, now)?;
            tip.push(&params.rules, &block, work);
            blocks.push(block);
        }
    }
    Ok(Branch { parent: parent.height, blocks, tip })
}

/// One header on its parent: gives the block and its work.
fn child_of(
    params: &Params,
    parent: &Context,
    header: &Header<'_>,
    hash: BlockHash,
    targets: &mut TargetMemo,
    now: u64,
) -> Result<(Block, U256), Refusal> {
    let rules = &params.rules;
    // Not the last: the caller has checked.
    let height = parent.height.saturating_add(1);
    let block = Block { hash, time: header.time(), bits: header.bits() };
    is_child(parent, height, header)?;
    bits_as_required(rules, parent, height, &block)?;
    let work = work_done(rules, height, &block, targets)?;
    after_median(parent, height, block.time)?;
    no_timewarp(rules, parent, height, block.time)?;
    not_from_future(params, height, block.time, now)?;
    version_in_force(rules, height, header.version())?;
    Ok((block, work))
}

fn not_frozen(params: &Params, trusted: &TrustedState) -> Result<(), Refusal> {
    let frozen = |freeze: crate::Freeze| Refusal::Frozen {
        at: freeze.at,
        readable_from: freeze.since.saturating_add(params.freeze_delay),
    };
    trusted.frozen.map_or(Ok(()), |freeze| Err(frozen(freeze)))
}

pub(crate) fn within_trusting_period(params: &Params, trusted: &TrustedState, now: u64) -> Result<(), Refusal> {
    let expired_at = trusted.expires_at(params);
    if expired_at > now { Ok(()) } else { Err(Refusal::Expired { expired_at, now }) }
}

/// Headers name no network: what ties them to one is their parent. A genesis block has none.
fn parent_of(params: &Params, trusted: &TrustedState, first: &Header<'_>) -> Result<Context, Refusal> {
    let parent = first.parent();
    let known = trusted.height_of(&parent).and_then(|height| trusted.context_at(&params.rules, height));
    known.ok_or_else(|| match parent == BlockHash::default() {
        true => Refusal::ChainMismatch { expected: params.rules.genesis, found: first.hash() },
        false => Refusal::UnknownParent { parent },
    })
}

fn is_child(parent: &Context, height: u32, header: &Header<'_>) -> Result<(), Refusal> {
    let (expected, found) = (parent.hash, header.parent());
    if found == expected { Ok(()) } else { Err(Refusal::NotAChild { height, expected, found }) }
}

fn bits_as_required(rules: &Rules, parent: &Context, height: u32, block: &Block) -> Result<(), Refusal> {
    let (expected, found) = (parent.required_bits(rules, block.time)?, block.bits);
    if found == expected { Ok(()) } else { Err(Refusal::WrongBits { height, expected, found }) }
}

fn work_done(rules: &Rules, height: u32, block: &Block, targets: &mut TargetMemo) -> Result<U256, Refusal> {
    let bits = block.bits;
    let no_target = |fault| Refusal::work(height, WorkFault::Bits { bits, fault });
    let target = targets.within(bits, rules.limit).map_err(no_target)?;
    if target.met_by(&block.hash) {
        return Ok(target.work);
    }
    Err(Refusal::work(height, WorkFault::HashAboveTarget { target: target.target, hash: block.hash }))
}

fn after_median(parent: &Context, height: u32, found: u32) -> Result<(), Refusal> {
    if parent.median_before(found) {
        return Ok(());
    }
    Err(Refusal::NonMonotonicTime { height, median: parent.median_time(), found })
}

fn no_timewarp(rules: &Rules, parent: &Context, height: u32, found: u32) -> Result<(), Refusal> {
    let place = height % PERIOD_BLOCKS;
    if place == 0 {
        let grace = match (rules.bip94, rules.bip54) {
            (true, _) => BIP94_GRACE,
            (false, true) => BIP54_GRACE,
            (false, false) => return Ok(()),
        };
        let earliest = parent.time.saturating_sub(grace);
        return if found >= earliest { Ok(()) } else { Err(Refusal::Timewarp { height, earliest, found }) };
    }
    if !rules.bip54 || place != PERIOD_BLOCKS - 1 {
        return Ok(());
    }
    let first = parent.period.ok_or(Refusal::PeriodStartUnknown { height })?.time;
    if found >= first { Ok(()) } else { Err(Refusal::NegativePeriod { height, first, found }) }
}

pub(crate) fn not_from_future(params: &Params, height: u32, found: u32, now: u64) -> Result<(), Refusal> {
    let latest = now.saturating_add(params.drift);
    if u64::from(found) <= latest { Ok(()) } else { Err(Refusal::HeaderFromFuture { height, latest, found }) }
}

fn version_in_force(rules: &Rules, height: u32, found: i32) -> Result<(), Refusal> {
    let least = rules.least_version(height);
    if found >= least { Ok(()) } else { Err(Refusal::OldVersion { height, least, found }) }
}

/// INV-8: a final block is never undone. Where two chains both hold enough work, that is misbehaviour, to be shown with
/// [`crate::conflict`].
fn undoes_nothing_final(params: &Params, trusted: &TrustedState, common: u32) -> Result<(), Refusal> {
    match trusted.confirmed(params.final_work) {
        Some(last_final) if common < last_final => Err(Refusal::ReorgBelowFinal { common, last_final }),
        _ => Ok(()),
    }
}
