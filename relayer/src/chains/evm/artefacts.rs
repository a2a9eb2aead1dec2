//! The compiled contracts of `deploy/contracts/evm/artifacts`, so that a deployment needs no compiler.

use crate::lane::error::{Error, Kind, Result};
use alloy::{
    json_abi::JsonAbi,
    primitives::{B256, Bytes, keccak256},
};
use serde::Deserialize;

/// A contract's artefact, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Artefact {
    /// Name of the contract.
    pub name: &'static str,
    json: &'static str,
}

macro_rules! artefacts {
    ($($(#[$meta:meta])* $constant:ident = $name:literal;)+) => {
        impl Artefact {
            $($(#[$meta])* pub const $constant: Self = Self {
                name: $name,
                json: include_str!(concat!("../../../../deploy/contracts/evm/artifacts/", $name, ".json")),
            };)+
        }
    };
}

artefacts! {
    /// The vault's implementation; its proxy is [`Self::PROXY`].
    VAULT = "Vault";
    /// The part of the vault off the hot path.
    VAULT_ADMIN = "VaultAdmin";
    /// The vault's swaps.
    VAULT_SWAPS = "VaultSwaps";
    /// OpenZeppelin's ERC-1967 proxy.
    PROXY = "ERC1967Proxy";
    /// One lane's outbox.
    OUTBOX = "Outbox";
    /// Light client of a BFT-EVM chain.
    CLIENT = "BftEvmClient";
    /// The bridge's organisations.
    COUNCIL = "Council";
    /// Deploys vouchers.
    VOUCHER_FACTORY = "VoucherFactory";
    /// Minted side of an ERC-20.
    VOUCHER_ERC20 = "VoucherERC20";
    /// Minted side of an ERC-721.
    VOUCHER_ERC721 = "VoucherERC721";
}

#[cfg(feature = "demo")]
artefacts! {
    /// An honest ERC-20 that anybody mints: development chains only.
    TEST_ERC20 = "TestERC20";
    /// An honest ERC-721 that anybody mints: development chains only.
    TEST_ERC721 = "TestERC721";
    /// An ERC-20 that pauses, blocks, takes fees and lies: development chains only.
    HOSTILE_ERC20 = "HostileERC20";
    /// An ERC-721 that pauses and blocks: development chains only.
    HOSTILE_ERC721 = "HostileERC721";
}

/// An artefact, read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Compiled {
    /// Interface.
    pub abi: JsonAbi,
    /// Init code without constructor arguments.
    pub bytecode: Bytes,
    /// Code as it stands on a chain, immutables zero.
    pub deployed_bytecode: Bytes,
    /// Where immutables stand in it.
    pub immutables: Vec<Immutable>,
}

/// Bytes of the deployed code that the constructor filled in.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Immutable {
    start: usize,
    length: usize,
}

impl Artefact {
    /// Reads it.
    ///
    /// # Errors
    /// `InvalidConfig`, if this build holds something else: a test reads all of them.
    pub fn read(self) -> Result<Compiled> {
        serde_json::from_str(self.json)
            .map_err(|e| Error::stop_lane(Kind::InvalidConfig, format!("artefact {}: {e}", self.name)))
    }
}

impl Compiled {
    /// Hash of the deployed code with immutables zeroed: the same on every chain.
    pub fn code_hash(&self) -> B256 {
        keccak256(&self.deployed_bytecode)
    }

    /// Hash of code that stands on a chain, immutables zeroed; equals [`Self::code_hash`] if it is this contract.
    pub fn hash_as_this(&self, code: &[u8]) -> B256 {
        let mut code = code.to_vec();
        for Immutable { start, length } in &self.immutables {
            if let Some(bytes) = code.get_mut(*start..start.saturating_add(*length)) {
                bytes.fill(0);
            }
        }
        keccak256(code)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_artefact_can_be_read() {
        for artefact in [
            Artefact::VAULT,
            Artefact::VAULT_ADMIN,
            Artefact::VAULT_SWAPS,
            Artefact::PROXY,
            Artefact::OUTBOX,
            Artefact::CLIENT,
            Artefact::COUNCIL,
            Artefact::VOUCHER_FACTORY,
            Artefact::VOUCHER_ERC20,
            Artefact::VOUCHER_ERC721,
        ] {
            let compiled = artefact.read().unwrap();
            assert!(!compiled.bytecode.is_empty(), "{}", artefact.name);
            // EIP-170 and EIP-3860: bounds of every chain since Spurious Dragon and Shanghai.
            assert!(compiled.deployed_bytecode.len() <= 24_576, "{}", artefact.name);
            assert!(compiled.bytecode.len() <= 49_152, "{}", artefact.name);
            assert_eq!(compiled.hash_as_this(&compiled.deployed_bytecode), compiled.code_hash());
        }
    }
}
