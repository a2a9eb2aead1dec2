#![no_std]
//! Light client of Bitcoin.
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod compact;
mod conflict;
mod context;
pub mod hash;
mod header;
pub mod merkle;
pub mod merkle_block;
pub mod params;
pub mod payment;
pub mod proof;
mod refusal;
mod state;
pub mod transaction;
pub mod verify;

pub use compact::{BitsFault, WorkFault};
pub use conflict::{Misbehaviour, Rival, conflict};
pub use context::{Block, Context, Period, Vouched, next_period_bits};
pub use hash::{BlockHash, Txid};
pub use header::{HEADER_BYTES, Header};
pub use params::{Params, ParamsFault, Rules};
pub use refusal::Refusal;
pub use state::{Freeze, Pin, StateFault, TrustedState};
pub use transaction::{Output, Transaction, TxFault};
pub use verify::{Accepted, Effect, Verified, verify};

#[cfg(test)]
mod tests;
