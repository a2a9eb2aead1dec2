//! What must be known of a block to judge its child: Bitcoin's `CBlockIndex`, reduced to what headers depend on.

use alloy_primitives::U256;

use crate::{
    BitsFault, BlockHash, Refusal,
    compact::{Target, bits_of, target_of, work_of},
    params::{MEDIAN_BLOCKS, PERIOD_BLOCKS, PERIOD_SECONDS, Rules, SPACING},
};

/// First block of a difficulty period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its time, Unix seconds.
    pub time: u32,
    /// Its target, compact.
    pub bits: u32,
}

/// A block and what its descendants depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    pub(crate) height: u32,
    pub(crate) hash: BlockHash,
    pub(crate) time: u32,
    pub(crate) bits: u32,
    /// Work of the chain up to this block.
    pub(crate) work: U256,
    /// Times of this block (last) and the ten before it. Where the chain is shorter, `u32::MAX` fills the front.
    pub(crate) times: [u32; MEDIAN_BLOCKS],
    /// How many of `times` are of blocks.
    pub(crate) known: u8,
    /// First block of the period that this block is in.
    pub(crate) period: Option<Period>,
    /// Target of the last block of this period that is not of the easiest one (or of the period's first).
    pub(crate) real_bits: u32,
}

/// The parts of a context that somebody vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vouched<'a> {
    /// The block's height.
    pub height: u32,
    /// Its hash.
    pub hash: BlockHash,
    /// Its target, compact.
    pub bits: u32,
    /// Work of the chain up to it, itself included.
    pub work: U256,
    /// Times of it (last) and of up to ten blocks before it, oldest first. At least its own.
    pub times: &'a [u32],
    /// First block of its period; none where that is not known: then the next period can not be entered.
    pub period: Option<Period>,
    /// Target of the last block of its period with another target than the easiest (testnets); else as `bits`.
    pub real_bits: u32,
}

impl Context {
    /// A context from parts that the caller vouches for; [`crate::TrustedState::begin`] needs only a pinned hash.
    ///
    /// # Errors
    /// The bits are no target.
    pub fn vouched(parts: &Vouched<'_>) -> Result<Self, BitsFault> {
        target_of(parts.bits)?;
        let mut times = [u32::MAX; MEDIAN_BLOCKS];
        let known = parts.times.len().min(MEDIAN_BLOCKS);
        times.iter_mut().rev().zip(parts.times.iter().rev()).for_each(|(to, from)| *to = *from);
        Ok(Self {
            height: parts.height,
            hash: parts.hash,
            time: parts.times.last().copied().unwrap_or_default(),
            bits: parts.bits,
            work: parts.work,
            times,
            // At most 11.
            known: known as u8,
            period: parts.period,
            real_bits: parts.real_bits,
        })
    }

    /// The first block of a run, of which nothing before is known. It counts no work: the caller sets where counting
    /// starts.
    pub(crate) fn first(height: u32, block: &Block) -> Self {
        let mut times = [u32::MAX; MEDIAN_BLOCKS];
        if let Some(last) = times.last_mut() {
            *last = block.time;
        }
        let Block { hash, time, bits } = *block;
        let period = height.is_multiple_of(PERIOD_BLOCKS).then_some(Period { time, bits });
        Self { height, hash, time, bits, work: U256::ZERO, times, known: 1, period, real_bits: bits }
    }

    /// The block's height.
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// Its hash.
    pub const fn hash(&self) -> BlockHash {
        self.hash
    }

    /// Its time, Unix seconds: its miner's word, which may go back from one block to the next.
    pub const fn time(&self) -> u32 {
        self.time
    }

    /// Its target, compact.
    pub const fn bits(&self) -> u32 {
        self.bits
    }

    /// Work of the chain up to it, counted from the pinned block's.
    pub const fn work(&self) -> U256 {
        self.work
    }

    /// First block of its period, where known.
    pub const fn period(&self) -> Option<Period> {
        self.period
    }

    /// Times of it (last) and of up to ten blocks before it.
    pub fn times(&self) -> &[u32] {
        self.times.get(MEDIAN_BLOCKS - usize::from(self.known)..).unwrap_or_default()
    }

    /// Median of the times of it and the ten blocks before it: grows from block to block, and no single miner sets it
    /// (`GetMedianTimePast`, BIP 113).
    pub fn median_time(&self) -> u32 {
        let mut sorted = self.times;
        sorted.sort_unstable();
        sorted.get(usize::from(self.known) / 2).copied().unwrap_or(u32::MAX)
    }

    /// Whether a child's time is after the median: more than half of the times are below it. The same as comparing with
    /// [`Context::median_time`], without sorting.
    pub(crate) fn median_before(&self, time: u32) -> bool {
        let below = self.times.iter().map(|earlier| u32::from(*earlier < time)).sum::<u32>();
        below > u32::from(self.known) / 2
    }

    /// The bits that a child of this time must have (`GetNextWorkRequired`).
    ///
    /// # Errors
    /// The child opens a period, and the first block of the one before is not known.
    pub fn required_bits(&self, rules: &Rules, child_time: u32) -> Result<u32, Refusal> {
        let height = self.height.saturating_add(1);
        if height.is_multiple_of(PERIOD_BLOCKS) {
            if rules.no_retargeting {
                return Ok(self.bits);
            }
            let first = self.period.ok_or(Refusal::PeriodStartUnknown { height })?;
            let base = if rules.bip94 { first.bits } else { self.bits };
            return Ok(next_period_bits(rules.limit, base, first.time, self.time));
        }
        if !rules.min_difficulty {
            return Ok(self.bits);
        }
        let late = u64::from(child_time) > u64::from(self.time) + 2 * u64::from(SPACING);
        Ok(if late { rules.limit } else { self.real_bits })
    }

    /// The context of a child that was judged.
    pub(crate) fn push(&mut self, rules: &Rules, child: &Block, work: U256) {
        self.height = self.height.saturating_add(1);
        self.hash = child.hash;
        self.time = child.time;
        self.bits = child.bits;
        self.work = self.work.saturating_add(work);
        self.times.copy_within(1.., 0);
        if let Some(last) = self.times.last_mut() {
            *last = child.time;
        }
        self.known = MEDIAN_BLOCKS.min(usize::from(self.known) + 1) as u8;
        if self.height.is_multiple_of(PERIOD_BLOCKS) {
            self.period = Some(Period { time: child.time, bits: child.bits });
            self.real_bits = child.bits;
        } else if child.bits != rules.limit {
            self.real_bits = child.bits;
        }
    }
}

/// The bits of a period, from the times of the first and the last block of the one before (`CalculateNextWorkRequired`):
/// 2015 intervals measured against 2016, kept between a quarter and four times two weeks.
pub fn next_period_bits(limit: u32, base_bits: u32, first_time: u32, last_time: u32) -> u32 {
    let (Ok(base), Ok(easiest)) = (target_of(base_bits), target_of(limit)) else { return limit };
    let expected = i64::from(PERIOD_SECONDS);
    let taken = (i64::from(last_time) - i64::from(first_time)).clamp(expected / 4, expected * 4);
    let scaled = base.saturating_mul(U256::from(taken.unsigned_abs())) / U256::from(PERIOD_SECONDS);
    bits_of(scaled.min(easiest))
}

/// What a trusted state keeps of a block in its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its hash.
    pub hash: BlockHash,
    /// Its time, Unix seconds.
    pub time: u32,
    /// Its target, compact.
    pub bits: u32,
}

/// Work by bits, with the last answer kept: nearly all neighbours have the same.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WorkMemo(Option<(u32, U256)>);

impl WorkMemo {
    /// Work of a block of the window, whose bits were judged when it entered.
    pub(crate) fn of(&mut self, bits: u32) -> U256 {
        if let Some((known, work)) = self.0
            && known == bits
        {
            return work;
        }
        let work = work_of(bits).unwrap_or_default();
        self.0 = Some((bits, work));
        work
    }
}

/// Targets by bits, with the last kept.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TargetMemo(Option<Target>);

impl TargetMemo {
    /// The target of these bits under a network's limit.
    pub(crate) fn within(&mut self, bits: u32, limit: u32) -> Result<Target, BitsFault> {
        if let Some(known) = self.0
            && known.bits == bits
        {
            return Ok(known);
        }
        let target = Target::within(bits, limit)?;
        self.0 = Some(target);
        Ok(target)
    }
}
