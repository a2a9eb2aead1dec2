//! The book alone: what it takes in, what follows, and which legs are overdue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::{End, LegOutcome, LegState, SwapBook, view::settle};
use crate::lane::{book::Fact, error::Kind};
use alloy::primitives::{B256, U256};
use causeway_core::{
    LaneId, SwapLeg,
    swap::{Leg, Terms},
};

pub(crate) fn lane(n: u8) -> LaneId {
    LaneId(B256::repeat_byte(n))
}

/// A swap of the bridge of lanes 1 and 2; legs end at 100 and 200.
pub(crate) fn terms(nonce: u8) -> Terms {
    let leg = |n: u8, deadline| Leg {
        asset: B256::repeat_byte(n),
        amount: U256::from(n),
        from: B256::with_last_byte(n),
        to: B256::with_last_byte(n + 1),
        deadline,
    };
    Terms { lanes: [lane(1), lane(2)], legs: [leg(3, 100), leg(5, 200)], nonce: B256::repeat_byte(nonce) }
}

fn book() -> SwapBook {
    SwapBook::new([lane(1), lane(2)])
}

fn fact(id: B256, leg: u8, voided: bool) -> Fact {
    Fact { leg: SwapLeg { swap_id: id, leg }, voided, height: Some(7) }
}

/// One step of a swap, as a chain writes it or proves it known.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Lock(u8),
    Void(u8),
    Know(u8),
}

fn take(book: &SwapBook, id: B256, step: Step, voided: [bool; 2]) {
    let of = |leg: u8| lane(leg + 1);
    match step {
        Step::Lock(leg) => assert!(!book.prove(of(leg), 0, &fact(id, leg, false))),
        Step::Void(leg) => assert!(!book.prove(of(leg), 0, &fact(id, leg, true))),
        Step::Know(leg) => book.prove_known(of(leg), &fact(id, leg, voided[usize::from(leg)])),
    }
}

/// Every order in which the facts of both legs can be proven, for every pair of decisions: both legs end alike, and the book says
/// so only when both ends have decided.
#[test]
fn atk_111_both_legs_end_alike_in_every_order() {
    let mut orders = 0;
    for voided in [[false, false], [false, true], [true, false], [true, true]] {
        let act = |leg: u8| if voided[usize::from(leg)] { Step::Void(leg) } else { Step::Lock(leg) };
        let steps = [act(0), act(1), Step::Know(0), Step::Know(1)];
        for order in permutations(&steps) {
            let at = |s: Step| order.iter().position(|o| *o == s).unwrap();
            if (0..2).any(|leg| at(Step::Know(leg)) < at(act(leg))) {
                continue; // a fact is known after it is one
            }
            for learn_at in 0..=order.len() {
                let (book, terms) = (book(), terms(1));
                let id = terms.id();
                for (i, step) in order.iter().enumerate() {
                    if i == learn_at {
                        book.learn(terms).unwrap();
                    }
                    take(&book, id, *step, voided);
                    let view = book.view(id).unwrap();
                    let outcomes = view.legs.map(|l| l.outcome);
                    let both = [LegOutcome::Released, LegOutcome::GivenBack];
                    assert!(!both.iter().all(|o| outcomes.contains(o)), "{order:?}: {outcomes:?}");
                }
                book.learn(terms).unwrap();
                let expected = if voided == [false, false] { End::Released } else { End::GivenBack };
                assert_eq!(book.view(id).unwrap().end(), Some(expected), "{order:?}");
                let counts = book.counts();
                assert_eq!((counts.open, counts.released + counts.given_back), (0, 1), "{order:?}");
                orders += 1;
            }
        }
    }
    assert_eq!(orders, 4 * 6 * 5, "24 orders, of which a quarter knows a fact after it is one");
}

fn permutations(steps: &[Step]) -> Vec<Vec<Step>> {
    if steps.len() <= 1 {
        return vec![steps.to_vec()];
    }
    (0..steps.len())
        .flat_map(|i| {
            let mut rest = steps.to_vec();
            let first = rest.remove(i);
            permutations(&rest).into_iter().map(move |mut p| {
                p.insert(0, first);
                p
            })
        })
        .collect()
}

#[test]
fn atk_113_a_fact_of_another_lane_than_the_terms_name_counts_for_nothing() {
    for before in [true, false] {
        let (book, terms) = (book(), terms(1));
        let id = terms.id();
        if before {
            book.learn(terms).unwrap();
        }
        book.prove(lane(1), 0, &fact(id, 0, false));
        // Lane 1 is leg 0's, and this one says that leg 1 was locked there.
        book.prove(lane(1), 1, &fact(id, 1, false));
        book.prove_known(lane(1), &fact(id, 1, false));
        book.learn(terms).unwrap();
        let view = book.view(id).unwrap();
        assert_eq!((view.legs[1].state, view.legs[0].outcome), (LegState::None, LegOutcome::Open), "{before}");
        assert_eq!(book.overdue(lane(2), 200, 9), [(terms, 1)], "the other leg is still to be voided");
        book.prove(lane(2), 0, &fact(id, 1, true));
        book.prove_known(lane(2), &fact(id, 1, true));
        let view = book.view(id).unwrap();
        assert_eq!((view.legs[0].outcome, view.end()), (LegOutcome::GivenBack, Some(End::GivenBack)), "{before}");
    }
}

#[test]
fn a_leg_that_is_decided_twice_keeps_its_first_state() {
    let (book, terms) = (book(), terms(1));
    let id = book.learn(terms).unwrap();
    book.prove(lane(1), 0, &fact(id, 0, false));
    assert!(book.prove(lane(1), 1, &fact(id, 0, true)), "a contradiction");
    assert!(!book.prove(lane(1), 0, &fact(id, 0, false)), "the same again is none");
    assert_eq!(book.view(id).unwrap().legs[0].state, LegState::Locked);
}

#[test]
fn a_leg_is_overdue_from_its_deadline_on_while_the_other_is_locked() {
    let (book, terms) = (book(), terms(1));
    let id = book.learn(terms).unwrap();
    assert!(book.overdue(lane(1), 1_000, 9).is_empty(), "nothing waits for it");
    book.prove(lane(2), 0, &fact(id, 1, false));
    assert_eq!(book.next_deadline(lane(1)), Some(100));
    assert!(book.overdue(lane(1), 99, 9).is_empty());
    assert_eq!(book.overdue(lane(1), 100, 9), [(terms, 0)]);
    assert!(book.overdue(lane(2), 1_000, 9).is_empty(), "the locked one is not");
    book.prove(lane(1), 0, &fact(id, 0, true));
    assert!(book.overdue(lane(1), 100, 9).is_empty());
    assert_eq!(book.next_deadline(lane(1)), None);
}

#[test]
fn a_voided_leg_ends_a_swap_only_when_the_other_can_not_be_locked_any_more() {
    let (book, terms) = (book(), terms(1));
    let id = book.learn(terms).unwrap();
    book.prove(lane(1), 0, &fact(id, 0, true));
    assert_eq!(book.view(id).unwrap().end(), None, "the other chain does not know yet: its leg may be locked");
    book.prove_known(lane(1), &fact(id, 0, true));
    assert_eq!(book.view(id).unwrap().end(), Some(End::GivenBack));
}

#[test]
fn terms_of_another_bridge_and_no_terms_are_refused() {
    let book = book();
    for wrong in [
        Terms { lanes: [lane(1), lane(3)], ..terms(1) },
        Terms { lanes: [lane(1), lane(1)], ..terms(1) },
        Terms { legs: [Leg { asset: B256::ZERO, ..terms(1).legs[0] }, terms(1).legs[1]], ..terms(1) },
    ] {
        assert_eq!(book.learn(wrong).unwrap_err().kind, Kind::Refused);
    }
}

#[test]
fn proposals_are_bounded_and_what_is_locked_is_never_dropped() {
    let book = book();
    let numbered = |n: u64| Terms { nonce: B256::from(U256::from(n)), ..terms(0) };
    let locked = book.learn(numbered(0)).unwrap();
    book.prove(lane(1), 0, &fact(locked, 0, false));
    for n in 1..=2 * super::AGREED_MAX as u64 {
        book.learn(numbered(n)).unwrap();
    }
    assert!(book.terms(locked).is_some(), "its asset waits in a vault");
    assert!(book.terms(numbered(1).id()).is_none(), "the oldest made room");
    assert!(book.inner().swaps.len() <= super::AGREED_MAX + 1);
}

#[tokio::test]
async fn listeners_hear_of_every_change() {
    let (book, terms) = (book(), terms(1));
    let mut changes = book.changes();
    let id = book.learn(terms).unwrap();
    book.learn(terms).unwrap();
    take(&book, id, Step::Lock(0), [false; 2]);
    take(&book, id, Step::Lock(0), [false; 2]);
    take(&book, id, Step::Know(0), [false; 2]);
    let mut heard = 0;
    while let Ok(changed) = changes.try_recv() {
        assert_eq!(changed, id);
        heard += 1;
    }
    assert_eq!(heard, 3, "terms, a lock, the lock known: what is said twice is no news");
}

#[test]
fn an_outcome_needs_the_own_lock_and_the_others_fact() {
    let mut legs = [super::LegView::default(); 2];
    legs[1].state = LegState::Locked;
    legs[1].known_there = true;
    settle(&mut legs);
    assert_eq!(legs.map(|l| l.outcome), [LegOutcome::Open; 2]);
}
