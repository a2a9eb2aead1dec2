//! Reads of outboxes and bitmaps under a state root.

use std::{vec, vec::Vec};

use alloy_primitives::{Address, B256, U256, address};
use causeway_mpt::{EMPTY_ROOT, ProofError};

use super::state::State;
use crate::proof::{
    SIZE_SLOT, StateProofFault, delivered_slot, delivered_words, encode_state_proof, outbox_peaks, outbox_size,
    peak_slot, storage_words,
};

const OUTBOX: Address = address!("00000000000000000000000000000000000a0b0c");
const VAULT: Address = address!("00000000000000000000000000000000000d0e0f");

fn peak(height: u8) -> B256 {
    B256::repeat_byte(height + 1)
}

/// An outbox of 0b1101 entries beside a vault and others.
fn world() -> State {
    let mut state = State::crowded();
    state.set(OUTBOX, SIZE_SLOT, B256::with_last_byte(0b1101));
    for height in [0, 1, 2, 3] {
        state.set(OUTBOX, peak_slot(height), peak(height));
    }
    state.set(VAULT, delivered_slot(&B256::repeat_byte(1), 0), B256::with_last_byte(0b111));
    state.set(VAULT, delivered_slot(&B256::repeat_byte(1), 2), B256::repeat_byte(0xff));
    state
}

fn peaks_proof(state: &State, account: Address, heights: &[u8]) -> Vec<u8> {
    let slots: Vec<_> = heights.iter().map(|height| (*height, state.slot_nodes(account, peak_slot(*height)))).collect();
    encode_state_proof(&state.account_nodes(account), &slots).unwrap()
}

fn slots_proof(state: &State, account: Address, slots: &[B256]) -> Vec<u8> {
    let slots: Vec<_> =
        slots.iter().enumerate().map(|(at, slot)| (at as u8, state.slot_nodes(account, *slot))).collect();
    encode_state_proof(&state.account_nodes(account), &slots).unwrap()
}

#[test]
fn peaks_sizes_and_bitmaps_are_read() {
    let state = world();
    let root = state.root();
    let found = outbox_peaks(&root, OUTBOX, &peaks_proof(&state, OUTBOX, &[3, 2, 0])).unwrap();
    assert_eq!(found, [(3, peak(3)), (2, peak(2)), (0, peak(0))]);
    assert_eq!(outbox_size(&root, OUTBOX, &slots_proof(&state, OUTBOX, &[SIZE_SLOT])), Ok(0b1101));
    let lane = B256::repeat_byte(1);
    let slots = [0, 1, 2].map(|word| delivered_slot(&lane, word));
    let words = delivered_words(&root, VAULT, &lane, &[0, 1, 2], &slots_proof(&state, VAULT, &slots)).unwrap();
    assert_eq!(words, [U256::from(0b111), U256::ZERO, U256::from_be_bytes([0xff; 32])]);
    // An outbox that exists and holds nothing.
    let empty = Address::repeat_byte(0x77);
    let mut state = state;
    state.set(empty, SIZE_SLOT, B256::ZERO);
    let root = state.root();
    assert_eq!(outbox_size(&root, empty, &slots_proof(&state, empty, &[SIZE_SLOT])), Ok(0));
}

#[test]
fn atk_004_no_root_and_no_peak_prove_nothing() {
    let state = world();
    let proof = peaks_proof(&state, OUTBOX, &[3]);
    for root in [B256::ZERO, EMPTY_ROOT] {
        assert_eq!(outbox_peaks(&root, OUTBOX, &proof), Err(StateProofFault::RootUnknown(root)));
    }
    // A height that was never written: its slot is zero.
    let proof = peaks_proof(&state, OUTBOX, &[9]);
    assert_eq!(outbox_peaks(&state.root(), OUTBOX, &proof), Err(StateProofFault::NoPeak(9)));
    let nobody = Address::repeat_byte(0x99);
    let proof = peaks_proof(&state, nobody, &[3]);
    assert_eq!(outbox_peaks(&state.root(), nobody, &proof), Err(StateProofFault::NoAccount(nobody)));
}

/// The prover chose account or slot; absence was taken as evidence.
#[test]
fn atk_036_account_and_slot_come_from_the_question() {
    let state = world();
    let root = state.root();
    let lane = B256::repeat_byte(1);
    let (asked, other) = (delivered_slot(&lane, 0), delivered_slot(&lane, 1));
    let read = |account, slot, proof: &[u8]| storage_words(&root, account, &[slot], proof);
    let honest = slots_proof(&state, VAULT, &[asked]);
    assert_eq!(read(VAULT, asked, &honest).unwrap(), [B256::with_last_byte(0b111)]);
    // The bit is set; an absent slot, another vault, another lane's slot must not show it unset.
    assert!(matches!(read(VAULT, asked, &slots_proof(&state, VAULT, &[other])), Err(StateProofFault::Slot { .. })));
    assert!(matches!(read(VAULT, asked, &slots_proof(&state, OUTBOX, &[asked])), Err(StateProofFault::Account { .. })));
    let nobody = Address::repeat_byte(0x99);
    assert!(read(VAULT, asked, &slots_proof(&state, nobody, &[asked])).is_err());
    assert_eq!(read(nobody, asked, &slots_proof(&state, nobody, &[asked])), Err(StateProofFault::NoAccount(nobody)));
    // An account that exists is needed for a slot to be absent.
    let mut foreign = encode_state_proof(&state.account_nodes(VAULT), &[(0, state.slot_nodes(OUTBOX, asked))]).unwrap();
    assert!(matches!(
        read(VAULT, asked, &foreign),
        Err(StateProofFault::Slot { fault: ProofError::WrongNode { .. }, .. })
    ));
    foreign = encode_state_proof::<Vec<u8>, Vec<Vec<u8>>>(&state.account_nodes(VAULT), &[(0, vec![])]).unwrap();
    assert!(matches!(
        read(VAULT, asked, &foreign),
        Err(StateProofFault::Slot { fault: ProofError::Incomplete { .. }, .. })
    ));
}

/// Each otherwise valid: another height's peak, another outbox, more or fewer than asked for.
#[test]
fn atk_116_a_peak_of_another_height_or_outbox_is_refused() {
    let mut state = world();
    let twin = Address::repeat_byte(0x55);
    for height in 0..4 {
        state.set(twin, peak_slot(height), B256::repeat_byte(0xaa));
    }
    let root = state.root();
    for claimed in 0..4u8 {
        for shown in 0..4u8 {
            let nodes = state.slot_nodes(OUTBOX, peak_slot(shown));
            let proof = encode_state_proof(&state.account_nodes(OUTBOX), &[(claimed, nodes)]).unwrap();
            let verdict = outbox_peaks(&root, OUTBOX, &proof);
            if claimed == shown {
                assert_eq!(verdict.unwrap(), [(claimed, peak(claimed))]);
            } else {
                assert!(verdict.is_err());
            }
        }
    }
    assert!(outbox_peaks(&root, OUTBOX, &peaks_proof(&state, twin, &[2])).is_err());
    assert!(outbox_peaks(&root, twin, &peaks_proof(&state, twin, &[2])).is_ok());
    let slots = [(64u8, state.slot_nodes(OUTBOX, peak_slot(3)))];
    let high = encode_state_proof(&state.account_nodes(OUTBOX), &slots).unwrap();
    assert_eq!(outbox_peaks(&root, OUTBOX, &high), Err(StateProofFault::PeakHeight(64)));
}

#[test]
fn a_proof_is_read_to_its_last_byte() {
    let state = world();
    let root = state.root();
    let good = peaks_proof(&state, OUTBOX, &[3, 1]);
    assert!(outbox_peaks(&root, OUTBOX, &good).is_ok());
    for length in 0..good.len() {
        assert!(outbox_peaks(&root, OUTBOX, &good[..length]).is_err());
    }
    let mut longer = good.clone();
    longer.push(0);
    assert_eq!(outbox_peaks(&root, OUTBOX, &longer), Err(StateProofFault::Malformed(good.len())));
    for byte in 0..good.len() {
        for bit in 0..8 {
            let mut flipped = good.clone();
            flipped[byte] ^= 1 << bit;
            assert!(outbox_peaks(&root, OUTBOX, &flipped).is_err(), "byte {byte}, bit {bit}");
        }
    }
    let none = encode_state_proof::<_, Vec<Vec<u8>>>(&state.account_nodes(OUTBOX), &[]).unwrap();
    assert!(matches!(outbox_peaks(&root, OUTBOX, &none), Err(StateProofFault::TooLarge { what: "peaks", .. })));
}

#[test]
fn a_size_of_more_than_64_bits_is_none() {
    let mut state = world();
    state.set(OUTBOX, SIZE_SLOT, B256::repeat_byte(1));
    let proof = slots_proof(&state, OUTBOX, &[SIZE_SLOT]);
    assert!(matches!(outbox_size(&state.root(), OUTBOX, &proof), Err(StateProofFault::Value(_))));
}
