//! Range proofs: that a run of leaves stands in an outbox, under a root or under a peak.
//!
//! The siblings are the inner nodes beside the run that its own leaves do not give, level by level from the leaves, left
//! before right; exactly as many as the run needs. How many that is follows from index, count and size alone and is
//! compared before anything is hashed, so a proof has no slack in which to hide (ATK-037). Every leaf of an accepted run
//! was hashed into the commitment (ATK-021): nothing is skipped, and the working set is one fixed array.

use alloy_primitives::B256;

use crate::{
    bounds::{MAX_BATCH, MAX_HEIGHT},
    entry::Entry,
    lane::LaneId,
    tree::hash::node,
};

/// What a proof is checked against: a value that a light client proved on the source chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Anchor {
    /// Root form. Root and size must come from the same state root.
    Root {
        /// The RFC 6962 root.
        root: B256,
        /// Leaves under it.
        size: u64,
    },
    /// Peak form: the proven value of the storage slot of that height.
    Peak {
        /// The peak.
        peak: B256,
        /// Its height; the verifier derived the slot from it.
        height: u8,
    },
}

/// Why a range proof was refused. None of these can become true by waiting: the bundle is wrong, or belongs to another
/// state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeRefusal {
    /// A zero root or peak, or size 0: nothing was ever written there, and nothing is proven by it (ATK-004).
    #[error("the outbox commitment is zero: nothing is proven by it")]
    RootUnknown,
    /// A height that no peak has.
    #[error("peak height {found}, expected at most {max}")]
    HeightOutOfRange {
        /// Greatest height.
        max: u8,
        /// Height given.
        found: u8,
    },
    /// No leaves, or more than one delivery may carry.
    #[error("{found} leaves, expected 1 to {max}")]
    LeafCount {
        /// Most leaves.
        max: usize,
        /// Leaves given.
        found: usize,
    },
    /// The run does not end below the size, or below 2^64 (ATK-021).
    #[error("the run's last index {last} is not below the size {size}")]
    IndexOutOfRange {
        /// Leaves under the commitment.
        size: u64,
        /// Last index of the run (saturated).
        last: u64,
    },
    /// The run does not lie under one aligned subtree of the peak's height.
    #[error("indices {first} to {last} do not lie under one peak of height {height}")]
    CrossesPeak {
        /// Height of the peak.
        height: u8,
        /// First index of the run.
        first: u64,
        /// Last index of the run.
        last: u64,
    },
    /// Another number of siblings than the run needs.
    #[error("{found} siblings, expected exactly {expected}")]
    SiblingCount {
        /// Siblings that the run needs.
        expected: usize,
        /// Siblings given.
        found: usize,
    },
    /// An entry of another lane.
    #[error("entry of lane {found}, expected lane {expected}")]
    ForeignLane {
        /// Lane of the outbox.
        expected: LaneId,
        /// Lane of the entry.
        found: LaneId,
    },
    /// An entry at another place than its own index (ATK-116).
    #[error("entry with index {found} at position {expected}")]
    IndexMismatch {
        /// Index that the position implies.
        expected: u64,
        /// Index in the entry.
        found: u64,
    },
    /// The leaves and siblings hash to another commitment.
    #[error("the run hashes to {found}, expected {expected}")]
    CommitmentMismatch {
        /// The proven commitment.
        expected: B256,
        /// What the run and its siblings hash to.
        found: B256,
    },
}

impl Anchor {
    /// Verifies that `entries` are the entries of `lane` at `first, first + 1, …` under this commitment. Each entry must
    /// itself carry its lane and index, so neither can be chosen by whoever brings the proof (ATK-116).
    ///
    /// # Errors
    /// [`RangeRefusal`], with what was expected and what was found.
    pub fn verify_entries(
        &self,
        lane: LaneId,
        first: u64,
        entries: &[Entry],
        siblings: &[B256],
    ) -> Result<(), RangeRefusal> {
        let place = self.place(first, entries.len(), siblings.len())?;
        let mut nodes = [B256::ZERO; MAX_BATCH];
        let mut expected = first;
        for (slot, entry) in nodes.iter_mut().zip(entries) {
            if entry.lane != lane {
                return Err(RangeRefusal::ForeignLane { expected: lane, found: entry.lane });
            }
            if entry.index != expected {
                return Err(RangeRefusal::IndexMismatch { expected, found: entry.index });
            }
            *slot = entry.commitment();
            // The run's end was found to be at most 2^64 - 1; only the step past the last entry can wrap.
            expected = expected.wrapping_add(1);
        }
        self.compare(place.fold(&mut nodes, siblings))
    }

    /// Verifies a run given as commitments. For peak form this proves membership, but only the low `height` bits of the
    /// position: use it where the index inside each commitment is checked as well, else
    /// [`Self::verify_entries`].
    ///
    /// # Errors
    /// [`RangeRefusal`], with what was expected and what was found.
    pub fn verify_commitments(&self, first: u64, leaves: &[B256], siblings: &[B256]) -> Result<(), RangeRefusal> {
        let place = self.place(first, leaves.len(), siblings.len())?;
        let mut nodes = [B256::ZERO; MAX_BATCH];
        for (slot, leaf) in nodes.iter_mut().zip(leaves) {
            *slot = *leaf;
        }
        self.compare(place.fold(&mut nodes, siblings))
    }

    /// How many siblings the run of `count` entries from `first` needs under this commitment.
    ///
    /// # Errors
    /// [`RangeRefusal`] for a run that cannot stand under it.
    pub fn siblings_needed(&self, first: u64, count: usize) -> Result<usize, RangeRefusal> {
        self.locate(first, count).map(|place| place.siblings())
    }

    fn place(&self, first: u64, count: usize, siblings: usize) -> Result<Place, RangeRefusal> {
        let place = self.locate(first, count)?;
        let expected = place.siblings();
        if siblings != expected {
            return Err(RangeRefusal::SiblingCount { expected, found: siblings });
        }
        Ok(place)
    }

    fn locate(&self, first: u64, count: usize) -> Result<Place, RangeRefusal> {
        let miscounted = RangeRefusal::LeafCount { max: MAX_BATCH, found: count };
        if count == 0 || count > MAX_BATCH {
            return Err(miscounted);
        }
        let more = u64::try_from(count - 1).map_err(|_| miscounted)?;
        let last = first.checked_add(more);
        match *self {
            Self::Root { root, size } => {
                if root.is_zero() || size == 0 {
                    return Err(RangeRefusal::RootUnknown);
                }
                match last {
                    Some(last) if last < size => Ok(Place { width: size, first, count }),
                    _ => Err(RangeRefusal::IndexOutOfRange { size, last: last.unwrap_or(u64::MAX) }),
                }
            }
            Self::Peak { peak, height } => {
                if height > MAX_HEIGHT {
                    return Err(RangeRefusal::HeightOutOfRange { max: MAX_HEIGHT, found: height });
                }
                if peak.is_zero() {
                    return Err(RangeRefusal::RootUnknown);
                }
                let width = 1u64 << height;
                match last {
                    Some(last) if first >> height == last >> height => {
                        Ok(Place { width, first: first & (width - 1), count })
                    }
                    _ => Err(RangeRefusal::CrossesPeak { height, first, last: last.unwrap_or(u64::MAX) }),
                }
            }
        }
    }

    fn compare(&self, found: B256) -> Result<(), RangeRefusal> {
        let (Self::Root { root: expected, .. } | Self::Peak { peak: expected, .. }) = *self;
        if found == expected { Ok(()) } else { Err(RangeRefusal::CommitmentMismatch { expected, found }) }
    }
}

/// A run within one level of a tree: `first + count <= width`, `1 <= count <= MAX_BATCH`. A peak of height h is the
/// root of a tree of 2^h leaves, so both forms fold alike.
#[derive(Clone, Copy)]
struct Place {
    width: u64,
    first: u64,
    count: usize,
}

impl Place {
    const fn end(&self) -> u64 {
        self.first + self.count as u64
    }

    /// The run starts with a right child: its left neighbour is a sibling.
    const fn needs_left(&self) -> bool {
        self.first & 1 == 1
    }

    /// The run ends with a left child that has a right neighbour: that one is a sibling. (Without one it is promoted.)
    const fn needs_right(&self) -> bool {
        self.end() & 1 == 1 && self.end() < self.width
    }

    /// The same run one level up.
    const fn up(&self) -> Self {
        let first = self.first >> 1;
        let last = (self.end() - 1) >> 1;
        Self { width: self.width.div_ceil(2), first, count: (last - first + 1) as usize }
    }

    fn siblings(mut self) -> usize {
        let mut needed = 0;
        while self.width > 1 {
            needed += usize::from(self.needs_left()) + usize::from(self.needs_right());
            self = self.up();
        }
        needed
    }

    /// Hashes the run up to its root, in place. `siblings` has exactly the length that [`Self::siblings`] gives.
    fn fold(mut self, nodes: &mut [B256; MAX_BATCH], siblings: &[B256]) -> B256 {
        let mut siblings = siblings.iter();
        while self.width > 1 {
            let mut read = 0;
            let mut write = 0;
            if self.needs_left()
                && let Some(left) = siblings.next()
            {
                set(nodes, 0, node(left, &get(nodes, 0)));
                read = 1;
                write = 1;
            }
            while read + 1 < self.count {
                set(nodes, write, node(&get(nodes, read), &get(nodes, read + 1)));
                read += 2;
                write += 1;
            }
            if read < self.count {
                let last = get(nodes, read);
                let right = if self.needs_right() { siblings.next() } else { None };
                set(nodes, write, right.map_or(last, |right| node(&last, right)));
            }
            self = self.up();
        }
        get(nodes, 0)
    }
}

/// The node at `at`, which is below `MAX_BATCH` by [`Place`]'s invariant. Should it ever not be, zero comes back, which
/// no commitment equals.
#[inline]
fn get(nodes: &[B256; MAX_BATCH], at: usize) -> B256 {
    nodes.get(at).copied().unwrap_or(B256::ZERO)
}

#[inline]
fn set(nodes: &mut [B256; MAX_BATCH], at: usize, value: B256) {
    if let Some(slot) = nodes.get_mut(at) {
        *slot = value;
    }
}
