//! The service for exchanges and wallets, on a listener of its own: swaps between two parties that each know only their own
//! relayer, and transfers. The relayer says what to sign and holds no key of a caller.
//!
//! - `callers` who calls and may do what, `limits` how often; `refused` why not, as a status;
//! - `bridges` and `terms` names to facts and back; `record` what is remembered of a swap, `state` all of them;
//! - `desk` the one task that changes them; `follow` proven facts to it, `courier` proposals to the other relayer;
//! - `show` and `stream` what callers see; `signing`, `quote`, `transfers` what else they ask; `service` the calls.
//!
//! A state comes from the lane's book of swaps, which takes proven facts alone. What a client or a peer says is kept as
//! what it is, a word between the parties, and settles nothing.

pub(crate) mod bridges;
mod callers;
mod courier;
mod desk;
mod follow;
mod limits;
mod quote;
mod record;
mod refused;
mod service;
mod show;
mod signing;
mod state;
mod stream;
mod terms;
#[cfg(test)]
mod tests;
mod transfers;

use super::config::ApiConfig;
use crate::{
    lane::{
        error::{Error, Kind, Result},
        ports::{Clock, Journal},
    },
    metrics::Metrics,
    peers::{accept, client::GrpcPeer, offers::Offers, tls::Tls},
    store::Store,
};
use alloy::primitives::B256;
use async_trait::async_trait;
use bridges::Bridges;
use causeway_core::Terms;
use causeway_proto::{DESCRIPTORS, exchange::v1::exchange_service_server::ExchangeServiceServer};
use desk::{Desk, Waiting};
use service::{KnownOnly, Service};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Status, service::InterceptorLayer};

/// Largest request: terms and a signed transaction.
const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// Headers of a call: a method name and a token.
const HEADER_BYTES_MAX: u32 = 16 << 10;
/// Streams and calls at once on one connection.
const STREAMS_MAX: u32 = 1024;
/// Resets that a caller may have waiting (CVE-2023-44487).
const RESETS_MAX: usize = 32;
/// How long streams may take to end at shutdown.
const END_MAX: Duration = Duration::from_secs(5);

/// What the service needs of the rest of the relayer.
pub(crate) struct Parts {
    pub(crate) config: ApiConfig,
    pub(crate) bridges: Bridges,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
}

/// The service, before it listens.
pub(crate) struct Exchange {
    config: ApiConfig,
    desk: Arc<Desk>,
    waiting: Waiting,
    callers: Arc<callers::Callers>,
    journal: Arc<dyn Journal>,
    metrics: Arc<Metrics>,
    tls: Arc<Tls>,
}

impl Exchange {
    /// Reads what is remembered, certificates and tokens. Blocks.
    ///
    /// # Errors
    /// `InvalidConfig`, `Store`.
    pub(crate) fn open(parts: Parts) -> Result<Self> {
        let (listen, callers) = parts.config.listener();
        let tls = Tls::load_optional(listen, callers)?;
        let callers = Arc::new(callers::Callers::load(&parts.config)?);
        let (desk, waiting) = Desk::open(parts.bridges, parts.config.limits.clone(), parts.clock, parts.store)?;
        let (config, journal, metrics) = (parts.config, parts.journal, parts.metrics);
        Ok(Self { config, desk, waiting, callers, journal, metrics, tls })
    }

    /// Takes what peers say of swaps.
    pub(crate) fn offers(&self) -> Arc<dyn Offers> {
        Arc::new(AtDesk(self.desk.clone()))
    }

    /// Listens, and starts the tasks of the service. `peers` are the sessions by organisation. Gives the address.
    ///
    /// # Errors
    /// `InvalidConfig`: the address.
    pub(crate) async fn start(
        self,
        peers: Vec<(String, Arc<GrpcPeer>)>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<SocketAddr> {
        let at = self.config.listen;
        let invalid = |e: String| Error::stop_lane(Kind::InvalidConfig, format!("api.listen {at}: {e}"));
        let (address, incoming) = accept::listen(at).await.map_err(|e| invalid(e.to_string()))?;
        let shown = self.metrics.listeners.of("api").map_err(|e| invalid(e.to_string()))?;
        let (desk, callers) = (self.desk, self.callers);
        tasks.spawn(desk.clone().run(self.waiting, stop.clone()));
        for bridge in &desk.bridges.0 {
            tasks.spawn(follow::book(desk.clone(), bridge.clone(), stop.clone()));
            tasks.spawn(follow::clocks(desk.clone(), bridge.clone(), stop.clone()));
        }
        tasks.spawn(follow::expire(desk.clone(), stop.clone()));
        for (organisation, peer) in peers {
            tasks.spawn(courier::carry(desk.clone(), organisation, peer, stop.clone()));
        }
        let (tls, ended) = (self.tls.clone(), stop.clone());
        tasks.spawn(async move { tls.watch(ended).await });
        let (watched, ended) = (callers.clone(), stop.clone());
        tasks.spawn(async move { watched.watch(ended).await });

        let limits = self.config.listener().0.limits;
        let connections = accept::accept(incoming, self.tls, &limits, Some(shown.clone()), stop.clone());
        let service = Service {
            transfers: transfers::Transfers { desk: desk.clone(), journal: self.journal },
            desk,
            callers: callers.clone(),
            limiter: Arc::new(limits::Limiter::new(self.config.limits)),
            stop: stop.clone(),
        };
        let exchange = ExchangeServiceServer::new(service).max_decoding_message_size(MAX_REQUEST_BYTES);
        let (health, healthy) = tonic_health::server::health_reporter();
        health.set_serving::<ExchangeServiceServer<Service>>().await;
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .with_service_name("causeway.exchange.v1.ExchangeService")
            .build_v1()
            .map_err(|e| invalid(format!("reflection: {e}")))?;
        let server = tonic::transport::Server::builder()
            .timeout(limits.call_deadline)
            .max_concurrent_streams(STREAMS_MAX)
            .http2_keepalive_interval(Some(limits.keepalive_interval))
            .http2_keepalive_timeout(Some(limits.keepalive_deadline))
            .http2_max_header_list_size(HEADER_BYTES_MAX)
            .http2_max_pending_accept_reset_streams(Some(RESETS_MAX))
            .max_connection_age(limits.connection_age_max)
            .max_connection_age_grace(END_MAX)
            .layer(InterceptorLayer::new(KnownOnly(callers, Some(shown))))
            .add_service(exchange)
            .add_service(healthy)
            .add_service(reflection);
        let serving = server.serve_with_incoming_shutdown(connections, stop.clone().cancelled_owned());
        tasks.spawn(async move {
            let ended = tokio::select! {
                ended = serving => ended,
                () = async { stop.cancelled().await; tokio::time::sleep(END_MAX).await } => Ok(()),
            };
            if let Err(error) = ended {
                tracing::error!(%error, "the api listener failed");
            }
        });
        tracing::info!(%address, "listening for exchanges");
        Ok(address)
    }
}

/// The desk as peers reach it.
struct AtDesk(Arc<Desk>);

#[async_trait]
impl Offers for AtDesk {
    async fn offered(&self, organisation: &str, terms: Terms, leg: u8) -> Result<B256, Status> {
        Ok(self.0.offered(organisation, terms, leg).await?)
    }

    async fn answered(
        &self,
        organisation: &str,
        id: B256,
        terms: Terms,
        cancelled: Option<&str>,
    ) -> Result<(), Status> {
        let answer = cancelled.map_or(record::Answer::Accepted, |why| record::Answer::Cancelled(record::comment(why)));
        Ok(self.0.answered(organisation, id, terms, answer).await?)
    }
}
