//! **sweep**: reconciles what is open with the chains, whatever the peer says and whatever events were hidden.
//!
//! Asks the destination's bitmap about entries that are open for long. Where this relayer cannot deliver by itself (no
//! submit rights), it takes back what the peer holds for too long, so that `send` sends it again; elsewhere `drive` does
//! the peer's work.

use super::{
    book::Book,
    error::Result,
    live::Live,
    settings::{Role, Settings},
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How often open entries are looked at while there are any.
const LOOK: Duration = Duration::from_secs(1);
/// Open for so long: ask the chain whether the entry is delivered (a `Delivered` event may have been hidden).
const ASK_AFTER: Duration = Duration::from_secs(10);
/// Bitmap words asked for at a time.
const ASK_WORDS: u64 = 8;

/// See the module.
pub struct Sweep {
    /// The lane.
    pub book: Arc<Book>,
    /// This relayer's role.
    pub role: Role,
    /// Patience.
    pub settings: Live<Settings>,
    /// Whether `drive` delivers what the peer leaves.
    pub driven: bool,
}

impl Sweep {
    /// Sweeps for ever.
    pub async fn run(&self) -> Result<()> {
        let mut grown = self.book.grown();
        let mut asked = Instant::now();
        loop {
            if self.book.open_count() == 0 {
                // Nothing to do until something comes: an idle lane costs nothing.
                let _ = grown.changed().await;
                continue;
            }
            tokio::time::sleep(LOOK).await;
            if asked.elapsed() >= ASK_AFTER {
                asked = Instant::now();
                self.ask();
            }
            if !self.driven {
                self.take_back();
            }
        }
    }

    /// What the peer holds for too long waits again.
    fn take_back(&self) {
        let patience = self.settings.now().patience(self.role, self.book.progress().elapsed());
        let Some(late) = Instant::now().checked_sub(patience) else { return };
        while let Some(range) = self.book.overdue(late, usize::from(self.settings.now().batch_max_entries)) {
            self.book.fail(range, Instant::now());
            self.book.wake();
        }
    }

    fn ask(&self) {
        if let Some(first) = self.book.first_open().filter(|_| self.book.oldest_age() > Some(ASK_AFTER)) {
            let end = self.book.size().min(first + 256 * ASK_WORDS);
            self.book.hint(first..end, 0);
        }
    }
}
