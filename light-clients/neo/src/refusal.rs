//! Why a header was refused: which rule, what was expected, what was found.

use alloy_primitives::{Address, B256};
use causeway_crypto::p256::P256Fault;
use thiserror::Error;

/// The first rule that a header broke. The variants stand in the order of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The client is frozen: it saw two final blocks that can not both be.
    #[error("the client is frozen at height {at}")]
    Frozen {
        /// Freeze height.
        at: u64,
    },
    /// The trusted state is too old to vouch for others.
    #[error("the trusted state expired at {expired_at}, now is {now}")]
    Expired {
        /// Unix seconds from which the state no longer vouches.
        expired_at: u64,
        /// Unix seconds.
        now: u64,
    },
    /// The bytes are no header of this chain.
    #[error("header: {0}")]
    Header(#[from] HeaderFault),
    /// The header is dated ahead of the verifier's clock by more than the allowed drift. It may be accepted later.
    #[error("the header's time {found} ms is after {latest} ms (now + drift)")]
    HeaderFromFuture {
        /// The latest time acceptable now, Unix milliseconds.
        latest: u64,
        /// The header's time.
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
    /// The header follows the trusted one directly and names another parent.
    #[error("parent of height {height}: expected {expected}, found {found}")]
    NotItsChild {
        /// The header's height.
        height: u64,
        /// Hash of the trusted header.
        expected: B256,
        /// The parent that the header names.
        found: B256,
    },
    /// The witness is by another consensus than the one in force: an earlier header that hands over to it must come
    /// first. (A header of another chain looks the same.)
    #[error("consensus: expected {expected}, found {found}")]
    NotEnoughTrust {
        /// Script hash of the consensus in force.
        expected: Address,
        /// Script hash of the witness.
        found: Address,
    },
    /// The witness's scripts are not those of a multi-signature.
    #[error("witness: {0}")]
    Script(#[from] ScriptFault),
    /// Fewer consensus nodes must sign than dBFT demands.
    #[error("quorum: expected at least {needed} of {of}, found {found}")]
    QuorumTooSmall {
        /// `N − ⌊(N − 1) / 3⌋`.
        needed: usize,
        /// M of the script.
        found: usize,
        /// N of the script.
        of: usize,
    },
    /// Another number of signatures than the script demands.
    #[error("signatures: expected exactly {needed}, found {found}")]
    SignatureCount {
        /// M of the script.
        needed: usize,
        /// Signatures in the witness.
        found: usize,
    },
    /// A signature is by none of the consensus nodes behind the one that the signature before it is by.
    #[error("signature {position}: {fault}")]
    BadSignature {
        /// Position in the witness.
        position: usize,
        /// What the last node asked says.
        fault: P256Fault,
    },
    /// A pinned header is not the one that the configuration names.
    #[error("pinned header: expected hash {expected}, found {found}")]
    ChainMismatch {
        /// The hash in the configuration.
        expected: B256,
        /// Hash of the header that was given.
        found: B256,
    },
}

impl Refusal {
    /// Whether headers between the trusted state and the refused one could earn the trust that is missing.
    pub const fn intermediate_helps(&self) -> bool {
        matches!(self, Self::NotEnoughTrust { .. })
    }

    /// Whether the same header may be accepted at a later time.
    pub const fn may_pass_later(&self) -> bool {
        matches!(self, Self::HeaderFromFuture { .. })
    }
}

/// What is wrong with bytes that should be a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderFault {
    /// The bytes end before the format does.
    #[error("ends early: expected {expected} bytes, found {found}")]
    Truncated {
        /// Bytes needed.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// Bytes are left over.
    #[error("{0} trailing bytes")]
    Trailing(usize),
    /// A length beyond its bound.
    #[error("at most {limit} bytes, found {found}")]
    TooLarge {
        /// The bound.
        limit: usize,
        /// The length found.
        found: usize,
    },
    /// A length in a longer form than needed.
    #[error("a length is not in its shortest form")]
    NonCanonical,
    /// Another version than 0.
    #[error("version: expected 0, found {0}")]
    Version(u32),
    /// Not exactly one witness.
    #[error("witnesses: expected 1, found {0}")]
    Witnesses(usize),
}

/// What is wrong with a witness's scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ScriptFault {
    /// The verification script is not `PUSH M, keys, PUSH N, SYSCALL CheckMultisig`, or not in its shortest form.
    #[error("the verification script is no canonical multi-signature script")]
    NoMultisig,
    /// M is zero or above N.
    #[error("{m} of {n}")]
    Counts {
        /// M.
        m: usize,
        /// N.
        n: usize,
    },
    /// Keys are not in ascending order: one may stand twice.
    #[error("key {0} does not follow the one before it")]
    KeyOrder(usize),
    /// A key is no point of the curve.
    #[error("key {0} is no point of the curve")]
    Key(usize),
    /// The invocation script pushes something else than signatures of 64 bytes.
    #[error("the invocation script pushes something else than signatures")]
    Invocation,
}
