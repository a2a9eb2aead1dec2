//! The peer listener and the sessions with other organisations' relayers.

use super::build::{Bridge, Parts};
use crate::{
    config::{Config, Role, agreement::End},
    lane::{
        error::{Error, Kind, Result},
        ports::Peer,
        prove::Prover,
        types::Bundle,
    },
    metrics::Metrics,
    peers::{
        accept,
        client::{self, GrpcPeer},
        config::{ListenSettings, PeerSettings},
        connect::Tcp,
        hello::{Agreement, ChainTerms, ClientTerms, Direction, Hello, Terms},
        offers::Offers,
        records::{Journaled, Reprove},
        server::Server,
        tls::Tls,
    },
};
use alloy::primitives::keccak256;
use async_trait::async_trait;
use causeway_core::{LaneId, bounds::MAX_BATCH};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::sync::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// See the module.
pub(super) struct Links {
    pub(super) tls: Arc<Tls>,
    listen: ListenSettings,
    server: Mutex<Option<Server>>,
    peers: BTreeMap<String, Arc<GrpcPeer>>,
    provers: Arc<Provers>,
}

/// Proves entries of lanes that leave from here again, for a peer that asks.
#[derive(Default)]
struct Provers(RwLock<HashMap<LaneId, Arc<Prover>>>);

#[async_trait]
impl Reprove for Provers {
    async fn bundle(&self, lane: LaneId, range: Range<u64>) -> Result<Bundle> {
        let prover = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&lane).cloned();
        let unknown = || Error::retry(Kind::UnknownLane, format!("lane {lane} does not leave from here"));
        let prover = prover.ok_or_else(unknown)?;
        let end = range.end.min(range.start.saturating_add(MAX_BATCH as u64)).min(prover.provable());
        if end <= range.start {
            return Err(Error::retry(
                Kind::NotAvailableYet,
                format!("lane {lane}: index {} is not final", range.start),
            ));
        }
        prover.prove(range.start..end).await
    }
}

impl Links {
    /// Reads certificates, says hello terms, and starts a session with each peer. `None` where no bridge has a peer.
    pub(super) fn open(parts: &Parts, bridges: &[Bridge<'_>]) -> Result<Option<Self>> {
        let Some(listen) = parts.config.listener.clone() else { return Ok(None) };
        let folder = &parts.config.source.folder;
        let listen = absolute_listen(folder, listen);
        let peers: Vec<PeerSettings> = parts.config.peers.iter().map(|p| absolute_peer(folder, p)).collect();
        let tls = Tls::load(listen.clone(), peers.clone())?;
        let hello = Arc::new(hello(&parts.config, bridges));
        let mut sessions = BTreeMap::new();
        for peer in &peers {
            let metrics = parts.metrics.peers.of(&peer.organisation).ok();
            let session = client::connect(
                peer,
                listen.limits.clone(),
                hello.clone(),
                tls.clone(),
                Arc::new(Tcp),
                metrics,
                parts.stop.clone(),
            )?;
            sessions.insert(peer.organisation.clone(), session);
        }
        let reprove = Arc::new(Provers::default());
        let records = Arc::new(Journaled { store: parts.store.clone(), prover: Some(reprove.clone()) });
        let server = Server::new(hello, listen.limits.clone(), tls.clone(), parts.routes.clone(), records)
            .metered(&parts.metrics)
            .map_err(|e| Error::stop_lane(Kind::InvalidConfig, format!("metrics: {e}")))?;
        Ok(Some(Self { tls, listen, server: Mutex::new(Some(server)), peers: sessions, provers: reprove }))
    }

    /// The session with an organisation.
    pub(super) fn peer(&self, organisation: &str) -> Option<Arc<dyn Peer>> {
        self.peers.get(organisation).map(|p| p.clone() as Arc<dyn Peer>)
    }

    /// Bundles of this lane are proven again by `prover`.
    pub(super) fn prove_by(&self, lane: LaneId, prover: Arc<Prover>) {
        self.provers.0.write().unwrap_or_else(PoisonError::into_inner).insert(lane, prover);
    }

    /// All sessions.
    pub(super) fn peers(&self) -> impl Iterator<Item = &Arc<GrpcPeer>> {
        self.peers.values()
    }

    /// All sessions, by organisation.
    pub(super) fn by_name(&self) -> impl Iterator<Item = (String, Arc<GrpcPeer>)> {
        self.peers.iter().map(|(name, peer)| (name.clone(), peer.clone()))
    }

    /// Proposals of swaps that peers make are handed to `offers`. Before the start.
    pub(super) async fn offer(&self, offers: Arc<dyn Offers>) {
        let mut server = self.server.lock().await;
        *server = server.take().map(|server| server.offering(offers));
    }

    /// Starts to listen.
    pub(super) async fn start(&self, tasks: &TaskTracker, metrics: &Metrics, stop: CancellationToken) -> Result<()> {
        let Some(server) = self.server.lock().await.take() else { return Ok(()) };
        let (address, incoming) = accept::listen(self.listen.listen).await.map_err(|e| {
            Error::stop_lane(Kind::InvalidConfig, format!("listener.listen {}: {e}", self.listen.listen))
        })?;
        tracing::info!(%address, "listening for peers");
        super::start(tasks, metrics, ("certificates", "process"), self.tls.clone().watch(stop.clone()));
        super::start(tasks, metrics, ("peers", "process"), async move {
            if let Err(e) = server.serve(incoming, stop).await {
                tracing::error!(kind = e.kind.name(), detail = %e.detail, "the peer listener ended");
            }
        });
        Ok(())
    }
}

fn absolute_listen(folder: &Path, mut listen: ListenSettings) -> ListenSettings {
    listen.certificate = folder.join(&listen.certificate);
    listen.key = folder.join(&listen.key);
    listen
}

fn absolute_peer(folder: &Path, peer: &PeerSettings) -> PeerSettings {
    let mut peer = peer.clone();
    peer.ca = folder.join(&peer.ca);
    peer.revocations = peer.revocations.map(|path| folder.join(path));
    peer
}

/// What this relayer says of itself: its lanes with peers, and what both must hold alike about each.
fn hello(config: &Config, bridges: &[Bridge<'_>]) -> Hello {
    let mut lanes = Vec::new();
    for bridge in bridges {
        let Some(peer) = &bridge.config.peer else { continue };
        for lane in &bridge.lanes {
            let direction = match lane.role {
                Role::Source => Direction::Out,
                Role::Destination => Direction::In,
                Role::Both => continue,
            };
            let (source, destination) = (&bridge.agreement.ends[lane.from], &bridge.agreement.ends[1 - lane.from]);
            let terms = terms(lane.id(), source, destination, &bridge.agreement.fingerprint().to_string());
            lanes.push(Agreement { peer: peer.as_str().into(), direction, terms });
        }
    }
    Hello { organisation: config.organisation.as_str().into(), lanes }
}

fn terms(lane: LaneId, source: &End, destination: &End, fingerprint: &str) -> Terms {
    let chain = |end: &End| ChainTerms { chain: end.chain.clone(), genesis: end.genesis };
    let parameters = [
        ("consensus", source.consensus.clone()),
        ("trusting_period", source.trusting_period.to_string()),
        ("clock_drift", source.clock_drift.to_string()),
        ("freeze_delay", source.freeze_delay.to_string()),
    ];
    Terms {
        lane,
        source: chain(source),
        destination: chain(destination),
        client: ClientTerms {
            family: "bft-evm".into(),
            parameters: parameters.map(|(name, value)| (name.to_owned(), value)).into(),
            pinned_height: source.pinned.height,
            pinned_hash: source.pinned.hash,
        },
        // The agreement holds assets and caps: its fingerprint stands for them.
        caps: keccak256(fingerprint.as_bytes()),
    }
}
