//! What pull calls and reconnects are answered from.

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use causeway_core::LaneId;

use crate::{
    lane::{
        error::{Error, Kind, Result},
        types::Bundle,
    },
    store::Store,
};

/// What a relayer can tell a peer about lanes. Answers are hints; nothing follows from them.
#[async_trait]
pub trait Records: Send + Sync {
    /// Ranges of `lane` that are held here, ascending and apart, at most `limit`.
    async fn held(&self, lane: LaneId, limit: usize) -> Result<Vec<Range<u64>>>;
    /// Bundles of `peer` that wait here, above number `after`, by number, at most `limit`.
    async fn pending(&self, peer: &str, lane: LaneId, after: u64, limit: usize) -> Result<Vec<(u64, Range<u64>)>>;
    /// Entries of a lane that leaves from here, with a fresh proof. May give fewer than asked for, from the first on.
    async fn bundle(&self, lane: LaneId, range: Range<u64>) -> Result<Bundle>;
}

/// Proves entries again for a peer that asks.
#[async_trait]
pub trait Reprove: Send + Sync {
    /// See [`Records::bundle`].
    async fn bundle(&self, lane: LaneId, range: Range<u64>) -> Result<Bundle>;
}

/// Records in the journal, and proofs from the lanes where they are given.
#[allow(missing_debug_implementations)]
pub struct Journaled {
    /// The journal.
    pub store: Arc<Store>,
    /// Proves again; without it the peer is told that this is not available.
    pub prover: Option<Arc<dyn Reprove>>,
}

impl Journaled {
    async fn read<T: Send + 'static>(&self, read: impl FnOnce(&Store) -> Result<T> + Send + 'static) -> Result<T> {
        let store = Arc::clone(&self.store);
        let read = tokio::task::spawn_blocking(move || read(&store)).await;
        read.map_err(|error| Error::retry(Kind::Store, error.to_string()))?
    }
}

#[async_trait]
impl Records for Journaled {
    async fn held(&self, lane: LaneId, limit: usize) -> Result<Vec<Range<u64>>> {
        self.read(move |store| store.held(lane, limit)).await
    }

    async fn pending(&self, peer: &str, lane: LaneId, after: u64, limit: usize) -> Result<Vec<(u64, Range<u64>)>> {
        let peer = peer.to_owned();
        self.read(move |store| store.pending(&peer, lane, after, limit)).await
    }

    async fn bundle(&self, lane: LaneId, range: Range<u64>) -> Result<Bundle> {
        match &self.prover {
            Some(prover) => prover.bundle(lane, range).await,
            None => Err(Error::retry(Kind::NotAvailableYet, "proofs are not given again here")),
        }
    }
}
