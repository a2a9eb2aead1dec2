#![no_std]
//! Light client of Istanbul-style BFT EVM chains: QBFT, IBFT 2.0 and IBFT 1 (Hyperledger Besu, GoQuorum).
//!
//! # What it verifies
//! That a header was committed by a quorum ⌈2N/3⌉ of the validators that it lists, and that enough of the validators
//! trusted so far are among them to believe that list; and, under the header's state root, what stands in a vault's
//! storage. Sources: EEA QBFT v1 specification §5; EIP-650 (IBFT 1); Besu's `BftExtraDataCodec`s and header
//! validation rules; the block and seal formats were checked on recorded blocks of GoQuorum and Besu.
//!
//! # What it trusts
//! A pinned header (by hash), that no more than the trust threshold (default 1/2) of the set in force misbehaves within
//! the trusting period, and keccak-256 and secp256k1. A BFT header carries no chain id: what ties a header to its
//! chain is the validator set. Two chains whose validators share keys can not be told apart by their headers;
//! their entries can (the lane id names the genesis hash).
//!
//! # One verdict, two implementations
//! `BftEvmClient.sol` holds the same rules. [`verify`] applies them in the order of [`verify::RULES`] so that both
//! name the same reason. Nothing here does I/O or reads a clock; nothing panics on any input; every length is
//! bounded before it is used.
//!
//! # Validator-contract mode
//! With [`ValidatorSource::Contract`] headers list nobody. The set in force lives in the trusted state and every
//! update brings it along; the bitmap is over it, and a quorum of *it* must have sealed. An update to a newer header
//! may bring a storage proof of the contract's `address[]` under that very header's state root: the set that seals
//! the next block. Two heights apart the set may have changed in between; the update is then refused as
//! [`Refusal::NotEnoughTrust`] or [`Refusal::BadSeal`] and an intermediate header helps. The EVM contract does not
//! offer this mode.

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod compose;
mod conflict;
pub mod extra;
mod header;
mod params;
pub mod proof;
mod refusal;
mod set;
mod state;
mod update;
pub mod verify;

#[cfg(test)]
mod tests;

pub use causeway_mpt::{NodeFault, ProofError, rlp::RlpError};
pub use conflict::{Misbehaviour, MisbehaviourKind, conflict_with};
pub use header::{HeaderFault, SealLess, SealedHeader};
pub use params::{
    HEIGHT_BITS, MAX_HEADER_BYTES, MAX_PERIOD, MAX_SEALED_HEADER_BYTES, MAX_VALIDATORS, Mode, Params, ParamsFault,
    Threshold, ValidatorSource,
};
pub use refusal::{Over, Refusal, UpdateFault};
pub use set::{ValidatorSet, quorum, set_hash};
pub use state::{Freeze, StateFault, TrustedState};
pub use update::{MAX_UPDATE_BYTES, Seal, Update, UpdateError, build_update, encode_next_set};
pub use verify::{Accepted, Verified, verify_with};

#[cfg(any(feature = "native", feature = "portable"))]
mod preferred {
    use alloc::vec::Vec;

    use causeway_crypto::Preferred;

    use crate::{
        Misbehaviour, Params, Refusal, SealedHeader, TrustedState, UpdateError, Verified, build_update, conflict_with,
        verify_with,
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

    /// Makes an update from a block's header: [`build_update`] with the fastest signature check of this build.
    ///
    /// # Errors
    /// The header holds too few good seals.
    pub fn update_from_header(
        params: &Params,
        trusted: &TrustedState,
        header: &SealedHeader<'_>,
        next_set: Option<&[u8]>,
    ) -> Result<Vec<u8>, UpdateError> {
        build_update::<Preferred>(params, trusted, header, next_set)
    }
}
#[cfg(any(feature = "native", feature = "portable"))]
pub use preferred::{conflict, update_from_header, verify};
