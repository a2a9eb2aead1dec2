//! Two organisations over real sockets and real mutual TLS.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod certificates;
mod floods;
mod frames;
mod hostile;
mod identities;
mod lanes;
mod pki;
mod sessions;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use alloy::primitives::{B256, U256};
use bytes::Bytes;
use causeway_core::{Body, Entry, LaneId, Transfer};
use causeway_proto::peer::v1::peer_service_client::PeerServiceClient;
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::{
    net::TcpStream,
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use self::pki::{Authority, Issued};
use super::{
    accept,
    client::{self, GrpcPeer},
    config::{Limits, ListenSettings, PeerSettings},
    connect::Tcp,
    hello::{Agreement, ChainTerms, ClientTerms, Direction, Hello, Terms},
    records::Journaled,
    routes::Routes,
    server::Server,
    tls::Tls,
};
use crate::{
    lane::{
        ports::{Inbound, Peer},
        types::{Bundle, Run},
    },
    store::Store,
};

/// No test waits longer for something that must happen.
const SOON: Duration = Duration::from_secs(10);

fn name(org: &str) -> String {
    format!("relayer.{org}.internal")
}

fn lane(byte: u8) -> LaneId {
    LaneId(B256::repeat_byte(byte))
}

fn terms(byte: u8) -> Terms {
    Terms {
        lane: lane(byte),
        source: ChainTerms { chain: "eip155:1001".into(), genesis: B256::repeat_byte(11) },
        destination: ChainTerms { chain: "eip155:1002".into(), genesis: B256::repeat_byte(12) },
        client: ClientTerms {
            family: "bft-evm".into(),
            parameters: BTreeMap::from([("mode".into(), "qbft".into()), ("trusting-period".into(), "1209600".into())]),
            pinned_height: 100,
            pinned_hash: B256::repeat_byte(13),
        },
        caps: B256::repeat_byte(14),
    }
}

fn hello(organisation: &str, lanes: &[(&str, Direction, Terms)]) -> Arc<Hello> {
    let lanes = lanes.iter().map(|(peer, direction, terms)| Agreement {
        peer: (*peer).into(),
        direction: *direction,
        terms: terms.clone(),
    });
    Arc::new(Hello { organisation: organisation.into(), lanes: lanes.collect() })
}

fn bundle(lane: LaneId, range: Range<u64>) -> Bundle {
    let entry = |index| Entry {
        lane,
        index,
        body: Body::Transfer(Transfer {
            asset: B256::repeat_byte(2),
            amount: U256::from(index),
            sender: B256::repeat_byte(3),
            recipient: B256::repeat_byte(4),
            timeout: 1_900_000_000,
            memo: B256::ZERO,
        }),
    };
    let count = (range.end - range.start) as u16;
    Bundle {
        lane,
        first: range.start,
        entries: range.map(entry).collect(),
        source_height: 77,
        update: Bytes::from_static(b"update"),
        state_proof: Bytes::from_static(b"proof"),
        runs: vec![Run { peak: 5, count, siblings: vec![B256::repeat_byte(9); 3] }],
    }
}

/// Short pauses, so that tests end soon.
fn limits() -> Limits {
    Limits {
        lane_credits: 4,
        call_deadline: Duration::from_secs(3),
        handshake_deadline: Duration::from_secs(2),
        reconnect_min: Duration::from_millis(20),
        reconnect_max: Duration::from_millis(200),
        ..Limits::default()
    }
}

/// Organisations `a`, `b` and `c`, each with its CA and its relayer's certificate on disk.
struct World {
    folder: tempfile::TempDir,
    authorities: BTreeMap<&'static str, Authority>,
}

impl World {
    fn new() -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            authorities: ["a", "b", "c"].map(|org| (org, Authority::new(org))).into(),
        };
        for (org, authority) in &world.authorities {
            std::fs::write(world.path(&format!("{org}-ca.pem")), authority.pem()).unwrap();
            world.write(org, &authority.issue(&name(org)));
        }
        world
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Puts a certificate and key in place as the organisation's own.
    fn write(&self, org: &str, issued: &Issued) {
        std::fs::write(self.path(&format!("{org}.pem")), &issued.certificate).unwrap();
        std::fs::write(self.path(&format!("{org}-key.pem")), &issued.key).unwrap();
    }

    fn listen_settings(&self, org: &str, limits: Limits) -> ListenSettings {
        ListenSettings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            certificate: self.path(&format!("{org}.pem")),
            key: self.path(&format!("{org}-key.pem")),
            limits,
            plaintext_for_development: None,
        }
    }

    fn peer_settings(&self, org: &str, address: SocketAddr) -> PeerSettings {
        PeerSettings {
            organisation: org.into(),
            address: format!("https://{address}"),
            certificate_name: name(org),
            ca: self.path(&format!("{org}-ca.pem")),
            revocations: None,
            plaintext_for_development: false,
        }
    }

    fn tls(&self, org: &str, peers: &[&str], limits: Limits) -> Arc<Tls> {
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let peers = peers.iter().map(|peer| self.peer_settings(peer, nowhere)).collect();
        Tls::load(self.listen_settings(org, limits), peers).unwrap()
    }

    /// The listener of `b` for callers `a` and `c`, on a port of its own or on `port`.
    async fn serve(&self, hello: Arc<Hello>, limits: Limits, port: u16) -> End {
        let tls = self.tls("b", &["a", "c"], limits.clone());
        End::start(hello, limits, tls, self.path("store-b"), port).await
    }

    /// `a` as a client of `b`.
    fn connect(&self, address: SocketAddr, hello: Arc<Hello>, limits: Limits) -> (Arc<GrpcPeer>, Arc<Tls>, Stop) {
        let tls = self.tls("a", &["b"], limits.clone());
        let stop = CancellationToken::new();
        let peer = self.peer_settings("b", address);
        let peer = client::connect(&peer, limits, hello, Arc::clone(&tls), Arc::new(Tcp), None, stop.clone());
        (peer.unwrap(), tls, Stop(stop))
    }

    /// A client of `b` that does what it likes, with this certificate.
    async fn raw(
        &self,
        address: SocketAddr,
        issued: &Issued,
    ) -> Result<PeerServiceClient<Channel>, tonic::transport::Error> {
        let roots = &self.authorities["b"].pem();
        Ok(PeerServiceClient::new(channel(address, client_config(roots, issued), &name("b")).await?))
    }
}

/// Ends what it stands for when dropped.
struct Stop(CancellationToken);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A running listener.
struct End {
    address: SocketAddr,
    routes: Routes,
    store: Arc<Store>,
    tls: Arc<Tls>,
    stop: Stop,
    served: tokio::task::JoinHandle<crate::lane::error::Result<()>>,
}

impl End {
    async fn start(hello: Arc<Hello>, limits: Limits, tls: Arc<Tls>, store: impl AsRef<Path>, port: u16) -> Self {
        let (address, listener) = accept::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.unwrap();
        let store = Arc::new(Store::open(store.as_ref()).unwrap());
        let routes = Routes::default();
        let records = Arc::new(Journaled { store: Arc::clone(&store), prover: None });
        let stop = CancellationToken::new();
        let server = Server::new(hello, limits, Arc::clone(&tls), routes.clone(), records);
        let served = tokio::spawn(server.serve(listener, stop.clone()));
        Self { address, routes, store, tls, stop: Stop(stop), served }
    }

    /// Ends the listener and waits until its port and store are free.
    async fn end(self) {
        self.stop.0.cancel();
        timeout(SOON, self.served).await.unwrap().unwrap().unwrap();
    }
}

fn client_config(roots_pem: &str, issued: &Issued) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(roots_pem.as_bytes()).unwrap()).unwrap();
    let chain = CertificateDer::pem_slice_iter(issued.certificate.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

async fn channel(address: SocketAddr, config: ClientConfig, server: &str) -> Result<Channel, tonic::transport::Error> {
    let config = Arc::new(config);
    let server = ServerName::try_from(server.to_owned()).unwrap();
    let connector = tower::service_fn(move |_| {
        let (config, server) = (Arc::clone(&config), server.clone());
        async move {
            let stream = TcpStream::connect(address).await?;
            let stream = tokio_rustls::TlsConnector::from(config).connect(server, stream).await?;
            Ok::<_, std::io::Error>(TokioIo::new(stream))
        }
    });
    Endpoint::from_static("http://relayer.b.internal").connect_with_connector(connector).await
}

/// Waits until `what` holds.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < SOON, "never: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn next<T>(queue: &mut mpsc::Receiver<T>) -> T {
    timeout(SOON, queue.recv()).await.expect("in time").expect("an item")
}

/// One lane from `a` to `b`, both ends up.
async fn pair(world: &World, limits: Limits) -> (End, mpsc::Receiver<Inbound>, Arc<GrpcPeer>, Stop) {
    let end = world.serve(hello("b", &[("a", Direction::In, terms(1))]), limits.clone(), 0).await;
    let inbox = end.routes.attach(lane(1), limits.lane_credits as usize);
    let (peer, _, stop) = world.connect(end.address, hello("a", &[("b", Direction::Out, terms(1))]), limits);
    let connected = Arc::clone(&peer);
    eventually("connected", || connected.connected()).await;
    (end, inbox, peer, stop)
}
