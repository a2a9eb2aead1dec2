//! Fixtures of Snowbridge's contracts.
//!
//! * *commitment*: `{commitmentHash, params: {commitment, leaf, leafProof, leafProofOrder, proofs}}`: the digest is
//!   recomputed, the leaf is the newest and stands under the root, each proof's signature is its account's and all
//!   accounts stand under one root. The set itself is not in the file; its size is that of the next set.
//! * *signatures of a sample*: `{finalValidatorsProof}`, beside a file with the commitment, one with the set
//!   (`validatorSetSize`, `participants`, `validatorRoot`) and one with the sample (`final.finalBitField`).
//! * *MMR*: `{rootHash, cases: [{leaf, proof: {items, order}}]}`.

use std::path::Path;

use alloy_primitives::{Address, B256, U256};
use causeway_crypto::{HighS, Native, Portable, Recover};
use causeway_substrate::{
    BeefySet,
    beefy::{
        Leaf, member_root, ordered_root,
        sampled::{Bitfield, Signed, draw, verify_sampled},
    },
    compose,
};
use serde_json::Value;

use crate::{
    cases::{File, Judged, ensure, same},
    json::{address, array, byte_list, bytes, field, hash, text, u64_of},
};

/// The seed of the contracts' own tests (`prevRandao`), which the fixtures do not carry.
const SEED: u64 = 377;

/// Judges `{commitmentHash, params}`.
pub(super) fn commitment(file: &File<'_>) -> Judged {
    let params = file.value.get("params")?;
    params.get("commitment")?.get("validatorSetID")?;
    Some(vec![
        ("digest".into(), digest(file.value, params).into()),
        ("leaf".into(), leaf(params).into()),
        ("proofs".into(), proofs(file.value, params).into()),
    ])
}

/// SCALE of a commitment.
fn encoded(value: &Value) -> Result<Vec<u8>, String> {
    let payload = array(value, "payload")?;
    let [item] = payload.as_slice() else { return Err("not one payload item".into()) };
    ensure(text(item, "payloadID")? == "mh", || "payload is no MMR root".into())?;
    let number = u32::try_from(u64_of(value, "blockNumber")?).map_err(|_| "block number")?;
    Ok(compose::commitment(&hash(item, "data")?, number, u64_of(value, "validatorSetID")?))
}

fn digest(value: &Value, params: &Value) -> Result<(), String> {
    let bytes = encoded(field(params, "commitment")?)?;
    let read = causeway_substrate::beefy::Commitment::read(&bytes).map_err(|refusal| refusal.to_string())?;
    same("commitment hash", hash(value, "commitmentHash")?, read.digest())
}

fn leaf(params: &Value) -> Result<(), String> {
    let leaf = field(params, "leaf")?;
    let number = |name| u32::try_from(u64_of(leaf, name)?).map_err(|_| format!("{name} beyond 32 bits"));
    let next = BeefySet {
        id: u64_of(leaf, "nextAuthoritySetID")?,
        len: number("nextAuthoritySetLen")?,
        root: hash(leaf, "nextAuthoritySetRoot")?,
    };
    let parent = (number("parentNumber")?, hash(leaf, "parentHash")?);
    let bytes = compose::leaf(parent, &next, hash(leaf, "parachainHeadsRoot")?.as_slice());
    let leaf = Leaf::read(&bytes).map_err(|fault| fault.to_string())?;
    let bytes = encoded(field(params, "commitment")?)?;
    let commitment = causeway_substrate::beefy::Commitment::read(&bytes).map_err(|refusal| refusal.to_string())?;
    let items = hashes(params, "leafProof")?;
    let root =
        ordered_root(&leaf.hash(), &items, u64_of(params, "leafProofOrder")?).map_err(|fault| fault.to_string())?;
    same("MMR root", commitment.mmr_root, root)?;
    same("block", commitment.block_number, leaf.parent_number + 1)?;
    same("next set", commitment.set_id + 1, leaf.next.id)
}

fn hashes(value: &Value, name: &str) -> Result<Vec<B256>, String> {
    let hash = |bytes: &Vec<u8>| B256::try_from(bytes.as_slice()).map_err(|_| format!("{name} holds what is no hash"));
    byte_list(value, name)?.iter().map(hash).collect()
}

fn proofs(value: &Value, params: &Value) -> Result<(), String> {
    let digest = hash(value, "commitmentHash")?;
    let len = u64_of(field(params, "leaf")?, "nextAuthoritySetLen")? as u32;
    let mut root = None;
    for proof in array(params, "proofs")? {
        let (r, s) = (bytes(proof, "R")?, bytes(proof, "S")?);
        let r_s = <[u8; 64]>::try_from([r, s].concat()).map_err(|_| "r, s are not 64 bytes")?;
        let v = recovery_id(proof, "V")?;
        let account = address(proof, "Account")?;
        for found in
            [Native::recover(&digest, &r_s, v, HighS::Refuse), Portable::recover(&digest, &r_s, v, HighS::Refuse)]
        {
            same("signer", Ok(account), found)?;
        }
        let index = u32::try_from(u64_of(proof, "Index")?).map_err(|_| "index")?;
        let found = member_root(&account, index, len, &hashes(proof, "Proof")?).map_err(|fault| fault.to_string())?;
        same("root", *root.get_or_insert(found), found)?;
    }
    ensure(root.is_some(), || "no proofs".into())
}

/// 27 and 28 on Ethereum are 0 and 1 on Substrate.
fn recovery_id(value: &Value, name: &str) -> Result<u8, String> {
    u8::try_from(u64_of(value, name)?).ok().and_then(|v| v.checked_sub(27)).ok_or_else(|| format!("{name} is no v"))
}

/// Values of the JSON files of a folder.
fn beside(path: &Path) -> Vec<Value> {
    let files = path.parent().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    files.filter_map(|file| serde_json::from_slice(&std::fs::read(file.path()).ok()?).ok()).collect()
}

/// The set, the claim of who signed, the sample that the file states.
struct Sample {
    set: BeefySet,
    commitment: Vec<u8>,
    claim: Vec<U256>,
    drawn: Vec<U256>,
}

fn sample(path: &Path) -> Result<Sample, String> {
    let files = beside(path);
    let find = |has: &dyn Fn(&Value) -> Option<()>, what: &str| {
        files.iter().find(|value| has(value).is_some()).ok_or(format!("no file beside it holds {what}"))
    };
    let set = find(&|value| value.get("validatorSetSize").map(|_| ()), "the set")?;
    let commitment = find(&|value| value.get("params")?.get("commitment").map(|_| ()), "the commitment")?;
    let drawn = find(&|value| value.get("final")?.get("finalBitField").map(|_| ()), "the sample")?;
    let commitment = encoded(field(field(commitment, "params")?, "commitment")?)?;
    let id = causeway_substrate::beefy::Commitment::read(&commitment).map_err(|refusal| refusal.to_string())?.set_id;
    let len = u32::try_from(u64_of(set, "validatorSetSize")?).map_err(|_| "set size")?;
    let mut claim = vec![U256::ZERO; len.div_ceil(256) as usize];
    for place in array(set, "participants")? {
        let place = place.as_u64().ok_or("participant is no number")? as usize;
        claim.get_mut(place / 256).ok_or("participant beyond the set")?.set_bit(place % 256, true);
    }
    let word = |value: &Value| value.as_str().and_then(|text| text.parse::<U256>().ok()).ok_or("no word".to_owned());
    let drawn = array(field(drawn, "final")?, "finalBitField")?.iter().map(word).collect::<Result<_, _>>()?;
    Ok(Sample { set: BeefySet { id, len, root: hash(set, "validatorRoot")? }, commitment, claim, drawn })
}

/// 32 bytes as hex, an array, or an object of places.
fn word(value: &Value, name: &str) -> Result<[u8; 32], String> {
    let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok()).ok_or("no byte".to_owned());
    let bytes: Vec<u8> = match field(value, name)? {
        Value::Object(bytes) => (0..bytes.len())
            .map(|place| bytes.get(&place.to_string()).ok_or("no place".to_owned()).and_then(byte))
            .collect::<Result<_, _>>()?,
        Value::Array(bytes) => bytes.iter().map(byte).collect::<Result<_, _>>()?,
        other => crate::json::bytes_of(other)?,
    };
    bytes.try_into().map_err(|_| format!("{name} is not 32 bytes"))
}

/// Judges `{finalValidatorsProof}` with the files beside it.
pub(super) fn sampled_signatures(file: &File<'_>) -> Judged {
    file.value.get("finalValidatorsProof")?.as_array()?;
    Some(vec![(String::new(), judge_sample(file).into())])
}

fn judge_sample(file: &File<'_>) -> Result<(), String> {
    let Sample { set, commitment, claim, drawn } = sample(file.path)?;
    let proofs = array(file.value, "finalValidatorsProof")?;
    let paths = proofs.iter().map(|proof| hashes(proof, "proof")).collect::<Result<Vec<_>, _>>()?;
    let mut signed = Vec::new();
    for (proof, path) in proofs.iter().zip(&paths) {
        let mut signature = [0; 65];
        let v = [recovery_id(proof, "v")?];
        let parts = [word(proof, "r")?.as_slice(), word(proof, "s")?.as_slice(), &v].concat();
        signature.copy_from_slice(&parts);
        let index = u32::try_from(u64_of(proof, "index")?).map_err(|_| "index")?;
        let account = text(proof, "account")?.parse::<Address>().map_err(|error| error.to_string())?;
        signed.push(Signed { index, address: account, signature, path });
    }
    let claim = Bitfield(&claim);
    let seed = U256::from(SEED);
    let mut found = vec![U256::ZERO; drawn.len()];
    for place in draw(&claim, seed, signed.len() as u64, set.len) {
        found.get_mut(place as usize / 256).ok_or("drawn beyond the set")?.set_bit(place as usize % 256, true);
    }
    same("sample", drawn, found)?;
    let of = (seed, signed.len() as u64);
    let native = verify_sampled::<Native>(&set, &commitment, &claim, of, &signed);
    same("portable verdict", native, verify_sampled::<Portable>(&set, &commitment, &claim, of, &signed))?;
    native.map(|_| ()).map_err(|refusal| refusal.to_string())
}

/// The set and the sample are parts of the case above.
pub(super) fn part_of_sample(file: &File<'_>) -> Judged {
    let set = file.value.get("validatorSetSize").is_some() && file.value.get("validatorRoot").is_some();
    let sample = file.value.get("final").is_some_and(|sample| sample.get("finalBitField").is_some());
    let whole = beside(file.path).iter().any(|value| value.get("finalValidatorsProof").is_some());
    ((set || sample) && whole).then(Vec::new)
}

/// Judges `{rootHash, cases}`.
pub(super) fn mountains(file: &File<'_>) -> Judged {
    let root = hash(file.value, "rootHash").ok()?;
    let cases = file.value.get("cases")?.as_array()?;
    let judge = |case: &Value| {
        let proof = field(case, "proof")?;
        let found = ordered_root(&hash(case, "leaf")?, &hashes(proof, "items")?, u64_of(proof, "order")?);
        same("root", Ok(root), found)
    };
    let name = |case: &Value| format!("leaf {}", case.get("leaf_index").unwrap_or(&Value::Null));
    Some(cases.iter().map(|case| (name(case), judge(case).into())).collect())
}
