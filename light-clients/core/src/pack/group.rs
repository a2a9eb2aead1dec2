//! Groups of transfers and of swap facts, which are the same in an event and in a delivery.

use alloc::vec::Vec;

use alloy_primitives::{B256, U256};

use super::{
    PackError,
    reader::{Reader, put_count},
};
use crate::{
    entry::{Body, Entry, Kind, SwapLeg, Transfer, swap_leg},
    lane::LaneId,
};

/// Flag: accounts take 32 bytes, else 20.
const FLAG_WIDE_ACCOUNTS: u8 = 1;
/// Flag: records carry a memo hash, else it is zero.
const FLAG_MEMO: u8 = 2;

/// Bytes of `swap_id | leg`.
const SWAP_RECORD: usize = 33;

/// Where decoded entries stand: their lane and the index of the next one.
pub(super) struct Place {
    lane: LaneId,
    first: u64,
    next: Option<u64>,
}

impl Place {
    pub(super) const fn new(lane: LaneId, first: u64) -> Self {
        Self { lane, first, next: Some(first) }
    }

    /// Puts a body at the next index.
    pub(super) fn entry(&mut self, body: Body) -> Result<Entry, PackError> {
        let index = self.next.ok_or(PackError::IndexOverflow { first: self.first })?;
        self.next = index.checked_add(1);
        Ok(Entry { lane: self.lane, index, body })
    }
}

/// How a group of transfers is laid out; all but the amount's width must agree within a group.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    wide_accounts: bool,
    memo: bool,
}

impl Shape {
    fn of(transfer: &Transfer) -> Self {
        let wide = |account: &B256| account.0.iter().take(12).any(|byte| *byte != 0);
        Self { wide_accounts: wide(&transfer.sender) || wide(&transfer.recipient), memo: !transfer.memo.is_zero() }
    }

    const fn from_flags(flags: u8) -> Option<Self> {
        if flags & !(FLAG_WIDE_ACCOUNTS | FLAG_MEMO) != 0 {
            return None;
        }
        Some(Self { wide_accounts: flags & FLAG_WIDE_ACCOUNTS != 0, memo: flags & FLAG_MEMO != 0 })
    }

    const fn flags(self) -> u8 {
        ((self.wide_accounts as u8) * FLAG_WIDE_ACCOUNTS) | ((self.memo as u8) * FLAG_MEMO)
    }

    const fn account_width(self) -> usize {
        if self.wide_accounts { 32 } else { 20 }
    }

    const fn record(self, amount_width: usize) -> usize {
        amount_width + 2 * self.account_width() + 8 + if self.memo { 32 } else { 0 }
    }
}

/// Whether `next` belongs into the group that `first` began. For returns it is not the whole rule: those of one group in
/// a delivery must also have consecutive originals under one peak.
#[must_use]
pub fn same_group(first: &Body, next: &Body) -> bool {
    match (first, next) {
        (Body::Transfer(a), Body::Transfer(b)) => a.asset == b.asset && Shape::of(a) == Shape::of(b),
        _ => first.kind() == next.kind(),
    }
}

/// Checks that entries are of one lane and follow one another.
pub(super) fn check_run(entries: &[Entry]) -> Result<(), PackError> {
    for pair in entries.windows(2) {
        let [a, b] = pair else { continue };
        if b.lane != a.lane {
            return Err(PackError::ForeignLane { expected: a.lane, found: b.lane });
        }
        let expected = a.index.checked_add(1).ok_or(PackError::IndexOverflow { first: a.index })?;
        if b.index != expected {
            return Err(PackError::NotConsecutive { expected, found: b.index });
        }
    }
    Ok(())
}

/// Writes a group of entries that [`same_group`] holds together and that are not `Returned`.
pub(super) fn put_plain(out: &mut Vec<u8>, entries: &[Entry]) -> Result<(), PackError> {
    match entries.first().map(|entry| &entry.body) {
        Some(Body::Transfer(first)) => put_transfers(out, first, entries),
        Some(Body::SwapLocked(_) | Body::SwapVoided(_)) => put_swaps(out, entries),
        Some(Body::Returned(_)) | None => Ok(()),
    }
}

fn put_transfers(out: &mut Vec<u8>, first: &Transfer, entries: &[Entry]) -> Result<(), PackError> {
    let transfers =
        || entries.iter().filter_map(|entry| if let Body::Transfer(t) = &entry.body { Some(t) } else { None });
    let shape = Shape::of(first);
    let width = transfers().map(|t| t.amount.byte_len()).max().unwrap_or(1).max(1);
    out.reserve(37 + entries.len() * shape.record(width));
    out.push(Kind::Transfer as u8);
    put_count(out, entries.len())?;
    out.push(u8::try_from(width).map_err(|_| PackError::AmountWidth(u8::MAX))?);
    out.push(shape.flags());
    out.extend_from_slice(first.asset.as_slice());
    for transfer in transfers() {
        put_low(out, &transfer.amount.to_be_bytes::<32>(), width);
        put_low(out, &transfer.sender.0, shape.account_width());
        put_low(out, &transfer.recipient.0, shape.account_width());
        out.extend_from_slice(&transfer.timeout.to_be_bytes());
        if shape.memo {
            out.extend_from_slice(transfer.memo.as_slice());
        }
    }
    Ok(())
}

fn put_swaps(out: &mut Vec<u8>, entries: &[Entry]) -> Result<(), PackError> {
    let Some(kind) = entries.first().map(|entry| entry.body.kind()) else {
        return Ok(());
    };
    out.push(kind as u8);
    put_count(out, entries.len())?;
    for entry in entries {
        if let Body::SwapLocked(fact) | Body::SwapVoided(fact) = &entry.body {
            let SwapLeg { swap_id, leg } = swap_leg(fact.swap_id, u64::from(fact.leg))?;
            out.extend_from_slice(swap_id.as_slice());
            out.push(leg);
        }
    }
    Ok(())
}

/// Writes the low `width` bytes of a word; the others are zero by the group's shape.
fn put_low(out: &mut Vec<u8>, word: &[u8; 32], width: usize) {
    out.extend_from_slice(word.get(32 - width..).unwrap_or(word));
}

/// Reads the kind of the next group.
pub(super) fn take_kind(reader: &mut Reader<'_>) -> Result<Kind, PackError> {
    let number = reader.u8()?;
    Kind::from_number(number).ok_or(PackError::Entry(crate::entry::EntryError::UnknownKind(u64::from(number))))
}

/// Reads a group's count, which must be at least 1 and at most `room`, what the form's `max` still allows.
pub(super) fn take_count(reader: &mut Reader<'_>, room: usize, max: usize) -> Result<usize, PackError> {
    let count = usize::from(reader.u16()?);
    if count == 0 {
        return Err(PackError::Empty);
    }
    if count > room {
        return Err(PackError::TooManyEntries { max, found: (max - room.min(max)).saturating_add(count) });
    }
    Ok(count)
}

/// Reads the rest of a group of transfers or swap facts, after kind and count.
pub(super) fn take_plain(
    reader: &mut Reader<'_>,
    kind: Kind,
    count: usize,
    place: &mut Place,
    entries: &mut Vec<Entry>,
) -> Result<(), PackError> {
    match kind {
        Kind::Transfer => take_transfers(reader, count, place, entries),
        Kind::SwapLocked => take_swaps(reader, count, place, entries, Body::SwapLocked),
        Kind::SwapVoided => take_swaps(reader, count, place, entries, Body::SwapVoided),
        Kind::Returned => Ok(()),
    }
}

fn take_transfers(
    reader: &mut Reader<'_>,
    count: usize,
    place: &mut Place,
    entries: &mut Vec<Entry>,
) -> Result<(), PackError> {
    let width = reader.u8()?;
    if !(1..=32).contains(&width) {
        return Err(PackError::AmountWidth(width));
    }
    let flags = reader.u8()?;
    let shape = Shape::from_flags(flags).ok_or(PackError::UnknownFlags(flags))?;
    let asset = reader.word()?;
    let width = usize::from(width);
    reader.expect(count, shape.record(width))?;
    entries.reserve(count);
    for _ in 0..count {
        let amount = U256::from_be_bytes(reader.padded(width)?.0);
        let sender = reader.padded(shape.account_width())?;
        let recipient = reader.padded(shape.account_width())?;
        let timeout = reader.u64()?;
        let memo = if shape.memo { reader.word()? } else { B256::ZERO };
        entries.push(place.entry(Body::Transfer(Transfer { asset, amount, sender, recipient, timeout, memo }))?);
    }
    Ok(())
}

fn take_swaps(
    reader: &mut Reader<'_>,
    count: usize,
    place: &mut Place,
    entries: &mut Vec<Entry>,
    body: fn(SwapLeg) -> Body,
) -> Result<(), PackError> {
    reader.expect(count, SWAP_RECORD)?;
    entries.reserve(count);
    for _ in 0..count {
        let swap_id = reader.word()?;
        let leg = reader.u8()?;
        entries.push(place.entry(body(swap_leg(swap_id, u64::from(leg))?))?);
    }
    Ok(())
}
