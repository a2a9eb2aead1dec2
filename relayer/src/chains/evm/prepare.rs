//! Transactions for others to sign: what exactly to sign, whether it would succeed, what it costs; and the broadcast of
//! what was signed. No key is here.

use super::{
    abi::{ISwaps, IVault},
    config::Fees,
    contract::{estimate, view},
    endpoint::{CallError, Need, Pool},
    errors::Meaning,
    reverts,
    signer::{
        fees::{self, Price},
        nodes,
    },
};
use crate::{
    chains::{Action, AssetTerms, Prepare, Prepared, Purpose, Signed, Simulation, Unsigned},
    lane::{
        error::{Error, Kind, Result},
        types::Account,
    },
};
use alloy::{
    consensus::{SignableTransaction, Transaction, TxEip1559, TxEnvelope, TxLegacy},
    eips::eip2718::Decodable2718,
    primitives::{Address, B256, Bytes, TxKind, U64, U256, keccak256},
    sol,
    sol_types::{SolCall, SolEvent},
};
use async_trait::async_trait;
use causeway_core::LaneId;
use serde::Deserialize;
use std::sync::Arc;

/// Gas limit of the lock of a leg, and of any call that cannot be tried yet. The other leg's fact may come between, and then
/// the lock pays out at once: about 250,000, and half a million that the vault wants left before it calls a token. What
/// is not used is not paid for.
const GAS_LOCK: u64 = 1_200_000;
/// Room on top of what a node thinks a call needs.
const GAS_ROOM: u64 = 250_000;
/// Largest signed transaction, bytes; nodes take 128 KiB.
const RAW_MAX: usize = 16 << 10;

sol! {
    interface IToken {
        function allowance(address owner, address spender) external view returns (uint256);
        function approve(address spender, uint256 amountOrId) external;
        function getApproved(uint256 id) external view returns (address);
        function isApprovedForAll(address owner, address operator) external view returns (bool);
    }
}

#[derive(Deserialize)]
struct Receipt {
    status: Option<U64>,
    logs: Vec<Log>,
}

#[derive(Deserialize)]
struct Log {
    address: Address,
    topics: Vec<B256>,
}

/// See the module.
pub struct EvmPrepare {
    pool: Arc<Pool>,
    vault: Address,
    chain_id: u64,
    fees: Fees,
}

impl EvmPrepare {
    /// Prepares calls of `vault`.
    pub fn new(pool: Arc<Pool>, vault: Address, chain_id: u64, fees: Fees) -> Self {
        Self { pool, vault, chain_id, fees }
    }

    /// The approval that the vault still needs to take an asset from `from`, if any.
    async fn approval(&self, from: Address, token: Address, unique: bool, amount: U256) -> Result<Option<Bytes>> {
        let (pool, vault) = (&self.pool, self.vault);
        let allowed = if unique {
            let one = view(pool, token, &IToken::getApprovedCall { id: amount }).await.map_err(Error::from)?;
            one == vault
                || view(pool, token, &IToken::isApprovedForAllCall { owner: from, operator: vault })
                    .await
                    .map_err(Error::from)?
        } else {
            let call = IToken::allowanceCall { owner: from, spender: vault };
            view(pool, token, &call).await.map_err(Error::from)? >= amount
        };
        let approve = IToken::approveCall { spender: vault, amountOrId: amount };
        Ok((!allowed).then(|| approve.abi_encode().into()))
    }

    async fn transaction(
        &self,
        purpose: Purpose,
        from: Address,
        (to, data): (Address, Bytes),
        (nonce, price): (u64, Price),
        tried: bool,
    ) -> Result<Prepared> {
        let (gas, simulation) = if tried {
            match estimate(&self.pool, from, Some(to), &data).await {
                Ok(gas) => {
                    let least = if matches!(purpose, Purpose::Lock) { GAS_LOCK } else { 0 };
                    (gas.saturating_add(GAS_ROOM).max(least), Simulation::Success)
                }
                Err(CallError { meaning: Some(Meaning::Reverted), data, .. }) => {
                    (GAS_LOCK, Simulation::Revert(reverts::name(&data)))
                }
                Err(error) => return Err(error.into()),
            }
        } else {
            (GAS_LOCK, Simulation::Depends)
        };
        let payload = self.payload(to, &data, nonce, gas, price);
        let signing_hash = keccak256(&payload);
        let (gas_price, max_fee, tip) = match price {
            Price::Legacy { gas_price } => (Some(gas_price), None, None),
            Price::Dynamic { max_fee, tip } => (None, Some(max_fee), Some(tip)),
        };
        let chain_id = self.chain_id;
        let payload = payload.into();
        let tx = Unsigned { chain_id, from, to, data, nonce, gas, gas_price, max_fee, tip, payload, signing_hash };
        Ok(Prepared { purpose, tx, simulation })
    }

    fn payload(&self, to: Address, data: &Bytes, nonce: u64, gas_limit: u64, price: Price) -> Vec<u8> {
        let (to, input, value) = (TxKind::Call(to), data.clone(), U256::ZERO);
        match price {
            Price::Legacy { gas_price } => {
                let chain_id = Some(self.chain_id);
                TxLegacy { chain_id, nonce, gas_price, gas_limit, to, value, input }.encoded_for_signing()
            }
            Price::Dynamic { max_fee, tip } => TxEip1559 {
                chain_id: self.chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas: max_fee,
                max_priority_fee_per_gas: tip,
                to,
                value,
                access_list: Default::default(),
                input,
            }
            .encoded_for_signing(),
        }
    }
}

#[async_trait]
impl Prepare for EvmPrepare {
    async fn prepare(&self, from: &Account, action: Action) -> Result<Vec<Prepared>> {
        let from = Address::try_from(&from[..])
            .map_err(|_| Error::dead_letter(Kind::Malformed, "an account: expected 20 bytes"))?;
        let (purpose, takes, data): (_, _, Bytes) = match &action {
            Action::LockLeg { terms, leg, token, unique } => {
                let amount = terms.leg(*leg).map_or(U256::ZERO, |leg| leg.amount);
                let call = ISwaps::lockLegCall { terms: terms.into(), leg: *leg };
                (Purpose::Lock, Some((*token, *unique, amount)), call.abi_encode().into())
            }
            Action::VoidLeg { terms, leg } => {
                (Purpose::Void, None, ISwaps::voidLegCall { terms: terms.into(), leg: *leg }.abi_encode().into())
            }
            Action::Transfer { lane, token, unique, amount, recipient, timeout, memo } => {
                let call = IVault::lockCall {
                    lane: lane.0,
                    token: *token,
                    amountOrId: *amount,
                    recipient: *recipient,
                    timeout: *timeout,
                    memoHash: *memo,
                };
                (Purpose::Transfer, Some((*token, *unique, *amount)), call.abi_encode().into())
            }
        };
        let approval = match takes {
            None => None,
            Some((token, unique, amount)) => {
                self.approval(from, token, unique, amount).await?.map(|data| (token, data))
            }
        };
        let price = fees::quote(&self.pool, &self.fees).await?;
        let nonce = nodes::nonce(&self.pool, from, "pending").await?;
        let mut all = Vec::with_capacity(2);
        let tried = approval.is_none();
        if let Some(call) = approval {
            all.push(self.transaction(Purpose::Approve, from, call, (nonce, price), true).await?);
        }
        let nonce = nonce.saturating_add(all.len() as u64);
        all.push(self.transaction(purpose, from, (self.vault, data), (nonce, price), tried).await?);
        Ok(all)
    }

    fn read(&self, raw: &[u8]) -> Result<Signed> {
        let refused = |detail: String| Error::dead_letter(Kind::Malformed, detail);
        if raw.len() > RAW_MAX {
            return Err(refused(format!("a signed transaction: {} bytes, at most {RAW_MAX}", raw.len())));
        }
        let mut rest = raw;
        let envelope = TxEnvelope::decode_2718(&mut rest)
            .map_err(|e| refused(format!("not a signed transaction of this chain: {e}")))?;
        if !rest.is_empty() {
            return Err(refused(format!("{} bytes after the transaction", rest.len())));
        }
        if envelope.chain_id() != Some(self.chain_id) {
            let found = envelope.chain_id().map_or("none".to_owned(), |id| id.to_string());
            return Err(refused(format!("chain id: expected {}, found {found}", self.chain_id)));
        }
        let from = envelope
            .signature()
            .recover_address_from_prehash(&envelope.signature_hash())
            .map_err(|_| refused("the signature recovers no account".into()))?;
        let to = envelope.kind().into_to().ok_or_else(|| refused("it creates a contract".into()))?;
        Ok(Signed { hash: *envelope.tx_hash(), from, to, moves_coin: !envelope.value().is_zero() })
    }

    async fn appended(&self, tx: B256, lane: LaneId) -> Result<Option<u64>> {
        let found: Option<Receipt> = self.pool.call("eth_getTransactionReceipt", &(tx,), Need::Any).await?;
        let Some(receipt) = found else { return Ok(None) };
        let without = |why: &str| Error::dead_letter(Kind::Reverted, format!("transaction {tx} {why}"));
        if receipt.status != Some(U64::ONE) {
            return Err(without("reverted"));
        }
        let first = receipt.logs.iter().find_map(|log| match log.topics.as_slice() {
            [kind, of, first] if log.address == self.vault && *kind == IVault::Appended::SIGNATURE_HASH => {
                (*of == lane.0).then(|| U256::from_be_bytes(first.0).saturating_to::<u64>())
            }
            _ => None,
        });
        first.map(Some).ok_or_else(|| without("wrote nothing into this lane"))
    }

    async fn asset(&self, out_lane: LaneId, token: Address, now: u64) -> Result<AssetTerms> {
        let call = IVault::assetCall { outLane: out_lane.0, token };
        let asset = view(&self.pool, self.vault, &call).await.map_err(Error::from)?;
        let window = now.checked_div(u64::from(asset.windowSeconds)).unwrap_or(0);
        let used = if u64::from(asset.window) == window { U256::from(asset.lockUsed) } else { U256::ZERO };
        let cap_rest = asset.head.capped.then(|| U256::from(asset.lockCap).saturating_sub(used));
        Ok(AssetTerms { amount_min: U256::from(asset.minAmount), cap_rest })
    }

    async fn broadcast(&self, raw: Bytes) -> Result<()> {
        // To every node: the caller has no other way to make one that lost it send it again.
        let answers = self.pool.call_each::<B256>("eth_sendRawTransaction", &(&raw,)).await?;
        let mut refused = None;
        for answer in answers {
            match answer {
                Ok(_) => return Ok(()),
                Err(error) if error.meaning == Some(Meaning::AlreadyKnown) => return Ok(()),
                Err(error) => refused = Some(error.error),
            }
        }
        Err(refused.unwrap_or_else(|| Error::retry(Kind::Unavailable, "no node of this chain answers")))
    }
}
