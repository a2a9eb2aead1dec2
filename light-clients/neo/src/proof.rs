//! Reads of a contract's storage under a state root that a header vouched for.
//!
//! A proof is what `getproof` answers, decoded from base64: `length | key | count | (length | node)…`. The key is always
//! derived from the question, never from the proof (ATK-036): a proof for another key is refused.

use alloc::vec::Vec;

use thiserror::Error;

use crate::{
    HeaderFault, TrustedState,
    state::StateRoot,
    trie::{self, Lookup, MAX_KEY_BYTES, MAX_NODES, MAX_VALUE_BYTES, TrieFault},
    wire::Reader,
};

/// A place in the chain's storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storage<'a> {
    /// The contract's id, as `getcontractstate` shows it. (Not its hash: the trie knows ids.)
    pub contract: i32,
    /// The key in the contract's storage.
    pub key: &'a [u8],
}

/// Why a read was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ReadRefusal {
    /// The chain's headers hold no state root, so nothing authenticates one (ATK-108).
    #[error("the chain's headers hold no state root: set StateRootInHeader, or read by an attested way")]
    NoStateProofs,
    /// The proof's bytes are not of the format.
    #[error("proof: {0}")]
    Malformed(HeaderFault),
    /// The proof is for another key than asked.
    #[error("the proof is for another key")]
    WrongKey,
    /// The nodes prove nothing about the key.
    #[error("{0}")]
    Trie(#[from] TrieFault),
}

/// Reads a place in storage under the state root of a trusted state. The value is the one after block
/// `state.height`, the one before the trusted header.
///
/// # Errors
/// [`ReadRefusal`].
pub fn read<'a>(
    trusted: &TrustedState,
    place: Storage<'_>,
    proof: &'a [u8],
) -> Result<(StateRoot, Lookup<'a>), ReadRefusal> {
    let state = trusted.state().ok_or(ReadRefusal::NoStateProofs)?;
    read_under(&state, place, proof).map(|found| (state, found))
}

/// Reads a place in storage under a state root that an accepted header proved ([`crate::Accepted::state`]).
///
/// # Errors
/// [`ReadRefusal`].
pub fn read_under<'a>(state: &StateRoot, place: Storage<'_>, proof: &'a [u8]) -> Result<Lookup<'a>, ReadRefusal> {
    let mut key = Vec::with_capacity(4 + place.key.len().min(MAX_KEY_BYTES));
    key.extend_from_slice(&place.contract.to_le_bytes());
    key.extend_from_slice(place.key.get(..MAX_KEY_BYTES + 1).unwrap_or(place.key));
    let malformed = ReadRefusal::Malformed;
    let mut reader = Reader::new(proof);
    let proven = reader.bytes(MAX_KEY_BYTES).map_err(malformed)?;
    if proven != key {
        return Err(ReadRefusal::WrongKey);
    }
    let count = reader.length(MAX_NODES).map_err(malformed)?;
    let mut nodes = Vec::with_capacity(count);
    for _ in 0..count {
        nodes.push(reader.bytes(MAX_VALUE_BYTES + 8).map_err(malformed)?);
    }
    reader.end().map_err(malformed)?;
    Ok(trie::lookup(&state.root, &key, &nodes)?)
}
