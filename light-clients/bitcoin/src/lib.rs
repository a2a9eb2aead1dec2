#![no_std]
//! Light client of Bitcoin: headers by work, transactions in them, and the payment leg of a swap.
//!
//! # What it verifies
//! That a run of headers is valid by the consensus rules that headers know (links, retargeting with its clamp, proof of
//! work, median time past, the limit into the future, versions), for mainnet and, as parameters, testnet3, testnet4, signet
//! and regtest; which of two chains holds more work; and that a block is confirmed by work, not by a number of blocks. Under
//! a confirmed block: that a transaction is in it, and is the agreed payment. Sources: Bitcoin Core 30 (`pow.cpp`,
//! `validation.cpp`: `CheckBlockHeader`, `ContextualCheckBlockHeader`; `merkleblock.cpp`; `arith_uint256.cpp`;
//! `chainparams.cpp`), BIP 34, 37, 54, 65, 66, 94, 113, 141, 144. The rules stand in [`verify::RULES`] in their order.
//!
//! # What it trusts
//! A block that the configuration pins by height and hash ([`TrustedState::begin`]); double SHA-256; and that nobody makes
//! the agreed work on a chain that is kept from everybody else. The work of finality is absolute: choose it from what a
//! swap is worth. The trusting period bounds what somebody could do who keeps the honest chain away for long.
//!
//! # What it does not check, and why
//! - Blocks: headers are believed by their work, so that who mines an invalid block is believed as long as no heavier
//!   valid chain is shown. This is what a light client of Bitcoin can know; the work asked for is the price of the lie.
//! - Signet's block signatures: they stand in the coinbase. [`Rules::SIGNET`] proves nothing of worth.
//! - The time of blocks before a vouched state ([`Context::vouched`]): its maker vouches for them. A start from a pin
//!   asks for them instead.
//! - Whether an output is spent, and whether a coinbase is mature: a payment counts when it is made.
//! - Signatures and witnesses: the id covers neither, and work stands for both.
//!
//! # Two branches for one transaction
//! The tree of a block commits to no depth, number of leaves or kind of node. So a proof brings the coinbase and its branch as
//! well: both must be as deep as each other, neither may have 64 bytes, and no step may stand on the right of its own copy.
//! See [`merkle`] and [`proof`].
//!
//! # Judged differences from `rust-bitcoin` 0.32
//! Never more is accepted here than there (`src/tests/differential.rs`); less is accepted of: bits that are negative or beyond
//! 256 bits (read as zero or cut off there, refused by Bitcoin Core); transactions without outputs or with outputs of
//! more than 21 million bitcoins; set bits in the padding of a partial tree.
//!
//! # Speed
//! Runs of headers are hashed four at a time on processors with SHA extensions ([`hash`]). `tests/bench` compares with
//! `rust-bitcoin` doing the same work. With one header at a time the unit for SHA is half idle; with four its rounds and the
//! message schedule fill it, and most of the time from bytes to verdict is spent there.
//!
//! # Example
//! ```
//! use alloy_primitives::{U256, hex};
//! use causeway_bitcoin::{Effect, Params, Pin, Rules, TrustedState, params::FUTURE_LIMIT, verify};
//!
//! let (rules, final_work) = (Rules::MAINNET, Params::work_of_blocks(6, Rules::MAINNET.limit)?);
//! let (window, trusting_period, drift, freeze_delay) = (2_016, 14 * 86_400, FUTURE_LIMIT, 86_400);
//! let params = Params { rules, final_work, window, trusting_period, drift, freeze_delay };
//! let pin = Pin { height: 0, hash: rules.genesis, work: U256::ZERO };
//! # let genesis = hex!("0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c");
//! # let block_1 = hex!("010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000000000000000000000000000000000000000000000000000000000000000000081ad5f49ffff001def59910b");
//! let client = TrustedState::begin(&params, &pin, &genesis, 1_231_100_000)?;
//! let verified = verify(&params, &client, &block_1, 1_231_500_000)?;
//! assert_eq!((verified.effect, verified.trusted.tip().height()), (Effect::Extended, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
