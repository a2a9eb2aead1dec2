//! A made-up chain of the minimal preset, and one of 512 seats.

use std::vec::Vec;

use alloy_primitives::B256;
use causeway_crypto::bls::Native;

use crate::{
    Bootstrap, Fork, ForkStart, LightClientHeader, NEVER, Network, Params, Preset, Refusal, SyncCommittee,
    TrustedState, Update, Verified,
    compose::{Members, Plan, bootstrap, header},
    verify_with,
};

/// Slots of a period of the minimal preset.
pub(super) const PERIOD: u64 = 64;

/// A chain on which `fork` is in force from genesis on, and none later.
pub(super) fn network(fork: Fork) -> Network {
    let mut network = Network {
        preset: Preset::MINIMAL,
        genesis_validators_root: B256::repeat_byte(9),
        genesis_time: 1_800_000_000,
        seconds_per_slot: 6,
        ..Network::SEPOLIA
    };
    for (start, other) in network.forks.iter_mut().zip(Fork::ALL) {
        *start = ForkStart { epoch: if other <= fork { 0 } else { NEVER }, version: [other as u8, 0, 0, 1] };
    }
    network
}

pub(super) fn params(network: Network) -> Params {
    Params { network, trusting_period: 100_000, drift: 10, freeze_delay: 1_000 }
}

pub(super) fn members(seats: usize, seed: u64) -> Members {
    Members::new::<Native>(seats, seed).unwrap()
}

pub(super) fn wire(network: &Network, start: &Bootstrap) -> Vec<u8> {
    [&[start.fork as u8], start.encode(network).as_slice()].concat()
}

/// A client that starts in `slot`.
pub(super) fn client(params: &Params, slot: u64, committee: &SyncCommittee) -> TrustedState {
    let start = bootstrap(&params.network, slot, committee);
    let now = params.network.time_of(slot);
    let pinned = start.header.beacon.root();
    TrustedState::begin::<Native>(params, &pinned, &wire(&params.network, &start), now).unwrap()
}

/// A header in `slot` that nothing depends on.
pub(super) fn final_header(network: &Network, slot: u64) -> LightClientHeader {
    header(network, slot, B256::repeat_byte(3), B256::repeat_byte(4))
}

/// An update that attests slot `attested`, holds `finalized` final, is signed in the next slot by everybody.
pub(super) fn update(network: &Network, members: &Members, attested: u64, finalized: u64) -> Update {
    plan(network, attested, finalized, None).signed::<Native>(network, members, |_| true).unwrap()
}

pub(super) fn plan<'a>(network: &Network, attested: u64, finalized: u64, next: Option<&'a SyncCommittee>) -> Plan<'a> {
    let finalized = Some(final_header(network, finalized));
    Plan { attested, finalized, next, signature_slot: attested + 1 }
}

/// The verdict at the time of the signature.
pub(super) fn judge(params: &Params, trusted: &TrustedState, update: &Update) -> Result<Verified, Refusal> {
    let now = params.network.time_of(update.signature_slot);
    verify_with::<Native>(params, trusted, &update.to_wire(&params.network), now)
}

/// The refusal of an update that must be refused.
pub(super) fn refused(params: &Params, trusted: &TrustedState, update: &Update) -> Refusal {
    judge(params, trusted, update).map(|verified| verified.header.slot).expect_err("must be refused")
}
