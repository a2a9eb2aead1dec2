//! The stages of a lane (`watch → prove → send → receive → verify → submit → confirm`), their ports and errors.
//!
//! Floor 3: it speaks floor 1's types and its own ports; no wire type, no node, no database is known here.
//!
//! [`watch`] runs once per chain; the rest run per lane, as one task group ([`run`]). Between stages there are small
//! items only (index ranges, in the [`book`]), backed by the journal, so a stage can die and start again alone.

pub mod audit;
pub mod book;
pub mod chain;
pub mod confirm;
pub mod drive;
pub mod error;
pub mod freeze;
pub mod keep;
pub mod live;
pub mod overdue;
pub mod ports;
pub mod prove;
pub mod receive;
pub mod refresh;
pub mod run;
pub mod send;
pub mod settings;
pub mod submit;
pub mod swaps;
pub mod sweep;
#[cfg(test)]
pub(crate) mod tests;
pub mod types;
pub mod verify;
pub mod watch;
