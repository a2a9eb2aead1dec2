//! World state: accounts and their storage in persistent tries, one version per block.

mod overlay;
mod trie;

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Encodable;
use alloy_trie::{KECCAK_EMPTY, TrieAccount};
use revm::{bytecode::Bytecode, state::AccountInfo};

pub(crate) use overlay::{BlockHashes, Overlay};
use trie::{Trie, TrieValue};

/// A word of contract storage. Zero is never stored.
#[derive(Clone, Debug)]
struct Word(U256);

impl TrieValue for Word {
    fn encode_value(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }
}

/// An account with its code and storage; cloning it shares both.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    nonce: u64,
    balance: U256,
    code_hash: B256,
    code: Option<Bytecode>,
    storage: Trie<Word>,
}

impl Default for Account {
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: KECCAK_EMPTY, code: None, storage: Trie::default() }
    }
}

impl TrieValue for Account {
    fn encode_value(&self, out: &mut Vec<u8>) {
        TrieAccount {
            nonce: self.nonce,
            balance: self.balance,
            storage_root: self.storage.root(),
            code_hash: self.code_hash,
        }
        .encode(out);
    }
}

impl Account {
    fn info(&self) -> AccountInfo {
        AccountInfo {
            balance: self.balance,
            nonce: self.nonce,
            code_hash: self.code_hash,
            account_id: None,
            code: Some(self.code.clone().unwrap_or_default()),
        }
    }
}

/// One version of the world state. Cloning it is one reference count.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    accounts: Trie<Account>,
}

/// What `eth_getProof` answers for one account.
pub(crate) struct AccountProof {
    pub(crate) nodes: Vec<Bytes>,
    pub(crate) nonce: u64,
    pub(crate) balance: U256,
    pub(crate) code_hash: B256,
    pub(crate) storage_root: B256,
    /// Value and nodes of each slot asked for, in order.
    pub(crate) slots: Vec<(B256, U256, Vec<Bytes>)>,
}

impl State {
    /// The state root.
    pub(crate) fn root(&self) -> B256 {
        self.accounts.root()
    }

    fn account(&self, address: Address) -> Option<&Account> {
        self.accounts.get(&keccak256(address))
    }

    pub(crate) fn nonce(&self, address: Address) -> u64 {
        self.account(address).map_or(0, |account| account.nonce)
    }

    pub(crate) fn balance(&self, address: Address) -> U256 {
        self.account(address).map_or(U256::ZERO, |account| account.balance)
    }

    pub(crate) fn code(&self, address: Address) -> Bytes {
        self.account(address)
            .and_then(|account| account.code.as_ref())
            .map(Bytecode::original_bytes)
            .unwrap_or_default()
    }

    pub(crate) fn storage(&self, address: Address, slot: B256) -> U256 {
        self.account(address)
            .and_then(|account| account.storage.get(&keccak256(slot)))
            .map_or(U256::ZERO, |word| word.0)
    }

    /// Proofs of an account and of some of its slots, as geth gives them: an absent account has empty slot proofs.
    pub(crate) fn prove(&self, address: Address, slots: &[B256]) -> AccountProof {
        let key = keccak256(address);
        let account = self.accounts.get(&key).cloned().unwrap_or_default();
        let slots = slots
            .iter()
            .map(|slot| {
                let key = keccak256(slot);
                let value = account.storage.get(&key).map_or(U256::ZERO, |word| word.0);
                (*slot, value, account.storage.prove(&key))
            })
            .collect();
        AccountProof {
            nodes: self.accounts.prove(&key),
            nonce: account.nonce,
            balance: account.balance,
            code_hash: account.code_hash,
            storage_root: account.storage.root(),
            slots,
        }
    }
}
