//! How a lying node bends its answers.

use alloy::{
    consensus::Header,
    primitives::{B256, Bytes, LogData, keccak256},
    rpc::types::Filter,
};
use serde_json::{Value, json};

use super::{json as shape, node::View};
use crate::{
    block::Block,
    consensus::{Signer, quorum, seal_header},
    faults::{HeaderLie, LogLie, ProofLie},
    state::AccountProof,
};

/// Seconds by which [`HeaderLie::AlterTime`] moves a header.
const TIME_LIE: u64 = 3_600;

/// Bends a list of logs. `newest` is the block and filter that a forged log is shown in.
pub(crate) fn logs(lie: &LogLie, found: &mut Vec<Value>, newest: Option<(&Block, &Filter)>) {
    match lie {
        LogLie::Drop => found.clear(),
        LogLie::DropEvery(n) => {
            let n = (*n).max(1);
            let mut position = 0_usize;
            found.retain(|_| {
                position += 1;
                !position.is_multiple_of(n)
            });
        }
        LogLie::Alter => {
            for log in found {
                let data = log
                    .get("data")
                    .and_then(|data| serde_json::from_value::<Bytes>(data.clone()).ok())
                    .unwrap_or_default();
                if let Some(slot) = log.get_mut("data") {
                    *slot = json!(flipped(&data));
                }
            }
        }
        LogLie::Forge { address, topics, data } => {
            let Some((block, filter)) = newest else {
                return;
            };
            let Some(data) = LogData::new(topics.clone(), data.clone()) else {
                return;
            };
            let log = alloy::primitives::Log { address: *address, data };
            if filter.matches(&log) {
                let mut forged = shape::log(block, 0, 0, &log);
                if let Some(hash) = forged.get_mut("transactionHash") {
                    *hash = json!(keccak256("a transaction that never was"));
                }
                found.push(forged);
            }
        }
    }
}

/// Bends a proof.
pub(crate) fn proof(lie: ProofLie, proof: &mut AccountProof) {
    match lie {
        ProofLie::FlipAccount => flip_last(&mut proof.nodes),
        ProofLie::FlipStorage => {
            for (_, _, nodes) in &mut proof.slots {
                flip_last(nodes);
            }
        }
        ProofLie::FalseValue => {
            for (_, value, _) in &mut proof.slots {
                *value = value.wrapping_add(alloy::primitives::U256::ONE);
            }
        }
        ProofLie::Truncate => {
            proof.nodes.pop();
            for (_, _, nodes) in &mut proof.slots {
                nodes.pop();
            }
        }
        // Taken from the parent state by the caller.
        ProofLie::Stale => {}
    }
}

fn flip_last(nodes: &mut [Bytes]) {
    if let Some(node) = nodes.last_mut() {
        *node = flipped(node);
    }
}

fn flipped(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes.into()
}

/// A false header and the hash that fits it.
pub(crate) fn header(lie: HeaderLie, view: &View<'_>, block: &Block) -> (Header, B256) {
    if lie == HeaderLie::Equivocate {
        return view.core.sibling(block).unwrap_or_else(|| (block.header.clone(), block.hash));
    }
    let consensus = view.core.config.consensus;
    let mut header = block.header.clone();
    let mut extra = block.extra.clone();
    match lie {
        HeaderLie::AlterTime => header.timestamp += TIME_LIE,
        HeaderLie::NoSeals => {}
        _ => header.state_root = keccak256(header.state_root),
    }
    let strangers: Vec<Signer> =
        (0..extra.validators.len() as u64).map(|index| Signer::derive("strangers", "validator", index)).collect();
    match (lie, strangers.first()) {
        (HeaderLie::ForgeValidators, Some(first)) => {
            extra.validators = strangers.iter().map(Signer::address).collect();
            extra.validators.sort_unstable();
            header.beneficiary = first.address();
        }
        (HeaderLie::NoSeals, _) => extra.seals.clear(),
        _ => {}
    }
    if let (HeaderLie::ForgeSeals | HeaderLie::ForgeValidators, Some(first)) = (lie, strangers.first()) {
        let committers = strangers.get(..quorum(strangers.len())).unwrap_or_default();
        let hash = seal_header(&mut header, &mut extra, consensus, first, committers);
        return (header, hash);
    }
    header.extra_data = crate::consensus::whole_extra(&extra, consensus);
    let hash = crate::consensus::block_hash(&header, &extra, consensus);
    (header, hash)
}
