//! State proofs, from `eth_getProof` (EIP-1186), in the bytes that the contracts and the light client read.

use super::endpoint::{Need, Pool};
use crate::lane::{
    error::{Error, Kind, Result},
    ports::Proofs,
    types::{Account, StateProof},
};
use alloy::primitives::{Address, B256, Bytes, U64};
use async_trait::async_trait;
use causeway_bft_evm::proof::{SIZE_SLOT, delivered_slot, encode_state_proof, peak_slot};
use causeway_core::LaneId;
use serde::Deserialize;
use std::sync::Arc;

/// See the module.
pub struct EvmProofs {
    pool: Arc<Pool>,
}

/// Nodes of tries, from the root down.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Nodes {
    pub(super) account_proof: Vec<Bytes>,
    pub(super) storage_proof: Vec<SlotNodes>,
}

#[derive(Deserialize)]
pub(super) struct SlotNodes {
    pub(super) proof: Vec<Bytes>,
}

/// Asks for the nodes that prove an account and slots of its storage.
pub(super) async fn nodes(pool: &Pool, account: Address, slots: &[B256], at: u64) -> Result<Nodes> {
    let answer: Nodes = pool.call("eth_getProof", &(account, slots, U64::from(at)), Need::Height(at)).await?;
    if answer.storage_proof.len() == slots.len() {
        return Ok(answer);
    }
    let detail = format!("asked for {} slots, got {}", slots.len(), answer.storage_proof.len());
    pool.lied(at, &detail);
    Err(Error::retry(Kind::NodeLied, detail))
}

impl EvmProofs {
    /// Proofs out of `pool`.
    pub fn new(pool: Arc<Pool>) -> Self {
        Self { pool }
    }

    /// Proves `slots` of `account`, each under its tag, in the order given.
    async fn prove(&self, account: &Account, slots: &[(u8, B256)], at: u64) -> Result<StateProof> {
        let address = Address::try_from(account.as_ref())
            .map_err(|_| Error::stop_lane(Kind::InvalidConfig, "an EVM account has 20 bytes"))?;
        let keys: Vec<B256> = slots.iter().map(|(_, slot)| *slot).collect();
        let answer = nodes(&self.pool, address, &keys, at).await?;
        let tagged: Vec<(u8, Vec<Bytes>)> =
            slots.iter().zip(answer.storage_proof).map(|((tag, _), slot)| (*tag, slot.proof)).collect();
        let bytes = encode_state_proof(&answer.account_proof, &tagged).map_err(|e| {
            let detail = e.to_string();
            self.pool.lied(at, &detail);
            Error::retry(Kind::NodeLied, detail)
        })?;
        Ok(StateProof(bytes.into()))
    }
}

#[async_trait]
impl Proofs for EvmProofs {
    async fn peaks(&self, outbox: &Account, heights: &[u8], at: u64) -> Result<StateProof> {
        let slots: Vec<(u8, B256)> = heights.iter().map(|height| (*height, peak_slot(*height))).collect();
        self.prove(outbox, &slots, at).await
    }

    async fn size(&self, outbox: &Account, at: u64) -> Result<StateProof> {
        self.prove(outbox, &[(0, SIZE_SLOT)], at).await
    }

    async fn delivered(&self, vault: &Account, lane: LaneId, words: &[u64], at: u64) -> Result<StateProof> {
        let tags = 0..=u8::MAX;
        if words.len() > tags.len() {
            return Err(Error::dead_letter(Kind::TooLarge, format!("{} bitmap words in one proof", words.len())));
        }
        let slots: Vec<(u8, B256)> = tags.zip(words).map(|(tag, word)| (tag, delivered_slot(&lane.0, *word))).collect();
        self.prove(vault, &slots, at).await
    }
}
