//! Validator-contract mode: headers list nobody, the contract's storage does.

use std::vec::Vec;

use alloy_primitives::{Address, B256, U256, address, keccak256};
use k256::ecdsa::SigningKey;

use super::{
    kit::{Chain, HEIGHT, Parts, START, addresses, key, keys, sign, verify_both},
    state::State,
};
use crate::{
    HeaderFault, Mode, Refusal, SealedHeader, TrustedState, UpdateFault, ValidatorSource, compose::HeaderFields,
    encode_next_set, proof::StateProofFault, update_from_header,
};

const CONTRACT: Address = address!("0000000000000000000000000000000000007777");
const SLOT: B256 = B256::ZERO;

/// A state whose validator contract holds these.
fn holding(validators: &[Address]) -> State {
    let mut state = State::crowded();
    state.set(CONTRACT, SLOT, B256::from(U256::from(validators.len())));
    for (position, validator) in validators.iter().enumerate() {
        state.set(CONTRACT, element(position), validator.into_word());
    }
    state
}

fn element(position: usize) -> B256 {
    B256::from(U256::from_be_bytes(keccak256(SLOT).0) + U256::from(position))
}

fn set_proof(state: &State, count: usize) -> Vec<u8> {
    let slots: Vec<_> = core::iter::once(SLOT).chain((0..count).map(element)).collect();
    let nodes: Vec<_> = slots.iter().map(|slot| state.slot_nodes(CONTRACT, *slot)).collect();
    encode_next_set(&state.account_nodes(CONTRACT), &nodes).unwrap()
}

fn chain(mode: Mode) -> Chain {
    let mut chain = Chain::new(mode, 4);
    chain.params.validators = ValidatorSource::Contract { address: CONTRACT, slot: SLOT };
    chain
}

/// The header `ahead` blocks on, which lists nobody.
fn header(chain: &Chain, ahead: u64, state: &State) -> HeaderFields {
    let mut header = chain.header(ahead);
    header.validators.clear();
    header.state_root = state.root();
    header
}

fn signed(chain: &Chain, header: &HeaderFields, keys: &[SigningKey]) -> Parts {
    chain.signed(header, keys).with_previous(&chain.keys)
}

#[test]
fn the_set_in_force_signs_and_the_contract_names_the_next() {
    for mode in [Mode::Qbft, Mode::Ibft2] {
        let chain = chain(mode);
        let new = keys([1, 2, 3, 4, 5]);
        let state = holding(&addresses(&new));
        let header = header(&chain, 1, &state);
        // Without a proof the set stays.
        let mut parts = signed(&chain, &header, &chain.keys);
        assert_eq!(chain.verify(&parts).unwrap().trusted.validators(), chain.trusted.validators());
        parts.next_set = Some(set_proof(&state, 5));
        let moved = chain.verify(&parts).unwrap().trusted;
        assert_eq!(moved.validators().as_slice(), addresses(&new));
        // The new set signs the next block.
        let mut next = chain.header(2);
        next.validators.clear();
        let seals: Vec<_> = new.iter().map(|key| sign(key, next.commit_digest(mode))).collect();
        let bytes = next.sealed(mode, &seals);
        let sealed = SealedHeader::read(mode, &bytes).unwrap();
        let update = update_from_header(&chain.params, &moved, &sealed, None).unwrap();
        assert!(verify_both(&chain.params, &moved, &update, START + 60).is_ok());
        // The set before does not.
        assert!(verify_both(&chain.params, &chain.trusted, &update, START + 60).is_err());
    }
}

#[test]
fn what_no_quorum_of_the_set_in_force_signed_is_refused() {
    let chain = chain(Mode::Qbft);
    let state = holding(&addresses(&chain.keys));
    let good_header = header(&chain, 1, &state);
    let good = signed(&chain, &good_header, &chain.keys);
    assert!(chain.verify(&good).is_ok());
    let strangers = signed(&chain, &good_header, &keys(30..34));
    assert!(matches!(chain.verify(&strangers), Err(Refusal::BadSeal { .. })));
    let short = chain.signed_by(&good_header, &chain.keys, 0..2).with_previous(&chain.keys);
    assert!(matches!(chain.verify(&short), Err(Refusal::NotEnoughTrust { needed: 3, found: 2, of: 4, .. })));
    // A list of its own, no list brought along, another list brought along.
    let listed = chain.signed(&chain.header(1), &chain.keys).with_previous(&chain.keys);
    assert_eq!(chain.verify(&listed), Err(HeaderFault::ListedValidators(4).into()));
    let bare = chain.signed(&good_header, &chain.keys[..0]);
    assert_eq!(chain.verify(&bare), Err(Refusal::EmptySet));
    let other = chain.signed(&good_header, &keys(30..34)).with_previous(&keys(30..34));
    assert!(matches!(chain.verify(&other), Err(Refusal::NotTheSetInForce { .. })));
}

#[test]
fn a_next_set_must_stand_in_this_contract_under_this_header() {
    let chain = chain(Mode::Qbft);
    let new = addresses(&keys([1, 2, 3, 9]));
    let state = holding(&new);
    let verdict = |proof: Vec<u8>, state: &State| {
        let mut parts = signed(&chain, &header(&chain, 1, state), &chain.keys);
        parts.next_set = Some(proof);
        chain.verify(&parts).map(|_| ())
    };
    assert_eq!(verdict(set_proof(&state, 4), &state), Ok(()));
    // Under another root; a set cut short or with more elements than its length.
    assert!(matches!(verdict(set_proof(&state, 4), &holding(&new[..3])), Err(Refusal::NextSet(_))));
    for count in [0, 3, 5] {
        assert!(matches!(verdict(set_proof(&state, count), &state), Err(Refusal::NextSet(_))), "{count}");
    }
    // Nobody, somebody twice, no address.
    let empty = holding(&[]);
    assert_eq!(verdict(set_proof(&empty, 0), &empty), Err(Refusal::NextSet(StateProofFault::NoSet(0))));
    let twice = holding(&[new[0], new[1], new[0]]);
    assert_eq!(verdict(set_proof(&twice, 3), &twice), Err(Refusal::NextSet(StateProofFault::NoSet(3))));
    let mut odd = state.clone();
    odd.set(CONTRACT, element(2), B256::repeat_byte(1));
    let fault = StateProofFault::NoAddress(B256::repeat_byte(1));
    assert_eq!(verdict(set_proof(&odd, 4), &odd), Err(Refusal::NextSet(fault)));
    // Beside an older header, and in a mode that has no contract.
    let mut old = header(&chain, 1, &state);
    (old.height, old.time) = (HEIGHT - 1, START - 1);
    let mut parts = signed(&chain, &old, &chain.keys);
    assert!(chain.verify(&parts).is_ok());
    parts.next_set = Some(set_proof(&state, 4));
    assert_eq!(chain.verify(&parts), Err(UpdateFault::NextSetOfOlder.into()));
    let plain = Chain::new(Mode::Qbft, 4);
    let mut parts = plain.update(1);
    parts.next_set = Some(set_proof(&state, 4));
    assert_eq!(plain.verify(&parts), Err(UpdateFault::Flags(2).into()));
}

#[test]
fn atk_068_a_client_starts_with_the_proven_set() {
    let chain = chain(Mode::Ibft2);
    let set = addresses(&[key(1), key(2)]);
    let state = holding(&set);
    let header = header(&chain, 1, &state);
    let bytes = header.sealed(Mode::Ibft2, &[]);
    let pinned = header.block_hash(Mode::Ibft2);
    let begin = |proof: Option<&[u8]>| TrustedState::begin(&chain.params, &pinned, &bytes, proof, START + 9);
    assert_eq!(begin(Some(&set_proof(&state, 2))).unwrap().validators().as_slice(), set);
    assert_eq!(begin(None), Err(Refusal::EmptySet));
    assert!(matches!(begin(Some(&set_proof(&holding(&set[..1]), 1))), Err(Refusal::NextSet(_))));
}
