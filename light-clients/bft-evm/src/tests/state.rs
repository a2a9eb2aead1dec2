//! A small state with accounts and storage, and its proofs as `eth_getProof` serves them.

use std::{collections::BTreeMap, vec::Vec};

use alloy_primitives::{Address, B256, keccak256};
use alloy_trie::{HashBuilder, Nibbles, proof::ProofRetainer};
use causeway_mpt::{EMPTY_ROOT, rlp};

/// Hashed keys and values of one trie.
#[derive(Clone, Default)]
pub(super) struct Trie(BTreeMap<B256, Vec<u8>>);

impl Trie {
    fn builder(&self, targets: Vec<Nibbles>) -> HashBuilder {
        let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::from_iter(targets));
        for (key, value) in &self.0 {
            builder.add_leaf(Nibbles::unpack(key), value);
        }
        builder
    }

    fn root(&self) -> B256 {
        if self.0.is_empty() { EMPTY_ROOT } else { self.builder(Vec::new()).root() }
    }

    fn proof(&self, key: &[u8]) -> Vec<Vec<u8>> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let target = Nibbles::unpack(keccak256(key));
        let mut builder = self.builder([target].into());
        builder.root();
        let nodes = builder.take_proof_nodes().matching_nodes_sorted(&target);
        nodes.into_iter().map(|(_, node)| node.to_vec()).collect()
    }
}

/// Accounts with their storage.
#[derive(Clone, Default)]
pub(super) struct State {
    storage: BTreeMap<Address, Trie>,
}

impl State {
    /// A state of many accounts, so that paths have several nodes.
    pub(super) fn crowded() -> Self {
        let mut state = Self::default();
        for number in 0u64..60 {
            state.set(
                Address::left_padding_from(&number.to_be_bytes()),
                B256::with_last_byte(1),
                B256::with_last_byte(2),
            );
        }
        state
    }

    /// Makes the account exist and, unless the word is zero, writes it.
    pub(super) fn set(&mut self, account: Address, slot: B256, word: B256) {
        let storage = self.storage.entry(account).or_default();
        if word.is_zero() {
            return;
        }
        let zeros = word.iter().take_while(|byte| **byte == 0).count();
        let mut value = Vec::new();
        rlp::put_bytes(&mut value, &word[zeros..]);
        storage.0.insert(keccak256(slot), value);
    }

    fn accounts(&self) -> Trie {
        let encode = |storage: &Trie| {
            let mut items = Vec::new();
            rlp::put_u64(&mut items, 1);
            rlp::put_u64(&mut items, 0);
            rlp::put_bytes(&mut items, storage.root().as_slice());
            rlp::put_bytes(&mut items, keccak256(b"code").as_slice());
            rlp::list(&items)
        };
        Trie(self.storage.iter().map(|(account, storage)| (keccak256(account), encode(storage))).collect())
    }

    pub(super) fn root(&self) -> B256 {
        self.accounts().root()
    }

    pub(super) fn account_nodes(&self, account: Address) -> Vec<Vec<u8>> {
        self.accounts().proof(account.as_slice())
    }

    pub(super) fn slot_nodes(&self, account: Address, slot: B256) -> Vec<Vec<u8>> {
        self.storage.get(&account).map(|storage| storage.proof(slot.as_slice())).unwrap_or_default()
    }
}
