//! Whose certificate it is, and what it may do.

use causeway_proto::peer::v1;
use rcgen::{DnType, ExtendedKeyUsagePurpose, date_time_ymd};
use tonic::{Code, Status};

use super::{
    frames::{RawCodec, raw_call},
    *,
};
use crate::lane::error::Kind;

/// What came of `a`'s client under this certificate: a session, or why there is none.
async fn attempt(world: &World, address: SocketAddr, issued: &Issued) -> Result<(), (Kind, String)> {
    world.write("a", issued);
    let (peer, _, _stop) = world.connect(address, hello("a", &[("b", Direction::Out, terms(1))]), limits());
    eventually("an outcome", || peer.connected() || peer.trouble().is_some()).await;
    peer.trouble().map_or(Ok(()), Err)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_098_a_certificate_is_its_one_name_under_its_own_ca() {
    let world = World::new();
    let end = world.serve(hello("b", &[("a", Direction::In, terms(1))]), limits(), 0).await;
    let (a, c) = (&world.authorities["a"], &world.authorities["c"]);
    let (own, other) = (name("a"), name("c"));
    attempt(&world, end.address, &a.issue(&own)).await.expect("the honest one");
    attempt(&world, end.address, &a.issue("Relayer.A.internal")).await.expect("names have no case");

    let common_name = a.issue_with(&[], |params| params.distinguished_name.push(DnType::CommonName, own.clone()));
    let nobody: [(&str, Issued); 7] = [
        ("a sibling of the same CA", a.issue("other.a.internal")),
        ("a wildcard", a.issue("*.a.internal")),
        ("a common name only", common_name),
        ("two names", a.issue_with(&[&own, &other], |_| {})),
        ("its name twice", a.issue_with(&[&own, &own], |_| {})),
        ("an address", a.issue("127.0.0.1")),
        ("a longer name", a.issue("relayer.a.internal.example")),
    ];
    for (what, issued) in nobody {
        let (kind, detail) = attempt(&world, end.address, &issued).await.expect_err(what);
        assert_eq!(kind, Kind::PeerRefused, "{what}: {detail}");
        let mut client = world.raw(end.address, &issued).await.expect("the handshake tells strangers nothing");
        let refused = client.hello(v1::HelloRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{what}");
    }

    let stranger = Authority::new("stranger");
    let refused: [(&str, Issued); 6] = [
        ("expired", a.issue_with(&[&own], |params| params.not_after = date_time_ymd(2024, 1, 1))),
        ("not yet valid", a.issue_with(&[&own], |params| params.not_before = date_time_ymd(2090, 1, 1))),
        (
            "for servers only",
            a.issue_with(&[&own], |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        ),
        ("another CA's", stranger.issue(&own)),
        ("another peer's name", a.issue(&other)),
        ("its name by another peer's CA", c.issue(&own)),
    ];
    for (what, issued) in refused {
        // TLS says why and hangs up; the hanging up may overtake the word, so the reason is asked for more than once.
        let mut told = false;
        for _ in 0..5 {
            let (kind, detail) = attempt(&world, end.address, &issued).await.expect_err(what);
            assert!(matches!(kind, Kind::PeerRefused | Kind::Unavailable), "{what}: {kind:?}: {detail}");
            told |= kind == Kind::PeerRefused;
            if told {
                break;
            }
        }
        assert!(told, "{what}: never told why");
    }
    attempt(&world, end.address, &a.issue(&own)).await.expect("the honest one, still");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_098_no_certificate_or_old_tls_is_no_connection() {
    let world = World::new();
    let end = world.serve(hello("b", &[("a", Direction::In, terms(1))]), limits(), 0).await;
    let issued = world.authorities["a"].issue(&name("a"));
    let mut config = client_config(&world.authorities["b"].pem(), &issued);
    config.client_auth_cert_resolver = Arc::new(NoCertificate);
    let failed = match channel(end.address, config, &name("b")).await {
        Err(_) => true,
        Ok(channel) => PeerServiceClient::new(channel).hello(v1::HelloRequest::default()).await.is_err(),
    };
    assert!(failed);
}

#[derive(Debug)]
struct NoCertificate;
impl rustls::client::ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }
    fn has_certs(&self) -> bool {
        false
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_098_another_organisations_listener_is_not_believed() {
    let world = World::new();
    for (what, issued) in [
        ("another peer", world.authorities["c"].issue(&name("c"))),
        ("its name by another CA", world.authorities["c"].issue(&name("b"))),
        ("two names", world.authorities["b"].issue_with(&[&name("b"), "x.b.internal"], |_| {})),
    ] {
        world.write("b", &issued);
        let end = world.serve(hello("b", &[("a", Direction::In, terms(1))]), limits(), 0).await;
        let (peer, _, _stop) = world.connect(end.address, hello("a", &[("b", Direction::Out, terms(1))]), limits());
        eventually("an outcome", || peer.connected() || peer.trouble().is_some()).await;
        assert_eq!(peer.trouble().map(|(kind, _)| kind), Some(Kind::PeerRefused), "{what}");
        end.end().await;
    }
    world.write("b", &world.authorities["b"].issue(&name("b")));
    let end = world.serve(hello("b", &[("a", Direction::In, terms(1))]), limits(), 0).await;
    let (peer, _, _stop) = world.connect(end.address, hello("a", &[("b", Direction::Out, terms(1))]), limits());
    eventually("connected", || peer.connected()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_098_a_foreign_lane_does_not_exist() {
    let world = World::new();
    let lanes = [("a", Direction::In, terms(1)), ("a", Direction::Out, terms(2)), ("c", Direction::In, terms(3))];
    let end = world.serve(hello("b", &lanes), limits(), 0).await;
    let _inboxes = [1, 3].map(|byte| end.routes.attach(lane(byte), 4));
    let mut client = world.raw(end.address, &world.authorities["c"].issue(&name("c"))).await.unwrap();
    // Lane 1 is a's; lane 2 leaves towards a; lane 9 is nobody's. Saying to be `a` changes nothing.
    for byte in [1, 2, 9] {
        let id = causeway_proto::convert::word(&lane(byte).0);
        let said = v1::HelloRequest {
            version_min: 1,
            version_max: 1,
            organisation: "a".into(),
            lanes: vec![Terms { lane: lane(byte), ..terms(1) }.put()],
            ..Default::default()
        };
        let answer = client.hello(said).await.unwrap().into_inner();
        assert_eq!(answer.verdicts[0].refusal.as_ref().unwrap().reason, "UNKNOWN_LANE");
        let denied = |status: Status| {
            assert_eq!(status.code(), Code::PermissionDenied, "lane {byte}");
            let error = super::super::status::error(&status);
            assert_eq!((error.kind, error.is_retry()), (Kind::UnknownLane, true));
        };
        denied(
            client.list_pending(v1::ListPendingRequest { lane: id.clone(), ..Default::default() }).await.unwrap_err(),
        );
        denied(client.get_outcome(v1::GetOutcomeRequest { lane: id.clone(), number: 1 }).await.unwrap_err());
        let asked = v1::GetBundleRequest { lane: id.clone(), first_index: 0, entry_count: 1 };
        denied(client.get_bundle(asked).await.unwrap_err());
        denied(frames::open(&mut client, lane(byte), terms(byte).digest()).await.unwrap_err());
    }
    frames::open(&mut client, lane(3), terms(3).digest()).await.expect("its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_097_every_method_is_closed_to_nobody_and_other_paths_do_not_exist() {
    let world = World::new();
    let end = world.serve(hello("b", &[("a", Direction::In, terms(1))]), limits(), 0).await;
    let authority = &world.authorities["a"];
    let connect = async |issued: Issued| {
        let config = client_config(&world.authorities["b"].pem(), &issued);
        channel(end.address, config, &name("b")).await.unwrap()
    };
    let nobody = connect(authority.issue("other.a.internal")).await;
    let known = connect(authority.issue(&name("a"))).await;
    let methods = ["Hello", "StreamLane", "ListPending", "GetOutcome", "GetBundle"];
    let paths = methods.map(|method| format!("/causeway.peer.v1.PeerService/{method}"));
    let served = ["/grpc.health.v1.Health/Check", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"];
    for path in paths.iter().map(String::as_str).chain(served) {
        let refused = raw_call(&nobody, path, RawCodec, Bytes::new()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{path}");
        let answer = raw_call(&known, path, RawCodec, Bytes::new()).await;
        let code = answer.err().map(|status| status.code());
        assert!(!matches!(code, Some(Code::Unauthenticated | Code::Unimplemented)), "{path}: {code:?}");
    }
    for path in [
        "//causeway.peer.v1.PeerService/Hello",
        "/causeway.peer.v1.PeerService//Hello",
        "/causeway.peer.v1.PeerService/Hello/",
        "/causeway.peer.v1.peerservice/Hello",
        "/causeway.peer.v1.PeerService/hello",
        "/causeway.peer.v1.PeerService/%48ello",
        "/CAUSEWAY.PEER.V1.PEERSERVICE/HELLO",
        "/causeway.peer.v1.PeerService",
        "/Hello",
        "/",
        // Another listener's service (ATK-100).
        "/causeway.admin.v1.AdminService/GetStatus",
        "/causeway.admin.v1.AdminService/PauseLane",
    ] {
        let refused = raw_call(&known, path, RawCodec, Bytes::new()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented, "{path}");
        let refused = raw_call(&nobody, path, RawCodec, Bytes::new()).await.unwrap_err();
        assert_ne!(refused.code(), Code::Ok, "{path}");
    }
}
