//! Partial trees as `gettxoutproof` answers them: what they point out, and what they may not hold.

use std::{vec, vec::Vec};

use super::{
    inclusion::with_block,
    kit::{Bytes, Tree, levels},
};
use crate::{
    hash::sha256d,
    merkle_block::{MAX_TRANSACTIONS, MerkleBlock, MerkleBlockFault},
};

/// A partial tree written as Bitcoin Core writes it.
fn merkle_block(header: &Bytes, tree: &Tree, wanted: &[usize]) -> Vec<u8> {
    let ids = levels(tree.transactions.iter().map(|bytes| sha256d(&[bytes])).collect());
    let (mut flags, mut hashes) = (Vec::new(), Vec::new());
    write(&ids, ids.len() - 1, 0, wanted, &mut flags, &mut hashes);
    let mut bytes = header.to_vec();
    bytes.extend_from_slice(&(tree.transactions.len() as u32).to_le_bytes());
    bytes.push(u8::try_from(hashes.len()).unwrap());
    bytes.extend(hashes.concat());
    bytes.push(u8::try_from(flags.len().div_ceil(8)).unwrap());
    bytes.extend(flags.chunks(8).map(|flags| flags.iter().rev().fold(0, |byte, flag| byte << 1 | u8::from(*flag))));
    bytes
}

fn write(
    ids: &[Vec<[u8; 32]>],
    level: usize,
    place: usize,
    wanted: &[usize],
    flags: &mut Vec<bool>,
    hashes: &mut Vec<[u8; 32]>,
) {
    let leads = wanted.iter().any(|position| position >> level == place);
    flags.push(leads);
    if level == 0 || !leads {
        hashes.push(ids[level][place]);
        return;
    }
    write(ids, level - 1, 2 * place, wanted, flags, hashes);
    if 2 * place + 1 < ids[level - 1].len() {
        write(ids, level - 1, 2 * place + 1, wanted, flags, hashes);
    }
}

#[test]
fn partial_trees_give_the_branches_of_what_they_point_out() {
    for count in 1..=17 {
        let tree = Tree::of(count);
        let (_, headers) = with_block(&tree);
        for position in 0..usize::from(count) {
            let bytes = merkle_block(&headers[0], &tree, &[0, position]);
            let block = MerkleBlock::decode(&bytes).unwrap();
            assert_eq!((block.transactions(), block.header().bytes()), (u32::from(count), &headers[0]));
            let places: Vec<_> = block.matches().iter().map(|found| found.position as usize).collect();
            assert_eq!(places, if position == 0 { vec![0] } else { vec![0, position] });
            assert_eq!(block.branch(0), Some(tree.siblings(0)));
            assert_eq!(block.branch(position as u32), Some(tree.siblings(position)));
            assert_eq!(block.branch(u32::from(count)), None);
            for length in 0..bytes.len() {
                assert!(MerkleBlock::decode(&bytes[..length]).is_err());
            }
        }
    }
}

#[test]
fn atk_039_partial_trees_with_a_copied_tail() {
    // Five leaves, and the fifth a second time: the same root by the odd rule.
    let tree = Tree::of(5);
    let (_, headers) = with_block(&tree);
    let mut copied = Tree::of(5);
    copied.transactions.push(copied.transactions[4].clone());
    let bytes = merkle_block(&headers[0], &copied, &[0, 5]);
    let fault = MerkleBlock::decode(&bytes).map(|_| ()).unwrap_err();
    assert_eq!(fault, MerkleBlockFault::DuplicateTail { level: 0, left: 4 });
}

#[test]
fn partial_trees_hold_what_they_need_and_nothing_else() {
    let tree = Tree::of(7);
    let (_, headers) = with_block(&tree);
    let bytes = merkle_block(&headers[0], &tree, &[0, 4]);
    let decode = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        MerkleBlock::decode(&bytes).map(|_| ())
    };
    assert_eq!(decode(&|_| {}), Ok(()));
    let count = |count: u32| move |bytes: &mut Vec<u8>| bytes[80..84].copy_from_slice(&count.to_le_bytes());
    assert_eq!(decode(&count(0)), Err(MerkleBlockFault::Transactions { found: 0 }));
    let found = MAX_TRANSACTIONS + 1;
    assert_eq!(decode(&count(found)), Err(MerkleBlockFault::Transactions { found }));
    assert!(matches!(decode(&count(2)), Err(MerkleBlockFault::TooManyHashes { .. })));
    assert!(decode(&count(5)).is_err() && decode(&count(9)).is_err());
    let last = bytes.len() - 1;
    assert!(matches!(decode(&|bytes| bytes[last] |= 0x80), Err(MerkleBlockFault::Surplus { .. })));
    let longer = |bytes: &mut Vec<u8>| {
        bytes[last - 2] += 1;
        bytes.push(0);
    };
    assert!(matches!(decode(&longer), Err(MerkleBlockFault::Surplus { .. })));
    assert!(matches!(decode(&|bytes| bytes.push(0)), Err(MerkleBlockFault::Trailing(1))));
    assert!(matches!(decode(&|bytes| bytes[36] ^= 1), Err(MerkleBlockFault::WrongRoot { .. })));
    assert!(matches!(decode(&|bytes| bytes[90] ^= 1), Err(MerkleBlockFault::WrongRoot { .. })));
    // A hash too many, with its count.
    let surplus = |bytes: &mut Vec<u8>| {
        bytes[84] += 1;
        let at = 85 + 32 * (usize::from(bytes[84]) - 1);
        bytes.splice(at..at, [7; 32]);
    };
    assert!(matches!(decode(&surplus), Err(MerkleBlockFault::Surplus { hashes: 1, .. })));
}
