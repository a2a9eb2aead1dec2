//! Validator-contract mode (Besu): headers list nobody, the validators of the next block stand in a contract's
//! `address[]` after this one.

use alloy::primitives::{Address, B256, U256, keccak256};

use crate::{consensus::Validators, state::State};

/// Validators that are read at most; more than any header could list.
const VALIDATORS_MAX: u64 = 256;

/// Where the validators stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidatorContract {
    /// The contract.
    pub address: Address,
    /// The slot of the array's length.
    pub slot: u64,
}

impl ValidatorContract {
    fn element(self, index: u64) -> U256 {
        U256::from_be_bytes(keccak256(B256::from(U256::from(self.slot))).0).wrapping_add(U256::from(index))
    }

    /// The validators in force after a state.
    pub(crate) fn read(self, state: &State) -> Validators {
        let length = state.storage(self.address, B256::from(U256::from(self.slot)));
        let length = u64::try_from(length).unwrap_or(u64::MAX).min(VALIDATORS_MAX);
        Validators::new(
            (0..length)
                .map(|index| state.storage(self.address, self.element(index).into()))
                .map(|word| Address::from_word(word.into()))
                .collect(),
        )
    }

    /// The words of an array of validators, slot by slot.
    pub(crate) fn write(self, validators: &[Address], mut word: impl FnMut(U256, U256)) {
        word(U256::from(self.slot), U256::from(validators.len()));
        for (index, validator) in (0..).zip(validators) {
            word(self.element(index), validator.into_word().into());
        }
    }
}
