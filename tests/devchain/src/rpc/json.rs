//! Chain objects as JSON, field for field as geth serves them.

use alloy::{
    consensus::{Header, Transaction as _, TxEnvelope},
    primitives::{B256, Log, U64, U128, U256},
};
use serde_json::{Map, Value, json};

use crate::{
    block::{Block, Receipt},
    transaction::Transaction,
};

/// A `0x` quantity.
pub(crate) fn quantity(number: impl Into<u128>) -> Value {
    Value::String(format!("{:#x}", number.into()))
}

/// A header's fields.
pub(crate) fn header(header: &Header, hash: B256) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
    put("parentHash", json!(header.parent_hash));
    put("sha3Uncles", json!(header.ommers_hash));
    put("miner", json!(header.beneficiary));
    put("stateRoot", json!(header.state_root));
    put("transactionsRoot", json!(header.transactions_root));
    put("receiptsRoot", json!(header.receipts_root));
    put("logsBloom", json!(header.logs_bloom));
    put("difficulty", json!(header.difficulty));
    put("number", quantity(header.number));
    put("gasLimit", quantity(header.gas_limit));
    put("gasUsed", quantity(header.gas_used));
    put("timestamp", quantity(header.timestamp));
    put("extraData", json!(header.extra_data));
    put("mixHash", json!(header.mix_hash));
    put("nonce", json!(header.nonce));
    if let Some(base_fee) = header.base_fee_per_gas {
        put("baseFeePerGas", quantity(base_fee));
    }
    put("hash", json!(hash));
    out
}

/// A block, its transactions whole or as hashes.
pub(crate) fn block(block: &Block, header: Map<String, Value>, full: bool) -> Value {
    let mut out = header;
    let transactions = block
        .transactions
        .iter()
        .enumerate()
        .map(
            |(index, transaction)| {
                if full { self::transaction(transaction, Some((block, index))) } else { json!(transaction.hash()) }
            },
        )
        .collect();
    out.insert("transactions".to_owned(), Value::Array(transactions));
    out.insert("uncles".to_owned(), Value::Array(Vec::new()));
    out.insert("size".to_owned(), quantity(block.size() as u64));
    out.insert("totalDifficulty".to_owned(), quantity(block.header.number + 1));
    Value::Object(out)
}

/// A transaction, with its place if it has one.
pub(crate) fn transaction(transaction: &Transaction, place: Option<(&Block, usize)>) -> Value {
    let envelope = &transaction.envelope;
    let signature = envelope.signature();
    let base_fee = place.and_then(|(block, _)| block.header.base_fee_per_gas);
    let price = match place {
        Some(_) => envelope.effective_gas_price(base_fee),
        None => envelope.max_fee_per_gas(),
    };
    let mut out = json!({
        "blockHash": place.map(|(block, _)| block.hash),
        "blockNumber": place.map(|(block, _)| U64::from(block.header.number)),
        "transactionIndex": place.map(|(_, index)| U64::from(index)),
        "from": transaction.sender,
        "to": envelope.to(),
        "gas": U64::from(envelope.gas_limit()),
        "gasPrice": U128::from(price),
        "hash": transaction.hash(),
        "input": envelope.input(),
        "nonce": U64::from(envelope.nonce()),
        "value": envelope.value(),
        "type": U64::from(envelope.tx_type() as u8),
        "chainId": envelope.chain_id().map(U64::from),
        "r": signature.r(),
        "s": signature.s(),
    });
    let parity = U64::from(u8::from(signature.v()));
    if let Some(out) = out.as_object_mut() {
        let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
        if let TxEnvelope::Legacy(_) = envelope {
            let v = envelope.chain_id().map_or(27, |chain_id| U256::from(chain_id).to::<u128>() * 2 + 35)
                + u128::from(u8::from(signature.v()));
            put("v", quantity(v));
        } else {
            put("v", json!(parity));
            put("yParity", json!(parity));
            put("accessList", json!(envelope.access_list()));
        }
        if let Some(tip) = envelope.max_priority_fee_per_gas() {
            put("maxFeePerGas", quantity(envelope.max_fee_per_gas()));
            put("maxPriorityFeePerGas", quantity(tip));
        }
        if let TxEnvelope::Eip7702(signed) = envelope {
            put("authorizationList", json!(signed.tx().authorization_list));
        }
    }
    out
}

/// A transaction's receipt.
pub(crate) fn receipt(block: &Block, index: usize) -> Option<Value> {
    let (transaction, receipt) = block.transaction(index)?;
    Some(json!({
        "blockHash": block.hash,
        "blockNumber": U64::from(block.header.number),
        "transactionHash": transaction.hash(),
        "transactionIndex": U64::from(index),
        "from": transaction.sender,
        "to": transaction.envelope.to(),
        "contractAddress": receipt.contract,
        "gasUsed": U64::from(receipt.gas_used),
        "cumulativeGasUsed": U64::from(receipt.cumulative_gas_used),
        "effectiveGasPrice": U128::from(receipt.effective_gas_price),
        "logs": logs(block, index, receipt).collect::<Vec<_>>(),
        "logsBloom": receipt.bloom(),
        "status": U64::from(u8::from(receipt.success)),
        "type": U64::from(receipt.tx_type),
    }))
}

/// The logs of one transaction.
pub(crate) fn logs<'a>(block: &'a Block, index: usize, receipt: &'a Receipt) -> impl Iterator<Item = Value> + 'a {
    receipt.logs.iter().enumerate().map(move |(position, one)| log(block, index, receipt.first_log + position, one))
}

/// One log.
pub(crate) fn log(block: &Block, transaction: usize, position: usize, log: &Log) -> Value {
    json!({
        "address": log.address,
        "topics": log.topics(),
        "data": log.data.data,
        "blockHash": block.hash,
        "blockNumber": U64::from(block.header.number),
        "transactionHash": block.transactions.get(transaction).map(|transaction| transaction.hash()),
        "transactionIndex": U64::from(transaction),
        "logIndex": U64::from(position),
        "removed": false,
    })
}
