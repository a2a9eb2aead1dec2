//! A whole outbox tree, held off chain to make proofs.
//!
//! Only full subtrees are stored: level h holds the roots of the first `size >> h` subtrees of 2^h leaves. Those never
//! change as the tree grows, so a proof against any *earlier* size is made from the same nodes, appending is O(1)
//! amortised, and a reorganisation is a truncation. The ragged right edge is hashed from the peaks when it is needed.
//! Memory is at most 64 bytes a leaf.
//!
//! (`rs_merkle`'s tree is of the same shape and is the oracle of this module's tests. It is not used here: each of its
//! commits keeps a copy of what changed, and it cannot prove against an earlier size without rolling back.)

use alloc::vec::Vec;

use alloy_primitives::B256;

use crate::tree::{
    hash::node,
    peaks::{self, Peak, range_end},
};

/// Why the tree cannot give what was asked. A caller's mistake, never an input's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A run of no entries.
    #[error("a run of no entries")]
    EmptyRange,
    /// A run that does not end within the size asked for.
    #[error("the run's last index {last} is not below the size {size}")]
    IndexOutOfRange {
        /// Last index of the run (saturated).
        last: u64,
        /// Size asked for.
        size: u64,
    },
    /// A size beyond the tree's own.
    #[error("size {found} is beyond the tree's {size}")]
    SizeBeyond {
        /// The tree's size.
        size: u64,
        /// Size asked for.
        found: u64,
    },
    /// A run that does not lie under one aligned subtree of that height.
    #[error("indices {first} to {last} do not lie under one peak of height {height}")]
    CrossesPeak {
        /// Height asked for.
        height: u8,
        /// First index of the run.
        first: u64,
        /// Last index of the run.
        last: u64,
    },
    /// The subtree of that height that covers the run is not full yet.
    #[error("no full subtree of height {height} covers index {first} yet")]
    NoSuchPeak {
        /// Height asked for.
        height: u8,
        /// First index of the run.
        first: u64,
    },
    /// No more leaves can be counted.
    #[error("the outbox is full")]
    Full,
}

/// An append-only outbox tree with all its nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxTree {
    /// `levels[h][i]`: root of the i-th full subtree of 2^h leaves. No empty level is kept.
    levels: Vec<Vec<B256>>,
}

impl OutboxTree {
    /// An empty tree.
    #[must_use]
    pub const fn new() -> Self {
        Self { levels: Vec::new() }
    }

    /// The tree of these commitments, in index order.
    #[must_use]
    pub fn from_leaves(leaves: &[B256]) -> Self {
        let mut tree = Self::new();
        tree.extend_from_slice(leaves);
        tree
    }

    /// Leaves in the tree.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// The commitments, in index order.
    #[must_use]
    pub fn leaves(&self) -> &[B256] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }

    /// Appends one commitment; its index is the size before. One hash on average.
    pub fn append(&mut self, leaf: B256) {
        self.extend_from_slice(&[leaf]);
    }

    /// Appends many commitments.
    pub fn extend_from_slice(&mut self, leaves: &[B256]) {
        if leaves.is_empty() {
            return;
        }
        if self.levels.is_empty() {
            self.levels.push(Vec::new());
        }
        if let Some(level) = self.levels.first_mut() {
            level.extend_from_slice(leaves);
        }
        let mut height = 0;
        loop {
            // What level h + 1 lacks of the pairs in level h.
            let (below, above) = self.levels.split_at_mut(height + 1);
            let Some(below) = below.last() else { return };
            if below.len() < 2 {
                return;
            }
            let have = above.first().map_or(0, Vec::len);
            let fresh = below.get(2 * have..).unwrap_or(&[]).chunks_exact(2);
            let fresh = fresh.filter_map(|pair| if let [l, r] = pair { Some(node(l, r)) } else { None });
            match above.first_mut() {
                Some(above) => above.extend(fresh),
                None => {
                    let fresh = fresh.collect();
                    self.levels.push(fresh);
                }
            }
            height += 1;
        }
    }

    /// Forgets every leaf from `size` on (a reorganisation of the source).
    ///
    /// # Errors
    /// [`TreeError::SizeBeyond`] if the tree is shorter; it is left as it was.
    pub fn truncate(&mut self, size: u64) -> Result<(), TreeError> {
        self.check_size(size)?;
        let mut keep = size;
        for level in &mut self.levels {
            // Never longer than the level, so it fits.
            level.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
            keep >>= 1;
        }
        self.levels.retain(|level| !level.is_empty());
        Ok(())
    }

    /// The RFC 6962 root; `None` for an empty tree, which proves nothing.
    #[must_use]
    pub fn root(&self) -> Option<B256> {
        self.root_at(self.size()).ok().flatten()
    }

    /// The root that the tree had at an earlier size; `None` for size 0.
    ///
    /// # Errors
    /// [`TreeError::SizeBeyond`].
    pub fn root_at(&self, size: u64) -> Result<Option<B256>, TreeError> {
        self.check_size(size)?;
        Ok(self.edge(size, 64))
    }

    /// The peak of that height of the tree as it is now: `None` where the size has no such bit.
    #[must_use]
    pub fn peak(&self, height: u8) -> Option<B256> {
        let current = peaks::peaks(self.size()).find(|peak| peak.height == height)?;
        self.subtree(current)
    }

    /// What the contract's slot `1 + height` holds now, an older peak of that height included; `None` while nothing was
    /// written there. See [`peaks::slot`] for what this assumes of appends of many at once.
    #[must_use]
    pub fn slot(&self, height: u8) -> Option<B256> {
        self.slot_at(self.size(), height).ok().flatten()
    }

    /// [`Self::slot`] as it was at an earlier size.
    ///
    /// # Errors
    /// [`TreeError::SizeBeyond`].
    pub fn slot_at(&self, size: u64, height: u8) -> Result<Option<B256>, TreeError> {
        self.check_size(size)?;
        Ok(peaks::slot(size, height).and_then(|peak| self.subtree(peak)))
    }

    /// The root of a full subtree; `None` if it is not full or `first` is not aligned.
    #[must_use]
    pub fn subtree(&self, peak: Peak) -> Option<B256> {
        let number = peak.first.checked_shr(u32::from(peak.height))?;
        if number << peak.height != peak.first {
            return None;
        }
        self.at(usize::from(peak.height), number)
    }

    /// Siblings that prove the run under the root of the tree at `size` (root form), appended to `siblings`.
    ///
    /// # Errors
    /// A run that is empty or does not end within `size`, or a `size` beyond the tree's.
    pub fn prove_root(&self, size: u64, first: u64, count: u64, siblings: &mut Vec<B256>) -> Result<(), TreeError> {
        self.check_size(size)?;
        let mut end = range_end(size, first, count)?;
        let mut first = first;
        let mut width = size;
        let mut height = 0;
        while width > 1 {
            if first & 1 == 1 {
                siblings.extend(self.at(height, first - 1));
            }
            if end & 1 == 1 && end < width {
                let full = end < size >> height;
                siblings.extend(if full { self.at(height, end) } else { self.edge(size, height) });
            }
            first >>= 1;
            end = end.div_ceil(2);
            width = width.div_ceil(2);
            height += 1;
        }
        Ok(())
    }

    /// Siblings that prove the run under the peak of that height that covers it (peak form), appended to `siblings`.
    /// Gives back that peak's value.
    ///
    /// # Errors
    /// A run that is empty or not under one full subtree of that height.
    pub fn prove_peak(&self, height: u8, first: u64, count: u64, siblings: &mut Vec<B256>) -> Result<B256, TreeError> {
        let mut end = range_end(self.size(), first, count)?;
        let absent = TreeError::NoSuchPeak { height, first };
        let number = first.checked_shr(u32::from(height)).ok_or(absent)?;
        if number != (end - 1) >> height {
            return Err(TreeError::CrossesPeak { height, first, last: end - 1 });
        }
        let peak = self.at(usize::from(height), number).ok_or(absent)?;
        let mut first = first;
        for level in 0..usize::from(height) {
            if first & 1 == 1 {
                siblings.extend(self.at(level, first - 1));
            }
            if end & 1 == 1 {
                siblings.extend(self.at(level, end));
            }
            first >>= 1;
            end = end.div_ceil(2);
        }
        Ok(peak)
    }

    fn check_size(&self, found: u64) -> Result<(), TreeError> {
        let size = self.size();
        if found > size { Err(TreeError::SizeBeyond { size, found }) } else { Ok(()) }
    }

    fn at(&self, height: usize, number: u64) -> Option<B256> {
        self.levels.get(height)?.get(usize::try_from(number).ok()?).copied()
    }

    /// The ragged right edge of the tree at `size`, below `height`: the node that the peaks lower than `height` make up.
    /// `None` if there are none. With height 64 this is the root.
    fn edge(&self, size: u64, height: usize) -> Option<B256> {
        let mut edge = None;
        for level in 0..height {
            if size >> level == 0 {
                break;
            }
            if (size >> level) & 1 == 1 {
                let peak = self.at(level, (size >> level) - 1)?;
                edge = Some(edge.map_or(peak, |right| node(&peak, &right)));
            }
        }
        edge
    }
}

impl Extend<B256> for OutboxTree {
    fn extend<T: IntoIterator<Item = B256>>(&mut self, leaves: T) {
        let leaves: Vec<B256> = leaves.into_iter().collect();
        self.extend_from_slice(&leaves);
    }
}

impl FromIterator<B256> for OutboxTree {
    fn from_iter<T: IntoIterator<Item = B256>>(leaves: T) -> Self {
        let mut tree = Self::new();
        tree.extend(leaves);
        tree
    }
}
