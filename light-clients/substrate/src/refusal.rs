//! Why an update was refused: which rule, what was expected, what was found.

use alloy_primitives::{Address, B256};
use causeway_crypto::{SignatureFault, ed25519::Ed25519Fault};
use thiserror::Error;

use crate::{HeaderFault, ScaleFault, SetFault, TrieFault, beefy::MmrFault};

/// The first rule that an update broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The client is frozen: it saw two final blocks that can not both be.
    #[error("the client is frozen at height {at}")]
    Frozen {
        /// Freeze height.
        at: u64,
        /// Unix seconds from which the last common block may be read; none if no such block is known.
        readable_from: Option<u64>,
    },
    /// The trusted state is too old to vouch for others.
    #[error("the trusted state expired at {expired_at}, now is {now}")]
    Expired {
        /// Unix seconds from which the state no longer vouches.
        expired_at: u64,
        /// Unix seconds.
        now: u64,
    },
    /// The update's bytes are not of the format.
    #[error("update: {0}")]
    Malformed(#[from] ScaleFault),
    /// An update of GRANDPA for a client that follows BEEFY, or the other way round.
    #[error("the update is of the other finality gadget")]
    OtherGadget,
    /// The header is not of the format, or announces what no client can follow.
    #[error("header: {0}")]
    Header(#[from] HeaderFault),
    /// Another block than the one that is pinned: another chain, or another height.
    #[error("expected block {expected}, found {found}")]
    ChainMismatch {
        /// The pinned hash.
        expected: B256,
        /// The header's hash.
        found: B256,
    },
    /// The header is not that of the block which was voted for, or which the leaf names.
    #[error("the proof is of block {number} {expected}, the header of {found_number} {found}")]
    OtherHeader {
        /// Hash that the proof names.
        expected: B256,
        /// Number that the proof names.
        number: u32,
        /// The header's hash.
        found: B256,
        /// The header's number.
        found_number: u32,
    },
    /// Signed by another set than the one that has to sign at this height. If the client is behind, the headers at which
    /// the sets changed lead on ([`Refusal::intermediate_helps`]).
    #[error("set {expected} is in force, the update is of set {found}")]
    NotTheSetInForce {
        /// Id of the set in force.
        expected: u64,
        /// Id that the update names.
        found: u64,
    },
    /// What was read under the header's state root does not hold.
    #[error("{what}: {fault}")]
    State {
        /// What was read.
        what: &'static str,
        /// Why not.
        fault: TrieFault,
    },
    /// The proof shows that a value which every block has is not there, or is of another form.
    #[error("{what} is absent or malformed")]
    NoSuchState {
        /// What was read.
        what: &'static str,
    },
    /// The header is dated ahead of the verifier's clock by more than the allowed drift. It may be accepted later.
    #[error("the block's time {found} is after {latest} (now + drift)")]
    HeaderFromFuture {
        /// The latest time acceptable now, Unix seconds.
        latest: u64,
        /// The block's time, Unix seconds.
        found: u64,
    },
    /// A newer height without a newer time, or an older height with a newer time.
    #[error("height {height} has time {time} ms, trusted height {trusted_height} has {trusted_time} ms: not monotonic")]
    NonMonotonicTime {
        /// The block's height.
        height: u64,
        /// The block's time, Unix milliseconds.
        time: u64,
        /// Height of the trusted state.
        trusted_height: u64,
        /// Time of the trusted state, Unix milliseconds.
        trusted_time: u64,
    },
    /// A change of authorities while another one waits: GRANDPA allows one at a time.
    #[error("a change of authorities is announced before the one that waits for block {waiting} took effect")]
    OverlappingChange {
        /// Last block of the set in force.
        waiting: u32,
    },
    /// The update brings the next set from storage although the digest announces it, or the client reads no storage.
    #[error("the next set is brought along needlessly")]
    NextSetNeedless,
    /// The next set is none.
    #[error("next set: {0}")]
    NextSet(#[from] SetFault),
    /// The set that the state names does not follow the one in force.
    #[error("the state names set {found}, which does not follow set {in_force}")]
    NextSetMismatch {
        /// Id of the set in force.
        in_force: u64,
        /// Id that the state or the leaf names.
        found: u64,
    },
    /// A vote of somebody who is not in the set.
    #[error("{key} is not in the set")]
    Stranger {
        /// The key.
        key: B256,
    },
    /// The same vote of an authority twice, or a third one.
    #[error("{key} votes again")]
    RepeatedVote {
        /// The key.
        key: B256,
    },
    /// A vote for a block that is not shown to be the target or above it.
    #[error("vote for {number} {vote} does not lead to {target_number} {target}")]
    NotAboveTarget {
        /// Hash voted for.
        vote: B256,
        /// Number voted for.
        number: u32,
        /// The target.
        target: B256,
        /// Its number.
        target_number: u32,
    },
    /// A header that no vote needed.
    #[error("header {hash} leads from no vote to the target")]
    UnusedHeader {
        /// Its hash.
        hash: B256,
    },
    /// Too little weight.
    #[error("needs {needed} of {of}, found {found}")]
    NotEnoughTrust {
        /// Weight or signatures needed.
        needed: u64,
        /// What was found.
        found: u64,
        /// Of how much.
        of: u64,
    },
    /// A signature that its authority did not make.
    #[error("signature of {key}: {fault}")]
    BadSignature {
        /// The authority.
        key: B256,
        /// Why.
        fault: Ed25519Fault,
    },
    /// A commitment that breaks a rule of its format.
    #[error("commitment: {0}")]
    Commitment(#[from] CommitmentFault),
    /// The addresses brought along are not the set's, or one is not shown to be in it.
    #[error("not the validators of root {expected}: {found}")]
    NotTheValidators {
        /// The set's root.
        expected: B256,
        /// The root that the addresses give.
        found: B256,
    },
    /// A BEEFY signature that is none.
    #[error("signature of validator {index}: {fault}")]
    InvalidSeal {
        /// The validator's place in the set.
        index: u32,
        /// Why.
        fault: SignatureFault,
    },
    /// A BEEFY signature of somebody else.
    #[error("validator {index} is {expected}, signed by {found}")]
    BadSeal {
        /// The validator's place in the set.
        index: u32,
        /// Who should have signed.
        expected: Address,
        /// Who did.
        found: Address,
    },
    /// The leaf is not that of the commitment's block.
    #[error("the leaf is of block {leaf} + 1, the commitment of {commitment}")]
    StaleLeaf {
        /// Number of the leaf's parent block.
        leaf: u32,
        /// The commitment's block.
        commitment: u32,
    },
    /// The leaf does not stand under the commitment's root.
    #[error("leaf: {0}")]
    Leaf(#[from] MmrFault),
    /// A sampled commitment with another number of signatures than asked.
    #[error("a sample of {found} signatures, {needed} are asked")]
    Sample {
        /// Signatures asked.
        needed: u64,
        /// Signatures found.
        found: u64,
    },
    /// A signer outside the sample that the seed draws.
    #[error("validator {index} is not in the sample")]
    NotSampled {
        /// The validator's place in the set.
        index: u32,
    },
}

/// What is wrong with a BEEFY commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CommitmentFault {
    /// Payload ids are not in strictly rising order.
    #[error("payload ids do not rise")]
    PayloadOrder,
    /// No MMR root of 32 bytes in the payload.
    #[error("no MMR root")]
    NoMmrRoot,
    /// Signatures for another number of validators than the set has.
    #[error("for {found} validators, the set has {expected}")]
    Validators {
        /// The set's count.
        expected: u32,
        /// The count found.
        found: u32,
    },
    /// The bitfield has another length than its validators need, or bits beyond them.
    #[error("bitfield not canonical")]
    Bitfield,
    /// Not one signature per bit.
    #[error("{bits} bits, {signatures} signatures")]
    Signatures {
        /// Bits set.
        bits: usize,
        /// Signatures brought.
        signatures: usize,
    },
    /// Not one proof of membership per signature.
    #[error("{signatures} signatures, {proofs} proofs")]
    Proofs {
        /// Signatures brought.
        signatures: usize,
        /// Proofs brought.
        proofs: usize,
    },
    /// A block before the first leaf.
    #[error("block 0")]
    Genesis,
}

impl Refusal {
    /// Whether headers between the trusted state and the refused one could earn the trust that is missing.
    pub const fn intermediate_helps(&self) -> bool {
        matches!(self, Self::NotTheSetInForce { expected, found } if *found > *expected)
    }

    /// Whether the same update may be accepted at a later time.
    pub const fn may_pass_later(&self) -> bool {
        matches!(self, Self::HeaderFromFuture { .. } | Self::Frozen { readable_from: Some(_), .. })
    }
}
