//! **confirm**: closes entries on a verified fact: the delivered bit, proven under the destination's verified header.
//!
//! Takes: hints (a `Delivered` event, a final transaction, an old entry) that name bitmap words. Gives: closed entries.
//! What a peer or a node says became of an entry is a hint; only the bit closes it (INV-2, INV-5).

use super::{
    book::Book,
    chain::ChainView,
    error::{Error, Kind, Result},
    ports::{Journal, blocking},
};
use alloy::primitives::U256;
use causeway_core::Entry;
use std::{sync::Arc, time::Duration};

/// Words proven by one request: 16 words are 4,096 entries, a proof of some 50 kB.
const WORDS_MAX: usize = 16;

/// See the module.
pub struct Confirm {
    /// Destination of the lane.
    pub destination: Arc<ChainView>,
    /// The lane.
    pub book: Arc<Book>,
    /// Store.
    pub journal: Arc<dyn Journal>,
    /// Told of entries that closed.
    pub closed: Arc<dyn Closed>,
}

/// What `confirm` tells the outside (metrics, tracing).
pub trait Closed: Send + Sync {
    /// These entries are proven delivered, after being open here for so long.
    fn closed(&self, book: &Book, entries: &[(Entry, Duration)]);
}

impl Confirm {
    /// Proves hinted words for ever.
    pub async fn run(&self) -> Result<()> {
        let mut tips = self.destination.follow();
        loop {
            let height = tips.borrow_and_update().as_ref().map(|t| t.trusted.height);
            let words = height.map_or_else(Vec::new, |h| self.book.take_hints(h, WORDS_MAX));
            if words.is_empty() {
                self.wait(&mut tips).await?;
                continue;
            }
            if let Err(e) = self.prove(&words).await {
                self.book.give_back_hints(&words);
                return Err(e);
            }
        }
    }

    /// Waits for a hint, or, when hints wait for a later block, for the next tip.
    async fn wait(&self, tips: &mut tokio::sync::watch::Receiver<Option<Arc<super::chain::Tip>>>) -> Result<()> {
        if self.book.has_hints() {
            return tips.changed().await.map_err(|_| Error::retry(Kind::ShuttingDown, "the chain's watch ended"));
        }
        self.book.hinted.notified().await;
        Ok(())
    }

    async fn prove(&self, words: &[u64]) -> Result<()> {
        let Some(tip) = self.destination.tip() else { return Ok(()) };
        let (chain, lane) = (&self.destination, self.book.lane());
        let proof = chain.proofs.delivered(&chain.vault, lane, words, tip.trusted.height).await?;
        let bits = chain
            .verifier
            .delivered(&tip.trusted, &chain.vault, lane, words, &proof)
            .inspect_err(|e| chain.headers.report_lie(tip.trusted.height, &e.detail))?;
        let proven: Vec<(u64, U256)> = words.iter().copied().zip(bits).filter(|(_, b)| !b.is_zero()).collect();
        if proven.is_empty() {
            return Ok(());
        }
        let journal = self.journal.clone();
        let stored = proven.clone();
        blocking(move || journal.set_delivered(lane, &stored)).await?;
        let closed = self.book.prove_delivered(&proven);
        if !closed.is_empty() {
            self.closed.closed(&self.book, &closed);
        }
        Ok(())
    }
}
