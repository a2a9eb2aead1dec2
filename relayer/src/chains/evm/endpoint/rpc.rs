//! JSON-RPC 2.0 over HTTP to one node, with a deadline and a bound on the answer.

use crate::chains::evm::{config::Endpoint, errors::NodeError};
use crate::lane::error::{Error, Kind, Result};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Longest answer that is read: the logs of 1,000 full blocks stay below it.
const MAX_ANSWER: usize = 32 << 20;
/// Time for a connection to be made.
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);

/// One node.
pub struct Node {
    /// Its label.
    pub label: Arc<str>,
    http: reqwest::Client,
    url: reqwest::Url,
    deadline: Duration,
    next_id: AtomicU64,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("label", &self.label).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default)]
    id: Option<u64>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<ErrorObject<'a>>,
}

#[derive(Deserialize)]
struct ErrorObject<'a> {
    code: i64,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// Keeps a `null` result apart from a missing one.
fn even_null<'de, D: Deserializer<'de>>(d: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(d).map(Some)
}

impl Node {
    /// A client for `endpoint`. Does not connect.
    ///
    /// # Errors
    /// `InvalidConfig` for a URL that cannot be read.
    pub fn new(endpoint: &Endpoint) -> Result<Self> {
        // The process may have installed it already; either way there is one afterwards.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let bad = |what: &str| Error::stop_lane(Kind::InvalidConfig, format!("endpoint {}: {what}", endpoint.label));
        let url = endpoint.url.expose().parse().map_err(|_| bad("its url cannot be read"))?;
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_DEADLINE.min(endpoint.deadline))
            .timeout(endpoint.deadline)
            .tcp_nodelay(true)
            // A node that redirects could send our requests, with their credentials, elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|_| bad("no HTTP client could be made for it"))?;
        Ok(Self {
            label: endpoint.label.as_str().into(),
            http,
            url,
            deadline: endpoint.deadline,
            next_id: AtomicU64::new(1),
        })
    }

    /// Calls `method` with `params`, a JSON array.
    ///
    /// # Errors
    /// See [`NodeError`]. The text of a transport fault is not kept: it may hold the URL.
    pub async fn call(&self, method: &'static str, params: &str) -> Result<Box<RawValue>, NodeError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
        let exchange = async {
            let request = self.http.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(body);
            let mut answer = request.send().await.map_err(transport)?;
            let status = answer.status().as_u16();
            let retry_after = delay(answer.headers());
            if matches!(status, 401 | 403 | 429 | 503) {
                return Err(NodeError::Http { status, retry_after });
            }
            let text = read(&mut answer).await?;
            parse(id, status, retry_after, &text)
        };
        tokio::time::timeout(self.deadline, exchange).await.unwrap_or(Err(NodeError::Deadline))
    }
}

fn parse(id: u64, status: u16, retry_after: Option<Duration>, text: &[u8]) -> Result<Box<RawValue>, NodeError> {
    let success = (200..300).contains(&status);
    let answer: Answer<'_> = match serde_json::from_slice(text) {
        Ok(answer) => answer,
        Err(_) if success => return Err(NodeError::Malformed("the answer is no JSON-RPC object")),
        Err(_) => return Err(NodeError::Http { status, retry_after }),
    };
    if let Some(error) = answer.error {
        let data: Option<String> = error.data.and_then(|raw| serde_json::from_str(raw.get()).ok());
        return Err(NodeError::from_rpc(error.code, &error.message, data.as_deref()));
    }
    if !success {
        return Err(NodeError::Http { status, retry_after });
    }
    if answer.id != Some(id) {
        return Err(NodeError::Malformed("the answer bears another id"));
    }
    answer.result.map(ToOwned::to_owned).ok_or(NodeError::Malformed("neither result nor error"))
}

async fn read(answer: &mut reqwest::Response) -> Result<Vec<u8>, NodeError> {
    let announced = answer.content_length().unwrap_or(0);
    if announced > MAX_ANSWER as u64 {
        return Err(NodeError::TooLarge);
    }
    let mut text = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    while let Some(chunk) = answer.chunk().await.map_err(transport)? {
        if text.len() + chunk.len() > MAX_ANSWER {
            return Err(NodeError::TooLarge);
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

fn transport(error: reqwest::Error) -> NodeError {
    if error.is_timeout() {
        NodeError::Deadline
    } else if error.is_connect() {
        NodeError::Unreachable("cannot connect")
    } else {
        NodeError::Unreachable("connection broken")
    }
}

/// `Retry-After` in its form of seconds. The form of a date depends on clocks and is not used.
fn delay(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::chains::evm::{config::SecretUrl, errors::Meaning};

    #[test]
    fn atk_073_error_bodies_are_never_results() {
        let ok = parse(7, 200, None, br#"{"jsonrpc":"2.0","id":7,"result":"0x1"}"#).unwrap();
        assert_eq!(ok.get(), "\"0x1\"");
        assert_eq!(parse(7, 200, None, br#"{"jsonrpc":"2.0","id":7,"result":null}"#).unwrap().get(), "null");
        let cases: &[(u16, &[u8])] = &[
            (200, b""),
            (200, b"null"),
            (200, b"[]"),
            (200, b"<html>rate limited</html>"),
            (200, br#"{"jsonrpc":"2.0","id":7}"#),
            (200, br#"{"jsonrpc":"2.0","id":8,"result":"0x1"}"#),
            (200, br#"{"jsonrpc":"2.0","id":7,"error":{"code":-32005,"message":"rate limit"},"result":"0x1"}"#),
            (500, br#"{"jsonrpc":"2.0","id":7,"result":"0x1"}"#),
            (502, b"bad gateway"),
        ];
        for (status, text) in cases {
            assert!(parse(7, *status, None, text).is_err(), "{status} {}", String::from_utf8_lossy(text));
        }
        let limited = parse(7, 200, None, br#"{"id":null,"error":{"code":-32005,"message":"Rate limit hit"}}"#);
        assert_eq!(limited.unwrap_err().meaning(), Some(Meaning::RateLimited));
    }

    #[test]
    fn revert_data_comes_through() {
        let text = br#"{"id":1,"error":{"code":3,"message":"execution reverted","data":"0xdeadbeef"}}"#;
        let NodeError::Rpc { data, meaning, .. } = parse(1, 200, None, text).unwrap_err() else { panic!() };
        assert_eq!((data.as_ref(), meaning), (&[0xde, 0xad, 0xbe, 0xef][..], Meaning::Reverted));
    }

    #[tokio::test]
    async fn atk_103_no_url_in_errors_or_debug() {
        let endpoint = Endpoint {
            label: "a".into(),
            url: SecretUrl::new("http://canary:canary@127.0.0.1:9/canary?key=canary"),
            ws: Some(SecretUrl::new("ws://canary@127.0.0.1:9/canary")),
            priority: 0,
            deadline: Duration::from_secs(1),
        };
        let node = Node::new(&endpoint).unwrap();
        let error = node.call("eth_chainId", "[]").await.unwrap_err();
        let shown = format!("{node:?} {endpoint:?} {error:?}");
        let shown = format!("{shown} {}", error.into_error(&node.label, "eth_chainId"));
        assert!(!shown.contains("canary"), "{shown}");
    }
}
