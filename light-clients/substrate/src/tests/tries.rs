//! Tries: known encodings, presence and absence of every key in random tries, and what a proof may not hold.

use std::{collections::BTreeMap, vec, vec::Vec};

use alloy_primitives::{B256, hex, keccak256};

use crate::{
    compose::{StateVersion, trie},
    hash::blake2_256,
    trie::{EMPTY_ROOT, Proof, TrieFault, read},
};

fn entries(pairs: &[(&[u8], &[u8])]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    pairs.iter().map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

fn get(root: &B256, key: &[u8], nodes: &[Vec<u8>]) -> Result<Option<Vec<u8>>, TrieFault> {
    let nodes: Vec<&[u8]> = nodes.iter().map(Vec::as_slice).collect();
    Proof::new(&nodes)?.get(root, key).map(|value| value.map(<[u8]>::to_vec))
}

/// The encodings that `sp-trie`'s own tests state.
#[test]
fn known_tries_have_their_known_encoding() {
    let (root, nodes) = trie(&entries(&[(&[0xaa], &[0xbb])]), StateVersion::V0);
    assert_eq!((root, nodes), (blake2_256(&hex!("42aa04bb")), vec![hex!("42aa04bb").to_vec()]));
    let pairs: [(&[u8], &[u8]); 2] = [(&[0x48, 0x19], &[0xfe]), (&[0x13, 0x14], &[0xff])];
    let (root, nodes) = trie(&entries(&pairs), StateVersion::V0);
    let branch = hex!("80 1200 14 43 0314 04ff 14 43 0819 04fe").to_vec();
    assert_eq!((root, nodes.clone()), (blake2_256(&branch), vec![branch]));
    assert_eq!(get(&root, &[0x48, 0x19], &nodes), Ok(Some(vec![0xfe])));
    assert_eq!(get(&root, &[0x48], &nodes), Ok(None));
    assert_eq!(get(&root, &[0x48, 0x19, 0], &nodes), Ok(None));
    assert_eq!(trie(&BTreeMap::new(), StateVersion::V1).0, EMPTY_ROOT);
    assert_eq!(get(&EMPTY_ROOT, &[1], &[vec![0]]), Ok(None));
    // Version 1: 33 bytes are hashed, 32 are not.
    for (length, header) in [(32usize, 0x42u8), (33, 0x22)] {
        let (root, nodes) = trie(&entries(&[(&[0xaa], &vec![7; length])]), StateVersion::V1);
        let node = nodes.iter().find(|node| blake2_256(node) == root).unwrap();
        assert_eq!((node[0], nodes.len()), (header, length - 31));
        assert_eq!(get(&root, &[0xaa], &nodes), Ok(Some(vec![7; length])));
    }
}

/// A random trie of up to 200 keys of mixed lengths.
fn random(seed: u64) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let word = |number: u64| keccak256([seed.to_be_bytes(), number.to_be_bytes()].concat());
    let entry = |number: u64| {
        let word = word(number);
        let key = word[..1 + usize::from(word[31]) % 5].iter().map(|byte| byte & 0x33).collect();
        (key, word[..].repeat(2)[..usize::from(word[30]) % 64].to_vec())
    };
    (0..1 + seed * 13 % 200).map(entry).collect()
}

#[test]
fn every_key_is_shown_present_or_absent() {
    for seed in 0..24 {
        let entries = random(seed);
        for version in [StateVersion::V0, StateVersion::V1] {
            let (root, nodes) = trie(&entries, version);
            for key in (0..300u64).map(|number| keccak256(number.to_be_bytes())) {
                let key: Vec<u8> = key[..2].iter().map(|byte| byte & 0x33).collect();
                assert_eq!(get(&root, &key, &nodes), Ok(entries.get(&key).cloned()));
            }
            for (key, value) in &entries {
                assert_eq!(get(&root, key, &nodes).as_ref(), Ok(&Some(value.clone())));
            }
        }
    }
}

/// The nodes that one key needs; without one of them nothing is shown, and with one more nothing is either.
#[test]
fn a_proof_is_whole_and_holds_nothing_else() {
    for seed in 3..12 {
        let entries = random(seed);
        let (root, all) = trie(&entries, StateVersion::V1);
        for key in entries.keys().take(20) {
            let key: &[&[u8]] = &[key];
            let needed: Vec<&[u8]> = needed(&root, key[0], &all);
            assert!(read(&root, key, &needed).is_ok());
            for place in 0..needed.len() {
                let mut less = needed.clone();
                let missing = blake2_256(less.remove(place));
                assert_eq!(read(&root, key, &less), Err(TrieFault::Incomplete(missing)));
                let twice = [needed.as_slice(), &[needed[place]]].concat();
                assert!(matches!(read(&root, key, &twice), Err(TrieFault::Unused(_))));
            }
            let stranger = [needed.as_slice(), &[&[0x42, 0xaa, 4, 1]]].concat();
            assert!(matches!(read(&root, key, &stranger), Err(TrieFault::Unused(_))));
        }
    }
}

fn needed<'a>(root: &B256, key: &[u8], all: &'a [Vec<u8>]) -> Vec<&'a [u8]> {
    let mut nodes: Vec<&[u8]> = Vec::new();
    loop {
        match Proof::new(&nodes).unwrap().get(root, key) {
            Err(TrieFault::Incomplete(hash)) => nodes.push(all.iter().find(|node| blake2_256(node) == hash).unwrap()),
            other => return other.map(|_| nodes).unwrap(),
        }
    }
}

/// Any bit of any node changed: its hash is another, so the walk finds it no more.
#[test]
fn a_changed_node_shows_nothing() {
    let entries = random(9);
    let (root, nodes) = trie(&entries, StateVersion::V1);
    for key in entries.keys().take(4) {
        let needed = needed(&root, key, &nodes);
        for place in 0..needed.len() {
            for bit in 0..8 * needed[place].len() {
                let mut changed = needed[place].to_vec();
                changed[bit / 8] ^= 1 << (bit % 8);
                let mut nodes = needed.clone();
                nodes[place] = &changed;
                assert!(read(&root, &[key], &nodes).is_err());
            }
        }
    }
}

/// Nodes under their own hash that break the format.
#[test]
fn malformed_nodes_are_refused() {
    let malformed: [&[u8]; 9] = [
        &hex!("42aa04bb00"),              // bytes behind
        &hex!("411a04bb"),                // padding
        &hex!("420a"),                    // short
        &hex!("42aa05bb"),                // length not canonical
        &hex!("800000"),                  // no children
        &hex!("02"),                      // unknown kind
        &hex!("0000"),                    // bytes behind the empty node
        &hex!("22aa0102"),                // short hash
        &[0x7f, 255, 255, 255, 255, 255], // more nibbles than any key
    ];
    for node in malformed {
        assert!(
            matches!(
                get(&blake2_256(node), &[0xaa], &[node.to_vec()]),
                Err(TrieFault::Node(_) | TrieFault::Malformed(_) | TrieFault::TooLarge { .. })
            ),
            "{node:02x?}"
        );
    }
}
