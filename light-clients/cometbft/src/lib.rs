#![no_std]
//! Light client of CometBFT chains (Tendermint Core v0.34 to CometBFT v1), and ICS-23 reads of their state.
//!
//! # What it verifies
//! That more than two thirds of a block's voting power signed its header, and that the trusted state vouches for that
//! set: the next block by the hash that the trusted header names, a block further on by more than the trust threshold
//! (default 1/3) of the validators trusted so far. Under the header's application hash, that a key of a module's store
//! has a value, or that it has none ([`proof`]). Sources: CometBFT v0.38 and v1 `spec/light-client`, `spec/core` and
//! `types/`; ICS-02/ICS-07 (an update is IBC's `Header`); ZIP-215 for Ed25519; ICS-23 with the specifications of
//! `cosmos/ics23` Go v0.11 and Rust v0.12 (IAVL, Tendermint, SMT). The amino encodings of Tendermint Core v0.32 and v0.33
//! are read too ([`Encoding::Amino`]): only what is hashed and signed differs. All of it was checked on recorded blocks and
//! proofs of a CometBFT v0.38 chain and on the vectors of the conformance suite.
//!
//! # What it trusts
//! A header pinned by its hash, that less than the trust threshold of a trusted set misbehaves within the trusting period
//! (to be chosen below the chain's unbonding period), the caller's clock up to the drift, SHA-256 (RIPEMD-160 beside it for
//! addresses of secp256k1 keys), and the two signature schemes. The chain is named by its id, which every signature covers,
//! and by the pin; two chains that share id and validators are one chain to it.
//!
//! # What it does not check, and why
//! * Transactions, results, evidence, proposer and the last commit: their roots are in the header that is signed; nothing here
//!   reads under them.
//! * Signatures behind the two thirds (and behind the trust threshold): as CometBFT's `VerifyCommitLight`, power is counted
//!   in the set's order until it suffices, and what stands behind changes no verdict. For evidence ([`conflict_with`]) all
//!   signatures are checked.
//! * Votes for nil: they count for nothing, so their signatures are not looked at.
//! * That a set is sorted: its hash covers the order.
//! * BLS12-381 consensus keys (v1, behind a build flag): such a set is refused as malformed.
//! * Who is guilty of a fork across rounds. It may be amnesia, but headers do not prove that: the votes of the rounds in
//!   between would. The fork itself is proven and freezes the client ([`MisbehaviourKind::ForkAcrossRounds`]).
//!
//! # Differences from peers, judged
//! Never laxer than tendermint-rs or ics23 (differential tests). Stricter, each on purpose:
//! * a vote stands in the place of its validator (CometBFT's light client ignores the address; tendermint-rs looks votes up
//!   by it), and a validator's address is the hash of its key (ISA-2025-003);
//! * commit and header are of one height before anything is counted; the block protocol is 11 unless the parameters say
//!   otherwise, as in CometBFT's `Header.ValidateBasic`, which tendermint-rs leaves out;
//! * messages have one encoding: fields in order, none unknown, no padding. What CometBFT and its relayers write passes;
//! * an ICS-23 specification without a depth allows 128 steps (no bound in ics23), and prefixes that could hide a child are
//!   refused as a specification, not only as a proof; a value or a key is never empty;
//! * an empty or absurd path makes a refusal where `ics23` 0.12 panics (two neighbours without steps).
//!
//! # One verdict, two implementations
//! [`verify_with`] takes the signature checks as a type: `Native` (Ed25519 in one batch, libsecp256k1) or `Portable` (pure
//! Rust, each signature alone, for wasm and `no_std`). The vectors run on both. Nothing here does I/O or reads a clock;
//! nothing panics on any input; every length is bounded before it is used.
//!
//! ```
//! use causeway_cometbft::{Header, Params, Refusal, Time, TrustedState, verify};
//! # fn example(pin: alloy_primitives::B256, pinned: &[u8], update: &[u8]) -> Result<(), Refusal> {
//! let params = Params::new("cosmoshub-4".into(), core::time::Duration::from_secs(14 * 24 * 3_600));
//! let now = Time::from_unix(1_800_000_000); // the caller's clock
//! // Any node may serve the header; the hash in the configuration decides.
//! let trusted = TrustedState::begin(&params, &pin, pinned, now)?;
//! // An IBC `Header`, or a CometBFT `LightBlock`.
//! let verified = verify(&params, &trusted, update, now)?;
//! assert!(verified.trusted.height() > trusted.height());
//! let app_hash = verified.header.app_hash; // state after the block before: read it with `proof::store_root`
//! # Ok(()) }
//! # let refused = example(Default::default(), &Header::empty().encode(), &[]);
//! # assert!(refused.is_err());
//! ```

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
