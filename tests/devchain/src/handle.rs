//! The running chain as its owner holds it: addresses, control, shutdown.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy::primitives::{Address, B256, Bytes, U256};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    config::Config,
    consensus::Signer,
    core::{Core, Override},
    endpoint::Endpoint,
    faults::Faults,
    producer,
    sync::{lock, read},
};

/// Why a chain or an endpoint could not start or do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address could not be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A configuration that no chain can run with.
    #[error("{name} is {found}, expected {expected}")]
    Config {
        /// The field.
        name: &'static str,
        /// What it is.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// The chain did not get to a block in time.
    #[error("block {number} was not there after {waited:?}, the newest is {head}")]
    Timeout {
        /// The block waited for.
        number: u64,
        /// The newest block there is.
        head: u64,
        /// How long was waited.
        waited: Duration,
    },
    /// Too few validators are up to make a block.
    #[error("a quorum of validators is missing")]
    NoQuorum,
}

/// A block that the control speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Height.
    pub number: u64,
    /// Hash by the consensus' rules.
    pub hash: B256,
    /// Header as RLP with whole extra data, seals included.
    pub header: Bytes,
}

/// A funded or free account with its key, derived from a seed.
#[derive(Clone)]
pub struct DevAccount {
    /// Its address.
    pub address: Address,
    secret: B256,
}

impl std::fmt::Debug for DevAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DevAccount({})", self.address)
    }
}

impl DevAccount {
    /// The account of a seed and an index; the same on every run.
    pub fn derive(seed: &str, index: u64) -> Self {
        let signer = Signer::derive(seed, "account", index);
        Self { address: signer.address(), secret: signer.secret() }
    }

    /// The secret key.
    pub fn secret(&self) -> B256 {
        self.secret
    }
}

/// A running chain. Dropping it stops everything that belongs to it.
pub struct Handle {
    pub(crate) core: Arc<Core>,
    stop: watch::Sender<bool>,
    producer: JoinHandle<()>,
    endpoints: Arc<Mutex<Vec<Endpoint>>>,
    pub(crate) control: Option<SocketAddr>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle")
            .field("chain_id", &self.core.config.chain_id)
            .field("head", &self.head().number)
            .finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        for endpoint in lock(&self.endpoints).iter() {
            endpoint.take_down();
        }
        self.stop.send_replace(true);
        self.producer.abort();
    }
}

impl Handle {
    /// Starts the chain with one endpoint on `address`, and a control port if asked for.
    pub(crate) async fn start(config: Config, address: SocketAddr, control: Option<SocketAddr>) -> Result<Self, Error> {
        let core = Arc::new(Core::new(config));
        let (stop, stopped) = watch::channel(false);
        let first = Endpoint::open(core.clone(), address, Faults::default()).await?;
        let endpoints = Arc::new(Mutex::new(vec![first]));
        let control = match control {
            Some(address) => {
                Some(crate::control::open(core.clone(), endpoints.clone(), address, stopped.clone()).await?)
            }
            None => None,
        };
        let producer = tokio::spawn(producer::run(core.clone(), stopped));
        Ok(Self { core, stop, producer, endpoints, control })
    }

    /// `http://` address of the first endpoint.
    pub fn rpc_url(&self) -> String {
        self.first(Endpoint::rpc_url)
    }

    /// `ws://` address of the first endpoint.
    pub fn ws_url(&self) -> String {
        self.first(Endpoint::ws_url)
    }

    fn first(&self, url: impl Fn(&Endpoint) -> String) -> String {
        lock(&self.endpoints).first().map(url).unwrap_or_default()
    }

    /// `http://` address of the control port, where there is one.
    pub fn control_url(&self) -> Option<String> {
        self.control.map(|address| format!("http://{address}"))
    }

    /// Opens another endpoint over the same chain, on a free loopback port.
    ///
    /// # Errors
    /// [`Error::Listen`].
    pub async fn endpoint(&self, faults: Faults) -> Result<Endpoint, Error> {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let endpoint = Endpoint::open(self.core.clone(), address, faults).await?;
        lock(&self.endpoints).push(endpoint.clone());
        Ok(endpoint)
    }

    /// All endpoints, the first one first.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        lock(&self.endpoints).clone()
    }

    /// Sets the first endpoint's faults.
    pub fn set_faults(&self, faults: Faults) {
        if let Some(endpoint) = lock(&self.endpoints).first() {
            endpoint.set_faults(faults);
        }
    }

    /// What the chain was built from.
    pub fn config(&self) -> &Config {
        &self.core.config
    }

    /// EIP-155 chain id.
    pub fn chain_id(&self) -> u64 {
        self.core.config.chain_id
    }

    /// The genesis block.
    pub fn genesis(&self) -> Sealed {
        self.sealed(0).unwrap_or_else(|| self.head())
    }

    /// The newest block.
    pub fn head(&self) -> Sealed {
        let head = read(&self.core.ledger).head();
        self.sealed(head).unwrap_or(Sealed { number: 0, hash: B256::ZERO, header: Bytes::new() })
    }

    /// A block by number.
    pub fn sealed(&self, number: u64) -> Option<Sealed> {
        read(&self.core.ledger).block(number).map(|block| Sealed {
            number,
            hash: block.hash,
            header: block.header_rlp().into(),
        })
    }

    /// The validators that the next header lists (votes of blocks made so far counted).
    pub fn validators(&self) -> Vec<Address> {
        self.core.tip().map(|(_, _, validators)| validators.current().to_vec()).unwrap_or_default()
    }

    /// A funded account of this chain's seed; all of [`crate::ChainBuilder::accounts`] are.
    pub fn account(&self, index: u64) -> DevAccount {
        DevAccount::derive(&self.core.config.seed, index)
    }

    /// Waits until a block is there.
    ///
    /// # Errors
    /// [`Error::Timeout`].
    pub async fn wait_for_block(&self, number: u64, timeout: Duration) -> Result<Sealed, Error> {
        let mut heads = self.core.heads.subscribe();
        let reached = async {
            loop {
                if let Some(sealed) = self.sealed(number) {
                    return sealed;
                }
                // Falling behind the channel is no error: the ledger is asked again.
                let _ = heads.recv().await;
            }
        };
        tokio::time::timeout(timeout, reached).await.map_err(|_| Error::Timeout {
            number,
            head: self.head().number,
            waited: timeout,
        })
    }

    /// Makes blocks at once, whatever the block time; the newest.
    ///
    /// # Errors
    /// [`Error::NoQuorum`].
    pub async fn mine(&self, blocks: u64) -> Result<Sealed, Error> {
        for _ in 0..blocks {
            let core = self.core.clone();
            let made = tokio::task::spawn_blocking(move || core.produce(None)).await;
            if !matches!(made, Ok(Some(_))) {
                return Err(Error::NoQuorum);
            }
        }
        Ok(self.head())
    }

    /// Stops or restarts making blocks in time.
    pub fn set_paused(&self, paused: bool) {
        self.core.set_paused(paused);
    }

    /// Moves the chain's clock forward, from the next block on.
    pub fn advance_time(&self, by: Duration) {
        self.core.advance_time(by.as_secs());
    }

    /// Makes a new validator known and lets all validators vote it in; it joins after more than half have proposed.
    pub fn add_validator(&self) -> Address {
        let address = self.core.enlist();
        self.propose_validator(address, true);
        address
    }

    /// Lets all validators vote an address in or out, each when its turn to propose comes.
    pub fn propose_validator(&self, candidate: Address, add: bool) {
        self.core.propose(candidate, add);
    }

    /// Stops or restarts a validator: its turns go to later rounds, below a quorum the chain stands still.
    pub fn set_validator_down(&self, validator: Address, down: bool) {
        self.core.set_down(validator, down);
    }

    /// Takes the newest blocks off, as a chain restored from a backup would; how many went (bounded by the kept states).
    pub fn rewind(&self, blocks: u64) -> u64 {
        self.core.rewind(blocks)
    }

    /// Forgets a waiting transaction; whether it was there.
    pub fn drop_transaction(&self, hash: B256) -> bool {
        self.core.mempool().remove(&hash)
    }

    /// Forgets all waiting transactions; how many there were.
    pub fn clear_mempool(&self) -> usize {
        self.core.mempool().clear()
    }

    /// Transactions that wait for a block.
    pub fn mempool_len(&self) -> usize {
        self.core.mempool().len()
    }

    /// Lets the validators of a block sign another one at the same height: the block, and the other (same parent, other
    /// state root). `None` for genesis and for unknown blocks.
    pub fn equivocate(&self, number: u64) -> Option<(Sealed, Sealed)> {
        let honest = self.sealed(number)?;
        let block = read(&self.core.ledger).block(number)?.clone();
        let (header, hash) = self.core.sibling(&block)?;
        let other = Sealed { number, hash, header: alloy_rlp::encode(&header).into() };
        Some((honest, other))
    }

    /// Writes a storage word with the next block, past the EVM: states that would take a million transactions to reach.
    pub fn set_storage(&self, address: Address, slot: B256, value: U256) {
        self.core.override_state(Override::Storage(address, slot, value));
    }

    /// Sets a balance with the next block, past the EVM.
    pub fn set_balance(&self, address: Address, balance: U256) {
        self.core.override_state(Override::Balance(address, balance));
    }

    /// In validator-contract mode: writes other validators into the contract with the next block. They seal from the one
    /// after it on; whose keys this chain does not hold ([`Self::add_validator`] makes some) cannot.
    pub fn set_contract_validators(&self, validators: &[Address]) {
        if let Some(contract) = self.core.config.validator_contract {
            contract.write(validators, |slot, value| self.set_storage(contract.address, slot.into(), value));
        }
    }

    /// Stops everything and waits until blocks are no longer made.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        // A cancelled or failed producer is as stopped as a finished one.
        let _ = (&mut self.producer).await;
    }
}
