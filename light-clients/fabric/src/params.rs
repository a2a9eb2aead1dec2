//! What a client is told, and both ends compare in `Hello`.

use alloc::{string::String, vec::Vec};

use alloy_primitives::B256;
use thiserror::Error;

use crate::{PolicyFault, policy::SignaturePolicy};

/// The client's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// The channel's name. Headers do not carry it; links, configuration blocks and attested reads do.
    pub channel: String,
    /// Seconds after its acceptance during which a trusted state may vouch for others.
    pub trusting_period: u64,
    /// Seconds after a freeze before what was final below it may be read again.
    pub freeze_delay: u64,
    /// The client whose proven time is this chain's clock (its 32-byte name): Fabric has no time of its own
    /// ([`crate::Clock`]).
    pub clock: B256,
    /// How the chain's state is read. Without it the client follows headers and proves nothing about state.
    pub reads: Option<Reads>,
}

/// The attested read of a lane: Fabric has no state root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reads {
    /// The vault's chaincode.
    pub chaincode: String,
    /// Who has to endorse an answer.
    pub policy: ReadPolicy,
}

/// The chaincode's endorsement policy, as its committed definition has it (`peer lifecycle chaincode querycommitted`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadPolicy {
    /// A policy of the channel's configuration, by its path: Fabric's default is `/Channel/Application/Endorsement`.
    Channel(String),
    /// A signature policy of its own (`common.SignaturePolicyEnvelope`).
    Signatures(Vec<u8>),
}

impl ReadPolicy {
    /// The default of Fabric's lifecycle.
    pub const DEFAULT_PATH: &'static str = "/Channel/Application/Endorsement";
}

/// Parameters under which the client would prove nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParamsFault {
    /// The trusting period is zero.
    #[error("the trusting period is zero")]
    NoTrustingPeriod,
    /// The channel has no name.
    #[error("the channel has no name")]
    NoChannel,
    /// No clock is named, so no deadline could ever be decided on this chain.
    #[error("no client is named as the chain's clock")]
    NoClock,
    /// No attested read is stated, and Fabric has no state root (ATK-108).
    #[error("Fabric has no state proofs; state an attested read")]
    NoStateProofs,
    /// The stated policy can not be judged.
    #[error("endorsement policy: {0}")]
    Policy(#[from] PolicyFault),
}

impl Params {
    /// Checks that the parameters can carry a lane.
    ///
    /// # Errors
    /// Names the parameter that can not.
    pub fn check(&self) -> Result<(), ParamsFault> {
        if self.trusting_period == 0 {
            return Err(ParamsFault::NoTrustingPeriod);
        }
        if self.channel.is_empty() {
            return Err(ParamsFault::NoChannel);
        }
        if self.clock.is_zero() {
            return Err(ParamsFault::NoClock);
        }
        match &self.reads {
            None => Err(ParamsFault::NoStateProofs),
            Some(Reads { chaincode, .. }) if chaincode.is_empty() => Err(ParamsFault::NoStateProofs),
            Some(Reads { policy: ReadPolicy::Signatures(bytes), .. }) => {
                SignaturePolicy::read(bytes)?;
                Ok(())
            }
            Some(_) => Ok(()),
        }
    }
}
