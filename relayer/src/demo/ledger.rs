//! What the two vaults did, as the demo itself reads it from the chains' blocks: every entry written, every entry
//! decided, when and by which transaction. The relayers' own view plays no part.

use super::{abi::IUserVault, failed};
use crate::cli::exit::CliError;
use alloy::{
    primitives::{Address, B256, U256},
    providers::{DynProvider, Provider},
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use causeway_core::{Entry, LaneId, pack::decode_event};
use futures::StreamExt;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// A place in a lane's outbox.
pub(super) type Place = (LaneId, u64);

/// An entry that a vault wrote.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// What it says.
    pub(super) entry: Entry,
    /// Its block.
    pub(super) block: u64,
    /// When its block was seen.
    pub(super) seen: Instant,
}

/// What the destination decided about an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decided {
    /// Answered with `Returned` instead of credited.
    pub(super) returned: bool,
    /// Parked as claimable.
    pub(super) parked: bool,
    /// When its block was seen.
    pub(super) seen: Instant,
}

/// One delivery.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    /// The lane.
    pub(super) lane: LaneId,
    /// Its transaction.
    pub(super) tx: B256,
    /// Entries that it decided.
    pub(super) entries: u32,
}

/// Everything seen so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Entries by place.
    pub(super) written: HashMap<Place, Written>,
    /// Places that each transaction wrote.
    pub(super) by_tx: HashMap<B256, Vec<Place>>,
    /// Decisions by place.
    pub(super) decided: HashMap<Place, Decided>,
    /// Places that took effect more than once: INV-2 says that there are none.
    pub(super) repeated: HashSet<Place>,
    /// Deliveries.
    pub(super) batches: Vec<Batch>,
    /// Claims paid: token, owner, to, amount.
    pub(super) claims: Vec<(Address, Address, Address, U256)>,
}

impl Seen {
    /// Entries that no delivery has decided yet.
    pub(super) fn open(&self) -> usize {
        self.written.len() - self.written.keys().filter(|place| self.decided.contains_key(*place)).count()
    }

    /// The place of the one entry that `tx` wrote.
    pub(super) fn place_of(&self, tx: &B256) -> Option<Place> {
        self.by_tx.get(tx).and_then(|places| places.first()).copied()
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Ledger {
    seen: Mutex<Seen>,
    changed: watch::Sender<u64>,
    /// Why following a chain ended.
    broken: watch::Sender<Option<String>>,
}

impl Ledger {
    /// An empty ledger.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { seen: Mutex::default(), changed: watch::Sender::new(0), broken: watch::Sender::new(None) })
    }

    /// Looks at what was seen.
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `ready` gives something, looking whenever a block brought news.
    pub(super) async fn wait<T>(
        &self,
        what: &str,
        limit: Duration,
        mut ready: impl FnMut(&Seen) -> Option<T>,
    ) -> Result<T, CliError> {
        let mut changed = self.changed.subscribe();
        let mut broken = self.broken.subscribe();
        let found = tokio::time::timeout(limit, async {
            loop {
                changed.borrow_and_update();
                if let Some(found) = ready(&self.seen()) {
                    return Ok(found);
                }
                tokio::select! {
                    _ = changed.changed() => {}
                    _ = broken.changed() => {
                        return Err(failed("following a chain", broken.borrow().clone().unwrap_or_default()));
                    }
                }
            }
        });
        found.await.map_err(|_| {
            let open = self.seen().open();
            failed(what, format!("not within {}s; {open} entries are still open", limit.as_secs()))
        })?
    }

    /// Follows a chain's vault from its first block until the task is dropped.
    pub(super) async fn follow(self: Arc<Self>, provider: DynProvider, vault: Address) {
        if let Err(error) = self.follow_until_error(&provider, vault).await {
            self.broken.send_replace(Some(error.to_string()));
        }
    }

    async fn follow_until_error(&self, provider: &DynProvider, vault: Address) -> Result<(), CliError> {
        let heads = provider.subscribe_blocks().await.map_err(|error| failed("a subscription", error))?;
        let mut heads = heads.into_stream();
        let mut next = 0;
        while let Some(head) = heads.next().await {
            let filter = Filter::new().address(vault).from_block(next).to_block(head.number);
            let logs = provider.get_logs(&filter).await.map_err(|error| failed("logs", error))?;
            next = head.number + 1;
            self.take(&logs)?;
        }
        Err(failed("a subscription", "it ended"))
    }

    fn take(&self, logs: &[Log]) -> Result<(), CliError> {
        if logs.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        {
            let mut seen = self.seen();
            for log in logs {
                seen.take(log, now)?;
            }
        }
        self.changed.send_modify(|version| *version += 1);
        Ok(())
    }
}

impl Seen {
    fn take(&mut self, log: &Log, now: Instant) -> Result<(), CliError> {
        let tx = log.transaction_hash.unwrap_or_default();
        let unreadable = |error: &dyn std::fmt::Display| failed("an event of a vault", error);
        match log.topic0() {
            Some(&IUserVault::Appended::SIGNATURE_HASH) => {
                let event = IUserVault::Appended::decode_log(&log.inner).map_err(|error| unreadable(&error))?;
                let lane = LaneId(event.lane);
                let entries = decode_event(lane, event.first, &event.groups).map_err(|error| unreadable(&error))?;
                for entry in entries {
                    let place = (lane, entry.index);
                    self.by_tx.entry(tx).or_default().push(place);
                    self.written
                        .insert(place, Written { entry, block: log.block_number.unwrap_or_default(), seen: now });
                }
            }
            Some(&IUserVault::Delivered::SIGNATURE_HASH) => {
                let event = IUserVault::Delivered::decode_log(&log.inner).map_err(|error| unreadable(&error))?;
                let lane = LaneId(event.lane);
                let taken = (0..event.count.min(256)).filter(|i| event.taken.bit(*i as usize));
                let mut entries = 0;
                for i in taken {
                    let bit = i as usize;
                    let decided =
                        Decided { returned: event.returned.bit(bit), parked: event.parked.bit(bit), seen: now };
                    let place = (lane, event.first + i);
                    if self.decided.insert(place, decided).is_some() {
                        self.repeated.insert(place);
                    }
                    entries += 1;
                }
                self.batches.push(Batch { lane, tx, entries });
            }
            Some(&IUserVault::Claimed::SIGNATURE_HASH) => {
                let event = IUserVault::Claimed::decode_log(&log.inner).map_err(|error| unreadable(&error))?;
                self.claims.push((event.token, event.owner, event.to, event.amountOrId));
            }
            _ => {}
        }
        Ok(())
    }
}
