//! Where a lane stands, read from itself: its book at every scrape, its state when it changes. Counting steps up and
//! down instead would drift with the first step that is missed.

use crate::{
    lane::{book::Book, run::State},
    metrics::{
        Metrics, Refresh,
        labels::{EntryStage, ErrorClass},
        lane::LaneMetrics,
    },
};
use std::sync::{Arc, Weak};
use tokio::sync::watch;

/// Shows a lane's book: what is open, by stage, and how old. Lives as long as somebody holds it.
pub struct Standing {
    lane: LaneMetrics,
    book: Arc<Book>,
}

impl Standing {
    /// Shows `book` at every scrape of `metrics`.
    pub fn show(metrics: &Metrics, lane: LaneMetrics, book: Arc<Book>) -> Arc<Self> {
        let this = Arc::new(Self { lane, book });
        let weak: Weak<Self> = Arc::downgrade(&this);
        metrics.refresh_by(weak);
        this
    }
}

impl Refresh for Standing {
    fn refresh(&self) {
        let [waiting, sent, working, dead] = self.book.standings();
        let pending = &self.lane.pending_entries;
        pending.at(EntryStage::Final).set(whole(waiting));
        pending.at(EntryStage::Sent).set(whole(sent));
        // Verified here, or proven here, and on its way to the destination.
        pending.at(EntryStage::Submitted).set(whole(working));
        self.lane.dead_letter_entries.set(whole(dead));
        self.lane.outbox_entries.set(i64::try_from(self.book.size()).unwrap_or(i64::MAX));
        match self.book.oldest_age() {
            None => self.lane.oldest_pending_age_seconds.none(),
            Some(age) => self.lane.oldest_pending_age_seconds.for_already(age),
        }
    }
}

fn whole(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Shows whether the lane runs, is paused or stopped, until the lane is dropped.
pub async fn follow(lane: LaneMetrics, mut state: watch::Receiver<State>) {
    loop {
        let now = state.borrow_and_update().clone();
        lane.paused.set(i64::from(now == State::Paused));
        lane.stopped.set(i64::from(matches!(now, State::Stopped { .. })));
        match now {
            State::Restarting { kind, .. } => {
                lane.restarts_total.inc();
                lane.error_kinds_total.inc(kind.name());
            }
            State::Stopped { kind, .. } => {
                lane.errors_total.at(ErrorClass::StopLane).inc();
                lane.error_kinds_total.inc(kind.name());
            }
            State::Running | State::Paused => {}
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::lane::{book, error::Kind};
    use alloy::primitives::{B256, U256};
    use causeway_core::{Body, Entry, LaneId, Transfer};
    use tokio::time::Instant;

    fn value(metrics: &Metrics, series: &str) -> f64 {
        let text = metrics.render().unwrap();
        let line = text.lines().find(|l| l.starts_with(series)).unwrap_or_else(|| panic!("no {series} in:\n{text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    #[tokio::test]
    async fn a_book_shows_where_its_entries_stand() {
        let metrics = Metrics::new().unwrap();
        let (lane, word) = (LaneId(B256::repeat_byte(7)), B256::with_last_byte(9));
        let transfer = Transfer {
            asset: word,
            amount: U256::from(5),
            sender: word,
            recipient: word,
            timeout: 99,
            memo: B256::ZERO,
        };
        let entries: Vec<Entry> = (0..10).map(|index| Entry { lane, index, body: Body::Transfer(transfer) }).collect();
        let book = Arc::new(Book::restore(lane, &[], vec![], vec![]));
        book.append(7, &entries).unwrap();
        let standing = Standing::show(&metrics, metrics.lanes.of("b", "l").unwrap(), book.clone());
        book.stand(0..2, book::Standing::Sent(Instant::now()));
        book.stand(2..5, book::Standing::Working);
        book.stand(5..6, book::Standing::Dead);
        let of = |stage: &str| format!(r#"causeway_lane_pending_entries{{bridge="b",lane="l",stage="{stage}"}}"#);
        assert_eq!(["final", "sent", "submitted"].map(|s| value(&metrics, &of(s))), [4.0, 2.0, 3.0]);
        assert_eq!(value(&metrics, "causeway_lane_dead_letter_entries"), 1.0);
        assert_eq!(value(&metrics, "causeway_lane_outbox_entries"), 10.0);
        // Everything is proven delivered: nothing is old.
        book.prove_delivered(&[(0, U256::from(0x3ff))]);
        assert_eq!(["final", "sent", "submitted"].map(|s| value(&metrics, &of(s))), [0.0; 3]);
        assert_eq!(value(&metrics, "causeway_lane_oldest_pending_age_seconds"), 0.0);
        drop(standing);
        metrics.render().unwrap();
    }

    #[tokio::test]
    async fn a_stopped_lane_shows() {
        let metrics = Metrics::new().unwrap();
        let (state, shown) = watch::channel(State::Running);
        let following = tokio::spawn(follow(metrics.lanes.of("b", "l").unwrap(), shown));
        state.send_replace(State::Stopped { kind: Kind::ClientFrozen, detail: String::new() });
        drop(state);
        following.await.unwrap();
        assert_eq!(value(&metrics, "causeway_lane_stopped"), 1.0);
        assert_eq!(value(&metrics, r#"causeway_lane_errors_total{bridge="b",class="stop_lane""#), 1.0);
    }
}
