//! Answers of nodes, recorded as they were served (`{jsonrpc, id, result}`). A recording says what a live chain holds,
//! so everything in it is expected to be valid.
//!
//! * *blocks*: one answer or a list of `eth_getBlockByNumber`. The first block is the pin, each further one is
//!   accepted from the state after the one before it. The hash served is the block's hash.
//! * *genesis file*: the extra data given to `geth init` lists validators and holds no seals.
//! * *validators and signers*: `[{number, istanbul_getValidators, istanbul_getSignersFromBlock}]`. The block's seals are
//!   the committers', they alone make an acceptable update, and the validators are those that the next block lists.
//! * *snapshots*: `istanbul_getSnapshot`. A client that trusts the snapshot's validators accepts the next block.
//! * *state proofs*: `{block, …: eth_getProof}`. Account and slots hold what the node served beside the proof; an
//!   account without nonce, balance and code is absent.
//! * *transactions*: `[{tx, raw, receipt}]`. Where they are all of a block: they stand under its roots.

use std::collections::BTreeMap;

use alloy_primitives::{B256, KECCAK256_EMPTY};
use causeway_bft_evm::{
    Mode, SealedHeader, TrustedState,
    extra::{Extra, MIX_HASH},
    proof::{StateProofFault, account_of, encode_state_proof, storage_words},
};
use causeway_mpt::{InlineNodes, Limits, Lookup, lookup_with, rlp};
use serde_json::Value;

use crate::{
    cases::{File, Judged, Outcome, ensure, same},
    clients,
    json::{address, addresses, array, byte_list, bytes, field, hash, number_of, text, trimmed, u64_of},
    proofs::encode_receipt,
    tries::{Trie, index_key},
};

/// A block header put together from JSON.
#[derive(Clone, Debug)]
pub struct Header {
    /// The header as it stands in its chain.
    pub bytes: Vec<u8>,
    /// The hash that the node served.
    pub hash: B256,
    /// The dialect under which the header has that hash, if any.
    pub mode: Option<Mode>,
    /// Root of its transactions.
    pub transactions_root: B256,
    /// How many transactions it holds.
    pub transactions: usize,
}

impl Header {
    fn sealed(&self) -> Result<SealedHeader<'_>, String> {
        let mode = self.mode.ok_or("no mode gives the hash that was served")?;
        SealedHeader::read(mode, &self.bytes).map_err(|fault| fault.to_string())
    }
}

/// Headers of a folder by height.
#[derive(Debug, Default)]
pub struct Headers(BTreeMap<u64, Header>);

impl Headers {
    /// Headers of all blocks in these files.
    pub fn of_files<'a>(files: impl Iterator<Item = &'a Value>) -> Self {
        let blocks = files.flat_map(results).filter(|block| is_block(block));
        Self(blocks.filter_map(|block| Some((u64_of(block, "number").ok()?, header(block).ok()?))).collect())
    }

    fn at(&self, height: u64) -> Result<&Header, Outcome> {
        self.0.get(&height).ok_or_else(|| Outcome::Unjudged("its block is not recorded".into()))
    }
}

/// The results of one answer, or of a list of answers.
fn results(value: &Value) -> Vec<&Value> {
    let answers = value.as_array().map_or_else(|| vec![value], |answers| answers.iter().collect());
    let result = |answer: &'_ Value| answer.get("jsonrpc").is_some() && answer.get("result").is_some();
    if answers.iter().all(|answer| result(answer)) {
        answers.into_iter().filter_map(|answer| answer.get("result")).collect()
    } else {
        Vec::new()
    }
}

/// A block of an Istanbul-style chain: those of others are for other verifiers.
fn is_block(value: &Value) -> bool {
    let is_header = ["extraData", "stateRoot", "number", "hash"].iter().all(|name| value.get(name).is_some());
    is_header && is_istanbul(value)
}

fn is_istanbul(value: &Value) -> bool {
    hash(value, "mixHash").is_ok_and(|mix_hash| mix_hash == MIX_HASH)
}

fn header(block: &Value) -> Result<Header, String> {
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
    for (name, number) in [
        ("baseFeePerGas", true),
        ("withdrawalsRoot", false),
        ("blobGasUsed", true),
        ("excessBlobGas", true),
        ("parentBeaconBlockRoot", false),
        ("requestsHash", false),
    ] {
        match block.get(name).filter(|value| !value.is_null()) {
            None => break,
            Some(value) if number => rlp::put_bytes(&mut payload, &trimmed(number_of(value)?)),
            Some(_) => rlp::put_bytes(&mut payload, &bytes(block, name)?),
        }
    }
    let (bytes, expected) = (rlp::list(&payload), hash(block, "hash")?);
    let fits = |mode: &Mode| SealedHeader::read(*mode, &bytes).is_ok_and(|header| header.block_hash() == expected);
    let mode = [Mode::Qbft, Mode::Ibft2, Mode::Ibft1].into_iter().find(fits);
    let transactions = array(block, "transactions").map_or(0, Vec::len);
    Ok(Header { bytes, hash: expected, mode, transactions_root: hash(block, "transactionsRoot")?, transactions })
}

/// Judges blocks.
pub fn blocks(file: &File<'_>) -> Judged {
    let blocks = results(file.value);
    if blocks.is_empty() || !blocks.iter().all(|block| is_block(block)) {
        return None;
    }
    let mut trusted: Option<TrustedState> = None;
    let mut judge = |block: &Value| {
        let header = header(block)?;
        let next = accept(&header, trusted.as_ref())?;
        trusted = Some(next);
        Ok(())
    };
    let name = |block: &Value| text(block, "number").unwrap_or("?").to_owned();
    Some(blocks.into_iter().map(|block| (format!("block {}", name(block)), judge(block).into())).collect())
}

/// Pins the first block, follows from the one before otherwise.
fn accept(header: &Header, trusted: Option<&TrustedState>) -> Result<TrustedState, String> {
    let sealed = header.sealed()?;
    let params = clients::params(sealed.mode());
    match trusted {
        None => TrustedState::begin(&params, &header.hash, &header.bytes, None, sealed.time())
            .map_err(|refusal| refusal.to_string()),
        Some(trusted) => {
            if sealed.height() == trusted.height() + 1 {
                same("parent", trusted.block_hash(), sealed.parent_hash())?;
            }
            Ok(clients::follow(&params, trusted, &sealed)?.trusted)
        }
    }
}

/// All headers of blocks with the state of a client that accepts them, for tests that change them.
pub fn followed(value: &Value) -> Vec<crate::headers::HeaderCase> {
    let blocks = results(value);
    let headers = blocks.into_iter().filter(|block| is_block(block)).filter_map(|block| header(block).ok());
    let mut trusted: Option<TrustedState> = None;
    let mut cases = Vec::new();
    for header in headers {
        let (Some(mode), Ok(next)) = (header.mode, accept(&header, trusted.as_ref())) else { continue };
        if let Some(trusted) = trusted.take() {
            cases.push(crate::headers::HeaderCase { params: clients::params(mode), trusted, header: header.bytes });
        }
        trusted = Some(next);
    }
    cases
}

/// Judges the file that a node is initialised with.
pub fn genesis_file(file: &File<'_>) -> Judged {
    let extra = bytes(file.value, "extraData").ok()?;
    field(file.value, "alloc").ok().filter(|_| is_istanbul(file.value))?;
    let reads = |mode: &Mode| {
        Extra::sealed(*mode, &extra).is_ok_and(|extra| extra.validator_count() > 0 && extra.seals().count() == 0)
    };
    let known = [Mode::Qbft, Mode::Ibft2, Mode::Ibft1].iter().any(reads);
    let verdict = ensure(known, || "extra data of no mode".into());
    Some(vec![("extra data".into(), verdict.into())])
}

/// Judges `[{number, istanbul_getValidators, istanbul_getSignersFromBlock}]`.
pub fn validators_and_signers(file: &File<'_>) -> Judged {
    let rows = file.value.as_array()?;
    if rows.is_empty() || !rows.iter().all(|row| row.get("istanbul_getSignersFromBlock").is_some()) {
        return None;
    }
    let judge = |row: &Value| {
        let number = u64_of(row, "number").unwrap_or_default();
        let outcome = file
            .headers
            .at(number)
            .map_or_else(|unjudged| unjudged, |header| signers(row, header, file.headers.0.get(&(number + 1))).into());
        (format!("block {number}"), outcome)
    };
    Some(rows.iter().map(judge).collect())
}

fn signers(row: &Value, header: &Header, next: Option<&Header>) -> Result<(), String> {
    let signers = field(row, "istanbul_getSignersFromBlock")?;
    let sealed = header.sealed()?;
    same("hash", hash(signers, "Hash")?, sealed.block_hash())?;
    let mut committers = addresses(signers, "Committers")?;
    let update = clients::update_by(&sealed, &committers, None)?;
    let trusted = clients::before(&sealed, sealed.extra().validators().collect())?;
    clients::verify(&clients::params(sealed.mode()), &trusted, &update, sealed.time())?;
    let mut found = clients::committers(&sealed)?;
    committers.sort();
    found.sort();
    same("committers", committers, found)?;
    match next {
        Some(next) => {
            same("validators", addresses(row, "istanbul_getValidators")?, next.sealed()?.extra().validators().collect())
        }
        None => Ok(()),
    }
}

/// Judges answers of `istanbul_getSnapshot`.
pub fn snapshots(file: &File<'_>) -> Judged {
    let snapshots = results(file.value);
    let is_snapshot =
        |value: &&Value| ["validators", "tally", "number", "hash"].iter().all(|name| value.get(name).is_some());
    if snapshots.is_empty() || !snapshots.iter().all(is_snapshot) {
        return None;
    }
    let judge = |snapshot: &Value| {
        let number = u64_of(snapshot, "number").unwrap_or_default();
        let outcome = file.headers.at(number).map_or_else(
            |unjudged| unjudged,
            |header| self::snapshot(snapshot, header, file.headers.0.get(&(number + 1))).into(),
        );
        (format!("snapshot {number}"), outcome)
    };
    Some(snapshots.into_iter().map(judge).collect())
}

fn snapshot(snapshot: &Value, header: &Header, next: Option<&Header>) -> Result<(), String> {
    same("hash", hash(snapshot, "hash")?, header.sealed()?.block_hash())?;
    let Some(next) = next else { return Ok(()) };
    let sealed = next.sealed()?;
    let trusted = clients::before(&sealed, addresses(snapshot, "validators")?)?;
    let verified = clients::follow(&clients::params(sealed.mode()), &trusted, &sealed)?;
    same("set in force", trusted.validators(), verified.trusted.validators())
}

/// Judges `{block, …: eth_getProof}`.
pub fn state_proofs(file: &File<'_>) -> Judged {
    let number = u64_of(file.value, "block").ok()?;
    let answers: Vec<(&String, &Value)> = file
        .value
        .as_object()?
        .iter()
        .filter_map(|(name, answer)| Some((name, answer.get("result")?)))
        .filter(|(_, answer)| answer.get("accountProof").is_some())
        .collect();
    if answers.is_empty() {
        return None;
    }
    let judge = |answer: &Value| match file.headers.at(number) {
        Err(unjudged) => unjudged,
        Ok(header) => state_proof(answer, header).into(),
    };
    Some(answers.into_iter().map(|(name, answer)| (name.clone(), judge(answer))).collect())
}

fn state_proof(answer: &Value, header: &Header) -> Result<(), String> {
    let root = header.sealed()?.state_root();
    let (account, nodes) = (address(answer, "address")?, byte_list(answer, "accountProof")?);
    let (nonce, balance) = (u64_of(answer, "nonce")?, number_of(field(answer, "balance")?)?);
    let code_hash = hash(answer, "codeHash")?;
    let found = account_of(&root, account, &nodes);
    if nonce == 0 && balance.is_zero() && code_hash == KECCAK256_EMPTY {
        return same("account", Err(StateProofFault::NoAccount(account)), found);
    }
    let found = found.map_err(|fault| fault.to_string())?;
    same("nonce", nonce, found.nonce)?;
    same("balance", balance, found.balance)?;
    same("code hash", code_hash, found.code_hash)?;
    same("storage root", hash(answer, "storageHash")?, found.storage_root)?;
    let slots = array(answer, "storageProof")?;
    let (mut keys, mut expected, mut proofs) = (Vec::new(), Vec::new(), Vec::new());
    for (position, slot) in slots.iter().enumerate() {
        keys.push(B256::from(number_of(field(slot, "key")?)?));
        expected.push(B256::from(number_of(field(slot, "value")?)?));
        proofs.push((position as u8, byte_list(slot, "proof")?));
    }
    let encoded = encode_state_proof(&nodes, &proofs).map_err(|error| error.to_string())?;
    let words = storage_words(&root, account, &keys, &encoded).map_err(|fault| fault.to_string())?;
    same("storage", expected, words)
}

/// Judges `[{tx, raw, receipt}]`, block by block.
pub fn transactions(file: &File<'_>) -> Judged {
    let rows = file.value.as_array()?;
    if rows.is_empty() || !rows.iter().all(|row| row.get("raw").is_some() && row.get("receipt").is_some()) {
        return None;
    }
    let mut blocks: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for row in rows {
        let receipt = row.get("receipt")?.get("result")?;
        blocks.entry(u64_of(receipt, "blockNumber").ok()?).or_default().push(row);
    }
    let judge = |(number, rows): (u64, Vec<&Value>)| {
        let outcome = match file.headers.at(number) {
            Err(unjudged) => unjudged,
            Ok(header) if header.transactions != rows.len() => {
                Outcome::Unjudged("not all transactions of its block are recorded".into())
            }
            Ok(header) => bodies(&rows, header).into(),
        };
        (format!("block {number}"), outcome)
    };
    Some(blocks.into_iter().map(judge).collect())
}

fn bodies(rows: &[&Value], header: &Header) -> Result<(), String> {
    let result = |row: &Value, name: &str| Ok::<_, String>(field(field(row, name)?, "result")?.clone());
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|row| result(row, "receipt").and_then(|receipt| u64_of(&receipt, "transactionIndex")).ok());
    let receipts = sorted.iter().map(|row| encode_receipt(&result(row, "receipt")?)).collect::<Result<Vec<_>, _>>()?;
    let raw =
        sorted.iter().map(|row| crate::json::bytes_of(&result(row, "raw")?)).collect::<Result<Vec<_>, String>>()?;
    listed(&header.sealed()?.receipts_root(), &receipts)?;
    listed(&header.transactions_root, &raw)
}

/// Whether these are the values of a list with this root, each by its own proof.
pub(crate) fn listed(root: &B256, values: &[Vec<u8>]) -> Result<(), String> {
    let trie = Trie::of_list(values);
    for (position, value) in values.iter().enumerate() {
        let key = index_key(position);
        let nodes = trie.proof(&key);
        let found = lookup_with(root, &key, &nodes, Limits::VALUES, InlineNodes::Embedded);
        ensure(found == Ok(Lookup::Present(value)), || format!("item {position}: {found:?}"))?;
    }
    // And nothing behind the last.
    let key = index_key(values.len());
    let nodes = trie.proof(&key);
    let found = lookup_with(root, &key, &nodes, Limits::VALUES, InlineNodes::Embedded);
    same("behind the last item", Ok(Lookup::Absent), found)
}
