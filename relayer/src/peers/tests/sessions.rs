//! Sessions that break, and Hellos that do not fit.

use super::*;
use crate::lane::{
    error::{Class, Kind},
    ports::Journal,
    types::Outcome,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_stored_goes_out_again_after_a_break() {
    let world = World::new();
    let (end, mut inbox, peer, _stop) = pair(&world, limits()).await;
    let mut answers = peer.acknowledgements(lane(1)).await.unwrap();
    for number in 1..=3 {
        peer.deliver(number, &bundle(lane(1), number * 10..number * 10 + 10)).await.unwrap();
    }
    let first = next(&mut inbox).await;
    end.store.received("a", 1, &first.bundle).unwrap();
    first.answer.try_send((1, Outcome::Received)).unwrap();
    assert_eq!(next(&mut answers).await, (1, Outcome::Received));
    next(&mut inbox).await;
    let port = end.address.port();
    end.end().await;
    eventually("the session ends", || !peer.connected()).await;

    let end = world.serve(hello("b", &[("a", Direction::In, terms(1))]), limits(), port).await;
    let mut inbox = end.routes.attach(lane(1), 4);
    for number in [2, 3] {
        let inbound = next(&mut inbox).await;
        assert_eq!((inbound.number, inbound.bundle), (number, bundle(lane(1), number * 10..number * 10 + 10)));
        inbound.answer.try_send((number, Outcome::Received)).unwrap();
        assert_eq!(next(&mut answers).await, (number, Outcome::Received), "on the queue of before");
    }
    assert!(inbox.try_recv().is_err(), "what was stored does not come again");
    assert_eq!(peer.held(lane(1)).await.unwrap().first(), Some(&(10..20)), "ranges that the peer holds, as a hint");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_is_down_is_a_retry() {
    let world = World::new();
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let short = Limits { call_deadline: Duration::from_millis(300), ..limits() };
    let (peer, _, _stop) = world.connect(nowhere, hello("a", &[("b", Direction::Out, terms(1))]), short);
    let refused = peer.deliver(1, &bundle(lane(1), 0..5)).await.unwrap_err();
    assert_eq!((refused.kind, refused.is_retry()), (Kind::Unavailable, true));
    assert!(!peer.connected());
    assert_eq!(peer.pending(lane(1)).await.unwrap_err().kind, Kind::Unavailable);
    let unknown = peer.deliver(1, &bundle(lane(9), 0..5)).await.unwrap_err();
    assert_eq!((unknown.kind, unknown.class), (Kind::UnknownLane, Class::StopLane));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mute_peer_is_found_out_by_its_silence() {
    let world = World::new();
    let limits = Limits {
        keepalive_interval: Duration::from_millis(200),
        keepalive_deadline: Duration::from_millis(200),
        ..limits()
    };
    let end = world.serve(hello("b", &[("a", Direction::In, terms(1))]), limits.clone(), 0).await;
    let _inbox = end.routes.attach(lane(1), 4);
    // A proxy that stops forwarding without closing.
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (through, mute) = (proxy.local_addr().unwrap(), CancellationToken::new());
    let (target, muted) = (end.address, mute.clone());
    tokio::spawn(async move {
        loop {
            let (mut near, _) = proxy.accept().await.unwrap();
            let muted = muted.clone();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(target).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    () = muted.cancelled() => std::future::pending().await,
                }
            });
        }
    });
    let (peer, _, _stop) = world.connect(through, hello("a", &[("b", Direction::Out, terms(1))]), limits);
    eventually("connected", || peer.connected()).await;
    mute.cancel();
    eventually("the silence is noticed", || !peer.connected()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_068_other_terms_are_refused_and_named() {
    type Change = fn(&mut Terms);
    let changes: [(&str, Kind, Change); 9] = [
        ("source genesis", Kind::ChainMismatch, |t| t.source.genesis = B256::repeat_byte(99)),
        ("source chain", Kind::ChainMismatch, |t| t.source.chain = "eip155:7".into()),
        ("destination genesis", Kind::ChainMismatch, |t| t.destination.genesis = B256::repeat_byte(99)),
        ("family", Kind::ChainMismatch, |t| t.client.family = "other".into()),
        ("pinned header", Kind::ChainMismatch, |t| t.client.pinned_hash = B256::repeat_byte(99)),
        ("pinned header", Kind::ChainMismatch, |t| t.client.pinned_height = 1),
        ("trusting-period", Kind::ChainMismatch, |t| {
            t.client.parameters.insert("trusting-period".into(), "1".into());
        }),
        ("extra", Kind::ChainMismatch, |t| {
            t.client.parameters.insert("extra".into(), "1".into());
        }),
        ("caps", Kind::PeerRefused, |t| t.caps = B256::ZERO),
    ];
    let world = World::new();
    let end =
        world.serve(hello("b", &[("a", Direction::In, terms(1)), ("a", Direction::In, terms(2))]), limits(), 0).await;
    let (_one, mut two) = (end.routes.attach(lane(1), 4), end.routes.attach(lane(2), 4));
    for (number, (what, kind, change)) in changes.into_iter().enumerate() {
        let mut other = terms(1);
        change(&mut other);
        let own = hello("a", &[("b", Direction::Out, other), ("b", Direction::Out, terms(2))]);
        let (peer, _, _stop) = world.connect(end.address, own, limits());
        let refused = peer.deliver(1, &bundle(lane(1), 0..5)).await.unwrap_err();
        assert_eq!(refused.kind, kind, "{what}: {refused}");
        assert!(refused.is_retry(), "this relayer's lane lives on without the peer (INV-6)");
        assert!(refused.detail.contains(what), "{what} in {refused}");
        // The other lane of the same connection is untouched.
        peer.deliver(number as u64, &bundle(lane(2), 0..5)).await.unwrap();
        assert_eq!(next(&mut two).await.number, number as u64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_refuses_every_lane_is_shown_with_its_reason() {
    let world = World::new();
    let end = world.serve(hello("b", &[("a", Direction::In, terms(1))]), limits(), 0).await;
    let _inbox = end.routes.attach(lane(1), 4);
    let mut other = terms(1);
    other.caps = B256::ZERO;
    let own = hello("a", &[("b", Direction::Out, other.clone())]);
    let (peer, _, _stop) = world.connect(end.address, own, limits());
    eventually("a session", || peer.connected()).await;
    eventually("a refusal", || peer.refusal().is_some_and(|(kind, _)| kind == Kind::PeerRefused)).await;
    // One lane of two: the peer is of use.
    let world = World::new();
    let own = hello("a", &[("b", Direction::Out, other), ("b", Direction::Out, terms(2))]);
    let both = hello("b", &[("a", Direction::In, terms(1)), ("a", Direction::In, terms(2))]);
    let end = world.serve(both, limits(), 0).await;
    let _inbox = end.routes.attach(lane(2), 4);
    let (peer, _, _stop) = world.connect(end.address, own, limits());
    eventually("a session", || peer.connected()).await;
    peer.deliver(1, &bundle(lane(2), 0..5)).await.unwrap();
    assert_eq!(peer.refusal(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_068_nobody_skips_hello() {
    use causeway_proto::{
        convert,
        peer::v1::{self, stream_lane_request::Frame},
    };
    let world = World::new();
    let end = world.serve(hello("b", &[("a", Direction::In, terms(1))]), limits(), 0).await;
    let _inbox = end.routes.attach(lane(1), 4);
    let mut client = world.raw(end.address, &world.authorities["a"].issue(&name("a"))).await.unwrap();
    let version = v1::HelloRequest { version_min: 2, version_max: 9, ..Default::default() };
    let refused = client.hello(version).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition);
    let mut other = terms(1);
    other.client.parameters.insert("trusting-period".into(), "1".into());
    for (digest, opened) in [(other.digest(), false), (B256::ZERO, false), (terms(1).digest(), true)] {
        let open = v1::OpenLane { lane: convert::word(&lane(1).0), terms_digest: convert::word(&digest), held: None };
        let frames = tokio_stream::once(v1::StreamLaneRequest { frame: Some(Frame::Open(open)) });
        let mut stream = client.stream_lane(frames).await.unwrap().into_inner();
        let first = stream.message().await;
        assert_eq!(first.is_ok(), opened, "{first:?}");
        if let Err(status) = first {
            assert_eq!(status.code(), tonic::Code::FailedPrecondition);
            assert_eq!(super::super::status::error(&status).kind, Kind::ChainMismatch);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plaintext_needs_its_flag_and_loopback() {
    let world = World::new();
    let plain = |mut listen: ListenSettings, address: &str| {
        listen.plaintext_for_development = Some("a".into());
        listen.listen = address.parse().unwrap();
        listen
    };
    let abroad = plain(world.listen_settings("b", limits()), "0.0.0.0:0");
    assert_eq!(Tls::load(abroad, Vec::new()).unwrap_err().kind, Kind::InvalidConfig);
    let mut peer = world.peer_settings("b", "127.0.0.1:1".parse().unwrap());
    peer.plaintext_for_development = true;
    assert!(peer.authority().is_err(), "https in the address");
    peer.address = "http://192.0.2.1:5".into();
    assert!(peer.authority().is_err(), "not loopback");
    peer.address = "http://127.0.0.1:5".into();
    assert_eq!(peer.authority().unwrap(), ("127.0.0.1".into(), 5));
    peer.plaintext_for_development = false;
    assert!(peer.authority().is_err(), "http without the flag");
    peer.address = "https://[::1]:5".into();
    assert_eq!(peer.authority().unwrap(), ("::1".into(), 5));

    let a = world.peer_settings("a", "127.0.0.1:1".parse().unwrap());
    let tls = Tls::load(plain(world.listen_settings("b", limits()), "127.0.0.1:0"), vec![a]).unwrap();
    let end = End::start(hello("b", &[("a", Direction::In, terms(1))]), limits(), tls, world.path("store"), 0).await;
    let mut inbox = end.routes.attach(lane(1), 4);
    let mut b = world.peer_settings("b", end.address);
    (b.plaintext_for_development, b.address) = (true, format!("http://{}", end.address));
    let tls = Tls::load(plain(world.listen_settings("a", limits()), "127.0.0.1:0"), vec![b.clone()]).unwrap();
    let stop = Stop(CancellationToken::new());
    let own = hello("a", &[("b", Direction::Out, terms(1))]);
    let peer = client::connect(&b, limits(), own, tls, Arc::new(Tcp), None, stop.0.clone()).unwrap();
    peer.deliver(1, &bundle(lane(1), 0..5)).await.unwrap();
    assert_eq!(next(&mut inbox).await.number, 1);
}
