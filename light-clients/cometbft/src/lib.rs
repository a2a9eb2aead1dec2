#![no_std]
//! Light client of CometBFT chains (Tendermint Core v0.34 to CometBFT v1), and ICS-23 reads of their state.

extern crate alloc;
#[cfg(test)]
extern crate std;

mod bisect;
mod commit;
mod conflict;
mod header;
mod merkle;
mod params;
pub mod proof;
mod refusal;
mod signatures;
mod state;
mod time;
mod update;
mod validators;
pub mod verify;
mod wire;

#[cfg(test)]
mod tests;

pub use bisect::{Bisection, BisectionFault};
pub use commit::{Commit, CommitSig, SignBytes, Vote};
pub use conflict::{Misbehaviour, MisbehaviourKind, compare, conflict_with};
pub use header::{
    Address, BLOCK_PROTOCOL, BlockId, Encoding, Header, MAX_APP_HASH_BYTES, MAX_CHAIN_ID_BYTES, PartSetHeader,
};
pub use params::{Params, ParamsFault, Threshold};
pub use refusal::{Over, Refusal, SignatureFault, Whose};
pub use signatures::Signatures;
pub use state::{Freeze, StateFault, TrustedState};
pub use time::Time;
pub use update::{IbcHeight, MAX_UPDATE_BYTES, Update};
pub use validators::{MAX_TOTAL_POWER, MAX_VALIDATORS, PublicKey, Validator, ValidatorSet};
pub use verify::{Accepted, Verified, verify_in, verify_with};
pub use wire::WireFault;

#[cfg(any(feature = "native", feature = "portable"))]
mod preferred {
    use causeway_crypto::Preferred;

    use crate::{Misbehaviour, Params, Refusal, Time, TrustedState, Verified, conflict_with, verify_with};

    /// Judges an update: [`verify_with`] the fastest signature check of this build.
    ///
    /// # Errors
    /// The first rule that the update breaks.
    pub fn verify(params: &Params, trusted: &TrustedState, update: &[u8], now: Time) -> Result<Verified, Refusal> {
        verify_with::<Preferred>(params, trusted, update, now)
    }

    /// Whether two updates are evidence of misbehaviour: [`conflict_with`] the fastest signature check of this build.
    ///
    /// # Errors
    /// One of the two would not be accepted, so it is no evidence.
    pub fn conflict(
        params: &Params,
        trusted: &TrustedState,
        a: &[u8],
        b: &[u8],
        now: Time,
    ) -> Result<Option<Misbehaviour>, Refusal> {
        conflict_with::<Preferred>(params, trusted, a, b, now)
    }
}
#[cfg(any(feature = "native", feature = "portable"))]
pub use preferred::{conflict, verify};
