//! **audit**: proves the size of a quiet lane's outbox now and then, to find entries that a node hides.

use super::{
    book::Book,
    chain::ChainView,
    error::{Error, Kind, Result},
    types::Account,
};
use std::{sync::Arc, time::Duration};

/// See the module.
pub struct Audit {
    /// Source of the lane.
    pub source: Arc<ChainView>,
    /// The lane's outbox.
    pub outbox: Account,
    /// The lane.
    pub book: Arc<Book>,
    /// Time between two looks.
    pub interval: Duration,
}

impl Audit {
    /// Audits for ever.
    pub async fn run(&self) -> Result<()> {
        loop {
            tokio::time::sleep(self.interval).await;
            self.once().await?;
        }
    }

    /// Compares the proven size with what events told.
    pub async fn once(&self) -> Result<()> {
        let tip = self.source.reach(0).await?;
        let told = self.book.size_at(tip.trusted.height).unwrap_or(0);
        let proof = self.source.proofs.size(&self.outbox, tip.trusted.height).await?;
        let proven = self
            .source
            .verifier
            .size(&tip.trusted, &self.outbox, &proof)
            .inspect_err(|e| self.source.headers.report_lie(tip.trusted.height, &e.detail))?;
        if proven == told {
            return Ok(());
        }
        self.source.headers.report_lie(tip.trusted.height, "events and proven outbox size differ");
        self.source.doubt(self.book.lane());
        Err(Error::retry(
            Kind::NodeLied,
            format!("lane {}: {told} entries seen at block {}, {proven} proven", self.book.lane(), tip.trusted.height),
        ))
    }
}
