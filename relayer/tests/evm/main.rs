//! The EVM chain's ports against embedded development chains: real headers, tries, transactions and faults.
//! Needs the feature `demo` (on by default) for the test tokens.
#![cfg(feature = "demo")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod delivery;
mod endpoints;
mod headers;
mod rig;
mod signer;
