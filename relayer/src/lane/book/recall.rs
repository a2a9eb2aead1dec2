//! A lane's book as the journal has it.

use super::{Book, Fact, Standing, bit};
use crate::lane::{
    error::Result,
    ports::{DeadLetter, Journal},
};
use causeway_core::LaneId;

/// Entries read from the journal at a time.
const READ_STEP: usize = 4096;

impl Book {
    /// Reads the book of `lane`. What `letters` hold stays dead: nothing but an operator drives it again, whatever ended the
    /// last run.
    ///
    /// # Errors
    /// The journal's.
    pub fn recall(journal: &dyn Journal, lane: LaneId, letters: &[DeadLetter]) -> Result<Self> {
        let commitments = journal.commitments(lane)?;
        let delivered = journal.delivered(lane)?;
        let known = delivered.iter().copied().collect();
        let (mut open, mut facts, mut from) = (Vec::new(), Vec::new(), 0);
        loop {
            let step = journal.entries(lane, from, READ_STEP)?;
            let Some(last) = step.last() else { break };
            from = last.index + 1;
            facts.extend(step.iter().filter(|e| Fact::of(e, None).is_some()));
            open.extend(step.into_iter().filter(|e| !bit(&known, e.index)));
        }
        let book = Self::restore(lane, &commitments, open, delivered);
        book.inner().note_facts(&facts, None);
        if let Some(mark) = journal.proven_mark(lane)? {
            book.recall_mark(mark);
        }
        for letter in letters.iter().filter(|letter| letter.lane == lane) {
            book.stand(letter.range.clone(), Standing::Dead);
        }
        Ok(book)
    }
}
