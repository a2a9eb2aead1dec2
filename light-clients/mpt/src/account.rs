//! The values of state tries: accounts and storage words.

use alloy_primitives::{B256, U256};

use crate::rlp::{self, RlpError};

/// An account of the state trie (Yellow Paper §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Wei.
    pub balance: U256,
    /// Root of the account's storage trie.
    pub storage_root: B256,
    /// Keccak-256 of the account's code.
    pub code_hash: B256,
}

/// Decodes the value under an account's key.
///
/// # Errors
/// The bytes are not the canonical encoding of an account.
pub fn decode_account(value: &[u8]) -> Result<Account, RlpError> {
    let mut items = rlp::exact(value)?.items()?;
    let account = Account {
        nonce: items.item()?.u64()?,
        balance: items.item()?.u256()?,
        storage_root: items.item()?.hash()?,
        code_hash: items.item()?.hash()?,
    };
    items.end()?;
    Ok(account)
}

/// Decodes the value under a storage slot's key.
///
/// # Errors
/// The bytes are not the canonical encoding of a word. Zero is none: a slot that holds it is absent from the trie.
pub fn decode_word(value: &[u8]) -> Result<B256, RlpError> {
    let item = rlp::exact(value)?;
    let word = item.number::<32>()?;
    if item.payload().is_empty() {
        return Err(RlpError::Length { expected: 32, found: 0 });
    }
    Ok(B256::new(word))
}
