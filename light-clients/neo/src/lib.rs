#![no_std]
//! Light client of Neo N3 chains (public and private networks of neo-cli and neo-go).
//!
//! # What it verifies
//! That a block header carries the dBFT witness which the chain demands: M of N consensus nodes, as the script hash
//! names them that a trusted header calls its *next consensus*; over `network magic ‖ SHA-256(header)`. And, on chains
//! whose headers hold a state root, what stands in a contract's storage under it. Sources: Neo N3's `Header`, `Witness`,
//! `Contract.GetBFTAddress` and `MPTTrie` as of v3.7, neo-go v0.106; the formats were checked on recorded blocks of
//! MainNet and of neo-go networks.
//!
//! # What it trusts
//! A pinned header (by hash), the network magic of the configuration, that fewer than M of the N consensus nodes in
//! force sign another chain within the trusting period, and SHA-256, RIPEMD-160 and ECDSA on P-256.
//!
//! # What it does not check, and why
//! * Transactions and their root: nothing is read from a block's body. What counts is storage under a state root.
//! * That the next consensus was *elected*: whoever the committee in force signs for is the next committee.
//! * State roots of the state validators (`getstateroot` with witnesses): they are signed by another set than the
//!   header's, which no header names (ATK-108). On a chain without `StateRootInHeader` a read is refused as
//!   [`ReadRefusal::NoStateProofs`].
//!
//! # Differences from the nodes, judged
//! * `P2PStateRoot`'s `verifyproof` takes proof nodes in any order and with needless ones; here they stand in the order
//!   of the path and are exactly those (ATK-019).
//! * A witness may in principle be any script; here it is the canonical multi-signature script, which is the only one
//!   that a next consensus ever names.
//!
//! # Example
//! ```
//! use causeway_neo::{Params, Refusal, TrustedState, verify};
//!
//! fn follow(params: &Params, trusted: &TrustedState, raw_header: &[u8], now: u64) -> Result<TrustedState, Refusal> {
//!     // `raw_header`: what `getblockheader` gives with verbose = 0, decoded from base64.
//!     let verified = verify(params, trusted, raw_header, now)?;
//!     if let Some(state) = verified.header.state {
//!         assert!(state.height < verified.header.height); // the root is of the block before
//!     }
//!     Ok(verified.trusted)
//! }
//! ```

extern crate alloc;
#[cfg(test)]
extern crate std;

mod conflict;
mod hash;
mod header;
mod params;
pub mod proof;
mod refusal;
pub mod script;
mod state;
pub mod trie;
pub mod verify;
mod wire;

#[cfg(test)]
mod tests;

pub use conflict::{Misbehaviour, MisbehaviourKind, conflict_with};
pub use hash::{hash256, script_hash};
pub use header::{Header, MAX_HEADER_BYTES};
pub use params::{Params, ParamsFault};
pub use proof::{ReadRefusal, Storage};
pub use refusal::{HeaderFault, Refusal, ScriptFault};
pub use script::{MAX_SCRIPT_BYTES, Multisig};
pub use state::{Freeze, StateRoot, TrustedState};
pub use verify::{Accepted, Verified, verify_with};

#[cfg(any(feature = "native", feature = "portable"))]
mod preferred {
    use causeway_crypto::p256::Preferred;

    use crate::{Misbehaviour, Params, Refusal, TrustedState, Verified, conflict_with, verify_with};

    /// Judges a header: [`verify_with`] the fastest signature check of this build.
    ///
    /// # Errors
    /// The first rule that the header breaks.
    pub fn verify(params: &Params, trusted: &TrustedState, header: &[u8], now: u64) -> Result<Verified, Refusal> {
        verify_with::<Preferred>(params, trusted, header, now)
    }

    /// Whether two headers are evidence of misbehaviour: [`conflict_with`] the fastest signature check of this build.
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
