//! What each write does to the tables. A write checks everything before it changes anything: [`Failure::Refused`] means
//! that nothing was changed, so its neighbours in the same commit are safe.

use alloy::primitives::{B256, U256};
use causeway_core::{Entry, LaneId, bounds::MAX_BATCH, swap::Terms};
use redb::{ReadableTable, ReadableTableMetadata, StorageError};

use super::{
    DEAD_LETTERS_MAX, NUMBERS_RESERVED, UNFINISHED_MAX, codec,
    fault::{broken, corrupt, gap, rewritten},
    tables::{META_LETTER, Tables, bundle_count_key, bundle_key, key_index, lane_key},
};
use crate::lane::{
    book::Mark,
    error::{Error, Kind},
    ports::DeadLetter,
};

/// A write, owned, so that it can cross to the writing thread.
#[derive(Debug)]
pub(super) enum Write {
    Advance { chain: String, trusted: Vec<u8>, scanned: u64, seen: Vec<(LaneId, Vec<Entry>)>, terms: Vec<Terms> },
    Truncate { chain: String, lane: LaneId, size: u64, scanned: u64 },
    ProveMark { lane: LaneId, mark: Mark },
    Freeze { chain: String, conflict: Vec<u8> },
    Thaw { chain: String },
    SetDelivered { lane: LaneId, words: Vec<(u64, U256)> },
    Received { lane: LaneId, number: u64, peer: String, bundle: Vec<u8> },
    Finished { lane: LaneId, number: u64, peer: String },
    Reserve { lane: LaneId },
    Intend { key: Vec<u8>, intent: Vec<u8> },
    Settle { key: Vec<u8> },
    Bury { letter: Vec<u8> },
    Exhume { id: u64 },
    Swaps { puts: Vec<(B256, Vec<u8>)>, drops: Vec<B256> },
}

/// What a write gives back.
#[derive(Debug)]
pub(super) enum Done {
    Stored,
    /// The last number of the lane's reserved block, exclusive.
    Reserved(u64),
    Letter(Option<Box<DeadLetter>>),
}

/// Why a write did not happen.
pub(super) enum Failure {
    /// It may not; nothing was changed.
    Refused(Error),
    /// The database failed; the whole commit must be given up.
    Broken(Error),
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Broken(broken("cannot write", error))
    }
}

type Result<T> = std::result::Result<T, Failure>;

pub(super) fn apply(tables: &mut Tables<'_>, write: &Write) -> Result<Done> {
    match write {
        Write::Advance { chain, trusted, scanned, seen, terms } => {
            advance(tables, chain, trusted, *scanned, seen)?;
            for terms in terms {
                tables.terms.insert(terms.id().0, codec::put_terms(terms).as_slice())?;
            }
        }
        Write::Truncate { chain, lane, size, scanned } => truncate(tables, chain, *lane, *size, *scanned)?,
        Write::ProveMark { lane, mark } => drop(tables.marks.insert(lane.0.0, (mark.size, mark.height))?),
        Write::Freeze { chain, conflict } => freeze(tables, chain, conflict)?,
        Write::Thaw { chain } => drop(tables.frozen.remove(chain.as_str())?),
        Write::SetDelivered { lane, words } => set_delivered(tables, *lane, words)?,
        Write::Received { lane, number, peer, bundle } => received(tables, *lane, *number, peer, bundle)?,
        Write::Finished { lane, number, peer } => finished(tables, *lane, *number, peer)?,
        Write::Reserve { lane } => return reserve(tables, *lane),
        Write::Intend { key, intent } => drop(tables.intents.insert(key.as_slice(), intent.as_slice())?),
        Write::Settle { key } => drop(tables.intents.remove(key.as_slice())?),
        Write::Bury { letter } => bury(tables, letter)?,
        Write::Exhume { id } => return exhume(tables, *id),
        Write::Swaps { puts, drops } => swaps(tables, puts, drops)?,
    }
    Ok(Done::Stored)
}

fn advance(
    tables: &mut Tables<'_>,
    chain: &str,
    trusted: &[u8],
    scanned: u64,
    seen: &[(LaneId, Vec<Entry>)],
) -> Result<()> {
    let mut new: Vec<(LaneId, u64, &[Entry])> = Vec::with_capacity(seen.len());
    for (lane, entries) in seen {
        let Some(first) = entries.first().map(|entry| entry.index) else { continue };
        // An earlier item of this very call may have grown the lane.
        let grown = new.iter().rev().find(|(other, ..)| other == lane);
        let size = match grown {
            Some((_, at, entries)) => at + entries.len() as u64,
            None => size(tables, *lane)?,
        };
        if first > size {
            return Err(Failure::Refused(gap(*lane, size, first)));
        }
        let known = usize::try_from(size - first).unwrap_or(usize::MAX).min(entries.len());
        let (known, fresh) = entries.split_at_checked(known).unwrap_or((entries, &[]));
        if grown.is_none() {
            same_as_stored(tables, *lane, known)?;
        }
        if !fresh.is_empty() {
            new.push((*lane, size, fresh));
        }
    }
    let mut chunks = Vec::new();
    for (lane, first, entries) in &new {
        for (at, chunk) in entries.chunks(MAX_BATCH).enumerate() {
            let packed = codec::put_entries(chunk).map_err(|error| {
                let detail = format!("lane {lane}: entries from {first} on cannot be stored: {error}");
                Failure::Refused(Error::stop_lane(Kind::Malformed, detail))
            })?;
            chunks.push((lane_key(*lane, first + (at * MAX_BATCH) as u64), packed));
        }
    }
    for (key, packed) in &chunks {
        tables.entries.insert(key, packed.as_slice())?;
    }
    tables.trusted.insert(chain, trusted)?;
    tables.scanned.insert(chain, scanned)?;
    Ok(())
}

/// Number of entries of a lane.
fn size(tables: &Tables<'_>, lane: LaneId) -> Result<u64> {
    match tables.entries.range(lane_key(lane, 0)..=lane_key(lane, u64::MAX))?.next_back() {
        None => Ok(0),
        Some(row) => {
            let (key, value) = row?;
            let count = codec::take_count(value.value());
            let count = count.map_err(|error| Failure::Refused(corrupt("entries", error)))?;
            Ok(key_index(&key.value()).saturating_add(count))
        }
    }
}

/// Entries that were seen before must be the ones stored.
fn same_as_stored(tables: &Tables<'_>, lane: LaneId, known: &[Entry]) -> Result<()> {
    let (Some(first), Some(last)) = (known.first(), known.last()) else { return Ok(()) };
    let end = lane_key(lane, last.index);
    let mut from = lane_key(lane, 0);
    if let Some(row) = tables.entries.range(from..=lane_key(lane, first.index))?.next_back() {
        from = row?.0.value();
    }
    let mut known = known.iter();
    let mut next = known.next();
    for row in tables.entries.range(from..=end)? {
        let (key, value) = row?;
        let stored = codec::take_entries(lane, key_index(&key.value()), value.value());
        for stored in stored.map_err(|error| Failure::Refused(corrupt("entries", error)))? {
            let Some(entry) = next else { return Ok(()) };
            if stored.index < entry.index {
                continue;
            }
            if stored != *entry {
                return Err(Failure::Refused(rewritten(lane, entry.index)));
            }
            next = known.next();
        }
    }
    match next {
        None => Ok(()),
        Some(entry) => Err(Failure::Refused(corrupt("entries", format!("lane {lane} has no entry {}", entry.index)))),
    }
}

fn truncate(tables: &mut Tables<'_>, chain: &str, lane: LaneId, size: u64, scanned: u64) -> Result<()> {
    let before = match size.checked_sub(1) {
        None => None,
        Some(last) => {
            let mut range = tables.entries.range(lane_key(lane, 0)..=lane_key(lane, last))?;
            range.next_back().transpose()?.map(|(key, value)| (key.value(), value.value().to_vec()))
        }
    };
    if let Some((key, value)) = before {
        let first = key_index(&key);
        let entries = codec::take_entries(lane, first, &value);
        let entries = entries.map_err(|error| Failure::Refused(corrupt("entries", error)))?;
        let keep = usize::try_from(size - first).unwrap_or(usize::MAX);
        if let Some(kept) = entries.get(..keep).filter(|kept| kept.len() < entries.len()) {
            let kept = codec::put_entries(kept).map_err(|error| Failure::Refused(corrupt("entries", error)))?;
            tables.entries.insert(key, kept.as_slice())?;
        }
    }
    tables.entries.retain_in(lane_key(lane, size)..=lane_key(lane, u64::MAX), |_, _| false)?;
    let cut = tables.marks.get(lane.0.0)?.is_some_and(|guard| guard.value().0 > size);
    if cut {
        tables.marks.remove(lane.0.0)?;
    }
    let before = tables.scanned.get(chain)?.map(|guard| guard.value());
    if before.is_some_and(|before| before > scanned) {
        tables.scanned.insert(chain, scanned)?;
    }
    Ok(())
}

fn freeze(tables: &mut Tables<'_>, chain: &str, conflict: &[u8]) -> Result<()> {
    if tables.frozen.get(chain)?.is_none() {
        tables.frozen.insert(chain, conflict)?;
    }
    Ok(())
}

fn set_delivered(tables: &mut Tables<'_>, lane: LaneId, words: &[(u64, U256)]) -> Result<()> {
    for (word, bits) in words {
        let key = lane_key(lane, *word);
        // Bits are never cleared on chain, so an older proof that comes late takes nothing away.
        let known = tables.delivered.get(key)?.map_or(U256::ZERO, |guard| U256::from_be_bytes(guard.value()));
        tables.delivered.insert(key, (known | bits).to_be_bytes::<32>())?;
    }
    Ok(())
}

fn received(tables: &mut Tables<'_>, lane: LaneId, number: u64, peer: &str, bundle: &[u8]) -> Result<()> {
    let key = bundle_key(lane, number, peer);
    let counted = bundle_count_key(lane, peer);
    let count = tables.bundle_counts.get(counted.as_slice())?.map_or(0, |guard| guard.value());
    let known = tables.bundles.get(key.as_slice())?.is_some();
    if !known && count >= UNFINISHED_MAX {
        let detail = format!("lane {lane}: {count} bundles of {peer} wait to be closed, at most {UNFINISHED_MAX}");
        return Err(Failure::Refused(Error::retry(Kind::TooLarge, detail)));
    }
    tables.bundles.insert(key.as_slice(), bundle)?;
    if !known {
        tables.bundle_counts.insert(counted.as_slice(), count + 1)?;
    }
    Ok(())
}

fn finished(tables: &mut Tables<'_>, lane: LaneId, number: u64, peer: &str) -> Result<()> {
    if tables.bundles.remove(bundle_key(lane, number, peer).as_slice())?.is_none() {
        return Ok(());
    }
    let counted = bundle_count_key(lane, peer);
    let count = tables.bundle_counts.get(counted.as_slice())?.map_or(0, |guard| guard.value());
    match count.saturating_sub(1) {
        0 => drop(tables.bundle_counts.remove(counted.as_slice())?),
        count => drop(tables.bundle_counts.insert(counted.as_slice(), count)?),
    }
    Ok(())
}

fn reserve(tables: &mut Tables<'_>, lane: LaneId) -> Result<Done> {
    let next = tables.numbers.get(lane.0.0)?.map_or(1, |guard| guard.value());
    let end = next.saturating_add(NUMBERS_RESERVED);
    tables.numbers.insert(lane.0.0, end)?;
    Ok(Done::Reserved(end))
}

fn bury(tables: &mut Tables<'_>, letter: &[u8]) -> Result<()> {
    let held = tables.letters.len()?;
    if held >= DEAD_LETTERS_MAX {
        let detail = format!("{held} dead letters wait for an operator, at most {DEAD_LETTERS_MAX}");
        return Err(Failure::Refused(Error::stop_lane(Kind::TooLarge, detail)));
    }
    let id = tables.meta.get(META_LETTER)?.map_or(0, |guard| guard.value()) + 1;
    tables.meta.insert(META_LETTER, id)?;
    tables.letters.insert(id, letter)?;
    Ok(())
}

fn swaps(tables: &mut Tables<'_>, puts: &[(B256, Vec<u8>)], drops: &[B256]) -> Result<()> {
    for (id, record) in puts {
        tables.swaps.insert(id.0, record.as_slice())?;
    }
    for id in drops {
        tables.swaps.remove(id.0)?;
    }
    Ok(())
}

fn exhume(tables: &mut Tables<'_>, id: u64) -> Result<Done> {
    let Some(letter) = tables.letters.get(id)?.map(|guard| codec::take_letter(id, guard.value())) else {
        return Ok(Done::Letter(None));
    };
    // One that cannot be read stays: taking it out would lose it.
    let letter = letter.map_err(|error| Failure::Refused(corrupt("letters", error)))?;
    tables.letters.remove(id)?;
    Ok(Done::Letter(Some(Box::new(letter))))
}
