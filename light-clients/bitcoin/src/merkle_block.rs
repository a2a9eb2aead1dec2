//! What `gettxoutproof` answers: a header and a partial Merkle tree (BIP 37, `CMerkleBlock`).
//!
//! The number of transactions in it is the prover's word. It can shift the level of the leaves, and with it make
//! an inner node a "transaction": take branches from here ([`MerkleBlock::branch`]) and have them judged beside the
//! coinbase by [`crate::proof::Inclusion`].

use alloc::{collections::BTreeMap, vec::Vec};

use thiserror::Error;

use crate::{HEADER_BYTES, Header, TxFault, Txid, hash::node_hash, transaction::Reader};

/// Transactions of a block at most: 4,000,000 units of weight, 240 for the least (`MAX_BLOCK_WEIGHT`,
/// `MIN_TRANSACTION_WEIGHT`).
pub const MAX_TRANSACTIONS: u32 = 4_000_000 / 240;

/// Bytes of a partial tree at most: every leaf and a few numbers.
pub const MAX_MERKLE_BLOCK_BYTES: usize = HEADER_BYTES + 4 + 3 + 32 * MAX_TRANSACTIONS as usize + 3 + 8_192;

/// Bytes that are no partial tree, or not of the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MerkleBlockFault {
    /// Longer than the bound.
    #[error("at most {limit} bytes, found {found}")]
    TooLarge {
        /// The bound.
        limit: usize,
        /// The length found.
        found: usize,
    },
    /// The bytes end, or a length is not in its shortest form.
    #[error(transparent)]
    Format(#[from] TxFault),
    /// No transactions, or more than a block can hold.
    #[error("expected 1 to {MAX_TRANSACTIONS} transactions, found {found}")]
    Transactions {
        /// The number found.
        found: u32,
    },
    /// More hashes than leaves.
    #[error("{hashes} hashes for {transactions} transactions")]
    TooManyHashes {
        /// Hashes found.
        hashes: u64,
        /// Leaves.
        transactions: u32,
    },
    /// The tree wants more hashes or flags than there are.
    #[error("the tree is not complete: {hashes} hashes, {flags} flags")]
    Incomplete {
        /// Hashes found.
        hashes: usize,
        /// Flags found.
        flags: usize,
    },
    /// Hashes or flags that the tree does not need, or set bits in the padding.
    #[error("{hashes} hashes and {flags} flags are left over")]
    Surplus {
        /// Hashes left.
        hashes: usize,
        /// Flags left.
        flags: usize,
    },
    /// Two equal neighbours that were both given: a copied tail (CVE-2012-2459).
    #[error("level {level}: nodes {left} and its right neighbour are equal")]
    DuplicateTail {
        /// The level, from the leaves.
        level: u32,
        /// Place of the left one.
        left: u32,
    },
    /// The tree is of another root.
    #[error("expected root {expected}, found {found}", expected = Txid(*expected), found = Txid(*found))]
    WrongRoot {
        /// The header's root.
        expected: [u8; 32],
        /// The tree's.
        found: [u8; 32],
    },
    /// Something behind the end.
    #[error("{0} bytes behind the end")]
    Trailing(usize),
}

/// A transaction that the partial tree points out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// Place in the block, if the number of transactions is right.
    pub position: u32,
    /// Its id.
    pub txid: Txid,
}

/// A header and a partial tree under its root.
#[derive(Clone, Debug)]
pub struct MerkleBlock<'a> {
    header: Header<'a>,
    transactions: u32,
    matches: Vec<Match>,
    /// Every node met, by level and place.
    nodes: BTreeMap<(u32, u32), [u8; 32]>,
}

impl<'a> MerkleBlock<'a> {
    /// Reads and checks a partial tree.
    ///
    /// # Errors
    /// The bytes are not exactly one, or it is not of the header's root.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, MerkleBlockFault> {
        if bytes.len() > MAX_MERKLE_BLOCK_BYTES {
            return Err(MerkleBlockFault::TooLarge { limit: MAX_MERKLE_BLOCK_BYTES, found: bytes.len() });
        }
        let short = TxFault::Ended { at: bytes.len(), needed: HEADER_BYTES.saturating_sub(bytes.len()) as u64 };
        let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(short)?;
        let mut reader = Reader { bytes: rest, at: 0 };
        let transactions = u32::from_le_bytes(reader.array()?);
        if transactions == 0 || transactions > MAX_TRANSACTIONS {
            return Err(MerkleBlockFault::Transactions { found: transactions });
        }
        let count = reader.count(32)?;
        if count > transactions.into() {
            return Err(MerkleBlockFault::TooManyHashes { hashes: count, transactions });
        }
        let (hashes, _) = reader.take(32 * count)?.as_chunks::<32>();
        let flag_bytes = reader.count(1)?;
        let flags = reader.take(flag_bytes)?;
        match reader.rest().len() {
            0 => {}
            trailing => return Err(MerkleBlockFault::Trailing(trailing)),
        }
        let header = Header::new(header);
        let mut walk =
            Walk { transactions, hashes, flags, hash: 0, flag: 0, matches: Vec::new(), nodes: BTreeMap::new() };
        let found = walk.node(walk.depth(), 0)?;
        walk.ends()?;
        let expected = header.merkle_root();
        if found != expected {
            return Err(MerkleBlockFault::WrongRoot { expected, found });
        }
        Ok(Self { header, transactions, matches: walk.matches, nodes: walk.nodes })
    }

    /// The header.
    pub const fn header(&self) -> Header<'a> {
        self.header
    }

    /// Number of the block's transactions, by the prover's word.
    pub const fn transactions(&self) -> u32 {
        self.transactions
    }

    /// What the tree points out, by place.
    pub fn matches(&self) -> &[Match] {
        &self.matches
    }

    /// The siblings of a leaf that the tree points out, from the leaf up.
    pub fn branch(&self, position: u32) -> Option<Vec<[u8; 32]>> {
        self.matches.iter().find(|found| found.position == position)?;
        let depth = depth_of(self.transactions);
        let sibling = |level: u32| {
            let place = (position >> level) ^ 1;
            // An odd tail is its own sibling.
            self.nodes.get(&(level, place)).or_else(|| self.nodes.get(&(level, position >> level))).copied()
        };
        (0..depth).map(sibling).collect()
    }
}

/// Levels above the leaves.
const fn depth_of(transactions: u32) -> u32 {
    transactions.next_power_of_two().trailing_zeros()
}

/// Reads the tree depth first, as it was written.
struct Walk<'a> {
    transactions: u32,
    hashes: &'a [[u8; 32]],
    flags: &'a [u8],
    hash: usize,
    flag: usize,
    matches: Vec<Match>,
    nodes: BTreeMap<(u32, u32), [u8; 32]>,
}

impl Walk<'_> {
    fn depth(&self) -> u32 {
        depth_of(self.transactions)
    }

    /// Nodes on a level.
    fn width(&self, level: u32) -> u32 {
        self.transactions.div_ceil(1 << level)
    }

    fn incomplete(&self) -> MerkleBlockFault {
        MerkleBlockFault::Incomplete { hashes: self.hashes.len(), flags: 8 * self.flags.len() }
    }

    fn next_flag(&mut self) -> Option<bool> {
        let byte = self.flags.get(self.flag / 8)?;
        let flag = byte >> (self.flag % 8) & 1 == 1;
        self.flag += 1;
        Some(flag)
    }

    fn next_hash(&mut self) -> Option<[u8; 32]> {
        let hash = self.hashes.get(self.hash).copied();
        self.hash += 1;
        hash
    }

    /// The node at a level and place. Goes as deep as the tree: 15 levels.
    fn node(&mut self, level: u32, place: u32) -> Result<[u8; 32], MerkleBlockFault> {
        let leads_to_match = self.next_flag().ok_or_else(|| self.incomplete())?;
        let node = match level.checked_sub(1).filter(|_| leads_to_match) {
            None => {
                let hash = self.next_hash().ok_or_else(|| self.incomplete())?;
                if leads_to_match {
                    self.matches.push(Match { position: place, txid: Txid(hash) });
                }
                hash
            }
            Some(below) => {
                let left = self.node(below, 2 * place)?;
                let right = match 2 * place + 1 < self.width(below) {
                    true => self.node(below, 2 * place + 1)?,
                    false => {
                        self.nodes.insert((level, place), node_hash(&left, &left));
                        return Ok(node_hash(&left, &left));
                    }
                };
                if left == right {
                    return Err(MerkleBlockFault::DuplicateTail { level: below, left: 2 * place });
                }
                node_hash(&left, &right)
            }
        };
        self.nodes.insert((level, place), node);
        Ok(node)
    }

    /// Every hash and every flag was needed; padding is zero.
    fn ends(&self) -> Result<(), MerkleBlockFault> {
        let hashes = self.hashes.len().saturating_sub(self.hash);
        let flags = (8 * self.flags.len()).saturating_sub(self.flag);
        let padding = self.flags.last().map_or(0, |last| u32::from(*last) >> (8 - (flags as u32).min(8)));
        match hashes == 0 && flags < 8 && (flags == 0 || padding == 0) {
            true => Ok(()),
            false => Err(MerkleBlockFault::Surplus { hashes, flags }),
        }
    }
}
