//! Tests of the crate, by what they are about.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod any_bytes;
mod attacks;
mod chain;
mod differential;
mod inclusion;
mod kit;
mod misbehaviour;
mod partial_trees;
mod payments;
mod state;
