//! A transaction that is not final yet, and what to do about it next: a pure function of what is known.

use super::{
    share::Share,
    tx::{Call, Sent},
};
use crate::lane::types::TxEvent;
use alloy::primitives::B256;
use causeway_core::LaneId;
use std::ops::Range;
use tokio::{sync::mpsc, time::Instant};

/// Looks, one a block, at which a used nonce may show no receipt of ours before it counts as another's. Nodes index
/// receipts a moment after the state, and another node may answer.
const VANISHED_LOOKS: u32 = 5;

/// A transaction that is not final yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) call: Call,
    pub(super) lane: LaneId,
    pub(super) range: Range<u64>,
    /// Nobody listens after a restart.
    pub(super) events: Option<mpsc::Sender<TxEvent>>,
    /// Its share of the window, until it is in a block.
    pub(super) share: Option<Share>,
    /// All that was signed under this nonce, newest last; never empty.
    pub(super) sent: Vec<Sent>,
    /// A node took the newest.
    pub(super) accepted: bool,
    /// Head when the newest was sent last.
    pub(super) sent_at: u64,
    pub(super) first_sent: Instant,
    pub(super) mined: Option<Mined>,
    pub(super) looks: u32,
    /// Times that the newest was taken again after it had been taken before.
    pub(super) resends: u32,
}

/// Where a receipt says that a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mined {
    pub(super) hash: B256,
    pub(super) block: u64,
    pub(super) block_hash: B256,
    pub(super) succeeded: bool,
    pub(super) gas_used: u64,
    pub(super) gas_price: u128,
}

/// What to do about a pending transaction at a new head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Its nonce is used: look for the receipt.
    Look,
    /// Its receipt is known: wait for finality.
    Hold,
    /// The nonce is used, but by none of ours.
    GiveUp,
    /// Send the same bytes again, and a replacement if a node still has them.
    Resend,
    /// Wait.
    Wait,
}

impl Pending {
    pub(super) fn new(call: Call, lane: LaneId, range: Range<u64>, sent: Sent, sent_at: u64) -> Self {
        Self {
            call,
            lane,
            range,
            events: None,
            share: None,
            sent: vec![sent],
            accepted: false,
            sent_at,
            first_sent: Instant::now(),
            mined: None,
            looks: 0,
            resends: 0,
        }
    }

    /// The next step. `used`: the account's nonce at the head, so all below it are in blocks.
    pub(super) fn step(&self, nonce: u64, used: u64, head: u64, resend_after: u64) -> Step {
        if nonce < used {
            return match self.mined {
                Some(_) => Step::Hold,
                None if self.looks >= VANISHED_LOOKS => Step::GiveUp,
                None => Step::Look,
            };
        }
        if !self.accepted || head >= self.sent_at.saturating_add(resend_after) { Step::Resend } else { Step::Wait }
    }

    /// Whoever asked for this delivery lost interest: it is done, by somebody else.
    pub(super) fn moot(&self) -> bool {
        !self.range.is_empty() && self.events.as_ref().is_some_and(mpsc::Sender::is_closed)
    }

    /// Tells the listener, if there is one. Never waits: the channel holds all events of a ticket.
    pub(super) fn tell(&self, event: TxEvent) {
        if let Some(events) = &self.events {
            let _ = events.try_send(event);
        }
    }
}

/// The lowest nonce in `used..` that is missing although a later one was sent: it holds up all behind it.
pub(super) fn gap<'a>(used: u64, pending: impl Iterator<Item = &'a u64>) -> Option<u64> {
    let mut expected = used;
    for nonce in pending.copied().filter(|nonce| *nonce >= used) {
        if nonce > expected {
            return Some(expected);
        }
        expected = nonce + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chains::evm::signer::fees::Price;
    use alloy::primitives::{Address, Bytes};

    fn pending() -> Pending {
        let sent = Sent { hash: B256::ZERO, raw: Bytes::new(), price: Price::Legacy { gas_price: 0 } };
        let call = Call::new(Address::ZERO, Bytes::new(), 21_000);
        Pending { accepted: true, ..Pending::new(call, LaneId(B256::ZERO), 0..0, sent, 100) }
    }

    #[test]
    fn atk_075_each_state_has_its_step() {
        let mined =
            Mined { hash: B256::ZERO, block: 101, block_hash: B256::ZERO, succeeded: true, gas_used: 0, gas_price: 0 };
        let p = pending();
        assert_eq!(p.step(7, 7, 101, 4), Step::Wait);
        assert_eq!(p.step(7, 7, 104, 4), Step::Resend, "dropped or priced out");
        assert_eq!(p.step(7, 8, 101, 4), Step::Look);
        assert_eq!(Pending { mined: Some(mined), ..pending() }.step(7, 8, 101, 4), Step::Hold);
        assert_eq!(Pending { mined: Some(mined), ..pending() }.step(7, 7, 104, 4), Step::Resend, "reorganised away");
        assert_eq!(Pending { looks: VANISHED_LOOKS, ..pending() }.step(7, 8, 101, 4), Step::GiveUp);
        assert_eq!(Pending { accepted: false, ..pending() }.step(7, 7, 100, 4), Step::Resend);
    }

    #[test]
    fn atk_075_a_gap_is_found_where_it_holds_up_others() {
        assert_eq!(gap(5, [5, 6, 8].iter()), Some(7));
        assert_eq!(gap(5, [6].iter()), Some(5));
        assert_eq!(gap(5, [3, 4, 5, 6].iter()), None);
        assert_eq!(gap(5, [].iter()), None);
        assert_eq!(gap(9, [3, 4].iter()), None);
    }
}
