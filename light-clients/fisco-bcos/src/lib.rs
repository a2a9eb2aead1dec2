#![no_std]
//! Light client of FISCO BCOS, versions 2.9 and 3: headers sealed by PBFT, transactions and receipts.
//!
//! # What it verifies
//! That sealers with a quorum of weight, `n − ⌊(n − 1) / 3⌋`, signed a block's hash; that enough of the sealers trusted so
//! far are among them to believe another list; and that transactions and receipts stand in a block. Both suites: keccak-256
//! with secp256k1, SM3 with SM2. Sources: FISCO-BCOS 2.9 (`libethcore`, `libconsensus/pbft`) and 3.2 (`bcos-pbft`,
//! `bcos-tars-protocol`); formats were checked on real blocks of both.
//!
//! # What it trusts
//! A pinned header (by hash), that less than the trust threshold (default 1/3) of the set in force misbehaves within the
//! trusting period, and the suite's primitives. A header carries no chain id: what ties it to its chain is the set.
//!
//! # What it does not check
//! Whether a block was executed rightly (the quorum vouches), the order of sealers, gas. There are no state proofs
//! ([`proof::storage`]): the state root is a hash of changes, not a tree. Receipts of version 3 are hashed without lengths;
//! [`proof`] says what may be read of them and what that trusts. Receipts and transactions of a version above 0 are not
//! read. SM formats follow the sources and the standards' examples: no recorded block of such a chain was at hand, nor a
//! receipt of version 3 with logs.
//!
//! # Judged differences from peers
//! * The Java clients check that all signatures of a list are good and ask for no quorum: an empty list passes there, not
//!   here.
//! * A header of version 3 with extra data is refused: its hash could be read as that of a smaller set ([`Header`]).
//!
//! ```
//! use alloy_primitives::B256;
//! use causeway_fisco_bcos::{Params, Refusal, Sealer, SealerSet, Suite, Threshold, TrustedState, Version, verify};
//!
//! let params = Params {
//!     version: Version::V3,
//!     suite: Suite::Ecdsa,
//!     tree_width: 2,
//!     trusting_period: 14 * 86_400,
//!     drift: 15,
//!     trust_threshold: Threshold::ONE_THIRD,
//!     freeze_delay: 3_600,
//! };
//! let sealers = SealerSet::new(vec![Sealer { key: [7; 64], weight: 1 }])?;
//! let trusted = TrustedState::new(1, 1_800_000_000_000, B256::ZERO, sealers);
//! let update: &[u8] = &[]; // from a relayer
//! assert!(matches!(verify(&params, &trusted, update, 1_800_000_001), Err(Refusal::Malformed(_))));
//! # Ok::<(), Refusal>(())
//! ```

extern crate alloc;
#[cfg(test)]
extern crate std;

mod conflict;
mod header;
mod params;
pub mod proof;
mod refusal;
mod set;
mod state;
pub mod tree;
pub mod verify;

pub use causeway_mpt::rlp::RlpError;
pub use conflict::{Misbehaviour, MisbehaviourKind, conflict_with};
pub use header::{FieldsV3, Header, MAX_HEADER_BYTES, MAX_UPDATE_BYTES, Update};
pub use params::{Params, Suite, Threshold, Version};
pub use refusal::{HeaderFault, Over, ReadFault, Refusal};
pub use set::{MAX_SEALERS, Sealer, SealerSet};
pub use state::{Freeze, StateFault, TrustedState};
pub use verify::{Accepted, Verified, verify_seals, verify_with};

#[cfg(any(feature = "native", feature = "portable"))]
mod preferred {
    use causeway_crypto::Preferred;

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

#[cfg(test)]
mod tests;
