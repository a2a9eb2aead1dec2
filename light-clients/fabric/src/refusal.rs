//! Why something was refused: which rule, what was expected, what was found.

use alloc::string::String;

use alloy_primitives::B256;
use causeway_crypto::p256::P256Fault;
use thiserror::Error;

use crate::{ConfigFault, IdentityFault, PolicyFault, ReadFault, UpdateFault, wire::WireFault};

/// The first rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The client is frozen: it saw two final blocks that can not both be.
    #[error("the client is frozen at height {at}")]
    Frozen {
        /// Freeze height.
        at: u64,
        /// Unix seconds from which reads of what was final by then are taken again.
        readable_from: u64,
    },
    /// The trusted state (or the pin) is too old to vouch for others.
    #[error("the trusted state expired at {expired_at}, now is {now}")]
    Expired {
        /// Unix seconds from which the state no longer vouches.
        expired_at: u64,
        /// Unix seconds.
        now: u64,
    },
    /// The verifier's clock stands before the time at which the trusted state was accepted.
    #[error("the clock shows {now}, before the trusted state's time {trusted_time}")]
    NonMonotonicTime {
        /// Unix seconds.
        now: u64,
        /// Unix seconds.
        trusted_time: u64,
    },
    /// The update's bytes are not of the format.
    #[error("update: {0}")]
    Malformed(#[from] UpdateFault),
    /// A message of the chain is not canonical.
    #[error("{0}")]
    Message(#[from] WireFault),
    /// The pinned header is another one.
    #[error("the pinned hash is {expected}, the block's is {found}")]
    ChainMismatch {
        /// Pinned header hash.
        expected: B256,
        /// The hash found.
        found: B256,
    },
    /// Something names another channel than the client's.
    #[error("expected channel {expected}, found {found}")]
    ChannelMismatch {
        /// The client's channel.
        expected: String,
        /// The channel named.
        found: String,
    },
    /// A header does not stand where it has to.
    #[error("expected block {expected}, found {found}")]
    WrongNumber {
        /// The number that has to come.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// A header does not name the one before it.
    #[error("block {number}: previous hash expected {expected}, found {found}")]
    NotLinked {
        /// The block.
        number: u64,
        /// Hash of the header before it.
        expected: B256,
        /// The hash that it names.
        found: B256,
    },
    /// The data is not what the header vouches for.
    #[error("data hash: expected {expected}, found {found}")]
    WrongData {
        /// The header's hash of the data.
        expected: B256,
        /// The hash of the data brought.
        found: B256,
    },
    /// A configuration block lies between, which the client has to see first.
    #[error("block {at} holds a configuration that the client does not have")]
    ConfigMissing {
        /// The block to bring first.
        at: u64,
    },
    /// The signed metadata names a configuration that is not the one in force.
    #[error("last configuration: in force is block {in_force}, the block names {found}")]
    WrongLastConfig {
        /// Block of the configuration in force.
        in_force: u64,
        /// Block that is named.
        found: u64,
    },
    /// A configuration block must be brought with its data, and only as the last of its run.
    #[error("block {number} holds a configuration: its data is needed")]
    DataMissing {
        /// The block.
        number: u64,
    },
    /// A block that is no configuration block says it is, or the other way round.
    #[error("block {number}: what it holds and what its signed metadata says differ")]
    NotAsSigned {
        /// The block.
        number: u64,
    },
    /// The pinned block holds no configuration, so nobody is known by it.
    #[error("block {number} holds no configuration")]
    NoConfig {
        /// The block.
        number: u64,
    },
    /// A signer is nobody whom the configuration knows (or no longer).
    #[error("signer {place}: {fault}")]
    Signer {
        /// Place among the signatures.
        place: usize,
        /// Why not.
        fault: IdentityFault,
    },
    /// A signature is not its signer's.
    #[error("signature {place}: {fault}")]
    BadSignature {
        /// Place among the signatures.
        place: usize,
        /// Why not.
        fault: P256Fault,
    },
    /// One signer signs twice.
    #[error("signature {place} is by a signer who signed before")]
    DuplicateSigner {
        /// Place among the signatures.
        place: usize,
    },
    /// A consenter that the configuration does not have.
    #[error("signature {place}: no consenter {id}")]
    UnknownConsenter {
        /// Place among the signatures.
        place: usize,
        /// The number by which the consenter is called.
        id: u64,
    },
    /// Too few signers.
    #[error("{over}: needed {needed}, found {found}")]
    NotEnoughTrust {
        /// Who had to sign.
        over: Over,
        /// Signers (of a policy: rules) needed.
        needed: usize,
        /// Signers found.
        found: usize,
    },
    /// A policy can not be judged.
    #[error("policy: {0}")]
    Policy(#[from] PolicyFault),
    /// A configuration can not be used, or did not come about by the rules.
    #[error("configuration: {0}")]
    Config(#[from] ConfigFault),
    /// An attested read does not say what it has to.
    #[error("attested read: {0}")]
    Read(#[from] ReadFault),
}

/// Who had to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The channel's `BlockValidation` policy.
    BlockValidation,
    /// SmartBFT's consenters.
    Consenters,
    /// The chaincode's endorsement policy.
    Endorsement,
}

impl core::fmt::Display for Over {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::BlockValidation => "the block validation policy",
            Self::Consenters => "the quorum of consenters",
            Self::Endorsement => "the endorsement policy",
        })
    }
}

impl Refusal {
    /// Whether the same bytes may be accepted later, or after other updates.
    pub const fn may_pass_later(&self) -> bool {
        matches!(
            self,
            Self::ConfigMissing { .. }
                | Self::NonMonotonicTime { .. }
                | Self::Read(ReadFault::BeyondTrusted { .. })
                | Self::Signer { fault: IdentityFault::NotYetValid { .. }, .. }
        )
    }
}
