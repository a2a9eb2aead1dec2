//! JSON-RPC errors, with geth's codes.

use alloy::primitives::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::{mempool::Rejected, transaction::Malformed};

/// A JSON-RPC error object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct RpcError {
    pub(crate) code: i64,
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<Value>,
}

impl RpcError {
    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The server's own kind of error.
    pub(crate) fn server(message: impl Into<String>) -> Self {
        Self::new(-32_000, message)
    }

    pub(crate) fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(-32_602, message)
    }

    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(-32_600, message)
    }

    pub(crate) fn parse() -> Self {
        Self::new(-32_700, "parse error")
    }

    pub(crate) fn method_not_found(method: &str) -> Self {
        // A method name is echoed, so it is cut.
        let method: String = method.chars().take(64).collect();
        Self::new(-32_601, format!("the method {method} does not exist/is not available"))
    }

    pub(crate) fn header_not_found() -> Self {
        Self::server("header not found")
    }

    /// What a full node says about a state that it has pruned.
    pub(crate) fn pruned(root: alloy::primitives::B256) -> Self {
        Self::server(format!("missing trie node {root:x} (path )"))
    }

    pub(crate) fn reverted(reason: Option<String>, data: Bytes) -> Self {
        Self {
            code: 3,
            message: match reason {
                Some(reason) => format!("execution reverted: {reason}"),
                None => "execution reverted".to_owned(),
            },
            data: Some(Value::String(data.to_string())),
        }
    }
}

impl From<Malformed> for RpcError {
    fn from(error: Malformed) -> Self {
        Self::server(error.to_string())
    }
}

impl From<Rejected> for RpcError {
    fn from(error: Rejected) -> Self {
        Self::server(error.to_string())
    }
}

impl From<serde_json::Error> for RpcError {
    fn from(error: serde_json::Error) -> Self {
        Self::new(-32_603, error.to_string())
    }
}
