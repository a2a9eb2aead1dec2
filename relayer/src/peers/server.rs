//! The listener for peers: its services, their limits, and its end.

use std::{collections::HashMap, io, sync::Arc, time::Duration};

use causeway_proto::{DESCRIPTORS, peer::v1::peer_service_server::PeerServiceServer};
use futures::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{codec::CompressionEncoding, service::InterceptorLayer};

use super::{
    accept::{self, Io},
    config::Limits,
    hello::Hello,
    offers::Offers,
    records::Records,
    routes::Routes,
    service::{KnownOnly, Overruns, Service, Shared},
    tls::Tls,
};
use crate::{
    lane::error::{Error, Kind, Result},
    metrics::{
        Metrics,
        peer::{ListenerMetrics, PeerMetrics},
    },
};

/// Headers of a call: a method name and a handful of numbers.
const HEADER_BYTES_MAX: u32 = 16 << 10;

/// Calls beside the lanes' streams on one connection.
const CALLS_MAX: u32 = 64;

/// Resets that a caller may have waiting (CVE-2023-44487).
const RESETS_MAX: usize = 32;

/// How long streams may take to end at shutdown.
const END_MAX: Duration = Duration::from_secs(5);

/// The listener for peers.
#[allow(missing_debug_implementations)]
pub struct Server {
    hello: Arc<Hello>,
    limits: Limits,
    tls: Arc<Tls>,
    routes: Routes,
    records: Arc<dyn Records>,
    offers: Option<Arc<dyn Offers>>,
    meters: Meters,
}

/// Metrics of the listener and of each organisation.
#[derive(Clone, Default)]
pub(super) struct Meters {
    pub(super) listener: Option<ListenerMetrics>,
    peers: HashMap<Arc<str>, PeerMetrics>,
}

impl Meters {
    pub(super) fn peer(&self, organisation: &str) -> Option<&PeerMetrics> {
        self.peers.get(organisation)
    }
}

impl Server {
    /// A listener that judges callers by `hello` and `tls`, and hands bundles to `routes`.
    #[must_use]
    pub fn new(hello: Arc<Hello>, limits: Limits, tls: Arc<Tls>, routes: Routes, records: Arc<dyn Records>) -> Self {
        Self { hello, limits, tls, routes, records, offers: None, meters: Meters::default() }
    }

    /// Hands proposals of swaps to `offers`; without it they are refused.
    #[must_use]
    pub fn offering(mut self, offers: Arc<dyn Offers>) -> Self {
        self.offers = Some(offers);
        self
    }

    /// Counts in `metrics`, for all organisations of the Hello.
    ///
    /// # Errors
    /// The registry's.
    pub fn metered(mut self, metrics: &Metrics) -> prometheus::Result<Self> {
        self.meters.listener = Some(metrics.listeners.of("peer")?);
        for agreement in &self.hello.lanes {
            self.meters.peers.insert(Arc::clone(&agreement.peer), metrics.peers.of(&agreement.peer)?);
        }
        Ok(self)
    }

    /// Serves what comes from `listener` until `shutdown`.
    ///
    /// # Errors
    /// `Unavailable`: the listener ended by itself. `InvalidConfig`: reflection could not be built.
    pub async fn serve<L, S>(self, listener: L, shutdown: CancellationToken) -> Result<()>
    where
        L: Stream<Item = io::Result<S>> + Send + Unpin + 'static,
        S: Io,
    {
        let limits = self.limits.clone();
        let connections = accept::accept(listener, self.tls, &limits, self.meters.listener.clone(), shutdown.clone());
        let lanes = u32::try_from(self.hello.lanes.len()).unwrap_or(u32::MAX);
        let shared = Shared {
            hello: self.hello,
            limits: limits.clone(),
            routes: self.routes,
            records: self.records,
            offers: self.offers,
            overruns: Overruns::default(),
            meters: self.meters.clone(),
            shutdown: shutdown.clone(),
        };
        let bytes = limits.message_bytes_max as usize;
        let mut peers = PeerServiceServer::new(Service(Arc::new(shared)))
            .max_decoding_message_size(bytes)
            .max_encoding_message_size(bytes);
        if limits.compression {
            peers = peers.accept_compressed(CompressionEncoding::Gzip);
        }
        let (health, healthy) = tonic_health::server::health_reporter();
        health.set_serving::<PeerServiceServer<Service>>().await;
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .with_service_name("causeway.peer.v1.PeerService")
            .build_v1()
            .map_err(|error| Error::stop_lane(Kind::InvalidConfig, format!("reflection: {error}")))?;
        let server = tonic::transport::Server::builder()
            .timeout(limits.call_deadline)
            .max_concurrent_streams(lanes.saturating_add(CALLS_MAX))
            .http2_keepalive_interval(Some(limits.keepalive_interval))
            .http2_keepalive_timeout(Some(limits.keepalive_deadline))
            .http2_max_header_list_size(HEADER_BYTES_MAX)
            .http2_max_pending_accept_reset_streams(Some(RESETS_MAX))
            .max_connection_age(limits.connection_age_max)
            .max_connection_age_grace(END_MAX)
            .layer(InterceptorLayer::new(KnownOnly(self.meters.listener)))
            .add_service(peers)
            .add_service(healthy)
            .add_service(reflection)
            .serve_with_incoming_shutdown(connections, shutdown.clone().cancelled_owned());
        let ended = tokio::select! {
            ended = server => ended,
            () = async { shutdown.cancelled().await; tokio::time::sleep(END_MAX).await } => Ok(()),
        };
        match ended {
            Ok(()) if shutdown.is_cancelled() => Ok(()),
            Ok(()) => Err(Error::retry(Kind::Unavailable, "the peer listener ended")),
            Err(error) => Err(Error::retry(Kind::Unavailable, format!("the peer listener failed: {error}"))),
        }
    }
}
