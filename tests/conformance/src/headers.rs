//! Headers with seals.
//!
//! * *sealed blocks*: `[{mode, header_rlp, block_hash, commit_seal_hash, validators, committers, expected}]`. Expected
//!   `valid…`: a client that trusts `validators` right before accepts the header, with the hashes given. Where the
//!   header lists nobody (validator-contract mode) the trusted set is `committers`. A receipt at index 0 with its
//!   proof is judged under the header's receipts root.
//! * *linked chain*: `{first, blocks: [{header_rlp, block_hash, validators, …}]}`. The first block is the pin; every
//!   further one is accepted from the one before it, and the last one also from the first.
//! * *quorum table*: `[{validators, committers, accept}]`. A header of so many validators with so many seals.

use alloy_primitives::{Address, keccak256};
use causeway_bft_evm::{
    Mode, SealedHeader, TrustedState, Update, ValidatorSource,
    compose::{HeaderFields, seal},
    set_hash,
};
use causeway_mpt::{InlineNodes, Limits, Lookup, lookup_with, rlp};
use k256::ecdsa::SigningKey;
use serde_json::Value;

use crate::{
    cases::{File, Judged, Outcome, ensure, same},
    clients,
    json::{addresses, array, byte_list, bytes, field, hash, text, u64_of},
};

/// Judges `[{mode, header_rlp, …}]`.
pub fn sealed_blocks(file: &File<'_>) -> Judged {
    let blocks = file.value.as_array()?;
    if blocks.is_empty() || !blocks.iter().all(|block| text(block, "header_rlp").is_ok() && text(block, "mode").is_ok())
    {
        return None;
    }
    let mut cases = Vec::new();
    for block in blocks {
        let name = text(block, "name").unwrap_or("?").to_owned();
        if block.get("receipt_proof").is_some() {
            cases.push((format!("{name}: receipt"), receipt(block).into()));
        }
        cases.push((name, expected(block, sealed_block(block)).into()));
    }
    Some(cases)
}

/// Turns the verdict round where the file expects a refusal.
fn expected(case: &Value, verdict: Result<(), String>) -> Result<(), String> {
    let expected = text(case, "expected")?;
    if expected.starts_with("valid") {
        return verdict;
    }
    ensure(verdict.is_err(), || format!("accepted, expected {expected}"))
}

/// The mode that a file names.
fn mode(name: &str) -> Result<Mode, String> {
    match name {
        "qbft" => Ok(Mode::Qbft),
        "ibft2" => Ok(Mode::Ibft2),
        "ibft1" | "ibft" | "istanbul" => Ok(Mode::Ibft1),
        other => Err(format!("unknown mode {other}")),
    }
}

fn sealed_block(block: &Value) -> Result<(), String> {
    let case = header_case(block)?;
    let header = SealedHeader::read(case.params.mode, &case.header).map_err(|fault| fault.to_string())?;
    same("block hash", hash(block, "block_hash")?, header.block_hash())?;
    same("commit digest", hash(block, "commit_seal_hash")?, header.commit_digest())?;
    same("height", u64_of(block, "number")?, header.height())?;
    same("round", u64_of(block, "round")?, u64::from(header.extra().round))?;
    same("validators", addresses(block, "validators")?, header.extra().validators().collect())?;
    same("committers", addresses(block, "committers")?, clients::committers(&header)?)?;
    let verified = clients::follow(&case.params, &case.trusted, &header)?;
    same("height", header.height(), verified.trusted.height())
}

/// A valid header, and the client that accepts it.
#[derive(Clone, Debug)]
pub struct HeaderCase {
    /// The client's parameters.
    pub params: causeway_bft_evm::Params,
    /// Its state right before the header.
    pub trusted: TrustedState,
    /// The header with its seals.
    pub header: Vec<u8>,
}

/// The client that judges a block of this format.
///
/// # Errors
/// The case can not be read.
pub fn header_case(block: &Value) -> Result<HeaderCase, String> {
    let mut params = clients::params(mode(text(block, "mode")?)?);
    let header = bytes(block, "header_rlp")?;
    let mut validators = addresses(block, "validators")?;
    if validators.is_empty() {
        // Whose contract it is does not matter: the set is given, and no next one is proven.
        params.validators = ValidatorSource::Contract { address: Address::ZERO, slot: Default::default() };
        validators = addresses(block, "committers")?;
    }
    let trusted = {
        let read = SealedHeader::read(params.mode, &header).map_err(|fault| fault.to_string())?;
        clients::before(&read, validators)?
    };
    Ok(HeaderCase { params, trusted, header })
}

/// All valid headers of a file of these formats, for tests that change them.
pub fn valid_headers(value: &Value) -> Vec<HeaderCase> {
    if let Some(blocks) = value.get("blocks").and_then(Value::as_array) {
        return followed(blocks).unwrap_or_default();
    }
    let valid = |block: &&Value| text(block, "expected").is_ok_and(|expected| expected.starts_with("valid"));
    let blocks = value.as_array().into_iter().flatten().filter(valid);
    blocks.filter_map(|block| header_case(block).ok()).collect()
}

/// The blocks of a chain, each with the state after the one before it.
fn followed(blocks: &[Value]) -> Result<Vec<HeaderCase>, String> {
    let params = clients::params(mode_by_hash(blocks.first().ok_or("no blocks")?)?);
    let mut cases = Vec::new();
    for block in blocks.iter().skip(1) {
        let header = bytes(block, "header_rlp")?;
        let read = SealedHeader::read(params.mode, &header).map_err(|fault| fault.to_string())?;
        let trusted = clients::before(&read, read.extra().validators().collect())?;
        cases.push(HeaderCase { params, trusted, header: header.clone() });
    }
    Ok(cases)
}

/// `receipt` under the key of index 0.
fn receipt(block: &Value) -> Result<(), String> {
    let header = bytes(block, "header_rlp")?;
    let header = SealedHeader::read(mode(text(block, "mode")?)?, &header).map_err(|fault| fault.to_string())?;
    let (receipt, nodes) = (bytes(block, "receipt")?, byte_list(block, "receipt_proof")?);
    let mut key = Vec::new();
    rlp::put_u64(&mut key, 0);
    let found = lookup_with(&header.receipts_root(), &key, &nodes, Limits::VALUES, InlineNodes::MayRepeat);
    same("receipt", Ok(Lookup::Present(&receipt)), found)
}

/// Judges `{first, blocks: [{header_rlp, block_hash, validators}]}`.
pub fn linked_chain(file: &File<'_>) -> Judged {
    field(file.value, "first").ok()?;
    let blocks = array(file.value, "blocks").ok()?;
    text(blocks.first()?, "header_rlp").ok()?;
    Some(chain(blocks).unwrap_or_else(|error| vec![("chain".into(), Outcome::Failed(error))]))
}

/// The mode under which the first header has the hash that the file names.
fn mode_by_hash(block: &Value) -> Result<Mode, String> {
    let (bytes, expected) = (bytes(block, "header_rlp")?, hash(block, "block_hash")?);
    let fits = |mode: &Mode| SealedHeader::read(*mode, &bytes).is_ok_and(|header| header.block_hash() == expected);
    [Mode::Qbft, Mode::Ibft2, Mode::Ibft1].into_iter().find(fits).ok_or("no mode gives this block hash".into())
}

fn chain(blocks: &[Value]) -> Result<Vec<(String, Outcome)>, String> {
    let first = blocks.first().ok_or("no blocks")?;
    let params = clients::params(mode_by_hash(first)?);
    let header = bytes(first, "header_rlp")?;
    let time = SealedHeader::read(params.mode, &header).map_err(|fault| fault.to_string())?.time();
    let pinned = TrustedState::begin(&params, &hash(first, "block_hash")?, &header, None, time);
    let pinned = pinned.map_err(|refusal| refusal.to_string())?;
    let mut cases = vec![("pinned".to_owned(), Outcome::Passed)];
    let mut trusted = pinned.clone();
    for block in blocks.iter().skip(1) {
        let step = link(&params, &trusted, block);
        let verdict = step.clone().map(drop);
        let outcome = if block.get("expected").is_some() { expected(block, verdict) } else { verdict };
        cases.push((format!("block {}", u64_of(block, "number")?), outcome.into()));
        trusted = step.unwrap_or(trusted);
    }
    let last = blocks.last().unwrap_or(first);
    let params = causeway_bft_evm::Params { trusting_period: u64::MAX, ..params };
    let skipped = bytes(last, "header_rlp").and_then(|bytes| {
        let header = SealedHeader::read(params.mode, &bytes).map_err(|fault| fault.to_string())?;
        clients::follow(&params, &pinned, &header).map(|_| ())
    });
    cases.push(("last from first".into(), skipped.into()));
    Ok(cases)
}

/// Accepts a block from the state after its parent.
fn link(params: &causeway_bft_evm::Params, trusted: &TrustedState, block: &Value) -> Result<TrustedState, String> {
    let bytes = bytes(block, "header_rlp")?;
    let header = SealedHeader::read(params.mode, &bytes).map_err(|fault| fault.to_string())?;
    same("block hash", hash(block, "block_hash")?, header.block_hash())?;
    same("parent", trusted.block_hash(), header.parent_hash())?;
    same("validators", addresses(block, "validators")?, header.extra().validators().collect())?;
    if block.get("committers").is_some() {
        same("committers", addresses(block, "committers")?, clients::committers(&header)?)?;
    }
    // The pin of a chain from its genesis may be long before its first block.
    let params = causeway_bft_evm::Params { trusting_period: u64::MAX, ..*params };
    Ok(clients::follow(&params, trusted, &header)?.trusted)
}

/// Judges `[{validators, committers, accept}]`, in every mode.
pub fn quorum_table(file: &File<'_>) -> Judged {
    let rows = file.value.as_array()?;
    let of = |row: &Value| {
        Some((row.get("validators")?.as_u64()?, row.get("committers")?.as_u64()?, row.get("accept")?.as_bool()?))
    };
    let rows: Vec<_> = rows.iter().map(of).collect::<Option<_>>()?;
    if rows.is_empty() {
        return None;
    }
    let judge = |(validators, committers, accept): (u64, u64, bool)| {
        let verdict = [Mode::Qbft, Mode::Ibft2, Mode::Ibft1]
            .into_iter()
            .try_for_each(|mode| quorum_row(mode, validators, committers, accept));
        (format!("{committers} of {validators}"), verdict.into())
    };
    Some(rows.into_iter().map(judge).collect())
}

fn quorum_row(mode: Mode, validators: u64, committers: u64, accept: bool) -> Result<(), String> {
    let keys: Vec<SigningKey> = (0..validators)
        .map(|number| SigningKey::from_slice(keccak256(number.to_be_bytes()).as_slice()).map_err(|e| e.to_string()))
        .collect::<Result<_, _>>()?;
    let address = |key: &SigningKey| {
        let point = key.verifying_key().to_encoded_point(false);
        Address::from_slice(&keccak256(&point.as_bytes()[1..])[12..])
    };
    let listed: Vec<Address> = keys.iter().map(address).collect();
    let fields = HeaderFields::new(2, 1_700_000_001, Default::default(), Default::default(), listed.clone());
    let digest = fields.commit_digest(mode);
    let sign = |key: &SigningKey| {
        let (signature, id) = key.sign_prehash_recoverable(digest.as_slice()).map_err(|e| e.to_string())?;
        Ok::<_, String>(seal(&signature.to_bytes().into(), id.to_byte()))
    };
    let count = usize::try_from(committers).map_err(|e| e.to_string())?;
    let seals: Vec<_> = keys.iter().take(count).map(sign).collect::<Result<_, _>>()?;
    let header = fields.sealed(mode, &seals);
    let header = SealedHeader::read(mode, &header).map_err(|fault| fault.to_string())?;
    let trusted = clients::before(&header, listed)?;
    same("set in force", set_hash(trusted.validators().as_slice()), trusted.validators().hash())?;
    let (bytes, packed) = (fields.seal_less(mode), seals.concat());
    let signers = alloy_primitives::U256::from(1).wrapping_shl(count) - alloy_primitives::U256::from(1);
    let update = Update { header: &bytes, previous: None, next_set: None, signers, seals: &packed };
    let update = update.encode().map_err(|error| error.to_string())?;
    let verdict = clients::verdict(&clients::params(mode), &trusted, &update, header.time())?;
    ensure(verdict.is_ok() == accept, || format!("{mode:?}: expected accept = {accept}, found {verdict:?}"))
}
