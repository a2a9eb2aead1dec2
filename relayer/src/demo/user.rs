//! A user of a chain: a key, a nonce, and transactions signed and sent straight to a node, as any wallet would.

use super::failed;
use crate::cli::exit::CliError;
use alloy::{
    consensus::{SignableTransaction, TxEnvelope, TxLegacy},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256},
    providers::{DynProvider, Provider},
    rpc::types::TransactionReceipt,
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::SolCall,
};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Gas limit of a user's call: a lock of an ERC-20 takes about 60,000, of an ERC-721 about 80,000.
const CALL_GAS: u64 = 400_000;
/// Gas limit of a deployment of a test token.
const CREATE_GAS: u64 = 4_000_000;
/// A transaction that has no receipt after this long is lost.
const RECEIPT_DEADLINE: Duration = Duration::from_secs(30);
/// How often a receipt is asked for; an ordinary wallet does the same.
const RECEIPT_INTERVAL: Duration = Duration::from_millis(100);

/// See the module. Each user sends on one chain; gas costs nothing there.
pub(super) struct User {
    signer: PrivateKeySigner,
    provider: DynProvider,
    chain_id: u64,
    nonce: AtomicU64,
}

impl User {
    /// A new account.
    pub(super) fn new(provider: DynProvider, chain_id: u64) -> Self {
        Self { signer: PrivateKeySigner::random(), provider, chain_id, nonce: AtomicU64::new(0) }
    }

    /// The account of the same key on another chain.
    pub(super) fn on(&self, provider: DynProvider, chain_id: u64) -> Self {
        Self { signer: self.signer.clone(), provider, chain_id, nonce: AtomicU64::new(0) }
    }

    /// Its address.
    pub(super) fn address(&self) -> Address {
        self.signer.address()
    }

    /// Signs and sends a call; gives the transaction's hash.
    pub(super) async fn send(&self, to: Address, call: &impl SolCall) -> Result<B256, CliError> {
        self.transact(TxKind::Call(to), call.abi_encode().into(), CALL_GAS).await
    }

    /// The same for a call that takes more gas than a single transfer.
    pub(super) async fn send_with(&self, to: Address, call: &impl SolCall, gas: u64) -> Result<B256, CliError> {
        self.transact(TxKind::Call(to), call.abi_encode().into(), gas).await
    }

    /// Sends a call and waits until it is in a block.
    pub(super) async fn call(&self, to: Address, call: &impl SolCall) -> Result<TransactionReceipt, CliError> {
        let hash = self.send(to, call).await?;
        self.receipt(hash).await
    }

    /// Deploys a contract.
    pub(super) async fn create(&self, init_code: Bytes) -> Result<Address, CliError> {
        let hash = self.transact(TxKind::Create, init_code, CREATE_GAS).await?;
        let receipt = self.receipt(hash).await?;
        receipt.contract_address.ok_or_else(|| failed("a deployment", "no contract came of it"))
    }

    /// Deploys a contract `count` times: all are sent before any is waited for.
    pub(super) async fn create_several(&self, init_code: &Bytes, count: usize) -> Result<Vec<Address>, CliError> {
        let mut hashes = Vec::with_capacity(count);
        for _ in 0..count {
            hashes.push(self.transact(TxKind::Create, init_code.clone(), CREATE_GAS).await?);
        }
        let mut made = Vec::with_capacity(count);
        for hash in hashes {
            let created = self.receipt(hash).await?.contract_address;
            made.push(created.ok_or_else(|| failed("a deployment", "no contract came of it"))?);
        }
        Ok(made)
    }

    async fn transact(&self, to: TxKind, input: Bytes, gas_limit: u64) -> Result<B256, CliError> {
        let nonce = self.nonce.fetch_add(1, Ordering::Relaxed);
        let chain_id = Some(self.chain_id);
        let tx = TxLegacy { chain_id, nonce, gas_price: 0, gas_limit, to, value: U256::ZERO, input };
        let signature = self.signer.sign_hash_sync(&tx.signature_hash());
        let signature = signature.map_err(|error| failed("a user's signature", error))?;
        let envelope: TxEnvelope = tx.into_signed(signature).into();
        let sent = self.provider.send_raw_transaction(&envelope.encoded_2718()).await;
        sent.map(|pending| *pending.tx_hash()).map_err(|error| failed("a user's transaction", error))
    }

    /// Waits for a transaction that must succeed.
    pub(super) async fn receipt(&self, hash: B256) -> Result<TransactionReceipt, CliError> {
        let found = tokio::time::timeout(RECEIPT_DEADLINE, async {
            loop {
                let receipt = self.provider.get_transaction_receipt(hash).await;
                match receipt.map_err(|error| failed("a receipt", error))? {
                    Some(receipt) => return Ok::<_, CliError>(receipt),
                    None => tokio::time::sleep(RECEIPT_INTERVAL).await,
                }
            }
        });
        let receipt = found.await.map_err(|_| failed("a user's transaction", format!("{hash} has no receipt")))??;
        if receipt.status() { Ok(receipt) } else { Err(failed("a user's transaction", format!("{hash} reverted"))) }
    }
}
