//! Encodings and roots beside `ethereum_ssz` and `tree_hash`, which Lighthouse uses.

use std::vec::Vec;

use alloy_primitives::{B256, U256, keccak256};
use ssz::{Decode, Encode};
use ssz_derive::{Decode, Encode};
use ssz_types::{
    BitVector, FixedVector, VariableList,
    typenum::{U4, U6, U7, U20, U32, U48, U96, U256 as N256},
};
use tree_hash::TreeHash;
use tree_hash_derive::TreeHash;

use super::kit::*;
use crate::{ExecutionHeader, Fork, Kind, Update, compose::bootstrap, update::Bootstrap};

#[derive(Clone, Debug, PartialEq, Encode, Decode, TreeHash)]
struct Beacon {
    slot: u64,
    proposer_index: u64,
    parent_root: B256,
    state_root: B256,
    body_root: B256,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode, TreeHash)]
struct Payload {
    parent_hash: B256,
    fee_recipient: FixedVector<u8, U20>,
    state_root: B256,
    receipts_root: B256,
    logs_bloom: FixedVector<u8, N256>,
    prev_randao: B256,
    block_number: u64,
    gas_limit: u64,
    gas_used: u64,
    timestamp: u64,
    extra_data: VariableList<u8, U32>,
    base_fee_per_gas: U256,
    block_hash: B256,
    transactions_root: B256,
    withdrawals_root: B256,
    blob_gas_used: u64,
    excess_blob_gas: u64,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode, TreeHash)]
struct Header {
    beacon: Beacon,
    execution: Payload,
    execution_branch: FixedVector<B256, U4>,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode, TreeHash)]
struct Committee {
    pubkeys: FixedVector<FixedVector<u8, U48>, U32>,
    aggregate_pubkey: FixedVector<u8, U48>,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode, TreeHash)]
struct Aggregate {
    sync_committee_bits: BitVector<U32>,
    sync_committee_signature: FixedVector<u8, U96>,
}

/// `LightClientUpdate` of Electra, minimal preset.
#[derive(Clone, Debug, PartialEq, Encode, Decode, TreeHash)]
struct Full {
    attested_header: Header,
    next_sync_committee: Committee,
    next_sync_committee_branch: FixedVector<B256, U6>,
    finalized_header: Header,
    finality_branch: FixedVector<B256, U7>,
    sync_aggregate: Aggregate,
    signature_slot: u64,
}

#[derive(Clone, Debug, PartialEq, Encode, Decode, TreeHash)]
struct Start {
    header: Header,
    current_sync_committee: Committee,
    current_sync_committee_branch: FixedVector<B256, U6>,
}

fn full() -> (crate::Network, Update, Vec<u8>) {
    let network = network(Fork::Electra);
    let (here, next) = (members(32, 1), members(32, 2));
    let plan = plan(&network, 40, 24, Some(next.committee()));
    let update = plan.signed::<causeway_crypto::bls::Native>(&network, &here, |seat| seat != 3).unwrap();
    let bytes = update.encode(&network, Kind::Full);
    (network, update, bytes)
}

#[test]
fn updates_are_written_and_hashed_alike() {
    let (network, update, bytes) = full();
    let peer = Full::from_ssz_bytes(&bytes).unwrap();
    assert_eq!(peer.as_ssz_bytes(), bytes);
    assert_eq!(Update::decode(&network, Kind::Full, Fork::Electra, &bytes).as_ref(), Ok(&update));
    assert_eq!(peer.attested_header.beacon.tree_hash_root(), update.attested.beacon.root());
    assert_eq!(peer.attested_header.execution.tree_hash_root(), update.attested.execution.root(Fork::Electra));
    let next = update.next.as_ref().unwrap();
    assert_eq!(peer.next_sync_committee.tree_hash_root(), next.committee.root());
    assert_eq!(peer.sync_aggregate.sync_committee_bits.num_set_bits(), update.aggregate.bits.count());
    for seat in 0..32 {
        assert_eq!(peer.sync_aggregate.sync_committee_bits.get(seat), Ok(update.aggregate.bits.get(seat)));
    }
    let start = bootstrap(&network, 8, members(32, 1).committee());
    let bytes = start.encode(&network);
    let peer = Start::from_ssz_bytes(&bytes).unwrap();
    assert_eq!(peer.as_ssz_bytes(), bytes);
    assert_eq!(Bootstrap::decode(&network, Fork::Electra, &bytes), Ok(start));
}

/// Payload headers of every length of extra data and with fields made up from a number.
#[test]
fn payload_headers_are_hashed_alike() {
    for number in 0..200u64 {
        let word = |field: u64| keccak256([number.to_be_bytes(), field.to_be_bytes()].concat());
        let mut header = ExecutionHeader {
            parent_hash: word(1),
            state_root: word(2),
            receipts_root: word(3),
            prev_randao: word(4),
            block_number: number,
            gas_limit: u64::from_be_bytes(word(5)[..8].try_into().unwrap()),
            gas_used: number * 7,
            timestamp: u64::MAX - number,
            extra_data: word(6)[..(number % 33) as usize].to_vec(),
            base_fee_per_gas: U256::from_be_bytes(word(7).0),
            block_hash: word(8),
            transactions_root: word(9),
            withdrawals_root: word(10),
            blob_gas_used: number * 131_072,
            excess_blob_gas: u64::from_be_bytes(word(11)[..8].try_into().unwrap()),
            ..ExecutionHeader::default()
        };
        header.logs_bloom.0[..32].copy_from_slice(word(12).as_slice());
        let mut bytes = Vec::new();
        header.encode_to(Fork::Deneb, &mut bytes);
        let peer = Payload::from_ssz_bytes(&bytes).unwrap();
        assert_eq!(peer.as_ssz_bytes(), bytes);
        assert_eq!(peer.tree_hash_root(), header.root(Fork::Deneb));
        assert_eq!(ExecutionHeader::decode(Fork::Deneb, &bytes), Ok(header));
    }
}

/// On changed bytes: what is taken here, the peer takes too, and writes the same bytes.
#[test]
fn nothing_is_taken_that_the_peer_refuses() {
    let (network, _, bytes) = full();
    let (mut taken, mut refused) = (0, 0);
    for number in 0..20_000u64 {
        let random = keccak256(number.to_be_bytes());
        let pick = |at: usize| u16::from_be_bytes([random[at], random[at + 1]]) as usize;
        let mut changed = bytes.clone();
        match random[0] % 4 {
            0 => {
                let at = pick(2) % changed.len();
                changed[at] = random[4];
            }
            // The offsets: of the two headers in the fixed part, of the payloads in each of them.
            1 => {
                let first = 4 + 33 * 48 + 6 * 32;
                let places = [0, first, bytes.len() / 2, 1 + pick(4) % 4, first + pick(4) % 4];
                let at = places[pick(2) % places.len()];
                changed[at] = changed[at].wrapping_add(random[6] % 9);
            }
            2 => changed.truncate(pick(2) % bytes.len()),
            _ => changed.extend_from_slice(&random[..pick(2) % 32]),
        }
        match Update::decode(&network, Kind::Full, Fork::Electra, &changed) {
            Ok(update) => {
                let peer = Full::from_ssz_bytes(&changed).expect("the peer refuses what is taken here");
                assert_eq!(peer.as_ssz_bytes(), update.encode(&network, Kind::Full));
                assert_eq!(changed, update.encode(&network, Kind::Full));
                taken += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(taken > 1_000 && refused > 1_000, "{taken} taken, {refused} refused");
}
