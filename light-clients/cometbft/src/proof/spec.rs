//! Specifications: which proofs a kind of tree can have. They are pinned here, never taken from a peer.

use thiserror::Error;

use super::{
    ProofFault,
    ops::{HashOp, InnerOp, LeafOp, LengthOp},
};

/// Steps from leaf to root where a specification sets no bound of its own (0 reads as "none" in old readers,
/// ATK-067). An AVL tree of 2⁶⁴ leaves is less than 93 deep.
pub const DEFAULT_MAX_DEPTH: usize = 128;

/// Most steps that any specification may allow: a sparse tree over 256-bit keys.
pub const MAX_DEPTH: usize = 256;

/// `InnerSpec`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InnerSpec<'a> {
    /// The order in which children stand in a node.
    pub child_order: &'a [u32],
    /// Bytes that a child takes, a length before it included.
    pub child_size: usize,
    /// Least bytes before the first child.
    pub min_prefix_length: usize,
    /// Most bytes before the first child.
    pub max_prefix_length: usize,
    /// What stands for a child that is not there; empty if nothing does.
    pub empty_child: &'a [u8],
    /// Hash of a node.
    pub hash: HashOp,
}

/// `ProofSpec`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProofSpec<'a> {
    /// The leaf.
    pub leaf: LeafOp<'a>,
    /// The nodes.
    pub inner: InnerSpec<'a>,
    /// Least steps; 0 for none.
    pub min_depth: usize,
    /// Most steps; 0 for [`DEFAULT_MAX_DEPTH`].
    pub max_depth: usize,
    /// Whether the tree is ordered by the hashes of keys rather than by keys.
    pub prehash_key_before_comparison: bool,
}

const SHA256_LEAF: LeafOp<'static> = LeafOp {
    hash: HashOp::Sha256,
    prehash_key: HashOp::NoHash,
    prehash_value: HashOp::Sha256,
    length: LengthOp::VarProto,
    prefix: &[0],
};

/// The Cosmos SDK's IAVL tree.
pub const IAVL: ProofSpec<'static> = ProofSpec {
    leaf: SHA256_LEAF,
    inner: InnerSpec {
        child_order: &[0, 1],
        child_size: 33,
        min_prefix_length: 4,
        max_prefix_length: 12,
        empty_child: &[],
        hash: HashOp::Sha256,
    },
    min_depth: 0,
    max_depth: 0,
    prehash_key_before_comparison: false,
};

/// CometBFT's own Merkle tree (`crypto/merkle`): the stores under an application hash.
pub const TENDERMINT: ProofSpec<'static> = ProofSpec {
    leaf: SHA256_LEAF,
    inner: InnerSpec {
        child_order: &[0, 1],
        child_size: 32,
        min_prefix_length: 1,
        max_prefix_length: 1,
        empty_child: &[],
        hash: HashOp::Sha256,
    },
    min_depth: 0,
    max_depth: 0,
    prehash_key_before_comparison: false,
};

/// Sparse Merkle tree (`celestiaorg/smt`, `cosmos/ics23` `SmtSpec`).
pub const SMT: ProofSpec<'static> = ProofSpec {
    leaf: LeafOp {
        hash: HashOp::Sha256,
        prehash_key: HashOp::Sha256,
        prehash_value: HashOp::Sha256,
        length: LengthOp::NoPrefix,
        prefix: &[0],
    },
    inner: InnerSpec {
        child_order: &[0, 1],
        child_size: 32,
        min_prefix_length: 1,
        max_prefix_length: 1,
        empty_child: &[0; 32],
        hash: HashOp::Sha256,
    },
    min_depth: 0,
    max_depth: 256,
    prehash_key_before_comparison: true,
};

/// A specification under which proofs would prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SpecFault {
    /// A prefix could hide a child: its length would not say how many children stand before the one that is proven
    /// (ics23 #369).
    #[error("longest prefix {max} is not below shortest prefix + child, {min} + {child}")]
    PrefixHidesChild {
        /// Shortest prefix.
        min: usize,
        /// Longest prefix.
        max: usize,
        /// Size of a child.
        child: usize,
    },
    /// The longest prefix is shorter than the shortest.
    #[error("prefix lengths {min} to {max}")]
    PrefixLengths {
        /// Shortest prefix.
        min: usize,
        /// Longest prefix.
        max: usize,
    },
    /// Children of no size, or of an absurd one.
    #[error("child size {0}")]
    ChildSize(usize),
    /// The order is none of 0, 1, … each once, of at least two.
    #[error("the order of children is none")]
    ChildOrder,
    /// The placeholder of an absent child is not of a child's size.
    #[error("empty child of {found} bytes, a child has {expected}")]
    EmptyChild {
        /// Size of a child.
        expected: usize,
        /// Size of the placeholder.
        found: usize,
    },
    /// More steps than are ever allowed, or none.
    #[error("depths {min} to {max}")]
    Depth {
        /// Least steps.
        min: usize,
        /// Most steps.
        max: usize,
    },
}

impl ProofSpec<'_> {
    /// Checks that proofs of this specification can prove something.
    ///
    /// # Errors
    /// Names what makes it unsound.
    pub fn check(&self) -> Result<(), SpecFault> {
        /// Children in the trees of this world: two; sixteen leave room.
        const MOST_CHILDREN: usize = 16;
        /// Bytes of a child or prefix: far beyond what any tree uses, far below what sums could overflow at.
        const MOST_BYTES: usize = 1 << 16;
        let InnerSpec { child_order, child_size, min_prefix_length: min, max_prefix_length: max, .. } = self.inner;
        if child_size == 0 || child_size > MOST_BYTES {
            return Err(SpecFault::ChildSize(child_size));
        }
        if min > max || max > MOST_BYTES {
            return Err(SpecFault::PrefixLengths { min, max });
        }
        if max >= min + child_size {
            return Err(SpecFault::PrefixHidesChild { min, max, child: child_size });
        }
        let each_once = (0..child_order.len()).all(|branch| self.inner.position(branch).is_some());
        if !(2..=MOST_CHILDREN).contains(&child_order.len()) || !each_once {
            return Err(SpecFault::ChildOrder);
        }
        let empty = self.inner.empty_child.len();
        if empty != 0 && empty != child_size {
            return Err(SpecFault::EmptyChild { expected: child_size, found: empty });
        }
        if self.deepest() > MAX_DEPTH || self.min_depth > self.deepest() {
            return Err(SpecFault::Depth { min: self.min_depth, max: self.max_depth });
        }
        Ok(())
    }

    /// Most steps.
    pub const fn deepest(&self) -> usize {
        if self.max_depth == 0 { DEFAULT_MAX_DEPTH } else { self.max_depth }
    }

    /// Whether the tree is IAVL, whose prefixes have a form of their own. As the reference does, prefixes and depths are
    /// not compared: a specification that is like IAVL in all else gets IAVL's stricter rules.
    fn is_iavl(&self) -> bool {
        let same_leaf = LeafOp { prefix: IAVL.leaf.prefix, ..self.leaf } == IAVL.leaf;
        let (a, b) = (&self.inner, &IAVL.inner);
        same_leaf
            && a.hash == b.hash
            && a.min_prefix_length == b.min_prefix_length
            && a.max_prefix_length == b.max_prefix_length
            && a.child_size == b.child_size
            && a.child_order.len() == b.child_order.len()
    }

    /// Whether a leaf is one that this tree has.
    ///
    /// # Errors
    /// [`ProofFault::LeafOp`].
    pub fn check_leaf(&self, leaf: &LeafOp<'_>) -> Result<(), ProofFault> {
        leaf.check(&self.leaf)?;
        if self.is_iavl() && iavl_rest(leaf.prefix, 0) != Some(0) {
            return Err(ProofFault::LeafOp("prefix is not that of an IAVL leaf"));
        }
        Ok(())
    }

    /// Whether a node is one that this tree can have at this many steps above the leaf (from 1).
    ///
    /// # Errors
    /// [`ProofFault::InnerOp`].
    pub fn check_inner(&self, op: &InnerOp<'_>, layer: usize) -> Result<(), ProofFault> {
        let bad = |what| Err(ProofFault::InnerOp { layer, what });
        let left_siblings = self.inner.child_order.len().saturating_sub(1).saturating_mul(self.inner.child_size);
        if op.hash != self.inner.hash {
            return bad("hash");
        }
        if self.is_iavl() && !matches!(iavl_rest(op.prefix, layer), Some(IAVL_LEFT | IAVL_RIGHT)) {
            return bad("prefix is not that of an IAVL node");
        }
        if op.prefix.starts_with(self.leaf.prefix) {
            return bad("prefix is that of a leaf");
        }
        if op.prefix.len() < self.inner.min_prefix_length {
            return bad("prefix too short");
        }
        if op.prefix.len() > self.inner.max_prefix_length.saturating_add(left_siblings) {
            return bad("prefix too long");
        }
        if self.inner.child_size == 0 || !op.suffix.len().is_multiple_of(self.inner.child_size) {
            return bad("suffix is not made of children");
        }
        Ok(())
    }
}

/// Bytes behind height, size and version in the prefix of an IAVL node: the length of the left child, which is proven; or
/// the left child with its length and the length of the right child, which is proven.
const IAVL_LEFT: usize = 1;
const IAVL_RIGHT: usize = 1 + 32 + 1;

/// How many bytes stand behind height, size and version; none if these are no such numbers or the height is below what
/// the layer needs.
fn iavl_rest(prefix: &[u8], layer: usize) -> Option<usize> {
    let mut rest = prefix;
    let mut height = None;
    for _ in 0..3 {
        let (value, behind) = zigzag(rest)?;
        // None of the three is ever negative.
        let value = u64::try_from(value).ok()?;
        height.get_or_insert(value);
        rest = behind;
    }
    let least = u64::try_from(layer).ok()?;
    height.filter(|height| *height >= least).map(|_| rest.len())
}

/// A signed number as Go's `binary.PutVarint` writes it. Padding is refused with the rest of what no encoder writes.
fn zigzag(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (value, rest) = crate::wire::varint(bytes).ok()?;
    let magnitude = (value >> 1).cast_signed();
    Some((if value & 1 == 0 { magnitude } else { !magnitude }, rest))
}
