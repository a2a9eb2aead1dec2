//! What operators and their tools reach: the admin socket and the probes. Each on its own listener (ATK-100).
//!
//! - [`control`]: what the daemon must answer, as one trait;
//! - [`admin`]: the gRPC service over it, on a Unix socket with mode 0600 ([`socket`]), every call in the [`audit`] log;
//! - [`probes`]: `/metrics`, `/healthz`, `/readyz` over HTTP, no actions ([`health`]).
//!
//! Floor 4: it knows floors 1 to 3, and asks the daemon through [`control::Control`] only.

pub mod admin;
pub mod audit;
pub mod control;
pub mod health;
pub mod names;
pub mod probes;
pub mod socket;

#[cfg(test)]
mod admin_tests;
#[cfg(test)]
mod probes_tests;
