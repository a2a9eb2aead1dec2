//! Peaks: the full subtrees that tile an outbox of a given size, and the storage slots that hold them on chain.
//!
//! An outbox of size n has one current peak for each set bit of n, the highest first: size 13 = 8 + 4 + 1 has peaks of
//! heights 3, 2 and 0. A contract keeps the peak of height h in slot `1 + h`. It overwrites that slot only with a newer
//! peak of the same height and never clears it, so between two peaks of a height the slot holds the older one.

use alloy_primitives::B256;

use crate::{
    bounds::MAX_HEIGHT,
    tree::{hash::node, outbox::TreeError},
};

/// A full subtree: 2^`height` leaves from `first` on. `first` is a multiple of 2^`height`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peak {
    /// Height: 0 for a single leaf.
    pub height: u8,
    /// Index of the subtree's first leaf.
    pub first: u64,
}

impl Peak {
    /// Leaves under the peak.
    #[must_use]
    pub const fn leaves(&self) -> u64 {
        1u64.wrapping_shl(self.height as u32)
    }

    /// Whether the leaf `index` is under this peak.
    #[must_use]
    pub const fn covers(&self, index: u64) -> bool {
        index >= self.first && index - self.first < self.leaves()
    }
}

/// Part of a run of entries that lies under one peak: proven by one proof in peak form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// The covering peak.
    pub peak: Peak,
    /// Index of the run's first entry.
    pub first: u64,
    /// Entries in the run; at least 1.
    pub count: u64,
}

/// The current peaks of an outbox of `size` leaves, the highest (and leftmost) first. They tile `[0, size)`.
pub fn peaks(size: u64) -> impl Iterator<Item = Peak> {
    let mut left = size;
    core::iter::from_fn(move || {
        let height = left.checked_ilog2()?;
        let first = size - left;
        left -= 1u64 << height;
        Some(Peak { height: height as u8, first })
    })
}

/// The current peak of an outbox of `size` leaves that covers the leaf `index`; `None` from `size` on.
#[must_use]
pub fn covering(size: u64, index: u64) -> Option<Peak> {
    peaks(size).find(|peak| peak.covers(index))
}

/// What slot `1 + height` holds once the outbox has `size` leaves, each written by an append of its own: the current
/// peak of that height, or the last one there was. `None` while there was none, or for a height above 63.
///
/// The EVM outbox writes only the peaks that are current when a call ends: one that a later leaf of the same call merged
/// away was never stored. So after appends of many at once, a slot whose bit in `size` is clear may hold an older value
/// than this, or none (a current peak's never does). A prover that proves under current peaks, as [`split`] gives them,
/// does not depend on it.
#[must_use]
pub fn slot(size: u64, height: u8) -> Option<Peak> {
    if height > MAX_HEIGHT {
        return None;
    }
    // A peak of height h is written exactly when the size becomes an odd multiple of 2^h, so it is a left subtree: the
    // last subtree of an even number below size >> h.
    let number = (size >> height).checked_sub(1)? & !1;
    Some(Peak { height, first: number << height })
}

/// Splits the run of `count` entries from `first` into one part per covering current peak of an outbox of `size`
/// leaves, in ascending order.
///
/// # Errors
/// [`TreeError::EmptyRange`], or [`TreeError::IndexOutOfRange`] for a run that does not end within `size`.
pub fn split(size: u64, first: u64, count: u64) -> Result<impl Iterator<Item = Run>, TreeError> {
    let end = range_end(size, first, count)?;
    Ok(peaks(size).filter_map(move |peak| {
        // No overflow: both bounds are at most `size`.
        let from = first.max(peak.first);
        let to = end.min(peak.first + peak.leaves());
        (from < to).then(|| Run { peak, first: from, count: to - from })
    }))
}

/// End (exclusive) of a run that must be non-empty and lie within `size`.
pub(crate) fn range_end(size: u64, first: u64, count: u64) -> Result<u64, TreeError> {
    if count == 0 {
        return Err(TreeError::EmptyRange);
    }
    match first.checked_add(count) {
        Some(end) if end <= size => Ok(end),
        end => Err(TreeError::IndexOutOfRange { last: end.map_or(u64::MAX, |end| end - 1), size }),
    }
}

/// An outbox reduced to its peaks, as the contract keeps it: appends, root and slots in constant memory. Use it to check
/// a stream of entries against a proven commitment without holding the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    slots: [B256; MAX_HEIGHT as usize + 1],
}

impl Default for Frontier {
    fn default() -> Self {
        Self { size: 0, slots: [B256::ZERO; MAX_HEIGHT as usize + 1] }
    }
}

impl Frontier {
    /// Leaves appended so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends one leaf.
    ///
    /// # Errors
    /// [`TreeError::Full`] at 2^64 − 1 leaves.
    pub fn append(&mut self, leaf: B256) -> Result<(), TreeError> {
        let size = self.size.checked_add(1).ok_or(TreeError::Full)?;
        let mut peak = leaf;
        for (height, slot) in self.slots.iter_mut().enumerate() {
            if (self.size >> height) & 1 == 0 {
                *slot = peak;
                break;
            }
            peak = node(slot, &peak);
        }
        self.size = size;
        Ok(())
    }

    /// The value in the slot of that height, stale or current; `None` while nothing was written there.
    #[must_use]
    pub fn slot(&self, height: u8) -> Option<B256> {
        self.slots.get(usize::from(height)).copied().filter(|value| !value.is_zero())
    }

    /// The RFC 6962 root; `None` for an empty outbox, which proves nothing.
    #[must_use]
    pub fn root(&self) -> Option<B256> {
        let mut root = None;
        for (height, slot) in self.slots.iter().enumerate() {
            if (self.size >> height) & 1 == 1 {
                root = Some(root.map_or(*slot, |right| node(slot, &right)));
            }
        }
        root
    }
}
