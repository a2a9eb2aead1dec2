//! Any bytes before every reader: none panics, and what is read is written back as the same bytes.

use std::vec::Vec;

use proptest::prelude::*;

use super::kit::{EASY, PARAMS, RULES, START, Tree, client, run};
use crate::{
    Params, Transaction, TrustedState,
    compact::{bits_of, target_of, work_of},
    conflict,
    merkle_block::MerkleBlock,
    next_period_bits,
    payment::Claim,
    proof::Inclusion,
    transaction::compact_size,
    verify,
};

fn read_all(bytes: &[u8]) {
    let state = client();
    let params = Params { rules: RULES, ..PARAMS };
    let _ = verify(&params, &state, bytes, START.into());
    let _ = conflict(&params, &state, bytes, bytes, START.into());
    if let Ok(read) = TrustedState::decode(&RULES, bytes) {
        assert_eq!(read.encode(), bytes);
        let _ = verify(&params, &read, run(&state, 1, 1).as_flattened(), START.into());
    }
    if let Ok(read) = Inclusion::decode(bytes) {
        assert_eq!(read.encode().as_deref(), Some(bytes));
        let _ = read.verify(&params, &state, Default::default(), 0);
    }
    if let Ok(read) = Claim::decode(bytes) {
        assert_eq!(read.encode().as_deref(), Some(bytes));
    }
    if let Ok(read) = MerkleBlock::decode(bytes) {
        assert!(read.matches().iter().all(|found| read.branch(found.position).is_some()));
    }
    let _ = (Transaction::decode(bytes), compact_size(bytes));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read_all(&bytes);
    }

    #[test]
    fn nothing_panics_on_what_is_nearly_right(at in any::<prop::sample::Index>(), byte in any::<u8>(), kind in 0..4_u8) {
        let tree = Tree::of(6);
        let headers = run(&client(), 2, 1);
        let proof = tree.proof(&headers[..1], 3);
        let mut bytes: Vec<u8> = match kind {
            0 => headers.as_flattened().to_vec(),
            1 => proof.encode().unwrap(),
            2 => tree.transactions[2].clone(),
            _ => client().encode(),
        };
        let at = at.index(bytes.len());
        bytes[at] = byte;
        read_all(&bytes);
    }

    /// What 32 bits can hold comes back; anything else is rounded down.
    #[test]
    fn bits_and_targets(bits in any::<u32>(), first in any::<u32>(), last in any::<u32>()) {
        if let Ok(target) = target_of(bits) {
            let again = bits_of(target);
            prop_assert_eq!(target_of(again), Ok(target));
            prop_assert!(!work_of(bits).unwrap().is_zero() || target.bit_len() > 255);
        }
        for limit in [0x1d00_ffff, EASY, bits] {
            let next = next_period_bits(limit, bits, first, last);
            if let (Ok(next), Ok(limit)) = (target_of(next), target_of(limit)) {
                prop_assert!(next <= limit);
            }
        }
    }
}
