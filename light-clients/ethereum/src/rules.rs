//! `validate_light_client_update` of the consensus specification (v1.6.1, altair/light-client/sync-protocol.md with the
//! changes of Capella, Deneb and Electra), one small predicate per assertion.
//!
//! Both the specification's own store ([`crate::store`]) and the bridge's [`crate::verify`] stand on these.

use causeway_crypto::bls::{Bls, ETHEREUM_DST};

use crate::{
    Committee, Fork, LightClientHeader, Network, Refusal, Update,
    fork::proves,
    refusal::{NextKnown, Which},
    update::{Finality, NextCommittee},
};

/// What a store knows: the newest final slot, and the committees of its period and the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    pub(crate) slot: u64,
    pub(crate) current: &'a Committee,
    pub(crate) next: Option<&'a Committee>,
}

/// Everything that the specification asserts of an update, at the slot `now`.
pub(crate) fn validate<B: Bls>(network: &Network, known: &Known<'_>, update: &Update, now: u64) -> Result<(), Refusal> {
    shape_of_its_fork(network, update.attested.beacon.slot, update.fork)?;
    anybody_signed(network, update)?;
    header(network, Which::Attested, &update.attested)?;
    slots_in_order(update, now)?;
    period_known(network, known, update)?;
    relevant(network, known, update)?;
    if let Some(finality) = &update.finality {
        finalized(network, update, finality)?;
    }
    if let Some(next) = &update.next {
        next_committee(network, known, update, next)?;
    }
    signature::<B>(network, known, update)
}

/// The encoding's shape follows from the fork at the slot (`compute_fork_digest` of the transport).
pub(crate) fn shape_of_its_fork(network: &Network, slot: u64, found: Fork) -> Result<(), Refusal> {
    let expected = network.fork_at_slot(slot);
    if expected == Some(found) { Ok(()) } else { Err(Refusal::WrongFork { slot, expected, found }) }
}

/// `assert sum(sync_aggregate.sync_committee_bits) >= MIN_SYNC_COMMITTEE_PARTICIPANTS`.
fn anybody_signed(network: &Network, update: &Update) -> Result<(), Refusal> {
    match update.aggregate.bits.count() {
        0 => Err(Refusal::NotEnoughTrust { needed: 1, found: 0, of: network.preset.committee_size }),
        _ => Ok(()),
    }
}

/// `assert is_valid_light_client_header(header)`.
pub(crate) fn header(network: &Network, which: Which, header: &LightClientHeader) -> Result<(), Refusal> {
    header.check(network).map_err(|fault| Refusal::Header { which, fault })
}

/// `assert current_slot >= update.signature_slot > update_attested_slot >= update_finalized_slot`.
fn slots_in_order(update: &Update, now: u64) -> Result<(), Refusal> {
    let (signature, attested) = (update.signature_slot, update.attested.beacon.slot);
    let finalized = update.finalized_slot();
    if now >= signature && signature > attested && attested >= finalized {
        return Ok(());
    }
    Err(Refusal::SlotOrder { now, signature, attested, finalized })
}

/// The signature's period is the store's, or the next one where its committee is known.
fn period_known(network: &Network, known: &Known<'_>, update: &Update) -> Result<(), Refusal> {
    let (from, found) = (network.preset.period(known.slot), network.preset.period(update.signature_slot));
    if found == from || (known.next.is_some() && found.checked_sub(1) == Some(from)) {
        return Ok(());
    }
    Err(Refusal::UnknownCommittee { from, and: NextKnown(known.next.is_some()), found })
}

/// The update is newer, or it brings the next committee that is missing.
fn relevant(network: &Network, known: &Known<'_>, update: &Update) -> Result<(), Refusal> {
    let attested = update.attested.beacon.slot;
    let of_this_period = network.preset.period(attested) == network.preset.period(known.slot);
    if attested > known.slot || (known.next.is_none() && update.next.is_some() && of_this_period) {
        return Ok(());
    }
    Err(Refusal::NotNewer { attested, trusted: known.slot })
}

/// The finality branch confirms the finalized header in the attested header's state.
fn finalized(network: &Network, update: &Update, finality: &Finality) -> Result<(), Refusal> {
    let beacon = &finality.header.beacon;
    let leaf = if beacon.slot == 0 {
        // `GENESIS_SLOT`: the state names no finalized block yet, and neither may the update.
        if !finality.header.is_empty() {
            return Err(Refusal::NotFinal);
        }
        alloy_primitives::B256::ZERO
    } else {
        header(network, Which::Finalized, &finality.header)?;
        beacon.root()
    };
    let root = update.attested.beacon.state_root;
    if proves(leaf, &finality.branch, update.fork.finalized_root(), &root) {
        return Ok(());
    }
    Err(Refusal::Branch { what: Which::Finalized, leaf, root })
}

/// The next committee is the one known, and stands in the attested header's state.
fn next_committee(network: &Network, known: &Known<'_>, update: &Update, next: &NextCommittee) -> Result<(), Refusal> {
    let found = next.committee.root();
    let attested = &update.attested.beacon;
    if let Some(expected) = known.next.map(Committee::root)
        && network.preset.period(attested.slot) == network.preset.period(known.slot)
        && found != expected
    {
        return Err(Refusal::OtherCommittee { expected, found });
    }
    if proves(found, &next.branch, update.fork.next_committee(), &attested.state_root) {
        return Ok(());
    }
    Err(Refusal::Branch { what: Which::NextCommittee, leaf: found, root: attested.state_root })
}

/// The participants of the committee of the signature's period signed the attested header.
fn signature<B: Bls>(network: &Network, known: &Known<'_>, update: &Update) -> Result<(), Refusal> {
    let own_period = network.preset.period(update.signature_slot) == network.preset.period(known.slot);
    let committee = if own_period { known.current } else { known.next.unwrap_or(known.current) };
    let (block, signature_slot) = (update.attested.beacon.root(), update.signature_slot);
    let signing_root = network.signing_root(&block, signature_slot);
    let key = committee.signing_key::<B>(&update.aggregate.bits);
    key.and_then(|key| B::verify(&key, signing_root.as_slice(), ETHEREUM_DST, &update.aggregate.signature))
        .map_err(|fault| Refusal::BadSignature { block, signature_slot, fault })
}
