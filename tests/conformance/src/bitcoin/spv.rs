//! Test vectors of SPV libraries (summa-tx/bitcoin-spv).

use alloy_primitives::U256;
use causeway_bitcoin::{
    BlockHash, Header, Rules, Transaction, TxFault, Txid,
    compact::{check_work, target_of},
    hash::sha256d,
    merkle::Branch,
    next_period_bits,
    transaction::compact_size,
};
use serde_json::Value;

use super::tree::{Bytes, header, header_of, split};
use crate::{
    cases::{File, Judged, Outcome, ensure, same},
    json::{array, bytes, bytes_of, field, text, u64_of, unhex},
};

/// A function of the library, and how a case of it is judged.
type Known = (&'static str, fn(&Value) -> Outcome);

/// Functions that this module knows.
const KNOWN: [Known; 26] = [
    ("verifyHash256Merkle", |case| merkle(case).into()),
    ("prove", |case| prove(case).into()),
    ("validateHeaderWork", |case| header_work(case).into()),
    ("checkWork", |case| own_target(case).into()),
    ("validateHeaderPrevHash", |case| parent(case).into()),
    ("validateHeaderChain", |case| chain(case).into()),
    ("validateHeaderChainError", |case| chain_refused(case).into()),
    ("retargetAlgorithm", |case| retarget(case).into()),
    ("calculateDifficultyError", |_| Outcome::Unjudged("a type error of another language".into())),
    ("extractTarget", |case| target(case).into()),
    ("work", |case| work(case).into()),
    ("workHash", |case| of_header(case, |header| header.hash().0.to_vec()).into()),
    ("calculateTxId", |case| txid(case).into()),
    ("validateVin", |case| inputs(case).into()),
    ("validateVout", |case| outputs(case).into()),
    ("tryAsVin", |case| inputs(case).into()),
    ("tryAsVinError", |case| inputs(case).into()),
    ("tryAsVout", |case| outputs(case).into()),
    ("tryAsVoutError", |case| outputs(case).into()),
    ("parseVarInt", |case| var_int(case).into()),
    ("parseVarIntError", |case| var_int(case).into()),
    ("hash256MerkleStep", |case| merkle_step(case).into()),
    ("determineVarIntDataLength", |case| var_int_length(case).into()),
    ("extractMerkleRootLE", |case| of_header(case, |header| header.merkle_root().to_vec()).into()),
    ("extractTimestamp", |case| timestamp(case).into()),
    ("extractPrevBlockLE", |case| of_header(case, |header| header.parent().0.to_vec()).into()),
];

/// Vectors by the name of the library's function.
pub fn library(file: &File<'_>) -> Judged {
    let groups = file.value.as_object()?;
    ["validateHeaderWork", "retargetAlgorithm", "verifyHash256Merkle", "parseVarInt"]
        .iter()
        .any(|name| groups.contains_key(*name))
        .then_some(())?;
    let mut cases = Vec::new();
    for (name, list) in groups {
        let judge = KNOWN.iter().find(|(known, _)| known == name).map(|(_, judge)| judge);
        for (at, case) in list.as_array().into_iter().flatten().enumerate() {
            let comment = case.get("comment").and_then(Value::as_str).unwrap_or_default();
            let unknown = || Outcome::Unjudged("a function of the library that no verifier needs".into());
            let outcome = judge.map_or_else(unknown, |judge| judge(case));
            cases.push((format!("{name} {at} {comment}"), outcome));
        }
    }
    Some(cases)
}

fn input(case: &Value) -> Result<&Value, String> {
    field(case, "input")
}

/// What the file expects to be true or refused: `output` false, or an error of any of the library's languages.
fn expected(case: &Value) -> bool {
    let refused = case.as_object().is_some_and(|fields| fields.keys().any(|name| name.ends_with("Error")));
    !refused && case.get("output").and_then(Value::as_bool).unwrap_or(true)
}

fn verdict<T, E: std::fmt::Debug>(case: &Value, found: Result<T, E>) -> Result<(), String> {
    let expected = expected(case);
    ensure(found.is_ok() == expected, || format!("expected {expected}, found {:?}", found.map(|_| ())))
}

fn word(value: &Value, name: &str) -> Result<[u8; 32], String> {
    <[u8; 32]>::try_from(bytes(value, name)?.as_slice()).map_err(|_| format!("{name} is no word"))
}

fn position(value: &Value) -> Result<u32, String> {
    u32::try_from(u64_of(value, "index")?).map_err(|_| "index is beyond 32 bits".into())
}

/// Leaf, siblings and root in one string.
fn merkle(case: &Value) -> Result<(), String> {
    let input = input(case)?;
    let proof = bytes(input, "proof")?;
    let position = position(input)?;
    let judged = (|| {
        let (words, rest) = proof.as_chunks::<32>();
        ensure(rest.is_empty(), || "no words".into())?;
        let (leaf, rest) = words.split_first().ok_or("empty")?;
        // A single word is a leaf that is the root.
        let (root, siblings) = rest.split_last().unwrap_or((leaf, &[]));
        Branch { position, siblings }.check(&Txid(*leaf), root).map_err(|fault| fault.to_string())
    })();
    verdict(case, judged)
}

fn prove(case: &Value) -> Result<(), String> {
    let input = input(case)?;
    let (leaf, root, proof) = (word(input, "txIdLE")?, word(input, "merkleRootLE")?, bytes(input, "proof")?);
    let (siblings, rest) = proof.as_chunks::<32>();
    let position = position(input)?;
    verdict(
        case,
        Branch { position, siblings }
            .check(&Txid(leaf), &root)
            .map_err(|it| it.to_string())
            .and_then(|()| ensure(rest.is_empty(), || "no words".into())),
    )
}

/// A hash under a target, which need not be one that 32 bits can hold.
fn header_work(case: &Value) -> Result<(), String> {
    let input = input(case)?;
    let (digest, target) = (BlockHash(word(input, "digest")?), U256::from_be_bytes(word(input, "target")?));
    // No block has a hash of zero; the library refuses it, and so does every target that is met by nothing else.
    let bits = causeway_bitcoin::compact::bits_of(target);
    let same_target = target_of(bits) == Ok(target);
    let zero = digest == BlockHash::default();
    let judged = check_work(&digest, bits, bits).map_err(|fault| fault.to_string());
    verdict(case, judged.and_then(|_| ensure(same_target && !zero, || "no hash".into())))
}

/// Whether a header's own target is the one stated, and met.
fn own_target(case: &Value) -> Result<(), String> {
    let input = input(case)?;
    let bytes = header(input, "header")?;
    let (header, target) = (Header::new(&bytes), U256::from_be_bytes(word(input, "target")?));
    let judged = check_work(&header.hash(), header.bits(), Rules::MAINNET.limit).map_err(|fault| fault.to_string());
    verdict(case, judged.and_then(|own| same("target", target, own)))
}

fn parent(case: &Value) -> Result<(), String> {
    let input = input(case)?;
    let bytes = header(input, "header")?;
    verdict(case, same("parent", word(input, "prevHash")?, Header::new(&bytes).parent().0))
}

/// Linked headers with the work that each claims. Gives the sum of their difficulties.
fn linked(input: &[u8]) -> Result<u128, String> {
    let headers = split(input)?;
    let easiest = target_of(Rules::MAINNET.limit).map_err(|fault| fault.to_string())?;
    let mut sum = 0_u128;
    let mut parent = None;
    for header in headers.iter().map(Header::new) {
        if let Some(parent) = parent {
            same("parent", parent, header.parent())?;
        }
        let target = check_work(&header.hash(), header.bits(), Rules::MAINNET.limit).map_err(|it| it.to_string())?;
        sum += (easiest / target).to::<u128>();
        parent = Some(header.hash());
    }
    Ok(sum)
}

fn chain(case: &Value) -> Result<(), String> {
    let sum = linked(&bytes_of(input(case)?)?)?;
    same("sum of difficulties", u128::from(u64_of(case, "output")?), sum)
}

fn chain_refused(case: &Value) -> Result<(), String> {
    verdict(case, linked(&bytes_of(input(case)?)?))
}

/// Difficulty of the period after the one of which first and last block are given.
fn retarget(case: &Value) -> Result<(), String> {
    let blocks = array(case, "input")?;
    let [first, last, ..] = blocks.as_slice() else { return Err("two headers expected".into()) };
    let time = |block: &Value| u32::try_from(u64_of(block, "timestamp")?).map_err(|_| "timestamp".to_owned());
    let bytes = header(first, "hex")?;
    let own = Header::new(&bytes);
    same("time", time(first)?, own.time())?;
    let bits = next_period_bits(Rules::MAINNET.limit, own.bits(), own.time(), time(last)?);
    let easiest = target_of(Rules::MAINNET.limit).map_err(|fault| fault.to_string())?;
    let found = target_of(bits).map(|target| easiest / target).map_err(|fault| fault.to_string())?;
    same("difficulty", U256::from(u64_of(case, "output")?), found)?;
    // The third block, where it is there, opens the next period: it shows the very bits.
    match blocks.get(2).and_then(|next| header_of(next).or_else(|| header(next, "hex").ok())) {
        Some(next) => same("bits of the next period", Header::new(&next).bits(), bits),
        None => Ok(()),
    }
}

fn target(case: &Value) -> Result<(), String> {
    let bytes = header(case, "input")?;
    let found = target_of(Header::new(&bytes).bits()).map_err(|fault| fault.to_string())?;
    same("target", U256::from_be_bytes(word(case, "output")?), found)
}

/// The library calls the hash, as a number, the work.
fn work(case: &Value) -> Result<(), String> {
    let bytes = header(case, "input")?;
    let found = U256::from_le_bytes(Header::new(&bytes).hash().0);
    same("hash", text(case, "output")?.to_owned(), found.to_string())
}

fn of_header(case: &Value, read: fn(&Header<'_>) -> Vec<u8>) -> Result<(), String> {
    let bytes = header(case, "input")?;
    same("field", self::bytes(case, "output")?, read(&Header::new(&bytes)))
}

fn timestamp(case: &Value) -> Result<(), String> {
    let bytes = header(case, "input")?;
    same("time", u64_of(case, "output")?, Header::new(&bytes).time().into())
}

/// A transaction in four parts.
fn in_parts(value: &Value) -> Result<Vec<u8>, String> {
    let parts: Result<Vec<_>, _> = ["version", "vin", "vout", "locktime"].iter().map(|it| bytes(value, it)).collect();
    Ok(parts?.concat())
}

fn txid(case: &Value) -> Result<(), String> {
    let bytes = in_parts(input(case)?)?;
    let found = Transaction::decode(&bytes).map_err(|fault| fault.to_string())?.txid();
    same("id", word(case, "output")?, found.0)
}

/// Inputs, as part of a transaction with one empty output.
fn inputs(case: &Value) -> Result<(), String> {
    let inputs = bytes_of(input(case)?)?;
    let bytes = [&[1, 0, 0, 0][..], &inputs, &[1], &[0; 8], &[0], &[0; 4]].concat();
    verdict(case, Transaction::decode(&bytes).map(|_| ()))
}

/// Outputs, as part of a transaction with one input without script.
fn outputs(case: &Value) -> Result<(), String> {
    let outputs = bytes_of(input(case)?)?;
    let bytes = [&[1, 0, 0, 0, 1][..], &[7; 36], &[0], &[0xff; 4], &outputs, &[0; 4]].concat();
    verdict(case, Transaction::decode(&bytes).map(|_| ()))
}

/// A length: how many bytes follow the first, and the value. Longer forms than needed are refused, as Bitcoin Core does.
fn var_int(case: &Value) -> Result<(), String> {
    let bytes = bytes_of(input(case)?)?;
    let found = compact_size(&bytes);
    match (expected(case), found) {
        (true, found) => {
            let (value, taken) = found.map_err(|fault| fault.to_string())?;
            let output = array(case, "output")?.iter().map(Value::as_u64).collect::<Vec<_>>();
            same("length", output, vec![Some(taken as u64 - 1), Some(value)])
        }
        (false, Err(TxFault::LongSize { .. } | TxFault::Ended { .. })) => Ok(()),
        (false, found) => Err(format!("expected a refusal, found {found:?}")),
    }
}

/// Bytes behind the first of a length.
fn var_int_length(case: &Value) -> Result<(), String> {
    let first = u8::try_from(u64_of(case, "input")?).map_err(|_| "input is no byte")?;
    let longest = [&[first][..], &[0xff; 8]].concat();
    let (_, taken) = compact_size(&longest).map_err(|fault| fault.to_string())?;
    same("bytes", u64_of(case, "output")?, taken as u64 - 1)
}

/// Double SHA-256 of two strings of any length.
fn merkle_step(case: &Value) -> Result<(), String> {
    let [left, right] = array(case, "input")?.as_slice() else { return Err("two parts expected".into()) };
    same("hash", word(case, "output")?, sha256d(&[&bytes_of(left)?, &bytes_of(right)?]))
}

/// Proofs, headers, and bad ones of both.
pub fn proofs(file: &File<'_>) -> Judged {
    let groups = file.value.as_object()?;
    ["badSPVProofs", "badHeaders"].iter().any(|name| groups.contains_key(*name)).then_some(())?;
    let mut cases = Vec::new();
    for (name, list) in groups {
        let one = [list.clone()];
        let list = list.as_array().map_or(one.as_slice(), Vec::as_slice);
        for (at, case) in list.iter().enumerate() {
            let comment = case.get("comment").and_then(Value::as_str).unwrap_or_default();
            let outcome = match name.as_str() {
                "valid" => summa_proof(case).into(),
                "validHeader" => stated_header(case).into(),
                "badHeaders" => refused(field(case, "header").and_then(stated_header)),
                "badSPVProofs" => refused(field(case, "proof").and_then(summa_proof)),
                _ => Outcome::Unjudged("a group that is not known".into()),
            };
            cases.push((format!("{name} {at} {comment}"), outcome));
        }
    }
    Some(cases)
}

fn refused(found: Result<(), String>) -> Outcome {
    ensure(found.is_err(), || "accepted, and should not be".into()).into()
}

/// A header with its fields beside it, in wire order.
pub fn stated_fields(value: &Value) -> Result<(), String> {
    let bytes: Bytes = header_of(value).ok_or("no header")?;
    let header = Header::new(&bytes);
    same("hash", word(value, "hash")?, header.hash().0)?;
    same("parent", word(value, "prevhash")?, header.parent().0)?;
    same("root", word(value, "merkle_root")?, header.merkle_root())
}

/// The same, and the work that it claims.
fn stated_header(value: &Value) -> Result<(), String> {
    stated_fields(value)?;
    let bytes: Bytes = header_of(value).ok_or("no header")?;
    let header = Header::new(&bytes);
    check_work(&header.hash(), header.bits(), Rules::MAINNET.limit).map(|_| ()).map_err(|fault| fault.to_string())
}

/// A transaction in parts, its branch, and the header. The format has no coinbase, so that the depth is not checked.
pub fn summa_proof(value: &Value) -> Result<(), String> {
    let confirming = field(value, "confirming_header")?;
    stated_header(confirming)?;
    let bytes = in_parts(value)?;
    let transaction = Transaction::decode(&bytes).map_err(|fault| fault.to_string())?;
    ensure(!transaction.is_ambiguous(), || "64 bytes".into())?;
    same("id", word(value, "tx_id")?, transaction.txid().0)?;
    let nodes = unhex(text(value, "intermediate_nodes")?)?;
    let (siblings, rest) = nodes.as_chunks::<32>();
    ensure(rest.is_empty(), || "no words".into())?;
    let branch = Branch { position: position(value)?, siblings };
    branch.check(&transaction.txid(), &word(confirming, "merkle_root")?).map_err(|fault| fault.to_string())
}
