//! The calls of the peer service. Who calls is read from the connection alone; a lane that is not shared with that
//! organisation, in that direction, does not exist for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use causeway_core::{LaneId, bounds::MAX_BATCH};
use causeway_proto::{
    convert,
    peer::v1::{self, peer_service_server::PeerService},
};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, Streaming};

use super::{
    accept::Caller,
    config::Limits,
    hello::{Direction, Hello, Terms, limits},
    inbound::{OUT_MAX, OVERRUN_PAUSE, Session},
    offers::{self, Offers},
    records::Records,
    routes::Routes,
    server::Meters,
    status, wire,
};
use crate::{lane::error::Kind, metrics::peer::ListenerMetrics};

/// Largest page of pending bundles, and the size of one where none is asked for.
const PAGE_MAX: usize = 1000;

/// What all calls share.
pub(super) struct Shared {
    pub(super) hello: Arc<Hello>,
    pub(super) limits: Limits,
    pub(super) routes: Routes,
    pub(super) records: Arc<dyn Records>,
    pub(super) offers: Option<Arc<dyn Offers>>,
    pub(super) overruns: Overruns,
    pub(super) meters: Meters,
    pub(super) shutdown: CancellationToken,
}

/// Organisations that sent without credit, and when.
#[derive(Debug, Default)]
pub(super) struct Overruns(Mutex<HashMap<Arc<str>, Instant>>);

impl Overruns {
    /// One more; true if it is not the first within ten pauses.
    pub(super) fn strike(&self, organisation: &Arc<str>) -> bool {
        let mut overruns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = overruns.insert(Arc::clone(organisation), Instant::now());
        last.is_some_and(|last| last.elapsed() < 10 * OVERRUN_PAUSE)
    }

    /// How long an organisation must still wait.
    fn pause(&self, organisation: &str) -> Option<Duration> {
        let overruns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        OVERRUN_PAUSE.checked_sub(overruns.get(organisation)?.elapsed()).filter(|pause| !pause.is_zero())
    }
}

/// The service.
#[derive(Clone)]
pub(super) struct Service(pub(super) Arc<Shared>);

/// Lets only known organisations through, to any service of the listener.
#[derive(Clone)]
pub(super) struct KnownOnly(pub(super) Option<ListenerMetrics>);

impl tonic::service::Interceptor for KnownOnly {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(metrics) = &self.0 {
            metrics.requests_total.inc();
        }
        let known = request.extensions().get::<Caller>().is_some_and(|caller| caller.organisation.is_some());
        if known {
            return Ok(request);
        }
        if let Some(metrics) = &self.0 {
            metrics.refused_total.inc("certificate");
        }
        Err(status::unauthenticated())
    }
}

fn caller<T>(request: &Request<T>) -> Result<(Caller, Arc<str>), Status> {
    let caller = request.extensions().get::<Caller>().ok_or_else(status::unauthenticated)?;
    let organisation = caller.organisation.as_ref().ok_or_else(status::unauthenticated)?;
    Ok((caller.clone(), Arc::clone(&organisation.name)))
}

impl Service {
    /// The caller's lane; another's is not told apart from none.
    fn lane(&self, organisation: &str, lane: &[u8], direction: Direction) -> Result<LaneId, Status> {
        let lane = convert::lane(lane).map_err(|error| status::malformed(&error))?;
        self.0.hello.agreement(organisation, lane, direction).ok_or_else(status::foreign_lane)?;
        Ok(lane)
    }

    fn verdict(&self, organisation: &str, wire: v1::LaneTerms) -> v1::LaneVerdict {
        let lane = wire.lane.clone();
        let refusal = match Terms::take(wire) {
            Err(error) => Some((status::reason(Kind::Malformed), error.to_string())),
            Ok(terms) => {
                self.0.hello.judge(organisation, &terms).err().map(|error| (error.reason(), error.to_string()))
            }
        };
        let refusal = refusal.map(|(reason, detail)| v1::Refusal { reason: reason.to_owned(), detail });
        v1::LaneVerdict { lane, refusal }
    }
}

#[tonic::async_trait]
impl PeerService for Service {
    type StreamLaneStream = ReceiverStream<Result<v1::StreamLaneResponse, Status>>;

    async fn hello(&self, request: Request<v1::HelloRequest>) -> Result<Response<v1::HelloResponse>, Status> {
        let (_, organisation) = caller(&request)?;
        let hello = request.into_inner();
        let version = Hello::version(hello.version_min, hello.version_max).map_err(|mismatch| {
            status::with_reason(Code::FailedPrecondition, mismatch.reason(), &mismatch.to_string(), None)
        })?;
        let verdicts: Vec<_> = hello.lanes.into_iter().map(|lane| self.verdict(&organisation, lane)).collect();
        for refusal in verdicts.iter().filter_map(|verdict| verdict.refusal.as_ref()) {
            tracing::warn!(
                organisation = &*organisation,
                reason = refusal.reason,
                detail = refusal.detail,
                "a peer holds a lane otherwise"
            );
        }
        Ok(Response::new(v1::HelloResponse {
            version,
            organisation: self.0.hello.organisation.to_string(),
            verdicts,
            limits: Some(limits(&self.0.limits)),
        }))
    }

    async fn stream_lane(
        &self,
        request: Request<Streaming<v1::StreamLaneRequest>>,
    ) -> Result<Response<Self::StreamLaneStream>, Status> {
        let (caller, organisation) = caller(&request)?;
        if let Some(pause) = self.0.overruns.pause(&organisation) {
            let reason = status::reason(Kind::RateLimited);
            let detail = "a bundle without credit came before";
            return Err(status::with_reason(Code::ResourceExhausted, reason, detail, Some(pause)));
        }
        let (out, answers) = mpsc::channel(OUT_MAX);
        let shared = Arc::clone(&self.0);
        tokio::spawn(Session { shared, caller, organisation, frames: request.into_inner(), out }.run());
        Ok(Response::new(ReceiverStream::new(answers)))
    }

    async fn list_pending(
        &self,
        request: Request<v1::ListPendingRequest>,
    ) -> Result<Response<v1::ListPendingResponse>, Status> {
        let (_, organisation) = caller(&request)?;
        let request = request.into_inner();
        let lane = self.lane(&organisation, &request.lane, Direction::In)?;
        let size = match usize::try_from(request.page_size) {
            Ok(0) => PAGE_MAX,
            Ok(size) => size.min(PAGE_MAX),
            Err(_) => return Err(Status::invalid_argument("page_size: expected 0 or more")),
        };
        let after = match request.page_token.as_str() {
            "" => 0,
            token => token.parse().map_err(|_| Status::invalid_argument("page_token: not one of this service"))?,
        };
        let found = self.0.records.pending(&organisation, lane, after, size).await;
        let found = found.map_err(|error| status::status(&error))?;
        let full = found.len() == size;
        let next_page_token = found.last().filter(|_| full).map(|(number, _)| number.to_string()).unwrap_or_default();
        let bundles = found.into_iter().map(|(number, range)| v1::PendingBundle {
            number,
            first_index: range.start,
            entry_count: u32::try_from(range.end - range.start).unwrap_or(u32::MAX),
        });
        Ok(Response::new(v1::ListPendingResponse { bundles: bundles.collect(), next_page_token }))
    }

    async fn get_outcome(
        &self,
        request: Request<v1::GetOutcomeRequest>,
    ) -> Result<Response<v1::GetOutcomeResponse>, Status> {
        let (_, organisation) = caller(&request)?;
        let request = request.into_inner();
        let lane = self.lane(&organisation, &request.lane, Direction::In)?;
        let outcome = self.0.routes.outcome(lane, request.number);
        let outcome = outcome.ok_or_else(|| {
            let reason = status::reason(Kind::NotAvailableYet);
            status::with_reason(Code::NotFound, reason, "no outcome is known here: ask the chain", None)
        })?;
        Ok(Response::new(v1::GetOutcomeResponse { outcome: Some(wire::put_outcome(&outcome)) }))
    }

    async fn offer_swap(
        &self,
        request: Request<v1::OfferSwapRequest>,
    ) -> Result<Response<v1::OfferSwapResponse>, Status> {
        let (_, organisation) = caller(&request)?;
        offers::offer(self.0.offers.as_deref(), &organisation, request.into_inner()).await
    }

    async fn answer_swap(
        &self,
        request: Request<v1::AnswerSwapRequest>,
    ) -> Result<Response<v1::AnswerSwapResponse>, Status> {
        let (_, organisation) = caller(&request)?;
        offers::answer(self.0.offers.as_deref(), &organisation, request.into_inner()).await
    }

    async fn get_bundle(
        &self,
        request: Request<v1::GetBundleRequest>,
    ) -> Result<Response<v1::GetBundleResponse>, Status> {
        let (_, organisation) = caller(&request)?;
        let request = request.into_inner();
        let lane = self.lane(&organisation, &request.lane, Direction::Out)?;
        let count = u64::from(request.entry_count);
        let end = request.first_index.checked_add(count).filter(|_| (1..=MAX_BATCH as u64).contains(&count));
        let end = end.ok_or_else(|| Status::invalid_argument("entry_count: expected 1 to 256"))?;
        let bundle = self.0.records.bundle(lane, request.first_index..end).await;
        let bundle = bundle.and_then(|bundle| wire::put_bundle(0, &bundle)).map_err(|error| status::status(&error))?;
        Ok(Response::new(v1::GetBundleResponse { bundle: Some(bundle) }))
    }
}
