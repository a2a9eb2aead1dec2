//! Reads. Each takes one consistent view and decodes strictly.

use std::ops::Range;

use alloy::primitives::{B256, U256};
use causeway_core::{Entry, LaneId, swap::Terms};

use super::{
    Store, codec,
    fault::{broken, corrupt},
    tables::{self, key_index, lane_key, table},
};
use crate::lane::{
    book::Mark,
    error::Result,
    ports::{DeadLetter, TxIntent},
    types::{Bundle, Conflict, TrustedState},
};

fn unreadable(error: redb::StorageError) -> crate::lane::error::Error {
    broken("cannot read", error)
}

impl Store {
    pub(super) fn read_trusted(&self, chain: &str) -> Result<Option<TrustedState>> {
        let states = table(&self.file.read()?, tables::TRUSTED)?;
        let state = states.get(chain).map_err(unreadable)?;
        state.map(|guard| codec::take_trusted(guard.value())).transpose().map_err(|error| corrupt("trusted", error))
    }

    pub(super) fn read_frozen(&self, chain: &str) -> Result<Option<Conflict>> {
        let frozen = match self.file.read()?.open_table(tables::FROZEN) {
            Ok(frozen) => frozen,
            // A journal from before there was one: the first write makes it.
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(broken("cannot open a table", error)),
        };
        let conflict = frozen.get(chain).map_err(unreadable)?;
        conflict.map(|guard| codec::take_conflict(guard.value())).transpose().map_err(|error| corrupt("frozen", error))
    }

    pub(super) fn read_mark(&self, lane: LaneId) -> Result<Option<Mark>> {
        let marks = match self.file.read()?.open_table(tables::MARKS) {
            Ok(marks) => marks,
            // A journal from before there was one: the first write makes it.
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(broken("cannot open a table", error)),
        };
        let mark = marks.get(lane.0.0).map_err(unreadable)?.map(|guard| guard.value());
        Ok(mark.map(|(size, height)| Mark { size, height }))
    }

    pub(super) fn read_scanned(&self, chain: &str) -> Result<Option<u64>> {
        let scanned = table(&self.file.read()?, tables::SCANNED)?;
        Ok(scanned.get(chain).map_err(unreadable)?.map(|guard| guard.value()))
    }

    pub(super) fn read_terms(&self, swaps: &[B256]) -> Result<Vec<Terms>> {
        let stored = match self.file.read()?.open_table(tables::TERMS) {
            Ok(stored) => stored,
            // A journal from before there was one: the first write makes it.
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(broken("cannot open a table", error)),
        };
        let mut found = Vec::with_capacity(swaps.len());
        for id in swaps {
            let Some(value) = stored.get(&id.0).map_err(unreadable)? else { continue };
            let terms = codec::take_terms(value.value()).map_err(|error| corrupt("terms", error))?;
            if terms.id() != *id {
                return Err(corrupt("terms", format!("swap {id} has terms of swap {}", terms.id())));
            }
            found.push(terms);
        }
        Ok(found)
    }

    /// Calls `each` with stored runs of entries from the one that holds `from` on, until it says `false`.
    fn runs(&self, lane: LaneId, from: u64, mut each: impl FnMut(Vec<Entry>) -> bool) -> Result<()> {
        let entries = table(&self.file.read()?, tables::ENTRIES)?;
        let mut start = lane_key(lane, 0);
        if let Some(row) = entries.range(start..=lane_key(lane, from)).map_err(unreadable)?.next_back() {
            start = row.map_err(unreadable)?.0.value();
        }
        let mut expected = None;
        for row in entries.range(start..=lane_key(lane, u64::MAX)).map_err(unreadable)? {
            let (key, value) = row.map_err(unreadable)?;
            let first = key_index(&key.value());
            if expected.is_some_and(|expected| expected != first) {
                return Err(corrupt("entries", format!("lane {lane} has a hole below {first}")));
            }
            let run = codec::take_entries(lane, first, value.value()).map_err(|error| corrupt("entries", error))?;
            expected = Some(first.saturating_add(run.len() as u64));
            if !each(run) {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn read_entries(&self, lane: LaneId, from: u64, limit: usize) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        self.runs(lane, from, |run| {
            let room = limit - found.len();
            found.extend(run.into_iter().filter(|entry| entry.index >= from).take(room));
            found.len() < limit
        })?;
        Ok(found)
    }

    pub(super) fn read_commitments(&self, lane: LaneId) -> Result<Vec<B256>> {
        let mut found = Vec::new();
        let mut first = None;
        self.runs(lane, 0, |run| {
            first = first.or(run.first().map(|entry| entry.index));
            found.extend(run.iter().map(Entry::commitment));
            true
        })?;
        match first {
            None | Some(0) => Ok(found),
            Some(index) => Err(corrupt("entries", format!("lane {lane} starts at {index}, expected 0"))),
        }
    }

    pub(super) fn read_delivered(&self, lane: LaneId) -> Result<Vec<(u64, U256)>> {
        let words = table(&self.file.read()?, tables::DELIVERED)?;
        let rows = words.range(lane_key(lane, 0)..=lane_key(lane, u64::MAX)).map_err(unreadable)?;
        rows.map(|row| {
            let (key, value) = row.map_err(unreadable)?;
            Ok((key_index(&key.value()), U256::from_be_bytes(value.value())))
        })
        .collect()
    }

    pub(super) fn read_unfinished(&self) -> Result<Vec<(String, u64, Bundle)>> {
        let bundles = table(&self.file.read()?, tables::BUNDLES)?;
        let rows = bundles.range::<&[u8]>(..).map_err(unreadable)?;
        rows.map(|row| {
            let (key, value) = row.map_err(unreadable)?;
            let (lane, number, peer) = bundle_of(key.value())?;
            let bundle = codec::take_bundle(lane, value.value()).map_err(|error| corrupt("bundles", error))?;
            Ok((peer.to_owned(), number, bundle))
        })
        .collect()
    }

    /// Numbers and ranges of the bundles of `peer` on `lane` that were received and not closed: those above `after`,
    /// by number, at most `limit`.
    ///
    /// # Errors
    /// `Store`.
    pub fn pending(&self, peer: &str, lane: LaneId, after: u64, limit: usize) -> Result<Vec<(u64, Range<u64>)>> {
        let mut found = Vec::new();
        let Some(from) = after.checked_add(1) else { return Ok(found) };
        self.each_pending(lane, from, |number, sender, range| {
            if sender == peer {
                found.push((number, range));
            }
            found.len() < limit
        })?;
        Ok(found)
    }

    /// Ranges of entries of `lane` that this relayer holds as a receiver: proven delivered, or in a bundle that is not
    /// closed. Ascending and apart, at most `limit` (the lowest).
    ///
    /// # Errors
    /// `Store`.
    pub fn held(&self, lane: LaneId, limit: usize) -> Result<Vec<Range<u64>>> {
        let mut ranges = Vec::new();
        self.each_pending(lane, 0, |_, _, range| {
            ranges.push(range);
            true
        })?;
        for (word, bits) in self.read_delivered(lane)? {
            set_bits(word, bits, &mut ranges);
        }
        ranges.sort_unstable_by_key(|range| (range.start, range.end));
        let mut merged: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            let room = merged.len() < limit;
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ if room => merged.push(range),
                _ => break,
            }
        }
        Ok(merged)
    }

    /// Calls `each` with number, peer and range of a lane's pending bundles from number `from` on, until it says `false`.
    fn each_pending(&self, lane: LaneId, from: u64, mut each: impl FnMut(u64, &str, Range<u64>) -> bool) -> Result<()> {
        let bundles = table(&self.file.read()?, tables::BUNDLES)?;
        for row in bundles.range(lane_key(lane, from).as_slice()..).map_err(unreadable)? {
            let (key, value) = row.map_err(unreadable)?;
            let (of, number, peer) = bundle_of(key.value())?;
            if of != lane {
                break;
            }
            let range = codec::take_bundle_range(value.value()).map_err(|error| corrupt("bundles", error))?;
            if !each(number, peer, range) {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn read_intents(&self, prefix: &[u8]) -> Result<Vec<TxIntent>> {
        let intents = table(&self.file.read()?, tables::INTENTS)?;
        let mut found = Vec::new();
        for row in intents.range(prefix..).map_err(unreadable)? {
            let (key, value) = row.map_err(unreadable)?;
            if !key.value().starts_with(prefix) {
                break;
            }
            found.push(codec::take_intent(value.value()).map_err(|error| corrupt("intents", error))?);
        }
        Ok(found)
    }

    pub(super) fn read_letters(&self, limit: usize) -> Result<Vec<DeadLetter>> {
        let letters = table(&self.file.read()?, tables::LETTERS)?;
        let rows = letters.range::<u64>(..).map_err(unreadable)?;
        rows.take(limit)
            .map(|row| {
                let (id, value) = row.map_err(unreadable)?;
                codec::take_letter(id.value(), value.value()).map_err(|error| corrupt("letters", error))
            })
            .collect()
    }
}

/// Lane, number and peer of a bundle's key.
fn bundle_of(key: &[u8]) -> Result<(LaneId, u64, &str)> {
    let short = || corrupt("bundles", "a key that is too short");
    let (lane, rest) = key.split_first_chunk::<32>().ok_or_else(short)?;
    let (number, peer) = rest.split_first_chunk::<8>().ok_or_else(short)?;
    let peer = std::str::from_utf8(peer).map_err(|error| corrupt("bundles", error))?;
    Ok((LaneId(B256::new(*lane)), u64::from_be_bytes(*number), peer))
}

/// Appends the ranges of set bits of a word of the delivered bitmap.
fn set_bits(word: u64, bits: U256, ranges: &mut Vec<Range<u64>>) {
    let Some(base) = word.checked_mul(256) else { return };
    let mut at = 0usize;
    while at < 256 {
        let rest = bits >> at;
        at += rest.trailing_zeros();
        let len = (bits >> at.min(255)).trailing_ones().min(256 - at.min(256));
        if at >= 256 || len == 0 {
            break;
        }
        let start = base.saturating_add(at as u64);
        ranges.push(start..start.saturating_add(len as u64));
        at += len;
    }
}
