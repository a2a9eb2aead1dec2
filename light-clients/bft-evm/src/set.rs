//! Validator sets: how many are enough, and the hash by which a contract knows one.

use alloc::{collections::BTreeSet, vec::Vec};

use alloy_primitives::{Address, B256, Keccak256};

use crate::{MAX_VALIDATORS, Refusal};

/// First byte of a 20-byte string in RLP.
const ADDRESS_HEADER: u8 = 0x80 + 20;

/// Bytes of a validator in a header's list: RLP header and address.
pub(crate) const LISTED_BYTES: usize = 21;

/// Seals that commit a block of `validators`: ⌈2N/3⌉ (Besu `BftHelpers.calculateRequiredValidatorQuorum`; GoQuorum
/// from `ceil2Nby3Block` on).
pub const fn quorum(validators: usize) -> usize {
    (2 * validators).div_ceil(3)
}

/// Keccak-256 over the payload of the RLP list of `validators`: 21 bytes each, in the list's order.
pub fn set_hash<'a>(validators: impl IntoIterator<Item = &'a Address>) -> B256 {
    let mut hasher = Keccak256::new();
    for validator in validators {
        hasher.update([ADDRESS_HEADER]);
        hasher.update(validator);
    }
    hasher.finalize()
}

/// A set in the order of the header that listed it: 1 to 256 validators, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet {
    validators: Vec<Address>,
    hash: B256,
}

impl ValidatorSet {
    /// Takes a list over as a set.
    ///
    /// # Errors
    /// [`Refusal::EmptySet`], [`Refusal::TooManyValidators`] or [`Refusal::DuplicateValidator`].
    pub fn new(validators: Vec<Address>) -> Result<Self, Refusal> {
        check_size(validators.len())?;
        if let Some(address) = first_duplicate(&validators) {
            return Err(Refusal::DuplicateValidator { address });
        }
        let hash = set_hash(&validators);
        Ok(Self { validators, hash })
    }

    /// The validators in their order.
    pub fn as_slice(&self) -> &[Address] {
        &self.validators
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty)] // A set is never empty.
    pub fn len(&self) -> usize {
        self.validators.len()
    }

    /// The hash by which the contract knows the set; see [`set_hash`].
    pub const fn hash(&self) -> B256 {
        self.hash
    }
}

/// Set non-empty, at most [`MAX_VALIDATORS`].
pub(crate) fn check_size(count: usize) -> Result<(), Refusal> {
    match count {
        0 => Err(Refusal::EmptySet),
        1..=MAX_VALIDATORS => Ok(()),
        found => Err(Refusal::TooManyValidators { limit: MAX_VALIDATORS, found }),
    }
}

/// A validator that stands twice in the list. Counted twice it could be a quorum by itself.
pub(crate) fn first_duplicate(validators: &[Address]) -> Option<Address> {
    // The usual list is sorted: then neighbours tell.
    if validators.is_sorted_by(|a, b| a < b) {
        return None;
    }
    let mut seen = BTreeSet::new();
    validators.iter().find(|validator| !seen.insert(**validator)).copied()
}
