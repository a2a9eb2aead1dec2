//! A tree of CometBFT's kind with proofs, for the tests of reads; and the streaming root beside the recursive one.

use std::{collections::BTreeMap, vec, vec::Vec};

use sha2::{Digest, Sha256};

use crate::{header::nested, merkle::Tree, wire::put};

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(parts.concat()).into()
}

fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

fn root_of(leaves: &[Vec<u8>]) -> [u8; 32] {
    match leaves {
        [] => hash(&[]),
        [leaf] => hash(&[&[0], leaf]),
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            hash(&[&[1], &root_of(left), &root_of(right)])
        }
    }
}

#[test]
fn the_streaming_root_is_rfc_6962s() {
    for count in 0..70u8 {
        let leaves: Vec<Vec<u8>> = (0..count).map(|leaf| vec![leaf; usize::from(leaf % 5)]).collect();
        let mut tree = Tree::new();
        leaves.iter().for_each(|leaf| tree.push(leaf));
        assert_eq!(tree.root().0, root_of(&leaves), "{count} leaves");
    }
}

/// Prefix and suffix around a child.
pub(super) type Op = (Vec<u8>, Vec<u8>);

/// A store of keys and values in a tree like `crypto/merkle`'s.
pub(super) struct Store {
    pub(super) entries: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Store {
    /// Keys k00, k02, k04, … with their values.
    pub(super) fn even(count: usize) -> Self {
        let entry = |number: usize| (key(2 * number), std::format!("value {number}").into_bytes());
        Self { entries: (0..count).map(entry).collect() }
    }

    fn leaves(&self) -> Vec<[u8; 32]> {
        let leaf = |(key, value): (&Vec<u8>, &Vec<u8>)| {
            let value: [u8; 32] = Sha256::digest(value).into();
            hash(&[&[0], &[u8::try_from(key.len()).unwrap()], key, &[32], &value])
        };
        self.entries.iter().map(leaf).collect()
    }

    pub(super) fn root(&self) -> [u8; 32] {
        root_over(&self.leaves())
    }

    /// The steps from a leaf to the root.
    pub(super) fn path(&self, at: usize) -> Vec<Op> {
        let mut path = Vec::new();
        walk(&self.leaves(), at, &mut path);
        path
    }

    /// `ExistenceProof` of the entry at a place.
    pub(super) fn existence(&self, at: usize) -> Vec<u8> {
        let (key, value) = self.entries.iter().nth(at).unwrap();
        existence(key, value, &self.path(at))
    }

    /// `CommitmentProof` of the entry at a place.
    pub(super) fn proof(&self, at: usize) -> Vec<u8> {
        nested(|out| put::message(out, 1, &self.existence(at)))
    }

    /// `NonExistenceProof` between the entries at two places.
    pub(super) fn absence(&self, left: Option<usize>, right: Option<usize>) -> Vec<u8> {
        absence(left.map(|at| self.existence(at)), right.map(|at| self.existence(at)))
    }

    /// `CommitmentProof` of absence between the entries at two places.
    pub(super) fn gap(&self, left: Option<usize>, right: Option<usize>) -> Vec<u8> {
        nested(|out| put::message(out, 2, &self.absence(left, right)))
    }

    /// `BatchProof` of entries and gaps, plain.
    pub(super) fn batch(&self, places: &[usize], gaps: &[(Option<usize>, Option<usize>)]) -> Vec<u8> {
        let entries = nested(|out| {
            for at in places {
                put::message(out, 1, &nested(|out| put::message(out, 1, &self.existence(*at))));
            }
            for (left, right) in gaps {
                put::message(out, 1, &nested(|out| put::message(out, 2, &self.absence(*left, *right))));
            }
        });
        nested(|out| put::message(out, 3, &entries))
    }

    /// `CompressedBatchProof` of entries.
    pub(super) fn compressed(&self, places: &[usize]) -> Vec<u8> {
        let mut shared: Vec<Op> = Vec::new();
        let mut entries = Vec::new();
        for at in places {
            let (key, value) = self.entries.iter().nth(*at).unwrap();
            let mut indices = Vec::new();
            for op in self.path(*at) {
                let index = shared.iter().position(|known| *known == op).unwrap_or_else(|| {
                    shared.push(op);
                    shared.len() - 1
                });
                put::varint(&mut indices, index as u64);
            }
            let exist = nested(|out| {
                put::bytes(out, 1, key);
                put::bytes(out, 2, value);
                put::message(out, 3, &leaf_op());
                put::bytes(out, 4, &indices);
            });
            entries.push(nested(|out| put::message(out, 1, &exist)));
        }
        let body = nested(|out| {
            entries.iter().for_each(|entry| put::message(out, 1, entry));
            shared.iter().for_each(|op| put::message(out, 2, &inner_op(op)));
        });
        nested(|out| put::message(out, 4, &body))
    }
}

pub(super) fn key(number: usize) -> Vec<u8> {
    std::format!("k{number:05}").into_bytes()
}

fn root_over(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            hash(&[&[1], &root_over(left), &root_over(right)])
        }
    }
}

fn walk(leaves: &[[u8; 32]], at: usize, path: &mut Vec<Op>) {
    if leaves.len() < 2 {
        return;
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    if at < left.len() {
        walk(left, at, path);
        path.push((vec![1], root_over(right).to_vec()));
    } else {
        walk(right, at - left.len(), path);
        path.push(([&[1], root_over(left).as_slice()].concat(), Vec::new()));
    }
}

/// `LeafOp` of this tree and of IAVL: SHA-256, value hashed first, lengths as varints, prefix 0.
fn leaf_op() -> Vec<u8> {
    nested(|out| {
        put::u64(out, 1, 1);
        put::u64(out, 3, 1);
        put::u64(out, 4, 1);
        put::bytes(out, 5, &[0]);
    })
}

pub(super) fn inner_op((prefix, suffix): &Op) -> Vec<u8> {
    nested(|out| {
        put::u64(out, 1, 1);
        put::bytes(out, 2, prefix);
        put::bytes(out, 3, suffix);
    })
}

pub(super) fn existence(key: &[u8], value: &[u8], path: &[Op]) -> Vec<u8> {
    nested(|out| {
        put::bytes(out, 1, key);
        put::bytes(out, 2, value);
        put::message(out, 3, &leaf_op());
        path.iter().for_each(|op| put::message(out, 4, &inner_op(op)));
    })
}

pub(super) fn absence(left: Option<Vec<u8>>, right: Option<Vec<u8>>) -> Vec<u8> {
    nested(|out| {
        put::bytes(out, 1, b"whatever");
        left.iter().for_each(|left| put::message(out, 2, left));
        right.iter().for_each(|right| put::message(out, 3, right));
    })
}
