//! Deploys the contracts of one chain.

use super::Deployer;
use crate::{
    chains::evm::{
        abi::{IClient, IVault},
        artefacts::Artefact,
        config::EvmChain,
        headers::EvmHeaders,
        verifier,
    },
    lane::error::{Error, Kind, Result},
};
use alloy::{
    primitives::{Address, B256},
    sol_types::{SolCall, SolValue},
};
use causeway_bft_evm::{Mode, SealedHeader, set_hash};

/// Who decides about a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisations {
    /// Addresses of the organisations, on this chain.
    pub members: Vec<Address>,
    /// Approvals needed; all of them up to three members, whatever is said here.
    pub quorum: u32,
    /// Seconds between decision and execution.
    pub delay: u64,
    /// May pause new locks.
    pub guardian: Address,
}

/// The contracts of one chain and one set of organisations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultContracts {
    /// Owner of the vault.
    pub council: Address,
    /// Deploys vouchers for the vault.
    pub vouchers: Address,
    /// The vault's swaps.
    pub swaps: Address,
    /// The vault's part off the hot path.
    pub admin: Address,
    /// The vault's code.
    pub implementation: Address,
    /// The vault: the proxy.
    pub vault: Address,
}

/// Deploys a vault and all that it needs. `genesis` is the hash of this chain's block 0.
///
/// # Errors
/// As [`Deployer::send`].
pub async fn vault(deployer: &Deployer, genesis: B256, who: &Organisations) -> Result<VaultContracts> {
    let arguments = (who.members.clone(), alloy::primitives::U256::from(who.quorum), who.delay, who.guardian);
    let council = deployer.create(Artefact::COUNCIL, &arguments.abi_encode_params()).await?;
    let vouchers = deployer.create(Artefact::VOUCHER_FACTORY, &[]).await?;
    let swaps = deployer.create(Artefact::VAULT_SWAPS, &[]).await?;
    let admin = deployer.create(Artefact::VAULT_ADMIN, &(vouchers, swaps).abi_encode_params()).await?;
    let implementation = deployer.create(Artefact::VAULT, &(admin,).abi_encode_params()).await?;
    // Initialised by the proxy's constructor: nobody can come between (ATK-026).
    let start = IVault::initializeCall { council, genesis }.abi_encode();
    let arguments = (implementation, alloy::primitives::Bytes::from(start)).abi_encode_params();
    let vault = deployer.create(Artefact::PROXY, &arguments).await?;
    Ok(VaultContracts { council, vouchers, swaps, admin, implementation, vault })
}

/// Deploys the outbox of a lane that leaves `vault`.
///
/// # Errors
/// As [`Deployer::send`].
pub async fn outbox(deployer: &Deployer, vault: Address) -> Result<Address> {
    deployer.create(Artefact::OUTBOX, &(vault,).abi_encode_params()).await
}

/// Deploys a light client that starts at `params`.
///
/// # Errors
/// As [`Deployer::send`].
pub async fn client(deployer: &Deployer, params: &IClient::Params) -> Result<Address> {
    deployer.create(Artefact::CLIENT, &(params.clone(),).abi_encode_params()).await
}

/// Parameters of a client that reads `chain`, from its pinned header. The header comes from a node, and is the right one
/// because its hash is the pinned one.
///
/// # Errors
/// The endpoints'; `ChainMismatch` for a header with another hash.
pub async fn client_params(chain: &EvmChain, headers: &EvmHeaders) -> Result<IClient::Params> {
    let params = verifier::params(chain);
    let bytes = headers.sealed(chain.pinned.height).await?;
    let header = SealedHeader::read(params.mode, &bytes)
        .map_err(|e| Error::retry(Kind::Malformed, format!("{}: pinned header: {e}", chain.id)))?;
    let found = header.block_hash();
    if found != chain.pinned.hash {
        let detail = format!("{}: pinned header: expected hash {}, found {found}", chain.id, chain.pinned.hash);
        return Err(Error::stop_lane(Kind::ChainMismatch, detail));
    }
    let validators: Vec<Address> = header.extra().validators().collect();
    Ok(IClient::Params {
        mode: match params.mode {
            Mode::Qbft => 0,
            Mode::Ibft2 => 1,
            Mode::Ibft1 => 2,
        },
        genesis: chain.genesis,
        height: header.height(),
        time: header.time(),
        blockHash: found,
        setHash: set_hash(&validators),
        trustingPeriod: params.trusting_period,
        drift: params.drift,
        trustNumerator: params.trust_threshold.numerator,
        trustDenominator: params.trust_threshold.denominator,
        freezeDelay: params.freeze_delay,
    })
}
