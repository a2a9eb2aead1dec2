//! The lane's port, on this store.

use std::sync::PoisonError;

use alloy::primitives::{B256, U256};
use causeway_core::{Entry, LaneId, swap::Terms};

use super::{
    NUMBERS_RESERVED, Numbers, REPLACEMENTS_MAX, Store,
    apply::{Done, Write},
    codec,
    fault::broken,
    tables,
};
use crate::lane::{
    book::Mark,
    error::{Error, Kind, Result},
    ports::{DeadLetter, Journal, Seen, TxIntent},
    types::{Account, Bundle, ChainId, Conflict, TrustedState},
};

impl Store {
    fn write(&self, write: Write) -> Result<()> {
        self.writer.call(write).map(drop)
    }
}

impl Journal for Store {
    fn trusted(&self, chain: &ChainId) -> Result<Option<TrustedState>> {
        self.read_trusted(chain)
    }

    fn advance(&self, chain: &ChainId, trusted: &TrustedState, scanned: u64, seen: &[Seen<'_>]) -> Result<()> {
        let mut runs = Vec::with_capacity(seen.len());
        let mut terms = Vec::new();
        for seen in seen {
            match seen {
                Seen::Entries { lane, entries } => {
                    consecutive(*lane, entries)?;
                    runs.push((*lane, entries.to_vec()));
                }
                Seen::Terms(told) => terms.extend_from_slice(told),
            }
        }
        let trusted = codec::put_trusted(trusted);
        self.write(Write::Advance { chain: chain.to_string(), trusted, scanned, seen: runs, terms })
    }

    fn freeze(&self, chain: &ChainId, conflict: &Conflict) -> Result<()> {
        self.write(Write::Freeze { chain: chain.to_string(), conflict: codec::put_conflict(conflict) })
    }

    fn frozen(&self, chain: &ChainId) -> Result<Option<Conflict>> {
        self.read_frozen(chain)
    }

    fn thaw(&self, chain: &ChainId) -> Result<()> {
        self.write(Write::Thaw { chain: chain.to_string() })
    }

    fn scanned(&self, chain: &ChainId) -> Result<Option<u64>> {
        self.read_scanned(chain)
    }

    fn entries(&self, lane: LaneId, from: u64, limit: usize) -> Result<Vec<Entry>> {
        self.read_entries(lane, from, limit)
    }

    fn terms(&self, swaps: &[B256]) -> Result<Vec<Terms>> {
        self.read_terms(swaps)
    }

    fn commitments(&self, lane: LaneId) -> Result<Vec<B256>> {
        self.read_commitments(lane)
    }

    fn truncate(&self, chain: &ChainId, lane: LaneId, size: u64, scanned: u64) -> Result<()> {
        self.write(Write::Truncate { chain: chain.to_string(), lane, size, scanned })
    }

    fn prove_mark(&self, lane: LaneId, mark: Mark) -> Result<()> {
        self.write(Write::ProveMark { lane, mark })
    }

    fn proven_mark(&self, lane: LaneId) -> Result<Option<Mark>> {
        self.read_mark(lane)
    }

    fn delivered(&self, lane: LaneId) -> Result<Vec<(u64, U256)>> {
        self.read_delivered(lane)
    }

    fn set_delivered(&self, lane: LaneId, words: &[(u64, U256)]) -> Result<()> {
        self.write(Write::SetDelivered { lane, words: words.to_vec() })
    }

    fn received(&self, peer: &str, number: u64, bundle: &Bundle) -> Result<()> {
        let stored = codec::put_bundle(bundle).map_err(|error| {
            let detail = format!("lane {}: bundle {number} of {peer} cannot be stored: {error}", bundle.lane);
            Error::dead_letter(Kind::Malformed, detail)
        })?;
        self.write(Write::Received { lane: bundle.lane, number, peer: peer.to_owned(), bundle: stored })
    }

    fn unfinished(&self) -> Result<Vec<(String, u64, Bundle)>> {
        self.read_unfinished()
    }

    fn finished(&self, peer: &str, lane: LaneId, number: u64) -> Result<()> {
        self.write(Write::Finished { lane, number, peer: peer.to_owned() })
    }

    fn next_number(&self, lane: LaneId) -> Result<u64> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let held = numbers.entry(lane).or_insert(Numbers { next: 0, end: 0 });
        if held.next == held.end {
            let Done::Reserved(end) = self.writer.call(Write::Reserve { lane })? else {
                return Err(broken("no number", "the write gave another answer"));
            };
            *held = Numbers { next: end - NUMBERS_RESERVED, end };
        }
        let number = held.next;
        held.next += 1;
        Ok(number)
    }

    fn intend(&self, intent: &TxIntent) -> Result<()> {
        if intent.sent.len() > REPLACEMENTS_MAX {
            let detail =
                format!("{} replacements of nonce {}, at most {REPLACEMENTS_MAX}", intent.sent.len(), intent.nonce);
            return Err(Error::dead_letter(Kind::TooLarge, detail));
        }
        let key = tables::intent_key(&intent.signer, &intent.chain, intent.nonce);
        self.write(Write::Intend { key, intent: codec::put_intent(intent) })
    }

    fn intents(&self, chain: &ChainId, signer: &Account) -> Result<Vec<TxIntent>> {
        self.read_intents(&tables::intent_prefix(signer, chain))
    }

    fn settle(&self, chain: &ChainId, signer: &Account, nonce: u64) -> Result<()> {
        self.write(Write::Settle { key: tables::intent_key(signer, chain, nonce) })
    }

    fn bury(&self, letter: &DeadLetter) -> Result<()> {
        self.write(Write::Bury { letter: codec::put_letter(letter) })
    }

    fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>> {
        self.read_letters(limit)
    }

    fn exhume(&self, id: u64) -> Result<Option<DeadLetter>> {
        match self.writer.call(Write::Exhume { id })? {
            Done::Letter(letter) => Ok(letter.map(|letter| *letter)),
            _ => Err(broken("no dead letter", "the write gave another answer")),
        }
    }
}

/// Entries handed over in one piece must be of the lane named and follow one another.
fn consecutive(lane: LaneId, entries: &[Entry]) -> Result<()> {
    let first = entries.first().map_or(0, |entry| entry.index);
    for (at, entry) in entries.iter().enumerate() {
        let expected = first.checked_add(at as u64);
        if entry.lane != lane || Some(entry.index) != expected {
            let detail = format!(
                "lane {lane}: expected entry {}, found entry {} of lane {}",
                first.saturating_add(at as u64),
                entry.index,
                entry.lane
            );
            return Err(Error::retry(Kind::Malformed, detail));
        }
    }
    Ok(())
}
