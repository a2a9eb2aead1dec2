//! Who runs the validators: their keys, which of them are stopped, and what they are told to vote for. This belongs to the
//! world outside the chain: taking blocks off does not change it.

use std::collections::{BTreeMap, BTreeSet};

use alloy::primitives::{Address, map::AddressMap};

use super::{Signer, Vote};

/// All validators' operators.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operators {
    signers: AddressMap<Signer>,
    /// What every validator proposes when its turn comes.
    proposals: BTreeMap<Address, bool>,
    down: BTreeSet<Address>,
}

impl Operators {
    pub(crate) fn new(signers: impl IntoIterator<Item = Signer>) -> Self {
        let signers = signers.into_iter().map(|signer| (signer.address(), signer)).collect();
        Self { signers, ..Self::default() }
    }

    /// Everybody whose key is known.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        self.signers.keys().copied().collect()
    }

    /// Makes a key known, so that its validator can seal once it is a validator.
    pub(crate) fn enlist(&mut self, signer: Signer) {
        self.signers.insert(signer.address(), signer);
    }

    /// Lets every validator vote for a change from its next turn on.
    pub(crate) fn propose(&mut self, candidate: Address, add: bool) {
        self.proposals.insert(candidate, add);
    }

    /// Stops or restarts a validator.
    pub(crate) fn set_down(&mut self, validator: Address, down: bool) {
        if down {
            self.down.insert(validator);
        } else {
            self.down.remove(&validator);
        }
    }

    /// The key of a validator, whether it is up or not.
    pub(crate) fn signer(&self, validator: &Address) -> Option<&Signer> {
        self.signers.get(validator)
    }

    /// The key of a validator that is up.
    pub(crate) fn alive(&self, validator: &Address) -> Option<&Signer> {
        self.signer(validator).filter(|_| !self.down.contains(validator))
    }

    /// Everything proposed now.
    pub(crate) fn votes(&self) -> impl Iterator<Item = Vote> + '_ {
        self.proposals.iter().map(|(candidate, add)| Vote { candidate: *candidate, add: *add })
    }
}
