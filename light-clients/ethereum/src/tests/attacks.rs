//! Attacks that happened, as tests (their numbers are those of the project's list).

use std::vec;

use alloy_primitives::B256;
use causeway_crypto::bls::{BlsFault, INFINITY_SIGNATURE, Native};

use super::kit::*;
use crate::{
    Bits, Fork, HeaderFault, Kind, LightClientHeader, NextKnown, Preset, Refusal, SszFault, TrustedState, UpdateFault,
    Which,
    compose::{Plan, bootstrap, set_payload},
    update::{MAX_UPDATE_BYTES, seal},
    verify_with,
};

/// 341 of 512 are too few, 342 enough; 21 and 22 of 32 likewise.
#[test]
fn atk_053_two_thirds() {
    for (seats, quorum) in [(512, 342), (32, 22)] {
        let mut network = network(Fork::Fulu);
        network.preset = Preset { committee_size: seats, ..Preset::MINIMAL };
        let params = params(network);
        let committee = members(seats, 1);
        let trusted = client(&params, 8, committee.committee());
        let by = |count: usize| {
            let plan = plan(&network, 40, 24, None);
            plan.signed::<Native>(&network, &committee, |seat| seat < count).unwrap()
        };
        assert_eq!(judge(&params, &trusted, &by(quorum)).unwrap().trusted.slot(), 24);
        assert_eq!(judge(&params, &trusted, &by(seats)).unwrap().trusted.slot(), 24);
        let expected = Refusal::NotEnoughTrust { needed: quorum, found: quorum - 1, of: seats };
        assert_eq!(refused(&params, &trusted, &by(quorum - 1)), expected);
    }
}

/// The branch must lead to the attested header's state, in the depth of its fork, from the very finalized header.
#[test]
fn atk_053_finality_branch() {
    let committee = members(32, 1);
    for fork in Fork::ALL {
        let params = params(network(fork));
        let network = &params.network;
        let trusted = client(&params, 8, committee.committee());
        let good = update(network, &committee, 40, 24);
        let resigned = |update: &mut crate::Update| {
            let root = network.signing_root(&update.attested.beacon.root(), update.signature_slot);
            update.aggregate = committee.sign::<Native>(&root, |_| true).unwrap();
        };
        // Another finalized header than the state names.
        let mut other = good.clone();
        other.finality.as_mut().unwrap().header = final_header(network, 25);
        let refusal = refused(&params, &trusted, &other);
        assert!(matches!(refusal, Refusal::Branch { what: Which::Finalized, .. }), "{fork}: {refusal}");
        // The branch of another header's state: state roots swapped.
        let mut swapped = good.clone();
        swapped.attested.beacon.state_root = good.finality.as_ref().unwrap().header.beacon.state_root;
        resigned(&mut swapped);
        let refusal = refused(&params, &trusted, &swapped);
        assert!(matches!(refusal, Refusal::Branch { what: Which::Finalized, .. }), "{fork}: {refusal}");
        // A zero header: nothing is final there.
        let mut zero = good.clone();
        zero.finality.as_mut().unwrap().header = LightClientHeader::default();
        assert_eq!(refused(&params, &trusted, &zero), Refusal::NotFinal);
        let genesis =
            Plan { attested: 40, finalized: Some(LightClientHeader::default()), next: None, signature_slot: 41 };
        let genesis = genesis.signed::<Native>(network, &committee, |_| true).unwrap();
        assert_eq!(refused(&params, &trusted, &genesis), Refusal::NotFinal);
        let mut none = good.clone();
        none.finality = None;
        let optimistic = UpdateFault::Kind(Kind::Optimistic as u8);
        assert_eq!(refused(&params, &trusted, &none), Refusal::Update(optimistic));
        // One step less, one step more: no such encoding.
        for longer in [false, true] {
            let mut wrong = good.clone();
            let branch = &mut wrong.finality.as_mut().unwrap().branch;
            if longer {
                branch.push(B256::ZERO);
            } else {
                branch.pop();
            }
            let refusal = refused(&params, &trusted, &wrong);
            assert!(matches!(refusal, Refusal::Update(UpdateFault::Ssz(_))), "{fork}: {refusal}");
        }
        // The shape of another fork.
        for other in Fork::ALL.into_iter().filter(|other| *other != fork) {
            let bytes = seal(Kind::Finality, other, &good.encode(network, Kind::Finality));
            let refusal = verify_with::<Native>(&params, &trusted, &bytes, network.time_of(41)).unwrap_err();
            let typed = matches!(refusal, Refusal::Update(UpdateFault::Ssz(_)) | Refusal::WrongFork { .. });
            assert!(typed, "{fork} as {other}: {refusal}");
        }
    }
}

/// A next committee that the state does not name, or another one than is known already.
#[test]
fn atk_053_next_committee() {
    let params = params(network(Fork::Electra));
    let network = &params.network;
    let (here, next, stranger) = (members(32, 1), members(32, 2), members(32, 3));
    let trusted = client(&params, 8, here.committee());
    let mut forged = plan(network, 40, 24, Some(next.committee())).signed::<Native>(network, &here, |_| true).unwrap();
    let good = forged.clone();
    forged.next.as_mut().unwrap().committee = stranger.committee().clone();
    let refusal = refused(&params, &trusted, &forged);
    assert!(matches!(refusal, Refusal::Branch { what: Which::NextCommittee, .. }), "{refusal}");
    let taught = judge(&params, &trusted, &good).unwrap().trusted;
    let other = plan(network, 48, 32, Some(stranger.committee())).signed::<Native>(network, &here, |_| true).unwrap();
    let expected = Refusal::OtherCommittee { expected: next.committee().root(), found: stranger.committee().root() };
    assert_eq!(refused(&params, &taught, &other), expected);
    // Signed by those that nobody named.
    let by_stranger = update(network, &stranger, 40, 24);
    assert!(matches!(refused(&params, &trusted, &by_stranger), Refusal::BadSignature { .. }));
    // Of a period whose committee is unknown.
    let far = update(network, &next, PERIOD + 40, PERIOD + 24);
    let unknown = Refusal::UnknownCommittee { from: 0, and: NextKnown(false), found: 1 };
    assert_eq!(refused(&params, &trusted, &far), unknown);
    assert!(unknown.intermediate_helps());
    let farther = update(network, &next, 2 * PERIOD + 40, 2 * PERIOD + 24);
    let unknown = Refusal::UnknownCommittee { from: 0, and: NextKnown(true), found: 2 };
    assert_eq!(refused(&params, &taught, &farther), unknown);
}

/// A committee whose aggregate is not its sum, or one of whose keys is none, is not learnt even where a state names it.
#[test]
fn atk_069_keys_of_a_committee() {
    let params = params(network(Fork::Fulu));
    let network = &params.network;
    let (here, next) = (members(32, 1), members(32, 2));
    let trusted = client(&params, 8, here.committee());
    let mut infinity = [0; 48];
    infinity[0] = 0xc0;
    let learn = |change: &dyn Fn(&mut crate::SyncCommittee)| {
        let mut committee = next.committee().clone();
        change(&mut committee);
        let plan = plan(network, 40, 24, Some(&committee));
        refused(&params, &trusted, &plan.signed::<Native>(network, &here, |_| true).unwrap())
    };
    let key = |fault| Refusal::Key { seat: 5, fault };
    assert_eq!(learn(&|committee| committee.pubkeys[5] = infinity), key(BlsFault::InfinityKey));
    assert_eq!(learn(&|committee| committee.pubkeys[5] = [0xff; 48]), key(BlsFault::KeyEncoding));
    // x = 4 is on the curve and outside the subgroup.
    let mut outside = [0; 48];
    (outside[0], outside[47]) = (0x80, 4);
    assert_eq!(learn(&|committee| committee.pubkeys[5] = outside), key(BlsFault::KeySubgroup));
    let other = |committee: &mut crate::SyncCommittee| committee.pubkeys[5] = committee.pubkeys[6];
    assert_eq!(learn(&other), Refusal::Sum(BlsFault::WrongSignature));
    // The bootstrap's committee is held to the same.
    let mut committee = here.committee().clone();
    committee.pubkeys[5] = infinity;
    let start = bootstrap(network, 8, &committee);
    let begun =
        TrustedState::begin::<Native>(&params, &start.header.beacon.root(), &wire(network, &start), network.time_of(8));
    assert_eq!(begun, Err(key(BlsFault::InfinityKey)));
}

/// Infinity as signature, garbage as signature, nobody signing.
#[test]
fn atk_069_signatures_at_the_edge() {
    let params = params(network(Fork::Fulu));
    let committee = members(32, 1);
    let trusted = client(&params, 8, committee.committee());
    let good = update(&params.network, &committee, 40, 24);
    let (block, signature_slot) = (good.attested.beacon.root(), 41);
    for (signature, fault) in [
        (INFINITY_SIGNATURE, BlsFault::WrongSignature),
        ([0; 96], BlsFault::SignatureEncoding),
        ([0xff; 96], BlsFault::SignatureEncoding),
    ] {
        let mut changed = good.clone();
        changed.aggregate.signature = signature;
        assert_eq!(refused(&params, &trusted, &changed), Refusal::BadSignature { block, signature_slot, fault });
    }
}

/// Nobody signed.
#[test]
fn atk_045_nobody_signed() {
    let params = params(network(Fork::Fulu));
    let committee = members(32, 1);
    let trusted = client(&params, 8, committee.committee());
    let none = plan(&params.network, 40, 24, None).signed::<Native>(&params.network, &committee, |_| false).unwrap();
    assert_eq!(none.aggregate.signature, INFINITY_SIGNATURE);
    assert_eq!(refused(&params, &trusted, &none), Refusal::NotEnoughTrust { needed: 22, found: 0, of: 32 });
    // All bits, no signature.
    let mut all = none;
    all.aggregate.bits = Bits::new(vec![0xff; 4]);
    assert!(matches!(refused(&params, &trusted, &all), Refusal::BadSignature { .. }));
}

/// Another chain's genesis, another fork's version, another slot: no signature carries over.
#[test]
fn atk_044_another_chain() {
    let ours = params(network(Fork::Fulu));
    let committee = members(32, 1);
    let trusted = client(&ours, 8, committee.committee());
    let mut theirs = ours.network;
    theirs.genesis_validators_root = B256::repeat_byte(8);
    let mut versions = ours.network;
    versions.forks[5].version = [9, 9, 9, 9];
    for network in [theirs, versions] {
        let foreign = update(&network, &committee, 40, 24);
        let fault = BlsFault::WrongSignature;
        let expected = Refusal::BadSignature { block: foreign.attested.beacon.root(), signature_slot: 41, fault };
        assert_eq!(refused(&ours, &trusted, &foreign), expected);
    }
}

/// Times and slots that do not grow, or lie ahead.
#[test]
fn atk_046_time() {
    let params = params(network(Fork::Fulu));
    let network = &params.network;
    let committee = members(32, 1);
    let trusted = client(&params, 8, committee.committee());
    let stamped = |slot: u64, time: u64, number: u64| {
        let mut header = final_header(network, slot);
        let mut payload = (*header.execution).clone();
        (payload.timestamp, payload.block_number) = (time, number);
        set_payload(&mut header, Fork::Fulu, payload);
        let plan = Plan { attested: 40, finalized: Some(header), next: None, signature_slot: 41 };
        plan.signed::<Native>(network, &committee, |_| true).unwrap()
    };
    assert!(judge(&params, &trusted, &stamped(24, network.time_of(24), 24)).is_ok());
    for (time, number) in
        [(network.time_of(8), 24), (network.time_of(7), 24), (network.time_of(24), 8), (network.time_of(24), 7)]
    {
        let refusal = refused(&params, &trusted, &stamped(24, time, number));
        let expected = Refusal::NonMonotonicTime {
            slot: 24,
            time,
            number,
            trusted_slot: 8,
            trusted_time: network.time_of(8),
            trusted_number: 8,
        };
        assert_eq!(refusal, expected);
    }
    // A payload beyond now + drift.
    let latest = network.time_of(41) + params.drift;
    assert!(judge(&params, &trusted, &stamped(24, latest, 24)).is_ok());
    let ahead = Refusal::HeaderFromFuture { latest, found: latest + 1 };
    assert_eq!(refused(&params, &trusted, &stamped(24, latest + 1, 24)), ahead);
    assert!(ahead.may_pass_later());
    // A signature of a slot beyond now + drift.
    let good = update(network, &committee, 40, 24);
    let at = |now| verify_with::<Native>(&params, &trusted, &good.to_wire(network), now).map(|_| ());
    let earliest = network.time_of(41) - params.drift;
    assert_eq!(at(earliest), Ok(()));
    let found = network.time_of(41);
    assert_eq!(at(earliest - 1), Err(Refusal::HeaderFromFuture { latest: found - 1, found }));
    // Slots out of order.
    let mut backwards = plan(network, 40, 24, None);
    backwards.signature_slot = 40;
    let backwards = backwards.signed::<Native>(network, &committee, |_| true).unwrap();
    let expected = Refusal::SlotOrder { now: 40, signature: 40, attested: 40, finalized: 24 };
    assert_eq!(refused(&params, &trusted, &backwards), expected);
    let ahead = update(network, &committee, 40, 41);
    let expected = Refusal::SlotOrder { now: 41, signature: 41, attested: 40, finalized: 41 };
    assert_eq!(refused(&params, &trusted, &ahead), expected);
}

/// The time is that of the payload whose state is proven, not of the slot, the attested header or the signature.
#[test]
fn atk_057_time_of_the_proven_state() {
    let params = params(network(Fork::Deneb));
    let network = &params.network;
    let committee = members(32, 1);
    let trusted = client(&params, 8, committee.committee());
    // Slots 21 to 24 were skipped: the checkpoint's block is that of slot 20.
    let verified = judge(&params, &trusted, &update(network, &committee, 40, 20)).unwrap();
    let payload = final_header(network, 20).execution;
    let execution = verified.header.execution.unwrap();
    assert_eq!((verified.header.time, verified.trusted.time()), (payload.timestamp, payload.timestamp));
    assert_eq!((execution.state_root, execution.block_hash), (payload.state_root, payload.block_hash));
    assert_eq!((execution.receipts_root, execution.block_number), (payload.receipts_root, 20));
    // Another payload beside the same header.
    let mut other = update(network, &committee, 40, 20);
    other.finality.as_mut().unwrap().header.execution.timestamp += 1;
    let refusal = refused(&params, &trusted, &other);
    let typed = |which| matches!(refusal, Refusal::Header { which: found, fault: HeaderFault::NotItsPayload { .. } } if found == which);
    assert!(typed(Which::Finalized), "{refusal}");
    let mut other = update(network, &committee, 40, 20);
    other.attested.execution.state_root = B256::ZERO;
    let refusal = refused(&params, &trusted, &other);
    let typed = matches!(refusal, Refusal::Header { which: Which::Attested, fault: HeaderFault::NotItsPayload { .. } });
    assert!(typed, "{refusal}");
}

/// Parts that a fork does not have.
#[test]
fn parts_of_a_later_fork_are_refused() {
    let committee = members(32, 1);
    // Finalized in Bellatrix, attested in Capella: the finalized header has room for a payload that is none.
    let mut network = network(Fork::Bellatrix);
    network.forks[2].epoch = 4;
    let params = params(network);
    let trusted = client(&params, 8, committee.committee());
    let mut update = update(&network, &committee, 40, 24);
    assert!(judge(&params, &trusted, &update).is_ok());
    update.finality.as_mut().unwrap().header.execution.timestamp = 1;
    let refusal = refused(&params, &trusted, &update);
    let fault = HeaderFault::PayloadBeforeCapella { slot: 24 };
    assert_eq!(refusal, Refusal::Header { which: Which::Finalized, fault });
    // Finalized in Capella, attested in Deneb: blob gas.
    let mut network = super::kit::network(Fork::Capella);
    network.forks[3].epoch = 4;
    let params = super::kit::params(network);
    let trusted = client(&params, 8, committee.committee());
    let mut update = super::kit::update(&network, &committee, 40, 24);
    assert!(judge(&params, &trusted, &update).is_ok());
    update.finality.as_mut().unwrap().header.execution.blob_gas_used = 1;
    let fault = HeaderFault::BlobGasBeforeDeneb { slot: 24 };
    assert_eq!(refused(&params, &trusted, &update), Refusal::Header { which: Which::Finalized, fault });
}

/// No other block than the pinned one, none that is too old or ahead, no committee that its state does not name.
#[test]
fn atk_068_poisoned_start() {
    let params = params(network(Fork::Fulu));
    let network = &params.network;
    let (committee, stranger) = (members(32, 1), members(32, 2));
    let start = bootstrap(network, 8, committee.committee());
    let pinned = start.header.beacon.root();
    let begin = |pinned: &B256, start: &crate::Bootstrap, now| {
        TrustedState::begin::<Native>(&params, pinned, &wire(network, start), now).map(|_| ())
    };
    let time = network.time_of(8);
    assert_eq!(begin(&pinned, &start, time), Ok(()));
    let other = B256::repeat_byte(5);
    assert_eq!(begin(&other, &start, time), Err(Refusal::ChainMismatch { expected: other, found: pinned }));
    let expired_at = time + params.trusting_period;
    assert_eq!(begin(&pinned, &start, expired_at - 1), Ok(()));
    assert_eq!(begin(&pinned, &start, expired_at), Err(Refusal::Expired { expired_at, now: expired_at }));
    assert_eq!(begin(&pinned, &start, time - params.drift), Ok(()));
    let early = time - params.drift - 1;
    assert_eq!(begin(&pinned, &start, early), Err(Refusal::HeaderFromFuture { latest: time - 1, found: time }));
    let mut forged = start.clone();
    forged.committee = stranger.committee().clone();
    let refusal = begin(&pinned, &forged, time).unwrap_err();
    assert!(matches!(refusal, Refusal::Branch { what: Which::CurrentCommittee, .. }), "{refusal}");
    let mut payload = start.clone();
    payload.header.execution.timestamp += 1;
    let refusal = begin(&pinned, &payload, time).unwrap_err();
    assert!(matches!(refusal, Refusal::Header { which: Which::Pinned, .. }), "{refusal}");
    // Once expired, nothing moves the client any more: there is no forced update.
    let trusted = client(&params, 8, committee.committee());
    let update = update(network, &committee, 40, 24).to_wire(network);
    let judged = verify_with::<Native>(&params, &trusted, &update, expired_at);
    assert_eq!(judged.map(|_| ()), Err(Refusal::Expired { expired_at, now: expired_at }));
}

/// Sizes are refused before anything is allocated or hashed.
#[test]
fn atk_067_too_large() {
    let params = params(network(Fork::Fulu));
    let trusted = client(&params, 8, members(32, 1).committee());
    let bytes = vec![0; 10 << 20];
    let fault = UpdateFault::TooLarge { limit: MAX_UPDATE_BYTES, found: bytes.len() };
    let judged = verify_with::<Native>(&params, &trusted, &bytes, params.network.time_of(9));
    assert_eq!(judged.map(|_| ()), Err(Refusal::Update(fault)));
    let begun = TrustedState::begin::<Native>(&params, &B256::ZERO, &bytes, 0);
    assert_eq!(begun, Err(Refusal::Update(fault)));
    // A list beyond its limit.
    let mut update = update(&params.network, &members(32, 1), 40, 24);
    update.attested.execution.extra_data = vec![0; 33];
    let refusal = refused(&params, &trusted, &update);
    assert!(matches!(refusal, Refusal::Update(UpdateFault::Ssz(SszFault::TooLarge { limit: 32, found: 33, .. }))));
}
