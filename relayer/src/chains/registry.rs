//! Families by name, one line each.

use super::{Chain, Context, evm};
use crate::lane::error::Result;
use schemars::JsonSchema;
use serde::Deserialize;

/// A chain's section of the configuration, by its consensus family.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(tag = "family", rename_all = "kebab-case")]
pub enum ChainConfig {
    /// Istanbul-style BFT EVM chains: QBFT, IBFT 2.0, IBFT 1 (Besu, GoQuorum).
    BftEvm(evm::config::EvmChain),
}

/// Builds a chain and starts its tasks.
///
/// # Errors
/// `InvalidConfig`.
pub fn build(config: &ChainConfig, context: &Context) -> Result<Chain> {
    match config {
        ChainConfig::BftEvm(chain) => evm::build(chain, context),
    }
}
