//! The Rust verifiers beside the contracts', on the same bytes.
//!
//! A header, a state proof or a batch of entries is judged twice: by the crate that the relayer runs, and by the committed
//! artefact of the contract in an EVM. Both must accept or both refuse, and name the same reason where the two have a
//! name for it ([`reason`]). Inputs are honest ones and mutations of them, made from a fixed seed: bytes changed at
//! random, and whole fields changed *before* the validators seal, so that nothing but the rule under test can refuse.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test package: a broken setup ends the test

pub mod machine;
pub mod random;
pub mod reason;
pub mod shape;
pub mod tally;
pub mod trie;
pub mod validators;
