//! Accounts (CAIP-10) and their words in entries.

use alloc::{format, string::String};
use core::{fmt, str::FromStr};

use alloy_primitives::{Address, B256, hex, keccak256};

use super::{
    Caip2, CaipError, MAX_ACCOUNT, MAX_ADDRESS,
    syntax::{address_character, at_most, cut, evm_address, fold_case, part},
};

/// An account by its CAIP-10 id in canonical form, as `eip155:1:0xab…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId {
    text: String,
    chain: Caip2,
}

impl AccountId {
    /// An account on an EVM chain.
    #[must_use]
    pub fn evm(chain_id: u64, address: Address) -> Self {
        let chain = Caip2::evm(chain_id);
        Self { text: format!("{chain}:0x{}", hex::encode(address)), chain }
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

    /// The address part.
    #[must_use]
    pub fn address(&self) -> &str {
        self.text.get(self.chain.as_str().len() + 1..).unwrap_or("")
    }

    /// keccak-256 of the id: the account word of a chain whose native accounts are longer than a word.
    #[must_use]
    pub fn hash(&self) -> B256 {
        keccak256(self.text.as_bytes())
    }

    /// The account's word in an entry, given its chain's native bytes for it: those bytes, left-padded, where they are at
    /// most 32, else [`Self::hash`]. Turning the address text into native bytes is the chain family's business.
    ///
    /// # Errors
    /// [`CaipError::NativeLength`] for no bytes or more than [`MAX_ADDRESS`].
    pub fn word(&self, native: &[u8]) -> Result<B256, CaipError> {
        match native.len() {
            1..=32 => Ok(B256::left_padding_from(native)),
            33..=MAX_ADDRESS => Ok(self.hash()),
            found => Err(CaipError::NativeLength { max: MAX_ADDRESS, found }),
        }
    }

    /// The account's word, where this crate knows the native form by itself: on EVM chains.
    #[must_use]
    pub fn evm_word(&self) -> Option<B256> {
        if self.chain.namespace() != "eip155" {
            return None;
        }
        let mut native = [0u8; 20];
        hex::decode_to_slice(self.address().strip_prefix("0x")?, &mut native).ok()?;
        Some(B256::left_padding_from(&native))
    }
}

impl FromStr for AccountId {
    type Err = CaipError;

    fn from_str(text: &str) -> Result<Self, CaipError> {
        at_most("account id", text, MAX_ACCOUNT)?;
        let (namespace, rest) = cut(text, ':', "chain namespace")?;
        let (_, address) = cut(rest, ':', "chain reference")?;
        let chain: Caip2 = text.get(..text.len() - address.len() - 1).unwrap_or("").parse()?;
        part("account address", address, 1, MAX_ADDRESS, address_character)?;
        let address = fold_case(namespace, address);
        if namespace == "eip155" {
            evm_address("account address", &address)?;
        }
        Ok(Self { text: format!("{chain}:{address}"), chain })
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
