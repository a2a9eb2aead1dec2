//! BEEFY finality proofs step by step.

use alloy_primitives::{Address, B256, keccak256};
use causeway_crypto::{Native, Portable};
use causeway_substrate::{
    BeefySet, Signers,
    beefy::{Leaf, member_root, root_by_path, set_root, verify_commitment},
};
use k256::elliptic_curve::sec1::ToEncodedPoint;
use serde_json::Value;

use crate::{
    cases::{File, Judged, ensure, same},
    json::{addresses, byte_list, bytes},
};

/// Judges `{initial_validators…, steps}`.
pub(super) fn steps(file: &File<'_>) -> Judged {
    let steps = file.value.get("steps")?.as_array()?;
    if steps.is_empty() || !steps.iter().all(|step| step.get("versioned_finality_proof").is_some()) {
        return None;
    }
    let name = |name: &str| name.to_owned();
    let validators = match validators(file.value) {
        Ok(validators) => validators,
        Err(error) => return Some(vec![(name("validators"), Err(error).into())]),
    };
    let mut cases = vec![(name("validators"), members(file.value, &validators).into())];
    // The set in force, and the one that the last leaf named.
    let root = set_root(&validators);
    let first = steps.first().and_then(|step| set_id(step).ok()).unwrap_or_default();
    let mut current = BeefySet { id: first, len: validators.len() as u32, root };
    let mut next = None;
    for (number, step) in steps.iter().enumerate() {
        if let (Some(known), Ok(id)) = (next, set_id(step)) {
            current = if id == current.id { current } else { known };
        }
        let verdict = judge(step, &current, &validators);
        next = verdict.as_ref().ok().copied();
        cases.push((format!("step {number}"), verdict.map(|_| ()).into()));
    }
    Some(cases)
}

fn set_id(step: &Value) -> Result<u64, String> {
    let proof = bytes(step, "versioned_finality_proof")?;
    let proof = causeway_substrate::beefy::FinalityProof::read(&proof).map_err(|refusal| refusal.to_string())?;
    Ok(proof.commitment.set_id)
}

/// Addresses of the first set, from its keys.
fn validators(value: &Value) -> Result<Vec<[u8; 20]>, String> {
    let address = |key: &Vec<u8>| {
        let point = k256::PublicKey::from_sec1_bytes(key).map_err(|error| error.to_string())?.to_encoded_point(false);
        let hash = keccak256(point.as_bytes().get(1..).unwrap_or_default());
        hash.last_chunk::<20>().copied().ok_or_else(|| "no address".to_owned())
    };
    byte_list(value, "initial_validators_compressed")?.iter().map(address).collect()
}

/// The addresses are those that the file states, and each stands under the set's root by its proof: `root ‖ [hash] ‖
/// u64 leaves ‖ u64 index ‖ bytes leaf`.
fn members(value: &Value, validators: &[[u8; 20]]) -> Result<(), String> {
    let expected = validators.iter().map(Address::from).collect();
    same("addresses", addresses(value, "validator_eth_addresses")?, expected)?;
    for proof in byte_list(value, "authority_set_proofs")? {
        let mut rest = proof.as_slice();
        let root = B256::new(take(&mut rest)?);
        let [count] = take(&mut rest)?;
        let path = (0..count >> 2).map(|_| take(&mut rest).map(B256::new)).collect::<Result<Vec<_>, _>>()?;
        let (leaves, index) = (u64::from_le_bytes(take(&mut rest)?), u64::from_le_bytes(take(&mut rest)?));
        let [length] = take(&mut rest)?;
        ensure(length >> 2 == 20 && rest.len() == 20, || "leaf is no address".into())?;
        let address = Address::from_slice(rest);
        let found = member_root(&address, index as u32, leaves as u32, &path).map_err(|fault| fault.to_string())?;
        same("root", root, found)?;
        same("root of the set", root, set_root(validators))?;
    }
    Ok(())
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], String> {
    let (taken, rest) = bytes.split_first_chunk::<N>().ok_or("short")?;
    *bytes = rest;
    Ok(*taken)
}

/// The commitment is accepted, and the leaf stands under its root. These leaves are a block older than the newest, so
/// they are read as history; none of them moves a client.
fn judge(step: &Value, set: &BeefySet, validators: &[[u8; 20]]) -> Result<BeefySet, String> {
    let proof = bytes(step, "versioned_finality_proof")?;
    let addresses = validators.concat();
    let signers = Signers::Set(&addresses);
    crate::seeds::keep("substrate", &proof);
    let commitment = verify_commitment::<Native>(set, &proof, &signers).map_err(|refusal| refusal.to_string())?;
    let again = verify_commitment::<Portable>(set, &proof, &signers).map_err(|refusal| refusal.to_string())?;
    same("commitment", commitment, again)?;
    let (leaves, path) = (bytes(step, "mmr_leaves")?, bytes(step, "mmr_proof")?);
    let leaf = match leaves.as_slice() {
        // One leaf, its length in one or two bytes.
        [4, length, leaf @ ..] if length & 3 == 0 => leaf,
        [4, length, _, leaf @ ..] if length & 3 == 1 => leaf,
        _ => return Err("not one leaf".into()),
    };
    let mut rest = path.as_slice();
    let [indices] = take(&mut rest)?;
    ensure(indices == 4, || "not one index".into())?;
    let (index, leaves) = (u64::from_le_bytes(take(&mut rest)?), u64::from_le_bytes(take(&mut rest)?));
    let [count] = take(&mut rest)?;
    let items = (0..count >> 2).map(|_| take(&mut rest).map(B256::new)).collect::<Result<Vec<_>, _>>()?;
    ensure(rest.is_empty(), || "bytes behind the path".into())?;
    let leaf = Leaf::read(leaf).map_err(|fault| fault.to_string())?;
    let found = root_by_path(&leaf.hash(), index, leaves, &items).map_err(|fault| fault.to_string())?;
    same("MMR root", commitment.mmr_root, found)?;
    same("next set", set.id + 1, leaf.next.id)?;
    ensure(leaf.parent_number < commitment.block_number, || "a leaf of the future".into())?;
    Ok(leaf.next)
}

/// Finality proofs of a file of this format with their set and its addresses, for tests that change them.
pub fn finality_proofs(value: &Value) -> Vec<(BeefySet, Vec<u8>, Vec<u8>)> {
    let (Ok(validators), Some(steps)) = (validators(value), value.get("steps").and_then(Value::as_array)) else {
        return Vec::new();
    };
    let proof = |step: &Value| {
        let set = BeefySet { id: set_id(step).ok()?, len: validators.len() as u32, root: set_root(&validators) };
        Some((set, bytes(step, "versioned_finality_proof").ok()?, validators.concat()))
    };
    steps.iter().filter_map(proof).collect()
}
