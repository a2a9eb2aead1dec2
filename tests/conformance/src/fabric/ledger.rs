//! Block files decoded to JSON, and first blocks in hex.

use causeway_crypto::p256::Native;
use causeway_fabric::{
    Block, BlockHeader, Channel, Validity,
    block::{self, Payload, check_creator},
    transaction::Transaction,
};
use serde_json::Value;

use super::chain::{Step, begin, channel_of, followed, part, put_block};
use crate::{
    cases::{File, Judged, Outcome, ensure, same},
    json::{array, byte_list, bytes, field, hash, text, u64_of},
};

fn is_ledger(value: &Value) -> Option<&Vec<Value>> {
    let blocks = value.as_array().filter(|blocks| !blocks.is_empty())?;
    let is_block = |block: &Value| {
        ["number", "data_hash", "header_hash", "data", "metadata"].iter().all(|name| block.get(name).is_some())
    };
    blocks.iter().all(is_block).then_some(blocks)
}

/// A block as a node serves it.
fn wire(block: &Value) -> Result<Vec<u8>, String> {
    let previous = bytes(block, "previous_hash")?;
    let previous_hash = if previous.is_empty() { None } else { Some(hash(block, "previous_hash")?) };
    let header = BlockHeader { number: u64_of(block, "number")?, previous_hash, data_hash: hash(block, "data_hash")? };
    let mut data = Vec::new();
    for envelope in byte_list(block, "data")? {
        part(&mut data, 1, &envelope);
    }
    let signatures = byte_list(block, "metadata")?.into_iter().next().unwrap_or_default();
    let mut out = Vec::new();
    put_block(&mut out, &header, &data, &signatures);
    Ok(out)
}

/// The steps of a ledger whose verdict is good, for tests that change them.
pub fn steps(value: &Value) -> Vec<Step> {
    let Some(blocks) = is_ledger(value) else { return Vec::new() };
    let Ok(blocks) = blocks.iter().map(wire).collect::<Result<Vec<_>, _>>() else { return Vec::new() };
    let known = None;
    followed(&blocks, known)
        .into_iter()
        .filter(|(_, verdict)| verdict.is_ok())
        .filter_map(|(step, _)| step.ok())
        .collect()
}

/// Judges a ledger.
pub(super) fn ledger(file: &File<'_>) -> Judged {
    let blocks = is_ledger(file.value)?;
    let wires = match blocks.iter().map(wire).collect::<Result<Vec<_>, _>>() {
        Ok(wires) => wires,
        Err(error) => return Some(vec![(String::new(), Err(error).into())]),
    };
    let known = match root_for(file, &wires) {
        Root::Inside => None,
        Root::Beside(channel) => Some(*channel),
        Root::Nowhere => {
            let reason = "no block in the file or beside it holds the channel's configuration";
            return Some(vec![(String::new(), Outcome::Unjudged(reason.into()))]);
        }
    };
    let mut cases = Vec::new();
    let mut channel = known.clone();
    for ((block, wire), (step, verdict)) in blocks.iter().zip(&wires).zip(followed(&wires, known)) {
        let number = block.get("number").map(Value::to_string).unwrap_or_default();
        let expected_valid = text(block, "expected").is_ok_and(|expected| expected.starts_with("valid"));
        let verdict = match (expected_valid, verdict) {
            (true, verdict) => verdict.and_then(|()| hashes(block, wire)),
            (false, verdict) => ensure(verdict.is_err(), || "accepted, expected invalid".into()),
        };
        cases.push((format!("block {number}"), verdict.into()));
        let here = step.as_ref().map(|step| step.trusted.channel().clone()).ok();
        channel = here.or_else(|| Block::decode(wire).ok().as_ref().and_then(channel_of)).or(channel);
        if let (true, Some(channel), Ok(stated)) = (expected_valid, &channel, array(block, "txs")) {
            for (place, stated) in stated.iter().enumerate() {
                let name = format!("block {number}, envelope {place}");
                cases.push((name, envelope(channel, wire, place, stated).into()));
            }
        }
    }
    Some(cases)
}

/// Where the configuration is found under which a ledger begins.
enum Root {
    Inside,
    Beside(Box<Channel>),
    Nowhere,
}

/// A ledger that was made from a snapshot has no configuration at its start. One of a file beside it is taken if the
/// first block is good under it: orderers' certificates lead to one root only.
fn root_for(file: &File<'_>, wires: &[Vec<u8>]) -> Root {
    let first = wires.first().and_then(|wire| Block::decode(wire).ok());
    if first.as_ref().and_then(channel_of).is_some() {
        return Root::Inside;
    }
    let entries = file.path.parent().and_then(|path| std::fs::read_dir(path).ok()).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let value = std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        let blocks = value.as_ref().and_then(is_ledger).into_iter().flatten();
        for channel in blocks.filter_map(|block| channel_of(&Block::decode(&wire(block).ok()?).ok()?)) {
            let verdict = followed(wires.get(..1).unwrap_or_default(), Some(channel.clone()));
            if verdict.first().is_some_and(|(_, verdict)| verdict.is_ok()) {
                return Root::Beside(Box::new(channel));
            }
        }
    }
    Root::Nowhere
}

fn hashes(block: &Value, wire: &[u8]) -> Result<(), String> {
    let read = Block::decode(wire).map_err(|fault| fault.to_string())?;
    same("header hash", hash(block, "header_hash")?, read.header.hash())
}

/// Kind, id, creator's signature and endorsements of an envelope, as the file states them.
fn envelope(channel: &Channel, wire: &[u8], place: usize, stated: &Value) -> Result<(), String> {
    let text_of = |error: causeway_fabric::WireFault| error.to_string();
    let block = Block::decode(wire).map_err(text_of)?;
    let data = block::data(block.data.unwrap_or_default()).map_err(text_of)?;
    let envelope = block::envelope(data.get(place).ok_or("no such envelope")?, true).map_err(text_of)?;
    let payload = Payload::decode(envelope.payload).map_err(text_of)?;
    let kind = match text(stated, "type")? {
        "CONFIG" => block::CONFIG,
        "CONFIG_UPDATE" => block::CONFIG_UPDATE,
        "ENDORSER_TRANSACTION" => block::ENDORSER_TRANSACTION,
        other => return Err(format!("unknown kind {other}")),
    };
    same("kind", kind, payload.kind)?;
    same("id", text(stated, "txid")?, payload.tx_id)?;
    let signed = check_creator::<Native>(channel, place, &envelope, Validity::Whenever);
    let expected = field(stated, "creator_signature")?.as_bool();
    if let Some(expected) = expected {
        same("creator's signature", expected, signed.is_ok())?;
    }
    if payload.kind != block::ENDORSER_TRANSACTION {
        return Ok(());
    }
    let endorsements = array(stated, "endorsements")?;
    let all_good = endorsements.iter().all(|endorsement| endorsement.get("valid") == Some(&Value::Bool(true)));
    let transaction = Transaction::decode(envelope.payload).map_err(|refusal| refusal.to_string())?;
    same("endorsements", endorsements.len(), transaction.endorsements.len())?;
    let endorsers = transaction.endorsers::<Native>(channel, Validity::Whenever);
    match (&endorsers, all_good) {
        (Ok(endorsers), true) => same("endorsers", endorsements.len(), endorsers.len()),
        (Err(_), false) => Ok(()),
        (Ok(_), false) => Err("a bad endorsement was accepted".into()),
        (Err(refusal), true) => Err(format!("endorsement refused: {refusal}")),
    }
}

/// A channel's first block, in hex: a client may begin at it.
pub(super) fn first_block(file: &File<'_>) -> Judged {
    let text = std::str::from_utf8(file.bytes).ok()?.trim();
    let block = hex::decode(text).ok().filter(|bytes| !bytes.is_empty())?;
    let read = Block::decode(&block).ok()?;
    let verdict = begin(&block).and_then(|(_, state)| {
        same("height", read.header.number, state.height())?;
        same("header hash", read.header.hash(), state.block_hash())
    });
    Some(vec![(format!("block {}", read.header.number), verdict.into())])
}
