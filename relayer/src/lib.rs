//! Causeway's relayer: one organisation's daemon that proves what a chain's outbox says, sends it over gRPC to the
//! other organisation's relayer, verifies what it receives and submits it.
//!
//! The reader sees the data's way: `watch → prove → send → receive → verify → submit → confirm` in [`lane`].
//! See `ARCHITECTURE.md` for the floors.

pub mod api;
pub mod chains;
pub mod cli;
pub mod config;
pub mod daemon;
#[cfg(feature = "demo")]
pub mod demo;
pub mod lane;
pub mod metrics;
pub mod peers;
pub mod store;
pub mod telemetry;
