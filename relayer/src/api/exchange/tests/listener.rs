//! Who may call what, over a real socket.

use super::desk::bridge;
use crate::{
    api::{
        config::{ApiConfig, ApiLimits},
        exchange::{Exchange, Parts, bridges::Bridges},
    },
    daemon::WallClock,
    metrics::Metrics,
    store::Store,
};
use causeway_proto::{
    admin::v1::{GetStatusRequest, admin_service_client::AdminServiceClient},
    exchange::v1::{self as api, exchange_service_client::ExchangeServiceClient},
    peer::v1::{OfferSwapRequest, OfferSwapResponse, peer_service_client::PeerServiceClient},
};
use sha2::{Digest, Sha256};
use std::{net::SocketAddr, os::unix::fs::OpenOptionsExt, sync::Arc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{
    Code, Request, Status,
    metadata::MetadataValue,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt;

const SCOPES: [&str; 4] = ["read", "propose", "accept", "submit"];

struct Listener {
    at: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
    _folder: tempfile::TempDir,
}

impl Listener {
    /// One token for each scope, called as the scope; and `all`.
    async fn start(limits: ApiLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tokens = folder.path().join("tokens.toml");
        let entry = |token: &str, scopes: &[&str]| {
            let hash = hex::encode(Sha256::digest(token));
            format!("[[token]]\nsha256 = \"{hash}\"\norganisation = \"{token}\"\nscopes = {scopes:?}\naccounts = []\n")
        };
        let text: String = SCOPES.iter().map(|s| entry(s, &[s])).chain([entry("all", &SCOPES)]).collect();
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&tokens);
        std::io::Write::write_all(&mut file.unwrap(), text.as_bytes()).unwrap();
        let config = ApiConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            certificate: "".into(),
            key: "".into(),
            tokens: Some(tokens),
            callers: Vec::new(),
            plaintext_for_development: true,
            limits,
        };
        let store = Arc::new(Store::open(&folder.path().join("data")).unwrap());
        let parts = Parts {
            config,
            bridges: Bridges(vec![bridge(None)]),
            journal: store.clone(),
            store,
            clock: Arc::new(WallClock),
            metrics: Arc::new(Metrics::new().unwrap()),
        };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let at = Exchange::open(parts).unwrap().start(Vec::new(), &tasks, stop.clone()).await.unwrap();
        Self { at, stop, tasks, _folder: folder }
    }

    async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.at)).unwrap().connect().await.unwrap()
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        tokio::time::timeout(std::time::Duration::from_secs(10), self.tasks.wait()).await.unwrap();
    }
}

fn with<T>(token: Option<&str>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", MetadataValue::try_from(format!("Bearer {token}")).unwrap());
    }
    request
}

/// Calls every method with empty requests; gives name, scopes that open it, and the answer.
async fn every_method(channel: Channel, token: Option<&str>) -> Vec<(&'static str, &'static [&'static str], Status)> {
    let mut c = ExchangeServiceClient::new(channel);
    let mut all: Vec<(&'static str, &'static [&'static str], Status)> = Vec::new();
    macro_rules! call {
        ($method:ident, $request:ident, $scopes:expr) => {
            let answer = c.$method(with(token, api::$request::default())).await;
            let status = answer.err().unwrap_or_else(|| Status::ok(""));
            all.push((stringify!($method), $scopes, status));
        };
    }
    call!(quote, QuoteRequest, &["read"]);
    call!(get_swap, GetSwapRequest, &["read"]);
    call!(list_swaps, ListSwapsRequest, &["read"]);
    call!(watch_swap, WatchSwapRequest, &["read"]);
    call!(watch_swaps, WatchSwapsRequest, &["read"]);
    call!(get_transfer, GetTransferRequest, &["read"]);
    call!(watch_transfer, WatchTransferRequest, &["read"]);
    call!(propose_swap, ProposeSwapRequest, &["propose"]);
    call!(accept_swap, AcceptSwapRequest, &["accept"]);
    call!(cancel_swap, CancelSwapRequest, &["propose", "accept"]);
    call!(prepare_lock, PrepareLockRequest, &["submit"]);
    call!(prepare_void, PrepareVoidRequest, &["submit"]);
    call!(prepare_transfer, PrepareTransferRequest, &["submit"]);
    call!(submit_signed, SubmitSignedRequest, &["submit"]);
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn atk_097_every_method_asks_for_its_scope_and_nothing_is_open() {
    let listener = Listener::start(ApiLimits::default()).await;
    let methods = every_method(listener.channel().await, Some("all")).await;
    // A method that is added needs a row above.
    let file = causeway_proto::Message::decode(causeway_proto::DESCRIPTORS);
    let file: prost_types::FileDescriptorSet = file.unwrap();
    let service = file.file.iter().find(|f| f.package() == "causeway.exchange.v1").unwrap();
    assert_eq!(methods.len(), service.service[0].method.len());
    for token in [None, Some("unknown"), Some("")] {
        for (method, _, status) in every_method(listener.channel().await, token).await {
            assert_eq!(status.code(), Code::Unauthenticated, "{method} with {token:?}: {status:?}");
        }
    }
    for scope in SCOPES {
        for (method, scopes, status) in every_method(listener.channel().await, Some(scope)).await {
            let denied = status.code() == Code::PermissionDenied
                && status.get_error_details().error_info().is_some_and(|info| info.reason == "MISSING_SCOPE");
            assert_eq!(denied, !scopes.contains(&scope), "{method} with {scope}: {status:?}");
            assert_ne!(status.code(), Code::Unauthenticated, "{method} with {scope}");
        }
    }
    listener.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn atk_097_other_spellings_of_a_path_are_no_methods() {
    let listener = Listener::start(ApiLimits::default()).await;
    for path in [
        "//causeway.exchange.v1.ExchangeService/ListSwaps",
        "/causeway.exchange.v1.ExchangeService//ListSwaps",
        "/causeway.exchange.v1.exchangeservice/ListSwaps",
        "/causeway.exchange.v1.ExchangeService/listSwaps",
        "/causeway.exchange.v1.ExchangeService/ListSwaps/",
    ] {
        let mut client = tonic::client::Grpc::new(listener.channel().await);
        client.ready().await.unwrap();
        // Empty messages of any type are the same bytes.
        let codec = causeway_proto::codec::StrictCodec::<OfferSwapRequest, OfferSwapResponse>::default();
        let request = with(Some("all"), OfferSwapRequest::default());
        let answer = client.unary(request, path.parse().unwrap(), codec).await;
        assert_eq!(answer.unwrap_err().code(), Code::Unimplemented, "{path}");
    }
    listener.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn atk_100_no_admin_or_peer_call_is_known_here() {
    let listener = Listener::start(ApiLimits::default()).await;
    let mut admin = AdminServiceClient::new(listener.channel().await);
    let refused = admin.get_status(with(Some("all"), GetStatusRequest {})).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    let mut peer = PeerServiceClient::new(listener.channel().await);
    let refused = peer.offer_swap(with(Some("all"), OfferSwapRequest::default())).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    // Health and reflection answer callers, and nobody else.
    let mut health = tonic_health::pb::health_client::HealthClient::new(listener.channel().await);
    let service = "causeway.exchange.v1.ExchangeService".to_owned();
    let asked = tonic_health::pb::HealthCheckRequest { service };
    let answer = health.check(with(Some("read"), asked.clone())).await.unwrap().into_inner();
    assert_eq!(answer.status(), tonic_health::pb::health_check_response::ServingStatus::Serving);
    assert_eq!(health.check(with(None, asked)).await.unwrap_err().code(), Code::Unauthenticated);
    listener.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_calls_too_often_is_told_to_wait_and_others_are_not() {
    let limits = ApiLimits { calls_per_second: 5, ..ApiLimits::default() };
    let listener = Listener::start(limits).await;
    let mut client = ExchangeServiceClient::new(listener.channel().await);
    let mut refused = None;
    for _ in 0..50 {
        if let Err(status) = client.list_swaps(with(Some("all"), api::ListSwapsRequest::default())).await {
            refused = Some(status);
        }
    }
    let refused = refused.expect("fifty calls at once at five per second");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.get_error_details().retry_info().unwrap().retry_delay.is_some());
    client.list_swaps(with(Some("read"), api::ListSwapsRequest::default())).await.unwrap();
    listener.end().await;
}
