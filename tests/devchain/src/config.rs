//! What a chain is made of and how its nodes answer.

use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, U256};
use revm::primitives::hardfork::SpecId;
use serde::{Deserialize, Serialize};

use crate::{consensus::Consensus, validator_contract::ValidatorContract};

/// The rules that the EVM runs by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spec {
    /// GoQuorum's newest: no `BASEFEE`, old refunds.
    Berlin,
    /// Berlin with EIP-3529 refunds and EIP-3541.
    London,
    /// London with `PREVRANDAO`; what the contracts are compiled for. 15-field headers, no type-2 transactions.
    #[default]
    Paris,
    /// Everything up to Prague, base fee in the header (16 fields), type-2 transactions.
    Prague,
}

impl Spec {
    pub(crate) const fn id(self) -> SpecId {
        match self {
            Self::Berlin => SpecId::BERLIN,
            Self::London => SpecId::LONDON,
            Self::Paris => SpecId::MERGE,
            Self::Prague => SpecId::PRAGUE,
        }
    }

    /// Whether headers carry a base fee and type-2 transactions are accepted.
    pub(crate) const fn has_base_fee(self) -> bool {
        matches!(self, Self::Prague)
    }
}

/// An account of the genesis state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GenesisAccount {
    /// Balance in wei.
    pub balance: U256,
    /// Nonce.
    pub nonce: u64,
    /// Runtime code.
    pub code: Bytes,
    /// Storage words by slot.
    pub storage: Vec<(B256, U256)>,
}

/// How the nodes of the chain answer; the limits are those that real nodes and providers set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcConfig {
    /// Whether the tags `finalized` and `safe` are understood (GoQuorum: no; Besu: yes, they name the newest block).
    pub finality_tags: bool,
    /// Logs that one `eth_getLogs` may give; more is an error.
    pub logs_max: usize,
    /// Blocks that one `eth_getLogs` may span; more is an error.
    pub log_blocks_max: u64,
    /// Bytes of a request body or WebSocket message.
    pub body_bytes_max: usize,
    /// Requests in a batch.
    pub batch_max: usize,
    /// Gas that `eth_call` and `eth_estimateGas` may use.
    pub call_gas_max: u64,
    /// WebSocket connections and subscriptions per connection.
    pub connections_max: usize,
    /// What `web3_clientVersion` says.
    pub client_version: String,
}

impl Default for RpcConfig {
    fn default() -> Self {
        Self {
            finality_tags: false,
            logs_max: 10_000,
            log_blocks_max: u64::MAX,
            body_bytes_max: 5 * 1024 * 1024,
            batch_max: 1_000,
            call_gas_max: 50_000_000,
            connections_max: 1_024,
            client_version: concat!("causeway-devchain/v", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Everything that defines a chain. [`crate::Chain::builder`] starts from the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// EVM rules.
    pub spec: Spec,
    /// Header rules.
    pub consensus: Consensus,
    /// Validators at genesis.
    pub validators: usize,
    /// Validator-contract mode, where set: the genesis validators are written into this contract's storage.
    pub validator_contract: Option<ValidatorContract>,
    /// What validator keys are derived from.
    pub seed: String,
    /// Time between blocks. Below one second the chain's clock advances one second a block all the same.
    pub block_time: Duration,
    /// How long a round waits for its proposer before the next one takes over.
    pub request_timeout: Duration,
    /// Whether blocks are made when there is nothing to include.
    pub empty_blocks: bool,
    /// Gas limit of a block.
    pub gas_limit: u64,
    /// Lowest gas price (or tip, with a base fee) that the mempool takes, in wei.
    pub gas_price_min: u128,
    /// Base fee of the first block in wei, where the spec has one. Zero stays zero.
    pub base_fee: u64,
    /// Unix seconds of the genesis block. `None`: now, or a day ago where blocks are faster than the clock's second.
    pub genesis_time: Option<u64>,
    /// Genesis accounts.
    pub alloc: Vec<(Address, GenesisAccount)>,
    /// States kept for reads at earlier heights; older ones answer "missing trie node".
    pub state_history: usize,
    /// Transactions that the mempool holds.
    pub mempool_max: usize,
    /// How nodes answer.
    pub rpc: RpcConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            chain_id: 1337,
            spec: Spec::default(),
            consensus: Consensus::default(),
            validators: 4,
            validator_contract: None,
            seed: "causeway".to_owned(),
            block_time: Duration::from_secs(1),
            request_timeout: Duration::from_secs(2),
            empty_blocks: true,
            gas_limit: 30_000_000,
            gas_price_min: 0,
            base_fee: 0,
            genesis_time: None,
            alloc: Vec::new(),
            state_history: 256,
            mempool_max: 65_536,
            rpc: RpcConfig::default(),
        }
    }
}

impl Config {
    /// Whether the chain's clock counts blocks instead of following the wall clock.
    pub(crate) fn counts_seconds(&self) -> bool {
        self.block_time < Duration::from_secs(1)
    }
}
