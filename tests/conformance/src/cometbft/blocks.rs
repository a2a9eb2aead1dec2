//! Single headers.
//!
//! * *IBC headers*: `{signed_header, validator_set, trusted_height, trusted_validators}`, valid. The header of the trusted
//!   height is taken from the folder where it is there; else the state that it must have left is put together.
//! * *signed blocks*: an RPC answer `{header, commit, validator_set}`, valid. Beside the block itself, each way from a lower
//!   block of the folder is judged: it succeeds exactly if the signers hold more than a third of the power that the
//!   lower block names next, counted here by itself.
//! * *lone headers*: a header that is written and read back, and hashed where its hash is known.

use std::{fs, path::Path};

use alloy_primitives::{B256, b256};
use causeway_cometbft::{Encoding, Header, IbcHeight, Over, Refusal, TrustedState, Validator, ValidatorSet};
use serde_json::Value;

use super::{
    accepted,
    json::{LightBlock, OwnedCommit, OwnedHeader, given, number, validators},
    params, verdict,
};
use crate::{
    cases::{File, Judged, ensure, same},
    json::field,
};

/// Content of all JSON files in the folder of a file.
pub(super) fn siblings(path: &Path) -> Vec<Value> {
    let Some(Ok(entries)) = path.parent().map(fs::read_dir) else { return Vec::new() };
    let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    let json = paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    json.filter_map(|path| serde_json::from_slice(&fs::read(path).ok()?).ok()).collect()
}

fn is_ibc_header(value: &Value) -> bool {
    ["signed_header", "validator_set", "trusted_height", "trusted_validators"]
        .iter()
        .all(|name| value.get(name).is_some())
}

/// `1-288`, or `{revision_number, revision_height}`.
fn ibc_height(value: &Value) -> Result<IbcHeight, String> {
    let value = field(value, "trusted_height")?;
    if let Some(text) = value.as_str() {
        let (revision, height) = text.split_once('-').ok_or("trusted_height is no height")?;
        let number = |text: &str| text.parse().map_err(|_| "trusted_height is no height".to_owned());
        return Ok(IbcHeight { revision: number(revision)?, height: number(height)? });
    }
    Ok(IbcHeight { revision: number(value, "revision_number")?, height: number(value, "revision_height")? })
}

/// Judges an IBC header.
pub fn ibc_headers(file: &File<'_>) -> Judged {
    is_ibc_header(file.value).then(|| vec![(String::new(), ibc_header(file).into())])
}

fn ibc_header(file: &File<'_>) -> Result<(), String> {
    let (block, trusted, update) = ibc_update(file.value, &siblings(file.path))?;
    let header = block.header.header();
    let verified = accepted(&params(header.chain_id), &trusted, &update, header.time)?;
    same("hash", header.hash(Encoding::Protobuf), verified.header.block_hash)
}

/// An IBC header as an update, and the state that it starts from.
///
/// # Errors
/// It can not be read.
pub fn ibc_update(value: &Value, siblings: &[Value]) -> Result<(LightBlock, TrustedState, Vec<u8>), String> {
    let block = LightBlock::read(value)?;
    let from = ibc_height(value)?;
    let trusted_validators = validators(field(value, "trusted_validators")?)?;
    let update = block.update(Some(from), Some(&trusted_validators))?;
    let before = siblings.iter().filter(|other| is_ibc_header(other)).filter_map(|other| LightBlock::read(other).ok());
    let chain_id = block.header.header().chain_id.to_owned();
    let known =
        before.into_iter().find(|other| other.height() == from.height && other.header.header().chain_id == chain_id);
    let trusted = match &known {
        Some(known) => state_of(&known.header.header()),
        None => {
            let set = ValidatorSet::new(trusted_validators).map_err(|refusal| refusal.to_string())?;
            just_before(&block.header.header(), from.height, set.hash(Encoding::Protobuf))
        }
    };
    Ok((block, trusted, update))
}

/// The state that a header leaves.
pub(super) fn state_of(header: &Header<'_>) -> TrustedState {
    let next = header.next_validators_hash.unwrap_or_default();
    TrustedState::new(header.height, header.time, header.hash(Encoding::Protobuf), header.app_hash.to_vec(), next)
}

/// A state of a lower height, a second before a header, that names these validators next.
fn just_before(header: &Header<'_>, height: u64, next: B256) -> TrustedState {
    let time = causeway_cometbft::Time::new(header.time.seconds() - 1, 0).unwrap_or(header.time);
    TrustedState::new(height, time, header.last_block_id.hash.unwrap_or_default(), Vec::new(), next)
}

/// The block of an RPC answer `{header, commit, validator_set}`.
pub fn signed_block(value: &Value) -> Option<Result<LightBlock, String>> {
    let result = given(value, "result").unwrap_or(value);
    let (header, commit, set) = (result.get("header")?, result.get("commit")?, result.get("validator_set")?);
    let read = || {
        Ok(LightBlock {
            header: OwnedHeader::read(header)?,
            commit: OwnedCommit::read(commit)?,
            validators: validators(set)?,
            next_validators: None,
        })
    };
    Some(read())
}

/// Judges a block of an RPC answer, and the ways to it from lower ones.
pub fn signed_blocks(file: &File<'_>) -> Judged {
    let block = match signed_block(file.value)? {
        Ok(block) => block,
        Err(error) => return Some(vec![(String::new(), crate::cases::Outcome::Failed(error))]),
    };
    let mut cases = vec![("next block".to_owned(), next_block(&block).into())];
    let chain_id = block.header.header().chain_id.to_owned();
    let others = siblings(file.path);
    let others: Vec<LightBlock> = others.iter().filter_map(|value| signed_block(value)?.ok()).collect();
    let of_chain = |other: &&LightBlock| other.header.header().chain_id == chain_id;
    for lower in others.iter().filter(of_chain).filter(|other| other.height() < block.height()) {
        // The set that a block names next is known only where it is the block's own, or stands in the next block.
        let Some(next) = next_of(lower, &others) else { continue };
        cases.push((format!("from {}", lower.height()), skip(lower, &next, &block).into()));
    }
    Some(cases)
}

/// A block and the state of the height before it.
///
/// # Errors
/// Its validators are none.
pub fn from_the_block_before(block: &LightBlock) -> Result<(TrustedState, Vec<u8>), String> {
    let set = ValidatorSet::new(block.validators.clone()).map_err(|refusal| refusal.to_string())?;
    let header = block.header.header();
    Ok((just_before(&header, header.height.saturating_sub(1), set.hash(Encoding::Protobuf)), block.update(None, None)?))
}

fn next_block(block: &LightBlock) -> Result<(), String> {
    let (trusted, update) = from_the_block_before(block)?;
    let header = block.header.header();
    accepted(&params(header.chain_id), &trusted, &update, header.time).map(drop)
}

pub(super) fn next_of(block: &LightBlock, others: &[LightBlock]) -> Option<Vec<Validator>> {
    let named = block.header.header().next_validators_hash?;
    let sets = [block].into_iter().chain(others).map(|block| &block.validators);
    let named_next =
        |set: &&Vec<Validator>| ValidatorSet::new(set.to_vec()).is_ok_and(|set| set.hash(Encoding::Protobuf) == named);
    sets.into_iter().find(named_next).cloned()
}

fn skip(lower: &LightBlock, next: &[Validator], block: &LightBlock) -> Result<(), String> {
    let header = block.header.header();
    let update = block.update(None, Some(next))?;
    let found = verdict(&params(header.chain_id), &state_of(&lower.header.header()), &update, header.time)?;
    let total: u64 = next.iter().map(|validator| validator.power).sum();
    let signed = |validator: &&Validator| {
        block.commit.commit().signatures.iter().any(
            |entry| matches!(entry, causeway_cometbft::CommitSig::Commit(vote) if vote.address == validator.address),
        )
    };
    let signing: u64 = next.iter().filter(signed).map(|validator| validator.power).sum();
    let enough = signing * 3 > total;
    match found {
        Ok(_) => ensure(enough, || format!("accepted with {signing} of {total}")),
        Err(Refusal::NotEnoughTrust { over: Over::Trusted, .. }) => {
            ensure(!enough, || format!("refused with {signing} of {total}"))
        }
        Err(refusal) => Err(refusal.to_string()),
    }
}

/// Headers whose hashes tendermint-rs states in its own tests (`tendermint/src/block/header.rs`), by chain and height.
const KNOWN_HASHES: [(&str, u64, B256); 1] =
    [("test-chain-01", 1, b256!("f30a71f2409fb15aacaedb6cc122dfa2525bee9cae521721b06bfdca291b8d56"))];

/// Judges a header that stands alone.
pub fn lone_headers(file: &File<'_>) -> Judged {
    let is = ["version", "chain_id", "height", "time", "validators_hash", "proposer_address"]
        .iter()
        .all(|name| file.value.get(name).is_some());
    if !is {
        return None;
    }
    let owned = match OwnedHeader::read(file.value) {
        Ok(owned) => owned,
        Err(error) => return Some(vec![(String::new(), crate::cases::Outcome::Failed(error))]),
    };
    let header = owned.header();
    let bytes = header.encode();
    let again = match Header::decode(&bytes) {
        Ok(again) => {
            ensure(again == header && again.hash(Encoding::Protobuf) == header.hash(Encoding::Protobuf), || {
                "reads back as another header".into()
            })
        }
        Err(fault) => Err(fault.to_string()),
    };
    let mut cases = vec![("written and read".to_owned(), again.into())];
    let known = KNOWN_HASHES.iter().find(|(chain, height, _)| *chain == header.chain_id && *height == header.height);
    if let Some((_, _, hash)) = known {
        cases.push(("hash".to_owned(), same("hash", *hash, header.hash(Encoding::Protobuf)).into()));
    }
    Some(cases)
}
