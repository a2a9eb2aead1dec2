//! What a vault holds or has minted of an asset, read from a node.

use super::{abi::IVault, contract::view, endpoint::Pool};
use crate::{
    chains::Holdings,
    lane::{
        error::{Error, Kind, Result},
        types::Account,
    },
};
use alloy::primitives::{Address, U256};
use async_trait::async_trait;
use causeway_core::LaneId;
use std::sync::Arc;

/// See the module.
pub struct EvmHoldings {
    pool: Arc<Pool>,
    vault: Address,
}

impl EvmHoldings {
    /// Reads `vault` through `pool`.
    pub fn new(pool: Arc<Pool>, vault: Address) -> Self {
        Self { pool, vault }
    }
}

#[async_trait]
impl Holdings for EvmHoldings {
    async fn held(&self, out_lane: LaneId, token: &Account) -> Result<U256> {
        let token = Address::try_from(&token[..]).map_err(|_| {
            Error::dead_letter(Kind::InvalidConfig, "a token's address: expected 20 bytes, found another length")
        })?;
        let call = IVault::assetCall { outLane: out_lane.0, token };
        Ok(U256::from(view(&self.pool, self.vault, &call).await?.held))
    }
}
