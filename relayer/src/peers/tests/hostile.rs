//! A peer that answers what no honest relayer would; one process with both ends; what metrics show.

use causeway_proto::peer::v1::{
    self,
    peer_service_server::{PeerService, PeerServiceServer},
    stream_lane_response::Frame,
};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

use super::{
    super::{local::LocalPeer, wire},
    *,
};
use crate::{
    lane::{error::Kind, ports::Journal, types::Outcome},
    metrics::Metrics,
};

/// Grants endless credit, claims to hold everything, and answers for bundles that were never sent.
struct Liar;

#[tonic::async_trait]
impl PeerService for Liar {
    type StreamLaneStream = ReceiverStream<Result<v1::StreamLaneResponse, Status>>;

    async fn hello(&self, request: Request<v1::HelloRequest>) -> Result<Response<v1::HelloResponse>, Status> {
        let lanes = request.into_inner().lanes.into_iter();
        let verdicts = lanes.map(|terms| v1::LaneVerdict { lane: terms.lane, refusal: None }).collect();
        Ok(Response::new(v1::HelloResponse { version: 1, verdicts, ..Default::default() }))
    }

    async fn stream_lane(
        &self,
        _: Request<Streaming<v1::StreamLaneRequest>>,
    ) -> Result<Response<Self::StreamLaneStream>, Status> {
        let (out, frames) = mpsc::channel(16);
        tokio::spawn(async move {
            let held = Some(v1::RangesHeld { bounds: vec![0, u64::MAX] });
            let opened = Frame::Opened(v1::LaneOpened { credits: u32::MAX, held });
            out.send(Ok(v1::StreamLaneResponse { frame: Some(opened) })).await.unwrap();
            loop {
                let credit = Frame::Credit(v1::Credit { bundles: u32::MAX });
                let _ = out.send(Ok(v1::StreamLaneResponse { frame: Some(credit) })).await;
                for outcome in [Outcome::Received, Outcome::Final { tx: B256::ZERO, block: 1 }] {
                    if out.send(Ok(wire::acknowledge(1_000_000_000, &outcome))).await.is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(frames)))
    }

    async fn list_pending(
        &self,
        _: Request<v1::ListPendingRequest>,
    ) -> Result<Response<v1::ListPendingResponse>, Status> {
        // A page that always has another.
        let bundles = vec![v1::PendingBundle { number: 1, first_index: u64::MAX, entry_count: 9 }; 1000];
        Ok(Response::new(v1::ListPendingResponse { bundles, next_page_token: "1".into() }))
    }

    async fn get_outcome(&self, _: Request<v1::GetOutcomeRequest>) -> Result<Response<v1::GetOutcomeResponse>, Status> {
        Ok(Response::new(v1::GetOutcomeResponse { outcome: None }))
    }

    async fn offer_swap(&self, _: Request<v1::OfferSwapRequest>) -> Result<Response<v1::OfferSwapResponse>, Status> {
        Ok(Response::new(v1::OfferSwapResponse::default()))
    }

    async fn answer_swap(&self, _: Request<v1::AnswerSwapRequest>) -> Result<Response<v1::AnswerSwapResponse>, Status> {
        Ok(Response::new(v1::AnswerSwapResponse {}))
    }

    async fn get_bundle(&self, _: Request<v1::GetBundleRequest>) -> Result<Response<v1::GetBundleResponse>, Status> {
        let bundle = wire::put_bundle(1, &bundle(lane(1), 50..60)).ok();
        Ok(Response::new(v1::GetBundleResponse { bundle }))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_086_a_lying_peer_moves_no_bound() {
    let world = World::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tonic::transport::Server::builder().add_service(PeerServiceServer::new(Liar));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let mut listen = world.listen_settings("a", limits());
    listen.plaintext_for_development = Some("b".into());
    let mut b = world.peer_settings("b", address);
    (b.plaintext_for_development, b.address) = (true, format!("http://{address}"));
    let tls = Tls::load(listen, vec![b.clone()]).unwrap();
    let stop = Stop(CancellationToken::new());
    let own = hello("a", &[("b", Direction::Out, terms(1))]);
    let metrics = Metrics::new().unwrap().peers.of("b").unwrap();
    let short = Limits { call_deadline: Duration::from_secs(2), ..limits() };
    let peer = client::connect(&b, short, own, tls, Arc::new(Tcp), Some(metrics.clone()), stop.0.clone()).unwrap();
    let mut answers = peer.acknowledgements(lane(1)).await.unwrap();
    // Answers for numbers that were never sent make no room: this side's own bound holds.
    for number in 1..=4 {
        peer.deliver(number, &bundle(lane(1), number..number + 1)).await.unwrap();
    }
    let full = peer.deliver(5, &bundle(lane(1), 5..6)).await.unwrap_err();
    // The stream may just be shut for its many answers.
    assert!(matches!(full.kind, Kind::RateLimited | Kind::Unavailable), "{full}");
    eventually("endless answers end the stream", || !metrics.credits.get().is_positive()).await;
    // A lane that reads nothing has a bounded queue; what it gets is the peer's word and named as such.
    let mut heard = 0;
    while let Ok((number, _)) = answers.try_recv() {
        assert_eq!(number, 1_000_000_000);
        heard += 1;
    }
    assert!((1..=1024).contains(&heard), "{heard}");
    // A list without an end has one here; answers that do not fit are refused.
    assert_eq!(peer.pending(lane(1)).await.unwrap().len(), 100_000);
    assert_eq!(peer.outcome(lane(1), 1).await.unwrap_err().kind, Kind::PeerMisbehaved);
    assert_eq!(peer.bundle(lane(1), 0..10).await.unwrap_err().kind, Kind::PeerMisbehaved);
    assert_eq!(peer.bundle(lane(1), 50..55).await.unwrap_err().kind, Kind::PeerMisbehaved);
    peer.bundle(lane(1), 50..60).await.unwrap();
}

#[tokio::test]
async fn one_process_may_be_both_ends() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path()).unwrap());
    store.received("a", 1, &bundle(lane(1), 3..7)).unwrap();
    let routes = Routes::default();
    let peer = LocalPeer::new(routes.clone(), Arc::new(Journaled { store, prover: None }), Duration::from_millis(100));
    assert_eq!(peer.deliver(1, &bundle(lane(1), 0..5)).await.unwrap_err().kind, Kind::Unavailable);
    let mut inbox = routes.attach(lane(1), 1);
    let mut answers = peer.acknowledgements(lane(1)).await.unwrap();
    peer.deliver(1, &bundle(lane(1), 0..5)).await.unwrap();
    assert_eq!(peer.deliver(2, &bundle(lane(1), 5..9)).await.unwrap_err().kind, Kind::RateLimited);
    let inbound = next(&mut inbox).await;
    assert_eq!((inbound.number, &inbound.bundle), (1, &bundle(lane(1), 0..5)));
    inbound.answer.try_send((1, Outcome::Received)).unwrap();
    assert_eq!(next(&mut answers).await, (1, Outcome::Received));
    assert_eq!(peer.held(lane(1)).await.unwrap().first(), Some(&(3..7)));
    routes.detach(lane(1));
    assert_eq!(peer.deliver(3, &bundle(lane(1), 5..9)).await.unwrap_err().kind, Kind::Unavailable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_show_both_ends() {
    let world = World::new();
    let (here, there) = (Metrics::new().unwrap(), Metrics::new().unwrap());
    let tls = world.tls("b", &["a"], limits());
    let (address, listener) = accept::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let store = Arc::new(Store::open(&world.path("store")).unwrap());
    let (routes, records) = (Routes::default(), Arc::new(Journaled { store, prover: None }));
    let mut inbox = routes.attach(lane(1), 4);
    let stop = Stop(CancellationToken::new());
    let own = hello("b", &[("a", Direction::In, terms(1))]);
    let server = Server::new(own, limits(), Arc::clone(&tls), routes, records).metered(&there).unwrap();
    tokio::spawn(server.serve(listener, stop.0.clone()));

    let own = hello("a", &[("b", Direction::Out, terms(1))]);
    let metrics = here.peers.of("b").unwrap();
    let tls_a = world.tls("a", &["b"], limits());
    let b = world.peer_settings("b", address);
    let peer = client::connect(&b, limits(), own, tls_a, Arc::new(Tcp), Some(metrics.clone()), stop.0.clone()).unwrap();
    peer.deliver(1, &bundle(lane(1), 0..5)).await.unwrap();
    let inbound = next(&mut inbox).await;
    assert_eq!(metrics.connected.get(), 1);
    assert_eq!(metrics.in_flight_bundles.get(), 1);
    eventually("a credit is used", || metrics.credits.get() == 3).await;
    inbound.answer.try_send((1, Outcome::Received)).unwrap();
    eventually("and comes back", || metrics.credits.get() == 4 && metrics.in_flight_bundles.get() == 0).await;

    let listener = there.listeners.of("peer").unwrap();
    assert_eq!(listener.connections.get(), 1);
    assert!(listener.requests_total.get() >= 2);
    let seen = there.peers.of("a").unwrap();
    assert_eq!(seen.frames_total.at(crate::metrics::labels::Direction::In).get(), 1);
    tls.report(&there, std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    drop(stop);
    eventually("closed", || listener.connections.get() == 0 && metrics.connected.get() == 0).await;
    eventually("no credits without a session", || metrics.credits.get() == 0).await;
}
