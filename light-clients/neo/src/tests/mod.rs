//! Tests on chains that are made and signed here; the conformance suite has the real ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod attacks;
mod kit;
mod reads;
