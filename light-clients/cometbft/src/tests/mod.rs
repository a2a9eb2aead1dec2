//! Tests over chains with real keys. The vectors run in the conformance suite.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod any_bytes;
mod attacks;
mod beside_ics23;
mod beside_tendermint;
mod bisection;
mod honest;
mod kit;
mod misbehaviour;
mod reads;
mod shapes;
mod state;
mod trees;
