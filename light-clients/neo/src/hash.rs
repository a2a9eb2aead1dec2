//! The hashes of Neo N3.

use alloy_primitives::{Address, B256};
use ripemd::Ripemd160;
use sha2::{Digest, Sha256};

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> B256 {
    B256::new(Sha256::digest(bytes).into())
}

/// SHA-256 twice: `Hash256`, by which trie nodes are known.
pub fn hash256(bytes: &[u8]) -> B256 {
    sha256(sha256(bytes).as_slice())
}

/// RIPEMD-160 of SHA-256: the hash by which a script (and so an account, or a consensus) is known. In the order of the
/// bytes on the wire; nodes show it reversed.
pub fn script_hash(script: &[u8]) -> Address {
    Address::new(Ripemd160::digest(sha256(script)).into())
}
