//! Transactions in blocks.

use causeway_bitcoin::{
    Header, Rules, Transaction, Txid,
    compact::{check_work, target_of},
    hash::sha256d,
    merkle::Branch,
    merkle_block::MerkleBlock,
    proof::Inclusion,
};
use serde_json::Value;

use super::tree::{Tree, follow, shown, split};
use crate::{
    cases::{File, Judged, Outcome, ensure, same},
    json::{array, bytes, bytes_of, field, text, u64_of},
};

/// Answers of `gettxoutproof`, with what they point out.
pub fn out_proofs(file: &File<'_>) -> Judged {
    let entries = file.value.as_array().filter(|list| list.iter().all(|it| it.get("merkleblock").is_some()))?;
    let name = |entry: &Value| entry.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let cases: Vec<_> = entries.iter().map(|entry| (name(entry), out_proof(entry).into())).collect();
    (!cases.is_empty()).then_some(cases)
}

fn out_proof(entry: &Value) -> Result<(), String> {
    let bytes = bytes(entry, "merkleblock")?;
    let valid = entry.get("expected").and_then(Value::as_str).is_none_or(|expected| expected == "valid");
    let found = MerkleBlock::decode(&bytes);
    if !valid {
        return ensure(found.is_err(), || "accepted, and should not be".into());
    }
    let block = found.map_err(|fault| fault.to_string())?;
    let header = block.header();
    check_work(&header.hash(), header.bits(), Rules::MAINNET.limit).map_err(|fault| fault.to_string())?;
    same("transactions", u64_of(entry, "total_txs")?, block.transactions().into())?;
    let expected: Vec<(u64, Txid)> = array(entry, "expected_matches")?
        .iter()
        .map(|found| Ok((u64_of(found, "index")?, Txid(shown(text(found, "txid")?)?))))
        .collect::<Result<_, String>>()?;
    let found: Vec<(u64, Txid)> = block.matches().iter().map(|found| (found.position.into(), found.txid)).collect();
    same("matches", expected, found)?;
    for found in block.matches() {
        let siblings = block.branch(found.position).ok_or("no branch")?;
        let branch = Branch { position: found.position, siblings: &siblings };
        branch.check(&found.txid, &header.merkle_root()).map_err(|fault| fault.to_string())?;
    }
    Ok(())
}

/// Transaction, coinbase, both branches, and the headers that confirm them (tBTC). Where the file holds the transaction's
/// bytes, the whole proof is judged; else its id and branch beside the coinbase's.
pub fn with_coinbase(file: &File<'_>) -> Judged {
    let entries = file.value.as_object()?;
    let known = |entry: &Value| entry.pointer("/bitcoinChainData/coinbaseMerkleBranch").is_some();
    (!entries.is_empty() && entries.values().all(known))
        .then(|| entries.iter().map(|(name, entry)| (name.clone(), confirmed(entry).into())).collect())
}

/// A branch in the order in which Electrum's servers write it.
fn branch(data: &Value, name: &str) -> Result<(u32, u32, Vec<[u8; 32]>), String> {
    let branch = field(data, name)?;
    let number = |name: &str| -> Result<u32, String> {
        u32::try_from(u64_of(branch, name)?).map_err(|_| format!("{name} is beyond 32 bits"))
    };
    let sibling = |text: &Value| shown(text.as_str().ok_or("no string")?);
    let siblings = array(branch, "merkle")?.iter().map(sibling).collect::<Result<_, _>>()?;
    Ok((number("blockHeight")?, number("position")?, siblings))
}

fn confirmed(entry: &Value) -> Result<(), String> {
    let data = field(entry, "bitcoinChainData")?;
    let (height, position, siblings) = branch(data, "transactionMerkleBranch")?;
    let (coinbase_height, coinbase_position, coinbase_siblings) = branch(data, "coinbaseMerkleBranch")?;
    same("height", height, coinbase_height)?;
    same("position of the coinbase", 0, coinbase_position)?;
    let bytes = bytes(data, "headersChain")?;
    let headers = split(&bytes)?;
    let root = Header::new(headers.first().ok_or("no headers")?).merkle_root();
    let run: Vec<_> = (height..).zip(headers.iter().copied()).collect();
    let easy = headers.iter().any(|bytes| Header::new(bytes).bits() == Rules::TESTNET3.limit);
    let rules = if easy { Rules::TESTNET3 } else { Rules::MAINNET };
    follow(&Tree::default(), &rules, &run)?;
    ensure(headers.len() as u64 >= u64_of(entry, "requiredConfirmations")?, || "too few headers".into())?;
    difficulties(data, &headers)?;
    let coinbase = self::bytes(field(data, "coinbaseRawTransaction")?, "transactionHex")?;
    let txid = Txid(shown(text(field(data, "transaction")?, "transactionHash")?)?);
    let raw = data.get("rawTransaction").map(|raw| self::bytes(raw, "transactionHex")).transpose()?;
    let Some(raw) = raw else {
        let coinbase = Transaction::decode(&coinbase).map_err(|fault| fault.to_string())?;
        ensure(coinbase.is_coinbase() && !coinbase.is_ambiguous(), || "no coinbase".into())?;
        same("levels", coinbase_siblings.len(), siblings.len())?;
        let first = Branch { position: 0, siblings: &coinbase_siblings };
        first.check(&coinbase.txid(), &root).map_err(|fault| fault.to_string())?;
        return Branch { position, siblings: &siblings }.check(&txid, &root).map_err(|fault| fault.to_string());
    };
    let bytes = headers.as_flattened();
    let proof =
        Inclusion { headers: bytes, position, siblings, transaction: &raw, coinbase_siblings, coinbase: &coinbase };
    let found = proof.transaction_under(&root).map_err(|refusal| refusal.to_string())?;
    same("id", txid, found.txid())?;
    let outputs = array(field(data, "transaction")?, "outputs")?;
    same("outputs", outputs.len(), found.outputs().len())?;
    for (expected, found) in outputs.iter().zip(found.outputs()) {
        same("value", Ok(found.value), text(expected, "value")?.parse().map_err(|_| "no value"))?;
        same("script", self::bytes(expected, "scriptPubKey")?, found.script.to_vec())?;
    }
    expected_proof(entry, &proof)
}

/// The proof as the file's authors put it together: the same branches.
fn expected_proof(entry: &Value, proof: &Inclusion<'_>) -> Result<(), String> {
    let Some(expected) = entry.get("expectedProof") else { return Ok(()) };
    same("branch", bytes(expected, "merkleProof")?, proof.siblings.as_flattened().to_vec())?;
    same("coinbase's branch", bytes(expected, "coinbaseProof")?, proof.coinbase_siblings.as_flattened().to_vec())?;
    same("headers", bytes(expected, "bitcoinHeaders")?, proof.headers.to_vec())
}

/// Difficulty, relative to the easiest target, of the period before and of the one at the end.
fn difficulties(data: &Value, headers: &[[u8; 80]]) -> Result<(), String> {
    let easiest = target_of(Rules::MAINNET.limit).map_err(|fault| fault.to_string())?;
    let of = |bytes: &[u8; 80]| -> Result<String, String> {
        target_of(Header::new(bytes).bits()).map(|target| (easiest / target).to_string()).map_err(|it| it.to_string())
    };
    let ends = [("previousDifficulty", headers.first()), ("currentDifficulty", headers.last())];
    for (name, bytes) in ends {
        if let (Some(expected), Some(bytes)) = (data.get(name).and_then(Value::as_str), bytes) {
            same(name, expected.to_owned(), of(bytes)?)?;
        }
    }
    Ok(())
}

/// Transactions of 64 bytes, and of nearly as many (BIP 54).
pub fn transaction_sizes(file: &File<'_>) -> Judged {
    let has = |entry: &Value| ["tx", "valid"].iter().all(|name| entry.get(name).is_some());
    let entries = file.value.as_array().filter(|list| list.iter().all(has))?;
    let name = |entry: &Value| entry.get("comment").and_then(Value::as_str).unwrap_or_default().to_owned();
    let judge = |entry: &Value| -> Outcome { transaction_size(entry).into() };
    let cases: Vec<_> = entries.iter().map(|entry| (name(entry), judge(entry))).collect();
    (!cases.is_empty()).then_some(cases)
}

fn transaction_size(entry: &Value) -> Result<(), String> {
    let bytes = bytes_of(field(entry, "tx")?)?;
    let expected = field(entry, "valid")?.as_bool().ok_or("no verdict")?;
    let transaction = Transaction::decode(&bytes).map_err(|fault| fault.to_string())?;
    same("not of 64 bytes", expected, !transaction.is_ambiguous())?;
    // And by the rule that a proof meets: in a block of its own beside any coinbase.
    let coinbase = [&[1, 0, 0, 0, 1][..], &[0; 32], &[0xff; 4], &[2, 0, 0], &[0xff; 4], &[1], &[0; 8], &[0], &[0; 4]];
    let coinbase = coinbase.concat();
    let root = sha256d(&[&sha256d(&[&coinbase]), &transaction.txid().0]);
    let proof = Inclusion {
        headers: &[],
        position: 1,
        siblings: vec![sha256d(&[&coinbase])],
        transaction: &bytes,
        coinbase_siblings: vec![transaction.txid().0],
        coinbase: &coinbase,
    };
    let found = proof.transaction_under(&root);
    ensure(found.is_ok() == expected, || format!("expected {expected}, found {:?}", found.map(|_| ())))
}
