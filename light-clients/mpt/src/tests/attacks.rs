//! Proofs that must show nothing, and their nearest honest neighbours.

use std::{vec, vec::Vec};

use alloy_primitives::{B256, keccak256};

use super::kit::{Trie, hashed, list, short, string};
use crate::{
    EMPTY_ROOT, InlineNodes, Limits, Lookup, NodeFault, ProofError, decode_account, decode_word, lookup, lookup_with,
    rlp::RlpError,
};

fn root_of(node: &[u8]) -> B256 {
    keccak256(node)
}

#[test]
fn atk_004_the_zero_root_and_the_empty_trie_prove_no_presence() {
    let trie = Trie::hashed(40);
    let key = hashed(1);
    let proof = trie.proof(&key);
    assert!(matches!(lookup(&trie.root, &key, &proof), Ok(Lookup::Present(_))));
    assert!(matches!(lookup(&B256::ZERO, &key, &proof), Err(ProofError::WrongNode { .. })));
    assert!(matches!(lookup(&EMPTY_ROOT, &key, &proof), Err(ProofError::WrongNode { .. })));
    assert_eq!(lookup::<Vec<u8>>(&B256::ZERO, &key, &[]), Err(ProofError::Incomplete { nodes: 0 }));
    // The trie without entries holds nothing, in either of the two ways in which it is served.
    assert_eq!(lookup::<Vec<u8>>(&EMPTY_ROOT, &key, &[]), Ok(Lookup::Absent));
    assert_eq!(lookup(&EMPTY_ROOT, &key, &[vec![0x80]]), Ok(Lookup::Absent));
    assert_eq!(lookup(&EMPTY_ROOT, &key, &[vec![0x80], vec![0x80]]), Err(ProofError::Unused { unused: 1 }));
}

/// One burn was taken out 223 times because a proof could be written in many ways.
#[test]
fn atk_019_every_other_spelling_of_a_proof_is_refused() {
    let trie = Trie::hashed(200);
    let key = hashed(7);
    let honest = trie.proof(&key);
    assert!(lookup(&trie.root, &key, &honest).is_ok());
    for index in 0..honest.len() {
        let mut trailing = honest.clone();
        trailing[index].push(0);
        assert!(lookup(&trie.root, &key, &trailing).is_err());
    }
    let mut unused = honest.clone();
    unused.push(honest[0].clone());
    assert_eq!(lookup(&trie.root, &key, &unused), Err(ProofError::Unused { unused: 1 }));
}

/// Even where the root itself vouches for a node of another spelling.
#[test]
fn atk_019_nodes_that_are_not_canonical_are_refused_under_their_own_root() {
    let key = [0x12, 0x34];
    let value = string(b"value");
    let faults = |node: Vec<u8>| match lookup(&root_of(&node), &key, &[node]) {
        Err(ProofError::NonCanonical { index: 0, fault }) => Some(fault),
        Ok(_) => None,
        other => panic!("{other:?}"),
    };
    // The neighbour: an even leaf over the whole key.
    assert_eq!(faults(short(&[0x20, 0x12, 0x34], &value)), None);
    // Hex-prefix: unknown flags, padding, nothing at all, an empty extension.
    for path in [&[0x40, 0x12, 0x34][..], &[0x21, 0x12, 0x34], &[0x80, 0x12, 0x34], &[], &[0x00]] {
        assert_eq!(faults(short(path, &value)), Some(NodeFault::HexPrefix), "{path:02x?}");
    }
    // The value with a longer length than needed, the path's length with a leading zero, bytes behind the list.
    assert_eq!(faults(list(&[&string(&[0x20, 0x12, 0x34]), &[0x81, 0x05]])), Some(RlpError::NonMinimal.into()));
    let mut long = vec![0xb8, 0x05];
    long.extend_from_slice(b"value");
    assert_eq!(faults(list(&[&string(&[0x20, 0x12, 0x34]), &long])), Some(RlpError::NonMinimal.into()));
    let mut trailing = short(&[0x20, 0x12, 0x34], &value);
    trailing.push(0x80);
    assert_eq!(faults(trailing), Some(RlpError::Trailing(1).into()));
    // One, three and eighteen items.
    assert_eq!(faults(list(&[&value])), Some(RlpError::Truncated.into()));
    assert_eq!(faults(list(&[&[0x80], &[0x80], &[0x80]])), Some(NodeFault::ItemCount(3)));
    assert_eq!(faults(list(&[&[0x80][..]; 18])), Some(NodeFault::ItemCount(18)));
    // A leaf without a value, a value that is a list, a child that is neither a hash nor a short node.
    assert_eq!(faults(short(&[0x20, 0x12, 0x34], &[0x80])), Some(NodeFault::Value));
    assert_eq!(faults(short(&[0x20, 0x12, 0x34], &[0xc0])), Some(NodeFault::Value));
    assert_eq!(faults(short(&[0x00, 0x12], &string(&[1; 31]))), Some(NodeFault::Child));
    assert_eq!(faults(short(&[0x00, 0x12], &[0x80])), Some(NodeFault::Child));
    assert_eq!(faults(short(&[0x00, 0x12], &list(&[&string(&[1; 40])]))), Some(NodeFault::Child));
}

/// alloy-trie up to 0.9.6 and firewood read a proof that was cut short as absence.
#[test]
fn atk_032_every_truncation_of_a_proof_is_incomplete() {
    let trie = Trie::hashed(500);
    for number in 0..40 {
        let key = hashed(number);
        let proof = trie.proof(&key);
        assert!(proof.len() >= 2);
        assert!(matches!(lookup(&trie.root, &key, &proof), Ok(Lookup::Present(_))));
        for kept in 0..proof.len() {
            assert_eq!(lookup(&trie.root, &key, &proof[..kept]), Err(ProofError::Incomplete { nodes: kept }));
        }
    }
    // Absent keys: the same holds for their proofs.
    for number in 1_000..1_040 {
        let key = hashed(number);
        let proof = trie.proof(&key);
        assert_eq!(lookup(&trie.root, &key, &proof), Ok(Lookup::Absent));
        for kept in 0..proof.len() {
            assert_eq!(lookup(&trie.root, &key, &proof[..kept]), Err(ProofError::Incomplete { nodes: kept }));
        }
    }
}

#[test]
fn atk_033_an_empty_node_never_ends_a_proof() {
    let trie = Trie::hashed(500);
    let key = hashed(3);
    let proof = trie.proof(&key);
    for empty in [vec![], vec![0x80], vec![0xc0]] {
        for kept in 0..proof.len() {
            let mut forged = proof[..kept].to_vec();
            forged.push(empty.clone());
            assert!(lookup(&trie.root, &key, &forged).is_err());
            assert!(lookup_with(&trie.root, &key, &forged, Limits::STATE, InlineNodes::MayRepeat).is_err());
        }
        // Not even as the root that names itself.
        assert!(matches!(lookup(&root_of(&empty), &key, &[&empty]), Err(_) | Ok(Lookup::Absent)));
        assert_eq!(lookup(&root_of(&empty), &key, &[&empty]).is_ok(), empty == [0x80]);
    }
}

/// Short nodes stand inside their parents; a reader that can not follow them refuses honest proofs.
#[test]
fn atk_034_inline_leaves_branches_and_extensions_are_followed() {
    // Short keys and values make nodes of all three kinds shorter than 32 bytes.
    let raw: Vec<(&[u8], &[u8])> = vec![
        (&[0x10, 0x00], b"a"),
        (&[0x10, 0x01], b"b"),
        (&[0x20, 0x00], b"c"),
        (&[0x21, 0x00], b"d"),
        (&[0x30, 0x00], b"a value that is long enough to be named by its hash"),
    ];
    let trie = Trie::new(raw.iter().map(|(key, value)| (key.to_vec(), value.to_vec())));
    let mut inline = 0;
    for (key, value) in &raw {
        let proof = trie.proof(key);
        inline += usize::from(proof.len() < trie.proof_with_repeats(key).len());
        assert_eq!(lookup(&trie.root, key, &proof), Ok(Lookup::Present(value)));
    }
    assert!(inline >= 4, "the trie has no inline nodes");
    for absent in [[0x10, 0x02], [0x11, 0x00], [0x22, 0x00], [0x20, 0x01], [0x40, 0x00]] {
        assert_eq!(lookup(&trie.root, &absent, &trie.proof(&absent)), Ok(Lookup::Absent), "{absent:02x?}");
    }
}

#[test]
fn atk_034_a_repeated_inline_node_must_be_the_one_in_its_parent() {
    let trie = Trie::new([(vec![0x10, 0x00], b"a".to_vec()), (vec![0x20, 0x00], b"c".to_vec())]);
    let key = [0x10, 0x00];
    let repeated = trie.proof_with_repeats(&key);
    assert!(repeated.len() > 1);
    let read = |nodes: &[Vec<u8>], inline| lookup_with(&trie.root, &key, nodes, Limits::STATE, inline).map(|_| ());
    assert_eq!(read(&repeated, InlineNodes::MayRepeat), Ok(()));
    assert_eq!(read(&repeated[..1], InlineNodes::MayRepeat), Ok(()));
    assert!(matches!(read(&repeated, InlineNodes::Embedded), Err(ProofError::Unused { .. })));
    let mut padded = repeated.clone();
    padded.last_mut().unwrap().push(0);
    assert!(read(&padded, InlineNodes::MayRepeat).is_err());
    let mut twice = repeated.clone();
    twice.push(repeated[1].clone());
    assert!(read(&twice, InlineNodes::MayRepeat).is_err());
}

#[test]
fn atk_035_a_path_that_ends_before_or_after_the_key_is_no_presence() {
    let value = string(b"value");
    let key = [0x12, 0x34];
    let found = |path: &[u8]| {
        let node = short(path, &value);
        lookup(&root_of(&node), &key, &[&node]).map(|found| found.value().is_some())
    };
    assert_eq!(found(&[0x20, 0x12, 0x34]), Ok(true));
    for other in [&[0x20, 0x12][..], &[0x31, 0x23], &[0x20, 0x12, 0x34, 0x56], &[0x20], &[0x20, 0x12, 0x35]] {
        assert_eq!(found(other), Ok(false), "{other:02x?}");
    }
    // The value of a branch is that of the key that ends there, and of no other.
    let mut items: Vec<&[u8]> = vec![&[0x80]; 16];
    items.push(&value);
    let branch = list(&items);
    let at = |key: &[u8]| lookup(&root_of(&branch), key, &[&branch]).map(|found| found.value().is_some());
    assert_eq!(at(&[]), Ok(true));
    assert_eq!(at(&[0x12]), Ok(false));
}

#[test]
fn atk_036_a_proof_for_another_key_shows_nothing_about_this_one() {
    let trie = Trie::hashed(300);
    for number in 0..30 {
        let (key, other) = (hashed(number), hashed(number + 100));
        let proof = trie.proof(&other);
        assert_eq!(lookup(&trie.root, &other, &proof).unwrap().value(), trie.value(&other));
        // It may never be read as the absence of a key that is there.
        assert!(lookup(&trie.root, &key, &proof).is_err());
        // A key that shares all but its end with one that is there holds nothing: the leaf's value is not its own.
        let mut near = other;
        near[31] ^= 1;
        assert_eq!(lookup(&trie.root, &near, &proof), Ok(Lookup::Absent));
    }
}

#[test]
fn atk_067_sizes_are_bounded_before_anything_is_hashed() {
    let root = B256::repeat_byte(1);
    let many = vec![vec![0xc0]; 66];
    let too_large = |found: Result<Lookup<'_>, ProofError>| matches!(found, Err(ProofError::TooLarge { .. }));
    assert!(too_large(lookup(&root, &[0; 32], &many)));
    assert!(!too_large(lookup(&root, &[0; 32], &many[..65])));
    assert!(too_large(lookup(&root, &[0; 32], &[vec![0; 533]])));
    assert!(!too_large(lookup(&root, &[0; 32], &[vec![0; 532]])));
    assert!(too_large(lookup_with(&root, &[0; 2], &[vec![0; 10 << 20]], Limits::VALUES, InlineNodes::Embedded)));
    assert!(too_large(lookup(&root, &[0; 65], &[vec![0xc0]])));
}

#[test]
fn any_flipped_bit_of_an_accepted_proof_is_refused() {
    let trie = Trie::hashed(300);
    let key = hashed(11);
    let proof = trie.proof(&key);
    for node in 0..proof.len() {
        for byte in 0..proof[node].len() {
            for bit in 0..8 {
                let mut flipped = proof.clone();
                flipped[node][byte] ^= 1 << bit;
                assert!(lookup(&trie.root, &key, &flipped).is_err());
            }
        }
    }
    assert!(trie.keys().all(|key| lookup(&trie.root, key, &trie.proof(key)).is_ok()));
}

#[test]
fn values_are_read_strictly() {
    assert_eq!(decode_word(&[0x2a]).unwrap(), B256::with_last_byte(0x2a));
    assert_eq!(decode_word(&string(&[0xff; 32])).unwrap(), B256::repeat_byte(0xff));
    for bad in [&[0x80][..], &[0x00], &[0x81, 0x2a], &[0x82, 0x00, 0x2a], &[0x2a, 0x00], &[0xc0], &[]] {
        assert!(decode_word(bad).is_err(), "{bad:02x?}");
    }
    assert!(decode_word(&string(&[0xff; 33])).is_err());
    let hash = string(&[7; 32]);
    let account = list(&[&[0x01], &string(&[0x01, 0x00]), &hash, &hash]);
    let read = decode_account(&account).unwrap();
    assert_eq!((read.nonce, read.balance.to::<u64>(), read.storage_root), (1, 256, B256::repeat_byte(7)));
    assert!(decode_account(&list(&[&[0x00], &[0x80], &hash, &hash])).is_err());
    assert!(decode_account(&list(&[&[0x80], &[0x80], &hash])).is_err());
    assert!(decode_account(&list(&[&[0x80], &[0x80], &hash, &hash, &hash])).is_err());
    assert!(decode_account(&list(&[&string(&[1; 9]), &[0x80], &hash, &hash])).is_err());
    assert!(decode_account(&list(&[&[0x80], &[0x80], &hash, &string(&[7; 31])])).is_err());
}
