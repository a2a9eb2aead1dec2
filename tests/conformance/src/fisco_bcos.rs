//! FISCO BCOS.
//!
//! * *headers*: `[{version, block, expected}]` with a node's answer as `block`: a client that trusts the block's own sealers
//!   right before it accepts it, with the hash that it states. Where a block of version 2 lacks fields that its hash
//!   covers, its signatures are judged over the stated hash.
//! * *proofs*: `{block, transaction, receipt}`: transaction and receipt stand under the block's roots, the block's hash
//!   covers the roots, and the receipt's fields give its hash.

use alloy_primitives::{Address, B256};
use causeway_crypto::{Native, Portable};
use causeway_fisco_bcos::{
    Accepted, FieldsV3, Header, Params, ReadFault, Sealer, SealerSet, Suite, Threshold, TrustedState, Update, Version,
    conflict_with,
    proof::{
        Log, ReceiptV3, TransactionV3, called_log, receipt_v2, receipt_v3, storage, transaction_v2, transaction_v3,
    },
    tree::{Siblings, groups_of_words},
    verify_seals, verify_with,
};
use causeway_mpt::rlp;
use serde_json::Value;

use crate::{
    cases::{File, Format, Judged, ensure, same},
    json::{address, array, bytes, bytes_of, field, hash, text, u64_of},
};

/// The formats.
pub const FORMATS: [Format; 2] = [headers, proofs];

/// A valid header with its signatures, and the client that accepts it.
#[derive(Clone, Debug)]
pub struct HeaderCase {
    /// The client's parameters.
    pub params: Params,
    /// Its state right before the header.
    pub trusted: TrustedState,
    /// The header.
    pub header: Vec<u8>,
    /// Places and signatures.
    pub signatures: Vec<(u64, Vec<u8>)>,
}

impl HeaderCase {
    /// The update.
    pub fn update(&self) -> Vec<u8> {
        let signatures = self.signatures.iter().map(|(place, bytes)| (*place, bytes.as_slice())).collect();
        Update { header: &self.header, signatures }.encode()
    }

    /// Seconds of the header.
    pub fn time(&self) -> u64 {
        Header::read(self.params.version, self.params.suite, &self.header).map_or(0, |header| header.time_ms / 1000)
    }
}

fn params(version: Version, suite: Suite) -> Params {
    Params {
        version,
        suite,
        tree_width: 2,
        trusting_period: 14 * 24 * 3600,
        drift: 15,
        trust_threshold: Threshold::ONE_THIRD,
        freeze_delay: 3600,
    }
}

/// Version 2 has a root of its database; version 3 names its parents.
fn version(block: &Value) -> Option<Version> {
    block.get("sealerList")?.as_array()?;
    if block.get("parentInfo").is_some() {
        return Some(Version::V3);
    }
    block.get("parentHash").map(|_| Version::V2)
}

/// Signatures under SM carry the public key.
fn suite(block: &Value) -> Suite {
    let first = block.get("signatureList").and_then(|list| list.get(0)).and_then(|first| text(first, "signature").ok());
    if first.is_some_and(|signature| signature.trim_start_matches("0x").len() > 130) { Suite::Sm } else { Suite::Ecdsa }
}

/// A number as JSON, decimal text or hex text.
fn number(value: &Value, name: &str) -> Result<u64, String> {
    match field(value, name)? {
        Value::String(text) if !text.starts_with("0x") => text.parse().map_err(|_| format!("{name} is no number")),
        _ => u64_of(value, name),
    }
}

fn keys(block: &Value) -> Result<Vec<[u8; 64]>, String> {
    let key = |value: &Value| bytes_of(value)?.try_into().map_err(|_| "key is not 64 bytes".to_owned());
    array(block, "sealerList")?.iter().map(key).collect()
}

/// The header in the form that the client reads.
fn header(block: &Value, version: Version) -> Result<Vec<u8>, String> {
    match version {
        Version::V2 => header_v2(block),
        Version::V3 => header_v3(block),
    }
}

fn header_v2(block: &Value) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    for name in ["parentHash", "stateRoot", "transactionsRoot", "receiptsRoot", "dbHash", "logsBloom"] {
        rlp::put_bytes(&mut out, &bytes(block, name)?);
    }
    for name in ["number", "gasLimit", "gasUsed", "timestamp"] {
        rlp::put_u64(&mut out, number(block, name)?);
    }
    let mut extra = Vec::new();
    for item in array(block, "extraData")? {
        rlp::put_bytes(&mut extra, &bytes_of(item)?);
    }
    out.extend(rlp::list(&extra));
    rlp::put_u64(&mut out, number(block, "sealer")?);
    let mut sealers = Vec::new();
    keys(block)?.iter().for_each(|key| rlp::put_bytes(&mut sealers, key));
    out.extend(rlp::list(&sealers));
    Ok(rlp::list(&out))
}

fn header_v3(block: &Value) -> Result<Vec<u8>, String> {
    let parents = array(block, "parentInfo")?;
    let [parent] = parents.as_slice() else { return Err("not one parent".into()) };
    ensure(bytes(block, "extraData")?.is_empty(), || "extra data".into())?;
    let weight = |value: &Value| value.as_u64().ok_or("weight is no number".to_owned());
    let weights = array(block, "consensusWeights")?.iter().map(weight).collect::<Result<Vec<_>, _>>()?;
    let fields = FieldsV3 {
        version: u32::try_from(number(block, "version")?).map_err(|_| "version")?,
        parent: (number(parent, "blockNumber")?, hash(parent, "blockHash")?),
        transactions_root: hash(block, "txsRoot")?,
        receipts_root: hash(block, "receiptsRoot")?,
        state_root: hash(block, "stateRoot")?,
        number: number(block, "number")?,
        gas_used: number(block, "gasUsed")?,
        time_ms: number(block, "timestamp")?,
        sealer: number(block, "sealer")?,
        keys: &keys(block)?,
        weights: &weights,
    };
    Ok(fields.encode())
}

fn signatures(block: &Value) -> Result<Vec<(u64, Vec<u8>)>, String> {
    let place = |value: &Value| number(value, "sealerIndex").or_else(|_| number(value, "index"));
    let read = |value: &Value| Ok((place(value)?, bytes(value, "signature")?));
    let mut signatures = array(block, "signatureList")?.iter().map(read).collect::<Result<Vec<_>, String>>()?;
    // Nodes list them as they came.
    signatures.sort();
    Ok(signatures)
}

/// The case of a block, if its hash can be recomputed.
///
/// # Errors
/// It can not be read.
pub fn header_case(block: &Value) -> Result<HeaderCase, String> {
    let version = version(block).ok_or("no block of FISCO BCOS")?;
    let params = params(version, suite(block));
    let header = header(block, version)?;
    let read = Header::read(version, params.suite, &header).map_err(|refusal| refusal.to_string())?;
    same("hash", hash(block, "hash")?, read.block_hash)?;
    let (height, time) = (read.number.saturating_sub(1), read.time_ms.saturating_sub(1));
    let trusted = TrustedState::new(height, time, read.parent_hash, read.sealers);
    Ok(HeaderCase { params, trusted, header, signatures: signatures(block)? })
}

/// Valid headers of a file of these formats, for tests that change them.
pub fn valid_headers(value: &Value) -> Vec<HeaderCase> {
    let blocks = value.as_array().into_iter().flatten().filter_map(|case| case.get("block"));
    let signed = blocks.filter(|block| block.get("signatureList").is_some());
    signed.filter_map(|block| header_case(block).ok()).collect()
}

fn headers(file: &File<'_>) -> Judged {
    let cases = file.value.as_array()?;
    let fits = |case: &Value| version(case.get("block")?);
    if cases.is_empty() || !cases.iter().all(|case| fits(case).is_some()) {
        return None;
    }
    let judge = |case: &Value| {
        let verdict = field(case, "block").and_then(judge_header);
        match text(case, "expected") {
            Ok(expected) if !expected.starts_with("valid") => ensure(verdict.is_err(), || "accepted".into()),
            _ => verdict,
        }
    };
    let name =
        |case: &Value| format!("block {}", case.get("block").and_then(|block| block.get("number")).unwrap_or(case));
    Some(cases.iter().map(|case| (name(case), judge(case).into())).collect())
}

fn judge_header(block: &Value) -> Result<(), String> {
    if version(block) == Some(Version::V2) && (block.get("dbHash").is_none() || block.get("logsBloom").is_none()) {
        return seals_alone(block);
    }
    let case = header_case(block)?;
    let (update, now) = (case.update(), case.time());
    crate::seeds::keep("fisco-bcos", &update);
    let native = verify_with::<Native>(&case.params, &case.trusted, &update, now);
    same("portable verdict", &native, &verify_with::<Portable>(&case.params, &case.trusted, &update, now))?;
    let verified = native.map_err(|refusal| refusal.to_string())?;
    same("hash", hash(block, "hash")?, verified.header.block_hash)?;
    same("height", number(block, "number")?, verified.trusted.height())?;
    let twice = conflict_with::<Native>(&case.params, &case.trusted, &update, &update, now);
    same("the same header twice", Ok(None), twice)
}

/// Signatures over the stated hash.
fn seals_alone(block: &Value) -> Result<(), String> {
    let sealers = keys(block)?.into_iter().map(|key| Sealer { key, weight: 1 }).collect();
    let set = SealerSet::new(sealers).map_err(|refusal| refusal.to_string())?;
    let signatures = signatures(block)?;
    let signatures: Vec<_> = signatures.iter().map(|(place, bytes)| (*place, bytes.as_slice())).collect();
    let hash = hash(block, "hash")?;
    verify_seals::<Native>(suite(block), &set, &hash, &signatures).map_err(|refusal| refusal.to_string())?;
    verify_seals::<Portable>(suite(block), &set, &hash, &signatures).map_err(|refusal| refusal.to_string())
}

fn proofs(file: &File<'_>) -> Judged {
    let (block, transaction, receipt) =
        (file.value.get("block")?, file.value.get("transaction")?, file.value.get("receipt")?);
    let version = version(block)?;
    let name = |name: &str| name.to_owned();
    let header = match accepted(block, version) {
        Ok(header) => header,
        Err(error) => return Some(vec![(name("block"), Err(error).into())]),
    };
    let params = params(version, suite(block));
    let mut cases = vec![(name("block"), Ok(()).into())];
    match version {
        Version::V2 => {
            cases.push((name("transaction"), judge_transaction_v2(&params, &header, transaction).into()));
            cases.push((name("receipt"), judge_receipt_v2(&params, &header, receipt).into()));
        }
        Version::V3 => {
            cases.push((name("transaction"), judge_transaction_v3(&params, &header, transaction).map(|_| ()).into()));
            cases.push((name("receipt"), judge_receipt_v3(&params, &header, receipt).map(|_| ()).into()));
            cases.push((name("logs"), logs(&params, &header, transaction, receipt).into()));
        }
    }
    Some(cases)
}

/// The block as a client that accepted it would hold it: its hash is recomputed from its fields.
fn accepted(block: &Value, version: Version) -> Result<Accepted, String> {
    let suite = suite(block);
    let read = Header::read(version, suite, &header(block, version)?).map_err(|refusal| refusal.to_string())?;
    same("hash", hash(block, "hash")?, read.block_hash)?;
    let accepted = Accepted {
        height: read.number,
        time_ms: read.time_ms,
        block_hash: read.block_hash,
        parent_hash: read.parent_hash,
        transactions_root: read.transactions_root,
        receipts_root: read.receipts_root,
    };
    // The state root is no root of a tree: a read under it is refused, whatever is brought.
    ensure(storage(&accepted, Address::ZERO, &B256::ZERO, &[]).is_err(), || "a state proof was taken".into())?;
    Ok(accepted)
}

fn path_v2(value: &Value, name: &str) -> Result<Vec<Siblings>, String> {
    let side = |level: &Value, name| array(level, name)?.iter().map(bytes_of).collect::<Result<Vec<_>, _>>();
    let level = |level: &Value| Ok(Siblings { left: side(level, "left")?, right: side(level, "right")? });
    array(value, name)?.iter().map(level).collect()
}

fn judge_transaction_v2(params: &Params, header: &Accepted, value: &Value) -> Result<(), String> {
    let transaction = field(value, "transaction")?;
    let (place, hash) = (number(transaction, "transactionIndex")?, hash(transaction, "hash")?);
    transaction_v2(params, header, place, &hash, &path_v2(value, "txProof")?).map_err(|fault| fault.to_string())
}

fn judge_receipt_v2(params: &Params, header: &Accepted, value: &Value) -> Result<(), String> {
    let receipt = field(value, "transactionReceipt")?;
    let mut out = Vec::new();
    rlp::put_bytes(&mut out, &bytes(receipt, "root")?);
    rlp::put_u64(&mut out, number(receipt, "gasUsed")?);
    for name in ["contractAddress", "logsBloom"] {
        rlp::put_bytes(&mut out, &bytes(receipt, name)?);
    }
    let status = number(receipt, "status")?;
    rlp::put_u64(&mut out, status);
    rlp::put_bytes(&mut out, &bytes(receipt, "output")?);
    let logs = array(receipt, "logs")?.iter().map(log).collect::<Result<Vec<_>, String>>()?;
    let mut list = Vec::new();
    for log in &logs {
        let (mut item, mut topics) = (Vec::new(), Vec::new());
        rlp::put_bytes(&mut item, log.emitter.as_slice());
        log.topics.iter().for_each(|topic| rlp::put_bytes(&mut topics, topic.as_slice()));
        item.extend(rlp::list(&topics));
        rlp::put_bytes(&mut item, &log.data);
        list.extend(rlp::list(&item));
    }
    out.extend(rlp::list(&list));
    let (place, receipt) = (number(receipt, "transactionIndex")?, rlp::list(&out));
    let read = receipt_v2(params, header, place, &receipt, &path_v2(value, "receiptProof")?);
    let read = read.map_err(|fault| fault.to_string())?;
    same("status", status, read.status)?;
    same("logs", &logs, &read.logs)
}

fn log(value: &Value) -> Result<Log, String> {
    let topic = |value: &Value| B256::try_from(bytes_of(value)?.as_slice()).map_err(|_| "topic is no hash".to_owned());
    Ok(Log {
        emitter: address(value, "address")?,
        topics: array(value, "topics")?.iter().map(topic).collect::<Result<_, _>>()?,
        data: bytes(value, "data")?,
    })
}

fn groups(value: &Value, name: &str) -> Result<Vec<Vec<B256>>, String> {
    let word = |value: &Value| B256::try_from(bytes_of(value)?.as_slice()).map_err(|_| "no word".to_owned());
    let words = array(value, name)?.iter().map(word).collect::<Result<Vec<_>, _>>()?;
    groups_of_words(&words).map_err(|fault| fault.to_string())
}

fn transaction(value: &Value) -> Result<(TransactionV3<'_>, Vec<u8>), String> {
    let transaction = TransactionV3 {
        chain_id: text(value, "chainID")?,
        group_id: text(value, "groupID")?,
        block_limit: number(value, "blockLimit")?,
        nonce: text(value, "nonce")?,
        to: text(value, "to")?,
        input: &[],
        abi: text(value, "abi")?,
    };
    Ok((transaction, bytes(value, "input")?))
}

/// The fields give the hash, and the hash stands under the root.
fn judge_transaction_v3(params: &Params, header: &Accepted, value: &Value) -> Result<u64, String> {
    let (transaction, input) = transaction(value)?;
    let found = TransactionV3 { input: &input, ..transaction }.hash(params.suite).map_err(|fault| fault.to_string())?;
    same("hash", hash(value, "hash")?, found)?;
    transaction_v3(params, header, &found, &groups(value, "txProof")?).map_err(|fault| fault.to_string())
}

fn receipt(value: &Value) -> Result<ReceiptV3, String> {
    Ok(ReceiptV3 {
        gas_used: number(value, "gasUsed")?,
        contract: text(value, "contractAddress")?.as_bytes().to_vec(),
        status: u32::try_from(number(value, "status")?).map_err(|_| "status")?,
        output: bytes(value, "output")?,
        logs: array(value, "logEntries")?.iter().map(log).collect::<Result<_, String>>()?,
        block_number: number(value, "blockNumber")?,
    })
}

fn judge_receipt_v3(params: &Params, header: &Accepted, value: &Value) -> Result<u64, String> {
    let found = receipt(value)?.hash(params.suite).map_err(|fault| fault.to_string())?;
    let name = if value.get("hash").is_some() { "hash" } else { "receiptHash" };
    same("hash", hash(value, name)?, found)?;
    receipt_v3(params, header, &found, &groups(value, "txReceiptProof")?).map_err(|fault| fault.to_string())
}

/// Where transaction and receipt stand at one place, every log of the called contract is read, and none beyond. Nodes
/// look a receipt's path up by its hash: where receipts of a block are alike it is that of the first, which does not show
/// that it is this transaction's.
fn logs(params: &Params, header: &Accepted, of: &Value, value: &Value) -> Result<(), String> {
    let (transaction, input) = transaction(of)?;
    let transaction = TransactionV3 { input: &input, ..transaction };
    let (receipt, contract) = (receipt(value)?, address(of, "to")?);
    let (in_transactions, in_receipts) = (groups(of, "txProof")?, groups(value, "txReceiptProof")?);
    let read = |index| {
        let names = (transaction.chain_id, transaction.group_id);
        let proofs = ((&transaction, &in_transactions[..]), (&receipt, &in_receipts[..]));
        called_log(params, header, names, proofs.0, proofs.1, (index, contract)).cloned()
    };
    let place = judge_transaction_v3(params, header, of)?;
    let first = judge_receipt_v3(params, header, value)?;
    let count = receipt.logs.len();
    let expected = match place == first {
        true => {
            for (index, log) in receipt.logs.iter().enumerate().filter(|(_, log)| log.emitter == contract) {
                same("log", Ok(log.clone()), read(index))?;
            }
            ReadFault::LogIndex { index: count, count }
        }
        false => ReadFault::OtherTransaction { transaction: place, receipt: first },
    };
    same("beyond", Err(expected), read(count))
}
