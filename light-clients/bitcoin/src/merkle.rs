//! Merkle branches over transaction ids, with the guards that the tree itself lacks.
//!
//! Bitcoin's tree does not commit to its depth, its number of leaves, or to what is a leaf. Three things follow, and each
//! has its rule here: an odd node is hashed with itself, so that the tail can be claimed twice (CVE-2012-2459); an
//! inner node is 64 bytes, as a transaction may be (CVE-2017-12842); and a branch can be cut or drawn out accordingly.

use thiserror::Error;

use crate::{Txid, hash::node_hash};

/// Depth of a block's tree at most: 1,000,000 bytes hold fewer than 2^15 transactions of 60 bytes.
pub const MAX_DEPTH: usize = 15;

/// A branch that proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MerkleFault {
    /// Deeper than a block's tree can be.
    #[error("at most {MAX_DEPTH} levels, found {found}")]
    TooDeep {
        /// Levels found.
        found: usize,
    },
    /// The position has more bits than the branch levels.
    #[error("position {position} is beyond a tree of {depth} levels")]
    PositionOutOfTree {
        /// The position.
        position: u32,
        /// Levels of the branch.
        depth: usize,
    },
    /// A node and its sibling are equal, and this is not the end of the tree seen from the left: the position is that
    /// of a copy (CVE-2012-2459).
    #[error("level {level}: equal nodes, and the position {position} is not the original's")]
    DuplicateTail {
        /// The level, from the leaves.
        level: usize,
        /// The position.
        position: u32,
    },
    /// The branch leads to another root.
    #[error("expected root {expected}, found {found}", expected = Txid(*expected), found = Txid(*found))]
    WrongRoot {
        /// The header's root.
        expected: [u8; 32],
        /// Where the branch leads.
        found: [u8; 32],
    },
}

/// A leaf's way up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch<'a> {
    /// The leaf's place among the block's transactions.
    pub position: u32,
    /// The siblings, from the leaf up.
    pub siblings: &'a [[u8; 32]],
}

impl Branch<'_> {
    /// The root that the branch leads to from a leaf.
    ///
    /// # Errors
    /// It is too deep, the position is not in the tree, or is that of a copy.
    pub fn root(&self, leaf: &Txid) -> Result<[u8; 32], MerkleFault> {
        let (position, depth) = (self.position, self.siblings.len());
        if depth > MAX_DEPTH {
            return Err(MerkleFault::TooDeep { found: depth });
        }
        if position >> depth != 0 {
            return Err(MerkleFault::PositionOutOfTree { position, depth });
        }
        let (mut node, mut at_the_end) = (leaf.0, false);
        for (level, sibling) in self.siblings.iter().enumerate() {
            let (is_right, equal) = (position >> level & 1 == 1, node == *sibling);
            // What stands at the end of a level has nothing but its own copy to the right, on no level above.
            if equal && is_right || at_the_end && !is_right && !equal {
                return Err(MerkleFault::DuplicateTail { level, position });
            }
            at_the_end |= equal;
            node = if is_right { node_hash(sibling, &node) } else { node_hash(&node, sibling) };
        }
        Ok(node)
    }

    /// Checks that the branch leads from a leaf to a root.
    ///
    /// This alone does not show that the leaf is a transaction: an inner node has a branch too. See
    /// [`crate::proof::Inclusion`], which compares with the coinbase's.
    ///
    /// # Errors
    /// As [`Branch::root`], or it leads to another root.
    pub fn check(&self, leaf: &Txid, expected: &[u8; 32]) -> Result<(), MerkleFault> {
        let found = self.root(leaf)?;
        if found == *expected { Ok(()) } else { Err(MerkleFault::WrongRoot { expected: *expected, found }) }
    }
}
