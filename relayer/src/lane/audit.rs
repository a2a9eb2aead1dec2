//! **audit**: proves a lane's outbox now and then, to find entries that a node hides or makes up.
//!
//! The size tells of hidden entries. Where entries came since the last look that no bundle of this relayer proved (the
//! peer's bundles were faster, or the relayer started again), all peaks are proven too: then the whole book is beyond doubt.

use super::{
    book::{Book, Mark},
    chain::{ChainView, Tip},
    error::{Error, Kind, Result},
    live::Live,
    ports::{Journal, blocking},
    settings::Settings,
    types::Account,
};
use std::sync::Arc;

/// A proven point is noted anew without new entries once it is so many blocks old: what a node tells in a few answers.
const MARK_BLOCKS: u64 = 5_000;

/// See the module.
pub struct Audit {
    /// Source of the lane.
    pub source: Arc<ChainView>,
    /// The lane's outbox.
    pub outbox: Account,
    /// The lane.
    pub book: Arc<Book>,
    /// Store.
    pub journal: Arc<dyn Journal>,
    /// Time between two looks.
    pub settings: Live<Settings>,
}

impl Audit {
    /// Audits for ever.
    pub async fn run(&self) -> Result<()> {
        // Lanes that start together look at different times: a thousand of them must not ask their node in one moment.
        tokio::time::sleep(self.settings.now().audit_interval.mul_f64(rand::random())).await;
        loop {
            self.once().await?;
            tokio::time::sleep(self.settings.now().audit_interval).await;
        }
    }

    /// Compares the proven outbox with what events told.
    pub async fn once(&self) -> Result<()> {
        let tip = self.source.reach(0).await?;
        self.size(&tip).await
    }

    /// Proves all that was told up to the newest verified header: what no bundle of this relayer proved.
    pub async fn prove_all(&self) -> Result<()> {
        let tip = self.source.reach(0).await?;
        let told = self.book.size_at(tip.trusted.height).unwrap_or(0);
        if self.book.sound() < told { self.peaks(&tip, told).await } else { Ok(()) }
    }

    /// Compares the proven size, and then the peaks, with what events told.
    async fn size(&self, tip: &Tip) -> Result<()> {
        let (height, lane) = (tip.trusted.height, self.book.lane());
        let told = self.book.size_at(height).unwrap_or(0);
        let proof = self.source.proofs.size(&self.outbox, height).await?;
        let proven = self
            .source
            .verifier
            .size(&tip.trusted, &self.outbox, &proof)
            .inspect_err(|e| self.source.headers.report_lie(height, &e.detail))?;
        if proven != told {
            return Err(
                self.doubt(height, format!("lane {lane}: {told} entries seen at block {height}, {proven} proven"))
            );
        }
        if self.book.sound() < told {
            self.peaks(tip, told).await?;
        }
        self.mark(Mark { size: told, height }).await
    }

    /// Notes where to scan again from, where that saves something: quiet lanes are not written down at every look.
    async fn mark(&self, mark: Mark) -> Result<()> {
        let noted = self.book.proven_mark();
        if mark.size == noted.size && mark.height < noted.height.saturating_add(MARK_BLOCKS) {
            return Ok(());
        }
        let (journal, lane) = (self.journal.clone(), self.book.lane());
        blocking(move || journal.prove_mark(lane, mark)).await?;
        self.book.prove_mark(mark);
        Ok(())
    }

    /// Compares all peaks of an outbox of `size` entries.
    async fn peaks(&self, tip: &Tip, size: u64) -> Result<()> {
        let (height, lane) = (tip.trusted.height, self.book.lane());
        let heights: Vec<u8> = (0..64).filter(|h| size >> h & 1 == 1).collect();
        let proof = self.source.proofs.peaks(&self.outbox, &heights, height).await?;
        let proven = self
            .source
            .verifier
            .peaks(&tip.trusted, &self.outbox, &heights, &proof)
            .inspect_err(|e| self.source.headers.report_lie(height, &e.detail))?;
        for (h, found) in heights.iter().zip(proven) {
            if self.book.peak(size, *h) != Some(found) {
                return Err(
                    self.doubt(height, format!("lane {lane}: another peak of height {h} at block {height} is proven"))
                );
            }
        }
        self.book.prove_sound(0..size);
        Ok(())
    }

    fn doubt(&self, height: u64, detail: String) -> Error {
        self.source.entries.report_lie(height, &detail);
        self.source.doubt(self.book.lane());
        Error::retry(Kind::NodeLied, detail)
    }
}
