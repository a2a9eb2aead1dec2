//! JSON-RPC: envelopes and batches. Methods live in [`dispatch`].

mod call;
mod dispatch;
mod error;
mod json;
mod lies;
mod logs;
mod node;
mod params;
mod server;
mod subscribe;

pub(crate) use error::RpcError;
pub(crate) use node::Node;
pub(crate) use params::Params;
pub(crate) use server::{ControlMethods, serve_control, serve_node};

use serde::Deserialize;
use serde_json::{Value, json};

/// A request object. Unknown members are ignored, as nodes do.
#[derive(Debug, Deserialize)]
pub(crate) struct Request {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    method: String,
    #[serde(default)]
    params: Option<Value>,
}

/// Answers a body: one request or a batch of at most `batch_max`.
pub(crate) fn answer(
    body: &[u8],
    batch_max: usize,
    mut method: impl FnMut(&str, Params) -> Result<Value, RpcError>,
) -> Value {
    let mut one = |value: Value| {
        let request = match serde_json::from_value::<Request>(value) {
            Ok(request) if !request.method.is_empty() => request,
            _ => {
                return response(Value::Null, Err(RpcError::invalid_request("invalid request")));
            }
        };
        let result = Params::new(request.params).and_then(|params| method(&request.method, params));
        response(request.id, result)
    };
    match serde_json::from_slice(body) {
        Err(_) => response(Value::Null, Err(RpcError::parse())),
        Ok(Value::Array(batch)) if batch.is_empty() => {
            response(Value::Null, Err(RpcError::invalid_request("empty batch")))
        }
        Ok(Value::Array(batch)) if batch.len() > batch_max => {
            response(Value::Null, Err(RpcError::invalid_request("batch too large")))
        }
        Ok(Value::Array(batch)) => Value::Array(batch.into_iter().map(one).collect()),
        Ok(value) => one(value),
    }
}

/// The methods that a body asks for, for faults that strike some methods only.
pub(crate) fn methods(body: &[u8]) -> Vec<String> {
    let name = |value: &Value| value.get("method").and_then(Value::as_str).map(str::to_owned);
    match serde_json::from_slice(body) {
        Ok(Value::Array(batch)) => batch.iter().filter_map(name).collect(),
        Ok(value) => name(&value).into_iter().collect(),
        Err(_) => Vec::new(),
    }
}

fn response(id: Value, result: Result<Value, RpcError>) -> Value {
    match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => json!({ "jsonrpc": "2.0", "id": id, "error": error }),
    }
}
