//! Bitcoin: headers by work, Merkle proofs, transactions.
//!
//! | module | formats |
//! |---|---|
//! | [`chain`] | runs and trees of headers, in JSON or as bare bytes; difficulty periods; chain states; stale blocks; BIP 54 times |
//! | [`relay`] | test vectors of relay contracts: chains, retargets, the heaviest of two, ancestors |
//! | [`spv`] | test vectors of SPV libraries: Merkle proofs, transactions, lengths, targets |
//! | [`proofs`] | `gettxoutproof`, proofs with the coinbase's branch, transactions of 64 bytes |
//!
//! Where a file begins in the middle of a chain, its first header is vouched for: its height by the file, the times of the
//! blocks before it as older than any, the first block of its period by the file where it is there. Where that is
//! not there, the client must say so at the next retarget ([`causeway_bitcoin::Refusal::PeriodStartUnknown`]); the header
//! there is then vouched for as well.

pub mod chain;
pub mod proofs;
pub mod relay;
pub mod spv;
pub mod tree;

use crate::cases::Format;

/// The formats, special ones first: [`chain::tree`] takes any JSON with headers in it.
pub const FORMATS: [Format; 15] = [
    chain::bare_headers,
    chain::periods,
    chain::states,
    chain::stale_block,
    chain::bip54_times,
    chain::next_work,
    chain::claimed_work,
    proofs::out_proofs,
    proofs::with_coinbase,
    proofs::transaction_sizes,
    relay::contract,
    relay::reorganisation,
    spv::library,
    spv::proofs,
    chain::tree,
];
