//! The two Merkle trees of BEEFY, both over keccak-256: the mountain range over the chain's leaves, and the binary tree
//! over a set's addresses. Sources: polkadot-sdk `sp-mmr-primitives` over `polkadot-ckb-merkle-mountain-range` (nodes
//! `H(l ‖ r)`, peaks bagged from the right as `H(bag ‖ peak)`), and `binary-merkle-tree` (an odd node is promoted).

use alloc::vec::Vec;

use alloy_primitives::{Address, B256, Keccak256, keccak256};
use thiserror::Error;

/// Leaves of a mountain range: 2⁴⁰ blocks are 200,000 years.
pub const MAX_LEAVES: u64 = 1 << 40;

/// Why a leaf is not under a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MmrFault {
    /// More leaves than any chain has.
    #[error("at most {MAX_LEAVES} leaves, found {0}")]
    TooLarge(u64),
    /// An index that the tree does not have.
    #[error("leaf {index} of {count}")]
    Index {
        /// The index.
        index: u64,
        /// Leaves of the tree.
        count: u64,
    },
    /// A path of another length than the leaf's place gives.
    #[error("path: expected {expected} hashes, found {found}")]
    Length {
        /// Hashes that the place gives.
        expected: usize,
        /// Hashes found.
        found: usize,
    },
    /// The path leads to another root.
    #[error("expected root {expected}, found {found}")]
    Root {
        /// The root committed to.
        expected: B256,
        /// Where the path leads.
        found: B256,
    },
}

fn pair(left: &B256, right: &B256) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update(left);
    hasher.update(right);
    hasher.finalize()
}

/// The root of the mountain range in which a leaf has this place, by its path: peaks to the left, siblings from the leaf
/// upwards, then the bag of the peaks to the right if there are any.
///
/// # Errors
/// No such place, or a path of another length.
pub fn root_by_path(leaf: &B256, index: u64, count: u64, path: &[B256]) -> Result<B256, MmrFault> {
    if count > MAX_LEAVES {
        return Err(MmrFault::TooLarge(count));
    }
    if index >= count {
        return Err(MmrFault::Index { index, count });
    }
    // Mountains are the bits of `count`, from the highest: the first that reaches beyond the index holds the leaf. It is
    // the highest bit in which `index` and `count` differ.
    let height = (index ^ count).ilog2();
    let lefts = (count >> height >> 1).count_ones() as usize;
    let has_right = count & ((1 << height) - 1) != 0;
    let expected = lefts + height as usize + usize::from(has_right);
    let length = MmrFault::Length { expected, found: path.len() };
    if path.len() != expected {
        return Err(length);
    }
    let (lefts, rest) = path.split_at_checked(lefts).ok_or(length)?;
    let (siblings, right) = rest.split_at_checked(height as usize).ok_or(length)?;
    let mut peak = *leaf;
    for (level, sibling) in siblings.iter().enumerate() {
        peak = if index >> level & 1 == 1 { pair(sibling, &peak) } else { pair(&peak, sibling) };
    }
    let bag = right.first().map_or(peak, |right| pair(right, &peak));
    Ok(lefts.iter().rev().fold(bag, |bag, left| pair(&bag, left)))
}

/// The root that a path leads to whose turns are given: bit i of `order` puts item i to the left (Snowbridge's
/// `MMRProof`). The place of the leaf is not bound by it; what the leaf says must be.
///
/// # Errors
/// More items than the order has bits.
pub fn ordered_root(leaf: &B256, items: &[B256], order: u64) -> Result<B256, MmrFault> {
    if items.len() > 64 {
        return Err(MmrFault::Length { expected: 64, found: items.len() });
    }
    let step = |acc: B256, (level, item): (usize, &B256)| match order >> level & 1 {
        1 => pair(item, &acc),
        _ => pair(&acc, item),
    };
    Ok(items.iter().enumerate().fold(*leaf, step))
}

/// The root over a set's addresses, 20 bytes each; zero for nobody.
pub fn set_root(addresses: &[[u8; 20]]) -> B256 {
    let mut level: Vec<B256> = addresses.iter().map(keccak256).collect();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|chunk| match chunk {
                [left, right] => pair(left, right),
                odd => odd.first().copied().unwrap_or_default(),
            })
            .collect();
    }
    level.first().copied().unwrap_or_default()
}

/// The root over a set in which an address has this place, by its path.
///
/// # Errors
/// No such place, or a path of another length.
pub fn member_root(address: &Address, index: u32, len: u32, path: &[B256]) -> Result<B256, MmrFault> {
    if index >= len {
        return Err(MmrFault::Index { index: index.into(), count: len.into() });
    }
    let mut node = keccak256(address);
    let (mut place, mut width, mut items) = (index, len, path.iter());
    let expected = path_length(index, len);
    let length = MmrFault::Length { expected, found: path.len() };
    if path.len() != expected {
        return Err(length);
    }
    while width > 1 {
        // The last of an odd level is promoted without a partner.
        if place ^ 1 < width {
            let item = items.next().ok_or(length)?;
            node = if place & 1 == 1 { pair(item, &node) } else { pair(&node, item) };
        }
        (place, width) = (place / 2, width.div_ceil(2));
    }
    Ok(node)
}

fn path_length(mut place: u32, mut width: u32) -> usize {
    let mut length = 0;
    while width > 1 {
        length += usize::from(place ^ 1 < width);
        (place, width) = (place / 2, width.div_ceil(2));
    }
    length
}
