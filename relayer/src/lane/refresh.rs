//! **refresh**: keeps a client contract of an idle lane alive, and shows how long it has.
//!
//! A client that is not updated within its trusting period can never be updated again. Traffic updates it for free; this
//! stage sends a bare update when two thirds of the period have passed (the source's relayer waits for five sixths, so
//! that both do not pay).

use super::{
    book::Book,
    chain::ChainView,
    error::{Error, Kind, Result},
    ports::Clock,
    settings::Role,
};
use std::{sync::Arc, time::Duration};

/// Shortest time between two looks.
const LOOK_MIN: Duration = Duration::from_secs(10);
/// Longest time between two looks.
const LOOK_MAX: Duration = Duration::from_secs(3600);

/// See the module.
pub struct Refresh {
    /// Source of the lane: its headers feed the client.
    pub source: Arc<ChainView>,
    /// Destination of the lane: the client contract lives there.
    pub destination: Arc<ChainView>,
    /// The lane.
    pub book: Arc<Book>,
    /// This relayer's role.
    pub role: Role,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Told of the seconds left.
    pub told: Arc<dyn Expiry>,
}

/// What `refresh` tells the outside (metrics).
pub trait Expiry: Send + Sync {
    /// The client contract of the lane stands at `height` and can be updated until `expires`; both times are Unix seconds
    /// of the destination's clock.
    fn seconds_to_expiry(&self, book: &Book, height: u64, expires: u64, chain_now: u64, frozen: bool);
}

impl Refresh {
    /// Looks for ever.
    pub async fn run(&self) -> Result<()> {
        let Some(submitter) = self.destination.submitter.clone() else { return std::future::pending().await };
        loop {
            let tip = self.source.reach(0).await?;
            let client = submitter.proven_client(self.book.lane()).await?;
            // The period that the organisations agreed on, which this relayer's own client has, too; `check` compares it with
            // the contract's.
            let period = self.source.verifier.expires_at(&tip.trusted).saturating_sub(tip.trusted.time);
            // By the clock of the chain that judges it: the destination's newest verified header.
            let now = self.destination.tip().map_or_else(|| self.clock.now(), |t| t.trusted.time);
            let expires = client.time.saturating_add(period);
            let left = i128::from(expires) - i128::from(now);
            self.told.seconds_to_expiry(&self.book, client.height, expires, now, client.frozen);
            if client.frozen {
                return Err(Error::stop_lane(Kind::ClientFrozen, "the destination's client contract is frozen"));
            }
            if left <= 0 {
                return Err(Error::stop_lane(
                    Kind::ClientExpired,
                    format!("the client contract's trusting period of {period} s passed {} s ago", -left),
                ));
            }
            let due = if self.role == Role::Source { period / 6 } else { period / 3 };
            if left < i128::from(due) && tip.trusted.height <= client.height {
                // A chain that makes no empty blocks is made to: the next look finds a newer header.
                if let Some(source) = &self.source.submitter {
                    let mut events = source.tick().await?;
                    while events.recv().await.is_some() {}
                }
            } else if left < i128::from(due) {
                let history = self.source.history();
                let (mut updates, last) = self.source.verifier.for_contract(&client, &history, &tip.update)?;
                updates.push(last);
                let mut events = submitter.update_client(self.book.lane(), updates).await?;
                while events.recv().await.is_some() {}
            }
            let look = Duration::from_secs(period / 20).clamp(LOOK_MIN, LOOK_MAX);
            tokio::time::sleep(look).await;
        }
    }
}
