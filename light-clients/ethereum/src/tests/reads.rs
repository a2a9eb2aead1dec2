//! Reads of state and of headers. Real proofs run in the conformance suite; here are the edges.

use std::{vec, vec::Vec};

use alloy_primitives::{Address, B256, U256, keccak256};
use causeway_mpt::rlp;

use crate::{
    Accepted, Execution,
    block::{BlockFault, BlockHeader, MAX_HEADER_BYTES},
    proof::{Receipt, StateProofFault, account, receipt, storage_word},
};

/// A trie with one leaf: its only node.
fn leaf(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut path = vec![0x20];
    path.extend_from_slice(key);
    let mut payload = Vec::new();
    rlp::put_bytes(&mut payload, &path);
    rlp::put_bytes(&mut payload, value);
    rlp::list(&payload)
}

fn list(fields: &[&[u8]]) -> Vec<u8> {
    let mut payload = Vec::new();
    fields.iter().for_each(|field| rlp::put_bytes(&mut payload, field));
    rlp::list(&payload)
}

fn header(state_root: B256, receipts_root: B256) -> Accepted {
    let zero = B256::ZERO;
    let execution = Execution { block_number: 1, block_hash: zero, parent_hash: zero, state_root, receipts_root };
    Accepted { slot: 5, root: zero, parent_root: zero, time: 0, execution: Some(execution) }
}

#[test]
fn accounts_and_words() {
    let address = Address::repeat_byte(7);
    let word = U256::from(5);
    let storage = leaf(keccak256(B256::ZERO).as_slice(), &[5]);
    let value = list(&[&[1], &[], keccak256(&storage).as_slice(), &[3; 32]]);
    let state = leaf(keccak256(address).as_slice(), &value);
    let header = header(keccak256(&state), B256::ZERO);
    let read = account(&header, address, &[&state]).unwrap().unwrap();
    assert_eq!((read.nonce, read.storage_root), (1, keccak256(&storage)));
    assert_eq!(storage_word(&read, &B256::ZERO, &[&storage]), Ok(B256::from(word)));
    // Another slot, another account: absent in this trie.
    assert_eq!(storage_word(&read, &B256::repeat_byte(1), &[&storage]), Ok(B256::ZERO));
    assert_eq!(account(&header, Address::ZERO, &[&state]), Ok(None));
    // No nodes prove nothing; other nodes neither.
    let none: [&[u8]; 0] = [];
    assert!(matches!(account(&header, address, &none), Err(StateProofFault::Account { .. })));
    assert!(matches!(account(&header, address, &[&storage]), Err(StateProofFault::Account { .. })));
    assert!(matches!(storage_word(&read, &B256::ZERO, &[&state]), Err(StateProofFault::Slot { .. })));
    // Roots that no state has, and headers without a payload.
    for root in [B256::ZERO, causeway_mpt::EMPTY_ROOT] {
        let empty = super::reads::header(root, B256::ZERO);
        assert_eq!(account(&empty, address, &[&state]), Err(StateProofFault::RootUnknown(root)));
    }
    let before_capella = Accepted { execution: None, ..header };
    assert_eq!(account(&before_capella, address, &[&state]), Err(StateProofFault::NoPayload { slot: 5 }));
    assert_eq!(receipt(&before_capella, 0, &[&state]), Err(StateProofFault::NoPayload { slot: 5 }));
    let rootless = causeway_mpt::Account { storage_root: B256::ZERO, ..read };
    assert_eq!(storage_word(&rootless, &B256::ZERO, &[&storage]), Err(StateProofFault::RootUnknown(B256::ZERO)));
}

fn receipt_bytes(kind: &[u8], status: &[u8]) -> Vec<u8> {
    let mut log = Vec::new();
    rlp::put_bytes(&mut log, &[7; 20]);
    log.extend(list(&[&[1; 32], &[2; 32]]));
    rlp::put_bytes(&mut log, b"data");
    let mut payload = Vec::new();
    rlp::put_bytes(&mut payload, status);
    rlp::put_bytes(&mut payload, &[0x52, 0x08]);
    rlp::put_bytes(&mut payload, &[0; 256]);
    payload.extend(rlp::list(&rlp::list(&log)));
    [kind, &rlp::list(&payload)].concat()
}

#[test]
fn receipts() {
    let bytes = receipt_bytes(&[2], &[1]);
    let trie = leaf(&[0x80], &bytes);
    let header = header(B256::ZERO, keccak256(&trie));
    let nodes = [&trie];
    let read = receipt(&header, 0, &nodes).unwrap().unwrap();
    assert_eq!((read.kind, read.success, read.cumulative_gas_used, read.logs.len()), (2, true, 21_000, 1));
    assert_eq!((read.logs[0].address, read.logs[0].data), (Address::repeat_byte(7), b"data".as_slice()));
    assert_eq!(read.logs[0].topics, [B256::repeat_byte(1), B256::repeat_byte(2)]);
    assert_eq!(receipt(&header, 1, &nodes), Ok(None));
    let none: [&[u8]; 0] = [];
    assert!(matches!(receipt(&header, 0, &none), Err(StateProofFault::Receipt { .. })));
    let rootless = super::reads::header(B256::ZERO, B256::ZERO);
    assert_eq!(receipt(&rootless, 0, &nodes), Err(StateProofFault::RootUnknown(B256::ZERO)));
    assert!(!Receipt::decode(&receipt_bytes(&[], &[])).unwrap().success);
    assert_eq!(Receipt::decode(&receipt_bytes(&[5], &[1])), Err(StateProofFault::ReceiptType(5)));
    assert!(Receipt::decode(&receipt_bytes(&[0], &[1])).is_err());
    assert!(Receipt::decode(&receipt_bytes(&[1], &[2])).is_err());
    // A receipt of before Byzantium has a state root where the status stands.
    assert!(Receipt::decode(&receipt_bytes(&[], &[9; 32])).is_err());
    for length in 0..bytes.len() {
        assert!(Receipt::decode(&bytes[..length]).is_err());
    }
    assert!(Receipt::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
}

/// Fields of a header up to a fork's last one.
fn header_bytes(fields: usize) -> Vec<u8> {
    let hash = |byte: u8| vec![byte; 32];
    let all = [
        hash(1),
        hash(2),
        vec![3; 20],
        hash(4),
        hash(5),
        hash(6),
        vec![0; 256],
        vec![],
        vec![9],
        vec![10],
        vec![11],
        vec![12],
        b"extra".to_vec(),
        hash(14),
        vec![0; 8],
        vec![16],
        hash(17),
        vec![],
        vec![],
        hash(20),
        hash(21),
    ];
    list(&all[..fields].iter().map(Vec::as_slice).collect::<Vec<_>>())
}

#[test]
fn block_headers() {
    // Before London, London, Shanghai, Cancun, Prague.
    for fields in 0..=21 {
        let bytes = header_bytes(fields);
        let read = BlockHeader::decode(&bytes);
        assert_eq!(read.is_ok(), [15, 16, 17, 20, 21].contains(&fields), "{fields}");
        let Ok(read) = read else { continue };
        assert_eq!((read.number, read.timestamp, read.hash), (9, 12, keccak256(&bytes)));
        assert_eq!(read.withdrawals_root.is_some(), fields >= 17);
        assert_eq!(read.parent_beacon_root.is_some(), fields >= 20);
        assert_eq!(read.requests_hash.is_some(), fields >= 21);
    }
    let bytes = header_bytes(21);
    let hash = keccak256(&bytes);
    assert!(BlockHeader::of_hash(&bytes, &hash).is_ok());
    let expected = B256::repeat_byte(1);
    assert_eq!(BlockHeader::of_hash(&bytes, &expected), Err(BlockFault::OtherBlock { expected, found: hash }));
    let payload = Execution {
        block_number: 9,
        block_hash: hash,
        parent_hash: B256::repeat_byte(1),
        state_root: B256::repeat_byte(4),
        receipts_root: B256::repeat_byte(6),
    };
    assert!(BlockHeader::of_payload(&bytes, &payload).is_ok());
    let others = [
        Execution { block_number: 8, ..payload },
        Execution { parent_hash: hash, ..payload },
        Execution { state_root: hash, ..payload },
        Execution { receipts_root: hash, ..payload },
    ];
    for other in others {
        assert_eq!(BlockHeader::of_payload(&bytes, &other), Err(BlockFault::OtherFields));
    }
    let large = vec![0; MAX_HEADER_BYTES + 1];
    assert_eq!(BlockHeader::decode(&large), Err(BlockFault::TooLarge(MAX_HEADER_BYTES + 1)));
    assert!(BlockHeader::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
}
