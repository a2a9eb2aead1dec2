#![no_std]
//! Light client of Substrate chains: GRANDPA and BEEFY finality, and proofs of their storage.
//!
//! # What it verifies
//! * **GRANDPA**: that more than two thirds of the weight of the authority set in force voted for a block or for blocks
//!   above it, as the headers between show; that the set changes as the block's digest announces (`ScheduledChange`, at
//!   once or after its delay) or as its storage says. Polkadot specification §6 (2024), `finality-grandpa` 0.16.3,
//!   polkadot-sdk `sc-consensus-grandpa` (stable2409). Signatures are Ed25519 under the rules of ZIP-215: polkadot-sdk's
//!   `sp-core` checks with `ed25519-zebra`, and so a test here compares with it.
//! * **BEEFY**: that more than two thirds of the validators of the current or the next set signed a commitment, and that the
//!   leaf of the commitment's own block stands under its MMR root; the leaf names the next set and the block below.
//!   polkadot-sdk `sp-consensus-beefy`, `pallet-beefy-mmr` (stable2409). Snowbridge's sampled form is in
//!   [`beefy::sampled`] and takes no part in [`verify`].
//! * **Storage**: presence and absence under a state root, state versions 0 and 1 ([`trie`]).
//!
//! A Substrate header has no time. Time is read from `Timestamp::Now` under the header's own state root.
//!
//! # What it trusts
//! A pinned block (by hash), that less than a third of each set in force misbehaves within the trusting period, that the
//! runtime's pallets `Timestamp`, `Grandpa` and `BeefyMmrLeaf` mean what they do in polkadot-sdk, and BLAKE2b, keccak-256,
//! Ed25519 and secp256k1. What GRANDPA signs holds the set's id, but no genesis hash: chains that share keys and ids can
//! not be told apart by a justification; the pin and the chain of sets tell them apart.
//!
//! # What it does not check
//! Whether blocks were executed rightly (a quorum vouches for that), who authored them, prevotes, and parachain
//! inclusion (a parachain's head stands in the relay chain's storage or in a leaf's extra data; its header is then the
//! caller's to read). A forced change of authorities has no proof; a client meets it with
//! [`HeaderFault::ForcedChange`] and must be pinned again. Block numbers are 32 bits wide, as in all of polkadot-sdk's
//! runtimes. Proofs are plain nodes, not the compact form.
//!
//! # Judged differences from peers
//! * `finality-grandpa` takes as target only the highest block with enough weight, counts from the lowest vote, and skips
//!   votes of strangers, repeated votes and single votes below the target. Here any block with enough weight above it may be
//!   the target (as Parity's bridge pallet has it), and those votes are refused. In 12,000 random cases nothing was
//!   accepted here that is not final for the peer.
//! * Parity's bridge pallet refuses equivocations and votes beyond the threshold; nodes write both, and they count here as
//!   in the specification: once.
//! * `sp-trie` ignores nodes that no key needs; here they are refused.
//!
//! ```
//! use alloy_primitives::B256;
//! use causeway_substrate::{AncestryRule, AuthoritySet, AuthoritySource, Finality, HeaderFormat, Params, Refusal};
//! use causeway_substrate::{TrustedState, verify};
//!
//! let params = Params {
//!     header: HeaderFormat::Substrate,
//!     ancestry: AncestryRule::Complete,
//!     authorities: AuthoritySource::Pallet,
//!     trusting_period: 14 * 86_400,
//!     drift: 15,
//!     freeze_delay: 3_600,
//! };
//! let set = AuthoritySet::new(0, vec![([7; 32], 1)])?;
//! let finality = Finality::Grandpa { set, pending: None };
//! let trusted = TrustedState::new(1, 1_800_000_000_000, B256::ZERO, B256::ZERO, finality);
//! let update: &[u8] = &[]; // from a relayer
//! assert!(matches!(verify(&params, &trusted, update, 1_800_000_006), Err(Refusal::Malformed(_))));
//! # Ok::<(), Refusal>(())
//! ```

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod beefy;
pub mod compose;
mod conflict;
pub mod hash;
mod header;
mod justification;
mod params;
pub mod proof;
mod refusal;
mod scale;
mod set;
mod state;
pub mod trie;
mod update;
pub mod verify;

pub use conflict::{Misbehaviour, MisbehaviourKind, conflict_with};
pub use header::{Change, Header, HeaderFault, HeaderFormat, MAX_DIGEST_ITEMS, MAX_HEADER_BYTES};
pub use justification::{
    Justification, MAX_ANCESTRIES, MAX_PRECOMMITS, MESSAGE_BYTES, Precommit, verify_justification,
};
pub use params::{AncestryRule, AuthoritySource, Params};
pub use refusal::{CommitmentFault, Refusal};
pub use scale::ScaleFault;
pub use set::{AuthoritySet, BeefySet, MAX_AUTHORITIES, SetFault, quorum};
pub use state::{Finality, Freeze, Pending, StateFault, TrustedState};
pub use trie::TrieFault;
pub use update::{
    BeefyUpdate, GrandpaUpdate, MAX_JUSTIFICATION_BYTES, MAX_LEAF_BYTES, MAX_PATH, MAX_UPDATE_BYTES, Signers, Update,
};
pub use verify::{Accepted, Verified, verify_with};

#[cfg(any(feature = "native", feature = "portable"))]
mod preferred {
    use causeway_crypto::Preferred;

    use crate::{Misbehaviour, Params, Refusal, TrustedState, Verified, conflict_with, verify_with};

    /// Judges an update: [`verify_with`] the fastest signature checks of this build.
    ///
    /// # Errors
    /// The first rule that the update breaks.
    pub fn verify(params: &Params, trusted: &TrustedState, update: &[u8], now: u64) -> Result<Verified, Refusal> {
        verify_with::<Preferred, Preferred>(params, trusted, update, now)
    }

    /// Whether two updates are evidence of misbehaviour: [`conflict_with`] the fastest signature checks of this build.
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
        conflict_with::<Preferred, Preferred>(params, trusted, a, b, now)
    }
}
#[cfg(any(feature = "native", feature = "portable"))]
pub use preferred::{conflict, verify};

#[cfg(test)]
mod tests;
