//! What a revert says, by the selector of its error. The names come from the contracts' artefacts, so that a new error
//! there has its name here.

use super::artefacts::Artefact;
use alloy::primitives::Selector;
use std::{collections::HashMap, sync::LazyLock};

/// Artefacts with the errors of everything that a delivery or an operator's call can meet.
const SPEAKERS: [Artefact; 7] = [
    Artefact::VAULT,
    Artefact::VAULT_ADMIN,
    Artefact::VAULT_SWAPS,
    Artefact::CLIENT,
    Artefact::COUNCIL,
    Artefact::OUTBOX,
    Artefact::VOUCHER_ERC20,
];

static NAMES: LazyLock<HashMap<Selector, String>> = LazyLock::new(|| {
    let compiled = SPEAKERS.iter().filter_map(|artefact| artefact.read().ok());
    compiled.flat_map(|c| c.abi.errors.into_values().flatten()).map(|e| (e.selector(), e.name)).collect()
});

/// The error's name, or its selector where it has none here.
pub fn name(data: &[u8]) -> String {
    let Some(selector) = data.first_chunk::<4>() else { return "no reason given".to_owned() };
    NAMES.get(selector).cloned().unwrap_or_else(|| format!("error 0x{}", hex::encode(selector)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::keccak256;

    #[test]
    fn errors_of_the_contracts_have_their_names() {
        for (signature, expected) in [
            ("NotEnoughGas()", "NotEnoughGas"),
            ("UnknownLane(bytes32)", "UnknownLane"),
            ("NotCouncil()", "NotCouncil"),
            ("WrongLane(bytes32,bytes32)", "WrongLane"),
        ] {
            assert_eq!(name(&keccak256(signature)[..4]), expected);
        }
        assert_eq!(name(&[1, 2, 3, 4, 5]), "error 0x01020304");
        assert_eq!(name(&[1]), "no reason given");
    }
}
