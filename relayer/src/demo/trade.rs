//! The demo's swaps for end-to-end tests that disturb them: step by step, so that anything may happen between two steps.

use super::{
    harness::Harness,
    swaps::{self, Parties, Swap},
};
use crate::cli::exit::CliError;
use std::time::Duration;

/// Two parties and the swaps that they agreed on.
pub struct Trade {
    parties: Parties,
    swaps: Vec<Swap>,
}

impl Trade {
    /// Most steps of a swap.
    pub const STEPS: usize = swaps::STEPS;

    /// How many swaps have a leg that nobody but a relayer will ever decide.
    pub fn abandoned(&self) -> usize {
        self.swaps.iter().filter(|swap| swap.plot.abandoned().is_some()).count()
    }
}

impl Harness {
    /// Two parties get what they need for `count` swaps; both relayers carry it. They agree on nothing yet.
    ///
    /// # Errors
    /// A node refuses a transaction, or what they need does not arrive within `limit`.
    pub async fn trade(&self, count: usize, limit: Duration) -> Result<Trade, CliError> {
        let [alpha, beta] = [self.network(0), self.network(1)];
        let parties = Parties::new(alpha, beta, count);
        if let Some(sent) = parties.fund(self.bridge(), alpha).await? {
            let arrived = |seen: &super::ledger::Seen| {
                seen.place_of(&sent.tx).filter(|place| seen.decided.contains_key(place)).map(drop)
            };
            self.ledger().wait("a party's money", limit, arrived).await?;
        }
        Ok(Trade { parties, swaps: Vec::new() })
    }

    /// The parties agree on all terms. Legs that one of them will abandon are overdue a few seconds later.
    ///
    /// # Errors
    /// A node refuses a transaction.
    pub async fn agree(&self, trade: &mut Trade) -> Result<(), CliError> {
        trade.swaps = trade.parties.agree(self.bridge(), [self.network(0), self.network(1)]).await?;
        Ok(())
    }

    /// Takes one step of every swap that has it; all are in blocks afterwards.
    ///
    /// # Errors
    /// A node refuses a transaction.
    pub async fn step(&self, trade: &mut Trade, step: usize) -> Result<(), CliError> {
        trade.parties.step(self.bridge(), &mut trade.swaps, step).await
    }

    /// Waits until every swap has ended at both ends, reads both chains, and gives everything that contradicts INV-4, or what
    /// was played.
    ///
    /// # Errors
    /// Something is still open after `limit`, or a chain cannot be read.
    pub async fn judge_swaps(&self, trade: &Trade, limit: Duration) -> Result<Vec<String>, CliError> {
        swaps::settle(self.ledger(), &trade.swaps, limit).await?;
        let networks = [self.network(0), self.network(1)];
        let mut wrong = swaps::atomic(self.bridge(), networks, &trade.swaps).await?.violations;
        let mut books = super::books::Books::default();
        books.know(trade.parties.balances(self.bridge(), &trade.swaps)?);
        wrong.extend(books.compare(networks).await?);
        Ok(wrong)
    }
}
