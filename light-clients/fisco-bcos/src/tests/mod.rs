#![allow(clippy::unwrap_used, clippy::expect_used)]

mod attacks;
mod kit;
mod mutations;
mod reads;
