//! What the client of one chain is told once: which chain, and how far trust reaches.

use alloc::string::String;
use core::time::Duration;

use thiserror::Error;

use crate::header::{BLOCK_PROTOCOL, Encoding, MAX_CHAIN_ID_BYTES};

/// A fraction of voting power that must be exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Numerator.
    pub numerator: u16,
    /// Denominator.
    pub denominator: u16,
}

impl Threshold {
    /// The usual trust threshold: at least one honest validator is among those who sign.
    pub const ONE_THIRD: Self = Self { numerator: 1, denominator: 3 };
    /// What commits a block.
    pub const TWO_THIRDS: Self = Self { numerator: 2, denominator: 3 };

    /// Whether `power` of `total` is more than the fraction.
    pub fn exceeded_by(self, power: u64, total: u64) -> bool {
        u128::from(power) * u128::from(self.denominator) > u128::from(total) * u128::from(self.numerator)
    }

    /// Whether the fraction is no more than another.
    pub fn at_most(self, other: Self) -> bool {
        u32::from(self.numerator) * u32::from(other.denominator)
            <= u32::from(other.numerator) * u32::from(self.denominator)
    }

    /// The least power of `total` that exceeds the fraction.
    pub fn needed(self, total: u64) -> u64 {
        let floor = u128::from(total) * u128::from(self.numerator) / u128::from(self.denominator.max(1));
        u64::try_from(floor).unwrap_or(u64::MAX).saturating_add(1)
    }
}

/// Parameters of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// The chain's id.
    pub chain_id: String,
    /// How long after its time a header may vouch for others: below the unbonding period of the chain, so that whoever
    /// signs two blocks can still be punished.
    pub trusting_period: Duration,
    /// How far a header may be ahead of the verifier's clock.
    pub drift: Duration,
    /// Share of the trusted validators' power that must sign to believe another set.
    pub trust_threshold: Threshold,
    /// The block protocol that headers must name; `None` takes any. CometBFT v0.34 to v1 write [`BLOCK_PROTOCOL`], which
    /// [`Params::new`] sets.
    pub block_protocol: Option<u64>,
    /// How what is hashed and signed is encoded.
    pub encoding: Encoding,
    /// How long after a freeze the last common block stays unreadable.
    pub freeze_delay: Duration,
}

/// Parameters under which the client would prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParamsFault {
    /// No chain id, or one longer than CometBFT allows.
    #[error("chain id: expected 1 to {MAX_CHAIN_ID_BYTES} bytes, found {0}")]
    ChainId(usize),
    /// The trusting period is zero.
    #[error("the trusting period is zero")]
    NoTrustingPeriod,
    /// Headers could be dated ahead by a whole trusting period.
    #[error("drift {drift:?} is not below the trusting period {trusting_period:?}")]
    DriftTooLarge {
        /// The drift.
        drift: Duration,
        /// The trusting period.
        trusting_period: Duration,
    },
    /// Below one third the trusted validators that sign might all be faulty; at one or above nobody suffices.
    #[error("trust threshold: expected at least 1/3 and below 1, found {numerator}/{denominator}")]
    Threshold {
        /// Numerator found.
        numerator: u16,
        /// Denominator found.
        denominator: u16,
    },
}

impl Params {
    /// Parameters for a chain of today: threshold 1/3, 10 s of drift, an hour from freeze to reading.
    pub const fn new(chain_id: String, trusting_period: Duration) -> Self {
        Self {
            chain_id,
            trusting_period,
            drift: Duration::from_secs(10),
            trust_threshold: Threshold::ONE_THIRD,
            block_protocol: Some(BLOCK_PROTOCOL),
            encoding: Encoding::Protobuf,
            freeze_delay: Duration::from_secs(3_600),
        }
    }

    /// Checks that the parameters can prove something.
    ///
    /// # Errors
    /// Names the parameter that can not.
    pub fn check(&self) -> Result<(), ParamsFault> {
        let Threshold { numerator, denominator } = self.trust_threshold;
        if self.chain_id.is_empty() || self.chain_id.len() > MAX_CHAIN_ID_BYTES {
            return Err(ParamsFault::ChainId(self.chain_id.len()));
        }
        if u32::from(numerator) * 3 < u32::from(denominator) || numerator >= denominator {
            return Err(ParamsFault::Threshold { numerator, denominator });
        }
        if self.trusting_period.is_zero() {
            return Err(ParamsFault::NoTrustingPeriod);
        }
        if self.drift >= self.trusting_period {
            return Err(ParamsFault::DriftTooLarge { drift: self.drift, trusting_period: self.trusting_period });
        }
        Ok(())
    }
}
