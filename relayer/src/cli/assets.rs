//! `causeway assets`: which assets may cross a bridge, and within which caps.

use super::{
    Answer,
    bridge::{Opened, opened},
    council::{self, Decision},
    deploy,
    exit::{CliError, Failure},
    ground,
    output::{Shown, table},
};
use crate::{
    chains::evm::{
        abi::{ICouncil, IVault},
        contract::view,
    },
    config::agreement::{Asset, AssetKind},
};
use alloy::{
    primitives::{Address, U256},
    sol,
    sol_types::SolCall,
};
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use std::{fmt, path::Path};

sol! {
    interface IAsset {
        struct Head { address outbox; uint8 mode; uint8 standard; uint8 status; uint8 amountWidth; int8 scale; bool capped; uint8 accountBytes; }
        struct State {
            Head head;
            uint128 held;
            uint128 minAmount;
            uint112 lockCap;
            uint112 creditCap;
            uint32 windowSeconds;
            uint112 lockUsed;
            uint112 creditUsed;
            uint32 window;
            bytes32 remoteAsset;
        }
        function asset(bytes32 outLane, address token) external view returns (State memory);
    }
}

/// See the module.
#[derive(Debug, Subcommand)]
pub enum AssetsCommand {
    /// List the assets of a bridge: what is held at home, what stands out at the other end, caps.
    List {
        /// The bridge's name; the only one if absent.
        #[arg(long)]
        bridge: Option<String>,
    },
    /// Bring the registration of an asset one step further, at both ends.
    ///
    /// Both organisations run the same command until it says that it is done. Then the agreement has a new fingerprint:
    /// compare it again. A mapping is never changed afterwards.
    Register(RegisterArgs),
    /// Bring a change of an asset's caps one step further, at both ends.
    ///
    /// A cap binds what is locked and what is credited per window. Returns and claims are never capped.
    Cap(CapArgs),
}

/// Arguments of `causeway assets register`.
#[derive(Debug, Args)]
pub struct RegisterArgs {
    /// The bridge's name; the only one if absent.
    #[arg(long)]
    pub bridge: Option<String>,
    /// The chain that is the asset's home, by its name in the configuration.
    #[arg(long)]
    pub home: String,
    /// The token's contract there.
    #[arg(long)]
    pub token: Address,
    /// The token's standard.
    #[arg(long, value_enum)]
    pub kind: Kind,
    /// A short name for reports; the voucher is called `cw<SYMBOL>`.
    #[arg(long)]
    pub symbol: String,
    /// Decimals of an ERC-20.
    #[arg(long, default_value_t = 18, value_parser = clap::value_parser!(u8).range(0..=36))]
    pub decimals: u8,
    /// Most that may be locked, and credited, per window; no cap if absent.
    #[arg(long, requires = "window")]
    pub cap: Option<U256>,
    /// Length of the caps' window.
    #[arg(long, value_parser = deploy::humantime_seconds)]
    pub window: Option<u64>,
}

/// Arguments of `causeway assets cap`.
#[derive(Debug, Args)]
pub struct CapArgs {
    /// The bridge's name; the only one if absent.
    #[arg(long)]
    pub bridge: Option<String>,
    /// The asset's symbol, as `assets list` shows it.
    pub symbol: String,
    /// Most that may be locked, and credited, per window; 0 with a window of 0s lifts the caps.
    pub cap: U256,
    /// Length of the window.
    #[arg(value_parser = deploy::humantime_seconds)]
    pub window: u64,
}

/// Token standards on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Fungible.
    Erc20,
    /// Single pieces.
    Erc721,
}

pub(super) async fn run(file: &Path, command: AssetsCommand) -> Answer {
    match command {
        AssetsCommand::List { bridge } => list(opened(file, bridge.as_deref())?).await,
        AssetsCommand::Register(args) => register(opened(file, args.bridge.as_deref())?, args).await,
        AssetsCommand::Cap(args) => cap(opened(file, args.bridge.as_deref())?, args).await,
    }
}

#[derive(Serialize)]
struct Listed {
    bridge: String,
    assets: Vec<ListedAsset>,
}

#[derive(Serialize)]
struct ListedAsset {
    symbol: String,
    kind: AssetKind,
    home: String,
    token: Address,
    voucher: Address,
    escrow: U256,
    outstanding: U256,
    cap: U256,
    window: u64,
    lock_used: U256,
}

async fn list(bridge: Opened) -> Answer {
    let mut assets = Vec::with_capacity(bridge.agreement.assets.len());
    for asset in &bridge.agreement.assets {
        let home = bridge.agreement.end(&asset.home).unwrap_or_default();
        let at_home = state(&bridge, home, asset.token).await?;
        let away = state(&bridge, 1 - home, asset.voucher).await?;
        assets.push(ListedAsset {
            symbol: asset.symbol.clone(),
            kind: asset.kind,
            home: asset.home.clone(),
            token: asset.token,
            voucher: asset.voucher,
            escrow: U256::from(at_home.held),
            outstanding: U256::from(away.held),
            cap: U256::from(at_home.lockCap),
            window: u64::from(at_home.windowSeconds),
            lock_used: U256::from(at_home.lockUsed),
        });
    }
    // INV-1, as both nodes tell it: never more stands out than is held.
    let backed = assets.iter().all(|asset| asset.outstanding <= asset.escrow);
    let shown = Shown::new(Listed { bridge: bridge.name, assets }, |listed: &Listed, f: &mut fmt::Formatter<'_>| {
        if listed.assets.is_empty() {
            return write!(f, "{}: no assets: `causeway assets register` adds one", listed.bridge);
        }
        let rows = listed.assets.iter().map(|asset| {
            let cap = if asset.window == 0 { "-".to_owned() } else { format!("{} per {}s", asset.cap, asset.window) };
            let [escrow, outstanding] = [asset.escrow.to_string(), asset.outstanding.to_string()];
            [asset.symbol.clone(), asset.home.clone(), asset.token.to_string(), escrow, outstanding, cap]
        });
        f.write_str(&table(["ASSET", "HOME", "TOKEN", "ESCROW", "OUTSTANDING", "CAP"], rows).trim_fmt())
    });
    Ok(Box::new(shown.answering(backed)))
}

async fn state(bridge: &Opened, at: usize, token: Address) -> Result<IAsset::State, CliError> {
    let (chain, end) = (&bridge.chains[at.min(1)], &bridge.agreement.ends[at.min(1)]);
    let call = IAsset::assetCall { outLane: bridge.agreement.lane(at).id().0, token };
    view(&chain.pool, end.vault.address, &call).await.map_err(|error| error.error.into())
}

#[derive(Serialize)]
struct Progress {
    asset: String,
    /// Chain and how far its council is.
    steps: Vec<(String, Decision)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voucher: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<crate::config::Fingerprint>,
}

fn show_progress(progress: &Progress, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (chain, decision) in &progress.steps {
        writeln!(f, "{} at {chain}: {decision}", progress.asset)?;
    }
    if let Some(voucher) = progress.voucher {
        writeln!(f, "voucher      {voucher}")?;
    }
    if let Some(fingerprint) = progress.fingerprint {
        write!(f, "fingerprint  {fingerprint}   the agreement is a new one: read it to the other organisation")?;
    }
    Ok(())
}

async fn register(bridge: Opened, args: RegisterArgs) -> Answer {
    let section = bridge.config.chains.get(&args.home);
    let home_id = section.map(crate::config::validate::chain_id).and_then(|id| bridge.agreement.end(id));
    let home = home_id.ok_or_else(|| {
        CliError::new(Failure::Usage, format!("--home: `{}` is no chain of bridge {}", args.home, bridge.name))
    })?;
    let kind = match args.kind {
        Kind::Erc20 => AssetKind::Erc20,
        Kind::Erc721 => AssetKind::Erc721,
    };
    let mut asset = Asset {
        symbol: args.symbol.clone(),
        kind,
        home: bridge.agreement.ends[home].chain.clone(),
        decimals: if kind == AssetKind::Erc721 { 0 } else { args.decimals },
        token: args.token,
        voucher: Address::ZERO,
        cap: args.cap.unwrap_or_default(),
        window: if args.cap.is_some() { args.window.unwrap_or_default() } else { 0 },
    };
    let mut steps = Vec::with_capacity(2);
    // The voucher first: the home end's registration names it.
    for at in [1 - home, home] {
        let chain = bridge.agreement.ends[at].chain.clone();
        let decision = register_at(&bridge, &mut asset, at).await?;
        let done = decision == Decision::Done;
        steps.push((chain, decision));
        if !done {
            break;
        }
    }
    let done = steps.len() == 2 && steps.iter().all(|(_, decision)| *decision == Decision::Done);
    let mut progress = Progress { asset: asset.symbol.clone(), steps, voucher: None, fingerprint: None };
    if done {
        let mut agreement = bridge.agreement.clone();
        agreement.assets.retain(|known| known.token != asset.token || known.home != asset.home);
        progress.voucher = Some(asset.voucher);
        agreement.assets.push(asset);
        // The order of registration is not the same on both sides; the agreement's must be.
        agreement.assets.sort_by(|a, b| (&a.home, a.token).cmp(&(&b.home, b.token)));
        progress.fingerprint = Some(save(&bridge, &agreement)?);
    }
    Ok(Box::new(Shown::new(progress, show_progress)))
}

/// Brings the registration at one end a step further; fills in the voucher's address once it stands.
async fn register_at(bridge: &Opened, asset: &mut Asset, at: usize) -> Result<Decision, CliError> {
    let chain = &bridge.chains[at];
    let away = bridge.agreement.ends[at].chain != asset.home;
    let mut token = ground::registered(chain, &bridge.agreement, asset, at).await?;
    if token.is_none() {
        let call = ground::register_call(&bridge.agreement, asset, at)?;
        let decision = decide(bridge, at, call).await?;
        if decision != Decision::Done {
            return Ok(decision);
        }
        token = ground::registered(chain, &bridge.agreement, asset, at).await?;
    }
    match token {
        Some(voucher) if away => asset.voucher = voucher,
        Some(_) => {}
        None => {
            let message = format!("{}: the council decided, but the vault knows no such asset", chain.chain.id);
            return Err(CliError::new(Failure::Refused, message));
        }
    }
    Ok(Decision::Done)
}

async fn decide(bridge: &Opened, at: usize, call: ICouncil::Call) -> Result<Decision, CliError> {
    let deployer = bridge.chains[at].deployer()?;
    let council = council::council_of(deployer, bridge.agreement.ends[at].vault.address).await?;
    council::advance(deployer, council, vec![call]).await
}

async fn cap(bridge: Opened, args: CapArgs) -> Answer {
    let at = bridge.agreement.assets.iter().position(|asset| asset.symbol == args.symbol).ok_or_else(|| {
        CliError::new(Failure::Usage, format!("bridge {} has no asset `{}`", bridge.name, args.symbol))
            .advise("`causeway assets list` shows them")
    })?;
    let mut agreement = bridge.agreement.clone();
    let asset = &mut agreement.assets[at];
    let narrow = |value: U256| {
        alloy::primitives::aliases::U112::try_from(u128::try_from(value).unwrap_or(u128::MAX))
            .map_err(|_| CliError::new(Failure::Usage, "a cap has at most 112 bits"))
    };
    let limit = narrow(args.cap)?;
    let window =
        u32::try_from(args.window).map_err(|_| CliError::new(Failure::Usage, "a window has at most 32 bits"))?;
    let mut steps = Vec::with_capacity(2);
    for end in [0, 1] {
        let chain = bridge.agreement.ends[end].chain.clone();
        let token = if chain == asset.home { asset.token } else { asset.voucher };
        let now = state(&bridge, end, token).await?;
        if now.lockCap == limit && now.creditCap == limit && now.windowSeconds == window {
            steps.push((chain, Decision::Done));
            continue;
        }
        let out = bridge.agreement.lane(end).id().0;
        let call = IVault::setCapsCall { outLane: out, token, lockCap: limit, creditCap: limit, windowSeconds: window };
        let vault = bridge.agreement.ends[end].vault.address;
        let call = ICouncil::Call { target: vault, data: call.abi_encode().into() };
        steps.push((chain, decide(&bridge, end, call).await?));
    }
    let done = steps.iter().all(|(_, decision)| *decision == Decision::Done);
    let mut progress = Progress { asset: args.symbol, steps, voucher: None, fingerprint: None };
    if done {
        (asset.cap, asset.window) = (args.cap, args.window);
        progress.fingerprint = Some(save(&bridge, &agreement)?);
    }
    Ok(Box::new(Shown::new(progress, show_progress)))
}

/// Writes a changed agreement, and its fingerprint into the configuration.
fn save(bridge: &Opened, agreement: &crate::config::Agreement) -> Result<crate::config::Fingerprint, CliError> {
    deploy::write_agreement(&bridge.config, agreement)?;
    let (side, peer) = match bridge.config.bridges.get(&bridge.name) {
        Some(section) => (section.side.as_str().to_owned(), section.peer.clone()),
        None => ("both".to_owned(), None),
    };
    deploy::tell_configuration(&bridge.config, agreement, &side, peer.as_deref())?;
    Ok(agreement.fingerprint())
}
