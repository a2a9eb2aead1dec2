//! Blocks as nodes serve them, one a file.

use std::{collections::BTreeMap, fs, path::Path};

use causeway_crypto::p256::Native;
use causeway_fabric::{
    Block, BlockHeader, Channel, Data, ReadPolicy, TrustedState, Validity,
    block::{self, ENDORSER_TRANSACTION, Payload},
    transaction::Transaction,
};

use super::chain::{Step, begin, named, right_before};
use crate::cases::{File, Judged, same};

/// Flags that peers write beside a block (`protos.TxValidationCode`).
const VALID: u8 = 0;
const ENDORSEMENT_POLICY_FAILURE: u8 = 10;

/// A bare `common.Block`: two parts of its header are hashes, so nothing else reads as one.
fn read(bytes: &[u8]) -> Option<Block<'_>> {
    Block::decode(bytes).ok()
}

/// The blocks in a folder, by number.
pub(super) fn folder(path: &Path) -> BTreeMap<u64, Vec<u8>> {
    let entries = fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    let files = entries.map(|entry| entry.path()).filter(|path| path.is_file());
    let blocks = files.filter_map(|path| fs::read(path).ok());
    blocks.filter_map(|bytes| Some((read(&bytes)?.header.number, bytes))).collect()
}

/// Judges a block from the newest configuration below it in its folder.
pub(super) fn block(file: &File<'_>) -> Judged {
    let block = read(file.bytes)?;
    let number = block.header.number;
    let blocks = folder(file.path.parent()?);
    let verdict = match step(&blocks, file.bytes) {
        // Nothing lies below it: the pin.
        None => begin(file.bytes).and_then(|(_, state)| same("height", number, state.height())),
        Some(step) => step.and_then(|step| {
            let whole = step.verdict(Data::Always)?;
            let bare = step.verdict(Data::IfConfig)?;
            same("verdict with and without data", &whole, &bare)
        }),
    };
    let mut cases = vec![(format!("block {number}"), verdict.into())];
    let channel = step(&blocks, file.bytes).and_then(Result::ok).map(|step| step.trusted.channel().clone());
    if let Some(channel) = channel {
        let flags = flags(file.bytes);
        for (place, payload) in payloads(&block).into_iter().enumerate() {
            let flag = flags.get(place).copied();
            if let Some(verdict) = transaction(&channel, &payload, flag) {
                cases.push((format!("block {number}, transaction {place}"), verdict.into()));
            }
        }
    }
    Some(cases)
}

/// All blocks of a folder but the first, for tests that change them.
pub fn steps(path: &Path) -> Vec<Step> {
    let blocks = folder(path);
    blocks.values().filter_map(|bytes| step(&blocks, bytes)?.ok()).collect()
}

/// The client before a block: begun at the lowest block of the folder, moved on over configuration blocks, then over the
/// headers between. `None` for the lowest.
fn step(blocks: &BTreeMap<u64, Vec<u8>>, bytes: &[u8]) -> Option<Result<Step, String>> {
    let number = read(bytes)?.header.number;
    let (lowest, first) = blocks.first_key_value()?;
    if *lowest >= number {
        return None;
    }
    Some(begin(first).and_then(|(params, mut trusted)| {
        let mut between = Vec::new();
        for (_, below) in blocks.range(lowest + 1..number) {
            let block = read(below).ok_or("not canonical")?;
            let is_config = payloads(&block).first().is_some_and(|_| is_config(&block));
            if !is_config {
                between.push(block.header);
                continue;
            }
            let step = make(&params, &trusted, std::mem::take(&mut between), below);
            trusted = step.verdict(Data::IfConfig)?.trusted;
        }
        Ok(make(&params, &trusted, between, bytes))
    }))
}

fn make(params: &causeway_fabric::Params, trusted: &TrustedState, between: Vec<BlockHeader>, block: &[u8]) -> Step {
    let time = read(block).as_ref().and_then(named).map_or(0, |(_, time)| time);
    let gap = read(block).filter(|read| read.header.number != trusted.height() + 1 + between.len() as u64);
    let now = time.max(trusted.time());
    let (trusted, between) = match gap {
        Some(read) => (right_before(&read, trusted.channel().clone(), trusted.time()), Vec::new()),
        None => (trusted.clone(), between),
    };
    Step { params: params.clone(), trusted, between, block: block.to_vec(), now }
}

fn payloads_bytes<'a>(block: &Block<'a>) -> Vec<&'a [u8]> {
    let data = block::data(block.data.unwrap_or_default()).unwrap_or_default();
    data.into_iter().filter_map(|bytes| Some(block::envelope(bytes, true).ok()?.payload)).collect()
}

fn payloads<'a>(block: &Block<'a>) -> Vec<(&'a [u8], Payload<'a>)> {
    payloads_bytes(block).into_iter().filter_map(|bytes| Some((bytes, Payload::decode(bytes).ok()?))).collect()
}

fn is_config(block: &Block<'_>) -> bool {
    payloads(block).iter().any(|(_, payload)| payload.kind == block::CONFIG)
}

/// What peers wrote about each transaction; nothing in what orderers serve. The light client does not read this.
fn flags(block: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut reader = causeway_fabric::wire::Reader::new("Block", block);
    let (_, _) = (reader.part(1), reader.part(2));
    if let Ok(Some(metadata)) = reader.part(3) {
        let mut reader = causeway_fabric::wire::Reader::new("BlockMetadata", metadata);
        let parts = reader.parts(1, 16).unwrap_or_default();
        out.extend_from_slice(parts.get(2).copied().unwrap_or_default());
    }
    out
}

/// Endorsers' signatures are good; and the channel's endorsement policy says what peers found. (Fabric's own chaincodes
/// have policies of their own.)
fn transaction(channel: &Channel, payload: &(&[u8], Payload<'_>), flag: Option<u8>) -> Option<Result<(), String>> {
    if payload.1.kind != ENDORSER_TRANSACTION {
        return None;
    }
    let judged = || {
        let transaction = Transaction::decode(payload.0).map_err(|refusal| refusal.to_string())?;
        let endorsers = transaction
            .endorsers::<Native>(channel, Validity::At(payload.1.sender_time))
            .map_err(|refusal| refusal.to_string())?;
        let tally = channel.tally(ReadPolicy::DEFAULT_PATH, &endorsers).map_err(|fault| fault.to_string())?;
        match flag {
            _ if transaction.chaincode.starts_with('_') => Ok(()),
            Some(VALID) => same("endorsement policy", true, tally.satisfied()),
            Some(ENDORSEMENT_POLICY_FAILURE) => same("endorsement policy", false, tally.satisfied()),
            _ => Ok(()),
        }
    };
    Some(judged())
}
