//! Who seals: public keys with weights, in the order of the header.

use alloc::{collections::BTreeSet, vec::Vec};

use crate::Refusal;

/// Sealers of one set. Chains of this kind have tens; PBFT's messages grow with the square.
pub const MAX_SEALERS: usize = 512;

/// A sealer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealer {
    /// Public key, x ‖ y.
    pub key: [u8; 64],
    /// Weight; 1 in version 2.
    pub weight: u64,
}

/// Sealers of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealerSet {
    sealers: Vec<Sealer>,
    total: u64,
}

impl SealerSet {
    /// A set in its order.
    ///
    /// # Errors
    /// It is empty or too large, lists somebody twice, or a weight is zero.
    pub fn new(sealers: Vec<Sealer>) -> Result<Self, Refusal> {
        match sealers.len() {
            0 => return Err(Refusal::EmptySet),
            1..=MAX_SEALERS => {}
            found => return Err(Refusal::TooLarge { what: "sealers", limit: MAX_SEALERS, found }),
        }
        let mut seen = BTreeSet::new();
        let mut total = 0u64;
        for (index, sealer) in sealers.iter().enumerate() {
            if !seen.insert(&sealer.key) {
                return Err(Refusal::DuplicateSealer { index });
            }
            if sealer.weight == 0 {
                return Err(Refusal::Weights);
            }
            total = total.checked_add(sealer.weight).ok_or(Refusal::Weights)?;
        }
        Ok(Self { sealers, total })
    }

    /// The sealers.
    pub fn sealers(&self) -> &[Sealer] {
        &self.sealers
    }

    /// Sum of the weights.
    pub const fn total_weight(&self) -> u64 {
        self.total
    }

    /// Weight that must sign: `n − ⌊(n − 1) / 3⌋` (PBFT's `minRequiredQuorum`).
    pub const fn quorum(&self) -> u64 {
        // A set is not empty.
        self.total - self.total.saturating_sub(1) / 3
    }

    /// Weight of a key in this set.
    pub fn weight_of(&self, key: &[u8; 64]) -> u64 {
        self.sealers.iter().find(|sealer| sealer.key == *key).map_or(0, |sealer| sealer.weight)
    }
}
