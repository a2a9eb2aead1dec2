//! Brings what a lane's outbox says of swaps into the [`SwapBook`], once it is proven.
//!
//! Bundles that this relayer proves put entries beyond doubt by the way; where the peer's bundles are faster, or after a
//! restart, this stage proves the outbox itself, once a tip and only while a fact waits.

use super::SwapBook;
use crate::lane::{
    audit::Audit,
    book::{Book, Fact},
    error::{Error, Kind, Result},
    ports::{Journal, blocking},
};
use alloy::primitives::B256;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

/// See the module.
pub struct Facts {
    /// The lane.
    pub book: Arc<Book>,
    /// The bridge's swaps.
    pub swaps: Arc<SwapBook>,
    /// Proves the lane's outbox.
    pub audit: Arc<Audit>,
    /// Store.
    pub journal: Arc<dyn Journal>,
    /// Swaps whose terms are to be looked up there.
    pub lacking: Mutex<BTreeSet<B256>>,
}

impl Facts {
    /// Follows the lane for ever.
    pub async fn run(&self) -> Result<()> {
        let mut facts = self.book.facts();
        let mut tips = self.audit.source.follow();
        // The first look is at the newest header there is: a quiet chain shows no other one for long.
        tips.mark_changed();
        loop {
            facts.borrow_and_update();
            let waiting = self.take().await?;
            tokio::select! {
                changed = facts.changed() => changed.map_err(|_| ended())?,
                changed = tips.changed(), if waiting => {
                    changed.map_err(|_| ended())?;
                    self.audit.prove_all().await?;
                }
            }
        }
    }

    /// Hands on what is new. Gives whether facts wait for proof.
    async fn take(&self) -> Result<bool> {
        let new = self.book.take_facts();
        let lane = self.book.lane();
        let mut contradiction = None;
        for (index, fact) in &new.proven {
            if self.swaps.prove(lane, *index, fact) {
                contradiction = contradiction.or(Some((*index, *fact)));
            }
        }
        for fact in &new.known {
            self.swaps.prove_known(lane, fact);
        }
        self.recall_terms(new.proven.iter().map(|(_, fact)| fact.leg.swap_id)).await?;
        match contradiction {
            None => Ok(new.waiting > 0),
            // Proven, not a node's word. The destination refuses the second fact, too.
            Some((index, Fact { leg, .. })) => Err(Error::stop_lane(
                Kind::Refused,
                format!("lane {lane}: entry {index} decides leg {} of swap {} a second time", leg.leg, leg.swap_id),
            )),
        }
    }

    /// Terms that an earlier run stored.
    async fn recall_terms(&self, of: impl Iterator<Item = B256>) -> Result<()> {
        let ids: Vec<B256> = {
            let mut lacking = self.lacking.lock().unwrap_or_else(PoisonError::into_inner);
            lacking.extend(of.filter(|id| self.swaps.terms(*id).is_none()));
            lacking.iter().copied().collect()
        };
        if ids.is_empty() {
            return Ok(());
        }
        let journal = self.journal.clone();
        for terms in blocking(move || journal.terms(&ids)).await? {
            // Terms of other lanes are no terms of this bridge: they bring nothing.
            let _ = self.swaps.learn(terms);
        }
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }
}

fn ended() -> Error {
    Error::retry(Kind::ShuttingDown, "the chain's watch ended")
}
