//! The 32-bit form of a target ("nBits") and the work that a target stands for, as `arith_uint256` of Bitcoin Core 30
//! has them.

use alloy_primitives::U256;
use thiserror::Error;

use crate::BlockHash;

/// Bits that are no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BitsFault {
    /// The sign bit is set.
    #[error("negative target")]
    Negative,
    /// Nothing meets it.
    #[error("target zero")]
    Zero,
    /// Beyond 256 bits.
    #[error("target beyond 256 bits")]
    Overflow,
    /// Easier than the network allows.
    #[error("target above the network's limit {limit:08x}")]
    AboveLimit {
        /// The network's limit, compact.
        limit: u32,
    },
}

/// Work that was claimed and not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WorkFault {
    /// The bits are no target.
    #[error("bits {bits:08x}: {fault}")]
    Bits {
        /// The bits.
        bits: u32,
        /// What is wrong with them.
        fault: BitsFault,
    },
    /// The hash is above the target.
    #[error("hash {hash} is above the target {target:#x}")]
    HashAboveTarget {
        /// The target.
        target: U256,
        /// The hash.
        hash: BlockHash,
    },
}

/// The target that `bits` stands for.
///
/// # Errors
/// It is negative, zero or beyond 256 bits. (`SetCompact` and the first half of `DeriveTarget`.)
pub fn target_of(bits: u32) -> Result<U256, BitsFault> {
    let (size, mantissa) = (bits >> 24, bits & 0x007f_ffff);
    let word = if size <= 3 { mantissa >> (8 * (3 - size)) } else { mantissa };
    if word == 0 {
        return Err(BitsFault::Zero);
    }
    if bits & 0x0080_0000 != 0 {
        return Err(BitsFault::Negative);
    }
    if size > 34 || (word > 0xff && size > 33) || (word > 0xffff && size > 32) {
        return Err(BitsFault::Overflow);
    }
    let word = U256::from(word);
    Ok(if size <= 3 { word } else { word << (8 * (size as usize - 3)) })
}

/// The bits of a target: its three highest bytes, rounded down (`GetCompact`).
pub fn bits_of(target: U256) -> u32 {
    let mut size = target.bit_len().div_ceil(8);
    let shifted = if size <= 3 { target << (8 * (3 - size)) } else { target >> (8 * (size - 3)) };
    // At most three bytes are left.
    let mut mantissa = shifted.wrapping_to::<u32>();
    if mantissa & 0x0080_0000 != 0 {
        mantissa >>= 8;
        size += 1;
    }
    mantissa | ((size as u32) << 24)
}

/// Hashes that a block under `target` takes on average: floor(2^256 / (target + 1)) (`GetBlockProof`).
pub fn work_of_target(target: U256) -> U256 {
    match target.checked_add(U256::ONE) {
        Some(above) => (!target / above).wrapping_add(U256::ONE),
        None => U256::ONE,
    }
}

/// Work of one block with these bits.
///
/// # Errors
/// They are no target.
pub fn work_of(bits: u32) -> Result<U256, BitsFault> {
    target_of(bits).map(work_of_target)
}

/// A target, with what is derived from it kept beside: headers of one period share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) bits: u32,
    pub(crate) target: U256,
    pub(crate) work: U256,
}

impl Target {
    /// The target of bits that are within the network's limit.
    pub(crate) fn within(bits: u32, limit: u32) -> Result<Self, BitsFault> {
        let target = target_of(bits)?;
        if target > target_of(limit)? {
            return Err(BitsFault::AboveLimit { limit });
        }
        Ok(Self { bits, target, work: work_of_target(target) })
    }

    /// Whether a hash, as a number, is at most the target.
    pub(crate) fn met_by(&self, hash: &BlockHash) -> bool {
        U256::from_le_bytes(hash.0) <= self.target
    }
}

/// Whether `hash` meets `bits`, and these are within `limit` (`CheckProofOfWork`). Gives the target.
///
/// # Errors
/// The rule that is broken.
pub fn check_work(hash: &BlockHash, bits: u32, limit: u32) -> Result<U256, WorkFault> {
    let target = Target::within(bits, limit).map_err(|fault| WorkFault::Bits { bits, fault })?;
    if target.met_by(hash) {
        return Ok(target.target);
    }
    Err(WorkFault::HashAboveTarget { target: target.target, hash: *hash })
}
