//! Why an update was refused: the rule, and the two values that differ.

use alloy_primitives::B256;
use causeway_crypto::bls::BlsFault;
use thiserror::Error;

use crate::{Fork, ssz::SszFault};

/// A refusal. None but those that [`Refusal::may_pass_later`] names goes away by trying the same bytes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The client is frozen.
    #[error("the client is frozen at slot {at}")]
    Frozen {
        /// Freeze height: a slot.
        at: u64,
        /// Unix seconds from which the last common block may be read; none where no common block is known.
        readable_from: Option<u64>,
    },
    /// The trusted state is older than the trusting period.
    #[error("the trusted state expired at {expired_at}, now is {now}")]
    Expired {
        /// Unix seconds.
        expired_at: u64,
        /// Unix seconds.
        now: u64,
    },
    /// The bytes are no update.
    #[error("update: {0}")]
    Update(#[from] UpdateFault),
    /// The update is in the shape of another fork than the one in force at its attested slot.
    #[error("slot {slot}: expected the shape of {expected:?}, found {found}")]
    WrongFork {
        /// The header's slot.
        slot: u64,
        /// The fork in force; none before Altair.
        expected: Option<Fork>,
        /// The shape found.
        found: Fork,
    },
    /// Too few of the committee signed.
    #[error("expected at least {needed} of {of} signers, found {found}")]
    NotEnoughTrust {
        /// Signers needed.
        needed: usize,
        /// Signers found.
        found: usize,
        /// Seats.
        of: usize,
    },
    /// The update proves nothing final: no finalized header, or the genesis block's empty one.
    #[error("the update proves nothing final")]
    NotFinal,
    /// The slots are not in order: now ≥ signature > attested ≥ finalized.
    #[error(
        "expected now {now} >= signature slot {signature} > attested slot {attested} >= finalized slot {finalized}"
    )]
    SlotOrder {
        /// The slot at the caller's time.
        now: u64,
        /// The signature's.
        signature: u64,
        /// The attested header's.
        attested: u64,
        /// The finalized header's.
        finalized: u64,
    },
    /// A header that no block of the chain has.
    #[error("{which} header: {fault}")]
    Header {
        /// Which of the update's headers.
        which: Which,
        /// What is wrong.
        fault: HeaderFault,
    },
    /// The signature's period has no committee that the client knows.
    #[error("signature of period {found}: the committees of period {from} {and} are known")]
    UnknownCommittee {
        /// Period of the committee in force.
        from: u64,
        /// Whether the next one is known too.
        and: NextKnown,
        /// Period of the signature.
        found: u64,
    },
    /// The update is not newer than what is trusted and brings no committee that is missing.
    #[error("attested slot {attested} is not newer than {trusted}, and no missing committee is brought")]
    NotNewer {
        /// Slot of the attested header.
        attested: u64,
        /// Slot of the trusted header.
        trusted: u64,
    },
    /// A branch that does not lead to the root.
    #[error("{what}: {leaf} is not under the root {root}")]
    Branch {
        /// What should be proven.
        what: Which,
        /// Its root.
        leaf: B256,
        /// The root of the state.
        root: B256,
    },
    /// Another next committee than the one that is known.
    #[error("next committee: expected {expected}, found {found}")]
    OtherCommittee {
        /// Root of the committee known.
        expected: B256,
        /// Root of the one found.
        found: B256,
    },
    /// A seat's key is none.
    #[error("key of seat {seat}: {fault}")]
    Key {
        /// The seat.
        seat: usize,
        /// What is wrong.
        fault: BlsFault,
    },
    /// A committee's aggregate key is not the sum of its keys.
    #[error("the committee's aggregate key is not the sum of its keys: {0}")]
    Sum(BlsFault),
    /// The sync aggregate is no signature of the participants over the attested header, on this chain and fork.
    #[error("sync aggregate over block {block} in slot {signature_slot}: {fault}")]
    BadSignature {
        /// Root of the attested block.
        block: B256,
        /// The signature's slot.
        signature_slot: u64,
        /// What is wrong.
        fault: BlsFault,
    },
    /// A header that lies ahead of the clock.
    #[error("time {found} is beyond {latest}")]
    HeaderFromFuture {
        /// Unix seconds allowed.
        latest: u64,
        /// Unix seconds found.
        found: u64,
    },
    /// Slots, times and block numbers do not grow together.
    #[error(
        "slot {slot} has time {time} and block {number}, but trusted slot {trusted_slot} has time {trusted_time} and block {trusted_number}: not monotonic"
    )]
    NonMonotonicTime {
        /// The header's slot.
        slot: u64,
        /// The header's time.
        time: u64,
        /// The header's block number.
        number: u64,
        /// Slot of the trusted state.
        trusted_slot: u64,
        /// Time of the trusted state.
        trusted_time: u64,
        /// Block number of the trusted state.
        trusted_number: u64,
    },
    /// A pinned block is not the one that the configuration names.
    #[error("pinned block: expected root {expected}, found {found}")]
    ChainMismatch {
        /// The root in the configuration.
        expected: B256,
        /// Root of the block that was given.
        found: B256,
    },
}

/// A part of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The header that was signed.
    Attested,
    /// The finalized header.
    Finalized,
    /// The header that is pinned.
    Pinned,
    /// The committee in force.
    CurrentCommittee,
    /// The committee of the next period.
    NextCommittee,
}

impl core::fmt::Display for Which {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Attested => "attested",
            Self::Finalized => "finalized",
            Self::Pinned => "pinned",
            Self::CurrentCommittee => "current sync committee",
            Self::NextCommittee => "next sync committee",
        })
    }
}

/// Whether the committee of the period after the trusted one is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextKnown(pub bool);

impl core::fmt::Display for NextKnown {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if self.0 { "and the next" } else { "alone" })
    }
}

/// What is wrong with a light client header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderFault {
    /// There are no sync committees before Altair.
    #[error("slot {slot} is before Altair")]
    BeforeAltair {
        /// The slot.
        slot: u64,
    },
    /// An execution payload in a slot whose light client data has none.
    #[error("slot {slot} is before Capella, yet an execution payload stands beside it")]
    PayloadBeforeCapella {
        /// The slot.
        slot: u64,
    },
    /// Blob gas in a slot before Deneb.
    #[error("slot {slot} is before Deneb, yet its payload counts blob gas")]
    BlobGasBeforeDeneb {
        /// The slot.
        slot: u64,
    },
    /// The payload's branch does not lead to the block's body.
    #[error("payload {payload} is not that of the block in slot {slot}")]
    NotItsPayload {
        /// The slot.
        slot: u64,
        /// Root of the payload's header.
        payload: B256,
    },
}

/// What is wrong with an update's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UpdateFault {
    /// The bytes end before kind and fork do.
    #[error("expected at least 2 bytes, found {found}")]
    Truncated {
        /// Bytes found.
        found: usize,
    },
    /// More bytes than any update has.
    #[error("at most {limit} bytes, found {found}")]
    TooLarge {
        /// The bound.
        limit: usize,
        /// The length found.
        found: usize,
    },
    /// No kind that is known, or not one that is taken here.
    #[error("unexpected kind {0}")]
    Kind(u8),
    /// No fork that is known.
    #[error("unknown fork {0}")]
    Fork(u8),
    /// No canonical SSZ.
    #[error(transparent)]
    Ssz(#[from] SszFault),
    /// A next committee stands beside an empty branch.
    #[error("a next committee without its branch")]
    CommitteeWithoutBranch,
    /// A finalized header stands beside an empty branch.
    #[error("a finalized header without its branch")]
    HeaderWithoutBranch,
}

impl From<SszFault> for Refusal {
    fn from(fault: SszFault) -> Self {
        Self::Update(UpdateFault::Ssz(fault))
    }
}

impl Refusal {
    /// Whether an update of a period in between could teach the committee that is missing.
    pub const fn intermediate_helps(&self) -> bool {
        match self {
            Self::UnknownCommittee { from, found, .. } => *found > *from,
            _ => false,
        }
    }

    /// Whether the same update may be accepted at a later time.
    pub const fn may_pass_later(&self) -> bool {
        match self {
            Self::HeaderFromFuture { .. } | Self::Frozen { readable_from: Some(_), .. } => true,
            Self::SlotOrder { now, signature, attested, finalized } => {
                *signature > *now && *signature > *attested && *attested >= *finalized
            }
            _ => false,
        }
    }
}
