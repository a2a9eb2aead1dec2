//! Merkle-Patricia proofs.
//!
//! * *trie proofs*: `[{kind, root, key, proof, value, expected}]`; `key` is the path itself. `valid`: present with this
//!   value; `absent`: proven absent; `invalid-as-inclusion`: no value may come of it.
//! * *storage under a header*: `{header_data, account_proof, contract_address, expected_account_state,
//!   storage_key_hash, storage_proof, expected_storage_value, expected}`. Only the header's state root counts.
//! * *tries* (ethereum/tests): `{name: {in, root}}`; keys are hashed where the file's name says `secure`. Every key is
//!   proven present under the root, others absent.
//! * *receipts*: `{header, receipts}`. Each receipt is proven under the header's receipts root.
//! * *block bodies*: `{meta, data}` with a block's transactions and withdrawals; `meta.fail` says that they are not those
//!   of the block, or that its header has another hash: of a file without bodies, or one whose `meta.reason` is the
//!   block hash, the header's own hash decides.

use std::collections::BTreeMap;

use alloy_primitives::{B256, keccak256};
use causeway_bft_evm::proof::account_of;
use causeway_ethereum::block::BlockHeader;
use causeway_mpt::{InlineNodes, Limits, Lookup, decode_account, decode_word, lookup_with, rlp};
use serde_json::Value;

use crate::{
    cases::{File, Judged, ensure, same},
    ethereum::blocks::header_rlp,
    json::{address, array, byte_list, bytes, bytes_of, field, hash, number_of, text, trimmed, unhex},
    rpc::listed,
    tries::Trie,
};

/// Judges `[{kind, root, key, proof, value, expected}]`.
pub fn trie_proofs(file: &File<'_>) -> Judged {
    let cases = file.value.as_array()?;
    let fits = |case: &Value| ["root", "key", "proof", "expected"].iter().all(|name| case.get(name).is_some());
    if cases.is_empty() || !cases.iter().all(fits) {
        return None;
    }
    Some(cases.iter().map(|case| (text(case, "name").unwrap_or("?").into(), trie_proof(case).into())).collect())
}

fn trie_proof(case: &Value) -> Result<(), String> {
    let (root, key, nodes) = (hash(case, "root")?, bytes(case, "key")?, byte_list(case, "proof")?);
    let kind = text(case, "kind")?;
    let limits = if matches!(kind, "account" | "storage") { Limits::STATE } else { Limits::VALUES };
    nodes.iter().for_each(|node| crate::seeds::keep("mpt", node));
    let found = lookup_with(&root, &key, &nodes, limits, InlineNodes::MayRepeat);
    match text(case, "expected")? {
        "valid" => {
            let value = bytes(case, "value")?;
            same("value", Ok(Lookup::Present(&value)), found)?;
            match kind {
                "account" => decode_account(&value).map(drop).map_err(|error| error.to_string()),
                "storage" => decode_word(&value).map(drop).map_err(|error| error.to_string()),
                _ => Ok(()),
            }
        }
        "absent" => same("value", Ok(Lookup::Absent), found),
        "invalid-as-inclusion" => ensure(!matches!(found, Ok(Lookup::Present(_))), || format!("found {found:?}")),
        other => Err(format!("unknown expectation {other}")),
    }
}

/// Judges `{header_data, account_proof, …}`.
pub fn storage_under_header(file: &File<'_>) -> Judged {
    let case = file.value;
    field(case, "header_data").ok()?;
    field(case, "account_proof").ok()?;
    let verdict = storage(case);
    let outcome = match text(case, "expected").ok()? {
        "valid" => verdict.into(),
        other => ensure(verdict.is_err(), || format!("accepted, expected {other}")).into(),
    };
    Some(vec![(String::new(), outcome)])
}

fn storage(case: &Value) -> Result<(), String> {
    let header = bytes(case, "header_data")?;
    let mut fields = rlp::exact(&header).and_then(|header| header.items()).map_err(|error| error.to_string())?;
    for _ in ["parent", "ommers", "beneficiary"] {
        fields.item().map_err(|error| error.to_string())?;
    }
    let root = fields.item().and_then(|root| root.hash()).map_err(|error| error.to_string())?;
    let account = account_of(&root, address(case, "contract_address")?, &byte_list(case, "account_proof")?);
    let account = account.map_err(|fault| fault.to_string())?;
    let expected = decode_account(&bytes(case, "expected_account_state")?).map_err(|error| error.to_string())?;
    same("account", expected, account)?;
    let (key, nodes) = (bytes(case, "storage_key_hash")?, byte_list(case, "storage_proof")?);
    let found = lookup_with(&account.storage_root, &key, &nodes, Limits::STATE, InlineNodes::MayRepeat);
    let value = bytes(case, "expected_storage_value")?;
    same("storage", Ok(Lookup::Present(&value)), found)?;
    decode_word(&value).map(drop).map_err(|error| error.to_string())
}

/// Judges `{name: {in, root}}`.
pub fn tries(file: &File<'_>) -> Judged {
    let cases = file.value.as_object()?;
    let fits = |case: &Value| case.get("in").is_some() && case.get("root").is_some();
    if cases.is_empty() || !cases.values().all(fits) {
        return None;
    }
    let hashed = file.name.to_lowercase().contains("secure");
    Some(cases.iter().map(|(name, case)| (name.clone(), trie(case, hashed).into())).collect())
}

/// Text, or bytes if it begins like hex.
fn text_or_hex(text: &str) -> Result<Vec<u8>, String> {
    if text.starts_with("0x") { unhex(text) } else { Ok(text.as_bytes().to_vec()) }
}

fn trie(case: &Value, hashed: bool) -> Result<(), String> {
    let mut content: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut put = |key: &str, value: &Value| {
        let key = text_or_hex(key)?;
        let key = if hashed { keccak256(key).to_vec() } else { key };
        // No value removes the key.
        content.insert(key, value.as_str().map_or(Ok(Vec::new()), text_or_hex)?);
        Ok::<_, String>(())
    };
    match field(case, "in")? {
        Value::Object(map) => map.iter().try_for_each(|(key, value)| put(key, value))?,
        Value::Array(steps) => steps.iter().try_for_each(|step| {
            let key = step.get(0).and_then(Value::as_str).ok_or("a step without key")?;
            put(key, step.get(1).unwrap_or(&Value::Null))
        })?,
        _ => return Err("neither a map nor a list".into()),
    }
    let root = hash(case, "root")?;
    let trie = Trie::new(content.iter().map(|(key, value)| (key.as_slice(), value.as_slice())));
    let look = |key: &[u8], expected: Lookup<'_>| {
        let nodes = trie.proof(key);
        same("value", Ok(expected), lookup_with(&root, key, &nodes, Limits::VALUES, InlineNodes::Embedded))
    };
    for (key, value) in &content {
        look(key, if value.is_empty() { Lookup::Absent } else { Lookup::Present(value) })?;
    }
    for number in 0..16u8 {
        look(keccak256([number]).as_slice(), Lookup::Absent)?;
    }
    Ok(())
}

/// Judges `{header, receipts}`.
pub fn receipts(file: &File<'_>) -> Judged {
    let header = field(file.value, "header").ok()?;
    let receipts = array(file.value, "receipts").ok()?;
    let root = hash(header, "receiptsRoot").ok()?;
    let judge = || {
        let encoded = receipts.iter().map(encode_receipt).collect::<Result<Vec<_>, _>>()?;
        listed(&root, &encoded)
    };
    Some(vec![(format!("{} receipts", receipts.len()), judge().into())])
}

/// A receipt as the receipts trie holds it (EIP-2718; Yellow Paper §4.4.1).
pub fn encode_receipt(receipt: &Value) -> Result<Vec<u8>, String> {
    let mut payload = Vec::new();
    // Before Byzantium a state root stood where the status stands.
    match receipt.get("root").filter(|root| !root.is_null()) {
        Some(_) => rlp::put_bytes(&mut payload, &bytes(receipt, "root")?),
        None => rlp::put_bytes(&mut payload, &trimmed(number_of(field(receipt, "status")?)?)),
    }
    rlp::put_bytes(&mut payload, &trimmed(number_of(field(receipt, "cumulativeGasUsed")?)?));
    rlp::put_bytes(&mut payload, &bytes(receipt, "logsBloom")?);
    let mut logs = Vec::new();
    for log in array(receipt, "logs")? {
        let mut topics = Vec::new();
        for topic in byte_list(log, "topics")? {
            rlp::put_bytes(&mut topics, &topic);
        }
        let mut items = Vec::new();
        rlp::put_bytes(&mut items, &bytes(log, "address")?);
        items.extend(rlp::list(&topics));
        rlp::put_bytes(&mut items, &bytes(log, "data")?);
        logs.extend(rlp::list(&items));
    }
    payload.extend(rlp::list(&logs));
    typed(receipt, &payload)
}

/// The list with its type in front; legacy has none.
fn typed(value: &Value, payload: &[u8]) -> Result<Vec<u8>, String> {
    let kind = value.get("type").filter(|kind| !kind.is_null()).map_or(Ok(alloy_primitives::U256::ZERO), number_of)?;
    let mut out = trimmed(kind);
    out.extend(rlp::list(payload));
    Ok(out)
}

/// Judges `{meta, data}`.
pub fn block_bodies(file: &File<'_>) -> Judged {
    let (meta, data) = (field(file.value, "meta").ok()?, field(file.value, "data").ok()?);
    let transactions = array(data, "transactions").ok()?;
    let fails = meta.get("fail").and_then(Value::as_bool).unwrap_or(false);
    let by_hash = text(meta, "reason").is_ok_and(|reason| reason.contains("block hash"));
    let of_header = header_rlp(data).and_then(|header| {
        let expected = hash(data, "hash")?;
        BlockHeader::of_hash(&header, &expected).map(drop).map_err(|fault| fault.to_string())
    });
    let verdict = if by_hash || transactions.iter().any(Value::is_string) {
        of_header
    } else {
        of_header.and_then(|()| bodies(data, transactions))
    };
    let outcome = if fails { ensure(verdict.is_err(), || "accepted, expected a failure".into()) } else { verdict };
    Some(vec![(String::new(), outcome.into())])
}

fn bodies(block: &Value, transactions: &[Value]) -> Result<(), String> {
    let transactions = transactions.iter().map(encode_transaction).collect::<Result<Vec<_>, _>>()?;
    listed(&hash(block, "transactionsRoot")?, &transactions)?;
    let withdrawals = array(block, "withdrawals")?.iter().map(encode_withdrawal).collect::<Result<Vec<_>, _>>()?;
    listed(&hash(block, "withdrawalsRoot")?, &withdrawals)
}

/// EIP-4895.
fn encode_withdrawal(withdrawal: &Value) -> Result<Vec<u8>, String> {
    let mut payload = Vec::new();
    for name in ["index", "validatorIndex", "address", "amount"] {
        put_field(&mut payload, withdrawal, name)?;
    }
    Ok(rlp::list(&payload))
}

/// Legacy, EIP-2930 and EIP-1559 transactions.
fn encode_transaction(transaction: &Value) -> Result<Vec<u8>, String> {
    let fields: &[&str] = match text(transaction, "type").unwrap_or("0x0") {
        "0x0" => &["nonce", "gasPrice", "gas", "to", "value", "input", "v", "r", "s"],
        "0x1" => &["chainId", "nonce", "gasPrice", "gas", "to", "value", "input", "accessList", "v", "r", "s"],
        "0x2" => &[
            "chainId",
            "nonce",
            "maxPriorityFeePerGas",
            "maxFeePerGas",
            "gas",
            "to",
            "value",
            "input",
            "accessList",
            "v",
            "r",
            "s",
        ],
        other => return Err(format!("transaction type {other}")),
    };
    let mut payload = Vec::new();
    for name in fields {
        put_field(&mut payload, transaction, name)?;
    }
    let encoded = typed(transaction, &payload)?;
    same("transaction hash", hash(transaction, "hash")?, B256::new(keccak256(&encoded).0))?;
    Ok(encoded)
}

fn put_field(out: &mut Vec<u8>, value: &Value, name: &str) -> Result<(), String> {
    let item = field(value, name)?;
    match name {
        "to" if item.is_null() => rlp::put_bytes(out, &[]),
        "to" | "address" | "input" => rlp::put_bytes(out, &bytes_of(item)?),
        "accessList" => {
            let mut list = Vec::new();
            for entry in item.as_array().ok_or("access list")? {
                let mut keys = Vec::new();
                for key in byte_list(entry, "storageKeys")? {
                    rlp::put_bytes(&mut keys, &key);
                }
                let mut items = Vec::new();
                rlp::put_bytes(&mut items, &bytes(entry, "address")?);
                items.extend(rlp::list(&keys));
                list.extend(rlp::list(&items));
            }
            out.extend(rlp::list(&list));
        }
        _ => rlp::put_bytes(out, &trimmed(number_of(item)?)),
    }
    Ok(())
}
