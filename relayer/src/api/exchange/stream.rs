//! Streams of events. A stream reads the stored events after its cursor, in their order, then waits for the next: whoever
//! comes back with the last cursor misses nothing, over restarts of either side, too.

use super::{callers::Principal, desk::Desk, limits::OpenStream, refused::Refused, show};
use alloy::primitives::B256;
use causeway_proto::exchange::v1::SwapEvent;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

/// Events read at once, and events that wait for a slow client: past it the stream stands still, and reads on later.
const BATCH: usize = 64;

/// What a stream gives.
pub(crate) type Events = ReceiverStream<Result<SwapEvent, Status>>;

/// Reads a cursor: 0 for none.
///
/// # Errors
/// Not one of this service, or older than what is kept.
pub(crate) fn cursor(desk: &Desk, text: &str) -> Result<u64, Refused> {
    if text.is_empty() {
        return Ok(0);
    }
    let (floor, last) = desk.read(|state| state.bounds());
    let number: u64 = text.parse().map_err(|_| Refused::field("cursor", "one of this service", format!("{text:?}")))?;
    if number > last {
        return Err(Refused::field("cursor", "one of this relayer", format!("{text:?}")));
    }
    if number < floor {
        let detail =
            format!("events up to {floor} are no longer kept: list the swaps and go on from the list's cursor");
        return Err(Refused::new(Code::OutOfRange, "CURSOR_EXPIRED", detail).with("oldest", floor));
    }
    Ok(number)
}

/// A stream of one swap's events, or of all that the caller sees.
pub(crate) fn open(
    desk: Arc<Desk>,
    caller: Arc<Principal>,
    only: Option<B256>,
    after: u64,
    slot: OpenStream,
    stop: CancellationToken,
) -> Events {
    let (out, events) = mpsc::channel(BATCH);
    tokio::spawn(async move {
        let _slot = slot;
        tokio::select! {
            () = stop.cancelled() => {
                let ended = Refused::new(Code::Unavailable, "SHUTTING_DOWN", "the relayer ends: come back with the cursor");
                let _ = out.try_send(Err(ended.status())); // a client that does not read sees the end anyway
            }
            () = out.closed() => {}
            () = run(&desk, &caller, only, after, &out) => {}
        }
    });
    ReceiverStream::new(events)
}

async fn run(
    desk: &Desk,
    caller: &Principal,
    only: Option<B256>,
    mut after: u64,
    out: &mpsc::Sender<Result<SwapEvent, Status>>,
) {
    let mut news = desk.events();
    loop {
        let newest = *news.borrow_and_update();
        loop {
            let (found, read_to, over) = batch(desk, caller, only, after);
            for event in found {
                if out.send(Ok(event)).await.is_err() {
                    return;
                }
            }
            after = read_to.max(after);
            if over {
                return;
            }
            if after >= newest {
                break;
            }
        }
        if news.changed().await.is_err() {
            return;
        }
    }
}

/// The next events, the number up to which was read, and whether nothing can follow.
fn batch(desk: &Desk, caller: &Principal, only: Option<B256>, after: u64) -> (Vec<SwapEvent>, u64, bool) {
    desk.read(|state| {
        if let Some(id) = only {
            let Some(record) = state.get(id) else { return (Vec::new(), after, true) };
            let new = record.events.iter().filter(|event| event.number > after);
            let found = new.filter_map(|event| show::event(desk, event, id, record)).collect();
            return (found, state.bounds().1, record.is_over());
        }
        let mut read_to = after;
        let mut found = Vec::new();
        for (event, id, record) in state.events(after) {
            read_to = event.number;
            let shown = desk.parts(record).is_some_and(|(bridge, terms)| show::visible(caller, bridge, &terms, record));
            if shown {
                found.extend(show::event(desk, event, id, record));
            }
            if found.len() >= BATCH {
                return (found, read_to, false);
            }
        }
        (found, read_to.max(state.bounds().1), false)
    })
}
