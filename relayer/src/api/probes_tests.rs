//! The probes over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{
    health::{Check, Health},
    probes::{MAX_CONNECTIONS, serve},
};
use crate::metrics::Metrics;
use causeway_proto::admin::v1::{GetStatusRequest, admin_service_client::AdminServiceClient};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, transport::Endpoint};

struct Running {
    at: SocketAddr,
    health: watch::Sender<Health>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

async fn start() -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (health, shown) = watch::channel(Health::starting());
    let (metrics, stop) = (Arc::new(Metrics::new().unwrap()), CancellationToken::new());
    let task = tokio::spawn(serve(listener, metrics.clone(), shown, stop.clone()));
    Running { at, health, metrics, stop, task }
}

async fn get(at: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(format!("{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn readiness_is_what_the_daemon_says() {
    let running = start().await;
    assert!(get(running.at, "GET /healthz").await.starts_with("HTTP/1.1 200"));
    let starting = get(running.at, "GET /readyz").await;
    assert!(starting.starts_with("HTTP/1.1 503") && starting.contains("the relayer is starting"), "{starting}");
    assert!(get(running.at, "GET /metrics").await.contains("\ncauseway_ready 0"));

    let store = Check { name: "store".into(), ok: true, detail: "".into() };
    running.health.send(Health { live: true, checks: vec![store] }).unwrap();
    assert!(get(running.at, "GET /readyz").await.starts_with("HTTP/1.1 200"));
    assert!(get(running.at, "GET /metrics").await.contains("\ncauseway_ready 1"));

    running.health.send(Health { live: false, checks: vec![] }).unwrap();
    assert!(get(running.at, "GET /healthz").await.starts_with("HTTP/1.1 503"));
}

#[tokio::test]
async fn atk_101_nothing_but_reading() {
    let running = start().await;
    for other in ["POST /metrics", "PUT /readyz", "DELETE /healthz"] {
        assert!(get(running.at, other).await.starts_with("HTTP/1.1 405"), "{other}");
    }
    for other in ["GET /", "GET /metrics/", "GET //metrics", "GET /debug/pprof", "POST /admin"] {
        assert!(get(running.at, other).await.starts_with("HTTP/1.1 404"), "{other}");
    }
}

#[tokio::test]
async fn atk_100_no_admin_call_is_known_here() {
    let running = start().await;
    let endpoint = Endpoint::from_shared(format!("http://{}", running.at)).unwrap();
    let mut client = AdminServiceClient::new(endpoint.connect().await.unwrap());
    let refused = client.get_status(GetStatusRequest {}).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented, "{refused:?}");
}

#[tokio::test]
async fn connections_are_bounded_and_silent_ones_end() {
    let running = start().await;
    let mut silent = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        silent.push(TcpStream::connect(running.at).await.unwrap());
    }
    // One more is closed, without an answer.
    let mut more = TcpStream::connect(running.at).await.unwrap();
    let mut byte = [0];
    let end = timeout(Duration::from_secs(3), more.read(&mut byte)).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)));
    // The silent ones are dropped by their deadline, and then others are served.
    let end = timeout(Duration::from_secs(20), silent[0].read(&mut byte)).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)));
    let served = async {
        loop {
            let mut stream = TcpStream::connect(running.at).await.unwrap();
            let _ = stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").await;
            let mut answer = String::new();
            if stream.read_to_string(&mut answer).await.is_ok() && answer.contains("200") {
                return;
            }
        }
    };
    timeout(Duration::from_secs(10), served).await.unwrap();
    let text = running.metrics.render().unwrap();
    assert!(text.contains(r#"causeway_listener_refused_total{listener="metrics",reason="too_many"}"#));
}

#[tokio::test]
async fn stopping_ends_open_connections() {
    let running = start().await;
    let _idle = TcpStream::connect(running.at).await.unwrap();
    running.stop.cancel();
    timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap();
}
