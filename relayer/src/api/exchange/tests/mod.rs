//! The service over real sockets, the desk on a real store, and records against every order of facts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod desk;
mod listener;
mod records;
