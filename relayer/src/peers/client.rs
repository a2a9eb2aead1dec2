//! A peer as the lane's port: one connection for all lanes that leave towards it, made again with growing, jittered pauses
//! whenever it breaks, and one stream for each lane.
//!
//! Trouble of one lane (refused, paused at the other side, a frame that could not be read) ends that lane's stream alone.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use causeway_core::LaneId;
use causeway_proto::{
    convert,
    peer::v1::{self, peer_service_client::PeerServiceClient},
};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use tower::service_fn;

use super::{
    config::{Limits, PeerSettings, invalid},
    connect::{Connect, Way},
    hello::{Hello, VERSIONS, limits},
    outbound::{Lane, Standing},
    status,
    tls::Tls,
    wire,
};
use crate::{
    lane::{
        error::{Class, Error, Kind, Result},
        ports::Peer,
        types::{Bundle, Outcome},
    },
    metrics::peer::PeerMetrics,
};

/// Lanes in one Hello: well below the bound on a message.
const HELLO_LANES: usize = 1000;

/// A session that lasted so long was a good one: the next pause is the first again.
const CALM: Duration = Duration::from_secs(60);

/// Pending bundles taken from a peer in all.
const PENDING_MAX: usize = 100_000;

/// Another organisation's relayer over gRPC.
#[allow(missing_debug_implementations)]
pub struct GrpcPeer {
    organisation: Arc<str>,
    hello: Arc<Hello>,
    limits: Limits,
    lanes: HashMap<LaneId, Arc<Lane>>,
    connected: AtomicBool,
    /// Why there is no session.
    trouble: Mutex<Option<(Kind, String)>>,
    client: Mutex<Option<PeerServiceClient<Channel>>>,
    way: Way,
    /// The peer is at another address.
    moved: Notify,
    tls: Arc<Tls>,
    metrics: Option<Arc<PeerMetrics>>,
}

/// Keeps a session with `peer` until `shutdown`, for the lanes of `hello` that leave towards it.
///
/// # Errors
/// `InvalidConfig`: the peer's address.
pub fn connect(
    peer: &PeerSettings,
    limits: Limits,
    hello: Arc<Hello>,
    tls: Arc<Tls>,
    connect: Arc<dyn Connect>,
    metrics: Option<PeerMetrics>,
    shutdown: CancellationToken,
) -> Result<Arc<GrpcPeer>> {
    let metrics = metrics.map(Arc::new);
    let way = Way::new(peer, Arc::clone(&tls), connect)?;
    let uri = way.uri().ok_or_else(|| invalid(format!("certificate name {:?}", peer.certificate_name)))?;
    let endpoint = Endpoint::from(uri)
        .http2_keep_alive_interval(limits.keepalive_interval)
        .keep_alive_timeout(limits.keepalive_deadline)
        .keep_alive_while_idle(true)
        .http2_max_header_list_size(16 << 10);
    let lanes = hello
        .lanes_to(&peer.organisation)
        .map(|terms| (terms.lane, Arc::new(Lane::new(terms.clone(), limits.lane_credits, metrics.clone()))));
    let peer = Arc::new(GrpcPeer {
        organisation: peer.organisation.as_str().into(),
        lanes: lanes.collect(),
        hello,
        limits,
        connected: AtomicBool::new(false),
        trouble: Mutex::default(),
        client: Mutex::default(),
        way,
        moved: Notify::new(),
        tls,
        metrics,
    });
    tokio::spawn(Arc::clone(&peer).keep(endpoint, shutdown));
    Ok(peer)
}

impl GrpcPeer {
    /// The peer's relayer is at another address: a session with the old one ends. Who it is, its certificate says.
    ///
    /// # Errors
    /// `InvalidConfig`: the address.
    pub fn move_to(&self, peer: &PeerSettings) -> Result<()> {
        if self.way.move_to(peer)? {
            self.moved.notify_one();
        }
        Ok(())
    }

    /// Why nothing can be sent although a session stands: the peer refuses every lane. The first lane's reason.
    pub fn refusal(&self) -> Option<(Kind, String)> {
        let refusals: Option<Vec<_>> = self.lanes.values().map(|lane| lane.refusal()).collect();
        refusals?.into_iter().next()
    }

    async fn keep(self: Arc<Self>, endpoint: Endpoint, shutdown: CancellationToken) {
        let mut pauses = delays(&self.limits);
        loop {
            let started = Instant::now();
            let replaced = self.tls.current().replaced.clone();
            let ended = tokio::select! {
                () = shutdown.cancelled() => None,
                () = replaced.cancelled() => Some(Error::retry(Kind::Unavailable, "certificates were read again")),
                () = self.moved.notified() => Some(Error::retry(Kind::Unavailable, "the peer is at another address")),
                error = self.session(&endpoint, &self.way) => Some(error),
            };
            self.connected.store(false, Ordering::Relaxed);
            *self.client.lock().unwrap_or_else(PoisonError::into_inner) = None;
            self.lanes.values().for_each(|lane| lane.stand(Standing::Closed));
            if let Some(metrics) = &self.metrics {
                metrics.connected.set(0);
            }
            let Some(error) = ended else { return };
            self.note(Some((error.kind, error.detail.to_string())));
            if started.elapsed() > CALM || replaced.is_cancelled() {
                pauses = delays(&self.limits);
            }
            let delay = pause(&error, &mut pauses, self.limits.reconnect_max);
            tracing::warn!(peer = &*self.organisation, kind = ?error.kind, detail = %error.detail, delay_ms = delay.as_millis() as u64, "no session with a peer");
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.replaced() => {}
                () = self.moved.notified() => {}
                () = tokio::time::sleep(delay) => {}
            }
            if let Some(metrics) = &self.metrics {
                metrics.reconnects_total.inc();
            }
        }
    }

    /// New certificates are tried at once.
    async fn replaced(&self) {
        let replaced = self.tls.current().replaced.clone();
        replaced.cancelled().await;
    }

    /// One connection, from the first byte to its end; says why it ended.
    async fn session(self: &Arc<Self>, endpoint: &Endpoint, way: &Way) -> Error {
        match self.establish(endpoint, way).await {
            // What TLS said tells more than what became of it.
            Err(error) => way.refused().as_ref().map_or(error, status::tls),
            Ok(client) => {
                tracing::info!(peer = &*self.organisation, "a session with a peer stands");
                self.connected.store(true, Ordering::Relaxed);
                self.note(None);
                if let Some(metrics) = &self.metrics {
                    metrics.connected.set(1);
                }
                *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
                self.lanes(client).await
            }
        }
    }

    async fn establish(&self, endpoint: &Endpoint, way: &Way) -> Result<PeerServiceClient<Channel>> {
        let way = way.clone();
        let connecting = endpoint.connect_with_connector(service_fn(move |_| way.clone().go()));
        let channel = timeout(self.limits.call_deadline, connecting).await;
        let channel = channel.map_err(|_| late("connecting"))?.map_err(|error| {
            Error::retry(Kind::Unavailable, format!("cannot connect: {}", status::root_cause(&error)))
        })?;
        let bytes = self.limits.message_bytes_max as usize;
        let mut client =
            PeerServiceClient::new(channel).max_decoding_message_size(bytes).max_encoding_message_size(bytes);
        let lanes: Vec<Arc<Lane>> = self.lanes.values().cloned().collect();
        if lanes.is_empty() {
            self.hello(&mut client, &[]).await?;
        }
        for part in lanes.chunks(HELLO_LANES) {
            self.hello(&mut client, part).await?;
        }
        Ok(client)
    }

    /// Says Hello for some lanes, and notes which of them the peer refuses.
    async fn hello(&self, client: &mut PeerServiceClient<Channel>, lanes: &[Arc<Lane>]) -> Result<()> {
        let request = v1::HelloRequest {
            version_min: *VERSIONS.start(),
            version_max: *VERSIONS.end(),
            organisation: self.hello.organisation.to_string(),
            lanes: lanes.iter().map(|lane| lane.terms.put()).collect(),
            limits: Some(limits(&self.limits)),
        };
        let answer = timeout(self.limits.call_deadline, client.hello(request)).await;
        let answer = answer.map_err(|_| late("Hello"))?.map_err(|status| status::error(&status))?.into_inner();
        if !VERSIONS.contains(&answer.version) || answer.verdicts.len() != lanes.len() {
            return Err(Error::retry(Kind::PeerMisbehaved, "the answer to Hello does not fit"));
        }
        for (lane, verdict) in lanes.iter().zip(answer.verdicts) {
            if verdict.lane != *lane.terms.lane.0.as_slice() {
                return Err(Error::retry(Kind::PeerMisbehaved, "the answer to Hello names other lanes"));
            }
            let Some(refusal) = verdict.refusal else {
                lane.stand(Standing::Closed);
                continue;
            };
            let kind = status::kind(&refusal.reason).unwrap_or(Kind::PeerRefused);
            tracing::error!(peer = &*self.organisation, lane = %lane.terms.lane, reason = refusal.reason, detail = refusal.detail, "a peer refuses a lane");
            lane.stand(Standing::Refused(kind, format!("{}: {}", refusal.reason, refusal.detail)));
        }
        Ok(())
    }

    /// All lanes' streams, until the connection is lost.
    async fn lanes(self: &Arc<Self>, client: PeerServiceClient<Channel>) -> Error {
        let mut streams = JoinSet::new();
        for lane in self.lanes.values() {
            let (this, lane, client) = (Arc::clone(self), Arc::clone(lane), client.clone());
            streams.spawn(async move { this.keep_lane(lane, client).await });
        }
        match streams.join_next().await {
            Some(Ok(error)) => error,
            Some(Err(error)) => Error::retry(Kind::Unavailable, format!("a stream failed: {error}")),
            // No lane: the connection is kept for pull calls.
            None => std::future::pending().await,
        }
    }

    /// One lane's streams, one after another, until the connection is lost.
    async fn keep_lane(&self, lane: Arc<Lane>, mut client: PeerServiceClient<Channel>) -> Error {
        let mut pauses = delays(&self.limits);
        loop {
            if lane.refused() {
                tokio::time::sleep(status::REFUSED_PAUSE).await;
                // The other side's operator may have changed something.
                if let Err(error) = self.hello(&mut client, std::slice::from_ref(&lane)).await {
                    return error;
                }
                continue;
            }
            let started = Instant::now();
            let ended = lane.run(&mut client, self.limits.call_deadline).await;
            let error = status::error(&ended);
            if status::connection_lost(&ended) {
                return error;
            }
            if started.elapsed() > CALM {
                pauses = delays(&self.limits);
            }
            let pause = pause(&error, &mut pauses, self.limits.reconnect_max);
            tracing::warn!(peer = &*self.organisation, lane = %lane.terms.lane, kind = ?error.kind, detail = %error.detail, pause_ms = pause.as_millis() as u64, "a lane's stream to a peer ended");
            if pause >= status::REFUSED_PAUSE {
                lane.stand(Standing::Refused(error.kind, error.detail.to_string()));
            } else {
                tokio::time::sleep(pause).await;
            }
        }
    }

    fn lane(&self, lane: LaneId) -> Result<&Arc<Lane>> {
        let unknown =
            || Error::stop_lane(Kind::UnknownLane, format!("lane {lane} does not leave to {}", self.organisation));
        self.lanes.get(&lane).ok_or_else(unknown)
    }

    /// How long a call may take.
    pub(super) fn call_deadline(&self) -> Duration {
        self.limits.call_deadline
    }

    pub(super) fn client(&self) -> Result<PeerServiceClient<Channel>> {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        client.ok_or_else(|| Error::retry(Kind::Unavailable, format!("no session with {}", self.organisation)))
    }

    async fn call<T>(&self, call: impl Future<Output = Result<tonic::Response<T>, Status>>) -> Result<T> {
        let answer = timeout(self.limits.call_deadline, call).await.map_err(|_| late("the call"))?;
        answer.map(tonic::Response::into_inner).map_err(|status| status::error(&status))
    }

    /// Bundles of this relayer that wait at the peer, by number.
    ///
    /// # Errors
    /// As classified in [`status`].
    pub async fn pending(&self, lane: LaneId) -> Result<Vec<(u64, Range<u64>)>> {
        let mut found = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListPendingRequest { lane: convert::word(&lane.0), page_size: 0, page_token };
            let mut client = self.client()?;
            let page = self.call(client.list_pending(request)).await?;
            found.extend(page.bundles.iter().map(|bundle| {
                let end = bundle.first_index.saturating_add(u64::from(bundle.entry_count));
                (bundle.number, bundle.first_index..end)
            }));
            page_token = page.next_page_token;
            if page_token.is_empty() || found.len() >= PENDING_MAX {
                return Ok(found);
            }
        }
    }

    /// What the peer says became of a bundle.
    ///
    /// # Errors
    /// As classified in [`status`].
    pub async fn outcome(&self, lane: LaneId, number: u64) -> Result<Outcome> {
        let mut client = self.client()?;
        let request = v1::GetOutcomeRequest { lane: convert::word(&lane.0), number };
        let answer = self.call(client.get_outcome(request)).await?;
        wire::take_outcome(answer.outcome).map_err(|error| Error::retry(Kind::PeerMisbehaved, error.to_string()))
    }

    /// Entries of a lane that leaves from the peer, with a fresh proof. Not verified.
    ///
    /// # Errors
    /// As classified in [`status`].
    pub async fn bundle(&self, lane: LaneId, range: Range<u64>) -> Result<Bundle> {
        let misbehaved = |detail: String| Error::retry(Kind::PeerMisbehaved, detail);
        let count = u32::try_from(range.end.saturating_sub(range.start)).unwrap_or(u32::MAX);
        let mut client = self.client()?;
        let request =
            v1::GetBundleRequest { lane: convert::word(&lane.0), first_index: range.start, entry_count: count };
        let answer = self.call(client.get_bundle(request)).await?;
        let bundle = answer.bundle.ok_or_else(|| misbehaved("no bundle in the answer".into()))?;
        let (_, bundle) = wire::take_bundle(lane, bundle).map_err(|error| misbehaved(error.to_string()))?;
        if bundle.first == range.start && bundle.end() <= range.end {
            return Ok(bundle);
        }
        Err(misbehaved(format!("entries {}..{} instead of {}..{}", bundle.first, bundle.end(), range.start, range.end)))
    }

    /// Why there is no session, if there is none and the last attempt is over.
    #[must_use]
    pub fn trouble(&self) -> Option<(Kind, String)> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, trouble: Option<(Kind, String)>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// The organisation.
    #[must_use]
    pub fn organisation(&self) -> &str {
        &self.organisation
    }
}

fn delays(limits: &Limits) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(limits.reconnect_min)
        .with_max_delay(limits.reconnect_max)
        .with_jitter()
        .without_max_times()
        .build()
}

/// The next pause: growing, but not less than the other side asked for.
fn pause(error: &Error, delays: &mut ExponentialBackoff, max: Duration) -> Duration {
    let delay = delays.next().unwrap_or(max);
    match error.class {
        Class::Retry { after: Some(after) } => delay.max(after),
        _ => delay,
    }
}

fn late(what: &str) -> Error {
    Error::retry(Kind::DeadlineExceeded, format!("{what} took too long"))
}

#[async_trait]
impl Peer for GrpcPeer {
    async fn deliver(&self, number: u64, bundle: &Bundle) -> Result<()> {
        let lane = self.lane(bundle.lane)?;
        let wire = wire::put_bundle(number, bundle)?;
        lane.deliver(wire, self.limits.call_deadline).await
    }

    async fn acknowledgements(&self, lane: LaneId) -> Result<mpsc::Receiver<(u64, Outcome)>> {
        Ok(self.lane(lane)?.answers())
    }

    async fn held(&self, lane: LaneId) -> Result<Vec<Range<u64>>> {
        Ok(self.lane(lane)?.held())
    }

    fn connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }
}
