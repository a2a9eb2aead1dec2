//! Assets (CAIP-19).

use alloc::{format, string::String};
use core::{fmt, str::FromStr};

use alloy_primitives::{Address, B256, hex, keccak256};

use super::{
    Caip2, CaipError, MAX_ASSET,
    syntax::{address_character, at_most, cut, decimal, evm_address, fold_case, part},
};

/// An asset by its CAIP-19 id in canonical form, as `eip155:1/erc20:0xab…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssetId {
    text: String,
    chain: Caip2,
}

impl AssetId {
    /// An ERC-20 token.
    #[must_use]
    pub fn erc20(chain_id: u64, token: Address) -> Self {
        Self::evm_token(chain_id, "erc20", token)
    }

    /// An ERC-721 collection; the token id travels in an entry's amount.
    #[must_use]
    pub fn erc721(chain_id: u64, collection: Address) -> Self {
        Self::evm_token(chain_id, "erc721", collection)
    }

    fn evm_token(chain_id: u64, namespace: &str, token: Address) -> Self {
        let chain = Caip2::evm(chain_id);
        Self { text: format!("{chain}/{namespace}:0x{}", hex::encode(token)), chain }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &Caip2 {
        &self.chain
    }

    /// The asset's namespace, as `erc20`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.own_part().split_once(':').map_or("", |(namespace, _)| namespace)
    }

    /// The asset's reference, as a token's address.
    #[must_use]
    pub fn reference(&self) -> &str {
        let rest = self.own_part().split_once(':').map_or("", |(_, rest)| rest);
        rest.split_once('/').map_or(rest, |(reference, _)| reference)
    }

    /// The token id of one non-fungible token, if it is named.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.own_part().split_once('/').map(|(_, token_id)| token_id)
    }

    /// keccak-256 of the id: the asset word of an entry.
    #[must_use]
    pub fn hash(&self) -> B256 {
        keccak256(self.text.as_bytes())
    }

    fn own_part(&self) -> &str {
        self.text.get(self.chain.as_str().len() + 1..).unwrap_or("")
    }
}

impl FromStr for AssetId {
    type Err = CaipError;

    fn from_str(text: &str) -> Result<Self, CaipError> {
        at_most("asset id", text, MAX_ASSET)?;
        let (chain, asset) = cut(text, '/', "chain id")?;
        let chain: Caip2 = chain.parse()?;
        let (namespace, rest) = cut(asset, ':', "asset namespace")?;
        part("asset namespace", namespace, 3, 8, |c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-'))?;
        let (reference, token_id) = rest.split_once('/').map_or((rest, None), |(r, t)| (r, Some(t)));
        part("asset reference", reference, 1, 128, address_character)?;
        let reference = fold_case(chain.namespace(), reference);
        if matches!((chain.namespace(), namespace), ("eip155", "erc20" | "erc721" | "erc1155")) {
            evm_address("asset reference", &reference)?;
        }
        let mut canonical = format!("{chain}/{namespace}:{reference}");
        if let Some(token_id) = token_id {
            part("token id", token_id, 1, 78, address_character)?;
            let token_id = fold_case(chain.namespace(), token_id);
            if chain.namespace() == "eip155" {
                decimal("token id", &token_id)?;
            }
            canonical.push('/');
            canonical.push_str(&token_id);
        }
        Ok(Self { text: canonical, chain })
    }
}

impl fmt::Display for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
