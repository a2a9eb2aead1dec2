//! What the two ends of a lane agree on before the first header.

use alloy_primitives::{B256, keccak256};
use causeway_crypto::sm2::sm3;

/// Generation of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 2.x (checked with 2.9): RLP headers, 16-ary trees.
    V2,
    /// 3.x: headers hashed field by field, trees of groups.
    V3,
}

/// The chain's cryptography.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// keccak-256 and secp256k1; signatures are `r ‖ s ‖ v`.
    Ecdsa,
    /// SM3 and SM2; signatures are `r ‖ s ‖ public key`.
    Sm,
}

impl Suite {
    /// The suite's hash.
    pub fn hash(self, bytes: &[u8]) -> B256 {
        match self {
            Self::Ecdsa => keccak256(bytes),
            Self::Sm => sm3(bytes),
        }
    }
}

/// A share of weight that must be exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// Numerator.
    pub numerator: u16,
    /// Denominator, not zero.
    pub denominator: u16,
}

impl Threshold {
    /// One third: among more than a third of a set is an honest sealer.
    pub const ONE_THIRD: Self = Self { numerator: 1, denominator: 3 };

    /// The smallest weight of `of` that exceeds this share. A denominator of zero is never exceeded.
    pub const fn needed(self, of: u64) -> u64 {
        if self.denominator == 0 {
            return u64::MAX;
        }
        // 64 times 16 bits fit 128; a share above one is never reached.
        let share = of as u128 * self.numerator as u128 / self.denominator as u128;
        if share >= u64::MAX as u128 { u64::MAX } else { share as u64 + 1 }
    }
}

/// The client's parameters. Both ends compare them in `Hello`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Generation of the chain.
    pub version: Version,
    /// Its cryptography.
    pub suite: Suite,
    /// Children of a node in trees of version 3 (2 since 3.0; version 2 always has 16).
    pub tree_width: u8,
    /// Seconds for which a trusted state vouches for others.
    pub trusting_period: u64,
    /// Seconds that a header may be ahead of the verifier's clock.
    pub drift: u64,
    /// Share of the set in force whose sealers must sign to believe another set.
    pub trust_threshold: Threshold,
    /// Seconds after a freeze from which the last common block may be read.
    pub freeze_delay: u64,
}
