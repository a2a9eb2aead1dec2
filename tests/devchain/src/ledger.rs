//! The chain that nodes serve: sealed blocks, where transactions are, and the states that are still kept.

use std::{collections::VecDeque, sync::Arc};

use alloy::primitives::{B256, map::HashMap};

use crate::{
    block::Block,
    consensus::Validators,
    state::{BlockHashes, State},
};

/// Blocks and states. Number n stands at index n.
pub(crate) struct Ledger {
    blocks: Vec<Arc<Block>>,
    by_hash: HashMap<B256, u64>,
    transactions: HashMap<B256, (u64, usize)>,
    /// The newest states and the validators in force after each, oldest first, the last one the head's.
    states: VecDeque<(State, Validators)>,
    history: usize,
}

impl Ledger {
    pub(crate) fn new(genesis: Arc<Block>, state: State, validators: Validators, history: usize) -> Self {
        let mut ledger = Self {
            blocks: Vec::new(),
            by_hash: HashMap::default(),
            transactions: HashMap::default(),
            states: VecDeque::new(),
            history: history.max(1),
        };
        ledger.append(genesis, state, validators);
        ledger
    }

    pub(crate) fn append(&mut self, block: Arc<Block>, state: State, validators: Validators) {
        let number = self.blocks.len() as u64;
        self.by_hash.insert(block.hash, number);
        for (index, transaction) in block.transactions.iter().enumerate() {
            self.transactions.insert(transaction.hash(), (number, index));
        }
        self.blocks.push(block);
        if self.states.len() == self.history {
            self.states.pop_front();
        }
        self.states.push_back((state, validators));
    }

    /// Number of the newest block.
    pub(crate) fn head(&self) -> u64 {
        self.blocks.len() as u64 - 1
    }

    pub(crate) fn block(&self, number: u64) -> Option<&Arc<Block>> {
        self.blocks.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn number_of(&self, hash: &B256) -> Option<u64> {
        self.by_hash.get(hash).copied()
    }

    /// Block number and index of a transaction.
    pub(crate) fn transaction(&self, hash: &B256) -> Option<(u64, usize)> {
        self.transactions.get(hash).copied()
    }

    /// The state after a block, `None` where it is pruned or not yet there.
    pub(crate) fn state(&self, number: u64) -> Option<&State> {
        self.kept(number).map(|(state, _)| state)
    }

    /// The validators of the header after a block, where still kept.
    pub(crate) fn validators(&self, number: u64) -> Option<&Validators> {
        self.kept(number).map(|(_, validators)| validators)
    }

    fn kept(&self, number: u64) -> Option<&(State, Validators)> {
        let back = self.head().checked_sub(number)?;
        let index = self.states.len().checked_sub(1 + usize::try_from(back).ok()?)?;
        self.states.get(index)
    }

    /// Takes the newest `count` blocks off, as a node restored from an older backup would; how many went. Bounded by the
    /// states that are kept and by the genesis block.
    pub(crate) fn rewind(&mut self, count: u64) -> u64 {
        let mut gone = 0;
        while gone < count && self.states.len() > 1 && self.blocks.len() > 1 {
            self.states.pop_back();
            if let Some(block) = self.blocks.pop() {
                self.by_hash.remove(&block.hash);
                for transaction in &block.transactions {
                    self.transactions.remove(&transaction.hash());
                }
            }
            gone += 1;
        }
        gone
    }
}

impl BlockHashes for std::sync::RwLock<Ledger> {
    fn block_hash(&self, number: u64) -> B256 {
        crate::sync::read(self).block(number).map_or(B256::ZERO, |block| block.hash)
    }
}
