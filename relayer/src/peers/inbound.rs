//! One lane's stream at the receiving end.
//!
//! A bundle takes a credit and goes to the lane's queue; the first answer to it (the lane has stored or refused it) gives
//! the credit back. So what is in flight is bounded by this side: a bundle without credit is not even unpacked, ends the
//! stream with a delay, and if the caller does it again, its connection (ATK-105).

use std::{collections::HashSet, sync::Arc, time::Duration};

use causeway_core::LaneId;
use causeway_proto::{
    Message, convert,
    peer::v1::{self, stream_lane_request::Frame as Request, stream_lane_response::Frame as Response},
};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, Streaming};

use super::{
    accept::Caller,
    hello::{self, Mismatch},
    service::Shared,
    status, wire,
};
use crate::{
    lane::{error::Kind, ports::Inbound, types::Outcome},
    metrics::{labels::Direction, peer::PeerMetrics},
};

/// Frames that wait for the caller to read them.
pub(super) const OUT_MAX: usize = 128;

/// Answers of the lane that wait for the stream: four for each of many bundles.
const ANSWERS_MAX: usize = 1024;

/// How long a caller may leave answers unread.
const UNREAD_MAX: Duration = Duration::from_secs(10);

/// Pause asked of a caller whose lane is paused or stopped here.
const STOPPED_PAUSE: Duration = Duration::from_secs(5);

/// Pause asked of a caller that sent without credit.
pub(super) const OVERRUN_PAUSE: Duration = Duration::from_secs(1);

pub(super) type Out = mpsc::Sender<Result<v1::StreamLaneResponse, Status>>;

/// See the module.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) caller: Caller,
    pub(super) organisation: Arc<str>,
    pub(super) frames: Streaming<v1::StreamLaneRequest>,
    pub(super) out: Out,
}

/// An open lane.
struct Lane {
    id: LaneId,
    inbox: mpsc::Sender<Inbound>,
    answer: mpsc::Sender<(u64, Outcome)>,
    answers: mpsc::Receiver<(u64, Outcome)>,
    in_flight: HashSet<u64>,
    over: CancellationToken,
}

impl Session {
    /// Serves the stream to its end, and tells the caller why it ended.
    pub(super) async fn run(mut self) {
        let ended = match self.open().await {
            Ok(lane) => self.serve(lane).await,
            Err(status) => Err(status),
        };
        if let Err(status) = ended {
            if matches!(status.code(), Code::InvalidArgument | Code::OutOfRange) {
                self.meter(|metrics| metrics.violations_total.inc(status::reason(Kind::PeerMisbehaved)));
            }
            tracing::debug!(organisation = &*self.organisation, code = ?status.code(), detail = status.message(), "a lane's stream ended");
            let _ = timeout(UNREAD_MAX, self.out.send(Err(status))).await;
        }
    }

    fn meter(&self, of: impl FnOnce(&PeerMetrics)) {
        if let Some(metrics) = self.shared.meters.peer(&self.organisation) {
            of(metrics);
        }
    }

    async fn open(&mut self) -> Result<Lane, Status> {
        let deadline = self.shared.limits.call_deadline;
        let first = timeout(deadline, self.frames.message()).await;
        let first = first.map_err(|_| Status::deadline_exceeded("no first frame"))??;
        let Some(Request::Open(open)) = first.and_then(|first| first.frame) else {
            return Err(violation("expected a frame that opens a lane"));
        };
        let lane = convert::lane(&open.lane).map_err(|error| status::malformed(&error))?;
        let agreement = self.shared.hello.agreement(&self.organisation, lane, hello::Direction::In);
        let agreement = agreement.ok_or_else(status::foreign_lane)?;
        let digest = convert::hash("terms_digest", &open.terms_digest).map_err(|error| status::malformed(&error))?;
        if digest != agreement.terms.digest() {
            let (expected, found) = (agreement.terms.digest().to_string(), digest.to_string());
            let mismatch = Mismatch::Client { lane, what: "digest of all terms".into(), expected, found };
            return Err(status::status(&mismatch.error()));
        }
        if let Some(held) = &open.held {
            convert::take_ranges(held).map_err(|error| status::malformed(&error))?;
        }
        let inbox = self.shared.routes.inbox(lane);
        let inbox = inbox.ok_or_else(|| stopped("the lane is paused or stopped here", STOPPED_PAUSE))?;
        let held = self.shared.records.held(lane, convert::RANGES_MAX).await.map_err(|error| status::status(&error))?;
        let over = self.shared.routes.serve(lane, &self.shared.shutdown);
        let opened =
            v1::LaneOpened { credits: self.shared.limits.lane_credits, held: Some(convert::put_ranges(&held)) };
        self.send(Response::Opened(opened)).await?;
        let (answer, answers) = mpsc::channel(ANSWERS_MAX);
        Ok(Lane { id: lane, inbox, answer, answers, in_flight: HashSet::new(), over })
    }

    async fn serve(&mut self, mut lane: Lane) -> Result<(), Status> {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                () = lane.over.cancelled() => return Err(stopped("the lane's stream ends here", Duration::ZERO)),
                frame = self.frames.message() => match frame? {
                    None => return Ok(()),
                    Some(frame) => self.taken(&mut lane, frame)?,
                },
                _ = lane.answers.recv_many(&mut batch, OUT_MAX) => self.answered(&mut lane, &mut batch).await?,
            }
        }
    }

    fn taken(&self, lane: &mut Lane, frame: v1::StreamLaneRequest) -> Result<(), Status> {
        let Some(Request::Bundle(bundle)) = frame.frame else {
            return Err(violation("expected a frame with a bundle"));
        };
        self.meter(|metrics| {
            metrics.frames_total.at(Direction::In).inc();
            metrics.frame_bytes_total.at(Direction::In).inc_by(bundle.encoded_len() as u64);
        });
        if lane.in_flight.len() >= self.shared.limits.lane_credits as usize {
            return Err(self.overrun());
        }
        let number = bundle.number;
        let answer = lane.answer.clone();
        let (number, bundle) = match wire::take_bundle(lane.id, bundle) {
            Ok(found) => found,
            Err(error) => {
                self.meter(|metrics| metrics.violations_total.inc(status::reason(Kind::Malformed)));
                // This bundle alone is refused; the answer gives its credit back.
                lane.in_flight.insert(number);
                let outcome = Outcome::Rejected { kind: Kind::Malformed, detail: error.to_string() };
                let full = |_| violation("too many bundles that cannot be read");
                return answer.try_send((number, outcome)).map_err(full);
            }
        };
        if !lane.in_flight.insert(number) {
            // The same number twice: nothing is done twice, and nothing is owed for it but the credit.
            let full = |_| violation("too many repeated bundles");
            return answer.try_send((number, Outcome::Received)).map_err(full);
        }
        lane.inbox.try_send(Inbound { number, bundle, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => exhausted("the lane's queue is full"),
            mpsc::error::TrySendError::Closed(_) => stopped("the lane has stopped here", STOPPED_PAUSE),
        })
    }

    /// A bundle without credit: the second time within the pause, the connection ends.
    fn overrun(&self) -> Status {
        self.meter(|metrics| metrics.violations_total.inc("NO_CREDIT"));
        tracing::warn!(organisation = &*self.organisation, "a bundle came without credit");
        if self.shared.overruns.strike(&self.organisation) {
            self.caller.hang_up.cancel();
        }
        exhausted("a bundle without credit")
    }

    async fn answered(&self, lane: &mut Lane, batch: &mut Vec<(u64, Outcome)>) -> Result<(), Status> {
        let mut credits = 0;
        for (number, outcome) in batch.drain(..) {
            credits += u32::from(lane.in_flight.remove(&number));
            self.shared.routes.note(lane.id, number, &outcome);
            self.send_frame(wire::acknowledge(number, &outcome)).await?;
        }
        if credits > 0 {
            self.send(Response::Credit(v1::Credit { bundles: credits })).await?;
        }
        Ok(())
    }

    async fn send(&self, frame: Response) -> Result<(), Status> {
        self.send_frame(v1::StreamLaneResponse { frame: Some(frame) }).await
    }

    async fn send_frame(&self, frame: v1::StreamLaneResponse) -> Result<(), Status> {
        match timeout(UNREAD_MAX, self.out.send(Ok(frame))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Status::cancelled("the caller is gone")),
            Err(_) => Err(exhausted("answers are not read")),
        }
    }
}

/// The lane ends, not the connection.
fn stopped(detail: &str, pause: Duration) -> Status {
    status::with_reason(Code::Unavailable, status::reason(Kind::Stalled), detail, Some(pause))
}

fn exhausted(detail: &str) -> Status {
    let reason = status::reason(Kind::RateLimited);
    status::with_reason(Code::ResourceExhausted, reason, detail, Some(OVERRUN_PAUSE))
}

fn violation(detail: &str) -> Status {
    status::with_reason(Code::InvalidArgument, status::reason(Kind::PeerMisbehaved), detail, None)
}
