//! Positional parameters of a request, and the forms that only JSON-RPC knows.

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{B256, U256},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::RpcError;

/// The positional parameters.
pub(crate) struct Params(Vec<Value>);

impl Params {
    pub(crate) fn new(value: Option<Value>) -> Result<Self, RpcError> {
        match value {
            None | Some(Value::Null) => Ok(Self(Vec::new())),
            Some(Value::Array(values)) => Ok(Self(values)),
            Some(_) => Err(RpcError::invalid_params("non-array args")),
        }
    }

    /// A parameter that must be there.
    pub(crate) fn get<T: DeserializeOwned>(&self, index: usize) -> Result<T, RpcError> {
        self.optional(index)?
            .ok_or_else(|| RpcError::invalid_params(format!("missing value for required argument {index}")))
    }

    /// A parameter that may be missing or null.
    pub(crate) fn optional<T: DeserializeOwned>(&self, index: usize) -> Result<Option<T>, RpcError> {
        match self.0.get(index) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::deserialize(value)
                .map(Some)
                .map_err(|error| RpcError::invalid_params(format!("invalid argument {index}: {error}"))),
        }
    }

    /// A block, the newest if none is named.
    pub(crate) fn block(&self, index: usize) -> Result<BlockId, RpcError> {
        Ok(self.optional(index)?.unwrap_or(BlockId::Number(BlockNumberOrTag::Latest)))
    }

    /// A number as JSON number, `0x` quantity or decimal string.
    pub(crate) fn number(&self, index: usize) -> Result<u64, RpcError> {
        let value: Value = self.get(index)?;
        let number = match &value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse::<U256>().ok().and_then(|n| u64::try_from(n).ok()),
            _ => None,
        };
        number.ok_or_else(|| RpcError::invalid_params(format!("invalid argument {index}")))
    }
}

/// A storage slot, which nodes take in any length of hex up to 32 bytes.
pub(crate) fn slot(text: &str) -> Result<B256, RpcError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if digits.len() > 64 {
        return Err(RpcError::invalid_params("storage key too long"));
    }
    U256::from_str_radix(digits, 16).map(B256::from).map_err(|_| RpcError::invalid_params("invalid storage key"))
}
