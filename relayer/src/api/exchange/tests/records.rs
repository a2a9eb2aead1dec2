//! What a record makes of proven facts.

use crate::{
    api::exchange::record::{Answer, Record},
    lane::swaps::{LegOutcome, LegState, LegView, SwapView},
};
use alloy::primitives::{B256, U256};
use causeway_core::{LaneId, Leg, Terms};
use causeway_proto::exchange::v1::{swap::State, swap_event::Kind};

pub(super) fn terms(nonce: u64) -> Terms {
    let leg = |n: u8| Leg {
        asset: B256::repeat_byte(n),
        amount: U256::from(5),
        from: B256::left_padding_from(&[n; 20]),
        to: B256::left_padding_from(&[n + 1; 20]),
        deadline: 2_000_000_000,
    };
    let lanes = [1, 2].map(|n| LaneId(B256::repeat_byte(n)));
    Terms { lanes, legs: [leg(11), leg(21)], nonce: B256::from(U256::from(nonce)) }
}

fn view(legs: [(LegState, LegOutcome); 2]) -> SwapView {
    let leg = |(state, outcome)| LegView { state, outcome, ..LegView::default() };
    SwapView { id: B256::ZERO, terms: None, legs: legs.map(leg) }
}

fn events(record: &Record) -> Vec<(Kind, u8)> {
    let mut events: Vec<_> = record.events.iter().map(|e| (Kind::try_from(e.kind).unwrap(), e.leg)).collect();
    events.sort_by_key(|(kind, leg)| (*kind as i32, *leg));
    events
}

/// Whether facts come one by one or all at once, the same events are told, each once.
#[test]
fn no_state_is_missed_however_facts_come() {
    use LegOutcome::{Open, Released};
    use LegState::{Locked, None};
    let steps = [
        [(Locked, Open), (None, Open)],
        [(Locked, Open), (Locked, Open)],
        [(Locked, Released), (Locked, Open)],
        [(Locked, Released), (Locked, Released)],
    ];
    let mut slow = Record::new(&terms(1), 0, "a".into(), Option::None);
    slow.proposed(1);
    let mut fast = slow.clone();
    let mut states = Vec::new();
    for step in steps {
        assert!(slow.proven(&view(step), 2));
        assert!(!slow.proven(&view(step), 3), "the same facts again are no news");
        states.push(slow.state());
    }
    assert_eq!(states, [State::Locked, State::Settling, State::Settling, State::Released]);
    assert!(fast.proven(&view(steps[3]), 2));
    assert_eq!(events(&slow), events(&fast));
    assert_eq!(events(&slow).len(), 6, "{:?}", events(&slow));
    // What was proven stays, also when a book that was just opened knows nothing yet.
    assert!(!fast.proven(&view([(None, Open), (None, Open)]), 9));
    assert_eq!((fast.state(), fast.is_over()), (State::Released, true));
}

/// A word of a party or a peer settles nothing: chains come first.
#[test]
fn words_never_come_before_chains() {
    use LegOutcome::Open;
    use LegState::{Locked, None};
    let mut record = Record::new(&terms(1), 0, "a".into(), Option::None);
    record.proposed(1);
    assert!(record.answered(Answer::Accepted, 1));
    assert_eq!(record.state(), State::Accepted);
    assert!(record.answered(Answer::Cancelled("no".into()), 1));
    assert!(!record.answered(Answer::Accepted, 1), "cancelled is the last word");
    assert_eq!((record.state(), record.is_over()), (State::Cancelled, true));
    assert!(record.proven(&view([(Locked, Open), (None, Open)]), 2));
    assert_eq!((record.state(), record.is_over()), (State::Locked, false));
    let bytes = record.write().unwrap();
    assert_eq!(Record::read(&bytes).unwrap(), record);
    assert!(Record::read(&bytes[..bytes.len() - 1]).is_err());
}
