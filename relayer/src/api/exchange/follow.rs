//! Brings what is proven of swaps to the desk, and ends proposals whose time has passed.

use super::{bridges::Bridge, desk::Desk, record::Answer, state::Draft};
use alloy::primitives::B256;
use std::{sync::Arc, time::Duration};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio_util::sync::CancellationToken;

/// How often proposals are looked at whose deadlines may have passed: nothing tells when.
const SWEEP: Duration = Duration::from_secs(30);
/// Changes of a book taken in at once.
const BATCH: usize = 256;

/// Follows one bridge's book until `stop`.
pub(crate) async fn book(desk: Arc<Desk>, bridge: Arc<Bridge>, stop: CancellationToken) {
    let mut changes = bridge.swaps.changes();
    // What was proven before this task began, or is proven again after a restart.
    let mut ids = desk.read(super::state::State::unfinished);
    loop {
        if !ids.is_empty() {
            take(&desk, &bridge, std::mem::take(&mut ids)).await;
        }
        let first = tokio::select! {
            () = stop.cancelled() => return,
            change = changes.recv() => change,
        };
        match first {
            Ok(id) => ids.push(id),
            Err(RecvError::Lagged(_)) => ids = desk.read(super::state::State::unfinished),
            Err(RecvError::Closed) => return,
        }
        while ids.len() < BATCH {
            match changes.try_recv() {
                Ok(id) if ids.contains(&id) => {}
                Ok(id) => ids.push(id),
                Err(TryRecvError::Lagged(_)) => {
                    ids = desk.read(super::state::State::unfinished);
                    break;
                }
                Err(_) => break,
            }
        }
    }
}

async fn take(desk: &Arc<Desk>, bridge: &Arc<Bridge>, ids: Vec<B256>) {
    let swaps = bridge.swaps.clone();
    let change = move |draft: &mut Draft<'_>| {
        for id in &ids {
            let Some(view) = swaps.view(*id) else { continue };
            let news = draft.get(*id).is_some_and(|record| record.clone().proven(&view, draft.now));
            let now = draft.now;
            if news && let Some(record) = draft.edit(*id) {
                record.proven(&view, now);
            }
        }
        Ok(())
    };
    // A store that cannot be written says so itself; the next change, or a restart, brings the facts again.
    let _ = desk.change(change).await;
}

/// Notes how late proven headers of a bridge's chains come, until `stop`.
pub(crate) async fn clocks(desk: Arc<Desk>, bridge: Arc<Bridge>, stop: CancellationToken) {
    let [mut a, mut b] = bridge.ends.each_ref().map(|end| end.view.follow());
    loop {
        for end in &bridge.ends {
            end.time(desk.clock.now());
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = a.changed() => if changed.is_err() { return },
            changed = b.changed() => if changed.is_err() { return },
        }
    }
}

/// Ends, until `stop`, proposals that nobody locked before their deadlines: by both chains' own proven time.
pub(crate) async fn expire(desk: Arc<Desk>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
        let late = desk.read(|state| {
            let ids = state.unfinished().into_iter();
            let late =
                ids.filter(|id| state.get(*id).is_some_and(|record| !record.on_chain() && is_late(&desk, record)));
            late.collect::<Vec<_>>()
        });
        if late.is_empty() {
            continue;
        }
        let change = move |draft: &mut Draft<'_>| {
            for id in &late {
                let now = draft.now;
                if draft.get(*id).is_some_and(|record| !record.on_chain())
                    && let Some(record) = draft.edit(*id)
                {
                    record.answered(Answer::Cancelled("the deadlines passed, and nothing was locked".into()), now);
                    record.to_tell = false;
                }
            }
            Ok(())
        };
        let _ = desk.change(change).await;
    }
}

fn is_late(desk: &Desk, record: &super::record::Record) -> bool {
    let Some((bridge, terms)) = desk.parts(record) else { return false };
    (0..2u8).zip(terms.lanes).all(|(leg, lane)| {
        let tip = bridge.end_of(lane).and_then(|end| end.view.tip());
        tip.is_some_and(|tip| terms.is_overdue(leg, tip.trusted.time))
    })
}
