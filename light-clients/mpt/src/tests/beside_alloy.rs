//! The same proofs before this reader and before `alloy-trie`'s.

use std::{collections::BTreeMap, vec::Vec};

use alloy_primitives::Bytes;
use alloy_trie::{Nibbles, proof::verify_proof};
use proptest::prelude::*;

use super::kit::Trie;
use crate::{InlineNodes, Limits, Lookup, lookup, lookup_with};

/// Keys of one length, as in all tries that are read; two bytes make collisions and inline nodes frequent.
fn entries() -> impl Strategy<Value = BTreeMap<Vec<u8>, Vec<u8>>> {
    let key = prop::collection::vec(prop::sample::select(&[0x00, 0x01, 0x10, 0x12, 0xff][..]), 3);
    prop::collection::btree_map(key, prop::collection::vec(any::<u8>(), 1..40), 1..40)
}

fn alloy_accepts(trie: &Trie, key: &[u8], value: Option<&[u8]>, proof: &[Vec<u8>]) -> bool {
    let nodes: Vec<Bytes> = proof.iter().map(|node| Bytes::copy_from_slice(node)).collect();
    verify_proof(trie.root, Nibbles::unpack(key), value.map(<[u8]>::to_vec), &nodes).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Honest proofs, of presence and of absence: both say what the trie holds.
    #[test]
    fn honest_proofs(entries in entries(), asked in prop::collection::vec(
        prop::sample::select(&[0x00, 0x01, 0x10, 0x12, 0xff, 0x80][..]), 3))
    {
        let trie = Trie::new(entries.clone());
        for key in entries.keys().chain([&asked]) {
            let (short, repeated) = (trie.proof(key), trie.proof_with_repeats(key));
            let found = lookup(&trie.root, key, &short).unwrap();
            prop_assert_eq!(found.value(), trie.value(key));
            let again = lookup_with(&trie.root, key, &repeated, Limits::STATE, InlineNodes::MayRepeat).unwrap();
            prop_assert_eq!(again, found);
            // alloy-trie follows an inline leaf by itself and wants other inline nodes listed; and a root node of
            // fewer than 32 bytes, which no state trie has, is unknown to it.
            let accepts = |proof: &[Vec<u8>]| alloy_accepts(&trie, key, trie.value(key), proof);
            prop_assert!(short[0].len() < 32 || accepts(&short) || accepts(&repeated));
        }
    }

    /// One change anywhere: whatever this reader still accepts is what the trie holds.
    #[test]
    fn changed_proofs(entries in entries(), node: prop::sample::Index, byte: prop::sample::Index, change in 1u8..,
        kind in 0..4)
    {
        let trie = Trie::new(entries.clone());
        for key in entries.keys().take(4) {
            let mut proof = trie.proof_with_repeats(key);
            let at = node.index(proof.len());
            match kind {
                0 => { let byte = byte.index(proof[at].len()); proof[at][byte] ^= change; }
                1 => { proof.truncate(at); }
                2 => { proof.remove(at); }
                _ => { let copy = proof[at].clone(); proof.push(copy); }
            }
            if let Ok(found) = lookup_with(&trie.root, key, &proof, Limits::STATE, InlineNodes::MayRepeat) {
                prop_assert_eq!(found.value(), trie.value(key));
                prop_assert_ne!(found, Lookup::Absent);
            }
        }
    }
}
