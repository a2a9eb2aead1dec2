//! Certificates that change while relayers run.

use rcgen::SerialNumber;

use super::*;
use crate::lane::{error::Kind, types::Outcome};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_106_certificates_and_cas_change_without_a_restart_or_a_loss() {
    let world = World::new();
    let end = world.serve(hello("b", &[("a", Direction::In, terms(1))]), limits(), 0).await;
    let mut inbox = end.routes.attach(lane(1), 4);
    let (peer, tls_a, _stop) = world.connect(end.address, hello("a", &[("b", Direction::Out, terms(1))]), limits());
    let mut answers = peer.acknowledgements(lane(1)).await.unwrap();
    peer.deliver(1, &bundle(lane(1), 0..5)).await.unwrap();
    next(&mut inbox).await;
    assert!(!end.tls.reload().unwrap(), "nothing changed");

    // a gets a new CA; b trusts both for the time of the change.
    let fresh = Authority::new("a");
    let both = [world.authorities["a"].pem(), fresh.pem()].concat();
    std::fs::write(world.path("a-ca.pem"), both).unwrap();
    assert!(end.tls.reload().unwrap());
    let again = next(&mut inbox).await;
    assert_eq!(again.number, 1, "the connection was made anew, and what was not stored came again");
    again.answer.try_send((1, Outcome::Received)).unwrap();
    assert_eq!(next(&mut answers).await, (1, Outcome::Received));

    world.write("a", &fresh.issue(&name("a")));
    assert!(tls_a.reload().unwrap());
    std::fs::write(world.path("a-ca.pem"), fresh.pem()).unwrap();
    assert!(end.tls.reload().unwrap());
    peer.deliver(2, &bundle(lane(1), 5..9)).await.unwrap();
    assert_eq!(next(&mut inbox).await.number, 2);
    // The old CA counts no more.
    let old = world.authorities["a"].issue(&name("a"));
    let refused = match world.raw(end.address, &old).await {
        Err(_) => true,
        Ok(mut client) => client.hello(causeway_proto::peer::v1::HelloRequest::default()).await.is_err(),
    };
    assert!(refused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_106_a_revoked_certificate_loses_its_connection() {
    let world = World::new();
    let authority = &world.authorities["a"];
    let serial = |number: u64| {
        move |params: &mut rcgen::CertificateParams| {
            params.serial_number = Some(SerialNumber::from(number));
        }
    };
    world.write("a", &authority.issue_with(&[&name("a")], serial(77)));
    std::fs::write(world.path("a-crl.pem"), authority.revoke(&[5])).unwrap();
    let mut a = world.peer_settings("a", "127.0.0.1:1".parse().unwrap());
    a.revocations = Some(world.path("a-crl.pem"));
    let fast = Limits { certificate_interval: Duration::from_millis(50), ..limits() };
    let tls = Tls::load(world.listen_settings("b", fast.clone()), vec![a]).unwrap();
    let watching = Stop(CancellationToken::new());
    tokio::spawn(Arc::clone(&tls).watch(watching.0.clone()));
    let end = End::start(hello("b", &[("a", Direction::In, terms(1))]), fast, tls, world.path("store"), 0).await;
    let mut inbox = end.routes.attach(lane(1), 4);
    let (peer, tls_a, _stop) = world.connect(end.address, hello("a", &[("b", Direction::Out, terms(1))]), limits());
    peer.deliver(1, &bundle(lane(1), 0..5)).await.unwrap();
    next(&mut inbox).await.answer.try_send((1, Outcome::Received)).unwrap();

    std::fs::write(world.path("a-crl.pem"), authority.revoke(&[5, 77])).unwrap();
    eventually("the connection ends", || !peer.connected()).await;
    sleep(Duration::from_millis(300)).await;
    assert!(!peer.connected(), "and is not made again");
    world.write("a", &authority.issue_with(&[&name("a")], serial(78)));
    assert!(tls_a.reload().unwrap());
    // The pause after a refusal is long; new certificates end it at once.
    eventually("with a new certificate it is", || peer.connected()).await;
    peer.deliver(2, &bundle(lane(1), 5..9)).await.unwrap();
    assert_eq!(next(&mut inbox).await.number, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_106_broken_files_change_nothing() {
    let world = World::new();
    let tls = world.tls("b", &["a", "c"], limits());
    let expires = tls.current().expires_at.unwrap();
    assert!(expires > std::time::UNIX_EPOCH.elapsed().unwrap().as_secs());
    let good = std::fs::read(world.path("a-ca.pem")).unwrap();
    for bad in [&b""[..], b"not PEM", &good[..good.len() / 2], &vec![b'x'; 2 << 20]] {
        std::fs::write(world.path("a-ca.pem"), bad).unwrap();
        assert_eq!(tls.reload().unwrap_err().kind, Kind::InvalidConfig);
        assert!(!tls.current().replaced.is_cancelled());
    }
    std::fs::write(world.path("a-ca.pem"), good).unwrap();
    // Another key than the certificate's.
    let issued = world.authorities["b"].issue(&name("b"));
    std::fs::write(world.path("b-key.pem"), &issued.key).unwrap();
    assert_eq!(tls.reload().unwrap_err().kind, Kind::InvalidConfig);
    world.write("b", &issued);
    assert!(tls.reload().unwrap());
    let twice = vec![world.peer_settings("a", "127.0.0.1:1".parse().unwrap()); 2];
    assert_eq!(Tls::load(world.listen_settings("b", limits()), twice).unwrap_err().kind, Kind::InvalidConfig);
}

#[test]
fn atk_103_nothing_secret_in_debug() {
    let world = World::new();
    let tls = world.tls("b", &["a"], limits());
    let key = std::fs::read_to_string(world.path("b-key.pem")).unwrap();
    let shown = format!("{tls:?}");
    let secret: String = key.lines().nth(1).unwrap().chars().take(20).collect();
    assert!(!shown.contains(&secret) && !shown.contains("PRIVATE"));
    let bytes = format!("{:?}", &key.as_bytes()[..40]);
    assert!(!shown.contains(bytes.trim_matches(['[', ']'])), "not as numbers either");
}
