//! Everything before the first transfer: files as `init` writes them, contracts as `deploy` puts them, assets as
//! `assets register` registers them, and both organisations joined, all by the commands' own code.

use super::{failed, network::Network, user::User};
use crate::{
    chains::evm::{abi::ICouncil, artefacts::Artefact},
    cli::{
        access::Access,
        council::{self, Decision},
        deploy::{organisations, tell_configuration, write_agreement},
        exit::CliError,
        ground::{self, Councils},
        init::{OrganisationPlan, PairPlan, write_pair},
    },
    config::{
        Agreement, Config, Stage,
        agreement::{Asset, AssetKind},
    },
};
use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::SolValue,
};
use causeway_core::LaneId;
use causeway_devchain::Handle;
use futures::{future::try_join_all, try_join};
use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

/// The organisations. The first stands at the home chain.
pub(super) const ORGANISATIONS: [&str; 2] = ["acme", "globex"];

/// An asset at both ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct AssetPair {
    /// Symbol.
    pub(super) symbol: &'static str,
    /// The token at home.
    pub(super) home: Address,
    /// The voucher at the other end.
    pub(super) voucher: Address,
}

/// Contracts at one end.
#[derive(Clone, Copy, Debug)]
pub(super) struct BridgeEnd {
    /// The vault.
    pub(super) vault: Address,
}

/// The bridge as users need to know it.
pub(super) struct Bridge {
    /// Home, and the other end.
    pub(super) ends: [BridgeEnd; 2],
    /// The lane that leaves home, and the one that leaves the other end.
    pub(super) lanes: [LaneId; 2],
    /// An honest ERC-20.
    pub(super) credit: AssetPair,
    /// An ERC-721.
    pub(super) bill: AssetPair,
    /// An ERC-20 whose issuer can freeze an account.
    pub(super) freezable: AssetPair,
    /// Configurations of the two organisations.
    pub(super) configs: [PathBuf; 2],
    /// Admin sockets of their relayers.
    pub(super) sockets: Vec<PathBuf>,
    /// Metrics listeners of their relayers.
    pub(super) metrics: Vec<SocketAddr>,
}

/// One organisation with its access to both chains.
pub(super) struct Member {
    pub(super) config: Config,
    chains: [Access; 2],
}

impl Member {
    /// From its configuration, before or after the deployment.
    pub(super) fn open(config: &Path, chains: [&str; 2]) -> Result<Self, CliError> {
        let config = Config::load_at(config, Stage::BeforeDeployment)?;
        let chains = [Access::open(&config, chains[0])?, Access::open(&config, chains[1])?];
        Ok(Self { config, chains })
    }
}

/// Writes the files, deploys, registers, joins.
pub(super) async fn build(
    dir: &Path,
    networks: [&Network; 2],
    handles: [&Handle; 2],
    trusting_period: Duration,
) -> Result<Bridge, CliError> {
    let [alpha, beta] = networks;
    let chains = [alpha.plan(handles[0], trusting_period), beta.plan(handles[1], trusting_period)];
    let plan = PairPlan { organisations: organisation_plans()?, chains };
    let written = write_pair(dir, &plan)?;
    let names = [alpha.name, beta.name];
    let members: Vec<Member> =
        written.iter().map(|written| Member::open(&written.config, names)).collect::<Result<_, CliError>>()?;
    let [first, second] = members.as_slice() else { return Err(failed("the demo", "two organisations are needed")) };
    let councils = councils(first, second)?;
    let organisations = organisations(&first.config, ORGANISATIONS[1])?;
    let name = format!("{}-{}", alpha.name, beta.name);
    let chains = [&first.chains[0], &first.chains[1]];
    let (mut agreement, tokens) =
        try_join!(ground::deploy(&name, chains, &councils, organisations), deploy_tokens(alpha))?;
    agreement.assets = assets(alpha, tokens);
    register(&mut agreement, first, second).await?;
    for (member, other, side) in [(first, second, names[0]), (second, first, names[1])] {
        write_agreement(&member.config, &agreement)?;
        tell_configuration(&member.config, &agreement, side, Some(&other.config.organisation))?;
    }
    Bridge::read([&first.config.source.file, &second.config.source.file], &name)
}

impl Bridge {
    /// The bridge called `name`, from the files that the relayers will start on, read as the relayers will read them.
    pub(super) fn read(configs: [&Path; 2], name: &str) -> Result<Self, CliError> {
        let [first, second] = [Config::load(configs[0])?, Config::load(configs[1])?];
        let section =
            first.bridges.get(name).ok_or_else(|| failed("the demo", format!("no bridge is called {name}")))?;
        let agreement = Agreement::read(&section.agreement)?;
        let pair = |symbol| {
            let asset = agreement.assets.iter().find(|asset| asset.symbol == symbol);
            let asset = asset.ok_or_else(|| failed("the demo", format!("asset {symbol} is missing")))?;
            Ok::<_, CliError>(AssetPair { symbol, home: asset.token, voucher: asset.voucher })
        };
        Ok(Self {
            ends: [0, 1].map(|at: usize| BridgeEnd { vault: agreement.ends[at].vault.address }),
            lanes: [0, 1].map(|from| agreement.lane(from).id()),
            credit: pair(CREDIT.1)?,
            bill: pair(BILL.1)?,
            freezable: pair(FREEZABLE.1)?,
            configs: [first.source.file, second.source.file],
            sockets: vec![first.admin.socket, second.admin.socket],
            metrics: vec![first.metrics.listen, second.metrics.listen],
        })
    }
}

/// Name and symbol of the tokens.
pub(super) const CREDIT: (&str, &str) = ("Harbour Credit", "HBC");
pub(super) const BILL: (&str, &str) = ("Bill of Lading", "BILL");
pub(super) const FREEZABLE: (&str, &str) = ("Freezable Credit", "FRZ");

/// Ports that no system gives to whoever asks for any (Linux' begin at 32768): a relayer binds its own only later, and by then
/// a connection of somebody else may stand on one that was free.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Holds `count` free loopback ports, from a random one on.
fn free_ports(count: usize) -> Vec<TcpListener> {
    let first = rand::random_range(PORTS);
    let all = (first..PORTS.end).chain(PORTS.start..first);
    all.filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok()).take(count).collect()
}

/// Listeners on free loopback ports.
fn organisation_plans() -> Result<[OrganisationPlan; 2], CliError> {
    // All are held until the last is found, so that no port is found twice.
    let held = free_ports(4);
    let address = |at: usize| match held.get(at).map(TcpListener::local_addr) {
        Some(Ok(address)) => Ok(address),
        _ => Err(failed("finding free ports", "no address")),
    };
    let plan = |name: &str, listen: SocketAddr, metrics| OrganisationPlan { name: name.to_owned(), listen, metrics };
    Ok([plan(ORGANISATIONS[0], address(0)?, address(1)?), plan(ORGANISATIONS[1], address(2)?, address(3)?)])
}

/// Both organisations sit in both councils; for a demo nothing waits.
fn councils(first: &Member, second: &Member) -> Result<Councils, CliError> {
    let address = |member: &Member, at: usize| Ok::<_, CliError>(member.chains[at].deployer()?.address());
    let members = [vec![address(first, 0)?, address(second, 0)?], vec![address(first, 1)?, address(second, 1)?]];
    Ok(Councils { guardians: [address(first, 0)?, address(second, 1)?], members, delay: 0 })
}

/// The tokens that will travel; in the order of [`assets`].
pub(super) async fn deploy_tokens(alpha: &Network) -> Result<[Address; 3], CliError> {
    let issuer = User::new(alpha.provider.clone(), alpha.chain_id);
    let code = |artefact: Artefact, arguments: Vec<u8>| {
        let mut code = artefact.read()?.bytecode.to_vec();
        code.extend_from_slice(&arguments);
        Ok::<Bytes, CliError>(code.into())
    };
    let [(name, symbol), (bill, bill_symbol), (frozen, frozen_symbol)] = [CREDIT, BILL, FREEZABLE];
    let codes = [
        code(Artefact::TEST_ERC20, (name.to_owned(), symbol.to_owned(), U256::from(18)).abi_encode_params())?,
        code(Artefact::TEST_ERC721, (bill.to_owned(), bill_symbol.to_owned()).abi_encode_params())?,
        code(Artefact::HOSTILE_ERC20, (frozen.to_owned(), frozen_symbol.to_owned()).abi_encode_params())?,
    ];
    let made = try_join_all(codes.into_iter().map(|code| issuer.create(code))).await?;
    made.try_into().map_err(|_| failed("the demo's tokens", "one is missing"))
}

fn assets(alpha: &Network, tokens: [Address; 3]) -> Vec<Asset> {
    let asset = |symbol: &str, kind, decimals, token| Asset {
        symbol: symbol.to_owned(),
        kind,
        home: alpha.id(),
        decimals,
        token,
        voucher: Address::ZERO,
        cap: U256::ZERO,
        window: 0,
    };
    vec![
        asset(CREDIT.1, AssetKind::Erc20, 18, tokens[0]),
        asset(BILL.1, AssetKind::Erc721, 0, tokens[1]),
        asset(FREEZABLE.1, AssetKind::Erc20, 18, tokens[2]),
    ]
}

/// Opens the bridge at both ends and registers the assets: vouchers first, for the home end names them.
async fn register(agreement: &mut Agreement, first: &Member, second: &Member) -> Result<(), CliError> {
    let mut away = vec![ground::open_call(agreement, 1)?];
    for asset in &agreement.assets {
        away.push(ground::register_call(agreement, asset, 1)?);
    }
    let home = vec![ground::open_call(agreement, 0)?];
    try_join!(decide(agreement, first, second, 1, away), decide(agreement, first, second, 0, home))?;
    let chain = &first.chains[1];
    let vouchers =
        try_join_all(agreement.assets.iter().map(|asset| ground::registered(chain, agreement, asset, 1))).await?;
    for (asset, voucher) in agreement.assets.iter_mut().zip(vouchers) {
        asset.voucher = voucher.ok_or_else(|| failed("registering an asset", "its voucher is missing"))?;
    }
    let calls: Vec<ICouncil::Call> =
        agreement.assets.iter().map(|asset| ground::register_call(agreement, asset, 0)).collect::<Result<_, _>>()?;
    decide(agreement, first, second, 0, calls).await
}

/// One organisation proposes, the other approves, and it is done.
pub(super) async fn decide(
    agreement: &Agreement,
    first: &Member,
    second: &Member,
    at: usize,
    calls: Vec<ICouncil::Call>,
) -> Result<(), CliError> {
    let vault = agreement.ends[at].vault.address;
    let council = council::council_of(first.chains[at].deployer()?, vault).await?;
    council::advance(first.chains[at].deployer()?, council, calls.clone()).await?;
    match council::advance(second.chains[at].deployer()?, council, calls).await? {
        Decision::Done => Ok(()),
        other => Err(failed("a council's decision", other)),
    }
}
