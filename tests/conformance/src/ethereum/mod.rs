//! Ethereum's consensus layer.
//!
//! | module | formats |
//! |---|---|
//! | [`spec`] | the specification's own vectors: sync, update ranking, single Merkle proof |
//! | [`real`] | recordings of public networks, one file each |
//! | [`recorded`] | folders recorded from beacon nodes: bootstraps, updates, headers, SSZ, states |
//! | [`blocks`] | whole blocks; the execution layer's blocks, receipts and proofs beside them |
//!
//! [`ssz`] and [`schema`] hold a second, independent reading of SSZ for what is compared with the client's own.

pub mod api;
pub mod blocks;
pub mod known;
pub mod network;
pub mod real;
pub mod recorded;
pub mod schema;
pub mod spec;
pub mod ssz;
pub mod yaml;

use crate::cases::Format;

/// Formats of Ethereum's consensus layer.
pub const FORMATS: [Format; 13] = [
    spec::sync,
    spec::ranking,
    spec::merkle_proof,
    spec::parts,
    recorded::constants,
    recorded::light_client_data,
    recorded::ssz,
    recorded::header,
    blocks::block,
    blocks::execution_block,
    blocks::execution_receipts,
    blocks::state_proof,
    real::scenario,
];
