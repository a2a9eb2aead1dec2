//! Where everything stands. Keys are fixed-width and big-endian, so that a lane's rows lie side by side in index order.

use causeway_core::LaneId;
use redb::{ReadOnlyTable, ReadTransaction, Table, TableDefinition, WriteTransaction};

use super::{fault::broken, file::FORMAT};
use crate::lane::error::Result;

/// Lane and index (or word, or bundle number).
pub(super) type LaneKey = [u8; 40];

/// Single numbers by name.
pub(super) const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
/// Name of the format's version in [`META`].
pub(super) const META_FORMAT: &str = "format";
/// Name of the last dead letter's number in [`META`].
pub(super) const META_LETTER: &str = "letter";
/// Newest verified state by chain.
pub(super) const TRUSTED: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("trusted");
/// Block scanned to, by chain.
pub(super) const SCANNED: TableDefinition<'static, &str, u64> = TableDefinition::new("scanned");
/// Conflicts that froze a chain, by chain.
pub(super) const FROZEN: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("frozen");
/// Size of a lane's outbox and the height at which it was proven, by lane.
pub(super) const MARKS: TableDefinition<'static, [u8; 32], (u64, u64)> = TableDefinition::new("marks");
/// Runs of consecutive entries by lane and first index; together they are `[0, size)` without a hole.
pub(super) const ENTRIES: TableDefinition<'static, LaneKey, &[u8]> = TableDefinition::new("entries");
/// Proven words of the delivered bitmap by lane and word.
pub(super) const DELIVERED: TableDefinition<'static, LaneKey, [u8; 32]> = TableDefinition::new("delivered");
/// Received bundles that are not closed, by lane, number and peer (lane ‖ number ‖ name).
pub(super) const BUNDLES: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("bundles");
/// How many of them there are, by lane and peer (lane ‖ name).
pub(super) const BUNDLE_COUNTS: TableDefinition<'static, &[u8], u64> = TableDefinition::new("bundle_counts");
/// One past the last bundle number reserved, by lane.
pub(super) const NUMBERS: TableDefinition<'static, [u8; 32], u64> = TableDefinition::new("numbers");
/// Intents that have not ended, by signer, chain and nonce (see [`intent_prefix`]).
pub(super) const INTENTS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("intents");
/// Dead letters by number.
pub(super) const LETTERS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("letters");

/// Terms of swaps by id, as thirteen words.
pub(super) const TERMS: TableDefinition<'static, [u8; 32], &[u8]> = TableDefinition::new("terms");

/// Swaps of the exchange service by id, as its records.
pub(super) const SWAPS: TableDefinition<'static, [u8; 32], &[u8]> = TableDefinition::new("swaps");

/// All tables of a write.
pub(super) struct Tables<'t> {
    pub(super) meta: Table<'t, &'static str, u64>,
    pub(super) trusted: Table<'t, &'static str, &'static [u8]>,
    pub(super) scanned: Table<'t, &'static str, u64>,
    pub(super) frozen: Table<'t, &'static str, &'static [u8]>,
    pub(super) marks: Table<'t, [u8; 32], (u64, u64)>,
    pub(super) entries: Table<'t, LaneKey, &'static [u8]>,
    pub(super) delivered: Table<'t, LaneKey, [u8; 32]>,
    pub(super) bundles: Table<'t, &'static [u8], &'static [u8]>,
    pub(super) bundle_counts: Table<'t, &'static [u8], u64>,
    pub(super) numbers: Table<'t, [u8; 32], u64>,
    pub(super) intents: Table<'t, &'static [u8], &'static [u8]>,
    pub(super) letters: Table<'t, u64, &'static [u8]>,
    pub(super) terms: Table<'t, [u8; 32], &'static [u8]>,
    pub(super) swaps: Table<'t, [u8; 32], &'static [u8]>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self> {
        let open = || -> std::result::Result<Self, redb::TableError> {
            Ok(Self {
                meta: transaction.open_table(META)?,
                trusted: transaction.open_table(TRUSTED)?,
                scanned: transaction.open_table(SCANNED)?,
                frozen: transaction.open_table(FROZEN)?,
                marks: transaction.open_table(MARKS)?,
                entries: transaction.open_table(ENTRIES)?,
                delivered: transaction.open_table(DELIVERED)?,
                bundles: transaction.open_table(BUNDLES)?,
                bundle_counts: transaction.open_table(BUNDLE_COUNTS)?,
                numbers: transaction.open_table(NUMBERS)?,
                intents: transaction.open_table(INTENTS)?,
                letters: transaction.open_table(LETTERS)?,
                terms: transaction.open_table(TERMS)?,
                swaps: transaction.open_table(SWAPS)?,
            })
        };
        open().map_err(|error| broken("cannot open a table", error))
    }

    /// Makes all tables, of the current format.
    pub(super) fn create(transaction: &'t WriteTransaction) -> Result<()> {
        let mut tables = Self::open(transaction)?;
        tables.meta.insert(META_FORMAT, FORMAT).map_err(|error| broken("cannot write", error))?;
        Ok(())
    }
}

/// A table for reading.
pub(super) fn table<K: redb::Key + 'static, V: redb::Value + 'static>(
    transaction: &ReadTransaction,
    definition: TableDefinition<'static, K, V>,
) -> Result<ReadOnlyTable<K, V>> {
    transaction.open_table(definition).map_err(|error| broken("cannot open a table", error))
}

pub(super) fn lane_key(lane: LaneId, index: u64) -> LaneKey {
    let mut key = [0u8; 40];
    let (head, tail) = key.split_at_mut(32);
    head.copy_from_slice(lane.0.as_slice());
    tail.copy_from_slice(&index.to_be_bytes());
    key
}

/// The index (word, number) of a key.
pub(super) fn key_index(key: &LaneKey) -> u64 {
    key.last_chunk::<8>().map_or(0, |tail| u64::from_be_bytes(*tail))
}

pub(super) fn bundle_key(lane: LaneId, number: u64, peer: &str) -> Vec<u8> {
    let mut key = lane_key(lane, number).to_vec();
    key.extend_from_slice(peer.as_bytes());
    key
}

pub(super) fn bundle_count_key(lane: LaneId, peer: &str) -> Vec<u8> {
    let mut key = lane.0.to_vec();
    key.extend_from_slice(peer.as_bytes());
    key
}

/// `u8 length ‖ signer ‖ u8 length ‖ chain`; the nonce follows in a whole key. Lengths keep one name from being the
/// beginning of another. A name over 255 bytes is cut in its length byte alone: the bytes still differ.
pub(super) fn intent_prefix(signer: &[u8], chain: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(64);
    for part in [signer, chain.as_bytes()] {
        key.push(part.len().min(255) as u8);
        key.extend_from_slice(part);
    }
    key
}

pub(super) fn intent_key(signer: &[u8], chain: &str, nonce: u64) -> Vec<u8> {
    let mut key = intent_prefix(signer, chain);
    key.extend_from_slice(&nonce.to_be_bytes());
    key
}
