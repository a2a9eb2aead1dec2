//! Building a chain.

use std::{net::SocketAddr, time::Duration};

use alloy::primitives::{Address, Bytes, U256};

use crate::{
    config::{Config, GenesisAccount, RpcConfig, Spec},
    consensus::Consensus,
    handle::{DevAccount, Error, Handle},
    validator_contract::ValidatorContract,
};

/// Validators that a chain may have; more than any industry chain uses.
const VALIDATORS_MAX: usize = 256;

/// The embedded development chain.
#[derive(Debug)]
pub struct Chain;

impl Chain {
    /// A builder with the defaults of [`Config`]: chain 1337, 4 QBFT validators, 1 s blocks of 30 M gas, price 0.
    pub fn builder() -> ChainBuilder {
        ChainBuilder::default()
    }
}

/// Builds a chain; every setter replaces a field of [`Config`].
#[derive(Clone, Debug)]
pub struct ChainBuilder {
    config: Config,
    accounts: u64,
    address: SocketAddr,
    control: Option<SocketAddr>,
}

impl Default for ChainBuilder {
    fn default() -> Self {
        Self { config: Config::default(), accounts: 10, address: SocketAddr::from(([127, 0, 0, 1], 0)), control: None }
    }
}

impl ChainBuilder {
    /// Replaces the whole configuration.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// EIP-155 chain id.
    pub fn chain_id(mut self, chain_id: u64) -> Self {
        self.config.chain_id = chain_id;
        self
    }

    /// EVM rules.
    pub fn spec(mut self, spec: Spec) -> Self {
        self.config.spec = spec;
        self
    }

    /// Header rules.
    pub fn consensus(mut self, consensus: Consensus) -> Self {
        self.config.consensus = consensus;
        self
    }

    /// Validators at genesis.
    pub fn validators(mut self, validators: usize) -> Self {
        self.config.validators = validators;
        self
    }

    /// Validator-contract mode: headers list nobody. The contract's code, if any, is a genesis account of its own.
    pub fn validator_contract(mut self, contract: ValidatorContract) -> Self {
        self.config.validator_contract = Some(contract);
        self
    }

    /// What all keys are derived from: the accounts' from it alone, the validators' from it and the chain id.
    pub fn seed(mut self, seed: impl Into<String>) -> Self {
        self.config.seed = seed.into();
        self
    }

    /// Time between blocks, see [`Config::block_time`].
    pub fn block_time(mut self, block_time: Duration) -> Self {
        self.config.block_time = block_time;
        self
    }

    /// How long a round waits for its proposer.
    pub fn request_timeout(mut self, request_timeout: Duration) -> Self {
        self.config.request_timeout = request_timeout;
        self
    }

    /// Whether blocks are made when there is nothing to include.
    pub fn empty_blocks(mut self, empty_blocks: bool) -> Self {
        self.config.empty_blocks = empty_blocks;
        self
    }

    /// Gas limit of a block.
    pub fn gas_limit(mut self, gas_limit: u64) -> Self {
        self.config.gas_limit = gas_limit;
        self
    }

    /// Lowest gas price that is taken, in wei.
    pub fn gas_price_min(mut self, gas_price_min: u128) -> Self {
        self.config.gas_price_min = gas_price_min;
        self
    }

    /// Base fee of the first block in wei, where the spec has one.
    pub fn base_fee(mut self, base_fee: u64) -> Self {
        self.config.base_fee = base_fee;
        self
    }

    /// Unix seconds of the genesis block.
    pub fn genesis_time(mut self, genesis_time: u64) -> Self {
        self.config.genesis_time = Some(genesis_time);
        self
    }

    /// States kept for reads at earlier heights.
    pub fn state_history(mut self, states: usize) -> Self {
        self.config.state_history = states;
        self
    }

    /// How nodes answer.
    pub fn rpc(mut self, rpc: RpcConfig) -> Self {
        self.config.rpc = rpc;
        self
    }

    /// How many accounts of the seed ([`Handle::account`]) start with a million coins; 10 by default.
    pub fn accounts(mut self, accounts: u64) -> Self {
        self.accounts = accounts;
        self
    }

    /// Gives an address a balance at genesis.
    pub fn fund(self, address: Address, balance: U256) -> Self {
        self.account(address, GenesisAccount { balance, ..GenesisAccount::default() })
    }

    /// Puts runtime code at an address at genesis.
    pub fn code(self, address: Address, code: Bytes) -> Self {
        self.account(address, GenesisAccount { nonce: 1, code, ..GenesisAccount::default() })
    }

    /// Adds a genesis account.
    pub fn account(mut self, address: Address, account: GenesisAccount) -> Self {
        self.config.alloc.push((address, account));
        self
    }

    /// Where the first endpoint listens; a free loopback port by default.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Opens the control port (`devchain_*` methods); off by default. It can do everything: loopback only.
    pub fn control(mut self, address: SocketAddr) -> Self {
        self.control = Some(address);
        self
    }

    /// Starts the chain on the current tokio runtime.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::Listen`].
    pub async fn spawn(mut self) -> Result<Handle, Error> {
        check(&self.config)?;
        let balance = U256::from(1_000_000_u64) * U256::from(10).pow(U256::from(18));
        for index in 0..self.accounts {
            let account = DevAccount::derive(&self.config.seed, index);
            self = self.fund(account.address, balance);
        }
        Handle::start(self.config, self.address, self.control).await
    }
}

fn check(config: &Config) -> Result<(), Error> {
    let wrong = |name, found: String, expected| Err(Error::Config { name, found, expected });
    if config.validators == 0 || config.validators > VALIDATORS_MAX {
        return wrong("validators", config.validators.to_string(), "1 to 256");
    }
    if config.validator_contract.is_some() && config.consensus == Consensus::Ibft1 {
        return wrong("consensus", "ibft1".to_owned(), "qbft or ibft2 in validator-contract mode");
    }
    if config.block_time.is_zero() {
        return wrong("block_time", "0".to_owned(), "more than zero");
    }
    if config.gas_limit < 21_000 {
        return wrong("gas_limit", config.gas_limit.to_string(), "at least 21000");
    }
    Ok(())
}
