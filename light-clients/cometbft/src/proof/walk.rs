//! Follows a proof from its leaf to the root.

use alloc::vec::Vec;

use super::{
    ProofFault,
    decode::{ExistenceProof, NonExistenceProof},
    ops::{Digest, InnerOp, LeafOp, Prehashed},
    spec::ProofSpec,
};

/// The last path that was followed to the root, with the hashes on it. A path that meets it, at the same node and with the
/// same steps ahead, needs not be followed further: so the nodes that neighbours share are hashed once.
#[derive(Debug, Default)]
pub(super) struct Walked<'a> {
    path: Vec<InnerOp<'a>>,
    /// The hash before each step of `path`.
    hashes: Vec<Digest>,
}

impl<'a> Walked<'a> {
    /// How many steps at the end two paths have in common.
    fn common(&self, path: &[InnerOp<'_>]) -> usize {
        self.path.iter().rev().zip(path.iter().rev()).take_while(|(a, b)| a == b).count()
    }

    /// Puts another path in place: its own steps and hashes, and of the old path the steps that are ahead of it.
    fn replace(&mut self, path: &[InnerOp<'a>], hashes: &[Digest], ahead: usize) {
        let below = self.path.len().saturating_sub(ahead);
        let own = path.len().saturating_sub(ahead);
        self.path.splice(..below, path.iter().take(own).copied());
        self.hashes.splice(..below, hashes.iter().take(own).copied());
    }

    /// Whether a path with this hash and this many steps ahead, all of them common, is at a node of the last one.
    fn met(&self, hash: &Digest, ahead: usize) -> bool {
        let at = self.path.len().checked_sub(ahead);
        at.and_then(|at| self.hashes.get(at)).is_some_and(|known| known == hash)
    }
}

impl<'a> ExistenceProof<'a> {
    /// Whether leaf and nodes are those of the specification's tree.
    ///
    /// # Errors
    /// [`ProofFault`].
    pub fn check(&self, spec: &ProofSpec<'_>) -> Result<(), ProofFault> {
        spec.check()?;
        self.checked_leaf(spec, self.path.len()).map(drop)
    }

    /// The root that the proof leads to, whatever the tree.
    ///
    /// # Errors
    /// [`ProofFault`].
    pub fn root(&self) -> Result<Digest, ProofFault> {
        let leaf = self.leaf.as_ref().ok_or(ProofFault::NoLeaf)?.apply(self.key, self.value)?;
        self.path.iter().try_fold(leaf, |hash, op| op.apply(hash.as_slice()))
    }

    /// The leaf, if it and as many nodes above it are those of the specification's tree.
    fn checked_leaf(&self, spec: &ProofSpec<'_>, nodes: usize) -> Result<&LeafOp<'a>, ProofFault> {
        let leaf = self.leaf.as_ref().ok_or(ProofFault::NoLeaf)?;
        let (found, limit) = (self.path.len(), spec.deepest());
        if found > limit {
            return Err(ProofFault::TooDeep { limit, found });
        }
        if found < spec.min_depth {
            return Err(ProofFault::TooShallow { limit: spec.min_depth, found });
        }
        spec.check_leaf(leaf)?;
        self.path.iter().take(nodes).zip(1..).try_for_each(|(op, layer)| spec.check_inner(op, layer))?;
        Ok(leaf)
    }

    /// Verifies that `key` has the proof's value under `root`.
    pub(super) fn verify(&self, spec: &ProofSpec<'_>, root: &[u8], key: &[u8]) -> Result<(), ProofFault> {
        if self.key != key {
            return Err(ProofFault::OtherKey);
        }
        let leaf = self.checked_leaf(spec, self.path.len())?;
        let mut hash = leaf.apply(self.key, self.value)?;
        for (op, layer) in self.path.iter().zip(1..) {
            hash = step(spec, op, layer, &hash)?;
        }
        if hash.as_slice() == root { Ok(()) } else { Err(ProofFault::OtherRoot(hash)) }
    }

    /// The same beside a path that was followed before, which is replaced by this one.
    pub(super) fn verify_beside(
        &self,
        spec: &ProofSpec<'_>,
        root: &[u8],
        walked: &mut Walked<'a>,
    ) -> Result<(), ProofFault> {
        let common = walked.common(&self.path);
        // Nodes that the last path had at the same layer were checked with it.
        let known = if walked.path.len() == self.path.len() { common } else { 0 };
        let leaf = self.checked_leaf(spec, self.path.len().saturating_sub(known))?;
        let mut hash = leaf.apply(self.key, self.value)?;
        let mut hashes = Vec::with_capacity(self.path.len());
        let mut ahead = self.path.len();
        let mut met = false;
        for (op, layer) in self.path.iter().zip(1..) {
            met = ahead <= common && walked.met(&hash, ahead);
            if met {
                break;
            }
            hashes.push(hash);
            hash = step(spec, op, layer, &hash)?;
            ahead = ahead.saturating_sub(1);
        }
        if !met && hash.as_slice() != root {
            return Err(ProofFault::OtherRoot(hash));
        }
        walked.replace(&self.path, &hashes, if met { ahead } else { 0 });
        Ok(())
    }
}

fn step(spec: &ProofSpec<'_>, op: &InnerOp<'_>, layer: usize, child: &Digest) -> Result<Digest, ProofFault> {
    /// Where a child has room for 256 bits, a longer hash would read as a child and something else.
    const WHOLE_HASH: usize = 32;
    let hash = op.apply(child.as_slice())?;
    if spec.inner.child_size >= WHOLE_HASH && hash.as_slice().len() > spec.inner.child_size {
        return Err(ProofFault::InnerOp { layer, what: "hash is longer than a child" });
    }
    Ok(hash)
}

impl<'a> NonExistenceProof<'a> {
    /// Verifies that `key` has no value under `root`.
    pub(super) fn verify(&self, spec: &ProofSpec<'_>, root: &[u8], key: &[u8]) -> Result<(), ProofFault> {
        for neighbour in self.left.iter().chain(&self.right) {
            neighbour.verify(spec, root, neighbour.key)?;
        }
        self.surrounds(spec, key)
    }

    /// The same beside a path that was followed before.
    pub(super) fn verify_beside(
        &self,
        spec: &ProofSpec<'_>,
        root: &[u8],
        key: &[u8],
        walked: &mut Walked<'a>,
    ) -> Result<(), ProofFault> {
        for neighbour in self.left.iter().chain(&self.right) {
            neighbour.verify_beside(spec, root, walked)?;
        }
        self.surrounds(spec, key)
    }

    /// The key stands between the neighbours, or beyond the one at the edge, and nothing else does.
    fn surrounds(&self, spec: &ProofSpec<'_>, key: &[u8]) -> Result<(), ProofFault> {
        self.straddles(spec, key)?;
        let no_gap = match (&self.left, &self.right) {
            (None, None) => return Err(ProofFault::NoNeighbours),
            (Some(left), None) => spec.inner.is_rightmost(&left.path),
            (None, Some(right)) => spec.inner.is_leftmost(&right.path),
            (Some(left), Some(right)) => spec.inner.are_neighbours(&left.path, &right.path),
        };
        if no_gap { Ok(()) } else { Err(ProofFault::Gap) }
    }

    /// The key is right of the left neighbour and left of the right one, in the tree's order.
    pub(super) fn straddles(&self, spec: &ProofSpec<'_>, key: &[u8]) -> Result<(), ProofFault> {
        if key.is_empty() {
            return Err(ProofFault::Empty("key"));
        }
        let place = place_of(spec, key)?;
        if let Some(left) = &self.left
            && place_of(spec, left.key)?.as_slice() >= place.as_slice()
        {
            return Err(ProofFault::WrongSide("left"));
        }
        if let Some(right) = &self.right
            && place_of(spec, right.key)?.as_slice() <= place.as_slice()
        {
            return Err(ProofFault::WrongSide("right"));
        }
        Ok(())
    }
}

/// What the tree orders a key by.
pub(super) fn place_of<'k>(spec: &ProofSpec<'_>, key: &'k [u8]) -> Result<Prehashed<'k>, ProofFault> {
    if spec.prehash_key_before_comparison {
        Prehashed::of(spec.leaf.prehash_key, key)
    } else {
        Ok(Prehashed::Plain(key))
    }
}
