//! What the two ends of a lane agree on before the first header.

use alloy_primitives::{Address, B256};
use thiserror::Error;

/// Validators in one set: bits of the signer bitmap.
pub const MAX_VALIDATORS: usize = 256;

/// Bytes of one header without seals: 256 validators (5.4 kB), a vote and 21 fields stay far below, and the length
/// travels as `u16`.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Bytes of one header with its seals: 256 more items of 67 bytes.
pub const MAX_SEALED_HEADER_BYTES: usize = 2 * MAX_HEADER_BYTES + 1024;

/// The dialect of consensus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// EEA QBFT: extra data is `RLP[vanity, [validators], vote, round, [seals]]`.
    Qbft = 0,
    /// Besu's IBFT 2.0: extra data is `RLP[vanity, [validators], vote, round, [seals]]`, the round in four bytes.
    Ibft2 = 1,
    /// GoQuorum's Istanbul BFT (EIP-650): extra data is 32 bytes of vanity, then `RLP[[validators], proposer seal,
    /// [committed seals]]`.
    Ibft1 = 2,
}

impl Mode {
    /// The mode with this number, as contracts and configurations write it.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Qbft),
            1 => Some(Self::Ibft2),
            2 => Some(Self::Ibft1),
            _ => None,
        }
    }
}

/// Where a header's validators are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidatorSource {
    /// In the header's extra data.
    Header,
    /// In an `address[]` of a contract (Besu's validator-contract mode); headers list nobody.
    Contract {
        /// The validator contract.
        address: Address,
        /// Storage slot of the array's length (0 in Besu's examples).
        slot: B256,
    },
}

/// A share of validators that must be exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Numerator.
    pub numerator: u16,
    /// Denominator.
    pub denominator: u16,
}

impl Threshold {
    /// One third: among more than a third of a set is an honest validator.
    pub const ONE_THIRD: Self = Self { numerator: 1, denominator: 3 };

    /// Whether `count` of `of` is more than this share.
    pub const fn exceeded_by(self, count: usize, of: usize) -> bool {
        // At most 256 validators and 16-bit shares: no overflow.
        count as u64 * self.denominator as u64 > of as u64 * self.numerator as u64
    }

    /// The smallest count of `of` that exceeds this share.
    pub const fn needed(self, of: usize) -> usize {
        (of as u64 * self.numerator as u64 / self.denominator as u64 + 1) as usize
    }
}

/// The client's parameters. Both ends compare them in `Hello`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// The dialect of consensus.
    pub mode: Mode,
    /// Where validators are found.
    pub validators: ValidatorSource,
    /// Seconds after its time during which a trusted state may vouch for others.
    pub trusting_period: u64,
    /// Seconds that a header may be ahead of `now`.
    pub drift: u64,
    /// Share of the set in force that must be exceeded to believe another set; at least one third.
    pub trust_threshold: Threshold,
    /// Seconds after a freeze before the last common block may be read again.
    pub freeze_delay: u64,
}

/// Parameters under which the client would prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParamsFault {
    /// The trusting period is zero.
    #[error("the trusting period is zero")]
    NoTrustingPeriod,
    /// Headers could be dated ahead by a whole trusting period.
    #[error("drift {drift} s is not below the trusting period {trusting_period} s")]
    DriftTooLarge {
        /// Seconds.
        drift: u64,
        /// Seconds.
        trusting_period: u64,
    },
    /// Below one third the trusted validators that sign might all be faulty; at one or above nobody suffices.
    #[error("trust threshold: expected at least 1/3 and below 1, found {numerator}/{denominator}")]
    Threshold {
        /// Numerator found.
        numerator: u16,
        /// Denominator found.
        denominator: u16,
    },
    /// IBFT 1 has no validator-contract mode.
    #[error("IBFT 1 has no validator-contract mode")]
    NoContractMode,
}

impl Params {
    /// Checks that the parameters can prove something.
    ///
    /// # Errors
    /// Names the parameter that can not.
    pub fn check(&self) -> Result<(), ParamsFault> {
        let Threshold { numerator, denominator } = self.trust_threshold;
        if u32::from(numerator) * 3 < u32::from(denominator) || numerator >= denominator {
            return Err(ParamsFault::Threshold { numerator, denominator });
        }
        if self.trusting_period == 0 {
            return Err(ParamsFault::NoTrustingPeriod);
        }
        if self.drift >= self.trusting_period {
            return Err(ParamsFault::DriftTooLarge { drift: self.drift, trusting_period: self.trusting_period });
        }
        if self.mode == Mode::Ibft1 && self.validators != ValidatorSource::Header {
            return Err(ParamsFault::NoContractMode);
        }
        Ok(())
    }
}
