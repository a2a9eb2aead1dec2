//! The few small values that the stages of a lane hand to each other. Floor 1's types wherever one exists.

use alloy::primitives::{B256, U256};
use bytes::Bytes;
use causeway_core::{Entry, LaneId, swap::Terms};
use std::sync::Arc;

/// CAIP-2 id of a chain in canonical lower-case form, cheap to clone.
pub type ChainId = Arc<str>;

/// Native bytes of a contract or account on its chain (20 for EVM), cheap to clone.
pub type Account = Bytes;

/// What a light client holds true of a chain: a verified final header. `family` is the family's own encoding
/// (for BFT-EVM the validator set in force) and is opaque above `chains/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedState {
    /// Height of the header.
    pub height: u64,
    /// The header's time, Unix seconds.
    pub time: u64,
    /// The header's canonical hash.
    pub header_hash: B256,
    /// The state root that the header commits to.
    pub state_root: B256,
    /// The family's own part, stable encoding.
    pub family: Bytes,
}

/// A header update in the family's wire form: what the client on the destination chain takes, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Height that the update claims to lead to; a hint until verified.
    pub height: u64,
    /// The family's encoding.
    pub bytes: Bytes,
}

/// Evidence that a chain's validators committed two blocks that can not both be (INV-8): two updates, each of which a
/// client would accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Height of the later one.
    pub height: u64,
    /// The update that was accepted first; empty where it is not known any more.
    pub a: Bytes,
    /// The other one.
    pub b: Bytes,
    /// For people.
    pub detail: String,
}

/// A proof of reads of a chain's state, in the family's wire form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateProof(pub Bytes);

/// Consecutive entries of a lane under one outbox peak, with the nodes beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Height of the peak that covers the run.
    pub peak: u8,
    /// How many entries.
    pub count: u16,
    /// Inner nodes beside the run, level by level from the leaves, left before right.
    pub siblings: Vec<B256>,
}

/// Everything that a destination needs to judge and deliver a run of entries: step 1, 2 and 3 of the protocol's §3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The lane.
    pub lane: LaneId,
    /// Index of the first entry.
    pub first: u64,
    /// The entries, consecutive.
    pub entries: Vec<Entry>,
    /// Height of the source header that proves them.
    pub source_height: u64,
    /// Header update, from the trusted state that both sides last agreed on.
    pub update: Bytes,
    /// Proof of the peaks named by `runs`, in their order.
    pub state_proof: Bytes,
    /// How the entries lie under the peaks.
    pub runs: Vec<Run>,
}

impl Bundle {
    /// One past the index of the last entry.
    pub fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }
}

/// An event of a vault as a node tells it: a hint until it is checked against the proven outbox or bitmap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultEvent {
    /// Entries were written to the outbox of a lane that leaves this chain.
    Appended {
        /// The lane.
        lane: LaneId,
        /// Index of the first.
        first: u64,
        /// The entries.
        entries: Vec<Entry>,
        /// Where it happened.
        at: EventAt,
    },
    /// Entries of a lane that arrives at this chain were delivered.
    Delivered {
        /// The lane.
        lane: LaneId,
        /// Index of bit 0 of the masks.
        first: u64,
        /// How many bits count.
        count: u64,
        /// Newly taken by this call.
        taken: U256,
        /// Answered with `Returned`.
        returned: U256,
        /// Parked as claimable.
        parked: U256,
        /// Where it happened.
        at: EventAt,
    },
    /// A leg of a swap was locked or voided on this chain. The entry that says so is told apart; this brings the full terms,
    /// whose id was recomputed: they are the swap's, whoever tells them.
    Leg {
        /// The terms.
        terms: Box<Terms>,
        /// Which leg.
        leg: u8,
        /// Voided, else locked.
        voided: bool,
        /// Where it happened.
        at: EventAt,
    },
}

/// Position of an event on its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventAt {
    /// Block height.
    pub block: u64,
    /// Transaction hash.
    pub tx: B256,
}

/// A call that delivers a bundle, ready for the destination chain: the receiver has verified every part.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The verified bundle.
    pub bundle: Arc<Bundle>,
    /// For each maximal run of `Returned` entries with consecutive originals: the original transfers and the
    /// proof that they stand in the destination's own outbox (protocol §3).
    pub originals: Vec<Originals>,
}

/// Original transfers of a run of `Returned` entries.
#[derive(Clone, Debug)]
pub struct Originals {
    /// The transfers, consecutive indices of the reverse lane.
    pub transfers: Vec<Entry>,
    /// Peak of the reverse lane's outbox that covers them.
    pub peak: u8,
    /// Nodes beside them.
    pub siblings: Vec<B256>,
}

/// How far a transaction is. The last event of a ticket is `Final`, `Reverted` or `Failed`.
#[derive(Debug)]
pub enum TxEvent {
    /// Signed and sent (again after a replacement). The intent was stored before.
    Broadcast {
        /// Hash.
        tx: B256,
    },
    /// In a block that is final on this chain.
    Final {
        /// Hash.
        tx: B256,
        /// Height.
        block: u64,
        /// Gas used by the whole transaction.
        gas_used: u64,
        /// Fee paid, wei.
        fee: U256,
    },
    /// In a final block, but without effect.
    Reverted {
        /// Hash.
        tx: B256,
        /// Height.
        block: u64,
        /// Selector and data of the revert, at most 256 bytes.
        data: Bytes,
    },
    /// Given up; the class says what to do with the item.
    Failed(super::error::Error),
}

/// State of the light client contract that a lane's destination uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractClient {
    /// Newest height that it accepted.
    pub height: u64,
    /// The time of that header, Unix seconds.
    pub time: u64,
    /// Family's commitment to who may sign next (for BFT-EVM the hash of the validator set).
    pub signers: B256,
    /// Frozen?
    pub frozen: bool,
    /// Trusting period, seconds; always a node's word.
    pub trusting_period: u64,
}

/// What the other relayer says became of a range. Information only: a verified fact closes an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stored durably.
    Received,
    /// Verified and broadcast.
    Submitted {
        /// Transaction hash on the destination.
        tx: B256,
    },
    /// Final on the destination.
    Final {
        /// Transaction hash.
        tx: B256,
        /// Height on the destination.
        block: u64,
    },
    /// Refused.
    Rejected {
        /// Typed reason.
        kind: super::error::Kind,
        /// For people.
        detail: String,
    },
}
