//! How values are written, and read back strictly: every length is checked before it is used, no byte may be left over,
//! and what does not decode is a typed error. All integers are big-endian. Entries are packed as in events.

use alloy::primitives::B256;
use bytes::Bytes;
use causeway_core::{
    Entry, LaneId,
    bounds::MAX_BATCH,
    pack,
    swap::{TERMS_WORDS, Terms, TermsError},
};

use crate::lane::{
    error::Kind,
    ports::{DeadLetter, TxIntent},
    types::{Bundle, Conflict, Run, TrustedState},
};

/// Longest text kept of an error.
const DETAIL_MAX: usize = 1024;

/// Why a stored value is not what was written.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotStored {
    #[error("it ends too early")]
    Truncated,
    #[error("{0} bytes are left over")]
    Trailing(usize),
    #[error("{0}")]
    Entries(#[from] pack::PackError),
    #[error("{found} entries, expected {expected}")]
    Count { expected: usize, found: usize },
    #[error("unknown kind {0}")]
    Kind(u8),
    #[error("{0}")]
    Terms(#[from] TermsError),
    #[error("text that is not UTF-8")]
    Text,
}

type Result<T> = std::result::Result<T, NotStored>;

/// The terms of a swap, as their words.
pub(super) fn put_terms(terms: &Terms) -> Vec<u8> {
    terms.words().iter().flat_map(|word| word.0).collect()
}

pub(super) fn take_terms(bytes: &[u8]) -> Result<Terms> {
    let mut reader = Reader(bytes);
    let words = (0..TERMS_WORDS).map(|_| reader.word()).collect::<Result<Vec<_>>>()?;
    reader.finish()?;
    Ok(Terms::from_words(&words)?)
}

/// Takes values off the front of a byte string.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(NotStored::Truncated)?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(NotStored::Truncated)?;
        self.0 = rest;
        Ok(*head)
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    fn word(&mut self) -> Result<B256> {
        Ok(B256::new(self.array()?))
    }

    fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = u32::from_be_bytes(self.array()?);
        self.take(usize::try_from(len).map_err(|_| NotStored::Truncated)?)
    }

    fn text(&mut self) -> Result<String> {
        Ok(std::str::from_utf8(self.bytes()?).map_err(|_| NotStored::Text)?.to_owned())
    }

    fn finish(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(NotStored::Trailing(self.0.len())) }
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    // Every caller bounds its parts far below 4 GiB; a longer one would not decode.
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// At most `max` bytes of `text`, cut between characters.
fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

pub(super) fn put_trusted(state: &TrustedState) -> Vec<u8> {
    let mut out = Vec::with_capacity(80 + state.family.len());
    out.extend_from_slice(&state.height.to_be_bytes());
    out.extend_from_slice(&state.time.to_be_bytes());
    out.extend_from_slice(state.header_hash.as_slice());
    out.extend_from_slice(state.state_root.as_slice());
    out.extend_from_slice(&state.family);
    out
}

pub(super) fn take_trusted(bytes: &[u8]) -> Result<TrustedState> {
    let mut reader = Reader(bytes);
    Ok(TrustedState {
        height: reader.u64()?,
        time: reader.u64()?,
        header_hash: reader.word()?,
        state_root: reader.word()?,
        family: Bytes::copy_from_slice(reader.0),
    })
}

/// `u16 count | groups`. The entries are consecutive and at most a batch.
pub(super) fn put_entries(entries: &[Entry]) -> Result<Vec<u8>> {
    if entries.len() > MAX_BATCH {
        return Err(NotStored::Count { expected: MAX_BATCH, found: entries.len() });
    }
    let packed = pack::encode_event(entries)?;
    let mut out = Vec::with_capacity(2 + packed.len());
    out.extend_from_slice(&(entries.len() as u16).to_be_bytes());
    out.extend_from_slice(&packed);
    Ok(out)
}

/// The number of entries in what [`put_entries`] wrote, without decoding them.
pub(super) fn take_count(bytes: &[u8]) -> Result<u64> {
    Reader(bytes).u16().map(u64::from)
}

pub(super) fn take_entries(lane: LaneId, first: u64, bytes: &[u8]) -> Result<Vec<Entry>> {
    let mut reader = Reader(bytes);
    let expected = usize::from(reader.u16()?);
    let entries = pack::decode_event(lane, first, reader.0)?;
    if entries.len() == expected { Ok(entries) } else { Err(NotStored::Count { expected, found: entries.len() }) }
}

/// The lane stands in the key.
pub(super) fn put_bundle(bundle: &Bundle) -> Result<Vec<u8>> {
    let entries = put_entries(&bundle.entries)?;
    let runs: usize = bundle.runs.iter().map(|run| 5 + 32 * run.siblings.len()).sum();
    let mut out = Vec::with_capacity(30 + bundle.update.len() + bundle.state_proof.len() + entries.len() + runs);
    out.extend_from_slice(&bundle.first.to_be_bytes());
    out.extend_from_slice(&bundle.source_height.to_be_bytes());
    put_bytes(&mut out, &entries);
    put_bytes(&mut out, &bundle.update);
    put_bytes(&mut out, &bundle.state_proof);
    for run in &bundle.runs {
        out.push(run.peak);
        out.extend_from_slice(&run.count.to_be_bytes());
        let siblings = u16::try_from(run.siblings.len());
        let siblings = siblings.map_err(|_| NotStored::Count { expected: 128, found: run.siblings.len() })?;
        out.extend_from_slice(&siblings.to_be_bytes());
        run.siblings.iter().for_each(|sibling| out.extend_from_slice(sibling.as_slice()));
    }
    Ok(out)
}

pub(super) fn take_bundle(lane: LaneId, bytes: &[u8]) -> Result<Bundle> {
    let mut reader = Reader(bytes);
    let first = reader.u64()?;
    let source_height = reader.u64()?;
    let entries = take_entries(lane, first, reader.bytes()?)?;
    let update = Bytes::copy_from_slice(reader.bytes()?);
    let state_proof = Bytes::copy_from_slice(reader.bytes()?);
    let mut runs = Vec::new();
    while !reader.0.is_empty() {
        let peak = reader.u8()?;
        let count = reader.u16()?;
        let siblings = usize::from(reader.u16()?);
        let siblings = reader.take(32 * siblings)?.chunks_exact(32).map(B256::from_slice).collect();
        runs.push(Run { peak, count, siblings });
    }
    Ok(Bundle { lane, first, entries, source_height, update, state_proof, runs })
}

/// First index and number of entries of what [`put_bundle`] wrote.
pub(super) fn take_bundle_range(bytes: &[u8]) -> Result<std::ops::Range<u64>> {
    let mut reader = Reader(bytes);
    let first = reader.u64()?;
    reader.u64()?;
    let count = take_count(reader.bytes()?)?;
    Ok(first..first.saturating_add(count))
}

pub(super) fn put_intent(intent: &TxIntent) -> Vec<u8> {
    let mut out = Vec::with_capacity(128 + intent.sent.iter().map(|(_, raw)| 36 + raw.len()).sum::<usize>());
    put_bytes(&mut out, intent.chain.as_bytes());
    put_bytes(&mut out, &intent.signer);
    out.extend_from_slice(&intent.nonce.to_be_bytes());
    out.extend_from_slice(intent.lane.0.as_slice());
    out.extend_from_slice(&intent.range.start.to_be_bytes());
    out.extend_from_slice(&intent.range.end.to_be_bytes());
    for (hash, raw) in &intent.sent {
        out.extend_from_slice(hash.as_slice());
        put_bytes(&mut out, raw);
    }
    out
}

pub(super) fn take_intent(bytes: &[u8]) -> Result<TxIntent> {
    let mut reader = Reader(bytes);
    let mut intent = TxIntent {
        chain: reader.text()?,
        signer: Bytes::copy_from_slice(reader.bytes()?),
        nonce: reader.u64()?,
        lane: LaneId(reader.word()?),
        range: reader.u64()?..reader.u64()?,
        sent: Vec::new(),
    };
    while !reader.0.is_empty() {
        intent.sent.push((reader.word()?, Bytes::copy_from_slice(reader.bytes()?)));
    }
    Ok(intent)
}

/// The letter's number stands in the key.
pub(super) fn put_conflict(conflict: &Conflict) -> Vec<u8> {
    let mut out = conflict.height.to_be_bytes().to_vec();
    put_bytes(&mut out, &conflict.a);
    put_bytes(&mut out, &conflict.b);
    put_bytes(&mut out, cut(&conflict.detail, DETAIL_MAX).as_bytes());
    out
}

pub(super) fn take_conflict(bytes: &[u8]) -> Result<Conflict> {
    let mut reader = Reader(bytes);
    let conflict = Conflict {
        height: reader.u64()?,
        a: Bytes::copy_from_slice(reader.bytes()?),
        b: Bytes::copy_from_slice(reader.bytes()?),
        detail: reader.text()?,
    };
    reader.finish()?;
    Ok(conflict)
}

pub(super) fn put_letter(letter: &DeadLetter) -> Vec<u8> {
    let mut out = Vec::with_capacity(128 + letter.detail.len());
    out.extend_from_slice(letter.lane.0.as_slice());
    out.extend_from_slice(&letter.range.start.to_be_bytes());
    out.extend_from_slice(&letter.range.end.to_be_bytes());
    put_bytes(&mut out, cut(&letter.stage, DETAIL_MAX).as_bytes());
    out.push(kind_number(letter.kind));
    put_bytes(&mut out, cut(&letter.detail, DETAIL_MAX).as_bytes());
    out.extend_from_slice(&letter.at.to_be_bytes());
    out
}

pub(super) fn take_letter(id: u64, bytes: &[u8]) -> Result<DeadLetter> {
    let mut reader = Reader(bytes);
    let letter = DeadLetter {
        id,
        lane: LaneId(reader.word()?),
        range: reader.u64()?..reader.u64()?,
        stage: reader.text()?,
        kind: kind_of(reader.u8()?)?,
        detail: reader.text()?,
        at: reader.u64()?,
    };
    reader.finish()?;
    Ok(letter)
}

/// Numbers of kinds in the file: never reused.
macro_rules! kinds {
    ($($number:literal => $kind:ident,)*) => {
        fn kind_number(kind: Kind) -> u8 {
            match kind { $(Kind::$kind => $number,)* }
        }

        fn kind_of(number: u8) -> Result<Kind> {
            Ok(match number { $($number => Kind::$kind,)* other => return Err(NotStored::Kind(other)) })
        }
    };
}

kinds! {
    1 => Unavailable,
    2 => DeadlineExceeded,
    3 => RateLimited,
    4 => Stalled,
    5 => NotAvailableYet,
    6 => NodeLied,
    7 => Malformed,
    8 => Refused,
    9 => ClientExpired,
    10 => ClientFrozen,
    11 => ChainMismatch,
    12 => UnknownLane,
    13 => OutboxRewritten,
    14 => VaultCodeChanged,
    15 => InsufficientFunds,
    16 => NonceConflict,
    17 => Underpriced,
    18 => Reverted,
    19 => Dropped,
    20 => Store,
    21 => PeerMisbehaved,
    22 => PeerRefused,
    23 => TooLarge,
    24 => InvalidConfig,
    25 => ShuttingDown,
}
