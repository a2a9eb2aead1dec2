//! That a transaction is in a block of the trusted chain.

use alloc::vec::Vec;

use alloy_primitives::U256;
use thiserror::Error;

use crate::{
    BlockHash, HEADER_BYTES, Header, Params, Transaction, TrustedState, TxFault, Txid,
    header::headers_in,
    merkle::{Branch, MAX_DEPTH, MerkleFault},
    params::MAX_UPDATE_HEADERS,
    transaction::MAX_TRANSACTION_BYTES,
};

/// Version of the encoding of a proof.
const VERSION: u8 = 1;

/// Bytes of a proof at most: headers, two transactions and their branches.
pub const MAX_PROOF_BYTES: usize =
    64 + MAX_UPDATE_HEADERS * HEADER_BYTES + 2 * (MAX_TRANSACTION_BYTES + 32 * MAX_DEPTH);

/// Why a transaction is not believed to be in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProofRefusal {
    /// Longer than the bound.
    #[error("at most {limit} bytes, found {found}")]
    TooLarge {
        /// The bound.
        limit: usize,
        /// The length found.
        found: usize,
    },
    /// The bytes are no proof of this format.
    #[error("proof: malformed at byte {at}")]
    Malformed {
        /// Offset.
        at: usize,
    },
    /// A header's parent is not the header before it.
    #[error("header {at}: expected parent {expected}, found {found}")]
    NotAChild {
        /// Which of the headers.
        at: usize,
        /// Hash of the header before.
        expected: BlockHash,
        /// Parent that the header names.
        found: BlockHash,
    },
    /// The last header is no block of the trusted chain: not yet, no longer, or forgotten.
    #[error("block {block} is not among those remembered of the heaviest chain")]
    UnknownBlock {
        /// The block.
        block: BlockHash,
    },
    /// The client is frozen below the block, or not yet readable.
    #[error("the client is frozen at height {at}, and the block has height {height}")]
    Frozen {
        /// Freeze height.
        at: u32,
        /// The block's height.
        height: u32,
        /// Unix seconds from which blocks up to the freeze height may be read.
        readable_from: u64,
    },
    /// Too little work in the block and those on it. More may come.
    #[error("expected work {needed} from the block on, found {found}")]
    NotEnoughWork {
        /// Work needed.
        needed: U256,
        /// Work found.
        found: U256,
    },
    /// The transaction, or the coinbase, is none.
    #[error("{what}: {fault}")]
    Transaction {
        /// Which of the two.
        what: &'static str,
        /// What is wrong with it.
        fault: TxFault,
    },
    /// 64 bytes without witness: it could be two nodes of the tree (CVE-2017-12842).
    #[error("{txid} has 64 bytes and could be a node of the tree")]
    AmbiguousTx {
        /// The transaction.
        txid: Txid,
    },
    /// What should be the block's first transaction spends something.
    #[error("{txid} is no coinbase")]
    NotCoinbase {
        /// The transaction.
        txid: Txid,
    },
    /// The two are not on one level of the tree, so that one of them is no transaction.
    #[error("the coinbase is {coinbase} levels deep, the transaction {transaction}")]
    OtherDepth {
        /// Levels of the coinbase's branch.
        coinbase: usize,
        /// Levels of the transaction's branch.
        transaction: usize,
    },
    /// A branch does not lead to the header's root.
    #[error("{what}: {fault}")]
    Merkle {
        /// Whose branch.
        what: &'static str,
        /// What is wrong with it.
        fault: MerkleFault,
    },
}

impl ProofRefusal {
    /// Whether the same proof may be accepted later: with more blocks on it, or once they are known.
    pub const fn may_pass_later(&self) -> bool {
        match self {
            Self::UnknownBlock { .. } | Self::NotEnoughWork { .. } => true,
            Self::Frozen { at, height, .. } => *height <= *at,
            _ => false,
        }
    }
}

/// A proof that a transaction is in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion<'a> {
    /// Headers: the block's, and those after it up to one that the client remembers. Just one where it remembers the
    /// block itself.
    pub headers: &'a [u8],
    /// Place of the transaction in the block.
    pub position: u32,
    /// Its siblings in the tree, from the leaf up.
    pub siblings: Vec<[u8; 32]>,
    /// The transaction.
    pub transaction: &'a [u8],
    /// Siblings of the block's first transaction.
    pub coinbase_siblings: Vec<[u8; 32]>,
    /// The block's first transaction: its depth is the tree's.
    pub coinbase: &'a [u8],
}

/// A transaction that is in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Included<'a> {
    /// Height of its block.
    pub height: u32,
    /// Hash of its block.
    pub block: BlockHash,
    /// Work of its block and those on it, as far as remembered.
    pub work: U256,
    /// The transaction.
    pub transaction: Transaction<'a>,
}

impl<'a> Inclusion<'a> {
    /// Writes the proof: `u8 version | u16 n | n × header | u32 position | u8 d | d × sibling | u32 length | transaction |
    /// u8 c | c × sibling | u32 length | coinbase`, numbers big-endian. None if something is beyond its bound.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let headers = headers_in(self.headers).filter(|headers| headers.len() <= MAX_UPDATE_HEADERS)?;
        let mut out = Vec::new();
        out.push(VERSION);
        out.extend_from_slice(&u16::try_from(headers.len()).ok()?.to_be_bytes());
        out.extend_from_slice(self.headers);
        out.extend_from_slice(&self.position.to_be_bytes());
        let parts = [(&self.siblings, self.transaction), (&self.coinbase_siblings, self.coinbase)];
        for (siblings, transaction) in parts {
            if siblings.len() > MAX_DEPTH || transaction.len() > MAX_TRANSACTION_BYTES {
                return None;
            }
            out.push(siblings.len() as u8);
            out.extend_from_slice(siblings.as_flattened());
            out.extend_from_slice(&u32::try_from(transaction.len()).ok()?.to_be_bytes());
            out.extend_from_slice(transaction);
        }
        Some(out)
    }

    /// Reads a proof.
    ///
    /// # Errors
    /// The bytes are not exactly what [`Inclusion::encode`] writes.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, ProofRefusal> {
        if bytes.len() > MAX_PROOF_BYTES {
            return Err(ProofRefusal::TooLarge { limit: MAX_PROOF_BYTES, found: bytes.len() });
        }
        let mut rest = bytes;
        let malformed = |rest: &[u8]| ProofRefusal::Malformed { at: bytes.len() - rest.len() };
        let Some([VERSION]) = take(&mut rest) else { return Err(malformed(bytes)) };
        let count = usize::from(take(&mut rest).map(u16::from_be_bytes).ok_or_else(|| malformed(rest))?);
        if count == 0 || count > MAX_UPDATE_HEADERS {
            return Err(ProofRefusal::TooLarge { limit: MAX_UPDATE_HEADERS, found: count });
        }
        let headers = cut(&mut rest, count * HEADER_BYTES).ok_or_else(|| malformed(rest))?;
        let position = take(&mut rest).map(u32::from_be_bytes).ok_or_else(|| malformed(rest))?;
        let (siblings, transaction) = part(&mut rest).ok_or_else(|| malformed(rest))?;
        let (coinbase_siblings, coinbase) = part(&mut rest).ok_or_else(|| malformed(rest))?;
        if !rest.is_empty() {
            return Err(malformed(rest));
        }
        Ok(Self { headers, position, siblings, transaction, coinbase_siblings, coinbase })
    }

    /// Judges the proof: the block is in the trusted chain with at least `work` in it and those on it, and the
    /// transaction is in the block.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn verify(
        &self,
        params: &Params,
        trusted: &TrustedState,
        work: U256,
        now: u64,
    ) -> Result<Included<'a>, ProofRefusal> {
        let (header, height) = self.block(trusted)?;
        readable(params, trusted, height, now)?;
        // Of what lies below the oldest block remembered, that block's work is the least that is on it.
        let found = trusted.work_from(height.max(trusted.base().height())).unwrap_or_default();
        if found < work {
            return Err(ProofRefusal::NotEnoughWork { needed: work, found });
        }
        let transaction = self.transaction_under(&header.merkle_root())?;
        Ok(Included { height, block: header.hash(), work: found, transaction })
    }

    /// The block's header and height.
    fn block(&self, trusted: &TrustedState) -> Result<(Header<'a>, u32), ProofRefusal> {
        let headers = headers_in(self.headers).ok_or(ProofRefusal::Malformed { at: 3 })?;
        let first = headers.first().map(Header::new).ok_or(ProofRefusal::Malformed { at: 3 })?;
        let mut block = first.hash();
        for (at, header) in headers.iter().map(Header::new).enumerate().skip(1) {
            let (expected, found) = (block, header.parent());
            if expected != found {
                return Err(ProofRefusal::NotAChild { at, expected, found });
            }
            block = header.hash();
        }
        let height = trusted.height_of(&block).and_then(|height| height.checked_sub(headers.len() as u32 - 1));
        height.map(|height| (first, height)).ok_or(ProofRefusal::UnknownBlock { block })
    }

    /// The transaction, in the tree of this root.
    ///
    /// # Errors
    /// It is not, or can not be told from an inner node.
    pub fn transaction_under(&self, root: &[u8; 32]) -> Result<Transaction<'a>, ProofRefusal> {
        let transaction = plain_transaction("transaction", self.transaction)?;
        let coinbase = plain_transaction("coinbase", self.coinbase)?;
        if !coinbase.is_coinbase() {
            return Err(ProofRefusal::NotCoinbase { txid: coinbase.txid() });
        }
        let (deep, coinbase_deep) = (self.siblings.len(), self.coinbase_siblings.len());
        if deep != coinbase_deep {
            return Err(ProofRefusal::OtherDepth { coinbase: coinbase_deep, transaction: deep });
        }
        let first = Branch { position: 0, siblings: &self.coinbase_siblings };
        first.check(&coinbase.txid(), root).map_err(|fault| ProofRefusal::Merkle { what: "coinbase", fault })?;
        let branch = Branch { position: self.position, siblings: &self.siblings };
        let what = "transaction";
        branch.check(&transaction.txid(), root).map_err(|fault| ProofRefusal::Merkle { what, fault })?;
        Ok(transaction)
    }
}

fn plain_transaction<'a>(what: &'static str, bytes: &'a [u8]) -> Result<Transaction<'a>, ProofRefusal> {
    let transaction = Transaction::decode(bytes).map_err(|fault| ProofRefusal::Transaction { what, fault })?;
    if transaction.is_ambiguous() {
        return Err(ProofRefusal::AmbiguousTx { txid: transaction.txid() });
    }
    Ok(transaction)
}

/// Not frozen, or the block is at most the last common one and the delay, in which everybody sees the freeze, is over.
fn readable(params: &Params, trusted: &TrustedState, height: u32, now: u64) -> Result<(), ProofRefusal> {
    let Some(freeze) = trusted.frozen() else { return Ok(()) };
    let readable_from = freeze.since.saturating_add(params.freeze_delay);
    if height <= freeze.at && now >= readable_from {
        return Ok(());
    }
    Err(ProofRefusal::Frozen { at: freeze.at, height, readable_from })
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<(Vec<[u8; 32]>, &'a [u8])> {
    let [depth] = take(rest)?;
    let depth = usize::from(depth);
    if depth > MAX_DEPTH {
        return None;
    }
    let siblings = cut(rest, 32 * depth)?.as_chunks::<32>().0.to_vec();
    let length = u32::from_be_bytes(take(rest)?) as usize;
    let transaction = if length > MAX_TRANSACTION_BYTES { None } else { cut(rest, length) };
    transaction.map(|transaction| (siblings, transaction))
}

fn cut<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}
