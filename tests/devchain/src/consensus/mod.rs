//! Istanbul-style BFT consensus as its headers show it: extra data, seals, proposers, votes.

mod extra;
mod operators;
mod seal;
#[cfg(test)]
mod tests;
mod validators;

pub use extra::Consensus;
pub(crate) use extra::{Extra, Vote};
pub(crate) use operators::Operators;
pub(crate) use seal::{Signer, block_hash, seal_header, whole_extra};
pub(crate) use validators::{Round, Validators};

use alloy::primitives::{B256, b256};

/// Every Istanbul-style header carries this mix hash ("ctical byzantine fault tolerance").
pub(crate) const MIX_HASH: B256 = b256!("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365");

/// Commit seals that a header of `validators` validators needs: ⌈2N/3⌉.
pub(crate) const fn quorum(validators: usize) -> usize {
    (2 * validators).div_ceil(3)
}
