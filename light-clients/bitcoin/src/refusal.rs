//! Why headers were refused: which rule, what was expected, what was found.

use alloy_primitives::U256;
use thiserror::Error;

use crate::{BitsFault, BlockHash, WorkFault};

/// The first rule that an update broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The client is frozen: it saw two chains that it would both have held final.
    #[error("the client is frozen at height {at}")]
    Frozen {
        /// Freeze height.
        at: u32,
        /// Unix seconds from which blocks up to the freeze height may be read.
        readable_from: u64,
    },
    /// The tip is too old to vouch for others.
    #[error("the trusted state expired at {expired_at}, now is {now}")]
    Expired {
        /// Unix seconds from which the state no longer vouches.
        expired_at: u64,
        /// Unix seconds.
        now: u64,
    },
    /// The bytes are no run of headers.
    #[error("expected one or more headers of 80 bytes, found {bytes} bytes")]
    Malformed {
        /// Bytes found.
        bytes: usize,
    },
    /// More headers than one update may hold.
    #[error("at most {limit} headers, found {found}")]
    TooLarge {
        /// The bound.
        limit: usize,
        /// The number found.
        found: usize,
    },
    /// A start from a pinned block needs its period's headers and ten before it, no more and no fewer.
    #[error("to start at the pinned block: expected {expected} headers that end with it, found {found}")]
    StartLength {
        /// Headers needed.
        expected: usize,
        /// The number found.
        found: usize,
    },
    /// Another chain: a genesis block that is not this network's, or a pinned block of another hash.
    #[error("another chain: expected block {expected}, found {found}")]
    ChainMismatch {
        /// The block of this chain.
        expected: BlockHash,
        /// The block found in its place.
        found: BlockHash,
    },
    /// The first header's parent is not among the blocks that the state remembers.
    #[error("parent {parent} is not among the blocks remembered")]
    UnknownParent {
        /// The parent.
        parent: BlockHash,
    },
    /// A header's parent is not the header before it.
    #[error("height {height}: expected parent {expected}, found {found}")]
    NotAChild {
        /// The header's height.
        height: u32,
        /// Hash of the header before.
        expected: BlockHash,
        /// Parent that the header names.
        found: BlockHash,
    },
    /// The header's bits are not the ones that the rules give.
    #[error("height {height}: expected bits {expected:08x}, found {found:08x}")]
    WrongBits {
        /// The header's height.
        height: u32,
        /// Bits by the rules.
        expected: u32,
        /// Bits found.
        found: u32,
    },
    /// The bits by the rules are no target: the state that the client was started with is not of this network.
    #[error("height {height}: bits {bits:08x}: {fault}")]
    NoTarget {
        /// The header's height.
        height: u32,
        /// The bits.
        bits: u32,
        /// What is wrong with them.
        fault: BitsFault,
    },
    /// The header's hash is above its target.
    #[error("height {height}: hash {hash} is above the target {target:#x}")]
    NotEnoughWork {
        /// The header's height.
        height: u32,
        /// The target.
        target: U256,
        /// The hash.
        hash: BlockHash,
    },
    /// The header is not after the median time of the eleven blocks before it.
    #[error("height {height}: time {found} is not after the median {median} of the blocks before")]
    NonMonotonicTime {
        /// The header's height.
        height: u32,
        /// Median time past, Unix seconds.
        median: u32,
        /// The header's time.
        found: u32,
    },
    /// The first header of a period is too far before the one before it (BIP 94, BIP 54).
    #[error("height {height}: time {found} is before {earliest}, the earliest at a period's start")]
    Timewarp {
        /// The header's height.
        height: u32,
        /// The earliest time allowed, Unix seconds.
        earliest: u32,
        /// The header's time.
        found: u32,
    },
    /// The last header of a period is before the first (BIP 54).
    #[error("height {height}: time {found} of a period's end is before its start {first}")]
    NegativePeriod {
        /// The header's height.
        height: u32,
        /// Time of the period's first block.
        first: u32,
        /// The header's time.
        found: u32,
    },
    /// The header is dated ahead of the verifier's clock by more than the allowed drift. It may be accepted later.
    #[error("height {height}: time {found} is after {latest} (now + drift)")]
    HeaderFromFuture {
        /// The header's height.
        height: u32,
        /// The latest time acceptable now, Unix seconds.
        latest: u64,
        /// The header's time.
        found: u32,
    },
    /// A version that is no longer allowed.
    #[error("height {height}: expected version {least} or above, found {found}")]
    OldVersion {
        /// The header's height.
        height: u32,
        /// The least version at this height.
        least: i32,
        /// The version found.
        found: i32,
    },
    /// A period is entered without knowing how the one before began.
    #[error("height {height} opens a period, and the first block of the one before is not known")]
    PeriodStartUnknown {
        /// The header's height.
        height: u32,
    },
    /// No height is left.
    #[error("height {height} is the last")]
    HeightsExhausted {
        /// The tip's height.
        height: u32,
    },
    /// The headers lead to a heavier chain that undoes a final block. They are kept as evidence ([`crate::conflict`]).
    #[error("a heavier chain leaves this one at height {common}, below the final height {last_final}")]
    ReorgBelowFinal {
        /// Last block common to both.
        common: u32,
        /// Height of the newest final block.
        last_final: u32,
    },
}

impl Refusal {
    /// Whether headers between the trusted state and the refused ones could close the gap.
    pub const fn intermediate_helps(&self) -> bool {
        matches!(self, Self::UnknownParent { .. })
    }

    /// Whether the same update may be accepted at a later time.
    pub const fn may_pass_later(&self) -> bool {
        matches!(self, Self::HeaderFromFuture { .. })
    }
}

impl Refusal {
    /// The refusal of a header whose work does not hold.
    pub(crate) const fn work(height: u32, fault: WorkFault) -> Self {
        match fault {
            WorkFault::Bits { bits, fault } => Self::NoTarget { height, bits, fault },
            WorkFault::HashAboveTarget { target, hash } => Self::NotEnoughWork { height, target, hash },
        }
    }
}
