//! Swaps (protocol §4) as a model small enough that every order of everything that can happen is walked through.
//!
//! [`state`] is what two chains remember of one swap, [`rules`] what may happen and what it does, [`explore`] walks through
//! all states and asks in each whether INV-4 holds, and in each final one whether anything is stuck. A rule can be taken
//! out ([`rules::Mutation`]), which the walk must notice. `tests/replay` takes the same steps on the contracts' bytecode.
//!
//! The walk is this crate's own: the graph has no cycles and fits into memory, so that a set of seen states is all it needs.

pub mod explore;
pub mod rules;
pub mod state;
