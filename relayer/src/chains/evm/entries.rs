//! Events of the vault, from `eth_getLogs`. Unverified: the lane compares entries with the proven outbox, and delivered
//! indices with the proven bitmap, so that a log that is made up or left out is found (ATK-014, ATK-015, ATK-072).

use super::{
    abi::{ISwaps, IVault},
    endpoint::{CallError, Need, Pool},
    errors::Meaning,
};
use crate::lane::{
    error::{Error, Kind, Result},
    ports::Entries,
    types::{Account, EventAt, VaultEvent},
};
use alloy::{
    primitives::{Address, B256, Bytes, LogData, U64},
    sol_types::SolEvent,
};
use async_trait::async_trait;
use causeway_core::{LaneId, pack::decode_event, swap};
use serde::Deserialize;
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The method that tells events.
const LOGS: &str = "eth_getLogs";

/// The events asked for.
const TOPICS: [B256; 4] = [
    IVault::Appended::SIGNATURE_HASH,
    IVault::Delivered::SIGNATURE_HASH,
    ISwaps::LegLocked::SIGNATURE_HASH,
    ISwaps::LegVoided::SIGNATURE_HASH,
];

/// See the module.
pub struct EvmEntries {
    pool: Arc<Pool>,
    /// Most blocks in one question; lowered when a node finds it too many.
    range: AtomicU64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    block_number: U64,
    transaction_hash: B256,
    log_index: U64,
    #[serde(default)]
    removed: bool,
}

impl EvmEntries {
    /// Events out of `pool`, asked for at most `range` blocks at a time.
    pub fn new(pool: Arc<Pool>, range: u64) -> Self {
        Self { pool, range: AtomicU64::new(range.max(1)) }
    }

    async fn logs(&self, vault: Address, from: u64, to: u64) -> Result<Vec<Log>, CallError> {
        let filter = json!({
            "address": vault,
            "fromBlock": U64::from(from),
            "toBlock": U64::from(to),
            "topics": [TOPICS],
        });
        self.pool.call(LOGS, &(filter,), Need::Height(to)).await
    }

    fn lie(&self, height: u64, what: &str) -> Error {
        self.pool.lied_to(LOGS, height, what);
        Error::retry(Kind::NodeLied, format!("logs up to block {height}: {what}"))
    }

    /// Checks that the answer is one to the question, and reads it.
    fn read(&self, vault: Address, from: u64, to: u64, mut logs: Vec<Log>) -> Result<Vec<VaultEvent>> {
        logs.sort_by_key(|log| (log.block_number, log.log_index));
        let mut events = Vec::with_capacity(logs.len());
        for log in logs {
            let block: u64 = log.block_number.to();
            if log.address != vault || log.removed || !(from..=to).contains(&block) {
                return Err(self.lie(to, "an event that was not asked for"));
            }
            let at = EventAt { block, tx: log.transaction_hash };
            let data = LogData::new(log.topics, log.data).ok_or_else(|| self.lie(to, "an event with five topics"))?;
            events.push(event(&data, at).map_err(|what| self.lie(to, &what))?);
        }
        Ok(events)
    }
}

fn event(data: &LogData, at: EventAt) -> Result<VaultEvent, String> {
    match data.topics().first() {
        Some(&ISwaps::LegLocked::SIGNATURE_HASH) => {
            let event = ISwaps::LegLocked::decode_log_data(data).map_err(|e| format!("LegLocked: {e}"))?;
            return leg(event.swapId, &event.terms, event.leg, false, at);
        }
        Some(&ISwaps::LegVoided::SIGNATURE_HASH) => {
            let event = ISwaps::LegVoided::decode_log_data(data).map_err(|e| format!("LegVoided: {e}"))?;
            return leg(event.swapId, &event.terms, event.leg, true, at);
        }
        _ => {}
    }
    if data.topics().first() == Some(&IVault::Appended::SIGNATURE_HASH) {
        let event = IVault::Appended::decode_log_data(data).map_err(|e| format!("Appended: {e}"))?;
        let lane = LaneId(event.lane);
        let entries = decode_event(lane, event.first, &event.groups).map_err(|e| format!("Appended: {e}"))?;
        return Ok(VaultEvent::Appended { lane, first: event.first, entries, at });
    }
    let event = IVault::Delivered::decode_log_data(data).map_err(|e| format!("Delivered: {e}"))?;
    Ok(VaultEvent::Delivered {
        lane: LaneId(event.lane),
        first: event.first,
        count: event.count,
        taken: event.taken,
        returned: event.returned,
        parked: event.parked,
        at,
    })
}

/// Terms vouch for themselves: the id that the vault's entry holds is their hash.
fn leg(id: B256, terms: &ISwaps::Terms, leg: u8, voided: bool, at: EventAt) -> Result<VaultEvent, String> {
    let terms = swap::Terms::from(terms);
    if terms.id() != id {
        return Err(format!("an event of swap {id} with terms of swap {}", terms.id()));
    }
    Ok(VaultEvent::Leg { terms: Box::new(terms), leg, voided, at })
}

#[async_trait]
impl Entries for EvmEntries {
    async fn scan(&self, vault: &Account, from: u64, to: u64) -> Result<Vec<VaultEvent>> {
        let vault = Address::try_from(vault.as_ref())
            .map_err(|_| Error::stop_lane(Kind::InvalidConfig, "an EVM account has 20 bytes"))?;
        let mut events = Vec::new();
        let mut next = from;
        while next <= to {
            let range = self.range.load(Ordering::Relaxed);
            let end = to.min(next.saturating_add(range - 1));
            match self.logs(vault, next, end).await {
                Ok(logs) => {
                    events.append(&mut self.read(vault, next, end, logs)?);
                    next = end + 1;
                }
                Err(error) if error.meaning == Some(Meaning::RangeTooWide) && range > 1 => {
                    self.range.store((end - next).div_ceil(2).max(1), Ordering::Relaxed);
                }
                Err(error) => return Err(error.error),
            }
        }
        Ok(events)
    }
    fn report_lie(&self, to: u64, detail: &str) {
        self.pool.lied_to(LOGS, to, detail);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use alloy::primitives::U256;

    fn terms() -> swap::Terms {
        let leg = |n: u8| swap::Leg {
            asset: B256::repeat_byte(n),
            amount: U256::from(n),
            from: B256::with_last_byte(n),
            to: B256::with_last_byte(n + 1),
            deadline: 1_800_000_000,
        };
        let lanes = [LaneId(B256::repeat_byte(1)), LaneId(B256::repeat_byte(2))];
        swap::Terms { lanes, legs: [leg(3), leg(5)], nonce: B256::repeat_byte(7) }
    }

    fn read(swap: B256, terms: &swap::Terms, voided: bool) -> Result<VaultEvent, String> {
        let terms = ISwaps::Terms::from(terms);
        let data = if voided {
            ISwaps::LegVoided { swapId: swap, leg: 1, terms }.encode_log_data()
        } else {
            ISwaps::LegLocked { swapId: swap, leg: 1, terms }.encode_log_data()
        };
        event(&data, EventAt { block: 5, tx: B256::repeat_byte(6) })
    }

    #[test]
    fn terms_of_a_leg_are_read_as_they_were_written() {
        let terms = terms();
        for voided in [false, true] {
            let at = EventAt { block: 5, tx: B256::repeat_byte(6) };
            let expected = VaultEvent::Leg { terms: Box::new(terms), leg: 1, voided, at };
            assert_eq!(read(terms.id(), &terms, voided).unwrap(), expected);
        }
    }

    #[test]
    fn atk_061_terms_that_differ_in_one_field_are_another_swaps() {
        let genuine = terms();
        for word in 0..swap::TERMS_WORDS {
            let mut words = genuine.words();
            words[word].0[31] ^= 1;
            let other = swap::Terms::from_words(&words).unwrap();
            let refused = read(genuine.id(), &other, false).unwrap_err();
            assert!(refused.contains(&other.id().to_string()), "{word}: {refused}");
        }
    }
}
