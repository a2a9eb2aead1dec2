//! Subscriptions of one WebSocket connection.

use std::collections::BTreeMap;

use alloy::rpc::types::Filter;
use serde_json::{Value, json};

use super::{Node, Params, RpcError, dispatch::shown_header, lies, logs::collect};
use crate::faults::Faults;

/// Subscriptions that a connection may hold.
const SUBSCRIPTIONS_MAX: usize = 128;

/// Blocks told about in one go after a node caught up.
const CATCH_UP_MAX: u64 = 256;

enum Kind {
    NewHeads,
    Logs(Box<Filter>),
}

/// What a connection listens to.
pub(crate) struct Subscriptions {
    kinds: BTreeMap<u64, Kind>,
    next: u64,
    /// Highest block told about.
    told: u64,
}

impl Subscriptions {
    pub(crate) fn new(head: u64) -> Self {
        Self {
            kinds: BTreeMap::new(),
            // Ids look like those of a node, so start high.
            next: 0x00c0_ffee_0000_0001,
            told: head,
        }
    }

    /// `eth_subscribe(kind, filter)`.
    pub(crate) fn subscribe(&mut self, params: &Params) -> Result<Value, RpcError> {
        if self.kinds.len() >= SUBSCRIPTIONS_MAX {
            return Err(RpcError::server("too many subscriptions"));
        }
        let kind = match params.get::<String>(0)?.as_str() {
            "newHeads" => Kind::NewHeads,
            "logs" => Kind::Logs(params.optional(1)?.unwrap_or_default()),
            other => {
                return Err(RpcError::new(
                    -32_601,
                    format!("no \"{}\" subscription in eth namespace", other.escape_debug()),
                ));
            }
        };
        let id = self.next;
        self.next += 1;
        self.kinds.insert(id, kind);
        Ok(json!(format!("{id:#034x}")))
    }

    /// `eth_unsubscribe(id)`.
    pub(crate) fn unsubscribe(&mut self, params: &Params) -> Result<Value, RpcError> {
        let id: String = params.get(0)?;
        let digits = id.strip_prefix("0x").unwrap_or(&id);
        let known =
            u64::from_str_radix(digits.trim_start_matches('0'), 16).is_ok_and(|id| self.kinds.remove(&id).is_some());
        if known { Ok(json!(true)) } else { Err(RpcError::server("subscription not found")) }
    }

    /// What there is to say after the chain's newest block became `head`; a lagging node says it later.
    pub(crate) fn notify(&mut self, node: &Node, faults: &Faults, head: u64) -> Vec<String> {
        // After a rewind the same heights are told again.
        self.told = self.told.min(head.saturating_sub(1));
        let view = node.view(faults);
        let shown = view.head.min(faults.head(head));
        let first = (self.told + 1).max(shown.saturating_sub(CATCH_UP_MAX - 1));
        let mut messages = Vec::new();
        for number in first..=shown {
            let Some(block) = view.block(number) else {
                break;
            };
            for (id, kind) in &self.kinds {
                match kind {
                    Kind::NewHeads => {
                        messages.push(message(*id, Value::Object(shown_header(&view, block))));
                    }
                    Kind::Logs(filter) => {
                        let mut found = Vec::new();
                        collect(block, filter, &mut found);
                        if let Some(lie) = &faults.logs {
                            lies::logs(lie, &mut found, Some((block, filter)));
                        }
                        messages.extend(found.into_iter().map(|log| message(*id, log)));
                    }
                }
            }
            self.told = number;
        }
        messages
    }
}

fn message(id: u64, result: Value) -> String {
    json!({
        "jsonrpc": "2.0",
        "method": "eth_subscription",
        "params": { "subscription": format!("{id:#034x}"), "result": result },
    })
    .to_string()
}
