//! Honest BEEFY updates.

use std::vec::Vec;

use alloy_primitives::{Address, B256, keccak256};

use super::kit::*;
use crate::{
    Finality, Signers, TrustedState,
    beefy::{member_root, root_by_path, set_root},
    compose,
    proof::BEEFY_MMR_LEAF,
};

#[test]
fn a_commitment_of_the_current_and_of_the_next_set_is_accepted() {
    let same = Beefy::new(7, &[1, 2, 3, 4], &[1, 2, 4], &[3, 4, 5, 6]);
    let state = judge(&params(), &beefy_trusted(), &same.encode(), 11).unwrap().trusted;
    assert_eq!((state.height(), state.block_hash(), state.state_root()), (10, same.block.hash, same.block.root));
    assert_eq!(state.finality(), beefy_trusted().finality());
    assert_eq!(TrustedState::decode(&state.encode()).as_ref(), Ok(&state));
    let next = Beefy::new(8, &[3, 4, 5, 6], &[3, 5, 6], &[9]);
    let verified = judge(&params(), &beefy_trusted(), &next.encode(), 11).unwrap();
    let finality = Finality::Beefy { current: beefy_set(8, &[3, 4, 5, 6]), next: beefy_set(9, &[9]) };
    assert_eq!(verified.trusted.finality(), &finality);
}

/// All paths of trees of one to twenty leaves lead to the root, and to no other place.
#[test]
fn paths_lead_to_the_root_from_their_place_only() {
    for count in 1..=20u64 {
        let leaves: Vec<B256> = (0..count).map(|number| keccak256(number.to_be_bytes())).collect();
        let members: Vec<[u8; 20]> = (0..count).map(|number| [number as u8; 20]).collect();
        for index in 0..count {
            let leaf = &leaves[index as usize];
            let (root, path) = compose::mountains(&leaves, index as usize);
            assert_eq!(root_by_path(leaf, index, count, &path), Ok(root));
            for other in (0..count).filter(|other| *other != index) {
                assert_ne!(root_by_path(leaf, other, count, &path), Ok(root));
            }
            let path = member_path(&members, index as usize);
            let address = Address::from(members[index as usize]);
            assert_eq!(member_root(&address, index as u32, count as u32, &path), Ok(set_root(&members)));
            for other in (0..count).filter(|other| *other != index) {
                assert_ne!(member_root(&address, other as u32, count as u32, &path), Ok(set_root(&members)));
            }
        }
    }
}

pub(super) fn member_path(members: &[[u8; 20]], mut place: usize) -> Vec<B256> {
    let mut level: Vec<B256> = members.iter().map(keccak256).collect();
    let mut path = Vec::new();
    while level.len() > 1 {
        path.extend(level.get(place ^ 1));
        let up = |pair: &[B256]| if pair.len() == 1 { pair[0] } else { keccak256(pair.concat()) };
        level = level.chunks(2).map(up).collect();
        place /= 2;
    }
    path
}

#[test]
fn signers_are_shown_by_path_as_well() {
    let seeds = [1, 2, 3, 4];
    let made = Beefy::new(7, &seeds, &[1, 2, 4], &[5]);
    let members = addresses(&seeds);
    let proven: Vec<_> = made
        .signatures
        .keys()
        .map(|place| (Address::from(members[*place as usize]), member_path(&members, *place as usize)))
        .collect();
    let bytes = made.encode_with(&made.proof(), Signers::Proven(proven));
    judge(&params(), &beefy_trusted(), &bytes, 11).unwrap();
}

#[test]
fn a_client_begins_at_a_pin() {
    let item = |set: crate::BeefySet| [&set.id.to_le_bytes()[..], &set.len.to_le_bytes(), &set.root[..]].concat();
    // twox128 of the items' names.
    let keys = ["c52aa943bf0908860a3eea0fad707cdc", "0c98535b82c72faf3c64974094af4643"];
    let keys = keys.map(|key| [BEEFY_MMR_LEAF.to_vec(), alloy_primitives::hex::decode(key).unwrap()].concat());
    let (current, next) = (beefy_set(7, &[1, 2, 3, 4]), beefy_set(8, &[3, 4, 5, 6]));
    let extra = [(keys[0].as_slice(), item(current)), (keys[1].as_slice(), item(next))];
    let pin = block(&B256::ZERO, 9, &[], &extra);
    let proof = (&BEEFY_MMR_LEAF, &pin.state()[..]);
    let state = TrustedState::begin_beefy(&params(), &pin.hash, &pin.header, proof, time_ms(9) / 1000).unwrap();
    assert_eq!(state.finality(), &Finality::Beefy { current, next });
    judge(&params(), &state, &Beefy::new(7, &[1, 2, 3, 4], &[1, 2, 3], &[5]).encode(), 11).unwrap();
}
