//! HTTP and WebSocket on one port, and the faults that lie below JSON-RPC.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, FromRequestParts, Request, State, WebSocketUpgrade, ws},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, time::sleep};

use super::{Node, Params, RpcError, answer, dispatch::dispatch, methods, subscribe::Subscriptions};
use crate::{
    faults::{Faults, HttpFault, WsFault},
    sync::{lock, read},
};

/// Serves a node until its stop signal.
pub(crate) async fn serve_node(listener: TcpListener, node: Arc<Node>) {
    let limit = node.core.config.rpc.body_bytes_max;
    let stop = node.stop.clone();
    let app = Router::new().fallback(any(entry)).layer(DefaultBodyLimit::max(limit)).with_state(node);
    let served = axum::serve(listener, app).with_graceful_shutdown(stopped(stop));
    if let Err(error) = served.await {
        tracing::warn!(%error, "endpoint stopped");
    }
}

/// The methods of the control port.
pub(crate) type ControlMethods = Arc<dyn Fn(&str, &Params) -> Result<Value, RpcError> + Send + Sync>;

/// Serves the control port until the stop signal.
pub(crate) async fn serve_control(listener: TcpListener, methods: ControlMethods, stop: watch::Receiver<bool>) {
    let app = Router::new().fallback(any(control)).with_state(methods);
    let served = axum::serve(listener, app).with_graceful_shutdown(stopped(stop));
    if let Err(error) = served.await {
        tracing::warn!(%error, "control port stopped");
    }
}

async fn control(State(methods): State<ControlMethods>, body: axum::body::Bytes) -> Response {
    let reply =
        tokio::task::spawn_blocking(move || answer(&body, 1, |method, params| methods(method, &params)).to_string());
    match reply.await {
        Ok(reply) => json_response(reply),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the sender is gone: stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn entry(State(node): State<Arc<Node>>, request: Request) -> Response {
    let is_upgrade = request.headers().contains_key(header::UPGRADE);
    if is_upgrade {
        return upgrade(node, request).await;
    }
    if request.method() == axum::http::Method::GET {
        // geth answers probes of its port so.
        return StatusCode::OK.into_response();
    }
    match axum::body::to_bytes(request.into_body(), node.core.config.rpc.body_bytes_max).await {
        Ok(body) => http(node, body).await,
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    }
}

fn json_response(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

async fn http(node: Arc<Node>, body: axum::body::Bytes) -> Response {
    let faults = node.faults();
    let struck = strikes(&faults, &body);
    if struck {
        hold(&node, &faults).await;
    }
    if struck && let Some(fault) = &faults.http {
        match fault {
            HttpFault::TooManyRequests { retry_after } => {
                return (
                    StatusCode::TOO_MANY_REQUESTS,
                    [(header::RETRY_AFTER, retry_after.to_string())],
                    "too many requests",
                )
                    .into_response();
            }
            HttpFault::Status(status) => {
                return StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
            }
            HttpFault::Html => {
                return ([(header::CONTENT_TYPE, "text/html")], "<html><body>It works!</body></html>").into_response();
            }
            HttpFault::Empty => return json_response(""),
            HttpFault::Truncated => {
                let mut whole = reply(node, faults.clone(), body.to_vec(), None).await;
                whole.truncate(whole.len() / 2);
                return json_response(whole);
            }
            HttpFault::Null => return json_response(constant(&body, Ok(Value::Null))),
            HttpFault::ErrorBody { code, message } => {
                return json_response(constant(&body, Err(RpcError::new(*code, message.clone()))));
            }
        }
    }
    json_response(reply(node, faults, body.to_vec(), None).await)
}

fn constant(body: &[u8], result: Result<Value, RpcError>) -> String {
    answer(body, usize::MAX, |_, _| result.clone()).to_string()
}

fn strikes(faults: &Faults, body: &[u8]) -> bool {
    faults.methods.is_empty() || methods(body).iter().any(|method| faults.strikes(method))
}

/// Waits as long as the faults say; a mute node never comes back while it lives.
async fn hold(node: &Node, faults: &Faults) {
    if faults.mute {
        stopped(node.stop.clone()).await;
    } else if let Some(delay) = faults.delay() {
        tokio::select! {
            () = sleep(delay) => {}
            () = stopped(node.stop.clone()) => {}
        }
    }
}

/// Answers a body off the async threads: proofs, calls and signatures are work.
async fn reply(
    node: Arc<Node>,
    faults: Arc<Faults>,
    body: Vec<u8>,
    session: Option<Arc<Mutex<Subscriptions>>>,
) -> String {
    let work = move || {
        let batch_max = node.core.config.rpc.batch_max;
        answer(&body, batch_max, |method, params| match (method, &session) {
            ("eth_subscribe", Some(session)) => lock(session).subscribe(&params),
            ("eth_unsubscribe", Some(session)) => lock(session).unsubscribe(&params),
            ("eth_subscribe" | "eth_unsubscribe", None) => Err(RpcError::server("notifications not supported")),
            _ => dispatch(&node, &faults, method, &params),
        })
        .to_string()
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_default()
}

async fn upgrade(node: Arc<Node>, request: Request) -> Response {
    if node.faults().ws == Some(WsFault::Refuse) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let Ok(permit) = node.connections.clone().try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let (mut parts, _) = request.into_parts();
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => {
            upgrade.max_message_size(node.core.config.rpc.body_bytes_max).on_upgrade(move |socket| async move {
                websocket(node, socket).await;
                drop(permit);
            })
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn websocket(node: Arc<Node>, mut socket: ws::WebSocket) {
    let mut heads = node.core.heads.subscribe();
    let mut changes = node.faults.subscribe();
    let head = node.faults().head(read(&node.core.ledger).head());
    let session = Arc::new(Mutex::new(Subscriptions::new(head)));
    let stop = node.stop.clone();
    loop {
        let faults = node.faults();
        match faults.ws {
            Some(WsFault::End | WsFault::Refuse) => return,
            Some(WsFault::HalfOpen) => {
                // Neither read nor written, so no pong goes out either.
                tokio::select! {
                    () = stopped(stop.clone()) => return,
                    _ = changes.changed() => continue,
                }
            }
            _ => {}
        }
        tokio::select! {
            () = stopped(stop.clone()) => return,
            _ = changes.changed() => {}
            head = heads.recv() => {
                // A connection that fell too far behind is cut, as nodes do.
                let Ok(block) = head else { return };
                if faults.mute || faults.ws == Some(WsFault::MuteSubscriptions) {
                    continue;
                }
                let messages = lock(&session).notify(&node, &faults, block.header.number);
                for message in messages {
                    if socket.send(ws::Message::Text(message.into())).await.is_err() {
                        return;
                    }
                }
            }
            message = socket.recv() => {
                let body = match message {
                    Some(Ok(ws::Message::Text(text))) => text.as_bytes().to_vec(),
                    Some(Ok(ws::Message::Binary(bytes))) => bytes.to_vec(),
                    Some(Ok(ws::Message::Ping(_) | ws::Message::Pong(_))) => continue,
                    _ => return,
                };
                if faults.mute && strikes(&faults, &body) {
                    continue;
                }
                if strikes(&faults, &body) {
                    hold(&node, &faults).await;
                }
                let reply = reply(node.clone(), faults, body, Some(session.clone())).await;
                if socket.send(ws::Message::Text(reply.into())).await.is_err() {
                    return;
                }
            }
        }
    }
}
