//! Transactions, receipts and logs.

use std::{format, string::String, vec, vec::Vec};

use alloy_primitives::{Address, B256, hex, keccak256};
use causeway_mpt::rlp;

use super::kit::*;
use crate::{
    Accepted, Params, ReadFault, Suite, Version,
    proof::{Log, ReceiptV3, TransactionV3, called_log, receipt_v2, storage, transaction_v2, transaction_v3},
    tree::{Siblings, groups_of_words, root_v3_at},
};

const VAULT: Address = Address::repeat_byte(0xaa);

fn accepted(transactions_root: B256, receipts_root: B256) -> Accepted {
    let hash = B256::repeat_byte(5);
    Accepted { height: 7, time_ms: 0, block_hash: hash, parent_hash: hash, transactions_root, receipts_root }
}

/// Root and path of a leaf in a tree of version 2.
fn tree_v2(suite: Suite, hashes: &[B256], place: usize) -> (B256, Vec<Siblings>) {
    let leaf = |(place, hash): (u64, &B256)| {
        let mut leaf = Vec::new();
        rlp::put_u64(&mut leaf, place);
        [leaf, hash.to_vec()].concat()
    };
    let mut level: Vec<Vec<u8>> = (0..).zip(hashes).map(leaf).collect();
    let (mut at, mut path) = (place, Vec::new());
    loop {
        let group = level.chunks(16).nth(at / 16).unwrap();
        path.push(Siblings { left: group[..at % 16].to_vec(), right: group[at % 16 + 1..].to_vec() });
        level = level.chunks(16).map(|group| suite.hash(&group.concat()).to_vec()).collect();
        at /= 16;
        if level.len() == 1 {
            return (B256::from_slice(&level[0]), path);
        }
    }
}

/// Root and groups of a leaf in a tree of version 3.
fn tree_v3(params: &Params, hashes: &[B256], place: usize) -> (B256, Vec<Vec<B256>>) {
    let (mut level, mut at, mut path) = (hashes.to_vec(), place, Vec::new());
    let width = usize::from(params.tree_width);
    loop {
        path.push(level.chunks(width).nth(at / width).unwrap().to_vec());
        level = level.chunks(width).map(|group| params.suite.hash(group.concat().as_slice())).collect();
        at /= width;
        if level.len() == 1 {
            return (level[0], path);
        }
    }
}

fn hashes(count: u32) -> Vec<B256> {
    (0..count).map(|number| keccak256(number.to_be_bytes())).collect()
}

/// RLP of a receipt of version 2.
fn receipt(status: u64, logs: &[Log]) -> Vec<u8> {
    let (mut out, mut list) = (Vec::new(), Vec::new());
    rlp::put_bytes(&mut out, &[1; 32]);
    rlp::put_u64(&mut out, 99);
    rlp::put_bytes(&mut out, &[0; 20]);
    rlp::put_bytes(&mut out, &[0; 256]);
    rlp::put_u64(&mut out, status);
    rlp::put_bytes(&mut out, &[]);
    for log in logs {
        let (mut item, mut topics) = (Vec::new(), Vec::new());
        rlp::put_bytes(&mut item, log.emitter.as_slice());
        log.topics.iter().for_each(|topic| rlp::put_bytes(&mut topics, topic.as_slice()));
        item.extend(rlp::list(&topics));
        rlp::put_bytes(&mut item, &log.data);
        list.extend(rlp::list(&item));
    }
    out.extend(rlp::list(&list));
    rlp::list(&out)
}

fn log(emitter: Address) -> Log {
    Log { emitter, topics: vec![B256::repeat_byte(7)], data: vec![1, 2, 3] }
}

#[test]
fn atk_108_there_are_no_state_proofs() {
    let header = accepted(B256::ZERO, B256::ZERO);
    for proof in [&[][..], &[0xc0], &[0; 64]] {
        assert_eq!(storage(&header, VAULT, &B256::ZERO, proof), Err(ReadFault::NoStateProofs));
    }
}

#[test]
fn atk_109_inclusion_is_not_success_in_version_2() {
    for suite in [Suite::Ecdsa, Suite::Sm] {
        let params = params(Version::V2, suite);
        let logs = [log(VAULT), log(Address::repeat_byte(1))];
        let bytes = [receipt(0, &logs), receipt(22, &logs)];
        let mut leaves = hashes(40);
        (leaves[18], leaves[19]) = (suite.hash(&bytes[0]), suite.hash(&bytes[1]));
        let read = |place: usize, bytes: &[u8]| {
            let (root, path) = tree_v2(suite, &leaves, place);
            receipt_v2(&params, &accepted(B256::ZERO, root), place as u64, bytes, &path)
        };
        let good = read(18, &bytes[0]).unwrap();
        assert_eq!(good.log(0, VAULT), Ok(&logs[0]));
        let wrong = ReadFault::WrongEmitter { expected: VAULT, found: Address::repeat_byte(1) };
        assert_eq!(good.log(1, VAULT), Err(wrong));
        assert_eq!(good.log(2, VAULT), Err(ReadFault::LogIndex { index: 2, count: 2 }));
        let failed = read(19, &bytes[1]).unwrap();
        assert_eq!(failed.log(0, VAULT), Err(ReadFault::NotExecuted { status: 22 }));
        // The same receipt at another place of the tree, another receipt at its place.
        assert!(matches!(read(17, &bytes[0]), Err(ReadFault::Root { .. })));
        let (root, path) = tree_v2(suite, &leaves, 18);
        let header = accepted(B256::ZERO, root);
        for place in [0, 2, 17, 19, 34, 18 + 256] {
            assert!(receipt_v2(&params, &header, place, &bytes[0], &path).is_err());
        }
        let v3 = Params { version: Version::V3, ..params };
        assert_eq!(receipt_v2(&v3, &header, 18, &bytes[0], &path), Err(ReadFault::Version));
    }
}

#[test]
fn paths_of_version_2_lead_from_their_place_only() {
    let params = params(Version::V2, Suite::Ecdsa);
    for count in [1u32, 2, 15, 16, 17, 40, 300] {
        let leaves = hashes(count);
        for place in (0..count as usize).step_by(1 + count as usize / 12) {
            let (root, path) = tree_v2(params.suite, &leaves, place);
            let header = accepted(root, B256::ZERO);
            let read = |place: u64, path: &[Siblings]| {
                transaction_v2(&params, &header, place, &leaves[place.min(u64::from(count) - 1) as usize], path)
            };
            let at = place as u64;
            assert_eq!(read(at, &path), Ok(()));
            assert!(read(at + 1, &path).is_err() && read(at + 256, &path).is_err());
            for level in 0..path.len() {
                let mut cut = path.clone();
                cut.remove(level);
                assert!(read(at, &cut).is_err());
                let mut longer = path.clone();
                longer.insert(level, Siblings::default());
                assert!(read(at, &longer).is_err());
                let mut moved = path.clone();
                if let Some(last) = moved[level].right.pop() {
                    moved[level].left.push(last);
                    assert!(matches!(read(at, &moved), Err(ReadFault::Shape { .. })));
                }
                // Bytes pushed over the edge between two siblings give the same hash and another reading.
                let mut shifted = path.clone();
                if let [first, second, ..] = shifted[level].right.as_mut_slice() {
                    first.push(second.remove(0));
                    assert!(matches!(read(at, &shifted), Err(ReadFault::Shape { .. })));
                }
            }
        }
    }
    let header = accepted(B256::ZERO, B256::ZERO);
    let deep = vec![Siblings::default(); 9];
    let wide = [Siblings { left: vec![], right: vec![vec![0; 33]; 16] }];
    let none = transaction_v2(&params, &header, 0, &B256::ZERO, &[]);
    assert!(matches!(none, Err(ReadFault::TooLarge { .. })));
    assert!(matches!(transaction_v2(&params, &header, 0, &B256::ZERO, &deep), Err(ReadFault::TooLarge { .. })));
    assert!(matches!(transaction_v2(&params, &header, 0, &B256::ZERO, &wide), Err(ReadFault::Shape { .. })));
}

#[test]
fn groups_of_version_3_give_the_place() {
    for tree_width in [2u8, 16] {
        let params = Params { tree_width, ..params(Version::V3, Suite::Ecdsa) };
        for count in [1u32, 2, 3, 5, 16, 17, 70] {
            let leaves = hashes(count);
            for place in 0..count as usize {
                let (root, groups) = tree_v3(&params, &leaves, place);
                let header = accepted(root, B256::ZERO);
                assert_eq!(transaction_v3(&params, &header, &leaves[place], &groups), Ok(place as u64));
                for other in 0..u64::from(count) + 2 {
                    let at = root_v3_at(params.suite, tree_width, &leaves[place], other, &groups);
                    assert_eq!(at == Ok(root), other == place as u64);
                }
                let less = &groups[..groups.len() - 1];
                assert!(transaction_v3(&params, &header, &leaves[place], less).is_err());
                assert!(transaction_v3(&params, &header, &B256::ZERO, &groups).is_err());
                let mut words = Vec::new();
                for group in &groups {
                    let mut head = B256::ZERO;
                    head[3] = group.len() as u8;
                    words.push(head);
                    words.extend(group);
                }
                assert_eq!(groups_of_words(&words), Ok(groups));
                words.pop();
                assert!(groups_of_words(&words).is_err());
            }
        }
    }
    assert!(groups_of_words(&vec![B256::ZERO; 1000]).is_err());
    let params = params(Version::V3, Suite::Ecdsa);
    let header = accepted(B256::ZERO, B256::ZERO);
    let wide = vec![vec![B256::ZERO; 3]];
    assert!(matches!(transaction_v3(&params, &header, &B256::ZERO, &wide), Err(ReadFault::Shape { .. })));
    let deep = vec![vec![B256::ZERO]; 33];
    assert!(matches!(transaction_v3(&params, &header, &B256::ZERO, &deep), Err(ReadFault::TooLarge { .. })));
}

/// A call of the vault and its receipt, in a block of five.
struct Call {
    to: String,
    receipt: ReceiptV3,
    chain: &'static str,
    receipt_place: usize,
}

impl Call {
    fn new() -> Self {
        let receipt = ReceiptV3 {
            gas_used: 5893,
            contract: vec![],
            status: 0,
            output: vec![],
            logs: vec![log(VAULT), log(Address::repeat_byte(1))],
            block_number: 7,
        };
        Self { to: format!("0x{}", hex::encode(VAULT)), receipt, chain: "chain0", receipt_place: 3 }
    }

    fn log(&self, index: usize) -> Result<Log, ReadFault> {
        let params = params(Version::V3, Suite::Ecdsa);
        let transaction = TransactionV3 {
            chain_id: self.chain,
            group_id: "group0",
            block_limit: 500,
            nonce: "12345",
            to: &self.to,
            input: &[1, 2, 3, 4],
            abi: "",
        };
        let mut leaves = hashes(5);
        leaves[3] = transaction.hash(params.suite).unwrap();
        let (transactions_root, in_transactions) = tree_v3(&params, &leaves, 3);
        leaves[3] = keccak256("another receipt");
        leaves[self.receipt_place] = self.receipt.hash(params.suite).unwrap();
        let (receipts_root, in_receipts) = tree_v3(&params, &leaves, self.receipt_place);
        let header = accepted(transactions_root, receipts_root);
        let (transaction, receipt) = ((&transaction, &in_transactions[..]), (&self.receipt, &in_receipts[..]));
        called_log(&params, &header, ("chain0", "group0"), transaction, receipt, (index, VAULT)).cloned()
    }
}

#[test]
fn atk_109_inclusion_is_not_success_in_version_3() {
    assert_eq!(Call::new().log(0), Ok(log(VAULT)));
    let wrong = |found| Err(ReadFault::WrongEmitter { expected: VAULT, found });
    assert_eq!(Call::new().log(1), wrong(Address::repeat_byte(1)));
    assert_eq!(Call::new().log(2), Err(ReadFault::LogIndex { index: 2, count: 2 }));
    let with = |change: &dyn Fn(&mut Call)| {
        let mut call = Call::new();
        change(&mut call);
        call.log(0)
    };
    assert_eq!(with(&|call| call.receipt.status = 16), Err(ReadFault::NotExecuted { status: 16 }));
    let other = |call: &mut Call| call.to = format!("0x{}", hex::encode([0xbb; 20]));
    assert_eq!(with(&other), wrong(Address::repeat_byte(0xbb)));
    assert_eq!(with(&|call| call.chain = "chain1"), Err(ReadFault::ChainMismatch));
    let elsewhere = Err(ReadFault::OtherTransaction { transaction: 3, receipt: 2 });
    assert_eq!(with(&|call| call.receipt_place = 2), elsewhere);
    let block = Err(ReadFault::OtherBlock { expected: 7, found: 8 });
    assert_eq!(with(&|call| call.receipt.block_number = 8), block);
}

/// Readings of a hash that a hostile contract could prepare.
#[test]
fn atk_109_a_receipt_of_version_3_is_read_in_one_way_only() {
    let with = |change: &dyn Fn(&mut Call)| {
        let mut call = Call::new();
        change(&mut call);
        call.log(0)
    };
    // Output that hides what is read as logs, a made contract, a transaction that makes one.
    let long = |call: &mut Call| call.receipt.output = vec![0; 33];
    assert!(matches!(with(&long), Err(ReadFault::TooLarge { what: "output", .. })));
    let made = |call: &mut Call| call.receipt.contract = hex::encode(VAULT).into_bytes();
    assert_eq!(with(&made), Err(ReadFault::NonCanonical("contract that was made")));
    for to in ["", "0x", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        assert_eq!(with(&|call| call.to = to.into()), Err(ReadFault::NonCanonical("called contract")));
    }
    let topics = |call: &mut Call| call.receipt.logs[0].topics = vec![B256::ZERO; 5];
    assert!(matches!(with(&topics), Err(ReadFault::TooLarge { what: "topics", .. })));
}
