//! A well-formed update with fuzzed bytes, signed by nobody of the committee: never accepted, never a panic.
//!
//! The first bytes choose fork and kind; the rest overwrites the update from a chosen place on, so that the reader is
//! passed and the rules are reached.
#![no_main]

use std::sync::OnceLock;

use alloy_primitives::B256;
use causeway_crypto::bls::Native;
use causeway_ethereum::{
    Committee, Fork, ForkStart, Kind, NEVER, Network, Params, Preset, TrustedState,
    compose::{Members, Plan, bootstrap, header},
    conflict, update::seal, verify,
};
use libfuzzer_sys::fuzz_target;

/// The committee that is trusted, and the one that signs.
fn members() -> &'static [Members; 2] {
    static MEMBERS: OnceLock<[Members; 2]> = OnceLock::new();
    MEMBERS.get_or_init(|| [1, 2].map(|seed| Members::new::<Native>(32, seed).expect("keys")))
}

fn network(fork: Fork) -> Network {
    let mut network = Network { preset: Preset::MINIMAL, ..Network::SEPOLIA };
    for (start, other) in network.forks.iter_mut().zip(Fork::ALL) {
        *start = ForkStart { epoch: if other <= fork { 0 } else { NEVER }, ..*start };
    }
    network
}

fuzz_target!(|bytes: &[u8]| {
    let Some(([fork, kind, at_high, at_low], patch)) = bytes.split_first_chunk::<4>() else { return };
    let fork = Fork::ALL[usize::from(fork % 6)];
    let network = network(fork);
    let [trusted, signers] = members();
    let params = Params { network, trusting_period: 1_000_000, drift: 10, freeze_delay: 60 };
    let start = bootstrap(&network, 8, trusted.committee());
    let Ok(committee) = Committee::new::<Native>(trusted.committee()) else { return };
    let begun = [&[fork as u8], start.encode(&network).as_slice()].concat();
    let now = network.time_of(41);
    let pinned = start.header.beacon.root();
    let Ok(client) = TrustedState::begin::<Native>(&params, &pinned, &begun, now) else { return };
    assert_eq!(client.current(), &committee);
    let finalized = Some(header(&network, 24, B256::repeat_byte(3), B256::repeat_byte(4)));
    let next = (kind & 1 == 1).then(|| signers.committee());
    let plan = Plan { attested: 40, finalized, next, signature_slot: 41 };
    let Ok(update) = plan.signed::<Native>(&network, signers, |seat| seat < 22) else { return };
    let kind = if next.is_some() { Kind::Full } else { Kind::Finality };
    let mut wire = seal(kind, fork, &update.encode(&network, kind));
    let at = usize::from(u16::from_be_bytes([*at_high, *at_low])) % wire.len();
    wire.iter_mut().skip(at).zip(patch).for_each(|(byte, new)| *byte = *new);
    for now in [now, now + 500_000] {
        assert!(verify(&params, &client, &wire, now).is_err());
        assert!(conflict(&params, &client, &wire, &wire, now).is_err());
    }
});
