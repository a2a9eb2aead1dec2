//! Test vectors of relay contracts (summa-tx/relays).

use alloy_primitives::U256;
use causeway_bitcoin::{
    BlockHash, Header, Rules, TrustedState,
    compact::{bits_of, target_of},
};
use serde_json::Value;

use super::{
    spv::{stated_fields, summa_proof},
    tree::{Bytes, Tree, effect, follow, header, header_of, offer, shown},
};
use crate::{
    cases::{File, Judged, Outcome, ensure, same},
    json::{array, field, text, u64_of, unhex},
};

/// Vectors by the name of the contract's function.
pub fn contract(file: &File<'_>) -> Judged {
    let known = ["header.", "chain.", "link.", "validator."];
    let groups = file.value.as_object()?;
    if groups.is_empty() || !groups.keys().all(|name| known.iter().any(|start| name.starts_with(start))) {
        return None;
    }
    // Headers of the whole file: where one group's starts, another one's period may be known.
    let (tree, _) = Tree::of(file.value);
    let mut cases = Vec::new();
    for (name, group) in groups {
        let list = group.get("testCases").unwrap_or(group).as_array().cloned().unwrap_or_default();
        for (at, case) in list.iter().enumerate() {
            let comment = case.get("comment").and_then(Value::as_str).unwrap_or_default();
            cases.push((format!("{name} {at} {comment}"), judge(name, group, case, &tree)));
        }
    }
    Some(cases)
}

fn judge(name: &str, group: &Value, case: &Value, tree: &Tree) -> Outcome {
    match name {
        "header.validateDifficultyChange" => difficulty_change(case).into(),
        "header.validateHeaderChain" => header_chain(case, tree).into(),
        "header.compareTargets" => compare_targets(case),
        "validator.validateProof" => proof(case).into(),
        "chain.isMostRecentCommonAncestor" => common_ancestor(group, case, tree).into(),
        "chain.heaviestFromAncestor" => heaviest(group, case).into(),
        "link.isAncestor" => is_ancestor(case, tree).into(),
        "link.findAncestor" => find_ancestor(case, tree).unwrap_or_else(Outcome::Failed),
        _ => Outcome::Unjudged("a function of the contract that is not known".into()),
    }
}

/// Whether the contract accepts: `output` or `error` 0.
fn accepted(case: &Value) -> Result<bool, String> {
    let code = case.get("error").or_else(|| case.get("output")).ok_or("no output")?;
    code.as_u64().map(|code| code == 0).ok_or_else(|| "output is no code".into())
}

fn verdict(case: &Value, found: Result<TrustedState, String>) -> Result<(), String> {
    let expected = accepted(case)?;
    ensure(found.is_ok() == expected, || format!("expected {expected}, found {:?}", found.map(|_| ())))
}

fn height_of(value: &Value) -> Result<u32, String> {
    u32::try_from(u64_of(value, "height")?).map_err(|_| "height is beyond 32 bits".into())
}

/// The anchor and the headers with their heights, and whether what the file states of each is so.
type Anchored = (Vec<(u32, Bytes)>, Result<(), String>);

/// Reads them.
fn anchored(case: &Value) -> Result<Anchored, String> {
    let anchor = field(case, "anchor")?;
    let mut run = vec![(height_of(anchor)?, header(case, "anchor")?)];
    let mut stated = stated_fields(anchor);
    for (height, value) in (height_of(anchor)? + 1..).zip(array(case, "headers")?) {
        stated = stated.and(stated_fields(value)).and(same("height", height, height_of(value)?));
        run.push((height, header_of(value).ok_or("no header")?));
    }
    Ok((run, stated))
}

/// Headers that open a period whose predecessor's first block is stated. A block that is stated with the height of
/// another place in the period is not that period's first.
fn difficulty_change(case: &Value) -> Result<(), String> {
    let (run, stated) = anchored(case)?;
    let start = field(case, "prevEpochStart")?;
    let mut known = Tree::default();
    known.add(height_of(start)?, header(case, "prevEpochStart")?);
    let state = known.begin(&Rules::MAINNET, &run)?;
    let headers: Vec<Bytes> = run.iter().skip(1).map(|(_, bytes)| *bytes).collect();
    let judged = offer(&Rules::MAINNET, &state, &headers).map_err(|refusal| refusal.to_string());
    verdict(case, stated.and(judged))
}

/// Headers on an anchor. A contract that is not told the period's start refuses a retarget on mainnet, as the client does;
/// for other networks it takes any, which the client does not: there it is given the start that the file holds elsewhere.
fn header_chain(case: &Value, tree: &Tree) -> Result<(), String> {
    let (run, stated) = anchored(case)?;
    let told = [field(case, "internal")?, field(case, "isMainnet")?].map(Value::as_bool);
    let known = if told == [Some(false), Some(true)] { &Tree::default() } else { tree };
    let headers: Vec<Bytes> = run.iter().skip(1).map(|(_, bytes)| *bytes).collect();
    let judged = known
        .begin(&Rules::MAINNET, &run)
        .and_then(|state| offer(&Rules::MAINNET, &state, &headers).map_err(|refusal| refusal.to_string()));
    verdict(case, stated.and(judged))
}

/// The contract compares a full target with one that has gone through 32 bits, under the mask of the latter.
fn compare_targets(case: &Value) -> Outcome {
    let number = |name: &str| -> Result<U256, String> {
        U256::try_from_be_slice(&unhex(text(case, name)?)?).ok_or_else(|| format!("{name} is beyond 256 bits"))
    };
    let judged = (|| {
        let (full, truncated) = (number("full")?, number("truncated")?);
        if truncated.is_zero() {
            return Ok(Outcome::Unjudged("a mask of zero equals everything; here targets of zero are refused".into()));
        }
        let expected = field(case, "output")?.as_bool().ok_or("no output")?;
        Ok(Outcome::from(same("equal", Ok(expected), target_of(bits_of(full)).map(|it| it == truncated))))
    })();
    judged.unwrap_or_else(Outcome::Failed)
}

fn proof(case: &Value) -> Result<(), String> {
    let found = summa_proof(field(case, "proof")?);
    let expected = accepted(case)?;
    ensure(found.is_ok() == expected, || format!("expected {expected}, found {found:?}"))
}

fn hash_in(case: &Value, name: &str) -> Result<BlockHash, String> {
    let bytes = unhex(text(case, name)?)?;
    <[u8; 32]>::try_from(bytes.as_slice()).map(BlockHash).map_err(|_| format!("{name} is no hash"))
}

/// A header with all before it that the tree has, oldest first.
fn line(tree: &Tree, hash: BlockHash) -> Vec<(u32, Bytes)> {
    let mut line = Vec::new();
    let mut at = hash;
    while let Some(found) = tree.get(&at) {
        at = Header::new(&found.1).parent();
        line.push(found);
    }
    line.reverse();
    line
}

/// Whether a block is the last common one of two, and at most `limit` blocks back: the client, at the one, is offered
/// the other.
fn common_ancestor(group: &Value, case: &Value, tree: &Tree) -> Result<(), String> {
    let expected = field(case, "output")?.as_bool().ok_or("no output")?;
    let [ancestor, left, right] = ["ancestor", "left", "right"].map(|name| hash_in(case, name));
    let (ancestor, left, right) = (ancestor?, line(tree, left?), line(tree, right?));
    let start = header(group, "genesis")?;
    ensure(left.first().is_some_and(|(_, bytes)| *bytes == start), || "not on the group's first block".into())?;
    let state = follow(tree, &Rules::MAINNET, &left)?;
    let common = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
    let above: Vec<Bytes> = right.iter().skip(common).map(|(_, bytes)| *bytes).collect();
    let (height, bytes) = left.get(common.saturating_sub(1)).ok_or("nothing in common")?;
    if !above.is_empty() {
        effect(&Rules::MAINNET, &state, &above)?;
    }
    same("the common block's height", Some(*height), state.height_of(&Header::new(bytes).hash()))?;
    let limit = usize::try_from(u64_of(case, "limit")?).map_err(|_| "limit")?;
    let near = left.len() - common <= limit && right.len() - common <= limit;
    same("common", expected, near && Header::new(bytes).hash() == ancestor)
}

/// The heavier of two descendants of a block; the one that was there first of equals.
fn heaviest(group: &Value, case: &Value) -> Result<(), String> {
    // The contract was told the headers up to the orphan.
    let orphan = group.get("orphan").map(height_of).transpose()?.unwrap_or(u32::MAX);
    let mut tree = Tree::default();
    Tree::of(group).0.headers.into_iter().filter(|it| it.0 <= orphan).for_each(|(at, bytes)| tree.add(at, bytes));
    let [ancestor, current, new] = ["ancestor", "currentBest", "newBest"].map(|name| hash_in(case, name));
    let (ancestor, current, new) = (ancestor?, current?, new?);
    let expected = accepted(case)?;
    let judged = heaviest_of(&tree, ancestor, current, new);
    match (expected, judged) {
        (true, judged) => same("best", hash_in(case, "output")?, judged?),
        (false, judged) => ensure(judged.is_err(), || format!("expected a refusal, found {judged:?}")),
    }
}

fn heaviest_of(tree: &Tree, ancestor: BlockHash, current: BlockHash, new: BlockHash) -> Result<BlockHash, String> {
    let base = line(tree, ancestor);
    let state = follow(tree, &Rules::MAINNET, base.get(base.len().saturating_sub(1)..).unwrap_or_default())?;
    let above = |to: BlockHash| -> Vec<Bytes> {
        let line = line(tree, to);
        let skip = line.iter().position(|(_, bytes)| Header::new(bytes).hash() == ancestor).map_or(0, |at| at + 1);
        line.into_iter().skip(skip).map(|(_, bytes)| bytes).collect()
    };
    let mut state = state;
    for to in [current, new] {
        let path = above(to);
        if !path.is_empty() {
            state = effect(&Rules::MAINNET, &state, &path)?.1;
        }
        same("known", true, tree.get(&to).is_some())?;
    }
    Ok(state.tip().hash())
}

fn is_ancestor(case: &Value, tree: &Tree) -> Result<(), String> {
    let expected = field(case, "output")?.as_bool().ok_or("no output")?;
    let (of, ancestor) = (line(tree, hash_in(case, "digest")?), hash_in(case, "ancestor")?);
    let state = follow(tree, &Rules::MAINNET, &of)?;
    let limit = u32::try_from(u64_of(case, "limit")?).map_err(|_| "limit")?;
    let near = state.height_of(&ancestor).is_some_and(|height| state.tip().height() - height <= limit);
    same("ancestor", expected, near)
}

/// The block so many before another.
fn find_ancestor(case: &Value, tree: &Tree) -> Result<Outcome, String> {
    let of = line(tree, hash_in(case, "digest")?);
    let state = follow(tree, &Rules::MAINNET, &of)?;
    let offset = u32::try_from(u64_of(case, "offset")?).map_err(|_| "offset")?;
    let found = state.tip().height().checked_sub(offset).and_then(|height| state.hash_at(height));
    if accepted(case)? {
        return Ok(same("ancestor", Some(hash_in(case, "output")?), found).into());
    }
    Ok(match found {
        None => Outcome::Passed,
        Some(_) => {
            Outcome::Unjudged("the file has the block; it does not say that the contract was not told it".into())
        }
    })
}

/// A chain over a retarget and an orphan beside it, with digests. Judged as a tree; and each digest is the header's hash.
pub fn reorganisation(file: &File<'_>) -> Judged {
    file.value.get("oldPeriodStart")?;
    let mut cases = super::chain::tree(file)?;
    cases.push(("digests".into(), digests(file.value).into()));
    Some(cases)
}

fn digests(value: &Value) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter().try_for_each(digests),
        Value::Object(fields) => {
            if let (Some(bytes), Some(digest)) = (header_of(value), fields.get("digest").and_then(Value::as_str)) {
                same("digest", BlockHash(shown(digest)?), Header::new(&bytes).hash())?;
            }
            fields.values().try_for_each(digests)
        }
        _ => Ok(()),
    }
}
