//! What a lane does between two honest relayers.

use super::*;
use crate::lane::{error::Kind, ports::Journal, types::Outcome};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bundles_and_all_outcomes_cross() {
    let world = World::new();
    let (end, mut inbox, peer, _stop) = pair(&world, limits()).await;
    let mut answers = peer.acknowledgements(lane(1)).await.unwrap();
    let sent = bundle(lane(1), 5..55);
    peer.deliver(7, &sent).await.unwrap();
    let Inbound { number, bundle, answer } = next(&mut inbox).await;
    assert_eq!((number, &bundle), (7, &sent));
    let (tx, detail) = (B256::repeat_byte(1), "expected 1, found 2".to_owned());
    let told = [
        Outcome::Received,
        Outcome::Submitted { tx },
        Outcome::Final { tx, block: 9 },
        Outcome::Rejected { kind: Kind::Refused, detail },
    ];
    for outcome in &told {
        answer.try_send((7, outcome.clone())).unwrap();
    }
    for outcome in told {
        assert_eq!(next(&mut answers).await, (7, outcome.clone()));
    }
    let last = peer.outcome(lane(1), 7).await.unwrap();
    assert!(matches!(last, Outcome::Rejected { kind: Kind::Refused, .. }));
    let refused = peer.outcome(lane(1), 8).await.unwrap_err();
    assert_eq!((refused.kind, refused.is_retry()), (Kind::NotAvailableYet, true));
    end.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pull_calls_tell_what_waits() {
    let world = World::new();
    let (end, _inbox, peer, _stop) = pair(&world, limits()).await;
    assert!(peer.pending(lane(1)).await.unwrap().is_empty());
    for number in 1..=1003u64 {
        end.store.received("a", number, &bundle(lane(1), number * 2..number * 2 + 2)).unwrap();
        if number == 3 {
            end.store.received("c", number, &bundle(lane(1), 0..1)).unwrap();
        }
    }
    let pending = peer.pending(lane(1)).await.unwrap();
    assert_eq!(pending.len(), 1003, "over two pages, and of the caller alone");
    assert_eq!((pending[0].clone(), pending[1002].clone()), ((1, 2..4), (1003, 2006..2008)));
    // Nobody proves here.
    assert_eq!(peer.bundle(lane(1), 0..5).await.unwrap_err().kind, Kind::UnknownLane);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_is_proven_again_for_its_receiver_alone() {
    struct Prover;
    #[async_trait::async_trait]
    impl super::super::records::Reprove for Prover {
        async fn bundle(&self, lane: LaneId, range: Range<u64>) -> crate::lane::error::Result<Bundle> {
            if range.start >= 120 {
                return Err(crate::lane::error::Error::retry(Kind::NotAvailableYet, "no such entries yet"));
            }
            Ok(bundle(lane, range.start..range.end.min(120)))
        }
    }
    let world = World::new();
    let tls = world.tls("b", &["a", "c"], limits());
    let (address, listener) = accept::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let store = Arc::new(Store::open(&world.path("store")).unwrap());
    let records = Arc::new(Journaled { store, prover: Some(Arc::new(Prover)) });
    let stop = Stop(CancellationToken::new());
    // Lane 2 leaves from b to a, lane 3 from b to c.
    let own = hello("b", &[("a", Direction::Out, terms(2)), ("c", Direction::Out, terms(3))]);
    let server = Server::new(own, limits(), tls, Routes::default(), records);
    tokio::spawn(server.serve(listener, stop.0.clone()));
    let (peer, _, _stop) = world.connect(address, hello("a", &[("b", Direction::In, terms(2))]), limits());
    eventually("connected", || peer.connected()).await;
    assert_eq!(peer.bundle(lane(2), 100..110).await.unwrap(), bundle(lane(2), 100..110));
    assert_eq!(peer.bundle(lane(2), 100..140).await.unwrap(), bundle(lane(2), 100..120), "fewer is allowed");
    for range in [5..5, 5..262, u64::MAX - 1..u64::MAX] {
        let _ = peer.bundle(lane(2), range).await.unwrap_err();
    }
    let foreign = peer.bundle(lane(3), 0..5).await.unwrap_err();
    assert_eq!(foreign.kind, Kind::UnknownLane);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credits_bound_what_is_in_flight_and_come_back() {
    let world = World::new();
    let limits = Limits { call_deadline: Duration::from_millis(400), ..limits() };
    let (_end, mut inbox, peer, _stop) = pair(&world, limits).await;
    for number in 1..=4 {
        peer.deliver(number, &bundle(lane(1), number..number + 1)).await.unwrap();
    }
    let full = peer.deliver(5, &bundle(lane(1), 5..6)).await.unwrap_err();
    assert_eq!((full.kind, full.is_retry()), (Kind::RateLimited, true));
    let first = next(&mut inbox).await;
    first.answer.try_send((first.number, Outcome::Received)).unwrap();
    peer.deliver(6, &bundle(lane(1), 6..7)).await.unwrap();
    // Further answers to the same bundle make no more room.
    first.answer.try_send((first.number, Outcome::Submitted { tx: B256::ZERO })).unwrap();
    assert_eq!(peer.deliver(7, &bundle(lane(1), 7..8)).await.unwrap_err().kind, Kind::RateLimited);
    for number in [2, 3, 4, 6] {
        assert_eq!(next(&mut inbox).await.number, number);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_lane_is_told_and_another_goes_on() {
    let world = World::new();
    let lanes = |direction, peer| [(peer, direction, terms(1)), (peer, direction, terms(2))];
    let end = world.serve(hello("b", &lanes(Direction::In, "a")), limits(), 0).await;
    let mut one = end.routes.attach(lane(1), 4);
    let short = Limits { call_deadline: Duration::from_millis(500), ..limits() };
    let (peer, _, _stop) = world.connect(end.address, hello("a", &lanes(Direction::Out, "b")), short);
    peer.deliver(1, &bundle(lane(1), 0..5)).await.unwrap();
    assert_eq!(next(&mut one).await.number, 1);
    let stopped = peer.deliver(1, &bundle(lane(2), 0..5)).await.unwrap_err();
    assert!(stopped.is_retry() && peer.connected());
    // It starts, and what waits goes there without another connection.
    let mut two = end.routes.attach(lane(2), 4);
    eventually_delivered(&peer, 2, lane(2), &mut two).await;
    // The stage that reads a lane's queue starts again with a new one.
    let mut again = end.routes.attach(lane(2), 4);
    eventually_delivered(&peer, 3, lane(2), &mut again).await;
}

async fn eventually_delivered(peer: &GrpcPeer, number: u64, lane: LaneId, inbox: &mut mpsc::Receiver<Inbound>) {
    let start = Instant::now();
    loop {
        let _ = peer.deliver(number, &bundle(lane, 0..5)).await;
        if let Ok(Some(inbound)) = timeout(Duration::from_millis(500), inbox.recv()).await {
            inbound.answer.try_send((inbound.number, Outcome::Received)).unwrap();
            if inbound.number == number {
                return;
            }
        }
        assert!(start.elapsed() < SOON * 2, "the lane never started");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_lanes_share_one_connection() {
    let world = World::new();
    let all = |direction, peer| -> Vec<(&str, Direction, Terms)> {
        let of = |at: u16| Terms { lane: LaneId(B256::from(U256::from(at))), ..terms(1) };
        (1..=1000).map(|at| (peer, direction, of(at))).collect()
    };
    let end = world.serve(hello("b", &all(Direction::In, "a")), limits(), 0).await;
    let mut inboxes: Vec<_> =
        (1..=1000u16).map(|at| end.routes.attach(LaneId(B256::from(U256::from(at))), 4)).collect();
    let (peer, _, _stop) = world.connect(end.address, hello("a", &all(Direction::Out, "b")), limits());
    let start = Instant::now();
    for at in [1u16, 500, 1000] {
        let lane = LaneId(B256::from(U256::from(at)));
        peer.deliver(1, &bundle(lane, 0..5)).await.unwrap();
        assert_eq!(next(&mut inboxes[usize::from(at) - 1]).await.bundle.lane, lane);
    }
    println!("1,000 lanes open after {:?}", start.elapsed());
}
