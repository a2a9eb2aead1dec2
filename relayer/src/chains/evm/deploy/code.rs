//! What code stands on a chain, by a node's word.

use crate::{
    chains::evm::{
        abi::IVault,
        artefacts::Artefact,
        contract::view,
        endpoint::{Need, Pool},
    },
    lane::error::{Error, Kind, Result},
};
use alloy::primitives::{Address, B256, Bytes, Keccak256, b256, keccak256};

/// Slot of an ERC-1967 proxy's implementation: `keccak256("eip1967.proxy.implementation") - 1`.
pub const IMPLEMENTATION: B256 = b256!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");

/// The code of a vault: of its proxy, and of what it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultCode {
    /// Address of the implementation.
    pub implementation: Address,
    /// Address of the module off the hot path.
    pub admin: Address,
    /// Hash over proxy's code, both addresses and both codes: changes with any of them (ATK-009).
    pub hash: B256,
}

/// Code of an account.
///
/// # Errors
/// The endpoints'.
pub async fn code(pool: &Pool, address: Address) -> Result<Bytes> {
    Ok(pool.call("eth_getCode", &(address, "latest"), Need::Any).await?)
}

/// Checks that `address` holds the contract of `artefact`, whatever its immutables are.
///
/// # Errors
/// `ChainMismatch` if not; the endpoints'.
pub async fn check(pool: &Pool, address: Address, artefact: Artefact) -> Result<()> {
    let compiled = artefact.read()?;
    let found = compiled.hash_as_this(&code(pool, address).await?);
    let expected = compiled.code_hash();
    if found == expected {
        return Ok(());
    }
    let detail = format!("{}: {address}: expected code {expected} ({}), found {found}", pool.chain(), artefact.name);
    Err(Error::stop_lane(Kind::ChainMismatch, detail))
}

/// The implementation behind a proxy.
///
/// # Errors
/// The endpoints'.
pub async fn implementation(pool: &Pool, proxy: Address) -> Result<Address> {
    let word: B256 = pool.call("eth_getStorageAt", &(proxy, IMPLEMENTATION, "latest"), Need::Any).await?;
    Ok(Address::from_word(word))
}

/// The code of a vault.
///
/// # Errors
/// `ChainMismatch` where there is no code; the endpoints'.
pub async fn vault(pool: &Pool, vault: Address) -> Result<VaultCode> {
    let implementation = implementation(pool, vault).await?;
    let admin = view(pool, vault, &IVault::adminCall {}).await?;
    let mut hashes = [B256::ZERO; 3];
    for (hash, address) in hashes.iter_mut().zip([vault, implementation, admin]) {
        let code = code(pool, address).await?;
        if code.is_empty() {
            let detail = format!("{}: no code at {address}, which the vault {vault} runs", pool.chain());
            return Err(Error::stop_lane(Kind::ChainMismatch, detail));
        }
        *hash = keccak256(&code);
    }
    let [proxy, of_implementation, of_admin] = hashes;
    let hash = combine(proxy, [(implementation, of_implementation), (admin, of_admin)]);
    Ok(VaultCode { implementation, admin, hash })
}

/// The hash over a vault's code: `keccak256(hash of the proxy's code ‖ for each contract behind it: address ‖ hash of its
/// code)`.
pub fn combine(proxy: B256, behind: [(Address, B256); 2]) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update(proxy);
    for (address, code) in behind {
        hasher.update(address);
        hasher.update(code);
    }
    hasher.finalize()
}
