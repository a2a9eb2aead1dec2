//! Reads of storage, on a small trie made here. Real proofs are in the conformance suite.

use std::{vec, vec::Vec};

use alloy_primitives::B256;

use super::kit::{Chain, put_bytes};
use crate::{
    ReadRefusal, StateRoot, Storage, hash256,
    proof::{read, read_under},
    trie::{Lookup, TrieFault},
};

const CONTRACT: i32 = 5;

/// A trie of two keys of contract 5, `aa` and `ab`, and the nodes on the way to either.
struct Trie {
    root: StateRoot,
    top: Vec<u8>,
    fork: Vec<u8>,
    leaves: [Vec<u8>; 2],
}

fn child(node: &[u8]) -> Vec<u8> {
    [&[3], hash256(node).as_slice()].concat()
}

fn leaf(value: &[u8]) -> Vec<u8> {
    let mut out = vec![2];
    put_bytes(&mut out, value);
    out
}

fn branch(children: &[(usize, &[u8])]) -> Vec<u8> {
    let mut out = vec![0];
    for position in 0..17 {
        match children.iter().find(|(at, _)| *at == position) {
            Some((_, node)) => out.extend(child(node)),
            None => out.push(4),
        }
    }
    out
}

fn extension(path: &[u8], node: &[u8]) -> Vec<u8> {
    let mut out = vec![1];
    put_bytes(&mut out, path);
    out.extend(child(node));
    out
}

fn trie() -> Trie {
    let leaves = [leaf(b"first"), leaf(b"second")];
    let fork = branch(&[(0xa, &leaves[0]), (0xb, &leaves[1])]);
    // 05000000 and the first half of 0xaa or 0xab.
    let top = extension(&[0, 5, 0, 0, 0, 0, 0, 0, 0xa], &fork);
    Trie { root: StateRoot { height: 9, root: hash256(&top) }, top, fork, leaves }
}

fn proof(key: &[u8], nodes: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(&mut out, &[&CONTRACT.to_le_bytes()[..], key].concat());
    out.push(nodes.len() as u8);
    for node in nodes {
        put_bytes(&mut out, node);
    }
    out
}

fn ask<'a>(trie: &Trie, key: &[u8], proof: &'a [u8]) -> Result<Lookup<'a>, ReadRefusal> {
    read_under(&trie.root, Storage { contract: CONTRACT, key }, proof)
}

#[test]
fn presence_and_absence_are_read() {
    let t = trie();
    let first = proof(&[0xaa], &[&t.top, &t.fork, &t.leaves[0]]);
    assert_eq!(ask(&t, &[0xaa], &first), Ok(Lookup::Present(b"first")));
    let second = proof(&[0xab], &[&t.top, &t.fork, &t.leaves[1]]);
    assert_eq!(ask(&t, &[0xab], &second), Ok(Lookup::Present(b"second")));
    let absent = proof(&[0xac], &[&t.top, &t.fork]);
    assert_eq!(ask(&t, &[0xac], &absent), Ok(Lookup::Absent));
    let elsewhere = proof(&[0xba], &[&t.top]);
    assert_eq!(ask(&t, &[0xba], &elsewhere), Ok(Lookup::Absent));
    // A key that ends in the branch, or goes on behind a leaf.
    assert_eq!(ask(&t, &[], &proof(&[], &[&t.top])), Ok(Lookup::Absent));
    let longer = proof(&[0xaa, 0], &[&t.top, &t.fork, &t.leaves[0]]);
    assert_eq!(ask(&t, &[0xaa, 0], &longer), Ok(Lookup::Absent));
}

#[test]
fn atk_004_a_zero_root_proves_nothing() {
    let t = trie();
    let zero = StateRoot { height: 9, root: B256::ZERO };
    let bytes = proof(&[0xaa], &[&t.top, &t.fork, &t.leaves[0]]);
    let found = read_under(&zero, Storage { contract: CONTRACT, key: &[0xaa] }, &bytes);
    assert_eq!(found, Err(ReadRefusal::Trie(TrieFault::RootUnknown)));
}

#[test]
fn atk_019_a_proof_has_one_form() {
    let t = trie();
    let nodes: [&[u8]; 3] = [&t.top, &t.fork, &t.leaves[0]];
    let good = proof(&[0xaa], &nodes);
    for cut in 0..good.len() {
        assert!(ask(&t, &[0xaa], &good[..cut]).is_err());
    }
    assert!(matches!(ask(&t, &[0xaa], &[good.as_slice(), &[0]].concat()), Err(ReadRefusal::Malformed(_))));
    let more = proof(&[0xaa], &[&t.top, &t.fork, &t.leaves[0], &t.leaves[1]]);
    assert_eq!(ask(&t, &[0xaa], &more), Err(ReadRefusal::Trie(TrieFault::Unused { unused: 1 })));
    let reordered = proof(&[0xaa], &[&t.fork, &t.top, &t.leaves[0]]);
    assert!(matches!(ask(&t, &[0xaa], &reordered), Err(ReadRefusal::Trie(TrieFault::WrongNode { index: 0, .. }))));
    // Nodes that no honest trie has: a lonely child, an empty path, a half byte of more than four bits, a byte behind.
    let lonely = branch(&[(0xa, &t.leaves[0])]);
    for (fork, key) in [
        (lonely, &[0xaa]),
        (extension(&[], &t.leaves[0]), &[0xaa]),
        (extension(&[0x1a], &t.leaves[0]), &[0xaa]),
        ([t.fork.as_slice(), &[0]].concat(), &[0xaa]),
    ] {
        let top = extension(&[0, 5, 0, 0, 0, 0, 0, 0, 0xa], &fork);
        let root = StateRoot { height: 9, root: hash256(&top) };
        let bytes = proof(key, &[&top, &fork, &t.leaves[0]]);
        let found = read_under(&root, Storage { contract: CONTRACT, key }, &bytes);
        assert_eq!(found, Err(ReadRefusal::Trie(TrieFault::NonCanonical { index: 1 })));
    }
}

#[test]
fn atk_032_a_cut_proof_is_no_absence() {
    let t = trie();
    for count in 0..3 {
        let nodes: [&[u8]; 3] = [&t.top, &t.fork, &t.leaves[0]];
        let cut = proof(&[0xaa], &nodes[..count]);
        assert_eq!(ask(&t, &[0xaa], &cut), Err(ReadRefusal::Trie(TrieFault::Incomplete { nodes: count })));
    }
}

#[test]
fn atk_036_a_proof_for_another_key_or_contract_is_refused() {
    let t = trie();
    let bytes = proof(&[0xab], &[&t.top, &t.fork, &t.leaves[1]]);
    assert_eq!(ask(&t, &[0xaa], &bytes), Err(ReadRefusal::WrongKey));
    let other = read_under(&t.root, Storage { contract: CONTRACT + 1, key: &[0xab] }, &bytes);
    assert_eq!(other, Err(ReadRefusal::WrongKey));
    // The key relabelled: the nodes are those of another.
    let relabelled = proof(&[0xaa], &[&t.top, &t.fork, &t.leaves[1]]);
    assert!(matches!(ask(&t, &[0xaa], &relabelled), Err(ReadRefusal::Trie(TrieFault::WrongNode { index: 2, .. }))));
}

#[test]
fn atk_067_proofs_are_bounded() {
    let t = trie();
    let long = [0u8; 100];
    assert!(matches!(ask(&t, &long, &proof(&long, &[])), Err(ReadRefusal::Malformed(_))));
    let mut many = Vec::new();
    put_bytes(&mut many, &[&CONTRACT.to_le_bytes()[..], &[0xaa]].concat());
    many.extend_from_slice(&[0xfd, 0xff, 0xff]);
    assert!(matches!(ask(&t, &[0xaa], &many), Err(ReadRefusal::Malformed(_))));
}

#[test]
fn atk_108_without_a_root_in_the_header_nothing_is_read() {
    let mut chain = Chain::new(4, 1);
    assert!(chain.trusted(0).state().is_none(), "block 0 has no state before it");
    chain.params.state_root_in_header = false;
    chain.headers.clear();
    for height in 0..2 {
        let fields = chain.fields(height);
        chain.push(&fields);
    }
    let verified = chain.verify(&chain.headers[1]).unwrap();
    let t = trie();
    let bytes = proof(&[0xaa], &[&t.top, &t.fork, &t.leaves[0]]);
    let place = Storage { contract: CONTRACT, key: &[0xaa] };
    assert_eq!(read(&verified.trusted, place, &bytes), Err(ReadRefusal::NoStateProofs));
}
