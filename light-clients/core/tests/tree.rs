//! The outbox tree beside `rs_merkle`'s own tree, and range proofs that must be refused.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use causeway_core::{
    B256, Body, Entry, LaneId, RangeRefusal, SwapLeg,
    tree::{Anchor, Frontier, OutboxHasher, OutboxTree, TreeError, hash::node, peaks},
};
use proptest::prelude::*;
use rs_merkle::MerkleTree;

fn lane(seed: u8) -> LaneId {
    LaneId(B256::repeat_byte(seed))
}

fn entry(lane: LaneId, index: u64) -> Entry {
    let swap_id = B256::with_last_byte((index % 251) as u8);
    Entry { lane, index, body: Body::SwapLocked(SwapLeg { swap_id, leg: (index % 2) as u8 }) }
}

fn entries(lane: LaneId, size: u64) -> Vec<Entry> {
    (0..size).map(|index| entry(lane, index)).collect()
}

fn commitments(entries: &[Entry]) -> Vec<B256> {
    entries.iter().map(Entry::commitment).collect()
}

fn run(entries: &[Entry], first: u64, count: u64) -> &[Entry] {
    &entries[first as usize..(first + count) as usize]
}

/// The same tree, built by `rs_merkle`.
fn oracle(leaves: &[B256]) -> MerkleTree<OutboxHasher> {
    let leaves: Vec<[u8; 32]> = leaves.iter().map(|leaf| leaf.0).collect();
    MerkleTree::from_leaves(&leaves)
}

fn root_proof(tree: &OutboxTree, size: u64, first: u64, count: u64) -> (Anchor, Vec<B256>) {
    let mut siblings = Vec::new();
    tree.prove_root(size, first, count, &mut siblings).unwrap();
    let root = tree.root_at(size).unwrap().unwrap();
    (Anchor::Root { root, size }, siblings)
}

#[test]
fn every_size_to_300_has_the_root_and_slots_of_its_definition() {
    let leaves = commitments(&entries(lane(1), 300));
    let mut tree = OutboxTree::new();
    let mut frontier = Frontier::default();
    assert_eq!((tree.root(), frontier.root()), (None, None));
    for size in 1..=300u64 {
        tree.append(leaves[size as usize - 1]);
        frontier.append(leaves[size as usize - 1]).unwrap();
        let expected = oracle(&leaves[..size as usize]).root().map(B256::new);
        assert_eq!((tree.size(), tree.root()), (size, expected));
        assert_eq!((frontier.size(), frontier.root()), (size, expected));
        for height in 0..=64 {
            // The frontier appends as the contract does: one leaf, one slot written.
            assert_eq!(tree.slot(height), frontier.slot(height), "size {size}, height {height}");
            if let Some(peak) = tree.peak(height) {
                assert_eq!(Some(peak), tree.slot(height));
                assert_eq!((size >> height) & 1, 1);
            }
        }
        assert_eq!(peaks::peaks(size).count() as u32, size.count_ones());
        assert_eq!(peaks::peaks(size).map(|peak| peak.leaves()).sum::<u64>(), size);
    }
    assert_eq!(tree, OutboxTree::from_leaves(&leaves));
    assert_eq!(tree.leaves(), leaves);
}

#[test]
fn a_truncated_tree_is_the_tree_of_that_size() {
    let leaves = commitments(&entries(lane(1), 130));
    let whole = OutboxTree::from_leaves(&leaves);
    for size in 0..=130u64 {
        let mut tree = whole.clone();
        tree.truncate(size).unwrap();
        let fresh: OutboxTree = leaves[..size as usize].iter().copied().collect();
        assert_eq!(tree, fresh);
        assert_eq!(whole.root_at(size).unwrap(), fresh.root());
        tree.extend(leaves[size as usize..].iter().copied());
        assert_eq!(tree, whole);
    }
    let mut tree = whole.clone();
    assert_eq!(tree.truncate(131), Err(TreeError::SizeBeyond { size: 130, found: 131 }));
    assert_eq!(tree, whole);
}

#[test]
fn every_run_of_trees_to_40_is_proven_in_root_form_with_rs_merkles_siblings() {
    let entries = entries(lane(1), 40);
    let leaves = commitments(&entries);
    let tree = OutboxTree::from_leaves(&leaves);
    for size in 1..=40u64 {
        let oracle = oracle(&leaves[..size as usize]);
        for first in 0..size {
            for count in 1..=size - first {
                let (anchor, siblings) = root_proof(&tree, size, first, count);
                let indices: Vec<usize> = (first as usize..(first + count) as usize).collect();
                let expected: Vec<B256> =
                    oracle.proof(&indices).proof_hashes().iter().copied().map(B256::new).collect();
                assert_eq!(siblings, expected, "size {size}, {count} from {first}");
                assert_eq!(anchor.verify_entries(lane(1), first, run(&entries, first, count), &siblings), Ok(()));
            }
        }
    }
}

#[test]
fn every_size_to_300_is_proven_in_peak_form_index_by_index() {
    let entries = entries(lane(1), 300);
    let tree = OutboxTree::from_leaves(&commitments(&entries));
    for size in 1..=300u64 {
        let mut next = 0;
        for part in peaks::split(size, 0, size).unwrap() {
            assert_eq!(part.first, next);
            next += part.count;
            let height = part.peak.height;
            for first in part.first..part.first + part.count {
                let mut siblings = Vec::new();
                let peak = tree.prove_peak(height, first, 1, &mut siblings).unwrap();
                assert_eq!(siblings.len(), usize::from(height), "one step per level");
                let anchor = Anchor::Peak { peak, height };
                assert_eq!(anchor.verify_entries(lane(1), first, run(&entries, first, 1), &siblings), Ok(()));
            }
            let mut siblings = Vec::new();
            let count = part.count.min(256);
            let peak = tree.prove_peak(height, part.first, count, &mut siblings).unwrap();
            let anchor = Anchor::Peak { peak, height };
            assert_eq!(anchor.verify_entries(lane(1), part.first, run(&entries, part.first, count), &siblings), Ok(()));
        }
        assert_eq!(next, size);
    }
}

/// No claim (lane, index) is accepted for a leaf that is not that lane's entry of that index, whatever proof it is
/// brought with, in either form.
#[test]
fn atk_116_no_accepted_claim_has_a_wrong_index() {
    const SIZE: u64 = 65;
    let lanes = [lane(1), lane(2)];
    let all = lanes.map(|lane| entries(lane, SIZE));
    let trees = [0, 1].map(|k| OutboxTree::from_leaves(&commitments(&all[k])));
    let (mut accepted, mut refused) = (0u64, 0u64);
    for (owner, tree) in trees.iter().enumerate() {
        for position in 0..SIZE {
            let peak_of = peaks::covering(SIZE, position).unwrap();
            let mut siblings = Vec::new();
            let peak = tree.prove_peak(peak_of.height, position, 1, &mut siblings).unwrap();
            let by_peak = Anchor::Peak { peak, height: peak_of.height };
            let (by_root, root_siblings) = root_proof(tree, SIZE, position, 1);
            for (claimed_lane, claims) in all.iter().enumerate() {
                for claimed in 0..SIZE {
                    let is_true = claimed_lane == owner && claimed == position;
                    // The leaf of the claim, and the true leaf relabelled: both with every claimed first index.
                    let honest = claims[claimed as usize];
                    let relabelled =
                        Entry { lane: lanes[claimed_lane], index: claimed, ..all[owner][position as usize] };
                    for claim in [honest, relabelled] {
                        for (anchor, path) in [(by_peak, &siblings), (by_root, &root_siblings)] {
                            // A path under a peak says only the low bits of a position: the third has the same ones.
                            for first in [claimed, position, position + (1 << peak_of.height)] {
                                let verdict = anchor.verify_entries(lanes[claimed_lane], first, &[claim], path);
                                assert_eq!(verdict.is_ok(), is_true && first == position, "{claim:?} at {first}");
                                if verdict.is_ok() { accepted += 1 } else { refused += 1 }
                            }
                        }
                    }
                }
            }
        }
    }
    // Each of the 130 true leaves: two spellings of the claim, two forms, two equal first indices.
    assert_eq!(accepted, 2 * SIZE * 8);
    assert_eq!(accepted + refused, 2 * SIZE * 2 * SIZE * 12);
}

#[test]
fn atk_021_indices_from_the_size_on_are_refused() {
    let entries = entries(lane(1), 12);
    let tree = OutboxTree::from_leaves(&commitments(&entries[..7]));
    let (anchor, siblings) = root_proof(&tree, 7, 6, 1);
    assert_eq!(anchor.verify_entries(lane(1), 6, run(&entries, 6, 1), &siblings), Ok(()));
    for first in 7..12u64 {
        let refusal = anchor.verify_entries(lane(1), first, run(&entries, first, 1), &siblings).unwrap_err();
        assert_eq!(refusal, RangeRefusal::IndexOutOfRange { size: 7, last: first });
    }
    let refusal = anchor.verify_commitments(5, &commitments(run(&entries, 5, 3)), &[]).unwrap_err();
    assert_eq!(refusal, RangeRefusal::IndexOutOfRange { size: 7, last: 7 });
    let refusal = anchor.verify_commitments(u64::MAX, &[B256::ZERO, B256::ZERO], &[]).unwrap_err();
    assert_eq!(refusal, RangeRefusal::IndexOutOfRange { size: 7, last: u64::MAX });
    let mut made = Vec::new();
    assert_eq!(tree.prove_root(7, 6, 2, &mut made), Err(TreeError::IndexOutOfRange { last: 7, size: 7 }));
    assert_eq!(tree.prove_root(7, 0, 0, &mut made), Err(TreeError::EmptyRange));
    assert_eq!(tree.prove_peak(2, 4, 1, &mut made), Err(TreeError::NoSuchPeak { height: 2, first: 4 }));
    assert!(made.is_empty());
}

#[test]
fn atk_004_a_zero_commitment_proves_nothing() {
    let entries = entries(lane(1), 1);
    let leaf = entries[0].commitment();
    for anchor in [
        Anchor::Root { root: B256::ZERO, size: 1 },
        Anchor::Root { root: leaf, size: 0 },
        Anchor::Root { root: B256::ZERO, size: 0 },
        Anchor::Peak { peak: B256::ZERO, height: 0 },
        Anchor::Peak { peak: B256::ZERO, height: 63 },
    ] {
        assert_eq!(anchor.verify_entries(lane(1), 0, &entries, &[]), Err(RangeRefusal::RootUnknown));
        assert_eq!(anchor.verify_commitments(0, &[B256::ZERO], &[]), Err(RangeRefusal::RootUnknown));
    }
    assert_eq!(Anchor::Root { root: leaf, size: 1 }.verify_entries(lane(1), 0, &entries, &[]), Ok(()));
    assert_eq!(Anchor::Peak { peak: leaf, height: 0 }.verify_entries(lane(1), 0, &entries, &[]), Ok(()));
}

#[test]
fn atk_037_wrong_counts_and_orders_are_refused_without_panic() {
    let entries = entries(lane(1), 200);
    let tree = OutboxTree::from_leaves(&commitments(&entries));
    let (anchor, siblings) = root_proof(&tree, 199, 50, 20);
    let root = tree.root_at(199).unwrap().unwrap();
    let claim = run(&entries, 50, 20);
    assert_eq!(anchor.verify_entries(lane(1), 50, claim, &siblings), Ok(()));
    // Another leaf count under the same root: the path's shape or its hash differs, or the run does not fit.
    for size in (0..=300).chain([u64::MAX - 1, u64::MAX]).filter(|size| *size != 199) {
        let verdict = Anchor::Root { root, size }.verify_entries(lane(1), 50, claim, &siblings);
        // The path of a run far from the right edge may be the same for neighbouring sizes; the size is proven
        // beside the root (root form) or not read at all (peak form). What must hold is that nothing else passes.
        if verdict.is_ok() {
            let same = tree.root_at(size.min(200)).unwrap();
            assert!(size > 128 && size <= 256, "size {size} accepted, root {same:?}");
        }
    }
    let mut unsorted = claim.to_vec();
    unsorted.swap(3, 4);
    assert_eq!(
        anchor.verify_entries(lane(1), 50, &unsorted, &siblings),
        Err(RangeRefusal::IndexMismatch { expected: 53, found: 54 })
    );
    let mut repeated = claim.to_vec();
    repeated[4] = repeated[3];
    assert!(anchor.verify_entries(lane(1), 50, &repeated, &siblings).is_err());
    assert_eq!(anchor.verify_entries(lane(1), 50, &[], &siblings), Err(RangeRefusal::LeafCount { max: 256, found: 0 }));
    assert_eq!(
        anchor.verify_commitments(0, &[B256::ZERO; 257], &siblings),
        Err(RangeRefusal::LeafCount { max: 256, found: 257 })
    );
    for count in [19, 21] {
        assert!(anchor.verify_entries(lane(1), 50, run(&entries, 50, count), &siblings).is_err());
    }
    for first in [49, 51] {
        assert!(anchor.verify_commitments(first, &commitments(claim), &siblings).is_err());
    }
}

#[test]
fn atk_038_an_inner_node_is_never_a_leaf_and_siblings_are_exact() {
    let leaves = commitments(&entries(lane(1), 7));
    let tree = OutboxTree::from_leaves(&leaves);
    let (anchor, siblings) = root_proof(&tree, 7, 2, 1);
    assert_eq!(anchor.verify_commitments(2, &leaves[2..3], &siblings), Ok(()));
    // The node above leaves 2 and 3 with the rest of the path.
    let inner = node(&leaves[2], &leaves[3]);
    assert_eq!(
        anchor.verify_commitments(2, &[inner], &siblings[1..]),
        Err(RangeRefusal::SiblingCount { expected: 3, found: 2 })
    );
    assert_eq!(
        anchor.verify_commitments(1, &[inner], &siblings[1..]),
        Err(RangeRefusal::SiblingCount { expected: 3, found: 2 })
    );
    assert!(matches!(anchor.verify_commitments(2, &[inner], &siblings), Err(RangeRefusal::CommitmentMismatch { .. })));
    let mut longer = siblings.clone();
    longer.push(B256::repeat_byte(7));
    assert_eq!(
        anchor.verify_commitments(2, &leaves[2..3], &longer),
        Err(RangeRefusal::SiblingCount { expected: 3, found: 4 })
    );
    // Under a peak one higher or lower the path has another length.
    let Anchor::Root { root, .. } = anchor else { unreachable!() };
    for height in [1, 2, 4, 63] {
        assert!(Anchor::Peak { peak: root, height }.verify_commitments(2, &leaves[2..3], &siblings).is_err());
    }
    assert_eq!(
        Anchor::Peak { peak: root, height: 64 }.verify_commitments(2, &leaves[2..3], &siblings),
        Err(RangeRefusal::HeightOutOfRange { max: 63, found: 64 })
    );
    let crossing = Anchor::Peak { peak: root, height: 1 }.verify_commitments(1, &leaves[1..3], &[]);
    assert_eq!(crossing, Err(RangeRefusal::CrossesPeak { height: 1, first: 1, last: 2 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn tree_and_proofs_equal_rs_merkles(size in 1u64..2000, at in 0.0f64..1.0, len in 1u64..=256, cuts in prop::collection::vec(1usize..200, 1..12)) {
        let all = entries(lane(3), size);
        let leaves = commitments(&all);
        let mut tree = OutboxTree::new();
        let mut rest = &leaves[..];
        for cut in cuts {
            let (head, tail) = rest.split_at(cut.min(rest.len()));
            tree.extend_from_slice(head);
            rest = tail;
        }
        tree.extend_from_slice(rest);
        let oracle = oracle(&leaves);
        prop_assert_eq!(tree.root().map(|root| root.0), oracle.root());
        let first = ((size as f64) * at) as u64 % size;
        let count = len.min(size - first);
        let (anchor, siblings) = root_proof(&tree, size, first, count);
        let indices: Vec<usize> = (first as usize..(first + count) as usize).collect();
        let expected: Vec<B256> = oracle.proof(&indices).proof_hashes().iter().copied().map(B256::new).collect();
        prop_assert_eq!(&siblings, &expected);
        prop_assert_eq!(anchor.siblings_needed(first, count as usize), Ok(siblings.len()));
        prop_assert_eq!(anchor.verify_entries(lane(3), first, run(&all, first, count), &siblings), Ok(()));
        for part in peaks::split(size, first, count).unwrap() {
            let mut siblings = Vec::new();
            let peak = tree.prove_peak(part.peak.height, part.first, part.count, &mut siblings).unwrap();
            prop_assert_eq!(Some(peak), tree.peak(part.peak.height));
            let anchor = Anchor::Peak { peak, height: part.peak.height };
            prop_assert_eq!(anchor.verify_entries(lane(3), part.first, run(&all, part.first, part.count), &siblings), Ok(()));
        }
    }

    /// Any one bit of an accepted run, its siblings or its commitment decides: each leaf was hashed (ATK-021, ATK-005).
    #[test]
    fn any_flipped_bit_of_an_accepted_proof_is_refused(size in 1u64..600, at in 0.0f64..1.0, len in 1u64..=60, seed in any::<u64>(), peak_form in any::<bool>()) {
        let all = entries(lane(4), size);
        let leaves = commitments(&all);
        let tree = OutboxTree::from_leaves(&leaves);
        let first = ((size as f64) * at) as u64 % size;
        let count = len.min(size - first);
        let (anchor, first, count, siblings) = if peak_form {
            let part = peaks::split(size, first, count).unwrap().next().unwrap();
            let mut siblings = Vec::new();
            let peak = tree.prove_peak(part.peak.height, part.first, part.count, &mut siblings).unwrap();
            (Anchor::Peak { peak, height: part.peak.height }, part.first, part.count, siblings)
        } else {
            let (anchor, siblings) = root_proof(&tree, size, first, count);
            (anchor, first, count, siblings)
        };
        let claim = leaves[first as usize..(first + count) as usize].to_vec();
        prop_assert_eq!(anchor.verify_commitments(first, &claim, &siblings), Ok(()));
        let flip = |word: &mut B256, step: u64| {
            let bit = (seed.wrapping_mul(6364136223846793005).wrapping_add(step * 97) >> 20) % 256;
            word.0[(bit / 8) as usize] ^= 1 << (bit % 8);
        };
        for leaf in 0..claim.len() {
            let mut claim = claim.clone();
            flip(&mut claim[leaf], leaf as u64);
            let verdict = anchor.verify_commitments(first, &claim, &siblings);
            prop_assert!(matches!(verdict, Err(RangeRefusal::CommitmentMismatch { .. })), "leaf {leaf} was not hashed");
        }
        for sibling in 0..siblings.len() {
            let mut siblings = siblings.clone();
            flip(&mut siblings[sibling], sibling as u64);
            let verdict = anchor.verify_commitments(first, &claim, &siblings);
            prop_assert!(matches!(verdict, Err(RangeRefusal::CommitmentMismatch { .. })), "sibling {sibling} was not hashed");
        }
        let mut other = anchor;
        let (Anchor::Root { root: value, .. } | Anchor::Peak { peak: value, .. }) = &mut other;
        flip(value, 0);
        prop_assert!(other.verify_commitments(first, &claim, &siblings).is_err());
    }

    #[test]
    fn arbitrary_proofs_never_panic(size in any::<u64>(), height in any::<u8>(), first in any::<u64>(), count in 0usize..300, siblings in 0usize..140) {
        let leaves = vec![B256::repeat_byte(1); count];
        let siblings = vec![B256::repeat_byte(2); siblings];
        let value = B256::repeat_byte(3);
        for anchor in [Anchor::Root { root: value, size }, Anchor::Peak { peak: value, height }] {
            prop_assert!(anchor.verify_commitments(first, &leaves, &siblings).is_err());
        }
        let _ = peaks::slot(size, height);
        let _ = peaks::covering(size, first);
        let _ = peaks::split(size, first, count as u64).map(|parts| parts.map(|part| part.count).sum::<u64>());
    }
}
