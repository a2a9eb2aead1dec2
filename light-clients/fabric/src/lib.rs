#![no_std]
//! Light client of Hyperledger Fabric channels.
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod block;
pub mod bounds;
pub mod channel;
pub mod clock;
pub mod config;
mod config_update;
mod conflict;
pub mod header;
pub mod identity;
pub mod msp;
mod params;
mod pem;
pub mod policy;
pub mod proof;
mod refusal;
mod state;
pub mod transaction;
mod update;
pub mod verify;
pub mod wire;
pub mod x509;

pub use block::Block;
pub use channel::{Channel, Consensus, quorum};
pub use clock::{Clock, ClockFault, Reading};
pub use config::ConfigFault;
pub use conflict::{Misbehaviour, conflict_with};
pub use header::BlockHeader;
pub use msp::{IdentityFault, Validity};
pub use params::{Params, ParamsFault, ReadPolicy, Reads};
pub use policy::PolicyFault;
pub use proof::{Outbox, ReadFault, attested_with, outbox_with};
pub use refusal::{Over, Refusal};
pub use state::{Freeze, Pin, StateFault, TrustedState};
pub use update::{Data, Update, UpdateError, UpdateFault, build_update_with};
pub use verify::{Accepted, Verified, verify_with};
pub use wire::WireFault;
pub use x509::CertificateFault;

#[cfg(any(feature = "native", feature = "portable"))]
mod preferred {
    use alloc::vec::Vec;

    use alloy_primitives::B256;
    use causeway_crypto::p256::Preferred;

    use crate::{
        BlockHeader, Data, Misbehaviour, Outbox, Params, Refusal, TrustedState, UpdateError, Verified,
        build_update_with, conflict_with, outbox_with, verify_with,
    };

    /// Judges an update: [`verify_with`] the fastest signature check of this build.
    ///
    /// # Errors
    /// The first rule that the update breaks.
    pub fn verify(params: &Params, trusted: &TrustedState, update: &[u8], now: u64) -> Result<Verified, Refusal> {
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
        now: u64,
    ) -> Result<Option<Misbehaviour>, Refusal> {
        conflict_with::<Preferred>(params, trusted, a, b, now)
    }

    /// Makes an update from a block: [`build_update_with`] the fastest signature check of this build.
    ///
    /// # Errors
    /// The block is not canonical or too large.
    pub fn build_update(
        trusted: &TrustedState,
        between: &[BlockHeader],
        block: &[u8],
        data: Data,
        now: u64,
    ) -> Result<Vec<u8>, UpdateError> {
        build_update_with::<Preferred>(trusted, between, block, data, now)
    }

    /// Judges an attested read of an outbox: [`outbox_with`] the fastest signature check of this build.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn outbox(
        params: &Params,
        trusted: &TrustedState,
        lane: &B256,
        read: &[u8],
        now: u64,
    ) -> Result<Outbox, Refusal> {
        outbox_with::<Preferred>(params, trusted, lane, read, now)
    }
}
#[cfg(any(feature = "native", feature = "portable"))]
pub use preferred::{build_update, conflict, outbox, verify};
