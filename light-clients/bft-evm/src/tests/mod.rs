//! Tests of the client, by what they attack. `kit` makes honest chains; every test starts from one and changes a
//! single thing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod any_bytes;
mod attacks;
mod contract_mode;
mod honest;
mod kit;
mod misbehaviour;
mod reads;
mod shapes;
mod state;
