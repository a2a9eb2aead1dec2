//! Beside `rust-bitcoin`: the same hashes, targets, work, next targets, transactions and partial trees, and never more
//! accepted than it accepts.

use std::{vec, vec::Vec};

use alloy_primitives::U256;
use bitcoin::{
    CompactTarget, MerkleBlock as PeerMerkleBlock, Network, Target, Transaction as PeerTransaction,
    block::Header as PeerHeader,
    consensus::{Params as PeerParams, deserialize},
    hashes::Hash,
    params::{MAINNET, TESTNET3},
};
use proptest::prelude::*;

use super::kit::{EASY, Tree, hash, mine, transaction};
use crate::{
    BlockHash, Header, Rules, Transaction,
    compact::{bits_of, check_work, target_of, work_of},
    merkle_block::MerkleBlock,
    next_period_bits,
};

#[test]
fn genesis_blocks_and_limits_are_the_same() {
    for (rules, network) in [
        (Rules::MAINNET, Network::Bitcoin),
        (Rules::TESTNET3, Network::Testnet),
        (Rules::TESTNET4, Network::Testnet4),
        (Rules::SIGNET, Network::Signet),
        (Rules::REGTEST, Network::Regtest),
    ] {
        let params = PeerParams::new(network);
        let genesis = bitcoin::blockdata::constants::genesis_block(&params);
        assert_eq!(rules.genesis.0, genesis.block_hash().to_byte_array(), "{network}");
        assert_eq!(rules.genesis, BlockHash(genesis.block_hash().to_byte_array()));
        assert_eq!(rules.limit, params.max_attainable_target.to_compact_lossy().to_consensus(), "{network}");
        assert_eq!(rules.min_difficulty, params.allow_min_difficulty_blocks, "{network}");
        assert_eq!(rules.no_retargeting, params.no_pow_retargeting, "{network}");
    }
}

fn number(target: Target) -> U256 {
    U256::from_le_bytes(target.to_le_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// `rust-bitcoin` reads negative bits as zero and cuts off what is beyond 256 bits: those are refused here, as Bitcoin
    /// Core refuses them.
    #[test]
    fn bits(bits in any::<u32>()) {
        let peer = number(Target::from_compact(CompactTarget::from_consensus(bits)));
        match target_of(bits) {
            Ok(target) => {
                prop_assert_eq!(target, peer);
                let compact = Target::from_le_bytes(target.to_le_bytes()).to_compact_lossy();
                prop_assert_eq!(bits_of(target), compact.to_consensus());
                let work = Target::from_le_bytes(target.to_le_bytes()).to_work();
                prop_assert_eq!(work_of(bits).unwrap().to_le_bytes(), work.to_le_bytes());
            }
            Err(fault) => {
                // The sign bit is no part of the number, also where a short form shifts it out of sight.
                let signed = bits & 0x0080_0000 != 0;
                let refused = peer.is_zero() || signed || fault == crate::BitsFault::Overflow;
                prop_assert!(refused, "{:?} {:x}", fault, peer);
            }
        }
    }

    /// Targets that are no more than mainnet's limit: where retargeting can not overflow.
    #[test]
    fn next_targets(exponent in 4_u32..0x1d, mantissa in 0x8000_u32..0x80_0000, first in any::<u32>(), taken in -10_000_000_i64..10_000_000) {
        let bits = exponent << 24 | mantissa;
        let last = u32::try_from(i64::from(first) + taken).unwrap_or(first);
        let taken = u64::from(last).saturating_sub(first.into());
        for params in [&MAINNET, &TESTNET3] {
            let peer = CompactTarget::from_next_work_required(CompactTarget::from_consensus(bits), taken, params);
            prop_assert_eq!(next_period_bits(Rules::MAINNET.limit, bits, first, last), peer.to_consensus());
        }
    }

    #[test]
    fn headers(mut bytes in prop::collection::vec(any::<u8>(), 80), bits in prop::option::of(any::<u32>())) {
        bytes[72..76].copy_from_slice(&bits.unwrap_or(EASY).to_le_bytes());
        let bytes: [u8; 80] = bytes.try_into().unwrap();
        let (ours, peer) = (Header::new(&bytes), deserialize::<PeerHeader>(&bytes).unwrap());
        prop_assert_eq!(ours.hash().0, peer.block_hash().to_byte_array());
        let mut other = bytes;
        other[3] ^= 0x55;
        // Alone, and side by side with others.
        for length in 1..=9 {
            let run: Vec<_> = (0..length).map(|at| if at % 3 == 1 { bytes } else { other }).collect();
            let mut hashes = [BlockHash::default(); 9];
            crate::hash::header_hashes(&run, &mut hashes);
            let single = run.iter().map(hash).collect::<Vec<_>>();
            prop_assert_eq!(&hashes[..length], single);
        }
        prop_assert_eq!(ours.parent().0, peer.prev_blockhash.to_byte_array());
        prop_assert_eq!(ours.merkle_root(), peer.merkle_root.to_byte_array());
        prop_assert_eq!((ours.time(), ours.bits()), (peer.time, peer.bits.to_consensus()));
        prop_assert_eq!(ours.version(), peer.version.to_consensus());
        let accepted = check_work(&ours.hash(), ours.bits(), EASY).is_ok();
        let by_peer = peer.validate_pow(peer.target()).is_ok();
        prop_assert!(by_peer || !accepted);
    }

    /// Random bytes, and honest ones with a byte changed: read alike. `rust-bitcoin` does not know the most that there is,
    /// and reads transactions without inputs or outputs.
    #[test]
    fn transactions(at in any::<prop::sample::Index>(), byte in any::<u8>(), witness in any::<bool>(), salt in any::<u8>()) {
        let plain = transaction(salt, &[(5, &[salt; 30]), (7, &[])]);
        let (body, lock_time) = plain[4..].split_at(plain.len() - 8);
        let full = [&plain[..4], &[0, 1], body, &[2, 1, 9, 0], lock_time].concat();
        let mut bytes = if witness { full } else { plain };
        let at = at.index(bytes.len());
        bytes[at] = byte;
        match (Transaction::decode(&bytes), deserialize::<PeerTransaction>(&bytes)) {
            (Ok(ours), Ok(peer)) => {
                prop_assert_eq!(ours.txid().0, peer.compute_txid().to_byte_array());
                prop_assert_eq!(ours.stripped_bytes(), peer.base_size());
                prop_assert_eq!(ours.is_coinbase(), peer.is_coinbase());
                let outputs: Vec<_> = peer.output.iter().map(|it| (it.value.to_sat(), it.script_pubkey.as_bytes())).collect();
                prop_assert_eq!(ours.outputs().iter().map(|it| (it.value, it.script)).collect::<Vec<_>>(), outputs);
            }
            (Ok(ours), Err(error)) => prop_assert!(false, "{:?} {}", ours, error),
            (Err(fault), Ok(_)) => {
                let known = matches!(fault, crate::TxFault::Value { .. } | crate::TxFault::NoInputs | crate::TxFault::NoOutputs);
                prop_assert!(known, "{}", fault);
            }
            (Err(_), Err(_)) => {}
        }
    }

    /// Partial trees written by `rust-bitcoin`, whole and with a byte changed. It does not look at the bits that pad the
    /// last byte of flags.
    #[test]
    fn partial_trees(count in 1..40_u8, wanted in prop::collection::vec(any::<bool>(), 40), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let tree = Tree::of(count);
        let block = mine(BlockHash([1; 32]), tree.root(), 5, EASY);
        let ids: Vec<_> = tree.transactions.iter().map(|it| deserialize::<PeerTransaction>(it).unwrap().compute_txid()).collect();
        let header = deserialize::<PeerHeader>(&block).unwrap();
        let wanted = &wanted[..count.into()];
        let txn = bitcoin::merkle_tree::PartialMerkleTree::from_txids(&ids, wanted);
        let mut bytes = bitcoin::consensus::serialize(&PeerMerkleBlock { header, txn });
        let read = MerkleBlock::decode(&bytes).unwrap();
        prop_assert_eq!(read.header().hash(), hash(&block));
        let expected: Vec<_> = (0..count as usize).filter(|at| wanted[*at]).collect();
        prop_assert_eq!(read.matches().iter().map(|it| it.position as usize).collect::<Vec<_>>(), expected);
        for found in read.matches() {
            prop_assert_eq!(read.branch(found.position), Some(tree.siblings(found.position as usize)));
        }
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let by_peer = deserialize::<PeerMerkleBlock>(&bytes).ok().and_then(|peer| {
            let (mut ids, mut places) = (vec![], vec![]);
            peer.extract_matches(&mut ids, &mut places).ok().map(|()| places)
        });
        if let Ok(read) = MerkleBlock::decode(&bytes) {
            let places = read.matches().iter().map(|it| it.position).collect::<Vec<_>>();
            prop_assert_eq!(by_peer, Some(places));
        }
    }
}
