//! Whole blocks of the consensus layer, and answers of the execution layer beside them.
//!
//! A block's payload, reduced to the header that a light client sees, must stand in the block's body: the branch is made
//! from the roots of the body's fields, and the client's own check must take it.

use std::path::Path;

use alloy_primitives::{B256, U256};
use causeway_ethereum::{
    Accepted, BeaconHeader, Execution, ExecutionHeader, Fork, ForkStart, LightClientHeader, NEVER, Network, Preset,
    block::BlockHeader, merkle, proof,
};
use serde_json::Value;

use super::{
    api,
    known::{self, Known},
    schema::{self, Sizes},
    ssz::Type,
};
use crate::{
    cases::{File, Judged, ensure, same},
    json::{address, byte_list, bytes, field, hash, number_of, trimmed, u64_of},
    proofs::encode_receipt,
    tries::{Trie, index_key},
};

/// A chain of which only the fork of one block is known.
fn of_fork(fork: Fork, preset: Preset) -> Network {
    let mut network = Network { preset, ..Network::MAINNET };
    for (start, other) in network.forks.iter_mut().zip(Fork::ALL) {
        *start = ForkStart { epoch: if other <= fork { 0 } else { NEVER }, ..*start };
    }
    network
}

/// Judges a signed block in JSON.
pub fn block(file: &File<'_>) -> Judged {
    let fork = api::version(file.value)?;
    let data = file.value.get("data")?;
    let message = data.get("message")?;
    let (body, _) = (message.get("body")?, data.get("signature")?);
    let bits = bytes(body.get("sync_aggregate")?, "sync_committee_bits").ok()?;
    let sizes = Sizes { minimal: bits.len() == 4 };
    let judge = || {
        let kind = schema::block(sizes, fork);
        let encoded = kind.encode(data)?;
        if let Ok(ssz) = std::fs::read(file.path.with_extension("ssz")) {
            same("SSZ", &ssz, &encoded)?;
        }
        judge_block(&kind, fork, sizes, &encoded, file.path)
    };
    Some(vec![(String::new(), judge().into())])
}

/// Judges a signed block in SSZ.
pub fn block_ssz(file: &File<'_>, known: &Known) -> Judged {
    let sizes = Sizes { minimal: known.params.network.preset.committee_size == 32 };
    let slot = u64::from_le_bytes(file.bytes.get(100..108)?.try_into().ok()?);
    let fork = known.params.network.fork_at_slot(slot)?;
    let kind = schema::block(sizes, fork);
    kind.root(file.bytes).ok()?;
    let verdict = judge_block(&kind, fork, sizes, file.bytes, file.path);
    Some(vec![(format!("block of slot {slot}"), verdict.into())])
}

fn judge_block(kind: &Type, fork: Fork, sizes: Sizes, encoded: &[u8], path: &Path) -> Result<(), String> {
    let (message_type, message) = kind.field(encoded, "message")?;
    let (body_type, body) = message_type.field(message, "body")?;
    let number = |name: &str| -> Result<u64, String> {
        let (_, bytes) = message_type.field(message, name)?;
        Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| "no number")?))
    };
    let root = |name: &str| -> Result<B256, String> {
        B256::try_from(message_type.field(message, name)?.1).map_err(|_| "no root".to_owned())
    };
    let beacon = BeaconHeader {
        slot: number("slot")?,
        proposer_index: number("proposer_index")?,
        parent_root: root("parent_root")?,
        state_root: root("state_root")?,
        body_root: body_type.root(body)?,
    };
    same("block root", message_type.root(message)?, beacon.root())?;
    let known = known::of(path);
    if let Some(expected) = known.as_ref().and_then(|known| known.block_roots.get(&beacon.slot)) {
        same("root of the block in other files", *expected, beacon.root())?;
    }
    if !fork.has_execution() {
        return Ok(());
    }
    let header = LightClientHeader {
        beacon,
        execution: Box::new(payload(body_type, body)?),
        execution_branch: execution_branch(&body_type.field_roots(body)?)?,
    };
    let preset = if sizes.minimal { Preset::MINIMAL } else { Preset::MAINNET };
    let network = known.map_or_else(|| of_fork(fork, preset), |known| known.params.network);
    header.check(&network).map_err(|fault| fault.to_string())?;
    // Another payload does not stand there.
    let mut other = header;
    other.execution.timestamp += 1;
    ensure(other.check(&network).is_err(), || "another payload is taken".into())
}

/// The branch of the execution payload, the body's tenth field, to a root over up to 16 fields.
fn execution_branch(fields: &[B256]) -> Result<[B256; 4], String> {
    let mut level = fields.to_vec();
    level.resize(16, B256::ZERO);
    let (mut at, mut branch) = (9, Vec::new());
    while level.len() > 1 {
        branch.push(level[at ^ 1]);
        level = level.chunks(2).map(|two| merkle::pair(&two[0], &two[1])).collect();
        at /= 2;
    }
    branch.try_into().map_err(|_| "branch".into())
}

/// The payload's header.
fn payload(body_type: &Type, body: &[u8]) -> Result<ExecutionHeader, String> {
    let (kind, payload) = body_type.field(body, "execution_payload")?;
    let get = |name: &str| kind.field(payload, name).map(|(_, bytes)| bytes);
    let root = |name: &str| B256::try_from(get(name)?).map_err(|_| format!("{name} is no hash"));
    let number = |name: &str| -> Result<u64, String> {
        Ok(u64::from_le_bytes(get(name)?.try_into().map_err(|_| format!("{name} is no number"))?))
    };
    let list = |name: &str| kind.field(payload, name).and_then(|(kind, bytes)| kind.root(bytes));
    Ok(ExecutionHeader {
        parent_hash: root("parent_hash")?,
        fee_recipient: alloy_primitives::Address::try_from(get("fee_recipient")?).map_err(|_| "no address")?,
        state_root: root("state_root")?,
        receipts_root: root("receipts_root")?,
        logs_bloom: alloy_primitives::Bloom::try_from(get("logs_bloom")?).map_err(|_| "no bloom")?,
        prev_randao: root("prev_randao")?,
        block_number: number("block_number")?,
        gas_limit: number("gas_limit")?,
        gas_used: number("gas_used")?,
        timestamp: number("timestamp")?,
        extra_data: get("extra_data")?.to_vec(),
        base_fee_per_gas: U256::try_from_le_slice(get("base_fee_per_gas")?).ok_or("no fee")?,
        block_hash: root("block_hash")?,
        transactions_root: list("transactions")?,
        withdrawals_root: list("withdrawals")?,
        blob_gas_used: number("blob_gas_used").unwrap_or_default(),
        excess_blob_gas: number("excess_blob_gas").unwrap_or_default(),
    })
}

/// The result of an answer, or the value itself.
fn result(value: &Value) -> &Value {
    value.get("result").unwrap_or(value)
}

/// The execution layer's block that is recorded beside a proof or receipts.
fn block_beside(path: &Path) -> Option<Value> {
    let bytes = std::fs::read(path.with_file_name("el_block.json")).ok()?;
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    Some(result(&value).clone())
}

/// RLP of a header as `eth_getBlockBy…` serves it. Fields that a block's fork lacks are absent or null.
pub fn header_rlp(block: &Value) -> Result<Vec<u8>, String> {
    use causeway_mpt::rlp;
    let mut payload = Vec::new();
    for name in ["parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom"] {
        rlp::put_bytes(&mut payload, &bytes(block, name)?);
    }
    for name in ["difficulty", "number", "gasLimit", "gasUsed", "timestamp"] {
        rlp::put_bytes(&mut payload, &trimmed(number_of(field(block, name)?)?));
    }
    for name in ["extraData", "mixHash", "nonce"] {
        rlp::put_bytes(&mut payload, &bytes(block, name)?);
    }
    let later = [
        ("baseFeePerGas", true),
        ("withdrawalsRoot", false),
        ("blobGasUsed", true),
        ("excessBlobGas", true),
        ("parentBeaconBlockRoot", false),
        ("requestsHash", false),
    ];
    for (name, is_number) in later {
        match block.get(name).filter(|value| !value.is_null()) {
            None => break,
            Some(value) if is_number => rlp::put_bytes(&mut payload, &trimmed(number_of(value)?)),
            Some(_) => rlp::put_bytes(&mut payload, &bytes(block, name)?),
        }
    }
    Ok(rlp::list(&payload))
}

/// Judges a block of the execution layer in a folder of recordings: its header has the hash that its payload names.
pub fn execution_block(file: &File<'_>) -> Judged {
    let block = result(file.value);
    let fits = ["stateRoot", "parentHash", "hash", "sha3Uncles", "number"].iter().all(|name| block.get(name).is_some());
    let known = if fits { known::of(file.path)? } else { return None };
    let judge = || {
        let number = u64_of(block, "number")?;
        let payload = payload_of(&known, number)?;
        BlockHeader::of_payload(&header_rlp(block)?, &payload).map(drop).map_err(|fault| fault.to_string())
    };
    Some(vec![(String::new(), judge().into())])
}

fn payload_of(known: &Known, number: u64) -> Result<Execution, String> {
    accepted_of(known, number)?.execution.ok_or_else(|| "no payload".into())
}

fn accepted_of(known: &Known, number: u64) -> Result<Accepted, String> {
    known.payloads.get(&number).copied().ok_or_else(|| format!("no final payload with number {number}"))
}

/// Judges receipts of the execution layer: they are those of the payload with their number.
pub fn execution_receipts(file: &File<'_>) -> Judged {
    let receipts = result(file.value).as_array()?;
    let fits = |receipt: &Value| {
        ["logsBloom", "cumulativeGasUsed", "blockNumber"].iter().all(|name| receipt.get(name).is_some())
    };
    if receipts.is_empty() || !receipts.iter().all(fits) {
        return None;
    }
    let known = known::of(file.path)?;
    let judge = || {
        let header = accepted_of(&known, u64_of(&receipts[0], "blockNumber")?)?;
        let encoded = receipts.iter().map(encode_receipt).collect::<Result<Vec<_>, _>>()?;
        let trie = Trie::of_list(&encoded);
        for (at, receipt) in receipts.iter().enumerate() {
            let nodes = trie.proof(&index_key(at));
            let read =
                proof::receipt(&header, at as u64, &nodes).map_err(|fault| fault.to_string())?.ok_or("absent")?;
            same("status", number_of(field(receipt, "status")?)? == U256::ONE, read.success)?;
            let logs = field(receipt, "logs")?.as_array().ok_or("no logs")?;
            same("logs", logs.len(), read.logs.len())?;
            for (log, read) in logs.iter().zip(&read.logs) {
                same("log", (address(log, "address")?, bytes(log, "data")?), (read.address, read.data.to_vec()))?;
            }
        }
        let nodes = trie.proof(&index_key(receipts.len()));
        same("one more", Ok(None), proof::receipt(&header, receipts.len() as u64, &nodes))
    };
    Some(vec![(format!("{} receipts", receipts.len()), judge().into())])
}

/// Judges `eth_getProof` under a payload that a light client header proves.
pub fn state_proof(file: &File<'_>) -> Judged {
    let read = result(file.value);
    if !["accountProof", "storageProof", "address"].iter().all(|name| read.get(name).is_some()) {
        return None;
    }
    let known = known::of(file.path)?;
    let judge = || {
        // The block number is in the file's name, or that of the block beside it.
        let named = file.name.split_once("_block").and_then(|(_, rest)| rest.split('.').next()?.parse().ok());
        let beside = || block_beside(file.path).and_then(|block| u64_of(&block, "number").ok());
        let header = accepted_of(&known, named.or_else(beside).ok_or("no block number")?)?;
        let nodes = byte_list(read, "accountProof")?;
        let account = proof::account(&header, address(read, "address")?, &nodes).map_err(|fault| fault.to_string())?;
        let account = account.ok_or("absent account")?;
        same("nonce", u64_of(read, "nonce")?, account.nonce)?;
        same("balance", number_of(field(read, "balance")?)?, account.balance)?;
        same("storage", hash(read, "storageHash")?, account.storage_root)?;
        same("code", hash(read, "codeHash")?, account.code_hash)?;
        for slot in field(read, "storageProof")?.as_array().ok_or("no slots")? {
            let key = B256::from(number_of(field(slot, "key")?)?);
            let word =
                proof::storage_word(&account, &key, &byte_list(slot, "proof")?).map_err(|fault| fault.to_string())?;
            same("word", B256::from(number_of(field(slot, "value")?)?), word)?;
        }
        let stranger = alloy_primitives::Address::repeat_byte(0x77);
        let other = proof::account(&header, stranger, &nodes);
        ensure(!matches!(other, Ok(Some(_))), || "another account is taken".into())
    };
    Some(vec![(String::new(), judge().into())])
}
