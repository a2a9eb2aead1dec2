//! The calls. Each begins with who calls, what scope the method needs, and whether the caller may call so often; then it
//! hands its request to the part that knows.

use super::{
    callers::{Callers, Principal},
    desk::Desk,
    limits::Limiter,
    quote,
    record::Proposer,
    refused::Refused,
    show::{self, Filter},
    signing, stream, terms,
    transfers::Transfers,
};
use crate::{api::config::Scope, metrics::peer::ListenerMetrics};
use alloy::primitives::{B256, keccak256};
use causeway_proto::{
    Message,
    exchange::v1::{self, exchange_service_server::ExchangeService},
};
use std::sync::Arc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

/// Swaps of a page when the caller does not say, and at most.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1000;
/// Longest request id.
const REQUEST_ID_MAX: usize = 64;

type Answer<T> = Result<Response<T>, Status>;

/// The service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) desk: Arc<Desk>,
    pub(crate) callers: Arc<Callers>,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) transfers: Transfers,
    pub(crate) stop: CancellationToken,
}

/// Lets only known callers through, to any service of the listener: health and reflection, too.
#[derive(Clone)]
pub(crate) struct KnownOnly(pub(crate) Arc<Callers>, pub(crate) Option<ListenerMetrics>);

impl tonic::service::Interceptor for KnownOnly {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(metrics) = &self.1 {
            metrics.requests_total.inc();
        }
        match self.0.of(&request) {
            Ok(principal) => {
                request.extensions_mut().insert(principal);
                Ok(request)
            }
            Err(refused) => {
                if let Some(metrics) = &self.1 {
                    metrics.refused_total.inc("unauthenticated");
                }
                Err(refused.status())
            }
        }
    }
}

impl Service {
    /// The caller, if it has the scope and keeps to its rate.
    fn enter<T>(&self, request: &Request<T>, scope: Scope) -> Result<Arc<Principal>, Refused> {
        let caller = self.caller(request)?;
        caller.must(scope)?;
        self.limiter.call(&caller.organisation)?;
        Ok(caller)
    }

    fn caller<T>(&self, request: &Request<T>) -> Result<Arc<Principal>, Refused> {
        match request.extensions().get::<Arc<Principal>>() {
            Some(caller) => Ok(caller.clone()),
            // Not through the interceptor: then it is judged here.
            None => self.callers.of(request),
        }
    }

    /// The id of a swap's name.
    fn id(name: &str) -> Result<B256, Refused> {
        let bad = || Refused::field("name", "swaps/{swap id as 0x and 64 digits}", format!("{name:?}"));
        terms::word("name", name.strip_prefix("swaps/").ok_or_else(bad)?).map_err(|_| bad())
    }

    /// The swap as the caller sees it.
    fn shown(&self, caller: &Principal, id: B256) -> Result<v1::Swap, Refused> {
        let found = self.desk.read(|state| {
            let record = state.get(id)?;
            let (bridge, terms) = self.desk.parts(record)?;
            show::visible(caller, bridge, &terms, record).then(|| show::swap(bridge, &terms, id, record))
        });
        found.ok_or_else(|| Refused::unknown(&format!("swaps/{id}")))
    }

    fn list_now(&self, caller: &Principal, asked: &v1::ListSwapsRequest) -> Result<v1::ListSwapsResponse, Refused> {
        let filter = Filter::read(&asked.filter)?;
        let size = match usize::try_from(asked.page_size) {
            Ok(0) => PAGE,
            Ok(size) => size.min(PAGE_MAX),
            Err(_) => return Err(Refused::field("page_size", "0 to 1000", asked.page_size)),
        };
        let bad = |_| Refused::field("page_token", "one of this service", format!("{:?}", asked.page_token));
        let after = if asked.page_token.is_empty() { 0 } else { asked.page_token.parse().map_err(bad)? };
        Ok(self.desk.read(|state| {
            let mut swaps = Vec::new();
            let mut next_page_token = String::new();
            let mut last = after;
            for (number, id, record) in state.list(after) {
                let Some((bridge, terms)) = self.desk.parts(record) else { continue };
                if !show::visible(caller, bridge, &terms, record) || !filter.takes(bridge, &terms, record) {
                    continue;
                }
                if swaps.len() == size {
                    next_page_token = last.to_string();
                    break;
                }
                last = number;
                swaps.push(show::swap(bridge, &terms, id, record));
            }
            v1::ListSwapsResponse { swaps, next_page_token, cursor: state.bounds().1.to_string() }
        }))
    }

    async fn propose_now(&self, caller: &Principal, asked: v1::ProposeSwapRequest) -> Result<v1::Swap, Refused> {
        let key = &asked.request_id;
        if !(1..=REQUEST_ID_MAX).contains(&key.len()) || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Refused::field("request_id", "1 to 64 visible ASCII characters", format!("{key:?}")));
        }
        let wire = asked.terms.ok_or_else(|| Refused::field("terms", "terms of a swap", "none"))?;
        let bridge = self.desk.bridges.named("terms.bridge", &wire.bridge)?;
        let content = keccak256(wire.encode_to_vec());
        let organisation = caller.organisation.to_string();
        // The same id again is answered first: by now its deadlines may have passed.
        let known = self.desk.read(|state| state.proposed(&organisation, key));
        let terms = terms::read(bridge, &wire, B256::new(rand::random()))?;
        let owner = terms::owners(bridge, &terms)[0].clone();
        caller.must_own(
            "terms.legs[0].from",
            &owner.ok_or_else(|| Refused::field("terms", "a lane of the bridge", "none"))?,
        )?;
        if known.is_none() {
            terms::check_deadlines(bridge, &terms, self.desk.limits.deadline_margin, self.desk.clock.now())?;
        }
        if asked.validate_only {
            let record = super::record::Record::new(&terms, 0, organisation, None);
            return Ok(show::swap(bridge, &terms, terms.id(), &record));
        }
        let proposer = Proposer { organisation, request_id: asked.request_id, content };
        let id = self.desk.propose(bridge, terms, proposer).await?;
        self.shown(caller, id)
    }

    async fn accept_now(&self, caller: &Principal, asked: v1::AcceptSwapRequest) -> Result<v1::Swap, Refused> {
        let id = Self::id(&asked.name)?;
        self.shown(caller, id)?;
        let wire =
            asked.terms.ok_or_else(|| Refused::field("terms", "the terms as the caller understands them", "none"))?;
        let bridge = self.desk.bridges.named("terms.bridge", &wire.bridge)?;
        let stated = terms::read(bridge, &wire, B256::ZERO)?;
        self.desk.accept(id, stated, |account| caller.must_own("name", account)).await?;
        self.shown(caller, id)
    }

    async fn cancel_now(&self, caller: &Principal, asked: v1::CancelSwapRequest) -> Result<v1::Swap, Refused> {
        let id = Self::id(&asked.name)?;
        self.shown(caller, id)?;
        let record = self.desk.read(|state| state.get(id).cloned()).ok_or_else(|| Refused::unknown(&asked.name))?;
        let (bridge, terms) = self.desk.parts(&record).ok_or_else(|| Refused::unknown(&asked.name))?;
        // A party may: who gives one of the legs. Whose side it is decides the scope.
        let owners = terms::owners(bridge, &terms);
        let mine = |k: usize| owners[k].as_ref().is_some_and(|account| caller.owns(account));
        let first = usize::from(record.leg.min(1));
        if mine(first) {
            caller.must(Scope::Propose)?;
        } else {
            caller.must(Scope::Accept)?;
            let other = owners[1 - first].clone().ok_or_else(|| Refused::unknown(&asked.name))?;
            caller.must_own("name", &other)?;
        }
        self.desk.cancel(id, &asked.comment).await?;
        self.shown(caller, id)
    }
}

#[tonic::async_trait]
impl ExchangeService for Service {
    type WatchSwapStream = stream::Events;
    type WatchSwapsStream = stream::Events;
    type WatchTransferStream = ReceiverStream<Result<v1::Transfer, Status>>;

    async fn quote(&self, request: Request<v1::QuoteRequest>) -> Answer<v1::QuoteResponse> {
        self.enter(&request, Scope::Read)?;
        let asked = request.into_inner();
        let bridge = self.desk.bridges.named("bridge", &asked.bridge)?;
        Ok(Response::new(quote::quote(&self.desk, bridge, &asked.asset).await?))
    }

    async fn propose_swap(&self, request: Request<v1::ProposeSwapRequest>) -> Answer<v1::Swap> {
        let caller = self.enter(&request, Scope::Propose)?;
        Ok(Response::new(self.propose_now(&caller, request.into_inner()).await?))
    }

    async fn accept_swap(&self, request: Request<v1::AcceptSwapRequest>) -> Answer<v1::Swap> {
        let caller = self.enter(&request, Scope::Accept)?;
        Ok(Response::new(self.accept_now(&caller, request.into_inner()).await?))
    }

    async fn get_swap(&self, request: Request<v1::GetSwapRequest>) -> Answer<v1::Swap> {
        let caller = self.enter(&request, Scope::Read)?;
        let id = Self::id(&request.get_ref().name)?;
        Ok(Response::new(self.shown(&caller, id)?))
    }

    async fn list_swaps(&self, request: Request<v1::ListSwapsRequest>) -> Answer<v1::ListSwapsResponse> {
        let caller = self.enter(&request, Scope::Read)?;
        Ok(Response::new(self.list_now(&caller, request.get_ref())?))
    }

    async fn watch_swap(&self, request: Request<v1::WatchSwapRequest>) -> Answer<Self::WatchSwapStream> {
        let caller = self.enter(&request, Scope::Read)?;
        let id = Self::id(&request.get_ref().name)?;
        self.shown(&caller, id)?;
        let after = stream::cursor(&self.desk, &request.get_ref().cursor)?;
        let slot = self.limiter.stream(&caller.organisation)?;
        Ok(Response::new(stream::open(self.desk.clone(), caller, Some(id), after, slot, self.stop.clone())))
    }

    async fn watch_swaps(&self, request: Request<v1::WatchSwapsRequest>) -> Answer<Self::WatchSwapsStream> {
        let caller = self.enter(&request, Scope::Read)?;
        let after = stream::cursor(&self.desk, &request.get_ref().cursor)?;
        let slot = self.limiter.stream(&caller.organisation)?;
        Ok(Response::new(stream::open(self.desk.clone(), caller, None, after, slot, self.stop.clone())))
    }

    async fn cancel_swap(&self, request: Request<v1::CancelSwapRequest>) -> Answer<v1::Swap> {
        // Which of two scopes it needs is known only with the swap.
        let caller = self.caller(&request)?;
        caller.must_any([Scope::Propose, Scope::Accept])?;
        self.limiter.call(&caller.organisation)?;
        Ok(Response::new(self.cancel_now(&caller, request.into_inner()).await?))
    }

    async fn prepare_lock(&self, request: Request<v1::PrepareLockRequest>) -> Answer<v1::PrepareLockResponse> {
        let caller = self.enter(&request, Scope::Submit)?;
        let asked = request.into_inner();
        let id = Self::id(&asked.swap)?;
        self.shown(&caller, id)?;
        let transactions = signing::lock(&caller, &self.desk, id, asked.leg).await?;
        Ok(Response::new(v1::PrepareLockResponse { transactions }))
    }

    async fn prepare_void(&self, request: Request<v1::PrepareVoidRequest>) -> Answer<v1::PrepareVoidResponse> {
        let caller = self.enter(&request, Scope::Submit)?;
        let asked = request.into_inner();
        let id = Self::id(&asked.swap)?;
        self.shown(&caller, id)?;
        let record = self.desk.read(|state| state.get(id).cloned()).ok_or_else(|| Refused::unknown(&asked.swap))?;
        let (bridge, terms) = self.desk.parts(&record).ok_or_else(|| Refused::unknown(&asked.swap))?;
        let transactions = signing::void(&caller, (bridge, terms), &asked).await?;
        Ok(Response::new(v1::PrepareVoidResponse { transactions }))
    }

    async fn prepare_transfer(
        &self,
        request: Request<v1::PrepareTransferRequest>,
    ) -> Answer<v1::PrepareTransferResponse> {
        let caller = self.enter(&request, Scope::Submit)?;
        let asked = request.into_inner();
        let bridge = self.desk.bridges.named("bridge", &asked.bridge)?;
        let transactions = signing::transfer(&caller, bridge, &asked, self.desk.clock.now()).await?;
        Ok(Response::new(v1::PrepareTransferResponse { transactions }))
    }

    async fn submit_signed(&self, request: Request<v1::SubmitSignedRequest>) -> Answer<v1::SubmitSignedResponse> {
        let caller = self.enter(&request, Scope::Submit)?;
        let hash = signing::submit(&caller, &self.desk, request.into_inner()).await?;
        Ok(Response::new(v1::SubmitSignedResponse { transaction: hash.to_string() }))
    }

    async fn get_transfer(&self, request: Request<v1::GetTransferRequest>) -> Answer<v1::Transfer> {
        let caller = self.enter(&request, Scope::Read)?;
        Ok(Response::new(self.transfers.get(&caller, &request.get_ref().name).await?))
    }

    async fn watch_transfer(&self, request: Request<v1::WatchTransferRequest>) -> Answer<Self::WatchTransferStream> {
        let caller = self.enter(&request, Scope::Read)?;
        let slot = self.limiter.stream(&caller.organisation)?;
        let watched = self.transfers.clone().watch(caller, request.into_inner().name, slot).await?;
        Ok(Response::new(watched))
    }
}
