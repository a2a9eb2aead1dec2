//! Starts a development chain by hand.

use std::{net::SocketAddr, time::Duration};

use causeway_devchain::{Chain, Consensus, Error, Spec};
use clap::{Parser, ValueEnum};

/// An industry chain in one process: QBFT headers, JSON-RPC over HTTP and WebSocket.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// EIP-155 chain id.
    #[arg(long, default_value_t = 1337)]
    chain_id: u64,
    /// Validators at genesis.
    #[arg(long, default_value_t = 4)]
    validators: usize,
    /// What validator and account keys are derived from.
    #[arg(long, default_value = "causeway")]
    seed: String,
    /// Funded accounts.
    #[arg(long, default_value_t = 10)]
    accounts: u64,
    /// Milliseconds between blocks.
    #[arg(long, default_value_t = 1_000)]
    block_time_ms: u64,
    /// Gas limit of a block.
    #[arg(long, default_value_t = 30_000_000)]
    gas_limit: u64,
    /// EVM rules.
    #[arg(long, value_enum, default_value = "paris")]
    spec: SpecName,
    /// Header rules.
    #[arg(long, value_enum, default_value = "qbft")]
    consensus: ConsensusName,
    /// Make no blocks while there is nothing to include.
    #[arg(long)]
    no_empty_blocks: bool,
    /// Where JSON-RPC listens.
    #[arg(long, default_value = "127.0.0.1:8545")]
    listen: SocketAddr,
    /// Where the control port listens; off if not given.
    #[arg(long)]
    control: Option<SocketAddr>,
    /// Print the accounts' secret keys.
    #[arg(long)]
    show_keys: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SpecName {
    Berlin,
    London,
    Paris,
    Prague,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ConsensusName {
    Qbft,
    Ibft2,
    Ibft1,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let spec = match arguments.spec {
        SpecName::Berlin => Spec::Berlin,
        SpecName::London => Spec::London,
        SpecName::Paris => Spec::Paris,
        SpecName::Prague => Spec::Prague,
    };
    let consensus = match arguments.consensus {
        ConsensusName::Qbft => Consensus::Qbft,
        ConsensusName::Ibft2 => Consensus::Ibft2,
        ConsensusName::Ibft1 => Consensus::Ibft1,
    };
    let mut builder = Chain::builder()
        .chain_id(arguments.chain_id)
        .validators(arguments.validators)
        .seed(arguments.seed)
        .accounts(arguments.accounts)
        .block_time(Duration::from_millis(arguments.block_time_ms))
        .gas_limit(arguments.gas_limit)
        .spec(spec)
        .consensus(consensus)
        .empty_blocks(!arguments.no_empty_blocks)
        .listen(arguments.listen);
    if let Some(control) = arguments.control {
        builder = builder.control(control);
    }
    let chain = builder.spawn().await?;
    println!("chain id  {}", chain.chain_id());
    println!("genesis   {}", chain.genesis().hash);
    println!("http      {}", chain.rpc_url());
    println!("ws        {}", chain.ws_url());
    if let Some(control) = chain.control_url() {
        println!("control   {control}");
    }
    for validator in chain.validators() {
        println!("validator {validator}");
    }
    for index in 0..arguments.accounts {
        let account = chain.account(index);
        if arguments.show_keys {
            println!("account   {} {}", account.address, account.secret());
        } else {
            println!("account   {}", account.address);
        }
    }
    // Without a signal handler the process just ends, which is fine as well.
    let _ = tokio::signal::ctrl_c().await;
    chain.shutdown().await;
    Ok(())
}
