//! Chains (CAIP-2).

use alloc::{borrow::ToOwned, format, string::String};
use core::{fmt, str::FromStr};

use alloy_primitives::{B256, keccak256};

use super::{
    CaipError, MAX_CHAIN,
    syntax::{at_most, cut, decimal, part},
};

/// A chain by its CAIP-2 id, as `eip155:1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Caip2(String);

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
        self.0.split_once(':').map_or("", |(namespace, _)| namespace)
    }

    /// The reference within the namespace, as `1`.
    #[must_use]
    pub fn reference(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, reference)| reference)
    }

    /// The EVM chain id, of an `eip155` chain whose id fits.
    #[must_use]
    pub fn evm_chain_id(&self) -> Option<u64> {
        if self.namespace() == "eip155" { self.reference().parse().ok() } else { None }
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
        part("chain namespace", namespace, 3, 8, |c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-'))?;
        part("chain reference", reference, 1, 32, |c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))?;
        if namespace == "eip155" {
            decimal("chain reference", reference)?;
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Caip2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
