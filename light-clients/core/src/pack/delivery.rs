//! The delivery form: the `runs` of `deliver(lane, first, update, stateProof, runs)`.
//!
//! A delivery is a list of runs, each under one peak of the source's outbox, the next starting where the last ends. Each
//! run carries its siblings and its entries in groups. A `Returned` group brings the transfers that go back, and one range
//! proof in peak form that they stand in the destination's own outbox of the reverse lane.

use alloc::vec::Vec;

use alloy_primitives::{B256, U256};

use super::{
    PackError,
    event::take_reason,
    group::{Place, check_run, put_plain, same_group, take_count, take_kind, take_plain},
    reader::{Reader, put_count, put_siblings},
};
use crate::{
    bounds::{MAX_BATCH, MAX_HEIGHT, MAX_RUNS},
    entry::{Body, Entry, Kind, Returned, Transfer},
    lane::LaneId,
    tree::{Anchor, RangeRefusal},
};

/// Bytes of `index | reason | asset | amount | sender | recipient | timeout | memo hash`.
const RETURNED_RECORD: usize = 8 + 1 + 4 * 32 + 8 + 32;

/// A group of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryGroup {
    /// Transfers or swap facts: at least one, all of one kind (and, for transfers, asset and shape).
    Plain(Vec<Entry>),
    /// Returns.
    Returned(ReturnedGroup),
}

/// Returns, with the transfers that go back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnedGroup {
    /// The entries of the lane; each is `Body::Returned`.
    pub entries: Vec<Entry>,
    /// The transfers that go back, as entries of the reverse lane with consecutive indices; one for each of `entries`.
    pub originals: Vec<Entry>,
    /// Height of the peak of the reverse lane's outbox under which `originals` stand.
    pub height: u8,
    /// Siblings of `originals` under that peak.
    pub siblings: Vec<B256>,
}

impl ReturnedGroup {
    /// Verifies that the transfers stand in the outbox of `reverse`, given the value of its peak of [`Self::height`].
    ///
    /// # Errors
    /// [`RangeRefusal`].
    pub fn verify(&self, reverse: LaneId, peak: B256) -> Result<(), RangeRefusal> {
        let first = self.originals.first().map_or(0, |original| original.index);
        Anchor::Peak { peak, height: self.height }.verify_entries(reverse, first, &self.originals, &self.siblings)
    }
}

impl DeliveryGroup {
    /// The entries of the lane in this group.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match self {
            Self::Plain(entries) => entries,
            Self::Returned(group) => &group.entries,
        }
    }
}

/// A run of entries under one peak of the source's outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRun {
    /// Siblings of the run under that peak.
    pub siblings: Vec<B256>,
    /// The run's entries.
    pub groups: Vec<DeliveryGroup>,
}

impl DeliveryRun {
    /// The run's entries, in index order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.groups.iter().flat_map(|group| group.entries())
    }
}

/// Packs the groups of one run.
///
/// # Errors
/// [`PackError`]; the entries must be of one lane and follow one another, at most [`MAX_BATCH`], and returned groups must
/// bring exactly their transfers.
pub fn encode_groups(groups: &[DeliveryGroup]) -> Result<Vec<u8>, PackError> {
    let mut out = Vec::new();
    put_groups(&mut out, groups)?;
    Ok(out)
}

/// Unpacks the groups of one run of `count` entries; the first has index `first`, and what returns is of lane `reverse`.
///
/// # Errors
/// [`PackError`], for anything but whole groups of exactly `count` (1 to [`MAX_BATCH`]) entries.
pub fn decode_groups(
    lane: LaneId,
    reverse: LaneId,
    first: u64,
    count: usize,
    bytes: &[u8],
) -> Result<Vec<DeliveryGroup>, PackError> {
    if count > MAX_BATCH {
        return Err(PackError::TooManyEntries { max: MAX_BATCH, found: count });
    }
    let mut reader = Reader::new(bytes);
    let groups = take_groups(&mut reader, reverse, count, &mut Place::new(lane, first))?;
    reader.finish()?;
    Ok(groups)
}

/// Packs the runs of a delivery: per run `u16 count | u8 nSiblings | siblings | groups`.
///
/// # Errors
/// [`PackError`]; the runs' entries must be of one lane and follow one another, together at most [`MAX_BATCH`].
pub fn encode_runs(runs: &[DeliveryRun]) -> Result<Vec<u8>, PackError> {
    let entries: Vec<Entry> = runs.iter().flat_map(DeliveryRun::entries).copied().collect();
    check_batch(&entries, runs.len())?;
    let mut out = Vec::new();
    for run in runs {
        put_count(&mut out, run.entries().count())?;
        put_siblings(&mut out, &run.siblings)?;
        put_groups(&mut out, &run.groups)?;
    }
    Ok(out)
}

/// Unpacks the runs of a delivery; the first entry has index `first`.
///
/// # Errors
/// [`PackError`], for anything but 1 to [`MAX_RUNS`] whole runs of together at most [`MAX_BATCH`] entries.
pub fn decode_runs(lane: LaneId, reverse: LaneId, first: u64, bytes: &[u8]) -> Result<Vec<DeliveryRun>, PackError> {
    let mut reader = Reader::new(bytes);
    let mut place = Place::new(lane, first);
    let mut runs = Vec::new();
    let mut room = MAX_BATCH;
    while !reader.is_empty() {
        if runs.len() == MAX_RUNS {
            return Err(PackError::TooManyRuns { max: MAX_RUNS, found: MAX_RUNS + 1 });
        }
        let count = take_count(&mut reader, room, MAX_BATCH)?;
        room -= count;
        let siblings = reader.siblings()?;
        let groups = take_groups(&mut reader, reverse, count, &mut place)?;
        runs.push(DeliveryRun { siblings, groups });
    }
    if runs.is_empty() { Err(PackError::Empty) } else { Ok(runs) }
}

fn check_batch(entries: &[Entry], runs: usize) -> Result<(), PackError> {
    if entries.is_empty() {
        return Err(PackError::Empty);
    }
    if entries.len() > MAX_BATCH {
        return Err(PackError::TooManyEntries { max: MAX_BATCH, found: entries.len() });
    }
    if runs > MAX_RUNS {
        return Err(PackError::TooManyRuns { max: MAX_RUNS, found: runs });
    }
    check_run(entries)
}

fn put_groups(out: &mut Vec<u8>, groups: &[DeliveryGroup]) -> Result<(), PackError> {
    let entries: Vec<Entry> = groups.iter().flat_map(DeliveryGroup::entries).copied().collect();
    check_batch(&entries, 1)?;
    for group in groups {
        match group {
            DeliveryGroup::Plain(entries) => {
                for part in entries.chunk_by(|a, b| same_group(&a.body, &b.body)) {
                    if let Some(Entry { body: Body::Returned(returned), .. }) = part.first() {
                        return Err(PackError::OriginalMissing { index: returned.index });
                    }
                    put_plain(out, part)?;
                }
            }
            DeliveryGroup::Returned(group) => put_returned(out, group)?,
        }
    }
    Ok(())
}

fn put_returned(out: &mut Vec<u8>, group: &ReturnedGroup) -> Result<(), PackError> {
    if group.height > MAX_HEIGHT {
        return Err(PackError::HeightOutOfRange { max: MAX_HEIGHT, found: group.height });
    }
    if group.entries.len() != group.originals.len() {
        return Err(PackError::RunCount { expected: group.entries.len(), found: group.originals.len() });
    }
    check_run(&group.originals)?;
    out.push(Kind::Returned as u8);
    put_count(out, group.entries.len())?;
    out.push(group.height);
    put_siblings(out, &group.siblings)?;
    for (entry, original) in group.entries.iter().zip(&group.originals) {
        let index = original.index;
        let (Body::Returned(returned), Body::Transfer(transfer)) = (&entry.body, &original.body) else {
            return Err(PackError::NotTheOriginal { index });
        };
        if returned.index != index || returned.commitment != original.commitment() {
            return Err(PackError::NotTheOriginal { index: returned.index });
        }
        out.extend_from_slice(&index.to_be_bytes());
        out.push(returned.reason as u8);
        out.extend_from_slice(transfer.asset.as_slice());
        out.extend_from_slice(&transfer.amount.to_be_bytes::<32>());
        out.extend_from_slice(transfer.sender.as_slice());
        out.extend_from_slice(transfer.recipient.as_slice());
        out.extend_from_slice(&transfer.timeout.to_be_bytes());
        out.extend_from_slice(transfer.memo.as_slice());
    }
    Ok(())
}

/// Reads groups until `count` entries are there.
fn take_groups(
    reader: &mut Reader<'_>,
    reverse: LaneId,
    count: usize,
    place: &mut Place,
) -> Result<Vec<DeliveryGroup>, PackError> {
    if count == 0 {
        return Err(PackError::Empty);
    }
    let mut groups = Vec::new();
    let mut left = count;
    while left > 0 {
        let kind = take_kind(reader)?;
        let size = usize::from(reader.u16()?);
        if size == 0 {
            return Err(PackError::Empty);
        }
        let found = count - left + size;
        left = left.checked_sub(size).ok_or(PackError::RunCount { expected: count, found })?;
        groups.push(if kind == Kind::Returned {
            DeliveryGroup::Returned(take_returned(reader, reverse, size, place)?)
        } else {
            let mut entries = Vec::new();
            take_plain(reader, kind, size, place, &mut entries)?;
            DeliveryGroup::Plain(entries)
        });
    }
    Ok(groups)
}

fn take_returned(
    reader: &mut Reader<'_>,
    reverse: LaneId,
    count: usize,
    place: &mut Place,
) -> Result<ReturnedGroup, PackError> {
    let height = reader.u8()?;
    if height > MAX_HEIGHT {
        return Err(PackError::HeightOutOfRange { max: MAX_HEIGHT, found: height });
    }
    let siblings = reader.siblings()?;
    reader.expect(count, RETURNED_RECORD)?;
    let mut entries = Vec::with_capacity(count);
    let mut originals = Vec::with_capacity(count);
    let mut previous: Option<u64> = None;
    for _ in 0..count {
        let index = reader.u64()?;
        if let Some(previous) = previous {
            let expected = previous.checked_add(1).ok_or(PackError::IndexOverflow { first: previous })?;
            if index != expected {
                return Err(PackError::NotConsecutive { expected, found: index });
            }
        }
        previous = Some(index);
        let reason = take_reason(reader)?;
        let original = Entry { lane: reverse, index, body: Body::Transfer(take_original(reader)?) };
        let commitment = original.commitment();
        entries.push(place.entry(Body::Returned(Returned { index, commitment, reason }))?);
        originals.push(original);
    }
    Ok(ReturnedGroup { entries, originals, height, siblings })
}

fn take_original(reader: &mut Reader<'_>) -> Result<Transfer, PackError> {
    Ok(Transfer {
        asset: reader.word()?,
        amount: U256::from_be_bytes(reader.word()?.0),
        sender: reader.word()?,
        recipient: reader.word()?,
        timeout: reader.u64()?,
        memo: reader.word()?,
    })
}
