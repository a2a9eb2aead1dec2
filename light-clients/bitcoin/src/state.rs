//! What a client holds to be true: a chain of blocks from the pinned one, heaviest of those seen.

use alloc::vec::Vec;

use alloy_primitives::U256;
use thiserror::Error;

use crate::{
    BitsFault, Block, BlockHash, Context, Header, Params, Period, Refusal, Rules,
    compact::target_of,
    context::{Vouched, WorkMemo},
    header::headers_in,
    params::{MAX_WINDOW, MEDIAN_BLOCKS, PERIOD_BLOCKS},
};

/// Version of the encoding of a trusted state.
const VERSION: u8 = 1;

/// A block that the configuration names: where trust begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Its height.
    pub height: u32,
    /// Its hash.
    pub hash: BlockHash,
    /// Work of the chain up to it, or zero to count from it. Only differences of work decide anything.
    pub work: U256,
}

impl Pin {
    /// Headers that a start from this block needs, ending with it: back to the first of its period (for the next
    /// retarget) and to the tenth before it (for the median of times).
    pub fn headers_needed(&self) -> usize {
        let period = self.height % PERIOD_BLOCKS + 1;
        let median = self.height.saturating_add(1).min(MEDIAN_BLOCKS as u32);
        period.max(median) as usize
    }
}

/// What a client remembers of the evidence that froze it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Freeze height: the last block common to both chains. Nothing above it is believed any more.
    pub at: u32,
    /// Unix seconds of the freeze.
    pub since: u64,
}

/// A trusted state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedState {
    /// The oldest block remembered. No reorganisation goes below it.
    pub(crate) base: Context,
    /// The blocks on it, up to the tip.
    pub(crate) blocks: Vec<Block>,
    /// The newest.
    pub(crate) tip: Context,
    pub(crate) frozen: Option<Freeze>,
}

/// Bytes that are no trusted state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StateFault {
    /// Written by another version.
    #[error("trusted state: expected version {VERSION}, found {0}")]
    Version(u8),
    /// Not of the length that its counts give.
    #[error("trusted state: {bytes} bytes are too few or too many")]
    Length {
        /// Bytes found.
        bytes: usize,
    },
    /// A flag that is neither 0 nor 1.
    #[error("trusted state: flag {0}")]
    Flag(u8),
    /// A count beyond its bound.
    #[error("trusted state: at most {limit} {what}, found {found}")]
    Count {
        /// What was counted.
        what: &'static str,
        /// The bound.
        limit: u32,
        /// The number found.
        found: u32,
    },
    /// Bits that are no target.
    #[error("trusted state: bits {bits:08x}: {fault}")]
    Bits {
        /// The bits.
        bits: u32,
        /// What is wrong with them.
        fault: BitsFault,
    },
}

impl TrustedState {
    /// Starts a client at a block that the configuration pins. `headers` may come from any node: they end with the pinned
    /// one and go back [`Pin::headers_needed`] headers, each tied to the next by its hash.
    ///
    /// # Errors
    /// [`Refusal::ChainMismatch`] if it is another block, [`Refusal::NotAChild`] where the run is not linked,
    /// [`Refusal::Expired`] if the pin is older than the trusting period, [`Refusal::HeaderFromFuture`].
    pub fn begin(params: &Params, pin: &Pin, headers: &[u8], now: u64) -> Result<Self, Refusal> {
        let headers = headers_in(headers).ok_or(Refusal::Malformed { bytes: headers.len() })?;
        if headers.len() != pin.headers_needed() {
            return Err(Refusal::StartLength { expected: pin.headers_needed(), found: headers.len() });
        }
        let mut expected = pin.hash;
        for (back, header) in headers.iter().rev().map(Header::new).enumerate() {
            let found = header.hash();
            let height = pin.height.saturating_sub(back as u32);
            let genesis = (height == 0).then_some(params.rules.genesis);
            match found == expected {
                true if genesis.is_none_or(|genesis| genesis == found) => expected = header.parent(),
                true => return Err(Refusal::ChainMismatch { expected: params.rules.genesis, found }),
                false if back == 0 => return Err(Refusal::ChainMismatch { expected, found }),
                false => return Err(Refusal::NotAChild { height: height + 1, expected: found, found: expected }),
            }
        }
        let mut context = None::<Context>;
        let first = pin.height.saturating_sub(headers.len() as u32 - 1);
        for (height, header) in (first..).zip(headers.iter().map(Header::new)) {
            let block = Block { hash: header.hash(), time: header.time(), bits: header.bits() };
            match &mut context {
                Some(context) => context.push(&params.rules, &block, U256::ZERO),
                None => context = Some(Context::first(height, &block)),
            }
        }
        let mut tip = context.ok_or(Refusal::Malformed { bytes: 0 })?;
        tip.work = pin.work;
        crate::compact::Target::within(tip.bits, params.rules.limit).map_err(|fault| Refusal::NoTarget {
            height: tip.height,
            bits: tip.bits,
            fault,
        })?;
        let state = Self::at(tip);
        crate::verify::within_trusting_period(params, &state, now)?;
        crate::verify::not_from_future(params, tip.height, tip.time, now)?;
        Ok(state)
    }

    /// A state that knows one block. Who calls this vouches for the context; use [`TrustedState::begin`] to start from
    /// a pin.
    pub const fn at(context: Context) -> Self {
        Self { base: context, blocks: Vec::new(), tip: context, frozen: None }
    }

    /// The newest block of the heaviest chain.
    pub const fn tip(&self) -> &Context {
        &self.tip
    }

    /// The oldest block remembered.
    pub const fn base(&self) -> &Context {
        &self.base
    }

    /// The freeze, if the client is frozen.
    pub const fn frozen(&self) -> Option<Freeze> {
        self.frozen
    }

    /// Unix seconds from which this state no longer vouches for others.
    pub const fn expires_at(&self, params: &Params) -> u64 {
        (self.tip.time as u64).saturating_add(params.trusting_period)
    }

    /// The same state, frozen. Freezing deletes nothing; a second freeze changes nothing.
    #[must_use]
    pub fn freeze(mut self, freeze: Freeze) -> Self {
        self.frozen.get_or_insert(freeze);
        self
    }

    /// The block at a height, from the oldest remembered to the tip.
    pub fn hash_at(&self, height: u32) -> Option<BlockHash> {
        match height.checked_sub(self.base.height)? {
            0 => Some(self.base.hash),
            above => self.blocks.get(above as usize - 1).map(|block| block.hash),
        }
    }

    /// The height of a block of the chain, if it is remembered.
    pub fn height_of(&self, hash: &BlockHash) -> Option<u32> {
        let newest_first = self.blocks.iter().enumerate().rev();
        let above = newest_first.map(|(at, block)| (at as u32 + 1, block.hash)).find(|(_, known)| known == hash);
        let above = above.map(|(above, _)| above).or_else(|| (self.base.hash == *hash).then_some(0))?;
        Some(self.base.height.saturating_add(above))
    }

    /// The context of a block of the chain, worked out again from the oldest remembered.
    pub fn context_at(&self, rules: &Rules, height: u32) -> Option<Context> {
        if height == self.tip.height {
            return Some(self.tip);
        }
        let above = height.checked_sub(self.base.height)? as usize;
        let (mut context, mut works) = (self.base, WorkMemo::default());
        for block in self.blocks.get(..above)? {
            context.push(rules, block, works.of(block.bits));
        }
        Some(context)
    }

    /// Blocks from the tip down to the oldest remembered, with their heights.
    fn newest_first(&self) -> impl Iterator<Item = (u32, u32)> {
        let bits = self.blocks.iter().rev().map(|block| block.bits).chain([self.base.bits]);
        bits.enumerate().map(|(back, bits)| (self.tip.height.saturating_sub(back as u32), bits))
    }

    /// Work of the block at a height and of those on it; none if it is not remembered.
    pub fn work_from(&self, height: u32) -> Option<U256> {
        let mut works = WorkMemo::default();
        let known = (self.base.height..=self.tip.height).contains(&height);
        let from = self.newest_first().take_while(|(at, _)| *at >= height);
        known.then(|| from.map(|(_, bits)| works.of(bits)).fold(U256::ZERO, U256::saturating_add))
    }

    /// The highest block with at least this work in itself and those on it; none if none remembered has as much.
    pub fn confirmed(&self, work: U256) -> Option<u32> {
        let (mut sum, mut works) = (U256::ZERO, WorkMemo::default());
        self.newest_first().find_map(|(height, bits)| {
            sum = sum.saturating_add(works.of(bits));
            (sum >= work).then_some(height)
        })
    }

    /// Writes the state:
    /// `u8 version | base | u32 n | n × (hash | u32 time | u32 bits) | u8 frozen [u32 at | u64 since]`, where `base` is
    /// `u32 height | hash | u32 bits | u256 work | u8 m | m × u32 time | u8 period [u32 time | u32 bits] | u32 real bits`;
    /// numbers big-endian, hashes in wire order, and what is in brackets stands after a flag of 1.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(160 + BLOCK_BYTES * self.blocks.len());
        out.push(VERSION);
        out.extend_from_slice(&self.base.height.to_be_bytes());
        out.extend_from_slice(&self.base.hash.0);
        out.extend_from_slice(&self.base.bits.to_be_bytes());
        out.extend_from_slice(&self.base.work.to_be_bytes::<32>());
        out.push(self.base.known);
        self.base.times().iter().for_each(|time| out.extend_from_slice(&time.to_be_bytes()));
        out.push(u8::from(self.base.period.is_some()));
        if let Some(period) = self.base.period {
            out.extend_from_slice(&period.time.to_be_bytes());
            out.extend_from_slice(&period.bits.to_be_bytes());
        }
        out.extend_from_slice(&self.base.real_bits.to_be_bytes());
        // At most MAX_WINDOW blocks.
        out.extend_from_slice(&(self.blocks.len() as u32).to_be_bytes());
        for block in &self.blocks {
            out.extend_from_slice(&block.hash.0);
            out.extend_from_slice(&block.time.to_be_bytes());
            out.extend_from_slice(&block.bits.to_be_bytes());
        }
        out.push(u8::from(self.frozen.is_some()));
        if let Some(freeze) = self.frozen {
            out.extend_from_slice(&freeze.at.to_be_bytes());
            out.extend_from_slice(&freeze.since.to_be_bytes());
        }
        out
    }

    /// Reads a state back.
    ///
    /// # Errors
    /// The bytes are not exactly what [`TrustedState::encode`] writes.
    pub fn decode(rules: &Rules, bytes: &[u8]) -> Result<Self, StateFault> {
        let length = StateFault::Length { bytes: bytes.len() };
        let mut rest = bytes;
        let [version] = take(&mut rest).ok_or(length)?;
        if version != VERSION {
            return Err(StateFault::Version(version));
        }
        let base = base(&mut rest, length)?;
        let count = u32_of(&mut rest).ok_or(length)?;
        if count > MAX_WINDOW {
            return Err(StateFault::Count { what: "blocks", limit: MAX_WINDOW, found: count });
        }
        let (listed, mut rest) = rest.split_at_checked(BLOCK_BYTES * count as usize).ok_or(length)?;
        let (mut blocks, mut tip, mut works) = (Vec::with_capacity(count as usize), base, WorkMemo::default());
        for mut block in listed.chunks_exact(BLOCK_BYTES) {
            let hash = BlockHash(take(&mut block).ok_or(length)?);
            let (time, bits) = (u32_of(&mut block).ok_or(length)?, bits_of(&mut block, length)?);
            let block = Block { hash, time, bits };
            tip.push(rules, &block, works.of(bits));
            blocks.push(block);
        }
        let frozen = match flag(&mut rest, length)? {
            true => {
                let at = u32_of(&mut rest).ok_or(length)?;
                Some(Freeze { at, since: u64::from_be_bytes(take(&mut rest).ok_or(length)?) })
            }
            false => None,
        };
        if rest.is_empty() { Ok(Self { base, blocks, tip, frozen }) } else { Err(length) }
    }
}

/// Bytes of a block in the encoding.
const BLOCK_BYTES: usize = 32 + 4 + 4;

fn base(rest: &mut &[u8], length: StateFault) -> Result<Context, StateFault> {
    let height = u32_of(rest).ok_or(length)?;
    let hash = BlockHash(take(rest).ok_or(length)?);
    let bits = bits_of(rest, length)?;
    let work = U256::from_be_bytes::<32>(take(rest).ok_or(length)?);
    let [known] = take(rest).ok_or(length)?;
    if known == 0 || usize::from(known) > MEDIAN_BLOCKS {
        return Err(StateFault::Count { what: "times", limit: MEDIAN_BLOCKS as u32, found: known.into() });
    }
    let mut times = Vec::with_capacity(MEDIAN_BLOCKS);
    for _ in 0..known {
        times.push(u32_of(rest).ok_or(length)?);
    }
    let period = match flag(rest, length)? {
        true => Some(Period { time: u32_of(rest).ok_or(length)?, bits: bits_of(rest, length)? }),
        false => None,
    };
    let real_bits = bits_of(rest, length)?;
    let parts = Vouched { height, hash, bits, work, times: &times, period, real_bits };
    Context::vouched(&parts).map_err(|fault| StateFault::Bits { bits, fault })
}

fn flag(rest: &mut &[u8], length: StateFault) -> Result<bool, StateFault> {
    match take(rest).ok_or(length)? {
        [0] => Ok(false),
        [1] => Ok(true),
        [other] => Err(StateFault::Flag(other)),
    }
}

fn u32_of(rest: &mut &[u8]) -> Option<u32> {
    take(rest).map(u32::from_be_bytes)
}

fn bits_of(rest: &mut &[u8], length: StateFault) -> Result<u32, StateFault> {
    let bits = u32_of(rest).ok_or(length)?;
    target_of(bits).map(|_| bits).map_err(|fault| StateFault::Bits { bits, fault })
}

/// The next `N` bytes.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}
