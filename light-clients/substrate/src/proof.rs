//! Reads of the chain's state under a proven root.
//!
//! [`storage`] reads any keys, present or absent. The rest are the few values that the client itself needs: a Substrate
//! header has no time, so time is read from the pallet `Timestamp`.

use alloc::vec::Vec;

use alloy_primitives::{B256, hex};

use crate::{
    AuthoritySet, AuthoritySource, Refusal,
    scale::{Reader, ScaleFault},
    set::{BeefySet, SetFault},
    trie::{self, TrieFault},
};

/// `twox128("Timestamp") ‖ twox128("Now")`: milliseconds, u64.
pub const TIMESTAMP_NOW: [u8; 32] = hex!("f0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb");

/// `twox128("Grandpa") ‖ twox128("Authorities")`.
pub const GRANDPA_AUTHORITIES: [u8; 32] = hex!("5f9cc45b7a00c5899361e1c6099678dc5e0621c4869aa60c02be9adcc98a0d1d");

/// `twox128("Grandpa") ‖ twox128("CurrentSetId")`.
pub const GRANDPA_CURRENT_SET_ID: [u8; 32] = hex!("5f9cc45b7a00c5899361e1c6099678dc8a2d09463effcc78a22d75b9cb87dffc");

/// `twox128("Grandpa") ‖ twox128("PendingChange")`.
pub const GRANDPA_PENDING_CHANGE: [u8; 32] = hex!("5f9cc45b7a00c5899361e1c6099678dc2ff65991b1c915dd6cc8d4825eacfcb4");

/// The well-known key of older runtimes.
pub const WELL_KNOWN_AUTHORITIES: &[u8] = b":grandpa_authorities";

/// `twox128("BeefyMmrLeaf")`, the pallet's name on Polkadot and Kusama.
pub const BEEFY_MMR_LEAF: [u8; 16] = hex!("2ecf93be7260df120a495bd3855c0e60");

/// `twox128("BeefyAuthorities")`, `twox128("BeefyNextAuthorities")`, under the pallet's prefix.
const BEEFY_AUTHORITIES: [[u8; 16]; 2] =
    [hex!("c52aa943bf0908860a3eea0fad707cdc"), hex!("0c98535b82c72faf3c64974094af4643")];

/// Reads keys under a state root. `None` is proven absence.
///
/// # Errors
/// The nodes do not show all of them, or are more than needed.
pub fn storage<'a>(state_root: &B256, keys: &[&[u8]], nodes: &[&'a [u8]]) -> Result<Vec<Option<&'a [u8]>>, TrieFault> {
    trie::read(state_root, keys, nodes)
}

/// What a client reads of a block's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// Unix milliseconds.
    pub(crate) time_ms: u64,
    /// GRANDPA's authorities, where asked.
    pub(crate) set: Option<AuthoritySet>,
}

/// Reads the time, and GRANDPA's authorities where a source is given.
pub(crate) fn block_state(
    state_root: &B256,
    nodes: &[&[u8]],
    set_from: Option<AuthoritySource>,
) -> Result<Read, Refusal> {
    let fault = |fault| Refusal::State { what: "block state", fault };
    let list: &[u8] = match set_from {
        None | Some(AuthoritySource::Digest) => {
            let values = storage(state_root, &[&TIMESTAMP_NOW], nodes).map_err(fault)?;
            return Ok(Read { time_ms: time_of(values.first().copied().flatten())?, set: None });
        }
        Some(AuthoritySource::Pallet) => &GRANDPA_AUTHORITIES,
        Some(AuthoritySource::WellKnownKey) => WELL_KNOWN_AUTHORITIES,
    };
    let keys: [&[u8]; 4] = [&TIMESTAMP_NOW, list, &GRANDPA_CURRENT_SET_ID, &GRANDPA_PENDING_CHANGE];
    let values = storage(state_root, &keys, nodes).map_err(fault)?;
    let &[now, authorities, id, pending] = values.as_slice() else {
        return Err(Refusal::NoSuchState { what: "block state" });
    };
    // The pallet raises the id when a change is announced and writes the list when it takes effect: between the two
    // they do not belong together.
    if pending.is_some() {
        return Err(Refusal::NoSuchState { what: "absence of a pending change" });
    }
    let id = exact(id, "current set id", |reader| reader.u64("current set id"))?;
    let authorities = authorities.ok_or(Refusal::NoSuchState { what: "authorities" })?;
    let versioned = set_from == Some(AuthoritySource::WellKnownKey);
    let set = Some(authority_set(id, authorities, versioned)?);
    Ok(Read { time_ms: time_of(now)?, set })
}

fn authority_set(id: u64, bytes: &[u8], versioned: bool) -> Result<AuthoritySet, SetFault> {
    let mut reader = Reader::new(bytes);
    if versioned {
        match reader.byte("version of the authorities")? {
            1 => {}
            found => return Err(ScaleFault::Tag { what: "version of the authorities", found }.into()),
        }
    }
    let list = AuthoritySet::read_list(&mut reader)?;
    reader.end("authorities")?;
    AuthoritySet::new(id, list)
}

fn time_of(value: Option<&[u8]>) -> Result<u64, Refusal> {
    exact(value, "timestamp", |reader| reader.u64("timestamp"))
}

fn exact<T>(
    value: Option<&[u8]>,
    what: &'static str,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, ScaleFault>,
) -> Result<T, Refusal> {
    let mut reader = Reader::new(value.ok_or(Refusal::NoSuchState { what })?);
    let value = read(&mut reader)?;
    reader.end(what)?;
    Ok(value)
}

/// BEEFY's current and next set, and the time. `pallet` is twox128 of the pallet's name, [`BEEFY_MMR_LEAF`] on most
/// chains.
pub(crate) fn beefy_sets(
    state_root: &B256,
    pallet: &[u8; 16],
    nodes: &[&[u8]],
) -> Result<(u64, BeefySet, BeefySet), Refusal> {
    let [current, next] = BEEFY_AUTHORITIES.map(|item| [*pallet, item].concat());
    let keys: [&[u8]; 3] = [&TIMESTAMP_NOW, &current, &next];
    let values =
        storage(state_root, &keys, nodes).map_err(|fault| Refusal::State { what: "BEEFY authorities", fault })?;
    let &[now, current, next] = values.as_slice() else {
        return Err(Refusal::NoSuchState { what: "BEEFY authorities" });
    };
    let current = exact(current, "BEEFY authorities", BeefySet::read)?;
    let next = exact(next, "next BEEFY authorities", BeefySet::read)?;
    Ok((time_of(now)?, current, next))
}
