//! The writes of one block (or one call) over a version of the state: what revm reads from and commits to.

use std::convert::Infallible;

use alloy::primitives::{
    Address, B256, U256, keccak256,
    map::{AddressMap, HashMap},
};
use revm::{
    Database, DatabaseCommit,
    bytecode::Bytecode,
    state::{Account as EvmAccount, AccountInfo},
};

use super::{Account, State, Word, trie::Change};

/// Hashes of earlier blocks, for the `BLOCKHASH` instruction.
pub(crate) trait BlockHashes {
    /// The hash of a block, zero where there is none.
    fn block_hash(&self, number: u64) -> B256;
}

/// Changes over a base state that is never written.
pub(crate) struct Overlay<'a> {
    base: State,
    hashes: &'a dyn BlockHashes,
    dirty: AddressMap<Dirty>,
}

#[derive(Default)]
struct Dirty {
    /// `None`: the account does not exist (any more).
    info: Option<AccountInfo>,
    storage: HashMap<U256, U256>,
    /// The storage below is gone: the account was created or destroyed in this block.
    cleared: bool,
}

impl<'a> Overlay<'a> {
    pub(crate) fn new(base: State, hashes: &'a dyn BlockHashes) -> Self {
        Self { base, hashes, dirty: AddressMap::default() }
    }

    /// Sets an account's fields directly: genesis allocations and the overrides of `eth_call`.
    pub(crate) fn modify(&mut self, address: Address, change: impl FnOnce(&mut AccountInfo)) {
        let mut info = self.account(address).unwrap_or_default();
        change(&mut info);
        self.dirty.entry(address).or_default().info = Some(info);
    }

    /// Sets a storage word directly, see [`Self::modify`].
    pub(crate) fn set_storage(&mut self, address: Address, slot: U256, value: U256) {
        self.modify(address, |_| {});
        self.dirty.entry(address).or_default().storage.insert(slot, value);
    }

    /// Empties an account's storage, see [`Self::modify`].
    pub(crate) fn clear_storage(&mut self, address: Address) {
        self.modify(address, |_| {});
        let dirty = self.dirty.entry(address).or_default();
        dirty.storage.clear();
        dirty.cleared = true;
    }

    fn account(&self, address: Address) -> Option<AccountInfo> {
        match self.dirty.get(&address) {
            Some(dirty) => dirty.info.clone(),
            None => self.base.account(address).map(Account::info),
        }
    }

    /// The base state with all changes applied.
    pub(crate) fn finish(self) -> State {
        let base = &self.base;
        let changes: Vec<Change<Account>> = self
            .dirty
            .into_iter()
            .map(|(address, dirty)| {
                let key = keccak256(address);
                let Some(info) = dirty.info else {
                    return (key, None);
                };
                let mut storage = match base.accounts.get(&key) {
                    Some(account) if !dirty.cleared => account.storage.clone(),
                    _ => Default::default(),
                };
                if !dirty.storage.is_empty() {
                    let words = dirty.storage.into_iter().map(|(slot, value)| {
                        let key = keccak256(B256::from(slot));
                        (key, (!value.is_zero()).then_some(Word(value)))
                    });
                    storage = storage.update(words.collect());
                }
                let account = Account {
                    nonce: info.nonce,
                    balance: info.balance,
                    code_hash: info.code_hash,
                    code: info.code.filter(|code| !code.is_empty()),
                    storage,
                };
                (key, Some(account))
            })
            .collect();
        State { accounts: self.base.accounts.update(changes) }
    }
}

impl Database for Overlay<'_> {
    type Error = Infallible;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(self.account(address))
    }

    fn code_by_hash(&mut self, _hash: B256) -> Result<Bytecode, Infallible> {
        // Accounts always carry their code, so revm never asks by hash.
        Ok(Bytecode::default())
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Infallible> {
        if let Some(dirty) = self.dirty.get(&address) {
            if let Some(value) = dirty.storage.get(&slot) {
                return Ok(*value);
            }
            if dirty.cleared {
                return Ok(U256::ZERO);
            }
        }
        Ok(self.base.storage(address, slot.into()))
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Infallible> {
        Ok(self.hashes.block_hash(number))
    }
}

impl DatabaseCommit for Overlay<'_> {
    fn commit(&mut self, changes: AddressMap<EvmAccount>) {
        for (address, account) in changes {
            if !account.is_touched() {
                continue;
            }
            let dirty = self.dirty.entry(address).or_default();
            // EIP-161: an account touched and left empty is removed.
            if account.is_selfdestructed() || account.is_empty() {
                *dirty = Dirty { cleared: true, ..Dirty::default() };
                continue;
            }
            if account.is_created() {
                dirty.storage.clear();
                dirty.cleared = true;
            }
            dirty.info = Some(account.info);
            for (slot, value) in account.storage {
                if value.is_changed() {
                    dirty.storage.insert(slot, value.present_value);
                }
            }
        }
    }
}
