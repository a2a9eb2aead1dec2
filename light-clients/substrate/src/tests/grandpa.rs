//! Honest GRANDPA updates: steps, changes of authorities by digest and by storage, starting from a pin.

use std::vec::Vec;

use alloy_primitives::B256;

use super::kit::*;
use crate::{
    AuthoritySource, Finality, HeaderFault, Params, Refusal, TrustedState, compose, proof::GRANDPA_PENDING_CHANGE,
};

#[test]
fn a_block_above_with_a_quorum_is_accepted() {
    let (second, state, bytes) = good();
    let verified = judge(&params(), &state, &bytes, 2).unwrap();
    assert_eq!((verified.header.height, verified.header.block_hash), (2, second.hash));
    assert_eq!((verified.trusted.height(), verified.trusted.time_ms()), (2, time_ms(2)));
    assert_eq!(TrustedState::decode(&verified.trusted.encode()), Ok(verified.trusted));
}

#[test]
fn an_older_block_is_accepted_and_moves_nothing() {
    let (second, state, bytes) = good();
    let state = judge(&params(), &state, &bytes, 2).unwrap().trusted;
    let third = block(&second.hash, 3, &[], &[]);
    let state =
        judge(&params(), &state, &update(&third, 5, false, &justify(&third, 5, &[2, 3, 4])), 3).unwrap().trusted;
    let verified = judge(&params(), &state, &bytes, 3).unwrap();
    assert_eq!((verified.header.height, verified.trusted), (2, state));
}

#[test]
fn votes_above_the_target_count_where_their_headers_lead_down() {
    let (second, state, _) = good();
    let third = block(&second.hash, 3, &[], &[]);
    let fork = block(&second.hash, 3, &[&[8]], &[]);
    let fourth = block(&third.hash, 4, &[], &[]);
    let votes = [vote(1, fourth.at(), ROUND, 5), vote(2, second.at(), ROUND, 5), vote(3, fork.at(), ROUND, 5)];
    let headers = [third.header.clone(), fourth.header, fork.header];
    let proof = compose::justification(ROUND, second.at(), &votes, &headers);
    judge(&params(), &state, &update(&second, 5, false, &proof), 4).unwrap();
}

#[test]
fn a_change_announced_by_the_digest_takes_over_at_once_or_after_its_delay() {
    let (first, state) = trusted();
    for delay in [0u32, 2] {
        let change = compose::scheduled_change(&list(&[5, 6, 7, 8]), delay);
        let second = block(&first.hash, 2, &[&change], &[]);
        let state = judge(&params(), &state, &update(&second, 5, false, &justify(&second, 5, &[1, 2, 3])), 2);
        let state = state.unwrap().trusted;
        assert_eq!(TrustedState::decode(&state.encode()).as_ref(), Ok(&state));
        let fourth = block(&second.hash, 4, &[], &[]);
        let (old, new) = (justify(&fourth, 5, &[1, 2, 3]), justify(&fourth, 6, &[5, 6, 7]));
        let (by_old, by_new) = (update(&fourth, 5, false, &old), update(&fourth, 6, false, &new));
        let (taken, refused) = if delay == 0 { (by_new, by_old) } else { (by_old, by_new) };
        assert!(matches!(judge(&params(), &state, &refused, 4), Err(Refusal::NotTheSetInForce { .. })));
        let state = judge(&params(), &state, &taken, 4).unwrap().trusted;
        let fifth = block(&fourth.hash, 5, &[], &[]);
        let by_old = update(&fifth, 5, false, &justify(&fifth, 5, &[1, 2, 3]));
        let refusal = judge(&params(), &state, &by_old, 5).unwrap_err();
        assert_eq!(refusal, Refusal::NotTheSetInForce { expected: 6, found: 5 });
        let by_new = update(&fifth, 6, false, &justify(&fifth, 6, &[5, 6, 7]));
        let state = judge(&params(), &state, &by_new, 5).unwrap().trusted;
        assert_eq!(state.finality(), &Finality::Grandpa { set: set(6, &[5, 6, 7, 8]), pending: None });
    }
}

#[test]
fn a_change_is_read_from_the_state_where_the_client_does() {
    let (first, state) = trusted();
    let seeds = [5, 6, 7, 8];
    let second = block(&first.hash, 2, &[], &pallet(6, &seeds));
    let bytes = update(&second, 5, true, &justify(&second, 5, &[1, 2, 3]));
    let moved = judge(&params(), &state, &bytes, 2).unwrap().trusted;
    assert_eq!(moved.finality(), &Finality::Grandpa { set: set(6, &seeds), pending: None });
    let digest_only = Params { authorities: AuthoritySource::Digest, ..params() };
    assert_eq!(judge(&digest_only, &state, &bytes, 2), Err(Refusal::NextSetNeedless));
    // The same set is no change; a set two further on does not follow; the same id with others is a lie.
    let read = |id, seeds: &[u8]| {
        let second = block(&first.hash, 2, &[], &pallet(id, seeds));
        judge(&params(), &state, &update(&second, 5, true, &justify(&second, 5, &[1, 2, 3])), 2)
    };
    assert_eq!(read(5, &[1, 2, 3, 4]).unwrap().trusted.finality(), state.finality());
    assert_eq!(read(7, &seeds), Err(Refusal::NextSetMismatch { in_force: 5, found: 7 }));
    assert_eq!(read(5, &seeds), Err(Refusal::NextSetMismatch { in_force: 5, found: 5 }));
    // While a change waits, id and list do not belong together.
    let mut entries = pallet(6, &seeds);
    entries.push((&GRANDPA_PENDING_CHANGE, Vec::from([1])));
    let waiting = block(&first.hash, 2, &[], &entries);
    let bytes = update(&waiting, 5, true, &justify(&waiting, 5, &[1, 2, 3]));
    assert!(matches!(judge(&params(), &state, &bytes, 2), Err(Refusal::NoSuchState { .. })));
}

#[test]
fn changes_that_nothing_proves_are_refused() {
    let (first, state) = trusted();
    let judge = |digest: &[&[u8]]| {
        let second = block(&first.hash, 2, digest, &[]);
        judge(&params(), &state, &update(&second, 5, false, &justify(&second, 5, &[1, 2, 3])), 2)
    };
    let change = compose::scheduled_change(&list(&[5]), 0);
    assert_eq!(judge(&[&change, &change]), Err(HeaderFault::SeveralChanges.into()));
    assert_eq!(judge(&[&compose::consensus_log(&[2, 0])]), Err(HeaderFault::ForcedChange.into()));
    assert!(matches!(judge(&[&compose::scheduled_change(&[], 0)]), Err(Refusal::NextSet(_))));
    // A log of another engine, a pause, a seal and "other" change nobody.
    let others: [&[u8]; 4] =
        [b"\x04BEEF\x04\x01", &compose::consensus_log(&[4, 0, 0, 0, 0]), b"\x05aura\x04\x01", &[0, 0]];
    assert_eq!(judge(&others).unwrap().trusted.finality(), state.finality());
}

#[test]
fn an_overlapping_change_is_refused() {
    let (first, state) = trusted();
    let second = block(&first.hash, 2, &[&compose::scheduled_change(&list(&[5]), 9)], &[]);
    let state = judge(&params(), &state, &update(&second, 5, false, &justify(&second, 5, &[1, 2, 3])), 2);
    let third = block(&second.hash, 3, &[&compose::scheduled_change(&list(&[6]), 0)], &[]);
    let bytes = update(&third, 5, false, &justify(&third, 5, &[1, 2, 3]));
    assert_eq!(judge(&params(), &state.unwrap().trusted, &bytes, 3), Err(Refusal::OverlappingChange { waiting: 11 }));
}

#[test]
fn a_client_begins_at_a_pin() {
    let pin = block(&B256::ZERO, 9, &[], &pallet(5, &[1, 2, 3, 4]));
    let state =
        TrustedState::begin_grandpa(&params(), &pin.hash, &pin.header, &pin.state(), time_ms(9) / 1000).unwrap();
    assert_eq!(state.finality(), &Finality::Grandpa { set: set(5, &[1, 2, 3, 4]), pending: None });
    let next = block(&pin.hash, 10, &[], &[]);
    judge(&params(), &state, &update(&next, 5, false, &justify(&next, 5, &[1, 2, 3])), 10).unwrap();
}
