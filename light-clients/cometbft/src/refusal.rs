//! Why an update was refused: which rule, what was expected, what was found.

use alloc::string::String;

use alloy_primitives::B256;
use causeway_crypto::{ecdsa::EcdsaFault, ed25519::Ed25519Fault};
use thiserror::Error;

use crate::{header::Address, time::Time, wire::WireFault};

/// The first rule that an update broke.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The client is frozen: it saw two final blocks that can not both be. After the freeze delay the last block that
    /// is common to both chains, if the evidence showed one, may still be read ([`Refusal::may_pass_later`]).
    #[error("the client is frozen at height {at}")]
    Frozen {
        /// Freeze height.
        at: u64,
        /// From when the last common block may be read; none if no such block is known.
        readable_from: Option<Time>,
    },
    /// The trusted state is too old to vouch for others.
    #[error("the trusted state expired at {expired_at}, now is {now}")]
    Expired {
        /// When it stopped to vouch.
        expired_at: Time,
        /// Now.
        now: Time,
    },
    /// The bytes are not of the format.
    #[error("update: {0}")]
    Malformed(#[from] WireFault),
    /// A set without validators.
    #[error("no validators")]
    EmptySet,
    /// A set beyond its bound.
    #[error("at most {limit} validators, found {found}")]
    TooManyValidators {
        /// The bound.
        limit: usize,
        /// The number found (or one more than the bound, where counting stopped).
        found: usize,
    },
    /// A set of more power than CometBFT allows.
    #[error("total voting power: at most {limit}, found {found}")]
    TotalPower {
        /// The bound.
        limit: u64,
        /// The power found.
        found: u64,
    },
    /// A set names a validator twice.
    #[error("validator {address} is listed twice")]
    DuplicateValidator {
        /// The validator.
        address: Address,
    },
    /// The header is of another chain.
    #[error("chain: expected {expected:?}, found {found:?}")]
    ChainMismatch {
        /// The client's chain.
        expected: String,
        /// The header's.
        found: String,
    },
    /// The header is of a protocol that the client does not speak.
    #[error("block protocol: expected {expected}, found {found}")]
    BlockProtocol {
        /// The client's.
        expected: u64,
        /// The header's.
        found: u64,
    },
    /// A pinned header is not the one that the configuration names.
    #[error("pinned header: expected hash {expected}, found {found}")]
    PinMismatch {
        /// The hash in the configuration.
        expected: B256,
        /// Hash of the header that was given.
        found: B256,
    },
    /// The update starts from another height than the client's, or names another revision than the chain id.
    #[error("trusted height: expected {expected:?}, found {found:?} (revision, height)")]
    TrustedHeight {
        /// The client's.
        expected: (u64, u64),
        /// The update's.
        found: (u64, u64),
    },
    /// The header is not newer than the trusted one.
    #[error("height {found} is not above the trusted height {trusted}")]
    NotNewer {
        /// Height of the trusted state.
        trusted: u64,
        /// The header's height.
        found: u64,
    },
    /// A newer height without a newer time.
    #[error("time {found} is not after {trusted}, that of the trusted header")]
    NonMonotonicTime {
        /// Time of the trusted state.
        trusted: Time,
        /// The header's time.
        found: Time,
    },
    /// The header is dated ahead of the verifier's clock by the allowed drift or more. It may be accepted later.
    #[error("the header's time {found} is not before {limit} (now + drift)")]
    HeaderFromFuture {
        /// The time that it must be before.
        limit: Time,
        /// The header's time.
        found: Time,
    },
    /// The commit is of another height than the header.
    #[error("commit: expected height {expected}, found {found}")]
    CommitHeight {
        /// The header's.
        expected: u64,
        /// The commit's.
        found: u64,
    },
    /// The commit is for another block.
    #[error("commit: expected block {expected}, found {found}")]
    CommitBlock {
        /// Hash of the header.
        expected: B256,
        /// Hash in the commit; zero if there is none.
        found: B256,
    },
    /// Not one entry for each validator.
    #[error("commit: expected {expected} signatures, found {found}")]
    CommitLength {
        /// Validators.
        expected: usize,
        /// Signatures.
        found: usize,
    },
    /// A validator's place in the commit holds a vote of somebody else.
    #[error("commit, place {index}: expected a vote of {expected}, found one of {found}")]
    WrongSigner {
        /// Place in the commit.
        index: usize,
        /// The validator there.
        expected: Address,
        /// Who is said to have signed.
        found: Address,
    },
    /// A validator set is not the one that its hash names.
    #[error("{whose}: expected hash {expected}, found {found}")]
    ValidatorsHash {
        /// Which set.
        whose: Whose,
        /// The hash in the header that vouches for it; zero if there is none.
        expected: B256,
        /// Hash of the set presented.
        found: B256,
    },
    /// The header is further on and under other validators; those trusted so far are needed.
    #[error("the validators trusted so far are missing")]
    TrustedValidatorsMissing,
    /// Too little voting power signed.
    #[error("{over}: expected at least {needed} of {of} voting power, found {found}")]
    NotEnoughTrust {
        /// In which set it is counted.
        over: Over,
        /// Power needed.
        needed: u64,
        /// Power that signed.
        found: u64,
        /// Power of the set.
        of: u64,
    },
    /// A signature is not good.
    #[error("commit, place {index}, validator {validator}: {fault}")]
    BadSignature {
        /// Place in the commit.
        index: usize,
        /// The validator.
        validator: Address,
        /// What is wrong.
        fault: SignatureFault,
    },
}

/// What is wrong with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureFault {
    /// Not as long as signatures of the validator's kind of key.
    #[error("expected 64 bytes, found {0}")]
    Length(usize),
    /// Of an Ed25519 key.
    #[error(transparent)]
    Ed25519(Ed25519Fault),
    /// Of a secp256k1 key.
    #[error(transparent)]
    Secp256k1(EcdsaFault),
}

/// Whose validators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of the header.
    Header,
    /// Those of the block after the trusted one, as the header right after it names them.
    Adjacent,
    /// Those of the block after the trusted one, as the update brings them.
    Trusted,
    /// Those of the block after a header, beside it.
    Next,
}

impl core::fmt::Display for Whose {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Header => "validators of the header",
            Self::Adjacent => "validators of the next block",
            Self::Trusted => "trusted validators",
            Self::Next => "next validators",
        })
    }
}

/// The set in which power was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The validators trusted so far, of whose power more than the trust threshold must sign to believe others.
    Trusted,
    /// The header's own, of whose power more than two thirds must sign.
    Header,
}

impl core::fmt::Display for Over {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Trusted => "signers among the trusted validators",
            Self::Header => "signers among the header's validators",
        })
    }
}

impl Refusal {
    /// Whether headers between the trusted state and the refused one could earn the trust that is missing.
    pub const fn intermediate_helps(&self) -> bool {
        match self {
            Self::NotEnoughTrust { over: Over::Trusted, .. } | Self::TrustedValidatorsMissing => true,
            // Somebody moved the client on meanwhile: what leads there from the state now is another update.
            Self::TrustedHeight { .. } | Self::ValidatorsHash { whose: Whose::Trusted, .. } => true,
            _ => false,
        }
    }

    /// Whether the same update may be accepted at a later time.
    pub const fn may_pass_later(&self) -> bool {
        matches!(self, Self::HeaderFromFuture { .. } | Self::Frozen { readable_from: Some(_), .. })
    }
}
