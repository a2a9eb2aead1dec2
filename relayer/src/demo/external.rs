//! The demo's transfers on chains that are not the demo's: real nodes, and a bridge that the operator's commands set up.
//! Everything is sent, read and judged as in the demo.

use super::{
    DemoArgs, Stage,
    network::Network,
    progress::Progress,
    setup::{self, Bridge, CREDIT, FREEZABLE},
};
use crate::cli::{
    exit::CliError,
    output::{Output, Report},
};
use alloy::primitives::Address;
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// A chain that runs already.
#[derive(Clone, Debug)]
pub struct ExternalChain {
    /// Short name, as in the configurations.
    pub name: &'static str,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// JSON-RPC of one of its nodes over HTTP.
    pub url: String,
    /// And over WebSocket.
    pub ws: String,
    /// Time between blocks.
    pub block_time: Duration,
}

impl ExternalChain {
    async fn connect(&self) -> Result<Network, CliError> {
        Network::connect(self.name, self.chain_id, (self.url.clone(), self.ws.clone()), self.block_time).await
    }
}

/// A token that the demo's transfers need, as `causeway assets register` is told of it.
#[derive(Clone, Debug)]
pub struct Token {
    /// `--symbol`.
    pub symbol: &'static str,
    /// `--kind`.
    pub kind: &'static str,
    /// `--token`.
    pub address: Address,
}

/// Deploys the demo's tokens on `home`.
///
/// # Errors
/// The node refuses a transaction, or makes no blocks.
pub async fn deploy_tokens(home: &ExternalChain) -> Result<[Token; 3], CliError> {
    let [credit, bill, freezable] = setup::deploy_tokens(&home.connect().await?).await?;
    let token = |symbol, kind, address| Token { symbol, kind, address };
    let bill = token(setup::BILL.1, "erc721", bill);
    Ok([token(CREDIT.1, "erc20", credit), bill, token(FREEZABLE.1, "erc20", freezable)])
}

/// Starts one relayer per organisation on `configs` (first the one that stands at the first chain, where the assets are at
/// home), with the `causeway` binary at `program`; plays the demo's `transfers` over the bridge called `name`; stops the
/// relayers. The logs are left in `dir`.
///
/// # Errors
/// Anything that keeps it from coming to a verdict.
pub async fn play(
    program: &Path,
    dir: &Path,
    chains: &[ExternalChain; 2],
    (configs, name): ([&Path; 2], &str),
    transfers: u32,
) -> Result<Box<dyn Report>, CliError> {
    let started = Instant::now();
    let [alpha, beta] = chains;
    let networks = futures::try_join!(alpha.connect(), beta.connect())?;
    let block_time = alpha.block_time.max(beta.block_time);
    let args = DemoArgs { transfers, swaps: 0, validators: 0, block_time, keep: false };
    let bridge = Bridge::read(configs, name)?;
    let mut stage = Stage { networks: Some(networks.into()), bridge: Some(bridge), ..Stage::default() };
    let played = stage.perform(program, dir, &args, &Progress::new(Output::Text), started).await;
    let stopped = stage.stop().await;
    let summary = played.and_then(|summary| stopped.map(|()| summary));
    summary.map(|summary| Box::new(summary) as Box<dyn Report>)
}
