//! Putting the contracts onto a chain and setting them up, by plain transactions.
//!
//! For operators' commands, not for lanes: one transaction after the other, each waited for, its gas estimated by the
//! node. [`Deployer`] sends; [`contracts`] deploys vault, outbox and client; [`council`] proposes, approves and executes;
//! [`bridge`] makes the calls that a council decides; [`code`] compares what stands on the chain with the artefacts.

pub mod bridge;
pub mod code;
pub mod contracts;
pub mod council;

use super::{
    artefacts::Artefact,
    config::Fees,
    contract::estimate,
    endpoint::{Need, Pool},
    errors::Meaning,
    reverts,
    signer::{
        fees,
        key::Key,
        nodes::revert_data,
        tx::{self, Call},
    },
};
use crate::lane::error::{Error, Kind, Result};
use alloy::primitives::{Address, B256, Bytes, TxKind, U64, U256};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

/// Time for one transaction to get into a block.
const INCLUSION_DEADLINE: Duration = Duration::from_secs(120);
/// Longest wait between two looks where no head shows.
const LOOK: Duration = Duration::from_secs(2);
/// How long other nodes get to take in the block of a transaction; past it they are behind, and asked last.
const SPREAD_LIMIT: Duration = Duration::from_secs(3);
/// A quarter more than the estimate: nodes estimate on the newest state.
const ESTIMATE_MARGIN: u64 = 4;

/// Sends an operator's transactions.
pub struct Deployer {
    pool: Arc<Pool>,
    key: Key,
    fees: Fees,
}

/// What became of a transaction.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Hash.
    pub transaction_hash: B256,
    /// Height.
    pub block_number: U64,
    /// Gas used.
    pub gas_used: U64,
    /// The contract made, if one was.
    #[serde(default)]
    pub contract_address: Option<Address>,
    /// Events.
    #[serde(default)]
    pub logs: Vec<Log>,
    #[serde(default)]
    status: Option<U64>,
}

/// An event of a receipt.
#[derive(Clone, Debug, Deserialize)]
pub struct Log {
    /// Emitter.
    pub address: Address,
    /// Topics.
    pub topics: Vec<B256>,
    /// Data.
    pub data: Bytes,
}

impl std::fmt::Debug for Deployer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deployer").field("chain", self.pool.chain()).field("key", &self.key).finish_non_exhaustive()
    }
}

impl Deployer {
    /// Sends with `key` through `pool`, whose heads should be followed ([`super::endpoint::follow::start`]).
    pub fn new(pool: Arc<Pool>, key: Key, fees: Fees) -> Self {
        Self { pool, key, fees }
    }

    /// Address that pays.
    pub fn address(&self) -> Address {
        self.key.address()
    }

    /// The chain's nodes.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Makes a contract from an artefact and its encoded constructor arguments.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn create(&self, artefact: Artefact, arguments: &[u8]) -> Result<Address> {
        let mut code = artefact.read()?.bytecode.to_vec();
        code.extend_from_slice(arguments);
        let receipt = self.send(TxKind::Create, code.into()).await?;
        receipt
            .contract_address
            .ok_or_else(|| Error::retry(Kind::Malformed, format!("{}: the receipt names no contract", artefact.name)))
    }

    /// Calls a contract.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn call(&self, to: Address, data: impl Into<Bytes>) -> Result<Receipt> {
        self.send(TxKind::Call(to), data.into()).await
    }

    /// Sends a transaction and waits until it is in a block.
    ///
    /// # Errors
    /// `Reverted` with the error's name, before anything is sent where a node can tell; `InsufficientFunds`;
    /// `DeadlineExceeded` when it does not get into a block; the endpoints'.
    pub async fn send(&self, to: TxKind, data: Bytes) -> Result<Receipt> {
        let estimated = estimate(&self.pool, self.address(), to.to().copied(), &data).await.map_err(|e| {
            if e.error.kind == Kind::Reverted {
                Error::dead_letter(Kind::Reverted, format!("it would revert: {}", reverts::name(&e.data)))
            } else {
                e.error
            }
        })?;
        let call = Call { to, data, gas: estimated + estimated / ESTIMATE_MARGIN };
        let price = fees::quote(&self.pool, &self.fees).await?;
        let nonce: U64 = self.pool.call("eth_getTransactionCount", &(self.address(), "pending"), Need::Any).await?;
        let sent = tx::sign(&self.key, self.pool.identity().chain_id, nonce.to(), &call, price)?;
        let answer: Result<B256, _> = self.pool.call("eth_sendRawTransaction", &(&sent.raw,), Need::Any).await;
        match answer {
            Ok(_) => {}
            Err(error) if error.meaning == Some(Meaning::AlreadyKnown) => {}
            Err(error) => return Err(error.error),
        }
        self.included(sent.hash, &call).await
    }

    async fn included(&self, hash: B256, call: &Call) -> Result<Receipt> {
        let deadline = Instant::now() + INCLUSION_DEADLINE;
        let mut heads = self.pool.best();
        loop {
            let receipt: Option<Receipt> = self.pool.call("eth_getTransactionReceipt", &(hash,), Need::Any).await?;
            match receipt {
                Some(receipt) if receipt.status == Some(U64::ONE) => {
                    // The next read may go to another node, and must not miss what was just done.
                    self.pool.spread(receipt.block_number.to(), SPREAD_LIMIT).await;
                    return Ok(receipt);
                }
                Some(receipt) => {
                    let block = receipt.block_number.to();
                    let why = reverts::name(&revert_data(&self.pool, self.address(), call, block).await);
                    let detail = format!("transaction {hash} reverted in block {block}: {why}");
                    return Err(Error::dead_letter(Kind::Reverted, detail));
                }
                None => {}
            }
            if Instant::now() >= deadline {
                let detail = format!("transaction {hash} is in no block after {INCLUSION_DEADLINE:?}");
                return Err(Error::retry(Kind::DeadlineExceeded, detail));
            }
            // Woken by the next head; a node that shows none is asked again all the same.
            let _ = timeout_at(deadline.min(Instant::now() + LOOK), heads.changed()).await;
        }
    }

    /// Balance of the key's account, wei.
    ///
    /// # Errors
    /// The endpoints'.
    pub async fn balance(&self) -> Result<U256> {
        Ok(self.pool.call("eth_getBalance", &(self.address(), "latest"), Need::Any).await?)
    }
}
