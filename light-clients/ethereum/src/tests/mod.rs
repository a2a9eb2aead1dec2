//! Attacks, honest updates, encodings.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod any_bytes;
mod attacks;
mod encoding;
mod honest;
mod kit;
mod misbehaviour;
mod reads;
mod store;
