//! The two embedded chains, and a user's connection to each.

use super::{DemoArgs, failed};
use crate::{
    chains::evm::config::Mode,
    cli::{exit::CliError, init::ChainPlan},
};
use alloy::{
    primitives::{Address, TxKind},
    providers::{DynProvider, Provider, ProviderBuilder, WsConnect},
    rpc::types::{TransactionInput, TransactionRequest},
    sol_types::SolCall,
};
use causeway_devchain::Handle;
use std::time::Duration;

/// Gas limit of a block.
pub(super) const BLOCK_GAS: u64 = 30_000_000;
/// The first block comes after one block time; ten times that is a failure.
const FIRST_BLOCK_TIMES: u32 = 10;

/// One of the two chains.
pub(super) struct Network {
    /// Short name.
    pub(super) name: &'static str,
    /// EIP-155 chain id.
    pub(super) chain_id: u64,
    /// The demo's own connection.
    pub(super) provider: DynProvider,
    /// The chain; it ends with this.
    pub(super) handle: Handle,
    /// Time between blocks.
    pub(super) block_time: Duration,
}

impl Network {
    /// Starts a chain and waits for its first block.
    pub(super) async fn start(name: &'static str, chain_id: u64, args: &DemoArgs) -> Result<Self, CliError> {
        let wrong = |error: causeway_devchain::Error| failed(format!("chain {name}"), error);
        let handle = causeway_devchain::Chain::builder()
            .chain_id(chain_id)
            .seed(format!("causeway demo {name}"))
            .validators(args.validators)
            .block_time(args.block_time)
            .gas_limit(BLOCK_GAS)
            .accounts(0)
            .spawn()
            .await
            .map_err(wrong)?;
        let first = args.block_time * FIRST_BLOCK_TIMES + Duration::from_secs(1);
        handle.wait_for_block(1, first).await.map_err(wrong)?;
        let provider = ProviderBuilder::new().disable_recommended_fillers().connect_ws(WsConnect::new(handle.ws_url()));
        let provider = provider.await.map_err(|error| failed(format!("connecting to chain {name}"), error))?.erased();
        Ok(Self { name, chain_id, provider, handle, block_time: args.block_time })
    }

    /// CAIP-2 id.
    pub(super) fn id(&self) -> String {
        format!("eip155:{}", self.chain_id)
    }

    /// What `init` needs to know of the chain. The demo made it, so it may vouch for the pinned header.
    pub(super) fn plan(&self) -> ChainPlan {
        let pinned = self.handle.head();
        ChainPlan {
            name: self.name.to_owned(),
            id: self.id(),
            genesis: self.handle.genesis().hash,
            mode: Mode::Qbft,
            pinned_height: pinned.number,
            pinned_hash: pinned.hash,
            block_time: self.block_time,
            url: self.handle.rpc_url(),
            ws: Some(self.handle.ws_url()),
            origin: "of the demo's embedded chain".to_owned(),
        }
    }

    /// Reads from a contract at the newest block.
    pub(super) async fn view<C: SolCall>(&self, to: Address, call: C) -> Result<C::Return, CliError> {
        let request = TransactionRequest {
            to: Some(TxKind::Call(to)),
            input: TransactionInput::new(call.abi_encode().into()),
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
