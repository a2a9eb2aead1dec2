//! ATK-060, 061, 111, 113: every order of everything, and every rule's absence.
#![allow(missing_docs)]

use causeway_model::{
    explore::walk,
    rules::{Mutation, Rules, Scope},
};

/// Scopes in which every rule's absence shows: all that can go wrong but lies, and lies alone.
const SMALL: [Scope; 2] = [
    Scope { freezes: true, closes: true, forgeries: false, losses: true },
    Scope { freezes: false, closes: false, forgeries: true, losses: false },
];
/// Everything at once.
const EVERYTHING: Scope = Scope { freezes: true, closes: true, forgeries: true, losses: true };
/// So many states at least does the walk see: fewer, and something no longer happens.
const FLOOR: usize = 200_000;

#[test]
fn atk_111_both_are_released_or_both_go_back() {
    let found = walk(&Rules { scope: EVERYTHING, mutation: None });
    println!(
        "{} states, {} steps, {} ends, {} of them released",
        found.states, found.steps, found.ends, found.released
    );
    assert_eq!(found.violation, None);
    assert!(found.states > FLOOR, "{} states", found.states);
    assert!(found.released > 0 && found.released < found.ends, "both ways to end");
}

#[test]
fn atk_060_061_111_113_every_rule_is_missed() {
    for mutation in Mutation::ALL {
        let found = SMALL.map(|scope| walk(&Rules { scope, mutation: Some(mutation) }).violation);
        let (violation, steps) =
            found.into_iter().flatten().next().unwrap_or_else(|| panic!("{mutation:?} is not missed"));
        println!("{mutation:?}: {violation:?} after {steps:?}");
        assert!(!steps.is_empty());
    }
}
