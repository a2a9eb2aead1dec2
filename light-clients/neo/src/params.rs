//! What a configuration says about a chain.

use thiserror::Error;

/// Parameters of a client. Times in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// The network's magic number: what signatures of this chain start with, and those of another do not.
    pub magic: u32,
    /// Whether headers hold the state root of the block before (`StateRootInHeader`).
    pub state_root_in_header: bool,
    /// How long a trusted state vouches for others.
    pub trusting_period: u64,
    /// How far a header's time may be ahead of the verifier's clock.
    pub drift: u64,
}

/// Parameters that prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParamsFault {
    /// No trusting period: nothing would ever be accepted.
    #[error("trusting period: expected more than 0 seconds")]
    TrustingPeriod,
    /// A drift that is not below the trusting period.
    #[error("drift: expected less than the trusting period {trusting_period}, found {drift}")]
    Drift {
        /// Seconds.
        trusting_period: u64,
        /// Seconds.
        drift: u64,
    },
}

impl Params {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`ParamsFault`].
    pub const fn check(&self) -> Result<(), ParamsFault> {
        if self.trusting_period == 0 {
            return Err(ParamsFault::TrustingPeriod);
        }
        if self.drift >= self.trusting_period {
            return Err(ParamsFault::Drift { trusting_period: self.trusting_period, drift: self.drift });
        }
        Ok(())
    }
}
