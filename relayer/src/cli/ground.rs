//! The contracts of a bridge: put onto two chains, opened by the councils, and read back for the agreement.

use super::{
    access::Access,
    council::{self, Decision},
    exit::{CliError, Failure},
};
use crate::{
    chains::evm::{
        abi::{ICouncil, IVault},
        contract::view,
        deploy::{bridge, code, contracts},
    },
    config::agreement::{Agreement, Asset, AssetKind, Contract, End, FORMAT, Organisation, Pinned, mode_name},
};
use alloy::primitives::{Address, B256, keccak256};
use futures::try_join;

/// Who decides about the two vaults.
#[derive(Clone, Debug)]
pub(crate) struct Councils {
    /// Addresses of the organisations on each chain, in one order.
    pub(crate) members: [Vec<Address>; 2],
    /// May pause new locks, on each chain.
    pub(crate) guardians: [Address; 2],
    /// Seconds between a decision and its execution.
    pub(crate) delay: u64,
}

/// Deploys vault, outbox and light client on both chains; gives the agreement, without assets.
pub(crate) async fn deploy(
    name: &str,
    chains: [&Access; 2],
    councils: &Councils,
    organisations: Vec<Organisation>,
) -> Result<Agreement, CliError> {
    let [a, b] = chains;
    let (at_a, at_b) = try_join!(half(a, b, councils, 0), half(b, a, councils, 1))?;
    let (a, b) = try_join!(end(a, at_a.0, at_a.1, at_a.2), end(b, at_b.0, at_b.1, at_b.2))?;
    let format = FORMAT.to_owned();
    Ok(Agreement { format, name: name.to_owned(), epoch: 0, ends: [a, b], assets: Vec::new(), organisations })
}

/// One chain's contracts: vault, outbox, and the client that reads `other`.
async fn half(
    chain: &Access,
    other: &Access,
    councils: &Councils,
    at: usize,
) -> Result<(Address, Address, Address), CliError> {
    let deployer = chain.deployer()?;
    let members = councils.members.get(at).cloned().unwrap_or_default();
    let quorum = u32::try_from(members.len()).unwrap_or(u32::MAX);
    let guardian = councils.guardians.get(at).copied().unwrap_or_default();
    let who = contracts::Organisations { members, quorum, delay: councils.delay, guardian };
    // The other chain's pinned header is fetched and checked before anything is paid for.
    let params = contracts::client_params(&other.chain, &other.headers()).await?;
    let vault = contracts::vault(deployer, chain.chain.genesis, &who).await?.vault;
    let outbox = contracts::outbox(deployer, vault).await?;
    let client = contracts::client(deployer, &params).await?;
    Ok((vault, outbox, client))
}

/// An end of a bridge as it stands on its chain now.
pub(crate) async fn end(chain: &Access, vault: Address, outbox: Address, client: Address) -> Result<End, CliError> {
    let (vault_hash, outbox_hash, client_hash) =
        try_join!(vault_code(chain, vault), code_hash(chain, outbox), code_hash(chain, client))?;
    let section = &chain.chain;
    Ok(End {
        chain: section.id.clone(),
        genesis: section.genesis,
        consensus: mode_name(section.mode).to_owned(),
        pinned: Pinned { height: section.pinned.height, hash: section.pinned.hash },
        trusting_period: section.trusting_period.as_secs(),
        clock_drift: section.clock_drift.as_secs(),
        freeze_delay: section.freeze_delay.as_secs(),
        vault: Contract { address: vault, code_hash: vault_hash },
        outbox: Contract { address: outbox, code_hash: outbox_hash },
        client: Contract { address: client, code_hash: client_hash },
    })
}

/// Hash over a vault's proxy and all code that it runs.
pub(crate) async fn vault_code(chain: &Access, vault: Address) -> Result<B256, CliError> {
    Ok(code::vault(&chain.pool, vault).await?.hash)
}

/// Hash of a contract's code.
pub(crate) async fn code_hash(chain: &Access, address: Address) -> Result<B256, CliError> {
    let code = code::code(&chain.pool, address).await?;
    if code.is_empty() {
        let message = format!("{}: expected a contract at {address}, found no code", chain.chain.id);
        return Err(CliError::new(Failure::Refused, message));
    }
    Ok(keccak256(&code))
}

/// An end, as the deployment module names it.
fn chain_end(end: &End) -> bridge::End {
    bridge::End { chain: end.chain.clone(), genesis: end.genesis, vault: end.vault.address, outbox: end.outbox.address }
}

/// The call by which the council at end `at` opens the bridge.
pub(crate) fn open_call(agreement: &Agreement, at: usize) -> Result<ICouncil::Call, CliError> {
    let [here, there] = sides(agreement, at);
    Ok(chain_end(here).open(&chain_end(there), agreement.epoch, here.client.address)?)
}

/// The call by which the council at end `at` registers `asset`. The voucher comes of it.
pub(crate) fn register_call(agreement: &Agreement, asset: &Asset, at: usize) -> Result<ICouncil::Call, CliError> {
    let [here, there] = sides(agreement, at);
    let home = here.chain == asset.home;
    let standard = standard(asset.kind);
    // The name of the asset at the other end: known at once where that is its home; where the voucher stands there, its
    // address must be known first.
    let remote_asset = standard.asset(&there.chain, if home { asset.voucher } else { asset.token });
    let amount = |cap: alloy::primitives::U256| {
        u128::try_from(cap).map_err(|_| CliError::new(Failure::Usage, "a cap has at most 112 bits"))
    };
    let window =
        u32::try_from(asset.window).map_err(|_| CliError::new(Failure::Usage, "a window has at most 32 bits"))?;
    let cap = amount(asset.cap)?;
    let registered = bridge::Asset {
        standard,
        token: home.then_some(asset.token),
        remote_asset,
        decimals: (asset.decimals, asset.decimals),
        min_amount: 1,
        caps: (window > 0).then_some((cap, cap, window)),
        name: (format!("{} over Causeway", asset.symbol), format!("cw{}", asset.symbol)),
    };
    Ok(registered.register(here.vault.address, agreement.lane(at).id())?)
}

/// A token standard, as the deployment module names it.
pub(crate) const fn standard(kind: AssetKind) -> bridge::Standard {
    match kind {
        AssetKind::Erc20 => bridge::Standard::Erc20,
        AssetKind::Erc721 => bridge::Standard::Erc721,
    }
}

/// This end, and the other one.
fn sides(agreement: &Agreement, at: usize) -> [&End; 2] {
    let [a, b] = &agreement.ends;
    if at == 0 { [a, b] } else { [b, a] }
}

/// Whether the bridge is open at end `at`.
pub(crate) async fn is_open(chain: &Access, agreement: &Agreement, at: usize) -> Result<bool, CliError> {
    let [here, _] = sides(agreement, at);
    let lane = agreement.lane(at).id().0;
    let found = view(&chain.pool, here.vault.address, &IVault::laneConfigCall { lane }).await;
    let found = found.map_err(|error| CliError::from(error.error))?;
    Ok(found.role == 1)
}

/// Brings opening the bridge at end `at` one step further.
pub(crate) async fn open(chain: &Access, agreement: &Agreement, at: usize) -> Result<Decision, CliError> {
    if is_open(chain, agreement, at).await? {
        return Ok(Decision::Done);
    }
    let [here, _] = sides(agreement, at);
    let deployer = chain.deployer()?;
    let council = council::council_of(deployer, here.vault.address).await?;
    council::advance(deployer, council, vec![open_call(agreement, at)?]).await
}

/// The token that stands for `asset` at end `at`, if it is registered there.
pub(crate) async fn registered(
    chain: &Access,
    agreement: &Agreement,
    asset: &Asset,
    at: usize,
) -> Result<Option<Address>, CliError> {
    let [here, there] = sides(agreement, at);
    let home = here.chain == asset.home;
    // At home an entry that arrives names the voucher, one that left names the token; away it is the other way round.
    let (lane, asset_hash) = if home {
        (agreement.lane(at), standard(asset.kind).asset(&here.chain, asset.token))
    } else {
        (agreement.lane(1 - at), standard(asset.kind).asset(&there.chain, asset.token))
    };
    let call = IVault::tokenOfCall { lane: lane.id().0, assetHash: asset_hash };
    let token = view(&chain.pool, here.vault.address, &call).await.map_err(|error| CliError::from(error.error))?;
    Ok((!token.is_zero()).then_some(token))
}
