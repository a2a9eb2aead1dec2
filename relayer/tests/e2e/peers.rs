//! Peers that are gone, away for a while, or not who they should be.

use super::{PATIENCE, SOON, World};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One relayer alone: its patience, then a few blocks.
const ALONE: Duration = Duration::from_secs(60);

async fn one_finishes_alone(survivor: usize) {
    let world = World::build(PATIENCE).await;
    world.warm_up().await;
    // What is under way when the other one dies is not lost either.
    tokio::try_join!(world.send(0, 20, 1), world.send(1, 20, 1)).unwrap();
    world.kill(1 - survivor).await.unwrap();
    let begun = Instant::now();
    tokio::try_join!(world.send(0, 20, 2), world.send(1, 20, 2)).unwrap();
    world.judge(ALONE).await;
    println!("alone, both directions: {:?}", begun.elapsed());
    // And it stays so: the next ones pass as well.
    tokio::try_join!(world.send(0, 10, 1), world.send(1, 10, 1)).unwrap();
    world.judge(ALONE).await;
}

/// ATK-008, INV-6: one organisation's relayer never comes back; the other finishes both directions.
#[tokio::test(flavor = "multi_thread")]
async fn atk_008_acme_alone_finishes_both_directions() {
    one_finishes_alone(0).await;
}

/// The same from the other end.
#[tokio::test(flavor = "multi_thread")]
async fn atk_008_globex_alone_finishes_both_directions() {
    one_finishes_alone(1).await;
}

/// How long the peer is away.
const AWAY: Duration = Duration::from_secs(30);

/// A peer that is away for less than the other's patience: what it should have done waits, and is done when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_comes_back_goes_on() {
    // Nobody does the other one's work here.
    let world = World::build(Duration::from_secs(300)).await;
    world.warm_up().await;
    world.kill(1).await.unwrap();
    tokio::try_join!(world.send(0, 20, 2), world.send(1, 20, 2)).unwrap();
    tokio::time::sleep(AWAY).await;
    let (_, open) = world.progress();
    assert!(open >= 20, "what only the absent one may carry was carried: {open} open");
    world.start(1).await.unwrap();
    let begun = Instant::now();
    world.judge(SOON).await;
    println!("after its return: {:?}", begun.elapsed());
    // Together again.
    world.ready(0, true).await.unwrap();
    world.ready(1, true).await.unwrap();
    tokio::try_join!(world.send(0, 10, 1), world.send(1, 10, 1)).unwrap();
    world.judge(SOON).await;
}

/// ATK-098 at the daemon: a certificate of another CA gives no session; the lanes end by patience all the same.
#[tokio::test(flavor = "multi_thread")]
async fn atk_098_a_strangers_certificate_gives_no_session_and_stops_no_transfer() {
    let world = World::build(PATIENCE).await;
    // The CA that acme expects behind globex's name is its own, and globex's certificate is not of it.
    let folder = world.folder(0).join("tls");
    std::fs::copy(folder.join("ca.crt"), folder.join("globex-ca.crt")).unwrap();
    tokio::try_join!(world.start(0), world.start(1)).unwrap();
    tokio::try_join!(world.ready(0, false), world.ready(1, false)).unwrap();
    let begun = Instant::now();
    world.send(0, 16, 2).await.unwrap();
    world.settle(ALONE).await.unwrap();
    world.send(1, 16, 2).await.unwrap();
    world.judge(ALONE).await;
    println!("without a session, there and back: {:?}", begun.elapsed());
    for who in [0, 1] {
        assert!(!world.connected(who).await.unwrap(), "a session with a stranger");
    }
}

/// ATK-097, ATK-098 at the daemon: who speaks without TLS gets no word of the protocol, and disturbs nobody.
#[tokio::test(flavor = "multi_thread")]
async fn atk_098_a_plaintext_peer_is_not_spoken_to() {
    let world = World::build(Duration::from_secs(300)).await;
    world.warm_up().await;
    for who in [0, 1] {
        let config = std::fs::read_to_string(world.config(who)).unwrap();
        let listener = &config[config.find("[listener]").unwrap()..];
        let address = listener.lines().find(|line| line.starts_with("listen = ")).unwrap().split('"').nth(1).unwrap();
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        // HTTP/2's preface, empty settings.
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        let mut answer = Vec::new();
        // A reset is an end like any other.
        let _ = tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.expect("the connection is kept open");
        // At most a TLS alert (record type 21): nothing of HTTP/2.
        assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    }
    tokio::try_join!(world.send(0, 8, 1), world.send(1, 8, 1)).unwrap();
    world.judge(SOON).await;
}

/// Two organisations that agreed on different things refuse each other's lanes, and say why; transfers end by patience.
#[tokio::test(flavor = "multi_thread")]
async fn relayers_that_agreed_on_different_things_refuse_each_others_lanes() {
    let world = World::build(PATIENCE).await;
    // Another name of an asset: nothing that a contract knows, but not what the other one read out.
    let path = world.folder(1).join("bridges/alpha-beta.json");
    let agreed = std::fs::read_to_string(&path).unwrap();
    assert!(agreed.contains("\"HBC\""));
    std::fs::write(&path, agreed.replace("\"HBC\"", "\"HBX\"")).unwrap();
    let other = causeway::config::Agreement::read(&path).unwrap().fingerprint().to_string();
    let config = std::fs::read_to_string(world.config(1)).unwrap();
    let fingerprint = config.lines().find(|line| line.starts_with("fingerprint = ")).unwrap();
    world.edit(1, fingerprint, &format!("fingerprint = \"{other}\"")).unwrap();
    tokio::try_join!(world.start(0), world.start(1)).unwrap();
    tokio::try_join!(world.ready(0, false), world.ready(1, false)).unwrap();
    world.send(0, 8, 1).await.unwrap();
    world.judge(ALONE).await;
    for who in [0, 1] {
        assert!(world.logs(who).contains("\"reason\":\"CAPS_MISMATCH\""), "nobody said why");
        assert!(!world.connected(who).await.unwrap(), "a peer that refuses every lane is shown as connected");
        let (status, body) = world.readyz(who).await;
        let of_peer =
            body["checks"].as_array().unwrap().iter().find(|c| c["name"].as_str().unwrap().starts_with("peer "));
        let of_peer = of_peer.unwrap();
        assert_eq!((status, &of_peer["ok"], &of_peer["detail"]), (503, &false.into(), &"refuses every lane".into()));
    }
}
