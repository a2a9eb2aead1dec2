//! The admin service: names and pages are checked here, every call is audited, refusals carry `google.rpc` details.
//! What is asked is answered by [`Control`].

use super::{
    audit::{Audit, Call, Caller},
    control::{Control, Refused, Select, What},
    names,
    socket::Socket,
};
use crate::{
    lane::error::{Error, Kind, Result},
    metrics::{Metrics, peer::ListenerMetrics, process::ProcessMetrics},
};
use causeway_core::LaneId;
use causeway_proto::admin::v1::{
    Client, DiscardDeadLetterRequest, DiscardDeadLetterResponse, DrainRequest, DrainResponse, EntryTrace,
    GetClientRequest, GetLaneRequest, GetStatusRequest, Lane, ListDeadLettersRequest, ListDeadLettersResponse,
    ListEntriesRequest, ListEntriesResponse, ListLanesRequest, ListLanesResponse, PauseLaneRequest, RelayerStatus,
    ReloadRequest, ReloadResponse, ResumeLaneRequest, RetryDeadLetterRequest, RetryDeadLetterResponse,
    TraceEntryRequest,
    admin_service_server::{AdminService, AdminServiceServer},
};
use std::{future::Future, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status, transport::Server};
use tonic_types::{ErrorDetails, StatusExt};

/// Deadline of a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Calls at once on one connection.
const MAX_CALLS: usize = 8;
/// Largest request: names and a comment.
const MAX_REQUEST_BYTES: usize = 16 * 1024;
/// Entries or lanes of a page when the caller does not say.
const PAGE: usize = 100;
/// Most of a page.
const PAGE_MAX: usize = 1000;
/// `domain` of error details.
const DOMAIN: &str = "causeway";

/// Serves the admin service on `socket` until `stop`.
pub async fn serve(
    socket: Socket,
    control: Arc<dyn Control>,
    audit: Audit,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) -> Result<()> {
    let failed = |what: String| Error::retry(Kind::Unavailable, format!("the admin socket: {what}"));
    let listener = metrics.listeners.of("admin").map_err(|e| failed(e.to_string()))?;
    let service =
        AdminServiceServer::new(Admin { control, audit, process: metrics.process.clone(), listener: listener.clone() })
            .max_decoding_message_size(MAX_REQUEST_BYTES);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(causeway_proto::DESCRIPTORS)
        .with_service_name("causeway.admin.v1.AdminService")
        .build_v1();
    Server::builder()
        .timeout(CALL_TIMEOUT)
        .concurrency_limit_per_connection(MAX_CALLS)
        .add_service(service)
        .add_optional_service(reflection.ok())
        .serve_with_incoming_shutdown(socket.connections(listener), stop.cancelled_owned())
        .await
        .map_err(|e| failed(e.to_string()))
}

struct Admin {
    control: Arc<dyn Control>,
    audit: Audit,
    process: ProcessMetrics,
    listener: ListenerMetrics,
}

type Answer<T> = Result<Response<T>, Status>;

impl Admin {
    /// Runs `work` between its two audit lines. A change whose first line cannot be written is not made.
    async fn audited<T>(&self, call: Call, work: impl Future<Output = Result<T, Refused>>) -> Answer<T> {
        self.process.admin_calls_total.inc();
        self.listener.requests_total.inc();
        if let Err(e) = self.write(&call, None).await {
            tracing::error!(target: "causeway::admin", method = call.method, error = %e, "the audit log cannot be written");
            if call.changes {
                let why = "the audit log cannot be written; free the disk or mend the data folder's rights";
                return Err(status(&Refused::new(What::Unavailable { after: None }, "AUDIT_UNWRITABLE", why)));
            }
        }
        let result = work.await;
        let outcome = result.as_ref().map_or_else(|refused| refused.reason.clone(), |_| "ok".to_owned());
        tracing::info!(target: "causeway::audit", method = call.method, target = call.target, outcome, uid = call.caller.uid);
        // The change is made by now: a lost second line must not turn its answer into an error.
        let _ = self.write(&call, Some(outcome)).await;
        result.map(Response::new).map_err(|refused| status(&refused))
    }

    async fn write(&self, call: &Call, outcome: Option<String>) -> std::io::Result<()> {
        let (audit, call) = (self.audit.clone(), call.clone());
        let write = move || outcome.map_or_else(|| audit.begins(&call), |outcome| audit.ended(&call, &outcome));
        tokio::task::spawn_blocking(write).await.map_err(std::io::Error::other)?
    }
}

fn call<T>(request: &Request<T>, method: &'static str, target: &str, comment: Option<&str>) -> Call {
    Call {
        method,
        target: target.to_owned(),
        comment: comment.unwrap_or_default().to_owned(),
        caller: request.extensions().get::<Caller>().copied().unwrap_or_default(),
        changes: comment.is_some(),
    }
}

fn status(refused: &Refused) -> Status {
    let code = match refused.what {
        What::NotFound => Code::NotFound,
        What::Invalid => Code::InvalidArgument,
        What::Precondition => Code::FailedPrecondition,
        What::Unavailable { .. } => Code::Unavailable,
        What::Internal => Code::Internal,
    };
    let mut details = ErrorDetails::with_error_info(&refused.reason, DOMAIN, []);
    if let What::Unavailable { after: Some(after) } = refused.what {
        details.set_retry_info(Some(after));
    }
    Status::with_error_details(code, refused.detail.clone(), details)
}

/// How many things a page holds.
fn page(size: i32) -> Result<usize, Refused> {
    match usize::try_from(size) {
        Ok(0) => Ok(PAGE),
        Ok(n) => Ok(n.min(PAGE_MAX)),
        Err(_) => Err(Refused::invalid(format!("page_size: expected 0 to {PAGE_MAX}, found {size}"))),
    }
}

/// Keeps `size` of `found`, of which one more was asked for; the token names where the next page starts.
fn cut<T>(mut found: Vec<T>, size: usize, next: impl Fn(&T) -> u64) -> (Vec<T>, String) {
    let token = found.get(size).map_or_else(String::new, |first| next(first).to_string());
    found.truncate(size);
    (found, token)
}

#[tonic::async_trait]
impl AdminService for Admin {
    async fn get_status(&self, request: Request<GetStatusRequest>) -> Answer<RelayerStatus> {
        let call = call(&request, "GetStatus", "", None);
        self.audited(call, self.control.status()).await
    }

    async fn list_lanes(&self, request: Request<ListLanesRequest>) -> Answer<ListLanesResponse> {
        let call = call(&request, "ListLanes", "", None);
        let asked = request.into_inner();
        let work = async {
            let (size, from) = (page(asked.page_size)?, names::token(&asked.page_token, 0)?);
            let all = self.control.lanes().await?;
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            let total = all.len();
            let lanes: Vec<Lane> = all.into_iter().skip(from).take(size).collect();
            let end = from.saturating_add(lanes.len());
            Ok(ListLanesResponse { lanes, next_page_token: if end < total { end.to_string() } else { String::new() } })
        };
        self.audited(call, work).await
    }

    async fn get_lane(&self, request: Request<GetLaneRequest>) -> Answer<Lane> {
        let call = call(&request, "GetLane", &request.get_ref().name, None);
        let name = request.into_inner().name;
        self.audited(call, async { self.control.lane(names::lane(&name)?).await }).await
    }

    async fn pause_lane(&self, request: Request<PauseLaneRequest>) -> Answer<Lane> {
        let asked = request.get_ref();
        let call = call(&request, "PauseLane", &asked.name, Some(&asked.comment));
        let name = request.into_inner().name;
        self.audited(call, async { self.control.pause(names::lane(&name)?).await }).await
    }

    async fn resume_lane(&self, request: Request<ResumeLaneRequest>) -> Answer<Lane> {
        let asked = request.get_ref();
        let call = call(&request, "ResumeLane", &asked.name, Some(&asked.comment));
        let name = request.into_inner().name;
        self.audited(call, async { self.control.resume(names::lane(&name)?).await }).await
    }

    async fn list_entries(&self, request: Request<ListEntriesRequest>) -> Answer<ListEntriesResponse> {
        let call = call(&request, "ListEntries", &request.get_ref().parent, None);
        let asked = request.into_inner();
        let work = async {
            let (lane, size) = (names::lane(&asked.parent)?, page(asked.page_size)?);
            let from = names::token(&asked.page_token, asked.first_index)?;
            let select = Select { from, limit: size + 1, pending_only: asked.pending_only };
            let found = self.control.entries(lane, select).await?;
            let (entries, next_page_token) = cut(found, size, |entry| entry.index);
            Ok(ListEntriesResponse { entries, next_page_token })
        };
        self.audited(call, work).await
    }

    async fn trace_entry(&self, request: Request<TraceEntryRequest>) -> Answer<EntryTrace> {
        let call = call(&request, "TraceEntry", &request.get_ref().name, None);
        let name = request.into_inner().name;
        let work = async {
            let (lane, index) = names::entry(&name)?;
            self.control.trace(lane, index).await
        };
        self.audited(call, work).await
    }

    async fn get_client(&self, request: Request<GetClientRequest>) -> Answer<Client> {
        let call = call(&request, "GetClient", &request.get_ref().name, None);
        let name = request.into_inner().name;
        self.audited(call, async { self.control.client(names::client(&name)?).await }).await
    }

    async fn list_dead_letters(&self, request: Request<ListDeadLettersRequest>) -> Answer<ListDeadLettersResponse> {
        let call = call(&request, "ListDeadLetters", &request.get_ref().lane, None);
        let asked = request.into_inner();
        let work = async {
            let (size, after) = (page(asked.page_size)?, names::token(&asked.page_token, 0)?);
            let lane: Option<LaneId> = if asked.lane.is_empty() { None } else { Some(names::lane(&asked.lane)?) };
            let found = self.control.dead_letters(after, size + 1, lane).await?;
            // The token names what the next page comes after: the last of this one.
            let before = |first: &causeway_proto::admin::v1::DeadLetter| {
                names::dead_letter(&first.name).map_or(u64::MAX, |n| n.saturating_sub(1))
            };
            let (dead_letters, next_page_token) = cut(found, size, before);
            Ok(ListDeadLettersResponse { dead_letters, next_page_token })
        };
        self.audited(call, work).await
    }

    async fn retry_dead_letter(&self, request: Request<RetryDeadLetterRequest>) -> Answer<RetryDeadLetterResponse> {
        let call = call(&request, "RetryDeadLetter", &request.get_ref().name, Some(""));
        let name = request.into_inner().name;
        let work = async {
            let letter = self.control.retry(names::dead_letter(&name)?).await?;
            Ok(RetryDeadLetterResponse { dead_letter: Some(letter) })
        };
        self.audited(call, work).await
    }

    async fn discard_dead_letter(
        &self,
        request: Request<DiscardDeadLetterRequest>,
    ) -> Answer<DiscardDeadLetterResponse> {
        let asked = request.get_ref();
        let call = call(&request, "DiscardDeadLetter", &asked.name, Some(&asked.comment));
        let name = request.into_inner().name;
        let work = async {
            let letter = self.control.discard(names::dead_letter(&name)?).await?;
            Ok(DiscardDeadLetterResponse { dead_letter: Some(letter) })
        };
        self.audited(call, work).await
    }

    async fn drain(&self, request: Request<DrainRequest>) -> Answer<DrainResponse> {
        let comment = request.get_ref().comment.clone();
        let call = call(&request, "Drain", "", Some(&comment));
        self.audited(call, self.control.drain()).await
    }

    async fn reload(&self, request: Request<ReloadRequest>) -> Answer<ReloadResponse> {
        let only = request.get_ref().validate_only;
        let call = call(&request, "Reload", if only { "validate only" } else { "" }, Some(""));
        let work = async {
            let result = self.control.reload(only).await;
            if result.is_err() && !only {
                self.process.reload_failures_total.inc();
            }
            result
        };
        self.audited(call, work).await
    }
}
