#![no_std]
//! Light client of Ethereum's consensus layer: the sync committee protocol, Altair to Fulu, both presets.
//!
//! # What it verifies
//! That two thirds of a sync committee signed a beacon block whose state holds another block final; that this block's
//! execution payload is the one beside it; that the committee is the one that the states before named; and, under
//! the payload's roots, accounts, storage words and receipts. Sources: consensus-specs v1.6.1 (`altair`, `capella`,
//! `deneb`, `electra`: `light-client/sync-protocol.md`; `fulu` changes nothing for a light client), SSZ, and the Yellow
//! Paper for what lies under the payload. [`store`] is the specification's own client, which the official vectors are
//! about; [`verify()`] stands on the same rules and adds those of a bridge, listed in [`verify::RULES`].
//!
//! # What it trusts
//! A pinned block (by root) younger than the trusting period; that of a committee of 512, drawn at random every 27
//! hours, fewer than two thirds sign what is not final; BLS12-381, SHA-256 and keccak-256. Sync committee members are not
//! slashed for signing a lie: this is weaker than Ethereum's own finality, and the only consensus proof that is cheap
//! to check. Freezing on evidence ([`conflict`]) and caps are what stands behind it.
//!
//! # What it does not check, and why
//! * Attestations, proposers, and whether the execution payload follows from its parent: the committee's signature
//!   stands for them.
//! * That slot and payload time agree (`compute_time_at_slot`): the signed state already does, and a later fork may change
//!   a slot's length. Time is the payload's own, the time of the very state that is proven (ATK-057).
//! * Forks after Fulu: their versions are unknown, so no signature made under them is accepted.
//!
//! # Differences from peers, judged
//! * **No forced update.** The specification's store takes the best update it has seen once 27 hours passed without
//!   finality, on as little as one signature. A bridge would pay out on it; here an expired client waits for its
//!   operators.
//! * **Two thirds always.** Prysm and Lodestar serve finality updates with a quarter of the committee, and the store
//!   keeps them; here 341 of 512 are refused and 342 taken, and so are 21 and 22 of 32.
//! * **A committee's keys are validated once**, and its aggregate key must be their sum; the specification trusts the
//!   state transition for both.
//! * An update in the shape of a later fork (which the specification's store upgrades to) is refused: nodes serve the
//!   shape of the attested header's fork, and one header has one encoding.
//!
//! # Example
//! ```
//! use causeway_crypto::bls::Portable;
//! use causeway_ethereum::{Network, Params, Refusal, TrustedState, verify_with};
//!
//! let day = 24 * 60 * 60;
//! let params = Params { network: Network::MAINNET, trusting_period: 14 * day, drift: 12, freeze_delay: day };
//! assert!(params.check().is_ok());
//! // A bootstrap from any node, checked against the block root in the configuration.
//! let begin = |pinned, bootstrap: &[u8], now| TrustedState::begin::<Portable>(&params, &pinned, bootstrap, now);
//! // Each update moves the trusted state, and names the payload whose state may be read.
//! let step = |trusted: &TrustedState, update: &[u8], now| -> Result<TrustedState, Refusal> {
//!     let verified = verify_with::<Portable>(&params, trusted, update, now)?;
//!     Ok(verified.trusted)
//! };
//! # let _ = step;
//! assert!(begin(Default::default(), &[], 0).is_err());
//! ```

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod block;
mod committee;
pub mod compose;
mod conflict;
mod fork;
mod header;
pub mod merkle;
mod params;
pub mod proof;
mod refusal;
mod rules;
mod ssz;
mod state;
pub mod store;
pub mod update;
pub mod verify;

#[cfg(test)]
mod tests;

pub use causeway_mpt::{Account, ProofError, rlp::RlpError};
pub use committee::{Committee, SyncCommittee};
pub use conflict::{Misbehaviour, MisbehaviourKind, conflict_with};
pub use fork::{Fork, Place, proves};
pub use header::{BeaconHeader, ExecutionHeader, LightClientHeader};
pub use params::{ForkStart, MAX_COMMITTEE, NEVER, Network, Params, ParamsFault, Preset};
pub use refusal::{HeaderFault, NextKnown, Refusal, UpdateFault, Which};
pub use ssz::SszFault;
pub use state::{Accepted, Execution, Freeze, StateFault, TrustedState};
pub use update::{Bits, Bootstrap, Finality, Kind, NextCommittee, SyncAggregate, Update};
pub use verify::{Verified, verify_with};

#[cfg(any(feature = "native", feature = "portable"))]
mod preferred {
    use causeway_crypto::bls::Preferred;

    use crate::{Misbehaviour, Params, Refusal, TrustedState, Verified, conflict_with, verify_with};

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
}
#[cfg(any(feature = "native", feature = "portable"))]
pub use preferred::{conflict, verify};
