//! Packed groups: the compact form in which entries travel in events and in calldata.
//!
//! A group is a run of consecutive entries of one kind; what its entries share (asset, widths) is said once, and lane and
//! indices follow from the place where the group stands. The bytes are described in the contracts' README ("Packed
//! groups"). There are two forms, which differ in `Returned` groups only: an event carries the commitment of the
//! transfer that goes back, a delivery the transfer itself and a proof that it stands in the destination's own outbox.
//!
//! - [`event`]: the `groups` of an `Appended` event;
//! - [`delivery`]: the `groups` of one run of a delivery, and the `runs` of a whole delivery;
//! - [`plan`]: cutting entries into a delivery's groups;
//! - `group` and `reader`: what both forms share.
//!
//! Packing is not unique (widths may be wider than needed, a run may be cut into more groups), and need not be: what is
//! proven is each entry's commitment, over words that have one form only. Decoding is strict in everything else: every
//! length is checked before it is used, and no byte may be left over.

pub mod delivery;
pub mod event;
mod group;
pub mod plan;
mod reader;

pub use delivery::{DeliveryGroup, DeliveryRun, ReturnedGroup, decode_groups, decode_runs, encode_groups, encode_runs};
pub use event::{decode_event, encode_event};
pub use group::same_group;
pub use plan::plan_groups;

use crate::{entry::EntryError, lane::LaneId, tree::TreeError};

/// Why bytes are no packed entries, or entries cannot be packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// The bytes end too early.
    #[error("{needed} bytes needed at byte {at}, found {found}")]
    Truncated {
        /// Where.
        at: usize,
        /// Bytes needed there.
        needed: usize,
        /// Bytes left there.
        found: usize,
    },
    /// Bytes are left over.
    #[error("{extra} bytes left over at byte {at}")]
    TrailingBytes {
        /// Where the last item ended.
        at: usize,
        /// Bytes after it.
        extra: usize,
    },
    /// A group or a run of no entries.
    #[error("a group or run of no entries")]
    Empty,
    /// More entries than the form allows.
    #[error("more than {max} entries: {found}")]
    TooManyEntries {
        /// Most entries.
        max: usize,
        /// Entries found so far.
        found: usize,
    },
    /// More siblings than any range proof has.
    #[error("more than {max} siblings: {found}")]
    TooManySiblings {
        /// Most siblings.
        max: usize,
        /// Siblings found.
        found: usize,
    },
    /// More runs than an outbox has peaks.
    #[error("more than {max} runs: {found}")]
    TooManyRuns {
        /// Most runs.
        max: usize,
        /// Runs found so far.
        found: usize,
    },
    /// Groups do not end where their run's count says.
    #[error("groups of {found} entries in a run of {expected}")]
    RunCount {
        /// Entries that the run says it has.
        expected: usize,
        /// Entries in its groups.
        found: usize,
    },
    /// A peak height above 63.
    #[error("peak height {found}, expected at most {max}")]
    HeightOutOfRange {
        /// Greatest height.
        max: u8,
        /// Height found.
        found: u8,
    },
    /// An amount width outside 1 to 32.
    #[error("amount width {0}, expected 1 to 32")]
    AmountWidth(u8),
    /// A flag that has no meaning.
    #[error("unknown flags {0:#04x}")]
    UnknownFlags(u8),
    /// Indices would pass 2^64.
    #[error("index overflow after {first}")]
    IndexOverflow {
        /// First index of the run.
        first: u64,
    },
    /// Entries, or the transfers of a returned group, that do not follow one another.
    #[error("index {found} where {expected} follows")]
    NotConsecutive {
        /// Index that follows.
        expected: u64,
        /// Index found.
        found: u64,
    },
    /// Entries of two lanes in one run.
    #[error("entry of lane {found} in a run of lane {expected}")]
    ForeignLane {
        /// Lane of the first entry.
        expected: LaneId,
        /// Lane of another.
        found: LaneId,
    },
    /// The transfer of a returned entry does not hash to the commitment that the entry carries.
    #[error("the transfer brought for index {index} is not the one that the entry returns")]
    NotTheOriginal {
        /// Index of the returned transfer on the reverse lane.
        index: u64,
    },
    /// The transfer of a returned entry is not at hand.
    #[error("the transfer with index {index} on the reverse lane is not at hand")]
    OriginalMissing {
        /// Index of the returned transfer on the reverse lane.
        index: u64,
    },
    /// A field of an entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The own outbox cannot prove the transfers of a returned group.
    #[error(transparent)]
    OwnOutbox(#[from] TreeError),
}
