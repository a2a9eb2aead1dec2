//! `/metrics` for Prometheus, `/healthz` and `/readyz` for supervisors. Read-only, unauthenticated, on loopback unless
//! configured otherwise; connections, requests and times are bounded.

use super::health::{Check, Health};
use crate::metrics::Metrics;
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections at once: a Prometheus pair, supervisors, an operator. Past it new ones are closed (INV-7).
pub const MAX_CONNECTIONS: usize = 64;
/// First byte and request head must come within this.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection lives no longer than this, whatever it does: scrapers reconnect.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// HTTP/2 streams of one connection.
const MAX_STREAMS: u32 = 8;
/// After an error of `accept` (out of files): there is no event that says when to try again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// gRPC's status code.
const UNIMPLEMENTED: &str = "12";

#[derive(Clone)]
struct Shown {
    metrics: Arc<Metrics>,
    health: watch::Receiver<Health>,
    /// Rendering thousands of series takes a worker for a while: one at a time.
    rendering: Arc<Semaphore>,
}

/// Serves until `stop`. Errors of single connections end only these.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    health: watch::Receiver<Health>,
    stop: CancellationToken,
) {
    let own = metrics.listeners.of("metrics").ok();
    let router = router(Shown { metrics, health, rendering: Arc::new(Semaphore::new(1)) });
    let (slots, tasks) = (Arc::new(Semaphore::new(MAX_CONNECTIONS)), TaskTracker::new());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            own.iter().for_each(|m| m.refused_total.inc("too_many"));
            continue;
        };
        let (router, stop, own) = (router.clone(), stop.clone(), own.clone());
        tasks.spawn(async move {
            own.iter().for_each(|m| m.connections.inc());
            tokio::select! {
                _ = timeout(CONNECTION_TIMEOUT, connection(stream, router)) => {}
                () = stop.cancelled() => {}
            }
            own.iter().for_each(|m| m.connections.dec());
            drop(slot);
        });
    }
    tasks.close();
    tasks.wait().await;
}

async fn connection(stream: TcpStream, router: Router) {
    // What decides between HTTP/1 and 2 waits for bytes without a deadline of its own.
    if !matches!(timeout(HEAD_TIMEOUT, stream.peek(&mut [0])).await, Ok(Ok(1))) {
        return;
    }
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(8 * 1024)
        .keep_alive_interval(HEAD_TIMEOUT)
        .keep_alive_timeout(HEAD_TIMEOUT);
    // A connection that breaks is its client's trouble.
    let _ = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
}

fn router(shown: Shown) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .layer(middleware::from_fn_with_state(shown.clone(), common))
        .with_state(shown)
}

/// gRPC has no service here, whatever its path (ATK-100); answers are not cached.
async fn common(State(shown): State<Shown>, request: Request, next: Next) -> Response {
    if let Ok(own) = shown.metrics.listeners.of("metrics") {
        own.requests_total.inc();
    }
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/grpc") {
        return ([("content-type", "application/grpc"), ("grpc-status", UNIMPLEMENTED)], ()).into_response();
    }
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn metrics(State(shown): State<Shown>) -> Response {
    let Ok(_one) = shown.rendering.acquire().await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    shown.metrics.process.ready.set(i64::from(shown.health.borrow().ready()));
    let metrics = Arc::clone(&shown.metrics);
    match tokio::task::spawn_blocking(move || metrics.render()).await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn healthz(State(shown): State<Shown>) -> Response {
    let live = shown.health.borrow().live;
    answer(live, &[])
}

async fn readyz(State(shown): State<Shown>) -> Response {
    let health = shown.health.borrow().clone();
    answer(health.ready(), &health.checks)
}

fn answer(good: bool, checks: &[Check]) -> Response {
    let checks: Vec<_> =
        checks.iter().map(|c| serde_json::json!({ "name": c.name, "ok": c.ok, "detail": c.detail })).collect();
    let body = serde_json::json!({ "ok": good, "checks": checks }).to_string();
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
