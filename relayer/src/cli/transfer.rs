//! `causeway transfer`: locks an asset with the configuration's own key and says where to follow it.

use super::{
    Answer,
    bridge::opened,
    deploy,
    exit::{CliError, Failure},
    output::Shown,
};
use crate::{
    chains::evm::{abi::IVault, contract::view},
    config::agreement::AssetKind,
};
use alloy::{
    primitives::{Address, B256, LogData, U256},
    sol,
    sol_types::{SolCall, SolEvent},
};
use clap::Args;
use serde::Serialize;
use std::{
    fmt,
    path::{Path, PathBuf},
    time::SystemTime,
};

sol! {
    interface IErc {
        function allowance(address owner, address spender) external view returns (uint256);
        function getApproved(uint256 id) external view returns (address);
        function approve(address to, uint256 amountOrId) external;
    }
}

/// Arguments of `causeway transfer`.
#[derive(Debug, Args)]
#[command(after_help = "\
The transfer leaves from the account whose key the configuration names for that chain. It ends credited to the recipient,
or back with the sender: late (the timeout passed on the other chain before it was delivered) or failed (the recipient
or token refused). Follow it with `causeway entries trace LANE INDEX`.")]
pub struct TransferArgs {
    /// The bridge's name; the only one if absent.
    #[arg(long)]
    pub bridge: Option<String>,
    /// The chain that it leaves, by its name in the configuration.
    #[arg(long)]
    pub from: String,
    /// The asset's symbol, as `causeway assets list` shows it.
    #[arg(long)]
    pub asset: String,
    /// The amount in the token's smallest unit, or the id of an ERC-721.
    #[arg(long)]
    pub amount: U256,
    /// The recipient on the other chain.
    #[arg(long)]
    pub to: Address,
    /// How long it may take, by the other chain's clock, before it comes back; at most 30 days.
    #[arg(long, default_value = "1h", value_parser = deploy::humantime_seconds)]
    pub timeout: u64,
}

#[derive(Serialize)]
struct Sent {
    lane: String,
    index: u64,
    transaction: B256,
    block: u64,
    timeout: u64,
    config: PathBuf,
}

pub(super) async fn run(file: &Path, args: TransferArgs) -> Answer {
    let bridge = opened(file, args.bridge.as_deref())?;
    let at = bridge.chains.iter().position(|chain| chain.name == args.from).ok_or_else(|| {
        CliError::new(Failure::Usage, format!("--from: `{}` is no chain of bridge {}", args.from, bridge.name))
    })?;
    let (chain, end) = (&bridge.chains[at], &bridge.agreement.ends[at]);
    let asset = bridge.agreement.assets.iter().find(|asset| asset.symbol == args.asset).ok_or_else(|| {
        CliError::new(Failure::Usage, format!("bridge {} has no asset `{}`", bridge.name, args.asset))
            .advise("`causeway assets list` shows them")
    })?;
    let home = end.chain == asset.home;
    let token = if home { asset.token } else { asset.voucher };
    let deployer = chain.deployer()?;
    let vault = end.vault.address;
    // A voucher is burned by its vault, which needs no leave for that.
    if home {
        let enough = match asset.kind {
            AssetKind::Erc20 => {
                let call = IErc::allowanceCall { owner: deployer.address(), spender: vault };
                view(&chain.pool, token, &call).await.map_err(|error| CliError::from(error.error))? >= args.amount
            }
            AssetKind::Erc721 => {
                let call = IErc::getApprovedCall { id: args.amount };
                view(&chain.pool, token, &call).await.map_err(|error| CliError::from(error.error))? == vault
            }
        };
        if !enough {
            // Exactly what is sent: a standing leave is a standing risk (ATK-017).
            let approve = IErc::approveCall { to: vault, amountOrId: args.amount };
            deployer.call(token, approve.abi_encode()).await?;
        }
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let timeout = now.saturating_add(args.timeout);
    let lane = bridge.agreement.lane(at).id();
    let call = IVault::lockCall {
        lane: lane.0,
        token,
        amountOrId: args.amount,
        recipient: args.to.into_word(),
        timeout,
        memoHash: B256::ZERO,
    };
    let receipt = deployer.call(vault, call.abi_encode()).await?;
    let appended = receipt
        .logs
        .into_iter()
        .filter(|log| log.address == vault)
        .find_map(|log| IVault::Appended::decode_log_data(&LogData::new(log.topics, log.data)?).ok());
    let index = appended.map(|event| event.first).ok_or_else(|| {
        CliError::new(Failure::Refused, "the lock's receipt tells of no entry: is the vault the one agreed on?")
    })?;
    let sent = Sent {
        lane: lane.to_string(),
        index,
        transaction: receipt.transaction_hash,
        block: receipt.block_number.to(),
        timeout,
        config: file.to_owned(),
    };
    Ok(Box::new(Shown::new(sent, |sent: &Sent, f: &mut fmt::Formatter<'_>| {
        writeln!(f, "locked: entry {} of lane {}", sent.index, sent.lane)?;
        writeln!(f, "transaction {} in block {}", sent.transaction, sent.block)?;
        let lane = sent.lane.get(..12).unwrap_or(&sent.lane);
        write!(f, "follow it: causeway --config {} entries trace {lane} {}", sent.config.display(), sent.index)
    })))
}
