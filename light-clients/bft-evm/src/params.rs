//! What the two ends of a lane agree on before the first header.

use alloy_primitives::{Address, B256};
use thiserror::Error;

use crate::quorum;

/// Validators in one set: bits of the signer bitmap.
pub const MAX_VALIDATORS: usize = 256;

/// Bytes of one header without seals: 256 validators (5.4 kB), a vote and 21 fields stay far below, and the length
/// travels as `u16`.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Bytes of one header with its seals: 256 more items of 67 bytes.
pub const MAX_SEALED_HEADER_BYTES: usize = 2 * MAX_HEADER_BYTES + 1024;

/// Longest trusting period and freeze delay, seconds (136 years): with it a time fits into the 40 bits that the contract
/// keeps.
pub const MAX_PERIOD: u64 = u32::MAX as u64;

/// Bits of a block number: what the contract keeps. At a block a millisecond they last for 8,900 years.
pub const HEIGHT_BITS: u32 = 48;

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

/// A share of the set in force that must be exceeded to believe another set.
///
/// Two things hold whatever the share is. A quorum ⌈2N/3⌉ of the set is always enough: it is what the chain itself calls
/// final. And one of two or more validators is never enough, whatever a share of a small set comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Numerator.
    pub numerator: u16,
    /// Denominator.
    pub denominator: u16,
}

impl Threshold {
    /// One third, the least that proves anything: among more than a third of a set is an honest validator.
    pub const ONE_THIRD: Self = Self { numerator: 1, denominator: 3 };

    /// One half, the default: of four validators three must vouch for another set, and removing one of five or more, where
    /// blocks hold just the seals of the smaller set's quorum, does not leave a client behind.
    pub const HALF: Self = Self { numerator: 1, denominator: 2 };

    /// Two thirds: a change of the set is believed on what the chain's own finality takes.
    pub const TWO_THIRDS: Self = Self { numerator: 2, denominator: 3 };

    /// Whether it lies between 1/3 and 2/3.
    pub const fn is_sound(self) -> bool {
        let (thrice, denominator) = (self.numerator as u32 * 3, self.denominator as u32);
        denominator != 0 && thrice >= denominator && thrice <= 2 * denominator
    }

    /// Whether `count` members of a set of `of` are enough.
    pub const fn met_by(self, count: usize, of: usize) -> bool {
        count >= self.needed(of)
    }

    /// The smallest number of members of a set of `of` that is enough.
    pub const fn needed(self, of: usize) -> usize {
        if self.denominator == 0 {
            return usize::MAX;
        }
        // At most 256 validators and 16-bit shares: no overflow.
        let exceeding = (of as u64 * self.numerator as u64 / self.denominator as u64 + 1) as usize;
        let enough = if exceeding < quorum(of) { exceeding } else { quorum(of) };
        if enough < 2 && of > 1 { 2 } else { enough }
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
    /// Share of the set in force that must be exceeded to believe another set; one third to two thirds.
    pub trust_threshold: Threshold,
    /// Seconds after a freeze or an expiry before the last block below it may be read again; at least 1.
    pub freeze_delay: u64,
}

/// Parameters under which the client would prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParamsFault {
    /// The trusting period is zero.
    #[error("the trusting period is zero")]
    NoTrustingPeriod,
    /// Longer than the contract's clock counts.
    #[error("{what}: at most {limit} s, found {found} s")]
    TooLong {
        /// Which duration.
        what: &'static str,
        /// Seconds.
        limit: u64,
        /// Seconds.
        found: u64,
    },
    /// Nobody could see a freeze before it is read past.
    #[error("the freeze delay is zero")]
    NoFreezeDelay,
    /// Headers could be dated ahead by a whole trusting period.
    #[error("drift {drift} s is not below the trusting period {trusting_period} s")]
    DriftTooLarge {
        /// Seconds.
        drift: u64,
        /// Seconds.
        trusting_period: u64,
    },
    /// Below one third the trusted validators that sign might all be faulty; above two thirds the chain's own quorum
    /// would not do.
    #[error("trust threshold: expected 1/3 to 2/3, found {numerator}/{denominator}")]
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
        if !self.trust_threshold.is_sound() {
            return Err(ParamsFault::Threshold { numerator, denominator });
        }
        if self.trusting_period == 0 {
            return Err(ParamsFault::NoTrustingPeriod);
        }
        if self.freeze_delay == 0 {
            return Err(ParamsFault::NoFreezeDelay);
        }
        for (what, found) in [("trusting period", self.trusting_period), ("freeze delay", self.freeze_delay)] {
            if found > MAX_PERIOD {
                return Err(ParamsFault::TooLong { what, limit: MAX_PERIOD, found });
            }
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
