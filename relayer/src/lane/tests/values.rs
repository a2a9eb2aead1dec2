//! What scripted chains are made of: lanes, entries, states, client contracts.

#![allow(dead_code)] // each file of tests uses a part

use crate::lane::{
    book::Book,
    chain::ChainView,
    ports::Clock,
    types::{Account, Conflict, ContractClient, TrustedState},
};
use alloy::primitives::{B256, U256};
use bytes::Bytes;
use causeway_core::{Body, Entry, LaneId, Transfer};
use std::{sync::Arc, time::Duration};

/// Time between two blocks, and the period of the client.
pub(crate) const BLOCK: Duration = Duration::from_secs(1);
/// Seconds.
pub(crate) const TRUSTING_PERIOD: u64 = 100_000;

pub(crate) fn lane(n: u8) -> LaneId {
    LaneId(B256::repeat_byte(n))
}

/// An entry; `amount` tells a false one from a genuine one.
pub(crate) fn entry(lane: LaneId, index: u64, amount: u64) -> Entry {
    let body = Body::Transfer(Transfer {
        asset: B256::repeat_byte(1),
        amount: U256::from(amount),
        sender: B256::repeat_byte(2),
        recipient: B256::repeat_byte(3),
        timeout: 4,
        memo: B256::ZERO,
    });
    Entry { lane, index, body }
}

/// The lane whose outbox this is.
pub(crate) fn outbox(lane: LaneId) -> Account {
    Account::copy_from_slice(&lane.0[..20])
}

pub(super) fn lane_of(outbox: &Account) -> LaneId {
    LaneId(B256::repeat_byte(outbox[0]))
}

pub(crate) fn state(height: u64) -> TrustedState {
    TrustedState {
        height,
        time: 1_000 + height,
        header_hash: B256::with_last_byte(height as u8),
        state_root: B256::with_last_byte(height as u8),
        family: Bytes::new(),
    }
}

/// What a scripted verifier shows for its `ClientFrozen`.
pub(crate) fn conflict() -> Conflict {
    let (a, b) = (Bytes::from_static(b"one block"), Bytes::from_static(b"another"));
    Conflict { height: 8, a, b, detail: "two blocks of height 8".into() }
}

/// A live client contract at `height`.
pub(crate) fn client(height: u64) -> ContractClient {
    ContractClient {
        height,
        time: 1_000 + height,
        signers: B256::ZERO,
        frozen: false,
        trusting_period: TRUSTING_PERIOD,
    }
}

/// Always the same moment: no header of a script is ever old.
pub(crate) struct Noon;

impl Clock for Noon {
    fn now(&self) -> u64 {
        2_000
    }
}

/// An empty book of a lane from `source` to `destination`.
pub(crate) fn book(n: u8, source: &ChainView, destination: &ChainView) -> Arc<Book> {
    let book = Arc::new(Book::restore(lane(n), &[], Vec::new(), Vec::new()));
    source.connect(destination, &book);
    book
}
