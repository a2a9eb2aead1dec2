//! Channels with real keys and certificates: organisations, configurations, blocks, attested reads.
//!
//! Protocol Buffers are written by hand, from the field numbers of Fabric's `.proto` files, so that reader and writer
//! have nothing in common.

mod attested;
mod chain;
mod message;
mod people;
mod tree;

use alloy_primitives::B256;
pub use attested::*;
pub use chain::*;
pub use message::*;
pub use people::*;
use sha2::{Digest, Sha256};
pub use tree::*;

/// Time of the pin in all tests, Unix seconds (2027-01-15).
pub const START: u64 = 1_800_000_000;
/// The channel's name in all tests.
pub const CHANNEL: &str = "trade";
/// Vault of all tests.
pub const VAULT: &str = "vault";

pub fn sha256(bytes: &[u8]) -> B256 {
    B256::new(Sha256::digest(bytes).into())
}
