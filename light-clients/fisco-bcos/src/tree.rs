//! The trees of transactions and receipts.
//!
//! * **Version 2**: 16 children a node; a leaf is `RLP(place) ‖ hash`, an inner node the hash of its children joined. A path
//!   holds each level's children to the left and to the right (FISCO-BCOS 2.9 `libethcore/Block.cpp`, `getMerkleRoot`).
//! * **Version 3**: groups of up to `width` hashes; a node is the hash of its group joined, a leaf the hash itself
//!   (FISCO-BCOS 3 `bcos-crypto/merkle/Merkle.h`). A path holds each level's whole group, in which the node stands.
//!
//! In both the place of the leaf follows from where it stands at each level, and is checked or given back.

use alloc::vec::Vec;

use alloy_primitives::B256;
use causeway_mpt::rlp;

use crate::{ReadFault, Suite};

/// Levels of a path: 16⁸ or 2³² leaves.
pub const MAX_LEVELS: usize = 32;

/// Children of a node in version 2, and the most in version 3.
pub const MAX_WIDTH: usize = 16;

/// One level of a path of version 2: the children beside the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Siblings {
    /// Before it.
    pub left: Vec<Vec<u8>>,
    /// Behind it.
    pub right: Vec<Vec<u8>>,
}

/// The leaf of version 2.
fn leaf_v2(place: u64, hash: &[u8]) -> Vec<u8> {
    let mut leaf = Vec::with_capacity(41);
    rlp::put_u64(&mut leaf, place);
    leaf.extend_from_slice(hash);
    leaf
}

/// Whether bytes are the leaf of this place.
fn is_leaf_v2(bytes: &[u8], place: u64) -> bool {
    bytes.len().checked_sub(32).and_then(|at| bytes.get(at..)).is_some_and(|hash| leaf_v2(place, hash) == bytes)
}

/// The root of version 2 in which a hash has this place, by its path.
///
/// # Errors
/// The path is not one of this place: other leaves beside it, another turn, too wide or too long.
pub fn root_v2(suite: Suite, place: u64, hash: &B256, path: &[Siblings]) -> Result<B256, ReadFault> {
    if path.is_empty() || path.len() > 8 {
        return Err(ReadFault::TooLarge { what: "levels (and not 0)", limit: 8, found: path.len() });
    }
    let mut node = leaf_v2(place, hash.as_slice());
    let mut turns = place;
    for (level, siblings) in path.iter().enumerate() {
        let shape = ReadFault::Shape { level };
        let width = siblings.left.len().saturating_add(siblings.right.len()).saturating_add(1);
        if width > MAX_WIDTH || siblings.left.len() as u64 != turns % 16 {
            return Err(shape);
        }
        let first = place - place % 16;
        let fits = |(offset, bytes): (u64, &Vec<u8>)| match level {
            0 => first.checked_add(offset).is_some_and(|place| is_leaf_v2(bytes, place)),
            _ => bytes.len() == 32,
        };
        let behind = siblings.left.len() as u64 + 1;
        if !(0..).zip(&siblings.left).all(fits) || !(behind..).zip(&siblings.right).all(fits) {
            return Err(shape);
        }
        let mut joined = siblings.left.concat();
        joined.extend_from_slice(&node);
        siblings.right.iter().for_each(|bytes| joined.extend_from_slice(bytes));
        node = suite.hash(&joined).to_vec();
        turns /= 16;
    }
    // What is left of the place has no level to turn at.
    let shape = ReadFault::Shape { level: path.len() };
    if turns == 0 { B256::try_from(node.as_slice()).map_err(|_| shape) } else { Err(shape) }
}

/// The root of version 3 over a leaf, and the leaf's place, by its groups. A group may repeat its last hash to be full;
/// the first of equal hashes is the node.
///
/// # Errors
/// The node does not stand in its group, a group is empty, too wide, or there are too many.
pub fn root_v3(suite: Suite, width: u8, leaf: &B256, groups: &[Vec<B256>]) -> Result<(B256, u64), ReadFault> {
    let width = usize::from(width);
    if !(2..=MAX_WIDTH).contains(&width) {
        return Err(ReadFault::TooLarge { what: "width (and not below 2)", limit: MAX_WIDTH, found: width });
    }
    if groups.is_empty() || groups.len() > MAX_LEVELS {
        return Err(ReadFault::TooLarge { what: "levels (and not 0)", limit: MAX_LEVELS, found: groups.len() });
    }
    let (mut node, mut place, mut step) = (*leaf, 0u64, Some(1u64));
    for (level, group) in groups.iter().enumerate() {
        let shape = ReadFault::Shape { level };
        let at = group.iter().position(|hash| *hash == node).filter(|_| group.len() <= width).ok_or(shape)?;
        // At most 15 at each of 32 levels; with two children a node that is 2³².
        let more = match (at, step) {
            (0, _) => Some(0),
            (at, Some(step)) => step.checked_mul(at as u64),
            (_, None) => None,
        };
        place = more.and_then(|more| place.checked_add(more)).ok_or(shape)?;
        step = step.and_then(|step| step.checked_mul(width as u64));
        node = suite.hash(group.concat().as_slice());
    }
    Ok((node, place))
}

/// The root of version 3 over a leaf that stands at this place, by its groups. Leaves may be alike (receipts of equal
/// transactions are), so that [`root_v3`] gives the first of several places; this says whether it stands at one of them.
///
/// # Errors
/// As [`root_v3`], or it stands elsewhere.
pub fn root_v3_at(suite: Suite, width: u8, leaf: &B256, place: u64, groups: &[Vec<B256>]) -> Result<B256, ReadFault> {
    let (root, _) = root_v3(suite, width, leaf, groups)?;
    let (mut node, mut turns) = (*leaf, place);
    for (level, group) in groups.iter().enumerate() {
        // `root_v3` has refused a width below 2.
        let at = usize::try_from(turns % u64::from(width.max(1))).ok();
        if at.and_then(|at| group.get(at)) != Some(&node) {
            return Err(ReadFault::Shape { level });
        }
        turns /= u64::from(width.max(1));
        node = suite.hash(group.concat().as_slice());
    }
    if turns == 0 { Ok(root) } else { Err(ReadFault::Shape { level: groups.len() }) }
}

/// Reads the words of a path of version 3 as nodes hand them out: before each group a word whose first four bytes are
/// its size, big-endian, the rest zero. A last word alone is the root.
///
/// # Errors
/// The words are no groups, or beyond the bounds.
pub fn groups_of_words(words: &[B256]) -> Result<Vec<Vec<B256>>, ReadFault> {
    let limit = MAX_LEVELS * (MAX_WIDTH + 1);
    if words.len() > limit {
        return Err(ReadFault::TooLarge { what: "words", limit, found: words.len() });
    }
    let mut groups = Vec::new();
    let mut rest = words;
    while let Some((head, behind)) = rest.split_first() {
        let shape = ReadFault::Shape { level: groups.len() };
        let (size, zero) = head.split_first_chunk::<4>().ok_or(shape)?;
        let size = u32::from_be_bytes(*size) as usize;
        if zero.iter().any(|byte| *byte != 0) || size == 0 || size > MAX_WIDTH {
            return Err(shape);
        }
        let (group, behind) = behind.split_at_checked(size).ok_or(shape)?;
        groups.push(group.to_vec());
        rest = behind;
    }
    Ok(groups)
}
