//! Updates that must be refused, each one change away from an honest update that is accepted.

use std::{vec, vec::Vec};

use alloy_primitives::Address;
use causeway_crypto::SignatureFault;

use super::kit::{Chain, HEIGHT, MODES, Parts, START, addresses, key, keys, sign};
use crate::{
    HeaderFault, MAX_UPDATE_BYTES, Mode, Over, Refusal, Seal, UpdateFault, ValidatorSet, compose::seal, quorum,
};

pub(super) fn not_enough(over: Over, needed: usize, found: usize, of: usize) -> Refusal {
    Refusal::NotEnoughTrust { over, needed, found, of }
}

/// ChainSwap: signers that were on no list were taken.
#[test]
fn atk_016_strangers_are_no_quorum() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        assert!(chain.verify(&chain.update(1)).is_ok());
        // A full quorum of strangers under a list of their own.
        let strangers = keys(20..24);
        let mut header = chain.header(1);
        header.validators = addresses(&strangers);
        let forged = chain.signed_by(&header, &strangers, 0..4).with_previous(&chain.keys);
        assert_eq!(chain.verify(&forged), Err(not_enough(Over::SetInForce, 2, 0, 4)));
        // One member among strangers.
        let mixed = keys([0, 20, 21, 22]);
        header.validators = addresses(&mixed);
        let forged = chain.signed_by(&header, &mixed, 0..4).with_previous(&chain.keys);
        assert_eq!(chain.verify(&forged), Err(not_enough(Over::SetInForce, 2, 1, 4)));
        // Two members are more than a third: the nearest list that is believed.
        let mixed = keys([0, 1, 21, 22]);
        header.validators = addresses(&mixed);
        assert!(chain.verify(&chain.signed_by(&header, &mixed, 0..4).with_previous(&chain.keys)).is_ok());
        // Strangers' seals under the names of the validators in force.
        let forged = chain.signed(&chain.header(1), &strangers);
        assert!(matches!(chain.verify(&forged), Err(Refusal::BadSeal { .. })));
    }
}

/// One validator listed several times would be a quorum and more than a third by itself.
#[test]
fn atk_016_a_member_counts_once_however_often_a_list_names_it() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        let one = vec![chain.keys[0].clone(); 3];
        let mut header = chain.header(1);
        header.validators = addresses(&one);
        let forged = chain.signed_by(&header, &one, 0..3).with_previous(&chain.keys);
        let address = header.validators[0];
        assert_eq!(chain.verify(&forged), Err(Refusal::DuplicateValidator { address }));
        // Also between others and out of order.
        let padded = [3, 0, 2, 0].map(|at: usize| chain.keys[at].clone());
        header.validators = addresses(&padded);
        let forged = chain.signed_by(&header, &padded, 0..4).with_previous(&chain.keys);
        assert!(matches!(chain.verify(&forged), Err(Refusal::DuplicateValidator { .. })));
        let distinct = [3, 0, 2, 1].map(|at: usize| chain.keys[at].clone());
        header.validators = addresses(&distinct);
        assert!(chain.verify(&chain.signed_by(&header, &distinct, 0..4).with_previous(&chain.keys)).is_ok());
    }
}

#[test]
fn atk_020_a_header_from_the_future_is_refused_and_may_pass_later() {
    let chain = Chain::new(Mode::Qbft, 4);
    let now = START + 60;
    let mut header = chain.header(1);
    for (time, accepted) in [(now, true), (now + 30, true), (now + 31, false), (now + 5 * 3600, false)] {
        header.time = time;
        let verdict = chain.verify_at(&chain.signed(&header, &chain.keys), now);
        let refusal = Refusal::HeaderFromFuture { latest: now + 30, found: time };
        assert_eq!(verdict.map(|_| ()), if accepted { Ok(()) } else { Err(refusal) });
        assert!(refusal.may_pass_later() && !refusal.intermediate_helps());
    }
    header.time = u64::MAX;
    assert!(matches!(chain.verify_at(&chain.signed(&header, &chain.keys), now), Err(Refusal::HeaderFromFuture { .. })));
}

/// A BFT header names no chain: its validators tie it to one, and its dialect.
#[test]
fn atk_044_headers_of_another_chain_are_refused() {
    for mode in MODES {
        let (chain, mut other) = (Chain::new(mode, 4), Chain::new(mode, 4));
        other.keys = keys(40..44);
        let foreign = other.update(1).with_previous(&chain.keys);
        assert_eq!(chain.verify(&foreign), Err(not_enough(Over::SetInForce, 2, 0, 4)));
        assert!(matches!(chain.verify(&other.update(1)), Err(Refusal::Malformed(UpdateFault::PreviousSetMissing))));
        for other_mode in MODES {
            let other = Chain::new(other_mode, 4);
            let verdict = chain.verify(&other.update(1));
            if mode == other_mode {
                assert!(verdict.is_ok());
            } else {
                assert!(matches!(verdict, Err(Refusal::Header(_))), "{mode:?} {other_mode:?} {verdict:?}");
            }
        }
    }
}

/// Fields that only BFT blocks have: nothing that validators sign elsewhere can pass for a header.
#[test]
fn atk_044_difficulty_ommers_and_mix_hash_tell_a_bft_header() {
    let chain = Chain::new(Mode::Qbft, 4);
    let good = chain.update(1);
    let resigned = |bytes: Vec<u8>| {
        let digest = alloy_primitives::keccak256(&bytes);
        let seals = chain.keys[..3].iter().map(|key| sign(key, digest)).collect();
        chain.verify(&Parts { header: bytes, seals, ..good.clone() }).map(|_| ())
    };
    assert_eq!(resigned(good.header.clone()), Ok(()));
    let at = |what: &[u8]| good.header.windows(what.len()).position(|window| window == what).unwrap();
    let changed = |position: usize, byte: u8| {
        let mut bytes = good.header.clone();
        bytes[position] = byte;
        resigned(bytes)
    };
    let ommers = at(crate::header::NO_OMMERS.as_slice());
    assert!(matches!(changed(ommers, 0), Err(Refusal::Header(HeaderFault::Ommers(_)))));
    let mix = at(crate::extra::MIX_HASH.as_slice());
    assert!(matches!(changed(mix + 31, 0), Err(Refusal::Header(HeaderFault::MixHash(_)))));
    // The difficulty stands right after the bloom: 3 + 33 + 33 + 21 + 33 + 33 + 33 + 259.
    assert_eq!(good.header[448], 1);
    assert_eq!(changed(448, 2), Err(Refusal::Header(HeaderFault::Difficulty)));
}

#[test]
fn atk_045_no_seals_and_too_few_are_no_commit() {
    for mode in MODES {
        for validators in 1..=10 {
            let chain = Chain::new(mode, validators);
            let header = chain.header(1);
            let of = chain.keys.len();
            for signers in 0..=of {
                let verdict = chain.verify(&chain.signed_by(&header, &chain.keys, 0..signers)).map(|_| ());
                let enough = signers >= quorum(of);
                let refusal = not_enough(Over::HeaderSet, quorum(of), signers, of);
                assert_eq!(verdict, if enough { Ok(()) } else { Err(refusal) }, "{signers} of {of}");
            }
        }
        // Nobody listed at all.
        let chain = Chain::new(mode, 4);
        let mut header = chain.header(1);
        header.validators.clear();
        assert_eq!(chain.verify(&chain.signed_by(&header, &[], [])), Err(Refusal::EmptySet));
    }
}

#[test]
fn atk_046_time_grows_with_height() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        let verdict = |height: u64, time: u64| {
            let mut header = chain.header(1);
            (header.height, header.time) = (height, time);
            chain.verify(&chain.signed(&header, &chain.keys)).map(|_| ())
        };
        let refused =
            |height, time| Err(Refusal::NonMonotonicTime { height, time, trusted_height: HEIGHT, trusted_time: START });
        assert_eq!(verdict(HEIGHT + 1, START + 1), Ok(()));
        assert_eq!(verdict(HEIGHT + 1, START), refused(HEIGHT + 1, START));
        assert_eq!(verdict(HEIGHT + 1, START - 1), refused(HEIGHT + 1, START - 1));
        assert_eq!(verdict(HEIGHT - 1, START), Ok(()));
        assert_eq!(verdict(HEIGHT - 1, START + 1), refused(HEIGHT - 1, START + 1));
        assert_eq!(verdict(HEIGHT, START), Ok(()));
        assert_eq!(verdict(HEIGHT, START + 1), refused(HEIGHT, START + 1));
    }
}

/// pantheon #827: the same seal twice was two seals.
#[test]
fn atk_048_a_duplicate_seal_counts_once() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        let good = chain.update(1);
        // In the place of another validator.
        for place in 1..3 {
            let mut forged = good.clone();
            forged.seals[place] = forged.seals[0];
            assert!(matches!(chain.verify(&forged), Err(Refusal::BadSeal { .. })));
        }
        // Beside itself: three seals, two bits.
        let mut forged = good.clone();
        forged.signers.set_bit(2, false);
        assert_eq!(chain.verify(&forged), Err(UpdateFault::Trailing(65).into()));
        forged.seals.pop();
        assert_eq!(chain.verify(&forged), Err(not_enough(Over::HeaderSet, 3, 2, 4)));
        // In another order than the bits.
        let mut forged = good.clone();
        forged.seals.swap(0, 1);
        assert!(matches!(chain.verify(&forged), Err(Refusal::BadSeal { .. })));
    }
}

#[test]
fn atk_048_the_twin_of_a_seal_is_refused() {
    let chain = Chain::new(Mode::Qbft, 4);
    let good = chain.update(1);
    for place in 0..3 {
        let mut forged = good.clone();
        forged.seals[place] = twin(&forged.seals[place]);
        let validator = addresses(&chain.keys)[place];
        let refusal = Refusal::InvalidSeal { validator, fault: SignatureFault::HighS };
        assert_eq!(chain.verify(&forged), Err(refusal));
    }
}

/// (r, n − s) with the other recovery id: the same signer by another spelling.
fn twin(good: &Seal) -> Seal {
    let (r_s, [v]) = good.split_first_chunk::<64>().unwrap() else { unreachable!() };
    let (r, s) = k256::ecdsa::Signature::from_slice(r_s).unwrap().split_scalars();
    let other = k256::ecdsa::Signature::from_scalars(*r, -*s).unwrap();
    seal(&other.to_bytes().into(), 1 - v)
}

/// A seal over another header of the same validators (kaia #924: a cache keyed by the signature alone).
#[test]
fn atk_048_a_seal_over_another_header_is_refused() {
    for mode in MODES {
        let chain = Chain::new(mode, 4);
        let (good, other) = (chain.update(1), chain.update(2));
        assert!(chain.verify(&good).is_ok() && chain.verify(&other).is_ok());
        let mixed = Parts { seals: other.seals.clone(), ..good.clone() };
        assert!(matches!(chain.verify(&mixed), Err(Refusal::BadSeal { .. } | Refusal::InvalidSeal { .. })));
    }
}

/// besu's table: ⌈2N/3⌉, not 2f + 1.
#[test]
fn atk_048_quorum_edges() {
    let expected = [1, 2, 2, 3, 4, 4, 5, 6, 6, 7];
    let found: Vec<usize> = (1..=10).map(quorum).collect();
    assert_eq!(found, expected);
}

/// quorum #1118: zero seals reached headers.
#[test]
fn atk_049_seals_that_nobody_made_are_refused() {
    let chain = Chain::new(Mode::Qbft, 4);
    let good = chain.update(1);
    let order: [u8; 32] = alloy_primitives::hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    let mut bad: Vec<Seal> = vec![[0; 65], [0xff; 65]];
    for (part, range) in [(0, 0..32), (1, 32..64)] {
        for scalar in [[0; 32], order] {
            let mut seal = good.seals[part];
            seal[range.clone()].copy_from_slice(&scalar);
            bad.push(seal);
        }
    }
    for v in [2, 3, 27, 28] {
        let mut seal = good.seals[0];
        seal[64] = v;
        bad.push(seal);
    }
    for seal in bad {
        let mut forged = good.clone();
        forged.seals[0] = seal;
        assert!(matches!(chain.verify(&forged), Err(Refusal::InvalidSeal { .. })), "{seal:02x?}");
    }
    // The other recovery id is somebody else's key.
    let mut forged = good.clone();
    forged.seals[0][64] ^= 1;
    assert!(matches!(chain.verify(&forged), Err(Refusal::BadSeal { .. })));
}

/// Nobody is the zero address, also where a list names it.
#[test]
fn atk_049_the_zero_address_never_seals() {
    let chain = Chain::new(Mode::Qbft, 3);
    let mut header = chain.header(1);
    header.validators = vec![Address::ZERO, addresses(&chain.keys)[0], addresses(&chain.keys)[1]];
    let keys = [key(99), chain.keys[0].clone(), chain.keys[1].clone()];
    let honest = chain.signed_by(&header, &keys, 1..3).with_previous(&chain.keys);
    assert!(chain.verify(&honest).is_ok());
    for zero in [[0; 65], honest.seals[0]] {
        let mut forged = honest.clone();
        forged.signers.set_bit(0, true);
        forged.seals.insert(0, zero);
        assert!(matches!(chain.verify(&forged), Err(Refusal::InvalidSeal { .. } | Refusal::BadSeal { .. })));
    }
}

/// Lengths are refused before anything is hashed or allocated.
#[test]
fn atk_067_oversized_updates_are_refused() {
    let chain = Chain::new(Mode::Qbft, 4);
    let huge = vec![0; MAX_UPDATE_BYTES + 1];
    let verdict = crate::verify(&chain.params, &chain.trusted, &huge, START + 60);
    assert!(matches!(verdict, Err(Refusal::Malformed(UpdateFault::TooLarge { what: "update", .. }))));
    let mut parts = chain.update(1);
    parts.header = vec![0xf9; 16 * 1024 + 1];
    assert!(matches!(chain.verify(&parts), Err(Refusal::Malformed(UpdateFault::TooLarge { what: "header", .. }))));
    // 257 validators fit no bitmap, 256 do.
    let mut header = chain.header(1);
    header.validators =
        (0..257).map(|number| Address::left_padding_from(&[1, (number >> 8) as u8, number as u8])).collect();
    let many = chain.signed_by(&header, &[], []);
    assert_eq!(chain.verify(&many), Err(Refusal::TooManyValidators { limit: 256, found: 257 }));
    header.validators.pop();
    let fits = chain.signed_by(&header, &[], []).with_previous(&chain.keys);
    assert_eq!(chain.verify(&fits), Err(not_enough(Over::SetInForce, 2, 0, 4)));
    let refused = ValidatorSet::new(vec![Address::ZERO; 65_000]);
    assert_eq!(refused, Err(Refusal::TooManyValidators { limit: 256, found: 65_000 }));
}
