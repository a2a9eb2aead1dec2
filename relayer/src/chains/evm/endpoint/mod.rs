//! Several nodes of one chain behind one face.
//!
//! A node's [`Health`] is a value that changes by what was observed; whom to ask next is a pure function of these values
//! ([`order::order`]); [`Pool`] asks in that order until one answers, each call with a deadline; [`follow`] keeps the
//! newest head of every node, by subscription where a node offers one and by polling where it does not or goes quiet.
//! Nothing that a node says is believed here: proofs are checked by the light client, and a node that was shown to be
//! wrong is [`Health::Lied`] for a while.

mod call;
pub mod follow;
mod heads;
mod health;
pub mod order;
mod pool;
pub mod rpc;
mod socket;
mod states;

pub use call::{CallError, Need};
pub use health::{Health, Observation, Timing};
pub use pool::{Identity, Pool};
