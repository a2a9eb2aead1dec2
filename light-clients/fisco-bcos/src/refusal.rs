//! Why an update or a read was refused: which rule, what was expected, what was found.

use alloy_primitives::{Address, B256};
use causeway_crypto::{SignatureFault, sm2::Sm2Fault};
use causeway_mpt::rlp::RlpError;
use thiserror::Error;

/// The first rule that an update broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The client is frozen.
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
    /// Not the RLP of an update.
    #[error("update: {0}")]
    Malformed(#[from] RlpError),
    /// Beyond a bound.
    #[error("{what}: at most {limit}, found {found}")]
    TooLarge {
        /// What was measured.
        what: &'static str,
        /// The bound.
        limit: usize,
        /// What was found.
        found: usize,
    },
    /// The header breaks a rule of its format.
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
    /// The header lists nobody.
    #[error("no sealers")]
    EmptySet,
    /// A sealer listed twice.
    #[error("sealer {index} is listed before")]
    DuplicateSealer {
        /// Its second place.
        index: usize,
    },
    /// A sealer without weight, or weights beyond 64 bits.
    #[error("the weights of the sealers are zero or too large")]
    Weights,
    /// Dated ahead of the verifier's clock by more than the allowed drift. It may be accepted later.
    #[error("the header's time {found} is after {latest} (now + drift)")]
    HeaderFromFuture {
        /// The latest time acceptable now, Unix seconds.
        latest: u64,
        /// The header's time, Unix seconds.
        found: u64,
    },
    /// A newer height without a newer time, or an older height with a newer time.
    #[error("height {height} has time {time} ms, trusted height {trusted_height} has {trusted_time} ms: not monotonic")]
    NonMonotonicTime {
        /// The header's height.
        height: u64,
        /// The header's time, Unix milliseconds.
        time: u64,
        /// Height of the trusted state.
        trusted_height: u64,
        /// Time of the trusted state, Unix milliseconds.
        trusted_time: u64,
    },
    /// An older header is accepted only under the very set in force.
    #[error("height {height} is not newer than {trusted_height} and lists another set than the one in force")]
    OlderUnderOtherSet {
        /// The header's height.
        height: u64,
        /// Height of the trusted state.
        trusted_height: u64,
    },
    /// Signatures are not in strictly rising order of their sealers: one counts twice, or the form is not the only one.
    #[error("sealer {index} signs out of order")]
    SignatureOrder {
        /// The sealer's place.
        index: u64,
    },
    /// A signature of a place that the set does not have.
    #[error("sealer {index} of {of}")]
    UnknownSealer {
        /// The place.
        index: u64,
        /// Sealers in the set.
        of: usize,
    },
    /// Too little weight.
    #[error("{over}: needs {needed} of {of}, found {found}")]
    NotEnoughTrust {
        /// Of which set.
        over: Over,
        /// Weight needed.
        needed: u64,
        /// Weight found.
        found: u64,
        /// Weight of the set.
        of: u64,
    },
    /// A signature of another length than the suite's.
    #[error("signature of sealer {index}: expected {expected} bytes, found {found}")]
    SignatureLength {
        /// The sealer's place.
        index: u64,
        /// The suite's length.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// A secp256k1 signature that is none.
    #[error("signature of sealer {index}: {fault}")]
    InvalidSeal {
        /// The sealer's place.
        index: u64,
        /// Why.
        fault: SignatureFault,
    },
    /// A secp256k1 signature of somebody else.
    #[error("sealer {index} is {expected}, signed by {found}")]
    BadSeal {
        /// The sealer's place.
        index: u64,
        /// Whose signature it should be.
        expected: Address,
        /// Whose it is.
        found: Address,
    },
    /// An SM2 signature that its sealer did not make.
    #[error("signature of sealer {index}: {fault}")]
    BadSm2Seal {
        /// The sealer's place.
        index: u64,
        /// Why.
        fault: Sm2Fault,
    },
    /// An SM2 signature that names another key than the sealer's.
    #[error("signature of sealer {index} names another key")]
    OtherKey {
        /// The sealer's place.
        index: u64,
    },
}

/// Whose weight was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The set in force, of which enough must sign to believe another list.
    SetInForce,
    /// The header's own list, of which a quorum must sign.
    HeaderSet,
}

impl core::fmt::Display for Over {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::SetInForce => "signers from the set in force",
            Self::HeaderSet => "signers of the header's set",
        })
    }
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderFault {
    /// Not the RLP of a header.
    #[error("{0}")]
    Rlp(#[from] RlpError),
    /// Extra data in a header of version 3, whose hash would then not say where the sealers end.
    #[error("extra data of {0} bytes")]
    ExtraData(usize),
    /// Other counts of sealers and of weights.
    #[error("{sealers} sealers, {weights} weights")]
    Weights {
        /// Sealers.
        sealers: usize,
        /// Weights.
        weights: usize,
    },
    /// Gas used is not written as the decimal that goes into the hash, or the time not below 2⁵⁶ ms.
    #[error("gas used or time not canonical")]
    Number,
    /// The sealer of the block has no place in the list.
    #[error("sealed by {index} of {of}")]
    Sealer {
        /// The place.
        index: u64,
        /// Sealers in the list.
        of: usize,
    },
}

impl Refusal {
    /// Whether headers between the trusted state and the refused one could earn the trust that is missing.
    pub const fn intermediate_helps(&self) -> bool {
        matches!(self, Self::NotEnoughTrust { over: Over::SetInForce, .. })
    }

    /// Whether the same update may be accepted at a later time.
    pub const fn may_pass_later(&self) -> bool {
        matches!(self, Self::HeaderFromFuture { .. } | Self::Frozen { readable_from: Some(_), .. })
    }
}

/// Why a read shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReadFault {
    /// The state root of FISCO BCOS is a running hash of what each block changed, not the root of a tree: nothing can be
    /// shown to stand under it.
    #[error("this family has no state proofs")]
    NoStateProofs,
    /// A read of the other generation.
    #[error("a proof of another version of the chain")]
    Version,
    /// Not the RLP of a receipt.
    #[error("receipt: {0}")]
    Rlp(#[from] RlpError),
    /// Beyond a bound.
    #[error("{what}: at most {limit}, found {found}")]
    TooLarge {
        /// What was measured.
        what: &'static str,
        /// The bound.
        limit: usize,
        /// What was found.
        found: usize,
    },
    /// A path whose shape is not that of the leaf's place.
    #[error("level {level} of the path does not fit the leaf's place")]
    Shape {
        /// The level, from the leaf.
        level: usize,
    },
    /// A path that leads to another root.
    #[error("expected root {expected}, found {found}")]
    Root {
        /// The header's root.
        expected: B256,
        /// Where the path leads.
        found: B256,
    },
    /// Of another chain or group.
    #[error("a transaction of another chain or group")]
    ChainMismatch,
    /// Of another block.
    #[error("of block {found}, expected {expected}")]
    OtherBlock {
        /// The header's number.
        expected: u64,
        /// The receipt's number.
        found: u64,
    },
    /// Transaction and receipt stand at different places.
    #[error("transaction {transaction}, receipt {receipt}")]
    OtherTransaction {
        /// The transaction's place.
        transaction: u64,
        /// The receipt's place.
        receipt: u64,
    },
    /// A field is not in the form that goes into the hash.
    #[error("{0} is not canonical")]
    NonCanonical(&'static str),
    /// The transaction failed: its receipt is there, its effects are not.
    #[error("not executed: status {status}")]
    NotExecuted {
        /// The receipt's status.
        status: u64,
    },
    /// The log is another contract's.
    #[error("expected a log of {expected}, found one of {found}")]
    WrongEmitter {
        /// The contract asked for.
        expected: Address,
        /// The log's contract.
        found: Address,
    },
    /// No such log.
    #[error("log {index} of {count}")]
    LogIndex {
        /// The index asked for.
        index: usize,
        /// Logs in the receipt.
        count: usize,
    },
}
