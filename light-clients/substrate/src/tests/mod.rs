#![allow(clippy::unwrap_used, clippy::expect_used)]

mod any_bytes;
mod attacks;
mod beefy;
mod differential;
mod grandpa;
mod kit;
mod mutations;
mod tries;
