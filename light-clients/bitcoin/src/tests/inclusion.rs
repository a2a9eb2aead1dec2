//! Transactions in blocks, and what only looks like one.

use std::{vec, vec::Vec};

use alloy_primitives::U256;

use super::kit::{
    Bytes, EASY, HEIGHT, PARAMS, Tree, after, client, coinbase, hash, levels, mine, run, run_on, siblings, transaction,
};
use crate::{
    Freeze, Header, Transaction, TrustedState, TxFault, Txid,
    hash::{node_hash, sha256d},
    merkle::{Branch, MAX_DEPTH, MerkleFault},
    merkle_block::{MAX_MERKLE_BLOCK_BYTES, MerkleBlock, MerkleBlockFault},
    proof::{Included, Inclusion, MAX_PROOF_BYTES, ProofRefusal},
    transaction::{MAX_TRANSACTION_BYTES, compact_size},
};

/// A client that knows a block with a tree's root, and two on it.
pub(super) fn with_block(tree: &Tree) -> (TrustedState, Vec<Bytes>) {
    let state = client();
    let block = mine(state.tip().hash(), tree.root(), state.tip().time() + 600, EASY);
    let headers = [vec![block], run_on(hash(&block), Header::new(&block).time(), 2, 1)].concat();
    (after(&state, &headers), headers)
}

fn judge<'a>(state: &TrustedState, proof: &Inclusion<'a>) -> Result<Included<'a>, ProofRefusal> {
    let bytes = proof.encode().unwrap();
    assert_eq!(Inclusion::decode(&bytes).as_ref(), Ok(proof));
    proof.verify(&PARAMS, state, U256::from(6), 0)
}

#[test]
fn every_transaction_of_every_size_of_block_is_proven() {
    for count in 1..=33 {
        let tree = Tree::of(count);
        let (state, headers) = with_block(&tree);
        for position in 0..usize::from(count) {
            let proof = tree.proof(&headers[..1], position);
            let found = judge(&state, &proof).unwrap();
            assert_eq!((found.height, found.block), (HEIGHT + 1, hash(&headers[0])));
            assert_eq!(found.work, U256::from(6));
            assert_eq!(found.transaction.txid().0, sha256d(&[&tree.transactions[position]]));
            // At any other place: no.
            for other in 0..64_u32 {
                let moved = Inclusion { position: other, ..proof.clone() };
                assert_eq!(judge(&state, &moved).is_ok(), other as usize == position, "{count} {position} {other}");
            }
        }
    }
}

/// CVE-2012-2459: the tail of an odd level, claimed a second time in the place of its copy.
#[test]
fn atk_039_places_in_the_copied_tail() {
    let mut copies = 0;
    for count in 2..=33_u8 {
        let tree = Tree::of(count);
        let (state, headers) = with_block(&tree);
        let depth = tree.siblings(0).len();
        for copy in usize::from(count)..1 << depth {
            // Follow the copy up: where its level has no such node, it is its neighbour's.
            let ids = levels(tree.transactions.iter().map(|bytes| sha256d(&[bytes])).collect());
            let (mut original, mut siblings) = (copy, Vec::new());
            for nodes in ids.iter().take(depth) {
                original = original.min(nodes.len() - 1);
                siblings.push(*nodes.get(original ^ 1).unwrap_or(&nodes[original]));
                original /= 2;
            }
            let leaf = copy.min(usize::from(count) - 1);
            let proof = Inclusion { position: copy as u32, siblings, ..tree.proof(&headers[..1], leaf) };
            let fault = judge(&state, &proof).unwrap_err();
            let ProofRefusal::Merkle { what: "transaction", fault } = fault else { panic!("{fault}") };
            copies += usize::from(matches!(fault, MerkleFault::DuplicateTail { .. }));
        }
        // The original of the tail is honest.
        assert!(judge(&state, &tree.proof(&headers[..1], usize::from(count) - 1)).is_ok());
    }
    assert!(copies > 30, "{copies}");
    // The plain case: the third of three as a fourth.
    let tree = Tree::of(3);
    let (state, headers) = with_block(&tree);
    let proof = Inclusion { position: 3, ..tree.proof(&headers[..1], 2) };
    let fault = MerkleFault::DuplicateTail { level: 0, position: 3 };
    assert_eq!(judge(&state, &proof), Err(ProofRefusal::Merkle { what: "transaction", fault }));
    // Equal nodes in the middle of a level are no tail.
    let ids = levels([1, 1, 2, 3].map(|byte| [byte; 32]).to_vec());
    let siblings = siblings(&ids, 0);
    let fault = MerkleFault::DuplicateTail { level: 1, position: 0 };
    assert_eq!(Branch { position: 0, siblings: &siblings }.root(&Txid([1; 32])), Err(fault));
}

/// CVE-2017-12842: a transaction of 64 bytes is two nodes, and the one below can be anything.
#[test]
fn atk_040_a_transaction_that_is_a_node_and_a_node_that_is_none() {
    // The forged payment, in no block; its id is the right half of a real transaction of 64 bytes.
    let forged = transaction(9, &[(1_000_000, &[7; 22])]);
    let mut short = transaction(8, &[(0, &[0; 4])]);
    assert_eq!(short.len(), 64);
    short[32..].copy_from_slice(&sha256d(&[&forged]));
    let mut left = [0; 32];
    left.copy_from_slice(&short[..32]);
    let id = sha256d(&[&short]);
    assert_eq!(node_hash(&left, &sha256d(&[&forged])), id);
    // A block of three transactions and the short one.
    let others: Vec<_> = (1..3).map(|salt| transaction(salt, &[(1, &[])])).collect();
    let mut leaves: Vec<_> = [vec![coinbase(b"coinbase")], others.clone()].concat();
    leaves.push(short.clone());
    let ids = levels(leaves.iter().map(|bytes| sha256d(&[bytes])).collect());
    let root = ids.last().unwrap()[0];
    let proof = |transaction, siblings, position| Inclusion {
        headers: &[],
        position,
        siblings,
        transaction,
        coinbase_siblings: super::kit::siblings(&ids, 0),
        coinbase: &leaves[0],
    };
    let deeper = [vec![left], siblings(&ids, 3)].concat();
    // The tree alone believes it.
    let branch = Branch { position: 7, siblings: &deeper };
    assert_eq!(branch.check(&Txid(sha256d(&[&forged])), &root), Ok(()));
    let found = proof(&forged, deeper, 7).transaction_under(&root);
    assert_eq!(found, Err(ProofRefusal::OtherDepth { coinbase: 2, transaction: 3 }));
    // A block whose short transaction is well-formed: it proves nothing about itself.
    let plain = transaction(8, &[(0, &[0; 4])]);
    let plain_ids =
        levels([vec![coinbase(b"coinbase"), plain.clone()]].concat().iter().map(|it| sha256d(&[it])).collect());
    let proof_of_plain = Inclusion {
        headers: &[],
        position: 1,
        siblings: siblings(&plain_ids, 1),
        transaction: &plain,
        coinbase_siblings: siblings(&plain_ids, 0),
        coinbase: &leaves[0],
    };
    let found = proof_of_plain.transaction_under(&plain_ids.last().unwrap()[0]);
    assert_eq!(found, Err(ProofRefusal::AmbiguousTx { txid: Txid(sha256d(&[&plain])) }));
    // A transaction of 63 or 65 bytes beside it is believed.
    for script in [3, 5] {
        let near = transaction(8, &[(0, &[0; 5][..script])]);
        assert_eq!(near.len(), 60 + script);
        let tree = Tree::new(&[near]);
        assert!(tree.proof(&[], 1).transaction_under(&tree.root()).is_ok());
    }
    // The branch cut by one level: an inner node as the transaction.
    let tree = Tree::of(8);
    let (state, headers) = with_block(&tree);
    let mut cut = tree.proof(&headers[..1], 5);
    cut.siblings.remove(0);
    cut.position /= 2;
    assert_eq!(judge(&state, &cut), Err(ProofRefusal::OtherDepth { coinbase: 3, transaction: 2 }));
    // Both cut: the coinbase is none at that level.
    cut.coinbase_siblings.remove(0);
    assert!(matches!(judge(&state, &cut), Err(ProofRefusal::Merkle { what: "coinbase", .. })));
    // Another transaction as the coinbase; one at another place.
    let proof = tree.proof(&headers[..1], 5);
    let txid = Txid(sha256d(&[&tree.transactions[1]]));
    let stranger = Inclusion { coinbase: &tree.transactions[1], coinbase_siblings: tree.siblings(1), ..proof.clone() };
    assert_eq!(judge(&state, &stranger), Err(ProofRefusal::NotCoinbase { txid }));
    // A coinbase of 64 bytes (a script of 3) could be a node itself.
    let short = coinbase(&[1; 3]);
    assert_eq!(short.len(), 64);
    let ambiguous = Inclusion { coinbase: &short, ..proof };
    assert!(matches!(judge(&state, &ambiguous), Err(ProofRefusal::AmbiguousTx { .. })));
}

#[test]
fn blocks_must_be_of_the_chain_and_confirmed() {
    let tree = Tree::of(5);
    let (state, headers) = with_block(&tree);
    let proof = tree.proof(&headers[..1], 2);
    let judge_at =
        |state: &TrustedState, work: u64| proof.verify(&PARAMS, state, U256::from(work), 0).map(|it| it.work);
    assert_eq!(judge_at(&state, 6), Ok(U256::from(6)));
    let refusal = ProofRefusal::NotEnoughWork { needed: U256::from(7), found: U256::from(6) };
    assert_eq!(judge_at(&state, 7), Err(refusal));
    assert!(refusal.may_pass_later());
    // Before the block is known, and after another chain has won.
    let unknown = Err(ProofRefusal::UnknownBlock { block: hash(&headers[0]) });
    assert_eq!(judge_at(&client(), 2), unknown);
    let lone = after(&client(), &headers[..1]);
    assert_eq!(judge_at(&lone, 2), Ok(U256::from(2)));
    let reorganised = after(&lone, &run(&client(), 2, 5));
    assert_eq!(judge_at(&reorganised, 2), unknown);
    // A header that is good but on no chain that is known.
    let stray = mine(hash(&headers[2]), tree.root(), Header::new(&headers[2]).time() + 600, EASY);
    let stray = [stray];
    let found = tree.proof(&stray, 2).verify(&PARAMS, &state, U256::from(2), 0);
    assert_eq!(found, Err(ProofRefusal::UnknownBlock { block: hash(&stray[0]) }));
}

#[test]
fn forgotten_blocks_are_proven_by_the_headers_on_them() {
    let tree = Tree::of(5);
    let (state, mut headers) = with_block(&tree);
    headers.extend(run(&state, 120, 3));
    let state = after(&client(), &headers);
    assert_eq!(state.base().height(), HEIGHT + 23);
    let alone = tree.proof(&headers[..1], 2);
    assert_eq!(judge(&state, &alone), Err(ProofRefusal::UnknownBlock { block: hash(&headers[0]) }));
    for length in [23, 24, 60] {
        let found = judge(&state, &tree.proof(&headers[..length], 2)).unwrap();
        assert_eq!((found.height, found.block), (HEIGHT + 1, hash(&headers[0])));
        assert_eq!(found.work, U256::from(2 * 101));
    }
    let mut broken = headers[..30].to_vec();
    broken.remove(10);
    let (expected, found) = (hash(&headers[9]), hash(&headers[10]));
    assert_eq!(judge(&state, &tree.proof(&broken, 2)), Err(ProofRefusal::NotAChild { at: 10, expected, found }));
    // A height below zero.
    let low = TrustedState::at(super::kit::context(1, EASY, EASY));
    let run = run(&low, 1, 1);
    let low = after(&low, &run);
    let old = [run_on(crate::BlockHash([3; 32]), 5, 3, 3), run].concat();
    let linked = tree.proof(&old, 2).verify(&PARAMS, &low, U256::ZERO, 0);
    assert!(matches!(linked, Err(ProofRefusal::NotAChild { .. })));
}

/// What was final before both chains parted still ends, after the delay.
#[test]
fn frozen_clients_prove_what_is_below_the_freeze_and_only_later() {
    let tree = Tree::of(2);
    let (state, headers) = with_block(&tree);
    let proof = tree.proof(&headers[..1], 1);
    let (height, readable_from) = (HEIGHT + 1, 1_000 + PARAMS.freeze_delay);
    for (at, now, good) in [
        (HEIGHT + 1, readable_from, true),
        (HEIGHT + 1, readable_from - 1, false),
        (HEIGHT, readable_from, false),
        (HEIGHT + 3, readable_from, true),
    ] {
        let frozen = state.clone().freeze(Freeze { at, since: 1_000 });
        let found = proof.verify(&PARAMS, &frozen, U256::from(6), now);
        let refusal = ProofRefusal::Frozen { at, height, readable_from };
        assert_eq!(refusal.may_pass_later(), at >= height);
        assert_eq!(found.map(|_| ()), if good { Ok(()) } else { Err(refusal) });
    }
}

#[test]
fn atk_067_lengths_of_proofs_are_bounded() {
    let tree = Tree::of(5);
    let (_, headers) = with_block(&tree);
    let bytes = tree.proof(&headers[..1], 2).encode().unwrap();
    let malformed = |bytes: &[u8]| matches!(Inclusion::decode(bytes), Err(ProofRefusal::Malformed { .. }));
    for length in 0..bytes.len() {
        assert!(malformed(&bytes[..length]), "{length}");
    }
    assert!(malformed(&[bytes.as_slice(), &[0]].concat()));
    let found = MAX_PROOF_BYTES + 1;
    let large = ProofRefusal::TooLarge { limit: MAX_PROOF_BYTES, found };
    assert_eq!(Inclusion::decode(&vec![0; found]), Err(large));
    let mut deep = tree.proof(&headers[..1], 2);
    deep.siblings = vec![[0; 32]; MAX_DEPTH + 1];
    assert_eq!(deep.encode(), None);
    let fault = MerkleFault::TooDeep { found: MAX_DEPTH + 1 };
    assert_eq!(Branch { position: 0, siblings: &deep.siblings }.root(&Txid([0; 32])), Err(fault));
    let found = MAX_TRANSACTION_BYTES + 1;
    let large = TxFault::TooLarge { limit: MAX_TRANSACTION_BYTES, found };
    assert_eq!(Transaction::decode(&vec![0; found]), Err(large));
    let found = MAX_MERKLE_BLOCK_BYTES + 1;
    let fault = MerkleBlock::decode(&vec![0; found]).map(|_| ()).unwrap_err();
    assert_eq!(fault, MerkleBlockFault::TooLarge { limit: MAX_MERKLE_BLOCK_BYTES, found });
    // Counts that the bytes can not hold are refused before anything is set aside.
    let mut many = vec![2, 0, 0, 0, 0xfe];
    many.extend_from_slice(&[0xff; 4]);
    many.extend_from_slice(&[0; 100]);
    assert!(matches!(Transaction::decode(&many), Err(TxFault::Ended { .. })));
}

#[test]
fn transactions_are_read_in_their_shortest_form_only() {
    let plain = transaction(1, &[(5, &[1, 2, 3]), (7, &[])]);
    let read = Transaction::decode(&plain).unwrap();
    assert_eq!(read.outputs().iter().map(|output| output.value).collect::<Vec<_>>(), [5, 7]);
    assert_eq!(read.outputs()[0].script, [1, 2, 3]);
    assert_eq!((read.stripped_bytes(), read.is_coinbase()), (plain.len(), false));
    assert!(Transaction::decode(&coinbase(b"x")).unwrap().is_coinbase());
    // With a witness: the same id.
    let (body, lock_time) = plain[4..].split_at(plain.len() - 8);
    let witness = |items: &[u8]| [&plain[..4], &[0, 1], body, items, lock_time].concat();
    let full = witness(&[2, 1, 9, 0]);
    let read_full = Transaction::decode(&full).unwrap();
    assert_eq!((read_full.txid(), read_full.stripped_bytes()), (read.txid(), plain.len()));
    assert_eq!(Transaction::decode(&witness(&[0])), Err(TxFault::EmptyWitness));
    let flag = [&plain[..4], &[0, 2], body, &[1, 0], lock_time].concat();
    assert_eq!(Transaction::decode(&flag), Err(TxFault::Flag(2)));
    assert_eq!(Transaction::decode(&[&plain[..4], &[0, 0], &[0; 4]].concat()), Err(TxFault::NoInputs));
    assert_eq!(Transaction::decode(&transaction(1, &[])), Err(TxFault::NoOutputs));
    assert_eq!(Transaction::decode(&[plain.as_slice(), &[0]].concat()), Err(TxFault::Trailing(1)));
    let rich = transaction(1, &[(5, &[]), (crate::transaction::MAX_MONEY + 1, &[])]);
    let found = crate::transaction::MAX_MONEY + 1;
    assert_eq!(Transaction::decode(&rich), Err(TxFault::Value { vout: 1, found }));
    assert!(Transaction::decode(&transaction(1, &[(crate::transaction::MAX_MONEY, &[])])).is_ok());
    for length in 0..full.len() {
        assert!(Transaction::decode(&full[..length]).is_err(), "{length}");
    }
    for (bytes, read) in [
        (&[0xfc][..], Ok((0xfc, 1))),
        (&[0xfd, 0xfd, 0], Ok((0xfd, 3))),
        (&[0xfd, 0xfc, 0], Err(TxFault::LongSize { at: 0, value: 0xfc })),
        (&[0xfe, 0, 0, 1, 0], Ok((0x1_0000, 5))),
        (&[0xfe, 0xff, 0xff, 0, 0], Err(TxFault::LongSize { at: 0, value: 0xffff })),
        (&[0xff, 0, 0, 0, 0, 1, 0, 0, 0], Ok((0x1_0000_0000, 9))),
        (&[0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], Err(TxFault::LongSize { at: 0, value: 0xffff_ffff })),
        (&[0xfd, 1], Err(TxFault::Ended { at: 1, needed: 1 })),
    ] {
        assert_eq!(compact_size(bytes), read);
    }
}
