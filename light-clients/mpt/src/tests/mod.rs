//! Tests of the reader, by what they attack, and beside `alloy-trie`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod attacks;
mod beside_alloy;
mod encoding;
mod kit;
