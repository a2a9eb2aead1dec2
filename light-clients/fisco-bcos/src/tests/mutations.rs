//! Every kind of valid update, changed in one place: nothing changed may be accepted.

use std::{println, vec::Vec};

use causeway_crypto::SignatureFault;

use super::kit::*;
use crate::{Over, Params, Refusal, Suite};

#[test]
fn changed_updates_are_refused() {
    for params in kinds() {
        let mut mutants = 0;
        let (hash, state) = trusted(&params, &[1, 2, 3, 4]);
        // The same set, and another one that shares three.
        for seeds in [&[1u8, 2, 3, 4][..], &[4, 2, 7, 3]] {
            let block = Block::new(2, hash, seeds);
            let signers = &seeds[..3];
            let good = block.update(&params, signers);
            assert!(judge(&params, &state, &good, 2).is_ok());
            let mut refused = |update: &[u8]| {
                mutants += 1;
                judge(&params, &state, update, 2).expect_err("survivor")
            };
            let step = if params.suite == Suite::Sm { 8 } else { 1 };
            for bit in (0..8 * good.len()).step_by(step) {
                let mut changed = good.clone();
                changed[bit / 8] ^= 1 << ((bit + bit / 8) % 8);
                refused(&changed);
            }
            for length in 0..good.len() {
                refused(&good[..length]);
            }
            refused(&[good.as_slice(), &[0x80]].concat());
            signatures(&params, &block, signers, &mut refused);
        }
        println!("fisco-bcos {:?} {:?}: {mutants} mutants, 0 survivors", params.version, params.suite);
    }
}

fn signatures(params: &Params, block: &Block, signers: &[u8], refused: &mut impl FnMut(&[u8]) -> Refusal) {
    let header = block.header(params);
    let good = block.signatures(params, signers);
    let hash = block.hash(params);
    for place in 0..good.len() {
        let mut less = good.clone();
        less.remove(place);
        let refusal = refused(&encode(&header, &less));
        let few = |over, needed| Refusal::NotEnoughTrust { over, needed, found: needed - 1, of: 4 };
        assert!(refusal == few(Over::HeaderSet, 3) || refusal == few(Over::SetInForce, 2));
        let mut twice = good.clone();
        twice.insert(place, good[place].clone());
        assert!(matches!(refused(&encode(&header, &twice)), Refusal::SignatureOrder { .. }));
        let others = good.iter().filter(|other| other.0 != good[place].0).map(|other| other.1.clone());
        let length = good[place].1.len();
        let other_block = sign(params.suite, signers[place], &alloy_primitives::B256::ZERO);
        let stranger = sign(params.suite, 99, &hash);
        let forged: Vec<Vec<u8>> = others
            .chain([
                std::vec![0; length],
                std::vec![0xff; length],
                std::vec![0; length - 1],
                std::vec![],
                stranger,
                other_block,
            ])
            .collect();
        for signature in forged {
            let mut changed = good.clone();
            changed[place].1 = signature;
            let refusal = refused(&encode(&header, &changed));
            assert!(matches!(
                refusal,
                Refusal::BadSeal { .. }
                    | Refusal::InvalidSeal { .. }
                    | Refusal::SignatureLength { .. }
                    | Refusal::OtherKey { .. }
                    | Refusal::BadSm2Seal { .. }
            ));
        }
        if params.suite == Suite::Ecdsa {
            // (r, n − s, 1 − v): the same signature in its other form.
            let own = &good[place].1;
            let (r, s) = k256::ecdsa::Signature::from_slice(&own[..64]).unwrap().split_scalars();
            let twin = k256::ecdsa::Signature::from_scalars(*r, -*s).unwrap();
            let mut changed = good.clone();
            changed[place].1 = [&twin.to_bytes()[..], &[1 - own[64]]].concat();
            let refusal = refused(&encode(&header, &changed));
            assert!(matches!(refusal, Refusal::InvalidSeal { fault: SignatureFault::HighS, .. }));
        }
    }
    let mut reversed = good.clone();
    reversed.reverse();
    assert!(matches!(refused(&encode(&header, &reversed)), Refusal::SignatureOrder { .. }));
    let mut beyond = good.clone();
    beyond.push((4, good[0].1.clone()));
    assert!(matches!(refused(&encode(&header, &beyond)), Refusal::UnknownSealer { index: 4, of: 4 }));
    // Another block's header under these signatures.
    let other = Block { time_ms: block.time_ms + 1, ..block.clone() };
    assert!(matches!(
        refused(&encode(&other.header(params), &good)),
        Refusal::BadSeal { .. } | Refusal::BadSm2Seal { .. }
    ));
}
