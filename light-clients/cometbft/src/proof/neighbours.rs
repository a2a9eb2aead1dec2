//! Where a path runs in its tree, read off the lengths of its prefixes and suffixes: at the left edge, at the right edge,
//! or right beside another path.

use super::{ops::InnerOp, spec::InnerSpec};

/// What stands around the child at one position.
struct Padding {
    min_prefix: usize,
    max_prefix: usize,
    suffix: usize,
}

impl Padding {
    fn fits(&self, op: &InnerOp<'_>) -> bool {
        (self.min_prefix..=self.max_prefix).contains(&op.prefix.len()) && op.suffix.len() == self.suffix
    }
}

impl InnerSpec<'_> {
    /// Where a branch stands among the children.
    pub(super) fn position(&self, branch: usize) -> Option<usize> {
        self.child_order.iter().position(|at| usize::try_from(*at) == Ok(branch))
    }

    fn padding(&self, branch: usize) -> Option<Padding> {
        let position = self.position(branch)?;
        let before = position.checked_mul(self.child_size)?;
        let behind = self.child_order.len().checked_sub(position + 1)?.checked_mul(self.child_size)?;
        let (min_prefix, max_prefix) =
            (before.checked_add(self.min_prefix_length)?, before.checked_add(self.max_prefix_length)?);
        Some(Padding { min_prefix, max_prefix, suffix: behind })
    }

    /// Which branch a node's child is; none if its lengths fit no branch.
    fn branch_of(&self, op: &InnerOp<'_>) -> Option<usize> {
        (0..self.child_order.len()).find(|branch| self.padding(*branch).is_some_and(|padding| padding.fits(op)))
    }

    /// Whether all branches left of a node's child hold the placeholder of an absent child. False if there is none.
    pub fn left_branches_are_empty(&self, op: &InnerOp<'_>) -> bool {
        let Some(left) = self.branch_of(op).filter(|left| *left > 0) else { return false };
        let Some(first) = left.checked_mul(self.child_size).and_then(|bytes| op.prefix.len().checked_sub(bytes)) else {
            return false;
        };
        (0..left).all(|branch| self.is_empty_at(op.prefix, first, branch))
    }

    /// Whether all branches right of a node's child hold the placeholder of an absent child. False if there is none.
    pub fn right_branches_are_empty(&self, op: &InnerOp<'_>) -> bool {
        let Some(branch) = self.branch_of(op) else { return false };
        let right = self.child_order.len().saturating_sub(branch + 1);
        if right == 0 || right.checked_mul(self.child_size) != Some(op.suffix.len()) {
            return false;
        }
        (0..right).all(|branch| self.is_empty_at(op.suffix, 0, branch))
    }

    fn is_empty_at(&self, bytes: &[u8], first: usize, branch: usize) -> bool {
        let at = self.position(branch).and_then(|position| position.checked_mul(self.child_size));
        let from = at.and_then(|at| at.checked_add(first));
        let child = from.and_then(|from| bytes.get(from..from.checked_add(self.child_size)?));
        child.is_some_and(|child| child == self.empty_child)
    }

    /// Whether a path runs along the left edge, placeholders aside.
    pub(super) fn is_leftmost(&self, path: &[InnerOp<'_>]) -> bool {
        let Some(edge) = self.padding(0) else { return false };
        path.iter().all(|op| edge.fits(op) || self.left_branches_are_empty(op))
    }

    /// Whether a path runs along the right edge, placeholders aside.
    pub(super) fn is_rightmost(&self, path: &[InnerOp<'_>]) -> bool {
        let Some(edge) = self.child_order.len().checked_sub(1).and_then(|last| self.padding(last)) else {
            return false;
        };
        path.iter().all(|op| edge.fits(op) || self.right_branches_are_empty(op))
    }

    /// Whether `right` is the next path after `left`: from the root they run together, part to neighbouring children, and
    /// from there run along the edges that face each other.
    pub(super) fn are_neighbours(&self, left: &[InnerOp<'_>], right: &[InnerOp<'_>]) -> bool {
        let together = |(a, b): &(&InnerOp<'_>, &InnerOp<'_>)| a.prefix == b.prefix && a.suffix == b.suffix;
        let common = left.iter().rev().zip(right.iter().rev()).take_while(together).count();
        let below = |path: &[InnerOp<'_>]| path.len().checked_sub(common + 1);
        let (Some(at_left), Some(at_right)) = (below(left), below(right)) else { return false };
        let (Some((top_left, left)), Some((top_right, right))) = (
            left.get(..=at_left).and_then(|path| path.split_last()),
            right.get(..=at_right).and_then(|path| path.split_last()),
        ) else {
            return false;
        };
        let step = match (self.branch_of(top_left), self.branch_of(top_right)) {
            (Some(left), Some(right)) => left.checked_add(1) == Some(right),
            _ => false,
        };
        step && self.is_rightmost(left) && self.is_leftmost(right)
    }
}
