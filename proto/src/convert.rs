//! From wire types to floor 1's types and back, with every bound checked (INV-7): what passes has the right lengths,
//! counts that agree with each other, and nothing left over. Nothing here is verified against a chain.

use alloy_primitives::B256;
use bytes::{BufMut, Bytes, BytesMut};
use causeway_core::{
    Entry, LaneId,
    bounds::{MAX_BATCH, MAX_HEIGHT, MAX_RUNS, MAX_SIBLINGS},
    pack,
};
use std::ops::Range;

use crate::peer::v1;

/// Longest header update, bytes. A header with 256 validators, their seals and the previous set takes about 40 kB.
pub const UPDATE_BYTES_MAX: usize = 256 << 10;

/// Longest state proof, bytes: 64 peaks of 64 nodes at most 576 bytes each would be 2.3 MB, real ones take 20 kB.
pub const STATE_PROOF_BYTES_MAX: usize = 512 << 10;

/// Most ranges in one message.
pub const RANGES_MAX: usize = 1024;

/// Longest detail of a refusal, bytes.
pub const DETAIL_BYTES_MAX: usize = 1024;

/// Why a message has no meaning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Bytes of another length than the field's.
    #[error("{field}: {found} bytes, expected {expected}")]
    Length {
        /// The field.
        field: &'static str,
        /// Its length.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// More than a bound allows.
    #[error("{field}: {found}, expected at most {max}")]
    TooLarge {
        /// The field.
        field: &'static str,
        /// The bound.
        max: usize,
        /// How much was given.
        found: usize,
    },
    /// A field that must be there is not.
    #[error("{field} is missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// Two parts of a message that do not agree.
    #[error("{field}: {found}, expected {expected}")]
    Disagrees {
        /// The field.
        field: &'static str,
        /// What the other part says.
        expected: u64,
        /// What this one says.
        found: u64,
    },
    /// The entries cannot be unpacked.
    #[error("entries: {0}")]
    Entries(#[from] pack::PackError),
    /// The runs end within a run.
    #[error("runs: they end within a run")]
    Runs,
    /// Range bounds that do not ascend, or a range without an end.
    #[error("ranges: they must ascend and come in pairs")]
    Ranges,
}

/// Entries of a bundle that lie under one peak, with the nodes beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Height of the peak.
    pub peak: u8,
    /// How many entries.
    pub count: u16,
    /// Nodes beside the run.
    pub siblings: Vec<B256>,
}

/// A bundle, decoded and bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Number on its lane.
    pub number: u64,
    /// Index of the first entry.
    pub first: u64,
    /// The entries, consecutive, at least one.
    pub entries: Vec<Entry>,
    /// Height of the source header that proves them.
    pub source_height: u64,
    /// Header update.
    pub update: Bytes,
    /// State proof.
    pub state_proof: Bytes,
    /// Runs; their counts sum up to the entries.
    pub runs: Vec<Run>,
}

/// Exactly 32 bytes.
///
/// # Errors
/// [`Unreadable::Length`].
pub fn hash(field: &'static str, bytes: &[u8]) -> Result<B256, Unreadable> {
    let hash = <[u8; 32]>::try_from(bytes);
    hash.map(B256::new).map_err(|_| Unreadable::Length { field, expected: 32, found: bytes.len() })
}

/// A lane id.
///
/// # Errors
/// [`Unreadable::Length`].
pub fn lane(bytes: &[u8]) -> Result<LaneId, Unreadable> {
    hash("lane", bytes).map(LaneId)
}

/// The bytes of a hash.
#[must_use]
pub fn word(hash: &B256) -> Bytes {
    Bytes::copy_from_slice(hash.as_slice())
}

/// `value`, if it is at most `max`.
///
/// # Errors
/// [`Unreadable::TooLarge`].
pub fn at_most(field: &'static str, max: usize, value: usize) -> Result<usize, Unreadable> {
    if value <= max { Ok(value) } else { Err(Unreadable::TooLarge { field, max, found: value }) }
}

/// Decodes a bundle of `lane`.
///
/// # Errors
/// See [`Unreadable`].
pub fn take_bundle(lane: LaneId, wire: v1::Bundle) -> Result<Bundle, Unreadable> {
    let count = at_most("entry_count", MAX_BATCH, usize::try_from(wire.entry_count).unwrap_or(usize::MAX))?;
    at_most("update", UPDATE_BYTES_MAX, wire.update.len())?;
    at_most("state_proof", STATE_PROOF_BYTES_MAX, wire.state_proof.len())?;
    let runs = take_runs(&wire.runs, count)?;
    let entries = pack::decode_event(lane, wire.first_index, &wire.entries)?;
    if entries.len() != count {
        return Err(disagrees("entries", count, entries.len()));
    }
    Ok(Bundle {
        number: wire.number,
        first: wire.first_index,
        entries,
        source_height: wire.source_height,
        update: wire.update,
        state_proof: wire.state_proof,
        runs,
    })
}

/// Encodes a bundle. `runs` gives peak, count and siblings of each run.
///
/// # Errors
/// See [`Unreadable`]: what [`take_bundle`] would refuse is not encoded.
#[allow(clippy::too_many_arguments)]
pub fn put_bundle<'a>(
    number: u64,
    first: u64,
    entries: &[Entry],
    source_height: u64,
    update: &Bytes,
    state_proof: &Bytes,
    runs: impl Iterator<Item = (u8, u16, &'a [B256])>,
) -> Result<v1::Bundle, Unreadable> {
    let count = at_most("entry_count", MAX_BATCH, entries.len())?;
    at_most("update", UPDATE_BYTES_MAX, update.len())?;
    at_most("state_proof", STATE_PROOF_BYTES_MAX, state_proof.len())?;
    let mut out = BytesMut::new();
    let mut covered = 0usize;
    for (at, (peak, count, siblings)) in runs.enumerate() {
        at_most("runs", MAX_RUNS, at + 1)?;
        at_most("siblings", MAX_SIBLINGS, siblings.len())?;
        out.put_u8(peak);
        out.put_u16(count);
        out.put_u8(siblings.len() as u8);
        siblings.iter().for_each(|sibling| out.put_slice(sibling.as_slice()));
        covered += usize::from(count);
    }
    if covered != count {
        return Err(disagrees("runs", count, covered));
    }
    Ok(v1::Bundle {
        number,
        first_index: first,
        entry_count: count as u32,
        entries: pack::encode_event(entries)?.into(),
        source_height,
        update: update.clone(),
        state_proof: state_proof.clone(),
        runs: out.freeze(),
    })
}

fn take_runs(mut bytes: &[u8], entries: usize) -> Result<Vec<Run>, Unreadable> {
    let mut runs = Vec::new();
    let mut covered = 0usize;
    while let Some(([peak, high, low, siblings], rest)) = bytes.split_first_chunk::<4>() {
        at_most("runs", MAX_RUNS, runs.len() + 1)?;
        at_most("peak", usize::from(MAX_HEIGHT), usize::from(*peak))?;
        let siblings = at_most("siblings", MAX_SIBLINGS, usize::from(*siblings))?;
        let (nodes, rest) = rest.split_at_checked(32 * siblings).ok_or(Unreadable::Runs)?;
        bytes = rest;
        let count = u16::from_be_bytes([*high, *low]);
        covered += usize::from(count);
        if count == 0 || covered > entries {
            return Err(disagrees("runs", entries, covered));
        }
        runs.push(Run { peak: *peak, count, siblings: nodes.chunks_exact(32).map(B256::from_slice).collect() });
    }
    if !bytes.is_empty() {
        return Err(Unreadable::Runs);
    }
    if covered == entries { Ok(runs) } else { Err(disagrees("runs", entries, covered)) }
}

fn disagrees(field: &'static str, expected: usize, found: usize) -> Unreadable {
    Unreadable::Disagrees { field, expected: expected as u64, found: found as u64 }
}

/// Decodes ranges: ascending, apart or touching, none empty.
///
/// # Errors
/// [`Unreadable::Ranges`].
pub fn take_ranges(wire: &v1::RangesHeld) -> Result<Vec<Range<u64>>, Unreadable> {
    let (pairs, rest) = wire.bounds.as_chunks::<2>();
    at_most("ranges", RANGES_MAX, pairs.len())?;
    if !rest.is_empty() || !wire.bounds.is_sorted_by(|a, b| a < b) {
        return Err(Unreadable::Ranges);
    }
    Ok(pairs.iter().map(|[start, end]| *start..*end).collect())
}

/// Encodes ranges, the first [`RANGES_MAX`] of them; they must ascend and be apart.
#[must_use]
pub fn put_ranges(ranges: &[Range<u64>]) -> v1::RangesHeld {
    v1::RangesHeld { bounds: ranges.iter().take(RANGES_MAX).flat_map(|range| [range.start, range.end]).collect() }
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
