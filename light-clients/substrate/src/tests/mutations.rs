//! Every kind of valid update, changed in one place. A mutant is refused, or it says exactly what the original says.

use std::{println, vec::Vec};

use alloy_primitives::{Address, B256, keccak256};
use causeway_crypto::SignatureFault;

use super::{beefy::member_path, kit::*};
use crate::{
    CommitmentFault, Refusal, ScaleFault, Signers, TrieFault, TrustedState, Verified,
    beefy::MmrFault,
    compose::{self, Vote},
};

/// Mutants of one family.
#[derive(Default)]
struct Tally {
    refused: u32,
    equal: u32,
}

impl Tally {
    fn judge(&mut self, trusted: &TrustedState, original: &Verified, mutant: &[u8], number: u32) {
        match judge(&params(), trusted, mutant, number) {
            Err(_) => self.refused += 1,
            Ok(verified) if verified == *original => self.equal += 1,
            Ok(verified) => panic!("survivor: {verified:?}"),
        }
    }

    fn refused_as(&mut self, found: Result<Verified, Refusal>, fits: impl FnOnce(&Refusal) -> bool) {
        let refusal = found.expect_err("survivor");
        assert!(fits(&refusal), "{refusal}");
        self.refused += 1;
    }

    /// A bit of every byte, every length, a byte behind.
    fn bytes(&mut self, trusted: &TrustedState, bytes: &[u8], number: u32) {
        let original = judge(&params(), trusted, bytes, number).unwrap();
        for bit in 0..8 * bytes.len() {
            let mut changed = bytes.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            self.judge(trusted, &original, &changed, number);
        }
        for length in 0..bytes.len() {
            self.judge(trusted, &original, &bytes[..length], number);
        }
        self.judge(trusted, &original, &[bytes, &[0]].concat(), number);
    }
}

/// A justification of a set of seven with votes above the target, and its state.
fn grandpa_case() -> (Block, TrustedState, Vec<Vote>, Vec<Vec<u8>>) {
    let (first, _) = trusted();
    let finality = crate::Finality::Grandpa { set: set(5, &[1, 2, 3, 4, 5, 6, 7]), pending: None };
    let state = TrustedState::new(1, time_ms(1), first.hash, first.root, finality);
    let second = block(&first.hash, 2, &[&compose::scheduled_change(&list(&[5, 6]), 0)], &[]);
    let third = block(&second.hash, 3, &[], &[]);
    let fourth = block(&third.hash, 4, &[], &[]);
    let at = [second.at(), third.at(), fourth.at(), second.at(), third.at()];
    let votes = (1..).zip(at).map(|(seed, target)| vote(seed, target, ROUND, 5)).collect();
    (second, state, votes, [third.header, fourth.header].into())
}

#[test]
fn changed_grandpa_updates_are_refused() {
    let mut tally = Tally::default();
    let (second, state, votes, headers) = grandpa_case();
    let with = |votes: &[Vote], headers: &[Vec<u8>]| {
        let proof = compose::justification(ROUND, second.at(), votes, headers);
        judge(&params(), &state, &update(&second, 5, false, &proof), 4)
    };
    let original = with(&votes, &headers).unwrap();
    let good = update(&second, 5, false, &compose::justification(ROUND, second.at(), &votes, &headers));
    tally.bytes(&state, &good, 4);
    let changed = |place: usize, change: &dyn Fn(&mut Vote)| {
        let mut votes = votes.clone();
        change(&mut votes[place]);
        votes
    };
    for place in 0..votes.len() {
        // Quorum minus one: the headers of the vote that went may be left over, the weight comes first.
        let mut less = votes.clone();
        less.remove(place);
        tally.refused_as(with(&less, &headers), |refusal| {
            *refusal == Refusal::NotEnoughTrust { needed: 5, found: 4, of: 7 }
        });
        tally.refused_as(with(&[&votes[..], &votes[place..=place]].concat(), &headers), |refusal| {
            matches!(refusal, Refusal::RepeatedVote { .. })
        });
        let target = votes[place].target;
        let stranger = changed(place, &|vote_of| *vote_of = vote(99, target, ROUND, 5));
        tally.refused_as(with(&stranger, &headers), |refusal| matches!(refusal, Refusal::Stranger { .. }));
        // A member's name under another member's signature, another round, another set, another block.
        let key = ed_key(7);
        let id = 1 + place as u8;
        for forged in [
            changed(place, &|vote| vote.key = key),
            changed(place, &|vote_of| vote_of.signature = vote(id, target, ROUND + 1, 5).signature),
            changed(place, &|vote_of| vote_of.signature = vote(id, target, ROUND, 4).signature),
            changed(place, &|vote_of| vote_of.signature = vote(id, (target.0, target.1 + 1), ROUND, 5).signature),
            changed(place, &|vote| vote.signature = [0; 64]),
            changed(place, &|vote| vote.signature = [0xff; 64]),
        ] {
            tally.refused_as(with(&forged, &headers), |refusal| matches!(refusal, Refusal::BadSignature { .. }));
        }
        let elsewhere = changed(place, &|vote_of| *vote_of = vote(id, (B256::repeat_byte(5), 3), ROUND, 5));
        tally.refused_as(with(&elsewhere, &headers), |refusal| matches!(refusal, Refusal::NotAboveTarget { .. }));
    }
    for place in 0..headers.len() {
        let mut less = headers.clone();
        less.remove(place);
        tally.refused_as(with(&votes, &less), |refusal| matches!(refusal, Refusal::NotAboveTarget { .. }));
    }
    let more = [headers.as_slice(), core::slice::from_ref(&second.header)].concat();
    tally.refused_as(with(&votes, &more), |refusal| matches!(refusal, Refusal::UnusedHeader { .. }));
    // The order of votes and headers says nothing.
    let (mut votes, mut headers) = (votes, headers);
    votes.reverse();
    headers.reverse();
    assert_eq!(with(&votes, &headers).as_ref(), Ok(&original));
    tally.equal += 1;
    // Another block's header or state beside the justification.
    let other = block(&second.hash, 2, &[], &[]);
    let proof = compose::justification(ROUND, second.at(), &votes, &headers);
    tally.refused_as(judge(&params(), &state, &update(&other, 5, false, &proof), 4), |refusal| {
        matches!(refusal, Refusal::OtherHeader { .. })
    });
    let mut mixed = second.clone();
    mixed.nodes = block(&second.hash, 9, &[], &[]).nodes;
    tally.refused_as(judge(&params(), &state, &update(&mixed, 5, false, &proof), 4), |refusal| {
        matches!(refusal, Refusal::State { fault: TrieFault::Incomplete(_), .. })
    });
    println!("grandpa: {} mutants refused, {} equal, 0 survivors", tally.refused, tally.equal);
}

#[test]
fn changed_beefy_updates_are_refused() {
    let mut tally = Tally::default();
    let seeds = [1, 2, 3, 4];
    let state = beefy_trusted();
    let made = Beefy::new(7, &seeds, &[1, 2, 4], &[3, 4, 5, 6]);
    let judge = |bytes: &[u8]| judge(&params(), &state, bytes, 11);
    let original = judge(&made.encode()).unwrap();
    tally.bytes(&state, &made.encode(), 11);
    let members = addresses(&seeds);
    let proven: Vec<_> =
        [0usize, 1, 3].map(|place| (Address::from(members[place]), member_path(&members, place))).into();
    let by_path = |proven: &[(Address, Vec<B256>)]| made.encode_with(&made.proof(), Signers::Proven(proven.into()));
    tally.bytes(&state, &by_path(&proven), 11);
    let digest = keccak256(&made.commitment);
    let places: Vec<u32> = made.signatures.keys().copied().collect();
    for place in places {
        let mut less = made.clone();
        less.signatures.remove(&place);
        let few = Refusal::NotEnoughTrust { needed: 3, found: 2, of: 4 };
        tally.refused_as(judge(&less.encode()), |refusal| *refusal == few);
        let own = made.signatures[&place];
        // (r, n − s, 1 − v): the same signature in its other form.
        let signature = k256::ecdsa::Signature::from_slice(&own[..64]).unwrap();
        let (r, s) = signature.split_scalars();
        let mut twin = [0; 65];
        twin[..64].copy_from_slice(&k256::ecdsa::Signature::from_scalars(*r, -*s).unwrap().to_bytes());
        twin[64] = 1 - own[64];
        let others = made.signatures.iter().filter(|(other, _)| **other != place).map(|(_, other)| *other);
        let forged =
            others.chain([twin, [0; 65], [0xff; 65], ec_sign(99, &digest), ec_sign(1 + place as u8, &B256::ZERO)]);
        for signature in forged {
            let mut changed = made.clone();
            changed.signatures.insert(place, signature);
            tally.refused_as(judge(&changed.encode()), |refusal| match refusal {
                Refusal::BadSeal { index, .. } => *index == place,
                Refusal::InvalidSeal { index, fault } => {
                    *index == place && (signature != twin || *fault == SignatureFault::HighS)
                }
                _ => false,
            });
        }
    }
    // A signature in the absent one's place; a set in another order, with a stranger, cut, extended.
    let mut moved = made.clone();
    let signature = moved.signatures.remove(&3).unwrap();
    moved.signatures.insert(2, signature);
    tally.refused_as(judge(&moved.encode()), |refusal| matches!(refusal, Refusal::BadSeal { index: 2, .. }));
    for others in [&[2u8, 1, 3, 4][..], &[1, 2, 3, 9]] {
        let validators = addresses(others).concat();
        let bytes = made.encode_with(&made.proof(), Signers::Set(&validators));
        tally.refused_as(judge(&bytes), |refusal| matches!(refusal, Refusal::NotTheValidators { .. }));
    }
    for others in [&[1u8, 2, 3][..], &[1, 2, 3, 4, 4], &[]] {
        let validators = addresses(others).concat();
        let bytes = made.encode_with(&made.proof(), Signers::Set(&validators));
        tally.refused_as(judge(&bytes), |refusal| {
            matches!(refusal, Refusal::Commitment(CommitmentFault::Validators { .. }))
        });
    }
    // Paths cut, extended, reordered, of another place.
    for change in [
        |path: &mut Vec<B256>| path.truncate(path.len() - 1),
        |path: &mut Vec<B256>| path.push(B256::ZERO),
        |path: &mut Vec<B256>| path.reverse(),
    ] {
        let mut changed = made.clone();
        change(&mut changed.path);
        tally.refused_as(judge(&changed.encode()), |refusal| {
            matches!(refusal, Refusal::Leaf(MmrFault::Length { .. } | MmrFault::Root { .. }))
        });
        let mut changed = proven.clone();
        change(&mut changed[1].1);
        tally.refused_as(judge(&by_path(&changed)), |refusal| {
            matches!(refusal, Refusal::Leaf(MmrFault::Length { .. }) | Refusal::NotTheValidators { .. })
        });
    }
    let mut swapped = proven.clone();
    swapped.swap(0, 1);
    tally.refused_as(judge(&by_path(&swapped)), |refusal| matches!(refusal, Refusal::NotTheValidators { .. }));
    tally.refused_as(judge(&by_path(&proven[..2])), |refusal| {
        matches!(refusal, Refusal::Commitment(CommitmentFault::Proofs { signatures: 3, proofs: 2 }))
    });
    // Signed, but not a commitment of this format: payload ids out of order, none, another version.
    for payload in [&b"\x08mh\x80"[..], b"\x00", b"\x04mh\x7c"] {
        let mut changed = made.clone();
        changed.commitment = [payload, &made.commitment[4..]].concat();
        changed.sign(&seeds, &[1, 2, 4]);
        tally.refused_as(judge(&changed.encode()), |refusal| {
            matches!(refusal, Refusal::Commitment(_) | Refusal::Malformed(_))
        });
    }
    let mut proof = made.proof();
    proof[0] = 2;
    tally.refused_as(judge(&made.encode_with(&proof, Signers::Set(&made.validators))), |refusal| {
        matches!(refusal, Refusal::Malformed(ScaleFault::Tag { .. }))
    });
    // Another header or another state beside the leaf.
    let mut other = made.clone();
    other.block = block(&B256::repeat_byte(4), 10, &[], &[]);
    tally.refused_as(judge(&other.encode()), |refusal| matches!(refusal, Refusal::OtherHeader { .. }));
    assert_eq!(judge(&made.encode()), Ok(original));
    println!("beefy: {} mutants refused, {} equal, 0 survivors", tally.refused, tally.equal);
}
