//! Chains, accounts and assets by name: CAIP-2, CAIP-10 and CAIP-19, in one canonical form.
//!
//! Hashes of these strings are part of lane ids and entries, so each name must have one spelling. Accounts and asset
//! references are lower-cased where their chain reads them without regard to case (`eip155`, `cosmos`, and bech32 forms
//! of `bip122`); there, two spellings are one account. Elsewhere (base58, for instance) case is part of the name and
//! lower-casing would merge two accounts into one, so it is kept. Chain references keep their case: CAIP-2 compares them
//! as they stand, and a Cosmos chain id may hold capitals.
//!
//! Sources: CAIP-2, CAIP-10, CAIP-19 and the `eip155` namespace's profiles of them (Chain Agnostic Standards Alliance).

use alloc::{borrow::ToOwned, format, string::String};
use core::{fmt, str::FromStr};

use alloy_primitives::{Address, B256, hex, keccak256};

/// Longest CAIP-2 id: namespace 8, colon, reference 32.
pub const MAX_CHAIN: usize = 41;
/// Longest account address of CAIP-10.
pub const MAX_ADDRESS: usize = 128;
/// Longest CAIP-10 string.
pub const MAX_ACCOUNT: usize = MAX_CHAIN + 1 + MAX_ADDRESS;
/// Longest CAIP-19 string: chain, asset namespace 8, reference 128, token id 78, three separators.
pub const MAX_ASSET: usize = MAX_CHAIN + 1 + 8 + 1 + 128 + 1 + 78;

/// Why a name is refused. Names come from configuration and clients: nothing about it changes by waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaipError {
    /// Longer than the standard allows.
    #[error("{what}: {found} bytes, expected at most {max}")]
    TooLong {
        /// Which part.
        what: &'static str,
        /// Most bytes.
        max: usize,
        /// Bytes found.
        found: usize,
    },
    /// Shorter than the standard allows.
    #[error("{what}: {found} bytes, expected at least {min}")]
    TooShort {
        /// Which part.
        what: &'static str,
        /// Least bytes.
        min: usize,
        /// Bytes found.
        found: usize,
    },
    /// A character that the part may not hold.
    #[error("{what}: character not allowed at byte {at}")]
    Character {
        /// Which part.
        what: &'static str,
        /// Position within that part.
        at: usize,
    },
    /// A separator is missing.
    #[error("no {separator:?} after the {what}")]
    Separator {
        /// What comes before it.
        what: &'static str,
        /// The separator.
        separator: char,
    },
    /// A form that the chain's namespace does not have.
    #[error("{what} is not of the form that its namespace has: expected {expected}")]
    Form {
        /// Which part.
        what: &'static str,
        /// The form.
        expected: &'static str,
    },
    /// A native account form of no bytes, or of more than an address may have.
    #[error("native account of {found} bytes, expected 1 to {max}")]
    NativeLength {
        /// Most bytes.
        max: usize,
        /// Bytes found.
        found: usize,
    },
}

/// A chain by its CAIP-2 id, as `eip155:1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Caip2(String);

/// An account by its CAIP-10 id in canonical form, as `eip155:1:0xab…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId {
    text: String,
    chain: Caip2,
}

/// An asset by its CAIP-19 id in canonical form, as `eip155:1/erc20:0xab…`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssetId {
    text: String,
    chain: Caip2,
}

impl Caip2 {
    /// An EVM chain by its chain id.
    #[must_use]
    pub fn evm(chain_id: u64) -> Self {
        Self(format!("eip155:{chain_id}"))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The namespace, as `eip155`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0
            .split_once(':')
            .map_or("", |(namespace, _)| namespace)
    }

    /// The reference within the namespace, as `1`.
    #[must_use]
    pub fn reference(&self) -> &str {
        self.0
            .split_once(':')
            .map_or("", |(_, reference)| reference)
    }

    /// The EVM chain id, of an `eip155` chain whose id fits.
    #[must_use]
    pub fn evm_chain_id(&self) -> Option<u64> {
        if self.namespace() == "eip155" {
            self.reference().parse().ok()
        } else {
            None
        }
    }

    /// keccak-256 of the id: the first word of an end in a lane id.
    #[must_use]
    pub fn hash(&self) -> B256 {
        keccak256(self.0.as_bytes())
    }
}

impl FromStr for Caip2 {
    type Err = CaipError;

    fn from_str(text: &str) -> Result<Self, CaipError> {
        at_most("chain id", text, MAX_CHAIN)?;
        let (namespace, reference) = cut(text, ':', "chain namespace")?;
        part(
            "chain namespace",
            namespace,
            3,
            8,
            |c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-'),
        )?;
        part("chain reference", reference, 1, 32, |c| {
            c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_')
        })?;
        if namespace == "eip155" {
            decimal("chain reference", reference)?;
        }
        Ok(Self(text.to_owned()))
    }
}

impl AccountId {
    /// An account on an EVM chain.
    #[must_use]
    pub fn evm(chain_id: u64, address: Address) -> Self {
        let chain = Caip2::evm(chain_id);
        Self {
            text: format!("{chain}:0x{}", hex::encode(address)),
            chain,
        }
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
        self.text.get(self.chain.0.len() + 1..).unwrap_or("")
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
            found => Err(CaipError::NativeLength {
                max: MAX_ADDRESS,
                found,
            }),
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
        let chain: Caip2 = text
            .get(..text.len() - address.len() - 1)
            .unwrap_or("")
            .parse()?;
        part(
            "account address",
            address,
            1,
            MAX_ADDRESS,
            address_character,
        )?;
        let address = fold_case(namespace, address);
        if namespace == "eip155" {
            evm_address("account address", &address)?;
        }
        Ok(Self {
            text: format!("{chain}:{address}"),
            chain,
        })
    }
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
        Self {
            text: format!("{chain}/{namespace}:0x{}", hex::encode(token)),
            chain,
        }
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
        self.own_part()
            .split_once(':')
            .map_or("", |(namespace, _)| namespace)
    }

    /// The asset's reference, as a token's address.
    #[must_use]
    pub fn reference(&self) -> &str {
        let rest = self.own_part().split_once(':').map_or("", |(_, rest)| rest);
        rest.split_once('/')
            .map_or(rest, |(reference, _)| reference)
    }

    /// The token id of one non-fungible token, if it is named.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.own_part()
            .split_once('/')
            .map(|(_, token_id)| token_id)
    }

    /// keccak-256 of the id: the asset word of an entry.
    #[must_use]
    pub fn hash(&self) -> B256 {
        keccak256(self.text.as_bytes())
    }

    fn own_part(&self) -> &str {
        self.text.get(self.chain.0.len() + 1..).unwrap_or("")
    }
}

impl FromStr for AssetId {
    type Err = CaipError;

    fn from_str(text: &str) -> Result<Self, CaipError> {
        at_most("asset id", text, MAX_ASSET)?;
        let (chain, asset) = cut(text, '/', "chain id")?;
        let chain: Caip2 = chain.parse()?;
        let (namespace, rest) = cut(asset, ':', "asset namespace")?;
        part(
            "asset namespace",
            namespace,
            3,
            8,
            |c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-'),
        )?;
        let (reference, token_id) = rest
            .split_once('/')
            .map_or((rest, None), |(r, t)| (r, Some(t)));
        part("asset reference", reference, 1, 128, address_character)?;
        let reference = fold_case(chain.namespace(), reference);
        if matches!(
            (chain.namespace(), namespace),
            ("eip155", "erc20" | "erc721" | "erc1155")
        ) {
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
        Ok(Self {
            text: canonical,
            chain,
        })
    }
}

impl fmt::Display for Caip2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for AssetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Characters of account addresses, asset references and token ids (CAIP-10, CAIP-19).
const fn address_character(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'%')
}

/// Lower-cases where the namespace reads names without regard to case.
fn fold_case(namespace: &str, name: &str) -> String {
    let bech32 = || {
        ["bc1", "tb1", "bcrt1"].iter().any(|prefix| {
            name.get(..prefix.len())
                .is_some_and(|p| p.eq_ignore_ascii_case(prefix))
        })
    };
    if matches!(namespace, "eip155" | "cosmos") || (namespace == "bip122" && bech32()) {
        name.to_ascii_lowercase()
    } else {
        name.to_owned()
    }
}

fn evm_address(what: &'static str, text: &str) -> Result<(), CaipError> {
    let digits = text.strip_prefix("0x").unwrap_or("");
    if digits.len() == 40 && digits.bytes().all(|c| c.is_ascii_hexdigit()) {
        return Ok(());
    }
    Err(CaipError::Form {
        what,
        expected: "0x and 40 hexadecimal digits",
    })
}

fn decimal(what: &'static str, text: &str) -> Result<(), CaipError> {
    let zero_led = text.len() > 1 && text.starts_with('0');
    if !zero_led && !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()) {
        return Ok(());
    }
    Err(CaipError::Form {
        what,
        expected: "a decimal number without leading zeros",
    })
}

fn cut<'a>(
    text: &'a str,
    separator: char,
    what: &'static str,
) -> Result<(&'a str, &'a str), CaipError> {
    text.split_once(separator)
        .ok_or(CaipError::Separator { what, separator })
}

const fn at_most(what: &'static str, text: &str, max: usize) -> Result<(), CaipError> {
    if text.len() > max {
        Err(CaipError::TooLong {
            what,
            max,
            found: text.len(),
        })
    } else {
        Ok(())
    }
}

fn part(
    what: &'static str,
    text: &str,
    min: usize,
    max: usize,
    allowed: impl Fn(u8) -> bool,
) -> Result<(), CaipError> {
    at_most(what, text, max)?;
    if text.len() < min {
        return Err(CaipError::TooShort {
            what,
            min,
            found: text.len(),
        });
    }
    text.bytes()
        .position(|c| !allowed(c))
        .map_or(Ok(()), |at| Err(CaipError::Character { what, at }))
}
