//! The two chains, embedded or not, and a user's connection to each.

use super::{DemoArgs, failed};
use crate::{
    chains::evm::config::Mode,
    cli::{
        exit::CliError,
        init::{ChainPlan, TRUSTING_PERIOD},
    },
};
use alloy::{
    primitives::{Address, TxKind},
    providers::{DynProvider, Provider, ProviderBuilder, WsConnect},
    rpc::types::{TransactionInput, TransactionRequest},
    sol_types::SolCall,
};
use causeway_devchain::Handle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Gas limit of a block.
pub const BLOCK_GAS: u64 = 30_000_000;
/// The first block comes after one block time; ten times that is a failure.
const FIRST_BLOCK_TIMES: u32 = 10;

/// How an embedded chain is made.
#[derive(Clone, Copy, Debug)]
pub struct ChainOptions {
    /// Validators.
    pub validators: usize,
    /// Time between blocks.
    pub block_time: Duration,
    /// Gas limit of a block.
    pub gas_limit: u64,
    /// How far the chain's clock is behind the machine's when it starts.
    pub behind: Duration,
    /// How long clients trust a header.
    pub trusting_period: Duration,
}

impl ChainOptions {
    /// Four validators and the demo's blocks.
    pub fn new(block_time: Duration) -> Self {
        let trusting_period = TRUSTING_PERIOD;
        Self { validators: 4, block_time, gas_limit: BLOCK_GAS, behind: Duration::ZERO, trusting_period }
    }
}

impl From<&DemoArgs> for ChainOptions {
    fn from(args: &DemoArgs) -> Self {
        Self { validators: args.validators, ..Self::new(args.block_time) }
    }
}

/// A user's connection to one of the two chains.
pub(super) struct Network {
    /// Short name.
    pub(super) name: &'static str,
    /// EIP-155 chain id.
    pub(super) chain_id: u64,
    /// The demo's own connection.
    pub(super) provider: DynProvider,
    /// JSON-RPC over HTTP.
    pub(super) url: String,
    /// JSON-RPC over WebSocket.
    pub(super) ws: String,
    /// Time between blocks.
    pub(super) block_time: Duration,
}

impl Network {
    /// Starts an embedded chain and waits for its first block. The chain ends with its handle.
    pub(super) async fn start(
        name: &'static str,
        chain_id: u64,
        options: ChainOptions,
    ) -> Result<(Self, Handle), CliError> {
        let wrong = |error: causeway_devchain::Error| failed(format!("chain {name}"), error);
        let mut builder = causeway_devchain::Chain::builder();
        if !options.behind.is_zero() {
            let genesis = SystemTime::now().checked_sub(options.behind);
            let genesis = genesis.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
            builder = builder.genesis_time(genesis.as_secs());
        }
        let handle = builder
            .chain_id(chain_id)
            .seed(format!("causeway demo {name}"))
            .validators(options.validators)
            .block_time(options.block_time)
            .gas_limit(options.gas_limit)
            .accounts(0)
            .spawn()
            .await
            .map_err(wrong)?;
        let first = options.block_time * FIRST_BLOCK_TIMES + Duration::from_secs(1);
        handle.wait_for_block(1, first).await.map_err(wrong)?;
        let network = Self::connect(name, chain_id, (handle.rpc_url(), handle.ws_url()), options.block_time).await?;
        Ok((network, handle))
    }

    /// Connects to a chain that runs already, by the addresses of one of its nodes (HTTP, WebSocket).
    pub(super) async fn connect(
        name: &'static str,
        chain_id: u64,
        (url, ws): (String, String),
        block_time: Duration,
    ) -> Result<Self, CliError> {
        let provider = ProviderBuilder::new().disable_recommended_fillers().connect_ws(WsConnect::new(ws.clone()));
        let provider = provider.await.map_err(|error| failed(format!("connecting to chain {name}"), error))?.erased();
        Ok(Self { name, chain_id, provider, url, ws, block_time })
    }

    /// CAIP-2 id.
    pub(super) fn id(&self) -> String {
        format!("eip155:{}", self.chain_id)
    }

    /// What `init` needs to know of the chain. The demo made it, so it may vouch for the pinned header.
    pub(super) fn plan(&self, chain: &Handle, trusting_period: Duration) -> ChainPlan {
        let pinned = chain.head();
        ChainPlan {
            name: self.name.to_owned(),
            id: self.id(),
            genesis: chain.genesis().hash,
            mode: Mode::Qbft,
            pinned_height: pinned.number,
            pinned_hash: pinned.hash,
            block_time: self.block_time,
            trusting_period,
            url: self.url.clone(),
            ws: Some(self.ws.clone()),
            origin: "of the demo's embedded chain".to_owned(),
        }
    }

    /// Reads from a contract at the newest block.
    pub(super) async fn view<C: SolCall>(&self, to: Address, call: C) -> Result<C::Return, CliError> {
        let request = TransactionRequest {
            to: Some(TxKind::Call(to)),
            // Older nodes read `data`, newer ones `input`.
            input: TransactionInput::both(call.abi_encode().into()),
            ..Default::default()
        };
        let what = || format!("{} of {to} on {}", C::SIGNATURE, self.name);
        let answer = self.provider.call(request).await.map_err(|error| failed(what(), error))?;
        C::abi_decode_returns(&answer).map_err(|error| failed(what(), error))
    }

    /// The newest block's time, Unix seconds.
    pub(super) async fn now(&self) -> Result<u64, CliError> {
        let block = self.provider.get_block(alloy::eips::BlockId::latest()).await;
        let block = block.map_err(|error| failed(format!("the newest block of {}", self.name), error))?;
        Ok(block.map_or(0, |block| block.header.timestamp))
    }
}
