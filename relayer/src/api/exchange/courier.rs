//! Carries proposals and answers to the other relayer of a bridge, until it has them. What it says settles nothing.

use super::{desk::Desk, record::Answer, record::Record, refused::Refused, state::Draft};
use crate::peers::{client::GrpcPeer, offers::words};
use alloy::primitives::B256;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// First pause after a failure; doubles up to the last.
const PAUSE_MIN: Duration = Duration::from_millis(200);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// What became of a message.
enum Told {
    /// The other relayer has it.
    Taken,
    /// It will never take it.
    Refused(String),
    /// Not now.
    Later,
}

/// Carries what waits for `peer` until `stop`.
pub(crate) async fn carry(desk: Arc<Desk>, organisation: String, peer: Arc<GrpcPeer>, stop: CancellationToken) {
    let mut events = desk.events();
    let mut pause = PAUSE_MIN;
    loop {
        events.borrow_and_update();
        let waiting = desk.read(|state| {
            let mine = |id: &B256| {
                let parts = state.get(*id).and_then(|record| desk.parts(record));
                parts.is_some_and(|(bridge, _)| bridge.peer.as_deref() == Some(&*organisation))
            };
            state.untold().into_iter().filter(mine).collect::<Vec<_>>()
        });
        let mut failed = false;
        for id in waiting {
            if stop.is_cancelled() {
                return;
            }
            let Some(record) = desk.read(|state| state.get(id).cloned()) else { continue };
            match tell(&peer, id, &record).await {
                Told::Later => {
                    failed = true;
                    break; // the session is gone, or the other side asks for time: the others would fare alike
                }
                told => note(&desk, id, &record, told).await,
            }
        }
        if !failed {
            pause = PAUSE_MIN;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = events.changed(), if !failed => if changed.is_err() { return },
            () = tokio::time::sleep(pause), if failed => pause = (pause * 2).min(PAUSE_MAX),
        }
    }
}

async fn tell(peer: &GrpcPeer, id: B256, record: &Record) -> Told {
    let Ok(terms) = record.terms() else { return Told::Refused("the terms cannot be read".into()) };
    let told = match &record.answer {
        _ if record.proposer.is_some() && !record.offered => peer.offer_swap(&terms, record.leg).await,
        Answer::Accepted => peer.answer_swap(id, words(&terms), true, "").await,
        Answer::Cancelled(why) => peer.answer_swap(id, words(&terms), false, why).await,
        Answer::Open => return Told::Taken,
    };
    match told {
        Ok(()) => Told::Taken,
        Err(status) => judge(&status),
    }
}

fn judge(status: &Status) -> Told {
    let reason = status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default();
    match status.code() {
        // Typed, and about this very swap: another try brings the same.
        Code::InvalidArgument | Code::FailedPrecondition | Code::PermissionDenied | Code::NotFound
            if !reason.is_empty() =>
        {
            Told::Refused(reason)
        }
        _ => Told::Later,
    }
}

async fn note(desk: &Arc<Desk>, id: B256, before: &Record, told: Told) {
    let answer = before.answer.clone();
    let change = move |draft: &mut Draft<'_>| -> Result<(), Refused> {
        let now = draft.now;
        let Some(record) = draft.edit(id) else { return Ok(()) };
        // An answer that was given meanwhile is told next.
        record.to_tell &= record.answer != answer;
        match told {
            Told::Taken if record.proposer.is_some() => {
                let cancelled = !record.offered && matches!(record.answer, Answer::Cancelled(_));
                record.seen(now);
                record.to_tell |= cancelled;
            }
            Told::Refused(why) if !record.offered => {
                record.answered(Answer::Cancelled(format!("the counterparty's relayer refused: {why}")), now);
            }
            Told::Taken | Told::Refused(_) | Told::Later => {}
        }
        Ok(())
    };
    let _ = desk.change(change).await;
}
