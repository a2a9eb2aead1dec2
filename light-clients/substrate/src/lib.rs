#![no_std]
//! Light client of Substrate chains: GRANDPA and BEEFY finality, and proofs of their storage.

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
