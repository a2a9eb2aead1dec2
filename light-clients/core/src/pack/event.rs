//! The event form: the `groups` of `Appended(lane, first, groups)`.

use alloc::vec::Vec;

use super::{
    PackError,
    group::{Place, check_run, put_plain, same_group, take_count, take_kind, take_plain},
    reader::{Reader, put_count},
};
use crate::{
    bounds::MAX_EVENT_ENTRIES,
    entry::{Body, Entry, EntryError, Kind, Reason, Returned},
    lane::LaneId,
};

/// Bytes of `index | commitment | reason`.
const RETURNED_RECORD: usize = 41;

/// Packs consecutive entries of one lane, each group in its smallest widths.
///
/// # Errors
/// No entries, more than [`MAX_EVENT_ENTRIES`], entries of two lanes or that do not follow one another, or a swap leg
/// above 1.
pub fn encode_event(entries: &[Entry]) -> Result<Vec<u8>, PackError> {
    if entries.is_empty() {
        return Err(PackError::Empty);
    }
    if entries.len() > MAX_EVENT_ENTRIES {
        return Err(PackError::TooManyEntries { max: MAX_EVENT_ENTRIES, found: entries.len() });
    }
    check_run(entries)?;
    let mut out = Vec::new();
    for group in entries.chunk_by(|a, b| same_group(&a.body, &b.body)) {
        if matches!(group, [Entry { body: Body::Returned(_), .. }, ..]) {
            put_returned(&mut out, group)?;
        } else {
            put_plain(&mut out, group)?;
        }
    }
    Ok(out)
}

/// Unpacks an event's groups; the first entry has index `first`. The entries are *claimed*: check their commitments
/// against a proven outbox before acting on them.
///
/// # Errors
/// [`PackError`], for anything but whole groups of at least one and together at most [`MAX_EVENT_ENTRIES`] entries.
pub fn decode_event(lane: LaneId, first: u64, bytes: &[u8]) -> Result<Vec<Entry>, PackError> {
    let mut reader = Reader::new(bytes);
    let mut place = Place::new(lane, first);
    let mut entries = Vec::new();
    while !reader.is_empty() {
        let kind = take_kind(&mut reader)?;
        let room = MAX_EVENT_ENTRIES.saturating_sub(entries.len());
        let count = take_count(&mut reader, room, MAX_EVENT_ENTRIES)?;
        if kind == Kind::Returned {
            take_returned(&mut reader, count, &mut place, &mut entries)?;
        } else {
            take_plain(&mut reader, kind, count, &mut place, &mut entries)?;
        }
    }
    if entries.is_empty() {
        return Err(PackError::Empty);
    }
    Ok(entries)
}

fn put_returned(out: &mut Vec<u8>, entries: &[Entry]) -> Result<(), PackError> {
    out.push(Kind::Returned as u8);
    put_count(out, entries.len())?;
    for entry in entries {
        if let Body::Returned(returned) = &entry.body {
            out.extend_from_slice(&returned.index.to_be_bytes());
            out.extend_from_slice(returned.commitment.as_slice());
            out.push(returned.reason as u8);
        }
    }
    Ok(())
}

fn take_returned(
    reader: &mut Reader<'_>,
    count: usize,
    place: &mut Place,
    entries: &mut Vec<Entry>,
) -> Result<(), PackError> {
    reader.expect(count, RETURNED_RECORD)?;
    entries.reserve(count);
    for _ in 0..count {
        let index = reader.u64()?;
        let commitment = reader.word()?;
        let reason = take_reason(reader)?;
        entries.push(place.entry(Body::Returned(Returned { index, commitment, reason }))?);
    }
    Ok(())
}

/// Reads the reason of a return.
pub(super) fn take_reason(reader: &mut Reader<'_>) -> Result<Reason, PackError> {
    let number = reader.u8()?;
    Reason::from_number(number).ok_or(PackError::Entry(EntryError::UnknownReason(u64::from(number))))
}
