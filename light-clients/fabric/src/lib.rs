#![no_std]
//! Light client of Hyperledger Fabric channels: raft and SmartBFT orderers, MSPs, configuration updates, attested reads.
//!
//! # What it verifies
//! * **Headers**: a run of block headers that is linked by hash from the trusted block on, whose last one carries the
//!   signatures that the channel asks for: under raft the `BlockValidation` policy, under SmartBFT a quorum
//!   ⌈(n + f + 1) / 2⌉ of the consenters as well. [`verify::RULES`] lists the rules in their order.
//! * **Configurations**: a configuration block is followed only if its update was made for the configuration in force,
//!   signed by those who may change what it changes, and makes exactly what the block holds.
//! * **Identities**: X.509 chains to an organisation's roots, with validity in time, revocation lists, organisational
//!   units and node kinds ([`msp`]).
//! * **Attested reads** ([`proof`]): an answer of the vault's chaincode that only reads, endorsed by as many organisations
//!   as its endorsement policy asks for. Fabric has no state root, and a transaction in a block proves nothing: whether
//!   it took effect is written beside the block, signed by nobody.
//!
//! Sources: Hyperledger Fabric 2.5 and its main branch of 2023-04 (between 2.5 and 3.0): `protoutil`
//! (`blockutils.go`, `signeddata.go`), `common/cauthdsl`, `common/policies`, `common/configtx`, `msp`,
//! `core/endorser`, and the messages of fabric-protos; RFC 5280; checked on recorded blocks of raft and SmartBFT channels.
//!
//! # What it trusts
//! A pinned configuration block (by its header's hash); that the orderers (raft: each single one whom the policy names;
//! SmartBFT: all but a third) and, for reads, as many endorsers as the policy asks for, do not lie; SHA-256 and
//! ECDSA on P-256.
//!
//! # What it does not check, and why
//! * *Time of blocks*: there is none. The trusting period counts from the moment of acceptance on the verifier's clock;
//!   a vault's deadlines go by [`Clock`], a named client's proven time. A sender's timestamp is never used.
//! * *Transactions of ordinary blocks*: not needed. If a block is brought whole ([`Data::Always`]), every envelope in it
//!   must be canonical, of the channel, and signed by its creator.
//! * *Whether a new configuration is wise* (Fabric's `ValidateNew`: migration of consensus, capabilities of applications):
//!   administrators answer for that.
//! * *The chaincode's definition*: its endorsement policy is stated in [`Params`], which both ends compare.
//! * *Idemix, keys other than P-256*: such an organisation has no members here, so what needs it is refused.
//!
//! # Judged differences from Fabric's own peers
//! Stricter, so that nothing is accepted that a peer refuses: messages must be canonical (peers read unknown, repeated
//! and reordered fields; ATK-041); certificates of those who sign blocks and answers expire (peers never look; those
//! of a configuration update's signers, which were judged when it was ordered, do not); authorities can be revoked too;
//! a listed administrator must be a valid identity; one key in two certificates is one signer; a bad signature spoils
//! an update (it is left out when one is made); a rule that asks for nobody is satisfied by nobody; signatures must be
//! strict DER with nothing behind, and low `s`.
//! Links are required where Fabric's block verifier asks for none: a header does not name its channel, so an orderer's
//! signature alone would also vouch for a block of another channel of the same orderers (ATK-044).
//!
//! # Example
//! ```
//! use causeway_fabric::{Block, Params, Pin, Refusal, TrustedState, Verified, verify};
//!
//! /// Begins at the channel's first block and judges one update.
//! fn follow(params: &Params, pin: &Pin, genesis: &[u8], update: &[u8], now: u64) -> Result<Verified, Refusal> {
//!     let trusted = TrustedState::begin(params, pin, genesis, now)?;
//!     let verified = verify(params, &trusted, update, now)?;
//!     assert!(verified.trusted.height() > trusted.height());
//!     Ok(verified)
//! }
//! assert!(Block::decode(b"no block").is_err());
//! ```

extern crate alloc;

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
