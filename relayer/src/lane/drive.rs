//! **drive**: does both ends' work for entries that nobody else moves: all of them where this relayer serves both ends,
//! else those that the peer left for longer than `peer_patience`, and those whose delivery failed.
//!
//! This is what INV-6 hangs on: every final lock ends as long as *one* relayer with submit rights on both chains lives.

use super::{
    book::{Book, Standing},
    error::{Kind, Result},
    live::Live,
    prove::Prover,
    settings::{Role, Settings},
    submit::Submit,
};
use std::{ops::Range, sync::Arc, time::Duration};
use tokio::time::Instant;

/// How often open entries are looked at while there are any.
const LOOK: Duration = Duration::from_secs(1);

/// See the module.
pub struct Drive {
    /// The lane.
    pub book: Arc<Book>,
    /// Proves runs.
    pub prover: Arc<Prover>,
    /// Next stage.
    pub submit: Arc<Submit>,
    /// This relayer's role.
    pub role: Role,
    /// Patience, sizes, ages.
    pub settings: Live<Settings>,
}

impl Drive {
    /// Drives for ever.
    pub async fn run(&self) -> Result<()> {
        let mut grown = self.book.grown();
        loop {
            if self.book.open_count() == 0 {
                // Nothing to do until something comes: an idle lane costs nothing.
                let _ = grown.changed().await;
            }
            let again = self.step().await?;
            tokio::select! {
                _ = grown.changed(), if self.role == Role::Both => {}
                () = tokio::time::sleep(again) => {}
            }
        }
    }

    /// Delivers what is due. Gives how long until the next look.
    async fn step(&self) -> Result<Duration> {
        if self.role == Role::Both {
            return self.deliver_waiting(Duration::ZERO).await;
        }
        let still = self.book.progress().elapsed();
        let patience = self.settings.now().patience(self.role, still);
        let stands = still > patience;
        self.deliver_overdue(patience).await?;
        if stands || self.role == Role::Destination {
            self.deliver_waiting(patience).await?;
        }
        if !stands {
            // A failed delivery is the destination's to try again; what the peer keeps refusing, the source tries itself.
            let attempts = if self.role == Role::Destination { 1 } else { self.settings.now().attempts_max };
            self.deliver_failed(attempts).await?;
        }
        Ok(LOOK)
    }

    /// Delivers what was sent to the peer before `patience` and is still open, whatever the peer answered.
    async fn deliver_overdue(&self, patience: Duration) -> Result<()> {
        let Some(late) = Instant::now().checked_sub(patience) else { return Ok(()) };
        while let Some(range) = self.book.overdue(late, usize::from(self.settings.now().batch_max_entries)) {
            self.deliver(range).await?;
        }
        Ok(())
    }

    async fn deliver_waiting(&self, older_than: Duration) -> Result<Duration> {
        let max = usize::from(self.settings.now().batch_max_entries);
        loop {
            let Some((range, age)) = self.book.next_waiting(self.prover.provable(), max, self.prover.time()) else {
                return Ok(LOOK);
            };
            let full = (range.end - range.start) as usize >= max;
            let due = if older_than.is_zero() { self.settings.now().batch_max_age } else { older_than };
            if age < due && !(full && older_than.is_zero()) {
                return Ok(due - age);
            }
            self.deliver(range).await?;
        }
    }

    async fn deliver_failed(&self, attempts: u8) -> Result<()> {
        let max = usize::from(self.settings.now().batch_max_entries);
        while let Some(range) = self.book.next_failed(self.prover.provable(), max, attempts) {
            self.deliver(range).await?;
        }
        Ok(())
    }

    async fn deliver(&self, range: Range<u64>) -> Result<()> {
        // A batch that keeps failing is tried entry by entry, so that one bad entry holds up nobody.
        let single = self.book.attempts(range.clone()) >= self.settings.now().attempts_max;
        let range = if single { range.start..range.start + 1 } else { range };
        let started = Instant::now();
        let bundle = match self.prover.prove(range.clone()).await {
            Ok(bundle) => bundle,
            Err(e) if e.kind == Kind::NotAvailableYet => {
                self.book.stand(range, Standing::Waiting(Instant::now() + LOOK));
                return Ok(());
            }
            Err(e) => return Err(e),
        };
        // Proven under this relayer's own verified header: true by construction.
        self.submit.verified(&bundle, started.elapsed());
        self.submit.submit(Arc::new(bundle), None).await
    }
}
