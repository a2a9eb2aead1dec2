//! The walk through all states.

use std::collections::HashMap;

use crate::{
    rules::Rules,
    state::{Action, Chain, Entry, Fate, State},
};

/// What is wrong in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A leg was paid both ways, or one leg was released while the other went back or never was locked (INV-4).
    NotAtomic,
    /// A leg wrote both entries.
    TwoEntries,
    /// Nothing will happen any more, and a locked leg is neither released nor given back.
    Stuck,
    /// Nothing will happen any more, and one leg was released.
    HalfReleased,
}

/// What the walk found.
#[derive(Debug)]
pub struct Walk {
    /// Different states.
    pub states: usize,
    /// Steps between them.
    pub steps: usize,
    /// States in which nothing more happens by itself.
    pub ends: usize,
    /// Of these: both released, both back or never locked.
    pub released: usize,
    /// The first violation, and the steps to it.
    pub violation: Option<(Violation, Vec<Action>)>,
}

/// What must hold in every state.
fn unsafe_in(state: &State) -> Option<Violation> {
    for (here, there) in [(0, 1), (1, 0)] {
        let (here, there) = (&state.chains[here], &state.chains[there]);
        let released = here.released && (here.given_back || there.given_back || there.voided != Entry::Missing);
        let unlocked = here.released && there.locked == Entry::Missing;
        let back = here.given_back && there.voided == Entry::Missing;
        if released || unlocked || back {
            return Some(Violation::NotAtomic);
        }
        if here.locked != Entry::Missing && here.voided != Entry::Missing {
            return Some(Violation::TwoEntries);
        }
    }
    None
}

/// What must hold in a state in which nothing more happens by itself.
fn wrong_at_the_end(state: &State) -> Option<Violation> {
    let stuck = |chain: &Chain| chain.leg == Fate::Locked && !chain.released && !chain.given_back;
    if state.chains.iter().any(stuck) {
        return Some(Violation::Stuck);
    }
    (state.chains[0].released != state.chains[1].released).then_some(Violation::HalfReleased)
}

/// Walks through every state that the rules reach, breadth first, so that the steps to a violation are the fewest.
pub fn walk(rules: &Rules) -> Walk {
    let actions = rules.actions();
    let start = State::default();
    let mut from: HashMap<State, Option<(State, Action)>> = HashMap::from([(start, None)]);
    let mut queue = vec![start];
    let mut found = Walk { states: 0, steps: 0, ends: 0, released: 0, violation: None };
    let mut at = 0;
    while let Some(state) = queue.get(at).copied() {
        at += 1;
        let mut ended = true;
        for action in &actions {
            let Some(next) = rules.step(&state, *action) else { continue };
            ended &= !action.is_inevitable();
            found.steps += 1;
            from.entry(next).or_insert_with(|| {
                queue.push(next);
                Some((state, *action))
            });
        }
        let mut violation = unsafe_in(&state);
        if ended {
            found.ends += 1;
            found.released += usize::from(state.chains[0].released && state.chains[1].released);
            violation = violation.or_else(|| wrong_at_the_end(&state));
        }
        if let Some(violation) = violation {
            found.violation = Some((violation, path(&from, state)));
            break;
        }
    }
    found.states = from.len();
    found
}

fn path(from: &HashMap<State, Option<(State, Action)>>, mut state: State) -> Vec<Action> {
    let mut steps = Vec::new();
    while let Some(Some((before, action))) = from.get(&state) {
        steps.push(*action);
        state = *before;
    }
    steps.reverse();
    steps
}
