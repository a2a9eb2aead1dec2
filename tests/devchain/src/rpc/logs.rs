//! `eth_getLogs`, and which logs of a block a filter wants.

use alloy::rpc::types::{Filter, FilterBlockOption};
use serde_json::Value;

use super::{Node, Params, RpcError, json, lies};
use crate::{block::Block, faults::Faults};

/// `eth_getLogs(filter)`.
pub(crate) fn eth_get_logs(node: &Node, faults: &Faults, params: &Params) -> Result<Value, RpcError> {
    let filter: Filter = params.get(0)?;
    let view = node.view(faults);
    let limits = &view.core.config.rpc;
    let (from, to) = match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let block = view.block_by_hash(&hash).ok_or_else(|| RpcError::server("unknown block"))?;
            (block.header.number, block.header.number)
        }
        FilterBlockOption::Range { from_block, to_block } => (
            from_block.map_or(Ok(view.head), |tag| view.number(tag))?,
            to_block.map_or(Ok(view.head), |tag| view.number(tag))?,
        ),
    };
    if from > to {
        return Err(RpcError::invalid_params("invalid block range params"));
    }
    if to - from >= limits.log_blocks_max {
        return Err(RpcError::server(format!("exceed maximum block range: {}", limits.log_blocks_max)));
    }
    let mut found = Vec::new();
    for number in from..=to.min(view.head) {
        let Some(block) = view.block(number) else {
            break;
        };
        collect(block, &filter, &mut found);
        if found.len() > limits.logs_max {
            return Err(RpcError::new(-32_005, format!("query returned more than {} results", limits.logs_max)));
        }
    }
    if let Some(lie) = &faults.logs {
        let newest = view.block(to.min(view.head));
        lies::logs(lie, &mut found, newest.map(|block| (block.as_ref(), &filter)));
    }
    Ok(Value::Array(found))
}

/// Adds the logs of a block that a filter wants.
pub(crate) fn collect(block: &Block, filter: &Filter, found: &mut Vec<Value>) {
    if !filter.matches_bloom(block.header.logs_bloom) {
        return;
    }
    for (index, receipt) in block.receipts.iter().enumerate() {
        for (position, log) in receipt.logs.iter().enumerate() {
            if filter.matches(log) {
                found.push(json::log(block, index, receipt.first_log + position, log));
            }
        }
    }
}
