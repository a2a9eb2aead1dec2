//! What every chain and every relayer of Causeway agrees on, byte for byte.
//!
//! - [`lane`]: the id of one direction between two vaults;
//! - [`caip`]: chains, accounts and assets by their CAIP-2, CAIP-10 and CAIP-19 names;
//! - [`entry`]: what a chain writes into its outbox, as words and as a commitment;
//! - [`swap`]: the terms of a swap and its id;
//! - [`pack`]: the compact form in which entries travel in events and in calldata;
//! - [`tree`]: the append-only outbox tree, its peaks, and proofs that a run of entries stands in it;
//! - [`bounds`]: every limit, with its reason.
//!
//! The crate is pure: no I/O, no clock, no global state, `no_std` with `alloc`. Nothing in it panics on any input;
//! whatever is refused is refused with a typed value that carries what was expected and what was found.
//! The byte formats are described in `deploy/contracts/evm/README.md` and pinned by the vectors in `proto/vectors`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod bounds;
pub mod caip;
pub mod entry;
pub mod lane;
pub mod pack;
pub mod swap;
pub mod tree;

pub use caip::{AccountId, AssetId, Caip2};
pub use entry::{Body, Entry, EntryError, Kind, Reason, Returned, SwapLeg, Transfer};
pub use lane::{Lane, LaneEnd, LaneId};
pub use swap::{Leg, Terms, TermsError};
pub use tree::{Anchor, OutboxTree, RangeRefusal};

pub use alloy_primitives::{B256, U256};
