//! ATK-060, 061, 111, 113 on the contracts' own bytecode: the steps of the model are taken by two vaults in an EVM, with
//! headers that validators seal and proofs of what the outboxes hold, and after each the contracts must remember what the
//! model says. What the model refuses, they must refuse.
//!
//! Nothing is stubbed: vaults, outboxes, light clients, councils and tokens are the committed artefacts. Only the state trie
//! around an outbox is made here, from slots that are compared with the outbox's own.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod chain;
mod world;

use std::collections::HashSet;

use causeway_differential::random::Random;
use causeway_model::{
    rules::{Rules, Scope},
    state::{Action, Client, Fate, State},
};
use world::World;

const SEED: u64 = 0x5eed_0000_0000_0005;
/// Steps of parties, time, relayers and freezing clients between all states that they reach, at least.
const STEPS_FLOOR: usize = 2_000;
/// Orders drawn from everything that can happen.
const ORDERS: usize = 300;

/// Takes a step in both. None where the model refuses it, and then the contracts do, too.
fn step(rules: &Rules, state: &State, world: &World, action: Action, steps: &[Action]) -> Option<(State, World)> {
    let Some(next) = rules.step(state, action) else {
        let refused = match action {
            Action::Lock(_) | Action::Void(_) | Action::VoidOverdue(_) => true,
            // What was not written cannot be brought, and what was delivered does nothing.
            Action::DeliverLocked(from) | Action::DeliverVoided(from) => {
                let (chain, frozen) = (&state.chains[from], state.chains[1 - from].client == Client::Frozen);
                frozen && chain.leg != Fate::None
            }
            _ => false,
        };
        if refused {
            assert!(world.clone().step(action).is_err(), "{action:?} is refused after {steps:?}");
        }
        return None;
    };
    let mut after = world.clone();
    after.step(action).unwrap_or_else(|e| panic!("{action:?} after {steps:?}: {e:?}"));
    after.compare(&next, &[steps, &[action]].concat());
    Some((next, after))
}

/// Every step out of every state.
#[test]
fn atk_111_every_step_on_the_contracts() {
    let rules = Rules { scope: Scope { freezes: true, ..Scope::default() }, mutation: None };
    let mut seen = HashSet::from([State::default()]);
    let mut open = vec![(State::default(), World::new(), Vec::new())];
    let mut taken = 0;
    while let Some((state, world, steps)) = open.pop() {
        for action in rules.actions() {
            let Some((next, after)) = step(&rules, &state, &world, action, &steps) else { continue };
            taken += 1;
            if seen.insert(next) {
                open.push((next, after, [&steps[..], &[action]].concat()));
            }
        }
    }
    println!("{} states, {taken} steps", seen.len());
    assert!(taken > STEPS_FLOOR, "{taken} steps");
}

/// Whole orders of everything, to the end: freezes and substitutes, closed bridges, lies of a third lane.
#[test]
fn atk_060_061_111_113_whole_orders_on_the_contracts() {
    let scope = Scope { freezes: true, closes: true, forgeries: true, losses: false };
    let rules = Rules { scope, mutation: None };
    let mut random = Random::new(SEED);
    let start = World::new();
    let (mut orders, mut taken, mut released) = (HashSet::new(), 0, 0);
    for _ in 0..ORDERS {
        let (mut state, mut world, mut steps) = (State::default(), start.clone(), Vec::new());
        loop {
            let possible = |action: &Action| rules.step(&state, *action).is_some();
            let possible: Vec<Action> = rules.actions().into_iter().filter(possible).collect();
            if possible.is_empty() {
                break;
            }
            // Locks come first, most of the time: else hardly a swap is ever released.
            let lock = possible.iter().find(|action| matches!(action, Action::Lock(_)));
            let action = lock.filter(|_| random.once_in(2)).copied().unwrap_or_else(|| *random.pick(&possible));
            (state, world) = step(&rules, &state, &world, action, &steps).expect("it is possible");
            steps.push(action);
        }
        taken += steps.len();
        released += usize::from(state.chains[0].released && state.chains[1].released);
        orders.insert(steps);
    }
    println!("{} orders, {taken} steps, {released} of them released", orders.len());
    assert!(orders.len() > ORDERS * 9 / 10 && (ORDERS / 20..ORDERS).contains(&released), "{released} released");
}
