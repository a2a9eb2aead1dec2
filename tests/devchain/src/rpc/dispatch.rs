//! The methods of a node, by name. One short function each; what is not listed does not exist.

use alloy::{
    consensus::Header,
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, Bytes, U64, U256, keccak256},
};
use serde_json::{Map, Value, json};

use super::{
    Node, Params, RpcError,
    call::{eth_call, eth_estimate_gas},
    json::{self, quantity},
    lies,
    logs::eth_get_logs,
    node::View,
    params::slot,
};
use crate::{
    block::Block,
    faults::{Faults, ProofLie},
    transaction::Transaction,
};

/// Slots that one `eth_getProof` may ask for.
const PROOF_SLOTS_MAX: usize = 1_024;

/// Answers one request.
pub(crate) fn dispatch(node: &Node, faults: &Faults, method: &str, params: &Params) -> Result<Value, RpcError> {
    let view = || node.view(faults);
    let config = &node.core.config;
    match method {
        "eth_chainId" => Ok(quantity(config.chain_id)),
        "net_version" => Ok(json!(config.chain_id.to_string())),
        "net_listening" => Ok(json!(true)),
        "net_peerCount" => Ok(quantity(config.validators as u64 - 1)),
        "web3_clientVersion" => Ok(json!(config.rpc.client_version)),
        "web3_sha3" => Ok(json!(keccak256(params.get::<Bytes>(0)?))),
        "rpc_modules" => {
            Ok(json!({ "eth": "1.0", "net": "1.0", "web3": "1.0", "debug": "1.0", "istanbul": "1.0", "txpool": "1.0" }))
        }
        "eth_syncing" => Ok(json!(false)),
        "eth_accounts" => Ok(json!([])),
        "eth_blockNumber" => Ok(quantity(view().head)),
        "eth_gasPrice" => Ok(gas_price(&view())),
        "eth_getBlockByNumber" => block_by_number(&view(), params),
        "eth_getBlockByHash" => block_by_hash(&view(), params),
        "eth_getHeaderByNumber" => header_by_number(&view(), params),
        "eth_getHeaderByHash" => header_by_hash(&view(), params),
        "eth_getBlockTransactionCountByNumber" => count_by_number(&view(), params),
        "eth_getBlockTransactionCountByHash" => count_by_hash(&view(), params),
        "eth_getUncleCountByBlockNumber" | "eth_getUncleCountByBlockHash" => Ok(quantity(0_u64)),
        "eth_getTransactionByHash" => transaction_by_hash(&view(), params),
        "eth_getTransactionByBlockNumberAndIndex" => transaction_by_index(&view(), params),
        "eth_getRawTransactionByHash" => raw_transaction(&view(), params),
        "eth_getTransactionReceipt" => receipt(&view(), params),
        "eth_getTransactionCount" => transaction_count(&view(), params),
        "eth_getBalance" => {
            let view = view();
            Ok(json!(view.state(params.block(1)?)?.1.balance(params.get(0)?)))
        }
        "eth_getCode" => {
            let view = view();
            Ok(json!(view.state(params.block(1)?)?.1.code(params.get(0)?)))
        }
        "eth_getStorageAt" => storage_at(&view(), params),
        "eth_getProof" => proof(&view(), params),
        "eth_getLogs" => eth_get_logs(node, faults, params),
        "eth_call" => eth_call(node, faults, params),
        "eth_estimateGas" => eth_estimate_gas(node, faults, params),
        "eth_sendRawTransaction" => send(node, faults, params),
        "debug_getRawHeader" => raw_header(&view(), params),
        "debug_getRawBlock" => raw_block(&view(), params),
        "debug_getBlockRlp" => block_rlp(&view(), params),
        "istanbul_getValidators" => validators(&view(), params),
        "istanbul_getSignersFromBlock" => signers(&view(), params),
        "txpool_status" => Ok(json!({ "pending": U64::from(node.core.mempool().len()), "queued": "0x0" })),
        "eth_maxPriorityFeePerGas" if config.spec.has_base_fee() => Ok(quantity(config.gas_price_min)),
        "eth_feeHistory" if config.spec.has_base_fee() => fee_history(&view(), params),
        "eth_getBlockReceipts" if config.spec.has_base_fee() => block_receipts(&view(), params),
        _ => Err(RpcError::method_not_found(method)),
    }
}

/// A block's header and hash as this node shows them.
fn shown(view: &View<'_>, block: &Block) -> (Header, B256) {
    match view.faults.header {
        Some(lie) if block.header.number > 0 => lies::header(lie, view, block),
        _ => (block.header.clone(), block.hash),
    }
}

/// The same as JSON.
pub(crate) fn shown_header(view: &View<'_>, block: &Block) -> Map<String, Value> {
    let (header, hash) = shown(view, block);
    json::header(&header, hash)
}

fn gas_price(view: &View<'_>) -> Value {
    let base_fee = view.block(view.head).and_then(|block| block.header.base_fee_per_gas).unwrap_or_default();
    quantity(u128::from(base_fee) + view.core.config.gas_price_min)
}

fn by_number<'a>(view: &'a View<'_>, params: &Params) -> Result<Option<&'a std::sync::Arc<Block>>, RpcError> {
    let tag: BlockNumberOrTag = params.get(0)?;
    Ok(view.block(view.number(tag)?))
}

fn by_hash<'a>(view: &'a View<'_>, params: &Params) -> Result<Option<&'a std::sync::Arc<Block>>, RpcError> {
    Ok(view.block_by_hash(&params.get(0)?))
}

fn block_json(view: &View<'_>, block: &Block, full: bool) -> Value {
    json::block(block, shown_header(view, block), full)
}

fn block_by_number(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    let full = params.optional(1)?.unwrap_or(false);
    Ok(by_number(view, params)?.map_or(Value::Null, |block| block_json(view, block, full)))
}

fn block_by_hash(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    let full = params.optional(1)?.unwrap_or(false);
    Ok(by_hash(view, params)?.map_or(Value::Null, |block| block_json(view, block, full)))
}

fn header_by_number(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    Ok(by_number(view, params)?.map_or(Value::Null, |block| Value::Object(shown_header(view, block))))
}

fn header_by_hash(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    Ok(by_hash(view, params)?.map_or(Value::Null, |block| Value::Object(shown_header(view, block))))
}

fn count_by_number(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    Ok(by_number(view, params)?.map_or(Value::Null, |block| quantity(block.transactions.len() as u64)))
}

fn count_by_hash(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    Ok(by_hash(view, params)?.map_or(Value::Null, |block| quantity(block.transactions.len() as u64)))
}

fn transaction_by_hash(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.get(0)?;
    if let Some((block, index)) = view.transaction(&hash) {
        return Ok(block
            .transaction(index)
            .map_or(Value::Null, |(transaction, _)| json::transaction(transaction, Some((block, index)))));
    }
    Ok(view.core.mempool().get(&hash).map_or(Value::Null, |transaction| json::transaction(transaction, None)))
}

fn transaction_by_index(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    let index = usize::try_from(params.number(1)?).unwrap_or(usize::MAX);
    Ok(by_number(view, params)?
        .and_then(|block| {
            let (transaction, _) = block.transaction(index)?;
            Some(json::transaction(transaction, Some((block, index))))
        })
        .unwrap_or_default())
}

fn raw_transaction(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.get(0)?;
    let mined = view
        .transaction(&hash)
        .and_then(|(block, index)| block.transaction(index))
        .map(|(transaction, _)| json!(transaction.raw));
    Ok(mined.or_else(|| view.core.mempool().get(&hash).map(|transaction| json!(transaction.raw))).unwrap_or_default())
}

fn receipt(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    let hash: B256 = params.get(0)?;
    let receipt = view.transaction(&hash).and_then(|(block, index)| json::receipt(block, index));
    Ok(receipt.map_or(Value::Null, |receipt| bent(view, receipt)))
}

/// A receipt with its logs bent where the node lies about logs.
fn bent(view: &View<'_>, mut receipt: Value) -> Value {
    if let Some(lie) = &view.faults.logs
        && let Some(Value::Array(logs)) = receipt.get_mut("logs")
    {
        lies::logs(lie, logs, None);
    }
    receipt
}

fn block_receipts(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    let block = view.require(params.block(0)?)?;
    let receipts = (0..block.transactions.len())
        .filter_map(|index| json::receipt(block, index))
        .map(|receipt| bent(view, receipt))
        .collect();
    Ok(Value::Array(receipts))
}

fn transaction_count(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    let address: Address = params.get(0)?;
    let id = params.block(1)?;
    let nonce = view.state(id)?.1.nonce(address);
    let is_pending = matches!(id, BlockId::Number(BlockNumberOrTag::Pending));
    Ok(quantity(if is_pending { view.core.mempool().pending_nonce(address, nonce) } else { nonce }))
}

fn storage_at(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    let slot = slot(&params.get::<String>(1)?)?;
    let (_, state) = view.state(params.block(2)?)?;
    Ok(json!(B256::from(state.storage(params.get(0)?, slot))))
}

fn proof(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    let address: Address = params.get(0)?;
    let keys: Vec<String> = params.optional(1)?.unwrap_or_default();
    if keys.len() > PROOF_SLOTS_MAX {
        return Err(RpcError::invalid_params("too many storage keys"));
    }
    let slots = keys.iter().map(|key| slot(key)).collect::<Result<Vec<_>, _>>()?;
    let (block, mut state) = view.state(params.block(2)?)?;
    if view.faults.proof == Some(ProofLie::Stale)
        && let Some(parent) = block.header.number.checked_sub(1)
    {
        state = view.state(BlockId::number(parent))?.1;
    }
    let mut proof = state.prove(address, &slots);
    if let Some(lie) = view.faults.proof {
        lies::proof(lie, &mut proof);
    }
    let storage: Vec<Value> = keys
        .iter()
        .zip(&proof.slots)
        .map(|(key, (_, value, nodes))| json!({ "key": key, "value": value, "proof": nodes }))
        .collect();
    Ok(json!({
        "address": address,
        "accountProof": proof.nodes,
        "balance": proof.balance,
        "codeHash": proof.code_hash,
        "nonce": U64::from(proof.nonce),
        "storageHash": proof.storage_root,
        "storageProof": storage,
    }))
}

fn send(node: &Node, faults: &Faults, params: &Params) -> Result<Value, RpcError> {
    let raw: Bytes = params.get(0)?;
    let transaction = Transaction::decode(raw, node.core.config.chain_id, node.core.config.spec)?;
    let hash = transaction.hash();
    if !faults.drop_transactions {
        node.core.submit(transaction)?;
    }
    Ok(json!(hash))
}

fn raw_header(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    let block = view.require(params.get(0)?)?;
    let (header, _) = shown(view, block);
    Ok(json!(Bytes::from(alloy_rlp::encode(header))))
}

fn raw_block(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    let block = view.require(params.get(0)?)?;
    let (header, _) = shown(view, block);
    Ok(json!(Bytes::from(block.rlp_with(&header))))
}

/// GoQuorum's form: a number, and hex without a prefix in return.
fn block_rlp(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    let number = params.number(0)?;
    let block = view.block(number).ok_or_else(|| RpcError::server(format!("block #{number} not found")))?;
    let (header, _) = shown(view, block);
    Ok(json!(alloy::hex::encode(block.rlp_with(&header))))
}

fn validators(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    let block = view.require(params.block(0)?)?;
    let validators = view.ledger.validators(block.header.number).ok_or_else(|| RpcError::server("unknown block"))?;
    Ok(json!(validators.current()))
}

fn signers(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    let block = view.require(params.block(0)?)?;
    Ok(json!({
        "number": block.header.number,
        "hash": block.hash,
        "author": block.proposer.unwrap_or_default(),
        "committers": block.committers,
    }))
}

fn fee_history(view: &View<'_>, params: &Params) -> Result<Value, RpcError> {
    let newest = view.require(params.block(1)?)?.header.number;
    let count = params.number(0)?.clamp(1, 1_024).min(newest + 1);
    let percentiles: Vec<f64> = params.optional(2)?.unwrap_or_default();
    let oldest = newest + 1 - count;
    let headers: Vec<_> =
        (oldest..=newest).filter_map(|number| view.block(number)).map(|block| &block.header).collect();
    let mut fees: Vec<U256> =
        headers.iter().map(|header| U256::from(header.base_fee_per_gas.unwrap_or_default())).collect();
    fees.extend(fees.last().copied());
    let ratios: Vec<f64> = headers.iter().map(|header| header.gas_used as f64 / header.gas_limit as f64).collect();
    // Nobody bids above the floor here, so every percentile is the floor.
    let floor = U256::from(view.core.config.gas_price_min);
    let reward = vec![vec![floor; percentiles.len()]; headers.len()];
    Ok(json!({
        "oldestBlock": U64::from(oldest),
        "baseFeePerGas": fees,
        "gasUsedRatio": ratios,
        "reward": reward,
    }))
}
