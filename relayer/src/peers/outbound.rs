//! One lane's stream at the sending end.
//!
//! Bundles that the peer has not stored yet stay here, at most as many as the peer's credits and this side's bound allow,
//! and go out again by themselves on the next stream: a broken connection or new certificates lose nothing. The first
//! answer to a bundle makes room for another.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use causeway_proto::{
    convert,
    peer::v1::{
        self, peer_service_client::PeerServiceClient, stream_lane_request::Frame as Request,
        stream_lane_response::Frame as Response,
    },
};
use tokio::{
    sync::{Notify, Semaphore, mpsc, watch},
    time::{Instant, timeout, timeout_at},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming, transport::Channel};

use super::{hello::Terms, status, wire};
use crate::{
    lane::{
        error::{Error, Kind, Result},
        types::Outcome,
    },
    metrics::{labels::Direction, peer::PeerMetrics},
};

/// Frames on their way to the connection.
const OUT_MAX: usize = 4;

/// Answers that wait for the lane; what it does not read in time it learns from the chain.
const ANSWERS_MAX: usize = 1024;

/// Credits counted at most, whatever a peer grants.
const CREDITS_MAX: u32 = 4096;

/// Frames that a peer may send on a stream before it was sent anything: outcomes of bundles of earlier streams.
const FRAMES_FREE: u32 = 4096;

/// Frames that a peer may send for each bundle: received, submitted, final or rejected, and a credit.
const FRAMES_PER_BUNDLE: u32 = 4;

/// How a lane stands with the peer.
#[derive(Clone, Debug)]
pub(super) enum Standing {
    /// No stream.
    Closed,
    /// The peer refuses the lane.
    Refused(Kind, String),
    /// A stream stands.
    Open,
}

/// See the module.
pub(super) struct Lane {
    pub(super) terms: Terms,
    state: Mutex<State>,
    /// Something new may be sent.
    changed: Notify,
    /// Room for bundles that are not stored by the peer.
    room: Semaphore,
    standing: watch::Sender<Standing>,
    metrics: Option<Arc<PeerMetrics>>,
}

#[derive(Default)]
struct State {
    /// Not stored by the peer yet, by number.
    waiting: BTreeMap<u64, Waiting>,
    /// Those of them that went out on this stream.
    sent: BTreeSet<u64>,
    answers: Option<mpsc::Sender<(u64, Outcome)>>,
    held: Vec<Range<u64>>,
}

struct Waiting {
    bundle: v1::Bundle,
    since: Instant,
}

impl Lane {
    pub(super) fn new(terms: Terms, room: u32, metrics: Option<Arc<PeerMetrics>>) -> Self {
        Self {
            terms,
            state: Mutex::default(),
            changed: Notify::new(),
            room: Semaphore::new(room as usize),
            standing: watch::Sender::new(Standing::Closed),
            metrics,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stand(&self, standing: Standing) {
        self.standing.send_replace(standing);
    }

    pub(super) fn refused(&self) -> bool {
        matches!(*self.standing.borrow(), Standing::Refused(..))
    }

    /// Why the peer refuses the lane, if it does.
    pub(super) fn refusal(&self) -> Option<(Kind, String)> {
        match &*self.standing.borrow() {
            Standing::Refused(kind, detail) => Some((*kind, detail.clone())),
            Standing::Closed | Standing::Open => None,
        }
    }

    pub(super) fn held(&self) -> Vec<Range<u64>> {
        self.state().held.clone()
    }

    pub(super) fn answers(&self) -> mpsc::Receiver<(u64, Outcome)> {
        let (answers, receiver) = mpsc::channel(ANSWERS_MAX);
        self.state().answers = Some(answers);
        receiver
    }

    /// Takes a bundle over. Waits for a stream and for room, until the deadline.
    pub(super) async fn deliver(&self, bundle: v1::Bundle, deadline: Duration) -> Result<()> {
        let until = Instant::now() + deadline;
        let mut standing = self.standing.subscribe();
        match timeout_at(until, standing.wait_for(|standing| !matches!(standing, Standing::Closed))).await {
            Ok(Ok(standing)) => {
                if let Standing::Refused(kind, detail) = &*standing {
                    return Err(status::refusal(*kind, detail.clone()));
                }
            }
            _ => {
                return Err(Error::retry(
                    Kind::Unavailable,
                    format!("lane {}: no session with the peer", self.terms.lane),
                ));
            }
        }
        let again = self.state().waiting.contains_key(&bundle.number);
        if !again {
            if let Some(metrics) = self.metrics.as_ref().filter(|_| self.room.available_permits() == 0) {
                metrics.credit_waits_total.inc();
            }
            match timeout_at(until, self.room.acquire()).await {
                Ok(Ok(room)) => room.forget(),
                _ => {
                    let detail = format!("lane {}: the peer stores nothing more in time", self.terms.lane);
                    return Err(Error::retry(Kind::RateLimited, detail));
                }
            }
            self.gauge(|metrics| metrics.in_flight_bundles.inc());
        }
        self.state().waiting.insert(bundle.number, Waiting { bundle, since: Instant::now() });
        self.changed.notify_one();
        Ok(())
    }

    fn gauge(&self, of: impl FnOnce(&PeerMetrics)) {
        if let Some(metrics) = &self.metrics {
            of(metrics);
        }
    }

    /// Runs one stream until it ends; says why it ended.
    pub(super) async fn run(&self, client: &mut PeerServiceClient<Channel>, deadline: Duration) -> Status {
        let ended = self.stream(client, deadline).await;
        self.standing.send_if_modified(|standing| {
            let open = matches!(standing, Standing::Open);
            if open {
                *standing = Standing::Closed;
            }
            open
        });
        if ended.as_ref().is_err_and(|status| status.code() == Code::Aborted) {
            self.gauge(|metrics| metrics.violations_total.inc(status::reason(Kind::PeerMisbehaved)));
        }
        let status = match ended {
            Ok(()) => Status::unavailable("the peer ended the stream"),
            Err(status) => status,
        };
        if matches!(status.code(), Code::InvalidArgument | Code::OutOfRange) {
            self.drop_sent(&status);
        }
        status
    }

    async fn stream(&self, client: &mut PeerServiceClient<Channel>, deadline: Duration) -> Result<(), Status> {
        let (out, frames) = mpsc::channel(OUT_MAX);
        let open = v1::OpenLane {
            lane: convert::word(&self.terms.lane.0),
            terms_digest: convert::word(&self.terms.digest()),
            held: None,
        };
        let closed = |_| Status::unavailable("the stream is closed");
        out.send(v1::StreamLaneRequest { frame: Some(Request::Open(open)) }).await.map_err(closed)?;
        let late = |_| Status::deadline_exceeded("the peer does not open the lane");
        let answer = timeout(deadline, client.stream_lane(ReceiverStream::new(frames))).await.map_err(late)??;
        let mut frames = answer.into_inner();
        let first = timeout(deadline, frames.message()).await.map_err(late)??;
        let Some(Response::Opened(opened)) = first.and_then(|first| first.frame) else {
            return Err(violation("expected a frame that says that the lane is open"));
        };
        {
            let mut state = self.state();
            state.held =
                opened.held.as_ref().map(convert::take_ranges).transpose().map_err(unreadable)?.unwrap_or_default();
            state.sent.clear();
        }
        self.stand(Standing::Open);
        let mut credits = Credits { left: 0, frames: FRAMES_FREE, metrics: self.metrics.clone() };
        credits.grant(opened.credits);
        self.pump(out, &mut frames, credits).await
    }

    async fn pump(
        &self,
        out: mpsc::Sender<v1::StreamLaneRequest>,
        frames: &mut Streaming<v1::StreamLaneResponse>,
        mut credits: Credits,
    ) -> Result<(), Status> {
        loop {
            let due = credits.left > 0 && self.next().is_some();
            tokio::select! {
                frame = frames.message() => match frame?.map(|frame| frame.frame) {
                    None => return Ok(()),
                    Some(frame) => {
                        credits.frame()?;
                        credits.grant(self.taken(frame)?);
                        self.gauge(|metrics| metrics.frames_total.at(Direction::In).inc());
                    }
                },
                room = out.reserve(), if due => {
                    let room = room.map_err(|_| Status::unavailable("the stream is closed"))?;
                    if let Some(bundle) = self.send_next() {
                        room.send(v1::StreamLaneRequest { frame: Some(Request::Bundle(bundle)) });
                        credits.spend();
                    }
                }
                () = self.changed.notified(), if !due => {}
            }
        }
    }

    fn next(&self) -> Option<u64> {
        let state = self.state();
        state.waiting.keys().find(|number| !state.sent.contains(number)).copied()
    }

    fn send_next(&self) -> Option<v1::Bundle> {
        let number = self.next()?;
        let mut state = self.state();
        let bundle = state.waiting.get(&number)?.bundle.clone();
        state.sent.insert(number);
        drop(state);
        self.gauge(|metrics| {
            metrics.frames_total.at(Direction::Out).inc();
            metrics.frame_bytes_total.at(Direction::Out).inc_by(causeway_proto::Message::encoded_len(&bundle) as u64);
        });
        Some(bundle)
    }

    /// Takes a frame; gives the credits in it.
    fn taken(&self, frame: Option<Response>) -> Result<u32, Status> {
        match frame {
            Some(Response::Credit(credit)) => return Ok(credit.bundles),
            Some(Response::Held(held)) => {
                self.state().held = convert::take_ranges(&held).map_err(unreadable)?;
            }
            Some(Response::Acknowledgement(found)) => {
                let outcome = wire::take_outcome(found.outcome).map_err(unreadable)?;
                self.answered(found.number, outcome);
            }
            Some(Response::Opened(_)) | None => return Err(violation("expected an answer or a credit")),
        }
        Ok(0)
    }

    fn answered(&self, number: u64, outcome: Outcome) {
        let mut state = self.state();
        let stored = state.waiting.remove(&number);
        state.sent.remove(&number);
        let answers = state.answers.clone();
        drop(state);
        if let Some(stored) = stored {
            self.room.add_permits(1);
            self.gauge(|metrics| {
                metrics.in_flight_bundles.dec();
                metrics.received_seconds.observe(stored.since.elapsed().as_secs_f64());
            });
        }
        if let Some(answers) = answers {
            // A lane that does not listen misses it: the chain tells in the end.
            let _ = answers.try_send((number, outcome));
        }
    }

    /// The peer could not read something of this stream: sending it again would end the next one, too.
    fn drop_sent(&self, status: &Status) {
        let sent = std::mem::take(&mut self.state().sent);
        let error = status::error(status);
        for number in sent {
            let detail = error.detail.to_string();
            self.answered(number, Outcome::Rejected { kind: Kind::PeerRefused, detail });
        }
    }
}

/// Credits of one stream; they end with it, however it ends.
struct Credits {
    left: u32,
    /// Frames that the peer may still send.
    frames: u32,
    metrics: Option<Arc<PeerMetrics>>,
}

impl Credits {
    /// A frame came. Answers without end to nothing are no answers (ATK-086).
    fn frame(&mut self) -> Result<(), Status> {
        self.frames = self.frames.checked_sub(1).ok_or_else(|| violation("more answers than bundles can have"))?;
        Ok(())
    }

    fn grant(&mut self, more: u32) {
        self.set(self.left.saturating_add(more).min(CREDITS_MAX));
    }

    fn spend(&mut self) {
        self.frames = self.frames.saturating_add(FRAMES_PER_BUNDLE);
        self.set(self.left.saturating_sub(1));
    }

    fn set(&mut self, left: u32) {
        if let Some(metrics) = &self.metrics {
            metrics.credits.add(i64::from(left) - i64::from(self.left));
        }
        self.left = left;
    }
}

impl Drop for Credits {
    fn drop(&mut self) {
        self.set(0);
    }
}

fn unreadable(error: convert::Unreadable) -> Status {
    violation(&error.to_string())
}

/// The peer broke the protocol: the stream ends, what was sent is sent again on the next.
fn violation(detail: &str) -> Status {
    status::with_reason(Code::Aborted, status::reason(Kind::PeerMisbehaved), detail, None)
}
