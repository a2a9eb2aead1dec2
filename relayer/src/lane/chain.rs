//! One chain as this relayer sees it: its ports, its newest verified header, and the books of the lanes that leave it.
//! Shared by all lanes that touch the chain: headers are followed and verified once.

use super::{
    book::Book,
    error::{Error, Kind, Result},
    ports::{Entries, Headers, Proofs, Submitter, Verifier},
    swaps::SwapBook,
    types::{Account, ChainId, Conflict, TrustedState},
};
use bytes::Bytes;
use causeway_core::LaneId;
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::watch;

/// Trusted states kept to bridge a client contract that stands at an older signer set.
const HISTORY_MAX: usize = 64;

/// The newest verified header, and the update that led to it.
#[derive(Debug)]
pub struct Tip {
    /// The verified header.
    pub trusted: TrustedState,
    /// What a client at an earlier state takes to get there.
    pub update: Bytes,
}

/// See the module.
pub struct ChainView {
    /// CAIP-2 id.
    pub id: ChainId,
    /// The vault on this chain.
    pub vault: Account,
    /// Typical time between blocks.
    pub block_time: Duration,
    /// Port.
    pub headers: Arc<dyn Headers>,
    /// Port.
    pub verifier: Arc<dyn Verifier>,
    /// Port.
    pub proofs: Arc<dyn Proofs>,
    /// Port.
    pub entries: Arc<dyn Entries>,
    /// Port; absent where this organisation has no submit rights.
    pub submitter: Option<Arc<dyn Submitter>>,
    tip: watch::Sender<Option<Arc<Tip>>>,
    history: Mutex<VecDeque<TrustedState>>,
    /// Lanes that leave this chain, by id.
    leaving: RwLock<HashMap<LaneId, Arc<Book>>>,
    /// Lanes that arrive at this chain, by id.
    arriving: RwLock<HashMap<LaneId, Arc<Book>>>,
    /// Swaps of the bridges whose lanes leave this chain, by lane.
    swaps: RwLock<HashMap<LaneId, Arc<SwapBook>>>,
    /// Leaving lanes whose events and state were shown to differ.
    doubts: watch::Sender<BTreeSet<LaneId>>,
    /// Why every lane of this chain stands still, if it does.
    stopped: watch::Sender<Option<Kind>>,
    /// More about it, unless it is the conflict below.
    reason: OnceLock<String>,
    /// The evidence behind it.
    conflict: OnceLock<Conflict>,
}

/// The ports of a chain, as a family's builder gives them.
pub struct Ports {
    /// See [`Headers`].
    pub headers: Arc<dyn Headers>,
    /// See [`Verifier`].
    pub verifier: Arc<dyn Verifier>,
    /// See [`Proofs`].
    pub proofs: Arc<dyn Proofs>,
    /// See [`Entries`].
    pub entries: Arc<dyn Entries>,
    /// See [`Submitter`].
    pub submitter: Option<Arc<dyn Submitter>>,
}

impl ChainView {
    /// A chain that has not been looked at yet.
    pub fn new(id: ChainId, vault: Account, block_time: Duration, ports: Ports) -> Self {
        let Ports { headers, verifier, proofs, entries, submitter } = ports;
        Self {
            id,
            vault,
            block_time,
            headers,
            verifier,
            proofs,
            entries,
            submitter,
            tip: watch::Sender::new(None),
            history: Mutex::default(),
            leaving: RwLock::default(),
            arriving: RwLock::default(),
            swaps: RwLock::default(),
            doubts: watch::Sender::default(),
            stopped: watch::Sender::new(None),
            reason: OnceLock::new(),
            conflict: OnceLock::new(),
        }
    }

    /// Makes a lane known that goes from `self` to `to`.
    pub fn connect(&self, to: &ChainView, book: &Arc<Book>) {
        self.leaving.write().unwrap_or_else(PoisonError::into_inner).insert(book.lane(), book.clone());
        to.arriving.write().unwrap_or_else(PoisonError::into_inner).insert(book.lane(), book.clone());
    }

    /// Makes the swaps known whose legs of lanes that leave this chain live here.
    pub fn serve_swaps(&self, swaps: &Arc<SwapBook>) {
        let mut all = self.swaps.write().unwrap_or_else(PoisonError::into_inner);
        for lane in swaps.lanes() {
            if self.leaving(lane).is_some() {
                all.insert(lane, swaps.clone());
            }
        }
    }

    /// The swaps of the bridge of a lane that leaves this chain.
    pub fn swaps(&self, lane: LaneId) -> Option<Arc<SwapBook>> {
        self.swaps.read().unwrap_or_else(PoisonError::into_inner).get(&lane).cloned()
    }

    /// The book of a lane that leaves this chain.
    pub fn leaving(&self, lane: LaneId) -> Option<Arc<Book>> {
        self.leaving.read().unwrap_or_else(PoisonError::into_inner).get(&lane).cloned()
    }

    /// The book of a lane that arrives at this chain.
    pub fn arriving(&self, lane: LaneId) -> Option<Arc<Book>> {
        self.arriving.read().unwrap_or_else(PoisonError::into_inner).get(&lane).cloned()
    }

    /// All books of lanes that leave this chain.
    pub fn books(&self) -> Vec<Arc<Book>> {
        self.leaving.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// The newest verified header, if there is one yet.
    pub fn tip(&self) -> Option<Arc<Tip>> {
        self.tip.borrow().clone()
    }

    /// Follows the newest verified header.
    pub fn follow(&self) -> watch::Receiver<Option<Arc<Tip>>> {
        self.tip.subscribe()
    }

    /// Waits for a verified header at or above `height`.
    pub async fn reach(&self, height: u64) -> Result<Arc<Tip>> {
        let mut tips = self.follow();
        let tip = tips
            .wait_for(|t| t.as_ref().is_some_and(|t| t.trusted.height >= height))
            .await
            .map_err(|_| Error::retry(Kind::ShuttingDown, "the chain's watch ended"))?;
        tip.clone().ok_or_else(|| Error::retry(Kind::NotAvailableYet, "no verified header yet"))
    }

    /// Publishes a newer verified header. Called by `watch` alone, after the books took in what is below it.
    pub(super) fn publish(&self, tip: Tip) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        if history.back().is_none_or(|last| last.family != tip.trusted.family) {
            history.push_back(tip.trusted.clone());
            if history.len() > HISTORY_MAX {
                history.pop_front();
            }
        } else if let Some(last) = history.back_mut() {
            *last = tip.trusted.clone();
        }
        drop(history);
        self.tip.send_replace(Some(Arc::new(tip)));
    }

    /// Newest verified state for each signer set, newest last.
    pub fn history(&self) -> Vec<TrustedState> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Events and proven state of a leaving lane differ: `watch` scans it again, at once.
    pub fn doubt(&self, lane: LaneId) {
        self.doubts.send_modify(|doubts| {
            doubts.insert(lane);
        });
    }

    pub(super) fn take_doubts(&self) -> BTreeSet<LaneId> {
        self.doubts.send_replace(BTreeSet::new())
    }

    /// Waits until a lane is in doubt.
    pub(super) async fn doubted(&self) {
        // The sender lives as long as this chain.
        let _ = self.doubts.subscribe().wait_for(|doubts| !doubts.is_empty()).await;
    }

    /// Stops every lane of this chain.
    pub fn stop(&self, why: Kind) {
        self.stopped.send_replace(Some(why));
    }

    /// The same, for a reason that people need to know more of: what was expected, what was found.
    pub fn stop_for(&self, why: &Error) {
        let _ = self.reason.set(why.detail.clone().into_owned()); // the first one counts
        self.stop(why.kind);
    }

    /// Stops every lane: final headers conflict.
    pub(super) fn frozen_by(&self, conflict: Option<Conflict>) {
        if let Some(conflict) = conflict {
            let _ = self.conflict.set(conflict); // the first one counts
        }
        self.stop(Kind::ClientFrozen);
    }

    /// The evidence that froze this chain.
    pub fn conflict(&self) -> Option<Conflict> {
        self.conflict.get().cloned()
    }

    /// Waits until the chain's lanes must stop. Gives why.
    pub async fn until_stopped(&self) -> Error {
        let mut stopped = self.stopped.subscribe();
        let kind = match stopped.wait_for(Option::is_some).await.map(|kind| *kind) {
            Ok(Some(kind)) => kind,
            _ => std::future::pending().await,
        };
        let detail = self.reason.get().map_or("two final headers conflict", String::as_str);
        Error::stop_lane(kind, format!("{}: {detail}", self.id))
    }

    /// Why the chain's lanes are stopped, if they are.
    pub fn stopped(&self) -> Option<Kind> {
        *self.stopped.borrow()
    }
}
