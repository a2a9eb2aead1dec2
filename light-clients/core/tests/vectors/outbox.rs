//! `outbox.json`: roots, slots and range proofs of one outbox at many sizes, and proofs that prove nothing.

use causeway_core::{
    B256, Body, Entry, OutboxTree, RangeRefusal, U256,
    tree::{Anchor, hash::node},
};
use serde_json::{Value, json};

use super::{hex, hexes, lane_pair, numbered, refused::name_of, transfer, words_of};

const SIZE: u64 = 300;

fn entries() -> Vec<Entry> {
    let (lane, _) = lane_pair();
    numbered(lane, 0, (0..SIZE).map(|n| Body::Transfer(transfer(U256::from(n + 1)))))
}

pub(crate) fn make() -> Value {
    let entries = entries();
    let leaves: Vec<B256> = entries.iter().map(Entry::commitment).collect();
    let tree = OutboxTree::from_leaves(&leaves);
    json!({
        "first_entry": words_of(&entries[0]),
        "leaves": hexes(&leaves),
        "sizes": sizes(&tree),
        "proofs": proofs(&tree, &entries),
        "refused": refused(&tree),
    })
}

fn sizes(tree: &OutboxTree) -> Value {
    let sizes = (1..=70).chain([100, 127, 128, 129, 255, 256, 257, 299, 300]);
    let size = |size: u64| {
        let slots = (0..=size.ilog2() as u8).map(|height| tree.slot_at(size, height).unwrap().unwrap_or_default());
        json!({
            "size": size.to_string(),
            "root": hex(tree.root_at(size).unwrap().unwrap()),
            "slots": hexes(&slots.collect::<Vec<_>>()),
        })
    };
    json!(sizes.map(size).collect::<Vec<_>>())
}

fn root_form(tree: &OutboxTree, size: u64, first: u64, count: u64) -> (Anchor, Vec<B256>) {
    let mut siblings = Vec::new();
    tree.prove_root(size, first, count, &mut siblings).unwrap();
    (Anchor::Root { root: tree.root_at(size).unwrap().unwrap(), size }, siblings)
}

fn peak_form(tree: &OutboxTree, height: u8, first: u64, count: u64) -> (Anchor, Vec<B256>) {
    let mut siblings = Vec::new();
    let peak = tree.prove_peak(height, first, count, &mut siblings).unwrap();
    (Anchor::Peak { peak, height }, siblings)
}

fn proofs(tree: &OutboxTree, entries: &[Entry]) -> Value {
    let roots = [
        (1, 0, 1),
        (2, 1, 1),
        (3, 2, 1),
        (5, 0, 5),
        (7, 2, 3),
        (7, 6, 1),
        (65, 64, 1),
        (65, 0, 65),
        (70, 13, 50),
        (257, 250, 7),
        (300, 0, 256),
        (300, 250, 50),
        (300, 299, 1),
    ];
    let peaks = [
        (0, 64, 1),
        (0, 0, 1),
        (1, 2, 2),
        (2, 1, 2),
        (3, 295, 1),
        (2, 296, 4),
        (5, 256, 32),
        (6, 13, 50),
        (6, 0, 64),
        (6, 63, 1),
        (8, 0, 256),
        (8, 100, 50),
        (8, 255, 1),
    ];
    let (lane, _) = lane_pair();
    let describe = |(anchor, siblings): (Anchor, Vec<B256>), first: u64, count: u64| {
        let run = &entries[first as usize..(first + count) as usize];
        assert_eq!(anchor.verify_entries(lane, first, run, &siblings), Ok(()));
        let mut proof = anchor_json(&anchor);
        proof["first"] = json!(first.to_string());
        proof["count"] = json!(count);
        proof["siblings"] = hexes(&siblings);
        proof
    };
    let roots = roots.map(|(size, first, count)| describe(root_form(tree, size, first, count), first, count));
    let peaks = peaks.map(|(height, first, count)| describe(peak_form(tree, height, first, count), first, count));
    json!(roots.into_iter().chain(peaks).collect::<Vec<_>>())
}

fn anchor_json(anchor: &Anchor) -> Value {
    match anchor {
        Anchor::Root { root, size } => json!({ "form": "root", "commitment": hex(root), "size": size.to_string() }),
        Anchor::Peak { peak, height } => json!({ "form": "peak", "commitment": hex(peak), "height": height }),
    }
}

/// Name, commitment, first index, leaves, siblings, and the refusal's name.
type Claim = (&'static str, Anchor, u64, Vec<B256>, Vec<B256>, &'static str);

fn refused(tree: &OutboxTree) -> Value {
    let leaves = tree.leaves();
    let (root, path) = root_form(tree, 7, 2, 1);
    let (peak, peak_path) = peak_form(tree, 6, 13, 50);
    let (_, tip_path) = root_form(tree, 7, 6, 1);
    let run = &leaves[13..63];
    let Anchor::Root { root: value, .. } = root else { unreachable!() };
    let Anchor::Peak { peak: peak_value, .. } = peak else { unreachable!() };
    let inner = node(&leaves[2], &leaves[3]);
    let with_extra = |path: &[B256]| [path, &[B256::ZERO]].concat();
    let swapped = |path: &[B256]| {
        let mut path = path.to_vec();
        path.swap(0, 1);
        path
    };
    let flipped = |words: &[B256], at: usize| {
        let mut words = words.to_vec();
        words[at].0[31] ^= 1;
        words
    };
    let mut unsorted = run.to_vec();
    unsorted.swap(3, 4);
    let at = |height| Anchor::Peak { peak: peak_value, height };
    let sized = |size| Anchor::Root { root: value, size };
    let one = &leaves[2..3];
    let list: Vec<Claim> = vec![
        ("root zero", Anchor::Root { root: B256::ZERO, size: 7 }, 2, one.to_vec(), path.clone(), "RootUnknown"),
        ("size 0", sized(0), 2, one.to_vec(), path.clone(), "RootUnknown"),
        ("peak zero", Anchor::Peak { peak: B256::ZERO, height: 6 }, 13, run.to_vec(), peak_path.clone(), "RootUnknown"),
        ("index equal to the size", root, 7, leaves[7..8].to_vec(), path.clone(), "IndexOutOfRange"),
        ("run past the size", root, 6, leaves[6..8].to_vec(), vec![], "IndexOutOfRange"),
        ("run past the last index", root, u64::MAX, leaves[6..8].to_vec(), vec![], "IndexOutOfRange"),
        ("no leaves", root, 2, vec![], path.clone(), "LeafCount"),
        ("257 leaves", Anchor::Root { root: value, size: 300 }, 0, leaves[..257].to_vec(), vec![], "LeafCount"),
        ("size one more, at the tip", sized(8), 6, leaves[6..7].to_vec(), tip_path, "SiblingCount"),
        ("size 4, whose path is shorter", sized(4), 2, one.to_vec(), path.clone(), "SiblingCount"),
        ("another index", root, 3, one.to_vec(), path.clone(), "CommitmentMismatch"),
        ("a sibling missing", root, 2, one.to_vec(), path[1..].to_vec(), "SiblingCount"),
        ("a sibling too many", root, 2, one.to_vec(), with_extra(&path), "SiblingCount"),
        ("siblings exchanged", root, 2, one.to_vec(), swapped(&path), "CommitmentMismatch"),
        ("an inner node as a leaf", root, 2, vec![inner], path[1..].to_vec(), "SiblingCount"),
        ("an inner node as a leaf, padded", root, 2, vec![inner], path.clone(), "CommitmentMismatch"),
        ("a bit of the leaf", root, 2, flipped(one, 0), path.clone(), "CommitmentMismatch"),
        ("a bit of a sibling", root, 2, one.to_vec(), flipped(&path, 1), "CommitmentMismatch"),
        ("run one longer", peak, 13, leaves[13..64].to_vec(), peak_path.clone(), "SiblingCount"),
        ("run one shorter", peak, 13, run[..49].to_vec(), peak_path.clone(), "CommitmentMismatch"),
        ("run one later", peak, 14, run.to_vec(), peak_path.clone(), "SiblingCount"),
        ("run unsorted", peak, 13, unsorted, peak_path.clone(), "CommitmentMismatch"),
        ("a bit of the 31st leaf", peak, 13, flipped(run, 30), peak_path.clone(), "CommitmentMismatch"),
        ("a peak one lower", at(5), 13, run.to_vec(), peak_path.clone(), "CrossesPeak"),
        ("a peak one higher", at(7), 13, run.to_vec(), peak_path.clone(), "SiblingCount"),
        ("height 64", at(64), 13, run.to_vec(), peak_path.clone(), "HeightOutOfRange"),
        ("a sibling too many, peak form", peak, 13, run.to_vec(), with_extra(&peak_path), "SiblingCount"),
    ];
    json!(
        list.into_iter()
            .map(|(name, anchor, first, leaves, siblings, reason)| {
                let refusal: RangeRefusal = anchor.verify_commitments(first, &leaves, &siblings).expect_err(name);
                assert_eq!(name_of(&refusal), reason, "{name}: {refusal}");
                let mut case = anchor_json(&anchor);
                case["name"] = json!(name);
                case["first"] = json!(first.to_string());
                case["leaves"] = hexes(&leaves);
                case["siblings"] = hexes(&siblings);
                case["reason"] = json!(reason);
                case
            })
            .collect::<Vec<_>>()
    )
}
