//! What the manager asks nodes, and sends through them.

use super::{
    pending::Mined,
    tx::{Call, Sent},
};
use crate::{
    chains::evm::{
        endpoint::{CallError, Need, Pool},
        errors::Meaning,
    },
    lane::error::{Error, Result},
};
use alloy::primitives::{Address, B256, Bytes, TxKind, U64, U128, U256};
use serde::Deserialize;
use serde_json::json;

/// What became of a broadcast.
#[derive(Debug)]
pub(super) enum Broadcast {
    /// A node took it.
    Accepted,
    /// A node has it already, or the chain does.
    Known,
    /// The nonce is used or held by another transaction.
    Taken,
    /// It does not pay enough.
    Underpriced,
    /// An earlier nonce is missing at this node, or its pool is full: later.
    NotYet,
    /// Refused for good, or for want of money.
    Refused(Error),
    /// Nobody can tell whether a node took it.
    Unclear,
}

impl Broadcast {
    /// Of several nodes' answers the one with the lowest rank counts: what one of them took is taken, and a refusal
    /// counts where none says better.
    fn rank(&self) -> u8 {
        match self {
            Self::Accepted => 0,
            Self::Known => 1,
            Self::Taken => 2,
            Self::Underpriced => 3,
            Self::NotYet => 4,
            Self::Refused(_) => 5,
            Self::Unclear => 6,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::chains::evm) struct Receipt {
    transaction_hash: B256,
    block_number: U64,
    block_hash: B256,
    #[serde(default)]
    status: Option<U64>,
    gas_used: U64,
    /// Absent on nodes before London.
    #[serde(default)]
    pub(in crate::chains::evm) effective_gas_price: Option<U128>,
}

impl Receipt {
    /// Whether the transaction had its effect.
    pub(in crate::chains::evm) fn is_success(&self) -> bool {
        self.status == Some(U64::ONE)
    }
}

/// Sends a signed transaction: to the best endpoint, or to all that are usable. A refusal is believed only when no other
/// endpoint takes it: one node must not stop a lane.
pub(super) async fn broadcast(pool: &Pool, sent: &Sent, everywhere: bool) -> Broadcast {
    let first = send(pool, sent, everywhere).await;
    if everywhere || !matches!(first, Broadcast::Refused(_)) {
        return first;
    }
    match send(pool, sent, true).await {
        Broadcast::Unclear => first,
        second => second,
    }
}

async fn send(pool: &Pool, sent: &Sent, everywhere: bool) -> Broadcast {
    let params = (&sent.raw,);
    if !everywhere {
        let answer: Result<B256, CallError> = pool.call("eth_sendRawTransaction", &params, Need::Any).await;
        return outcome(answer);
    }
    let answers = pool.call_each::<B256>("eth_sendRawTransaction", &params).await.unwrap_or_default();
    answers.into_iter().map(outcome).min_by_key(Broadcast::rank).unwrap_or(Broadcast::Unclear)
}

fn outcome(answer: Result<B256, CallError>) -> Broadcast {
    let error = match answer {
        Ok(_) => return Broadcast::Accepted,
        Err(error) => error,
    };
    match error.meaning {
        Some(Meaning::AlreadyKnown) => Broadcast::Known,
        Some(Meaning::NonceTooLow | Meaning::ReplacementUnderpriced) => Broadcast::Taken,
        Some(Meaning::FeeTooLow) => Broadcast::Underpriced,
        Some(Meaning::NonceTooHigh | Meaning::PoolFull) => Broadcast::NotYet,
        Some(
            Meaning::InsufficientFunds
            | Meaning::FeeTooHigh
            | Meaning::GasTooLow
            | Meaning::GasTooHigh
            | Meaning::OversizedData
            | Meaning::NotPermitted
            | Meaning::WrongChainId
            | Meaning::TypeNotSupported
            | Meaning::InvalidTransaction
            // Nodes that execute before they accept.
            | Meaning::Reverted
            | Meaning::Halted,
        ) => Broadcast::Refused(error.error),
        _ => Broadcast::Unclear,
    }
}

/// The account's nonce: `latest` counts what is in blocks, `pending` what the node's pool holds too.
pub(in crate::chains::evm) async fn nonce(pool: &Pool, address: Address, tag: &'static str) -> Result<u64> {
    let nonce: U64 = pool.call("eth_getTransactionCount", &(address, tag), Need::Any).await?;
    Ok(nonce.to())
}

/// The receipt of whichever of `sent` is in a block, newest first.
pub(super) async fn receipt(pool: &Pool, sent: &[Sent]) -> Result<Option<Mined>> {
    for candidate in sent.iter().rev() {
        let found: Option<Receipt> = pool.call("eth_getTransactionReceipt", &(candidate.hash,), Need::Any).await?;
        let Some(receipt) = found.filter(|receipt| receipt.transaction_hash == candidate.hash) else { continue };
        return Ok(Some(Mined {
            hash: candidate.hash,
            block: receipt.block_number.to(),
            block_hash: receipt.block_hash,
            succeeded: receipt.is_success(),
            gas_used: receipt.gas_used.to(),
            gas_price: receipt.effective_gas_price.map_or(candidate.price.most(), |price| price.to()),
        }));
    }
    Ok(None)
}

/// The signer's balance, wei.
pub(super) async fn balance(pool: &Pool, address: Address) -> Result<U256> {
    Ok(pool.call("eth_getBalance", &(address, "latest"), Need::Any).await?)
}

/// Why a call reverted: it is run again on the state before its block, or the newest. Empty where no node can tell.
pub(in crate::chains::evm) async fn revert_data(pool: &Pool, from: Address, call: &Call, block: u64) -> Bytes {
    let TxKind::Call(to) = call.to else { return Bytes::new() };
    let request = json!({ "from": from, "to": to, "gas": U64::from(call.gas), "input": call.data, "data": call.data });
    let before = U64::from(block.saturating_sub(1));
    let again: Result<Bytes, CallError> = pool.call("eth_call", &(&request, before), Need::Any).await;
    match again {
        Err(error) if !error.data.is_empty() => error.data,
        // It did revert: what comes as a result is the revert's data, as geth before 1.9.15 tells of one.
        Ok(output) => output,
        Err(error) if error.meaning == Some(Meaning::StateMissing) => {
            let newest: Result<Bytes, CallError> = pool.call("eth_call", &(&request, "latest"), Need::Any).await;
            newest.err().map(|error| error.data).unwrap_or_default()
        }
        _ => Bytes::new(),
    }
}
