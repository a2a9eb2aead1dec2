//! Changed, cut and random bytes before every decoder: none panics, and what is read is written back as it was.

use alloy_primitives::keccak256;
use std::vec::Vec;

use super::kit::*;
use crate::{
    HeaderFormat, Justification, TrustedState, Update,
    beefy::{FinalityProof, Leaf},
    trie::Proof,
};

fn read(bytes: &[u8]) {
    if let Ok(update) = Update::decode(bytes) {
        assert_eq!(update.encode(), bytes);
    }
    if let Ok(state) = TrustedState::decode(bytes) {
        // Authorities are sorted when they are written.
        assert_eq!(TrustedState::decode(&state.encode()), Ok(state));
    }
    for format in [HeaderFormat::Substrate, HeaderFormat::Avail] {
        let _ = Justification::read(format, bytes);
        if let Ok(header) = crate::Header::read(format, bytes) {
            let _ = (header.hash(), header.change());
        }
    }
    let _ = (FinalityProof::read(bytes), Leaf::read(bytes));
    let nodes = [bytes];
    let mut proof = Proof::new(&nodes).unwrap();
    let _ = proof.get(&crate::hash::blake2_256(bytes), &bytes[..bytes.len().min(40)]);
}

#[test]
fn decoders_take_any_bytes() {
    let (second, state, bytes) = good();
    let beefy = Beefy::new(7, &[1, 2, 3, 4], &[1, 2, 4], &[5]);
    let seeds = [
        justify(&second, 5, &[1, 2, 3]),
        state.encode(),
        beefy_trusted().encode(),
        beefy.proof(),
        beefy.encode(),
        beefy.leaf,
        second.header,
        bytes,
    ];
    for seed in &seeds {
        for at in 0..seed.len() {
            read(&seed[..at]);
            for value in [0, 1, 2, 3, 0x7f, 0xfc, 0xff, seed[at] ^ 4] {
                let mut changed = seed.clone();
                changed[at] = value;
                read(&changed);
            }
        }
    }
    for number in 0..4000u32 {
        let random: Vec<u8> =
            (0..number % 9).flat_map(|part| keccak256([number, part].map(u32::to_be_bytes).concat()).0).collect();
        read(&random);
    }
}
