//! What freezes a client, and what does not.

use alloy_primitives::B256;
use causeway_crypto::bls::Native;

use super::kit::*;
use crate::{
    Fork, Kind, LightClientHeader, Misbehaviour, MisbehaviourKind, Params, Refusal, TrustedState, Update,
    compose::{Members, Plan, header, set_payload},
    conflict_with,
    update::seal,
    verify_with,
};

fn conflict(params: &Params, trusted: &TrustedState, a: &Update, b: &Update) -> Result<Option<Misbehaviour>, Refusal> {
    let now = params.network.time_of(a.signature_slot.max(b.signature_slot));
    let (a, b) = (a.to_wire(&params.network), b.to_wire(&params.network));
    let one = conflict_with::<Native>(params, trusted, &a, &b, now);
    assert_eq!(one, conflict_with::<Native>(params, trusted, &b, &a, now), "the order does not matter");
    one
}

fn of(params: &Params, members: &Members, attested: u64, finalized: LightClientHeader) -> Update {
    let plan = Plan { attested, finalized: Some(finalized), next: None, signature_slot: attested + 1 };
    plan.signed::<Native>(&params.network, members, |_| true).unwrap()
}

/// Two final blocks in one slot.
#[test]
fn atk_050_two_final_blocks_freeze_the_client() {
    let params = params(network(Fork::Fulu));
    let committee = members(32, 1);
    let trusted = client(&params, 8, committee.committee());
    let parent = final_header(&params.network, 23);
    let block = |state: u8| header(&params.network, 24, parent.beacon.root(), B256::repeat_byte(state));
    let (a, b) = (of(&params, &committee, 40, block(1)), of(&params, &committee, 41, block(2)));
    let found = conflict(&params, &trusted, &a, &b).unwrap().unwrap();
    assert_eq!(found.kind, MisbehaviourKind::TwoBlocks);
    assert_eq!(found.common, Some((23, parent.beacon.root())));
    // Against the trusted block itself, with one update alone.
    let moved = judge(&params, &trusted, &a).unwrap().trusted;
    assert_eq!(conflict(&params, &moved, &b, &b).unwrap().unwrap().kind, MisbehaviourKind::TwoBlocks);
    assert!(matches!(refused(&params, &moved, &b), Refusal::NonMonotonicTime { .. }));
    // Frozen: nothing but the last common block, and that only after the delay.
    let frozen = trusted.clone().freeze(found.freeze(&trusted, 5));
    let readable_from = Some(5 + params.freeze_delay);
    assert_eq!(
        refused(&params, &frozen.clone().freeze(found.freeze(&trusted, 6)), &a),
        Refusal::Frozen { at: 23, readable_from }
    );
    let bare = seal(Kind::Header, Fork::Fulu, &parent.encode(Fork::Fulu));
    let at =
        |bytes: &[u8], now| verify_with::<Native>(&params, &frozen, bytes, now).map(|verified| verified.header.root);
    assert_eq!(at(&bare, 5 + params.freeze_delay), Ok(parent.beacon.root()));
    assert_eq!(at(&bare, 4 + params.freeze_delay), Err(Refusal::Frozen { at: 23, readable_from }));
    let other = seal(Kind::Header, Fork::Fulu, &block(1).encode(Fork::Fulu));
    assert_eq!(at(&other, 5 + params.freeze_delay), Err(Refusal::Frozen { at: 23, readable_from }));
    let mut payload = parent.clone();
    payload.execution.timestamp += 1;
    let payload = seal(Kind::Header, Fork::Fulu, &payload.encode(Fork::Fulu));
    assert!(matches!(at(&payload, 5 + params.freeze_delay), Err(Refusal::Header { .. })));
    // A header alone is nothing for a client that is not frozen.
    assert!(verify_with::<Native>(&params, &trusted, &bare, params.network.time_of(41)).is_err());
    // Without a common block nothing is readable.
    let blind = trusted.clone().freeze(crate::Freeze { at: 8, since: 5, anchor: None });
    let judged = verify_with::<Native>(&params, &blind, &bare, u64::MAX).map(|_| ());
    assert_eq!(judged, Err(Refusal::Frozen { at: 8, readable_from: None }));
    // And a frozen client judges no evidence.
    assert!(matches!(conflict(&params, &frozen, &a, &b), Err(Refusal::Frozen { .. })));
}

/// A block that is not the child of the one before it, by slots or by payloads; times that go back.
#[test]
fn atk_050_broken_links_freeze_the_client() {
    let params = params(network(Fork::Fulu));
    let network = &params.network;
    let committee = members(32, 1);
    let trusted = client(&params, 8, committee.committee());
    let lower = header(network, 24, B256::repeat_byte(1), B256::repeat_byte(1));
    let update = |header: &LightClientHeader| of(&params, &committee, 40, header.clone());
    let kind = |higher: &LightClientHeader| {
        conflict(&params, &trusted, &update(&lower), &update(higher)).unwrap().map(|found| found.kind)
    };
    let with_payload = |slot: u64, parent: B256, change: &dyn Fn(&mut crate::ExecutionHeader)| {
        let mut header = header(network, slot, parent, B256::repeat_byte(2));
        let mut payload = (*header.execution).clone();
        payload.parent_hash = lower.execution.block_hash;
        change(&mut payload);
        set_payload(&mut header, Fork::Fulu, payload);
        header
    };
    let child = with_payload(25, lower.beacon.root(), &|_| {});
    assert_eq!(kind(&child), None);
    let orphan = with_payload(25, B256::repeat_byte(7), &|_| {});
    assert_eq!(kind(&orphan), Some(MisbehaviourKind::NotItsChild));
    let other_payload = |payload: &mut crate::ExecutionHeader| {
        payload.block_number = 25;
        payload.parent_hash = B256::repeat_byte(7);
    };
    let stranger = with_payload(26, B256::repeat_byte(7), &other_payload);
    assert_eq!(kind(&stranger), Some(MisbehaviourKind::NotItsPayloadsChild));
    let same_number = with_payload(27, B256::repeat_byte(7), &|payload| payload.block_number = 24);
    assert_eq!(kind(&same_number), Some(MisbehaviourKind::NotItsPayloadsChild));
    let lower_number = with_payload(27, B256::repeat_byte(7), &|payload| payload.block_number = 23);
    assert_eq!(kind(&lower_number), Some(MisbehaviourKind::WentBack));
    let same_time = with_payload(27, B256::repeat_byte(7), &|payload| payload.timestamp = lower.execution.timestamp);
    assert_eq!(kind(&same_time), Some(MisbehaviourKind::WentBack));
}

/// Two next committees, each of them final, in one period.
#[test]
fn atk_050_two_committees_freeze_the_client() {
    let params = params(network(Fork::Fulu));
    let network = &params.network;
    let (here, one, two) = (members(32, 1), members(32, 2), members(32, 3));
    let trusted = client(&params, 8, here.committee());
    let teach = |finalized: u64, next: &Members| {
        plan(network, 40, finalized, Some(next.committee())).signed::<Native>(network, &here, |_| true).unwrap()
    };
    let found = conflict(&params, &trusted, &teach(24, &one), &teach(32, &two)).unwrap().unwrap();
    assert_eq!(found.kind, MisbehaviourKind::TwoCommittees);
    assert_eq!(conflict(&params, &trusted, &teach(24, &one), &teach(32, &one)), Ok(None));
}

/// None of these is misbehaviour.
#[test]
fn atk_051_no_misbehaviour() {
    let params = params(network(Fork::Fulu));
    let network = &params.network;
    let committee = members(32, 1);
    let trusted = client(&params, 8, committee.committee());
    let (first, later) = (final_header(network, 24), final_header(network, 32));
    // An ancestor and its descendant; the same block twice; the same block under two heads, by other signers.
    let a = of(&params, &committee, 40, first.clone());
    let b = of(&params, &committee, 48, later);
    let again = of(&params, &committee, 41, first.clone());
    let plan = Plan { attested: 40, finalized: Some(first), next: None, signature_slot: 41 };
    let by_others = plan.signed::<Native>(network, &committee, |seat| seat >= 10).unwrap();
    for (a, b) in [(&a, &b), (&a, &a), (&a, &again), (&a, &by_others)] {
        assert_eq!(conflict(&params, &trusted, a, b), Ok(None));
    }
    // Two heads that nobody finalized are no evidence: they are refused as such.
    let head = |attested: u64| {
        let plan = Plan { attested, finalized: None, next: None, signature_slot: attested + 1 };
        plan.signed::<Native>(network, &committee, |_| true).unwrap()
    };
    assert!(matches!(conflict(&params, &trusted, &head(40), &head(41)), Err(Refusal::Update(_))));
    // Evidence from an expired state is none.
    let now = trusted.expires_at(&params);
    let judged = conflict_with::<Native>(&params, &trusted, &a.to_wire(network), &b.to_wire(network), now);
    assert_eq!(judged, Err(Refusal::Expired { expired_at: now, now }));
    // Neither is a header that the client would not accept.
    let mut forged = b.clone();
    forged.aggregate.signature = a.aggregate.signature;
    assert!(matches!(conflict(&params, &trusted, &a, &forged), Err(Refusal::BadSignature { .. })));
}
