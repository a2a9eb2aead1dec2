//! Why an update was refused: which rule, what was expected, what was found.

use alloy_primitives::{Address, B256};
use causeway_crypto::SignatureFault;
use thiserror::Error;

use crate::{HeaderFault, proof::StateProofFault};

/// The first rule that an update broke. The variants stand in the order of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The client is frozen: it saw two final blocks that can not both be. After the freeze delay the last block below the
    /// freeze may still be read, without seals ([`Refusal::may_pass_later`]).
    #[error("the client is frozen at height {at}")]
    Frozen {
        /// Freeze height.
        at: u64,
        /// Unix seconds from which that block may be read; none if no such block is known.
        readable_from: Option<u64>,
    },
    /// The trusted state is too old to vouch for others. After the freeze delay its own block may still be read, without
    /// seals.
    #[error("the trusted state expired at {expired_at}, now is {now}")]
    Expired {
        /// Unix seconds from which the state no longer vouches.
        expired_at: u64,
        /// Unix seconds.
        now: u64,
    },
    /// The update's bytes are not of the format.
    #[error("update: {0}")]
    Malformed(#[from] UpdateFault),
    /// The header is not well-formed, not canonical, or not of the client's mode.
    #[error("header: {0}")]
    Header(#[from] HeaderFault),
    /// The header lists nobody (or, in validator-contract mode, the update brings nobody).
    #[error("no validators")]
    EmptySet,
    /// More validators than the bitmap has bits.
    #[error("at most {limit} validators, found {found}")]
    TooManyValidators {
        /// The bound.
        limit: usize,
        /// The number found.
        found: usize,
    },
    /// The header is dated ahead of the verifier's clock by more than the allowed drift. It may be accepted later.
    #[error("the header's time {found} is after {latest} (now + drift)")]
    HeaderFromFuture {
        /// The latest time acceptable now, Unix seconds.
        latest: u64,
        /// The header's time.
        found: u64,
    },
    /// A newer height without a newer time, or an older height with a newer time.
    #[error(
        "height {height} has time {time}, but trusted height {trusted_height} has time {trusted_time}: not monotonic"
    )]
    NonMonotonicTime {
        /// The header's height.
        height: u64,
        /// The header's time.
        time: u64,
        /// Height of the trusted state.
        trusted_height: u64,
        /// Time of the trusted state.
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
    /// The set that the update presents as the one in force is not.
    #[error("set in force: expected {expected}, found {found}")]
    NotTheSetInForce {
        /// Hash of the set in force.
        expected: B256,
        /// Hash of the set presented.
        found: B256,
    },
    /// The header's list differs from the set in force and names a validator twice.
    #[error("validator {address} is listed twice")]
    DuplicateValidator {
        /// The validator.
        address: Address,
    },
    /// A bit of the signer bitmap has no validator.
    #[error("signer bit {bit} is set, but there are {validators} validators")]
    UnknownSigner {
        /// The bit.
        bit: usize,
        /// Validators of the list.
        validators: usize,
    },
    /// Too few signers.
    #[error("{over}: expected at least {needed} of {of} signers, found {found}")]
    NotEnoughTrust {
        /// Which set they are counted in.
        over: Over,
        /// Signers needed.
        needed: usize,
        /// Signers found.
        found: usize,
        /// Validators of the set.
        of: usize,
    },
    /// A seal is no good signature.
    #[error("seal of validator {validator}: {fault}")]
    InvalidSeal {
        /// The validator that the bitmap names.
        validator: Address,
        /// What is wrong.
        fault: SignatureFault,
    },
    /// A seal was made by somebody else than the bitmap says.
    #[error("seal of validator {expected} was made by {found}")]
    BadSeal {
        /// The validator that the bitmap names.
        expected: Address,
        /// The signer.
        found: Address,
    },
    /// The proof of the next set (validator-contract mode) does not hold under the accepted header's state root.
    #[error("next validator set: {0}")]
    NextSet(StateProofFault),
    /// A pinned header is not the one that the configuration names.
    #[error("pinned header: expected hash {expected}, found {found}")]
    ChainMismatch {
        /// The hash in the configuration.
        expected: B256,
        /// Hash of the header that was given.
        found: B256,
    },
}

/// The set in which signers were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The set in force, of which more than the trust threshold must sign to believe another list.
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

/// What is wrong with an update's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UpdateFault {
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
    /// A flag that the format does not know, or that this client's mode does not allow.
    #[error("unknown flags {0:#04x}")]
    Flags(u8),
    /// A length beyond its bound.
    #[error("{what}: at most {limit} bytes, found {found}")]
    TooLarge {
        /// What was measured.
        what: &'static str,
        /// The bound.
        limit: usize,
        /// The length found.
        found: usize,
    },
    /// The set in force is needed and was not brought along.
    #[error("the set in force is missing")]
    PreviousSetMissing,
    /// The set in force is brought along although the header lists it itself.
    #[error("the set in force is brought along needlessly")]
    PreviousSetNeedless,
    /// The next set's proof stands beside a header that moves nothing.
    #[error("a proof of the next set beside an older header")]
    NextSetOfOlder,
}

impl Refusal {
    /// Whether headers between the trusted state and the refused one could earn the trust that is missing.
    pub const fn intermediate_helps(&self) -> bool {
        match self {
            Self::NotEnoughTrust { over: Over::SetInForce, .. } => true,
            // Somebody moved the client on meanwhile: what leads there from the set in force now is another update.
            Self::NotTheSetInForce { .. } => true,
            _ => false,
        }
    }

    /// Whether the same update may be accepted at a later time.
    pub const fn may_pass_later(&self) -> bool {
        matches!(self, Self::HeaderFromFuture { .. } | Self::Frozen { readable_from: Some(_), .. })
    }
}
