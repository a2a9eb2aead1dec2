//! One node: a view of the chain with its own faults.

use std::sync::{Arc, RwLockReadGuard};

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::B256,
};
use tokio::sync::{Semaphore, watch};

use super::RpcError;
use crate::{block::Block, core::Core, faults::Faults, ledger::Ledger, state::State, sync::read};

/// What an endpoint serves from.
pub(crate) struct Node {
    pub(crate) core: Arc<Core>,
    pub(crate) faults: watch::Sender<Arc<Faults>>,
    /// Bounds WebSocket connections.
    pub(crate) connections: Arc<Semaphore>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Node {
    pub(crate) fn faults(&self) -> Arc<Faults> {
        self.faults.borrow().clone()
    }

    /// The chain as this node shows it now.
    pub(crate) fn view<'a>(&'a self, faults: &'a Faults) -> View<'a> {
        let ledger = read(&self.core.ledger);
        let head = faults.head(ledger.head());
        View { core: &self.core, faults, ledger, head }
    }
}

/// The ledger up to the height that a node shows. Holds the ledger's read lock: short work only.
pub(crate) struct View<'a> {
    pub(crate) core: &'a Core,
    pub(crate) faults: &'a Faults,
    pub(crate) ledger: RwLockReadGuard<'a, Ledger>,
    pub(crate) head: u64,
}

impl View<'_> {
    /// A visible block by number.
    pub(crate) fn block(&self, number: u64) -> Option<&Arc<Block>> {
        (number <= self.head).then(|| self.ledger.block(number)).flatten()
    }

    /// A visible block by hash.
    pub(crate) fn block_by_hash(&self, hash: &B256) -> Option<&Arc<Block>> {
        self.block(self.ledger.number_of(hash)?)
    }

    /// A visible transaction's block and index.
    pub(crate) fn transaction(&self, hash: &B256) -> Option<(&Arc<Block>, usize)> {
        let (number, index) = self.ledger.transaction(hash)?;
        Some((self.block(number)?, index))
    }

    /// The height that a tag or number names, whether or not it is there.
    pub(crate) fn number(&self, tag: BlockNumberOrTag) -> Result<u64, RpcError> {
        match tag {
            BlockNumberOrTag::Latest | BlockNumberOrTag::Pending => Ok(self.head),
            BlockNumberOrTag::Earliest => Ok(0),
            BlockNumberOrTag::Number(number) => Ok(number),
            BlockNumberOrTag::Finalized | BlockNumberOrTag::Safe => {
                if self.core.config.rpc.finality_tags {
                    Ok(self.head)
                } else {
                    // What a node says that does not know the tag.
                    Err(RpcError::invalid_params("invalid argument 0: hex string without 0x prefix"))
                }
            }
        }
    }

    /// A block that must be there.
    pub(crate) fn require(&self, id: BlockId) -> Result<&Arc<Block>, RpcError> {
        match id {
            BlockId::Number(tag) => self.block(self.number(tag)?).ok_or_else(RpcError::header_not_found),
            BlockId::Hash(hash) => {
                self.block_by_hash(&hash.block_hash).ok_or_else(|| RpcError::server("header for hash not found"))
            }
        }
    }

    /// A block and its state; pruned states are an error, as on a full node.
    pub(crate) fn state(&self, id: BlockId) -> Result<(&Arc<Block>, &State), RpcError> {
        let block = self.require(id)?;
        let state = self.ledger.state(block.header.number).ok_or_else(|| RpcError::pruned(block.header.state_root))?;
        Ok((block, state))
    }
}
