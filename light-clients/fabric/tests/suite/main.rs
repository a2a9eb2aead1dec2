//! Channels with real keys, honest and not.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod attacks;
mod certificates;
mod configuration;
mod honest;
mod kit;
mod misbehaviour;
mod peers;
mod reads;
mod shapes;
