//! Answers of a node of one chain, recorded as they were served (`{jsonrpc, id, result}`). They are what a live chain holds,
//! so everything in them is expected to be valid. A case needs what stands in other files of the folder.
//!
//! * *commits* (`/commit`): the lowest header is the pin; each other is accepted from the one right below it, where that
//!   is recorded, and from the pin.
//! * *validators* (`/validators`): hash to what the header of their height names, or the header before it names next.
//! * *queries* (`/abci_query` with proofs): the store's root under the application hash of the header above the answer's
//!   height, then the key in the store.
//! * *notes*: status answers and files that say what other files hold; they have no case of their own.

use causeway_cometbft::{
    Encoding, TrustedState, Validator, ValidatorSet,
    proof::{IAVL, Lookup, ProofFault, store_root},
};
use serde_json::Value;

use super::{
    accepted,
    blocks::siblings,
    json::{LightBlock, base64, given, number, validators as read_validators},
    params,
};
use crate::{
    cases::{File, Judged, Outcome, ensure, same},
    json::text,
};

/// The signed header of an answer to `/commit`, without validators.
fn commit_of(value: &Value) -> Option<Result<LightBlock, String>> {
    let result = given(value, "result")?;
    given(result, "signed_header")?;
    Some(LightBlock::read(result))
}

/// Height and validators of an answer to `/validators`.
fn validators_of(value: &Value) -> Option<Result<(u64, Vec<Validator>), String>> {
    let result = given(value, "result")?;
    (given(result, "block_height").is_some() && given(result, "validators").is_some())
        .then(|| Ok((number(result, "block_height")?, read_validators(result)?)))
}

/// What a folder holds of a chain.
#[derive(Debug, Default)]
pub struct Recorded {
    blocks: Vec<LightBlock>,
    sets: Vec<(u64, Vec<Validator>)>,
}

impl Recorded {
    /// Reads all answers.
    pub fn of(values: &[Value]) -> Self {
        let mut blocks: Vec<LightBlock> = values.iter().filter_map(|value| commit_of(value)?.ok()).collect();
        blocks.sort_by_key(LightBlock::height);
        blocks.dedup_by_key(|block| block.height());
        let sets: Vec<_> = values.iter().filter_map(|value| validators_of(value)?.ok()).collect();
        for block in &mut blocks {
            if let Some((_, set)) = sets.iter().find(|(height, _)| *height == block.height()) {
                block.validators.clone_from(set);
            }
        }
        Self { blocks, sets }
    }

    fn at(&self, height: u64) -> Option<&LightBlock> {
        self.blocks.iter().find(|block| block.height() == height)
    }

    fn set_at(&self, height: u64) -> Option<&[Validator]> {
        self.sets.iter().find(|(at, _)| *at == height).map(|(_, set)| set.as_slice())
    }

    /// The set that a block names next.
    fn next_of(&self, block: &LightBlock) -> Option<Vec<Validator>> {
        let at = self.set_at(block.height() + 1).map(<[Validator]>::to_vec);
        at.or_else(|| super::blocks::next_of(block, &self.blocks))
    }

    /// Every block with each state that it is reached from: the block right below it, and the lowest one.
    pub fn steps(&self) -> Vec<(TrustedState, Vec<u8>, &LightBlock)> {
        let mut steps = Vec::new();
        for block in &self.blocks {
            for lower in self.below(block) {
                if let Ok((trusted, update)) = self.step(lower, block) {
                    steps.push((trusted, update, block));
                }
            }
        }
        steps
    }

    fn below(&self, block: &LightBlock) -> Vec<&LightBlock> {
        let height = block.height();
        let nearest = self.blocks.iter().find(|lower| lower.height() + 1 == height);
        let lowest = self.blocks.first().filter(|lowest| lowest.height() + 1 < height);
        lowest.into_iter().chain(nearest).collect()
    }

    /// A state pinned at `lower`, and the update from there.
    fn step(&self, lower: &LightBlock, block: &LightBlock) -> Result<(TrustedState, Vec<u8>), String> {
        let (pin, header) = (lower.header.header(), block.header.header());
        let trusted =
            TrustedState::begin(&params(pin.chain_id), &pin.hash(Encoding::Protobuf), &pin.encode(), header.time)
                .map_err(|refusal| refusal.to_string())?;
        Ok((trusted, block.update(None, self.next_of(lower).as_deref())?))
    }
}

/// Judges an answer to `/commit`.
pub fn commits(file: &File<'_>) -> Judged {
    let block = match commit_of(file.value)? {
        Ok(block) => block,
        Err(error) => return Some(vec![(String::new(), Outcome::Failed(error))]),
    };
    let recorded = Recorded::of(&siblings(file.path));
    let height = block.height();
    let Some(block) = recorded.at(height).filter(|block| !block.validators.is_empty()) else {
        return Some(vec![(String::new(), Outcome::Unjudged("its validators are not recorded".into()))]);
    };
    let mut cases = vec![("commit of its own validators".to_owned(), own(block).into())];
    for lower in recorded.below(block) {
        let judge = || {
            let (trusted, update) = recorded.step(lower, block)?;
            let header = block.header.header();
            let verified = accepted(&params(header.chain_id), &trusted, &update, header.time)?;
            match recorded.set_at(height + 1) {
                None => Ok(()),
                Some(next) => {
                    let set = ValidatorSet::new(next.to_vec()).map_err(|refusal| refusal.to_string())?;
                    verified
                        .header
                        .check_next_validators(&params(header.chain_id), &set)
                        .map_err(|refusal| refusal.to_string())
                }
            }
        };
        cases.push((format!("from {}", lower.height()), judge().into()));
    }
    Some(cases)
}

fn own(block: &LightBlock) -> Result<(), String> {
    let (trusted, update) = super::blocks::from_the_block_before(block)?;
    let header = block.header.header();
    accepted(&params(header.chain_id), &trusted, &update, header.time).map(drop)
}

/// Judges an answer to `/validators`.
pub fn validators(file: &File<'_>) -> Judged {
    let (height, validators) = match validators_of(file.value)? {
        Ok(read) => read,
        Err(error) => return Some(vec![(String::new(), Outcome::Failed(error))]),
    };
    let result = file.value.get("result")?;
    let all = number(result, "total").is_ok_and(|total| total == 0 || total == validators.len() as u64);
    if !all {
        return Some(vec![(String::new(), Outcome::Unjudged("one page of several".into()))]);
    }
    let recorded = Recorded::of(&siblings(file.path));
    let named = recorded.at(height).and_then(|block| block.header.header().validators_hash);
    let below = height.checked_sub(1).and_then(|below| recorded.at(below));
    let named_next = below.and_then(|block| block.header.header().next_validators_hash);
    let Some(expected) = named.or(named_next) else {
        return Some(vec![(String::new(), Outcome::Unjudged("no header that names them is recorded".into()))]);
    };
    let judge = || {
        let set = ValidatorSet::new(validators).map_err(|refusal| refusal.to_string())?;
        same("hash", expected, set.hash(Encoding::Protobuf))?;
        match named_next {
            Some(next) => same("next validators of the header before", next, set.hash(Encoding::Protobuf)),
            None => Ok(()),
        }
    };
    Some(vec![(format!("height {height}"), judge().into())])
}

/// Judges an answer to `/abci_query`.
pub fn queries(file: &File<'_>) -> Judged {
    let response = given(given(file.value, "result")?, "response")?;
    let ops = given(given(response, "proofOps").or_else(|| given(response, "proof_ops"))?, "ops")?.as_array()?;
    let others = siblings(file.path);
    let judge = || {
        let height = number(response, "height")?;
        let recorded = Recorded::of(&others);
        let Some(header) = recorded.at(height + 1) else {
            return Ok(Outcome::Unjudged("the header above its height is not recorded".into()));
        };
        query(response, ops, header.header.header().app_hash, noted(file.name, &others)).map(|()| Outcome::Passed)
    };
    Some(vec![(String::new(), judge().unwrap_or_else(Outcome::Failed))])
}

/// What a note of the folder says that this file holds, if there is one.
fn noted<'a>(name: &str, others: &'a [Value]) -> Option<&'a Value> {
    let stem = name.strip_suffix(".json").unwrap_or(name);
    others.iter().find_map(|value| given(given(value, "queries")?, stem))
}

fn query(response: &Value, ops: &[Value], app_hash: &[u8], noted: Option<&Value>) -> Result<(), String> {
    let [in_store, in_app] = ops else { return Err(format!("expected 2 proofs, found {}", ops.len())) };
    same("kind of proof", "ics23:iavl", text(in_store, "type")?)?;
    same("kind of proof", "ics23:simple", text(in_app, "type")?)?;
    let (key, value) = (base64(response.get("key"))?, base64(response.get("value"))?);
    let store = String::from_utf8(base64(in_app.get("key"))?).map_err(|error| error.to_string())?;
    if let Some(noted) = noted {
        same("store", text(noted, "store")?, store.as_str())?;
        same("key", crate::json::bytes(noted, "key_hex")?, key.clone())?;
        same("value", crate::json::bytes(noted, "value_hex")?, value.clone())?;
    }
    let (proof, store_proof) = (base64(in_store.get("data"))?, base64(in_app.get("data"))?);
    let fault = |fault: ProofFault| fault.to_string();
    let root = store_root(app_hash, &store, &store_proof).map_err(fault)?;
    let expected = if value.is_empty() { Lookup::Absent } else { Lookup::Present(&value) };
    same("value", expected, root.read(&IAVL, &key, &proof).map_err(fault)?)?;
    // What it must not show: another key, another store, and the same under another root.
    let mut other = key.clone();
    other.push(0);
    if expected != Lookup::Absent {
        ensure(root.read(&IAVL, &other, &proof).is_err(), || "shows another key as well".into())?;
    }
    ensure(store_root(app_hash, "other", &store_proof).is_err(), || "shows another store as well".into())?;
    ensure(store_root(&[7; 32], &store, &store_proof).is_err(), || "holds under another root".into())
}

/// Recognises files that have no case of their own.
pub fn notes(file: &File<'_>) -> Judged {
    let status = given(file.value, "result")
        .is_some_and(|result| given(result, "node_info").is_some() && given(result, "sync_info").is_some());
    if status {
        return Some(Vec::new());
    }
    let queries = given(file.value, "queries").filter(|_| given(file.value, "app_hash").is_some())?;
    queries.as_object()?;
    let recorded = Recorded::of(&siblings(file.path));
    let judge = || {
        let header = recorded.at(number(file.value, "root_header_height")?).ok_or("its header is not recorded")?;
        let expected = crate::json::bytes(file.value, "app_hash")?;
        same("application hash", expected.as_slice(), header.header.header().app_hash)
    };
    Some(vec![("application hash".into(), judge().into())])
}
