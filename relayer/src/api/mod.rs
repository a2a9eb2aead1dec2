//! What operators, their tools and exchanges reach: the admin socket, the probes, the exchange service. Each on its own
//! listener (ATK-100).
//!
//! - [`control`]: what the daemon must answer, as one trait;
//! - [`admin`]: the gRPC service over it, on a Unix socket with mode 0600 ([`socket`]), every call in the [`audit`] log;
//! - `exchange`: the gRPC service for exchanges and wallets, on TLS with scopes ([`config`]);
//! - [`probes`]: `/metrics`, `/healthz`, `/readyz` over HTTP, no actions ([`health`]).
//!
//! Floor 4: it knows floors 1 to 3, and asks the daemon through [`control::Control`] only.

pub mod admin;
pub mod audit;
pub mod config;
pub mod control;
pub(crate) mod exchange;
pub mod health;
pub mod names;
pub mod probes;
pub mod socket;

#[cfg(test)]
mod admin_tests;
#[cfg(test)]
mod probes_tests;
