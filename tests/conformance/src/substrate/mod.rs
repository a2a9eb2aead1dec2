//! Substrate.
//!
//! * *GRANDPA justification*: `{validator_set: {set_id, validator_set: [SS58]}, justification: {round, commit,
//!   votes_ancestries: [header]}, expected}` as a node's RPC prints it, or `{justification: hex, set_id, authorities}`.
//!   Avail's headers are known by their `extension`.
//! * *BEEFY steps*: `{initial_validators…, authority_set_proofs, steps: [{versioned_finality_proof, mmr_leaves,
//!   mmr_proof}]}`: each commitment is accepted from the set in force, each leaf stands under its root.
//! * *Snowbridge*: a commitment with leaf, ordered path and proofs of some signers; signatures of a sampled set; an MMR.

mod beefy;
mod grandpa;
mod snowbridge;
mod ss58;

use crate::cases::Format;

pub use beefy::finality_proofs;
pub use grandpa::{GrandpaCase, justification_case};

/// The formats.
pub const FORMATS: [Format; 7] = [
    grandpa::rpc_justification,
    grandpa::scale_justification,
    beefy::steps,
    snowbridge::commitment,
    snowbridge::sampled_signatures,
    snowbridge::part_of_sample,
    snowbridge::mountains,
];
