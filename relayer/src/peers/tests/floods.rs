//! Callers that are no relayers at all.

use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

async fn honest(world: &World, end: &End) -> Duration {
    let start = Instant::now();
    let mut client = world.raw(end.address, &world.authorities["a"].issue(&name("a"))).await.unwrap();
    let hello = causeway_proto::peer::v1::HelloRequest { version_min: 1, version_max: 1, ..Default::default() };
    client.hello(hello).await.unwrap();
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_092_a_thousand_garbage_handshakes_harm_nobody() {
    let world = World::new();
    let end = world.serve(hello("b", &[("a", Direction::In, terms(1))]), limits(), 0).await;
    let garbage: [&[u8]; 5] = [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[0x16, 0x03, 0x01, 0xff, 0xff, 0x01, 0x00],
        &[0xff; 4096],
    ];
    futures::stream::iter(0..1000usize)
        .for_each_concurrent(50, |at| async move {
            let mut stream = TcpStream::connect(end.address).await.unwrap();
            let _ = stream.write_all(garbage[at % garbage.len()]).await;
            if at % 2 == 0 {
                let _ = stream.shutdown().await;
                let _ = timeout(Duration::from_millis(50), stream.read(&mut [0; 64])).await;
            }
        })
        .await;
    println!("an honest peer after 1,000 garbage handshakes: {:?}", honest(&world, &end).await);
    assert!(!end.served.is_finished());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_093_silent_sockets_are_dropped_and_keep_nobody_out() {
    let world = World::new();
    let end = world.serve(hello("b", &[("a", Direction::In, terms(1))]), limits(), 0).await;
    let mut silent = Vec::new();
    for _ in 0..500 {
        silent.push(TcpStream::connect(end.address).await.unwrap());
    }
    // Some that say a byte now and then.
    let mut slow = TcpStream::connect(end.address).await.unwrap();
    let slow = tokio::spawn(async move {
        for byte in [0x16u8, 0x03, 0x01, 0x02, 0x00].iter().cycle() {
            if slow.write_all(&[*byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(300)).await;
        }
    });
    let took = honest(&world, &end).await;
    println!("an honest peer beside 500 silent sockets: {took:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    let start = Instant::now();
    for stream in &mut silent {
        let ended = timeout(SOON, stream.read(&mut [0; 64])).await.expect("dropped by the deadline");
        assert!(matches!(ended, Ok(0) | Err(_)));
    }
    timeout(SOON, slow).await.expect("dropped, too").unwrap();
    println!("all dropped after {:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_093_the_oldest_handshake_gives_way() {
    let world = World::new();
    let limits = Limits { handshakes_max: 8, handshake_deadline: Duration::from_secs(60), ..limits() };
    let end = world.serve(hello("b", &[("a", Direction::In, terms(1))]), limits, 0).await;
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(TcpStream::connect(end.address).await.unwrap());
    }
    assert!(honest(&world, &end).await < Duration::from_secs(1));
    let ended = timeout(SOON, silent[0].read(&mut [0; 1])).await.expect("the oldest was dropped");
    assert!(matches!(ended, Ok(0) | Err(_)));
    let waits = timeout(Duration::from_millis(200), silent[39].read(&mut [0; 1])).await;
    assert!(waits.is_err(), "the newest still has its time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_7_one_organisation_cannot_take_all_connections() {
    let world = World::new();
    let limits = Limits { connections_per_peer_max: 3, ..limits() };
    let end = world.serve(hello("b", &[("a", Direction::In, terms(1))]), limits, 0).await;
    let (a, c) = (world.authorities["a"].issue(&name("a")), world.authorities["c"].issue(&name("c")));
    let hello = || causeway_proto::peer::v1::HelloRequest { version_min: 1, version_max: 1, ..Default::default() };
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut client = world.raw(end.address, &a).await.unwrap();
        client.hello(hello()).await.unwrap();
        held.push(client);
    }
    let refused = match world.raw(end.address, &a).await {
        Err(_) => true,
        Ok(mut client) => client.hello(hello()).await.is_err(),
    };
    assert!(refused);
    world.raw(end.address, &c).await.unwrap().hello(hello()).await.expect("another organisation");
    held.pop();
    eventually("room again", || end.tls.connections(&name("a")) < 3).await;
    world.raw(end.address, &a).await.unwrap().hello(hello()).await.expect("after one ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_092_a_failing_accept_does_not_end_the_listener() {
    let world = World::new();
    let (address, listener) = accept::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let failing = futures::stream::iter((0..3).map(|_| Err(std::io::Error::other("no descriptors left"))));
    let listener = failing.chain(listener);
    let tls = world.tls("b", &["a"], limits());
    let store = Arc::new(Store::open(&world.path("store")).unwrap());
    let records = Arc::new(Journaled { store, prover: None });
    let stop = Stop(CancellationToken::new());
    let own = hello("b", &[("a", Direction::In, terms(1))]);
    let server = Server::new(own, limits(), tls, Routes::default(), records);
    tokio::spawn(server.serve(listener, stop.0.clone()));
    let mut client = world.raw(address, &world.authorities["a"].issue(&name("a"))).await.unwrap();
    let hello = causeway_proto::peer::v1::HelloRequest { version_min: 1, version_max: 1, ..Default::default() };
    client.hello(hello).await.unwrap();
}
