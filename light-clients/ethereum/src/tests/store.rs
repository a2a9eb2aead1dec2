//! The specification's store beside the bridge's client: where they part, and that they part nowhere else.

use causeway_crypto::bls::Native;

use super::kit::*;
use crate::{
    Fork, Refusal,
    compose::{Plan, bootstrap},
    store::LightClientStore,
};

/// Without finality for a period the store takes a header that one member signed; the bridge never does.
#[test]
fn forced_updates_are_the_stores_alone() {
    let params = params(network(Fork::Fulu));
    let network = params.network;
    let committee = members(32, 1);
    let start = bootstrap(&network, 8, committee.committee());
    let pinned = start.header.beacon.root();
    let mut store = LightClientStore::initialize::<Native>(network, &pinned, &start).unwrap();
    let trusted = client(&params, 8, committee.committee());
    let plan = Plan { attested: 40, finalized: None, next: None, signature_slot: 41 };
    let by_one = plan.signed::<Native>(&network, &committee, |seat| seat == 0).unwrap();
    store.process_update::<Native>(&by_one, 41).unwrap();
    store.force_update::<Native>(8 + PERIOD).unwrap();
    assert_eq!(store.finalized().beacon.slot, 8, "not overdue yet");
    store.force_update::<Native>(9 + PERIOD).unwrap();
    assert_eq!(store.finalized(), &by_one.attested);
    assert!(matches!(refused(&params, &trusted, &by_one), Refusal::Update(_)));
}

/// Whatever the bridge takes, the store takes, and holds the same block final.
#[test]
fn the_bridge_takes_nothing_that_the_store_refuses() {
    for fork in Fork::ALL {
        let params = params(network(fork));
        let network = params.network;
        let (here, next) = (members(32, 1), members(32, 2));
        let start = bootstrap(&network, 8, here.committee());
        let pinned = start.header.beacon.root();
        let mut store = LightClientStore::initialize::<Native>(network, &pinned, &start).unwrap();
        let mut trusted = client(&params, 8, here.committee());
        let mut taken = 0;
        for (attested, finalized, by_next, teach, count) in [
            (20, 9, false, false, 32),
            (24, 16, false, false, 22),
            (30, 24, false, true, 21),
            (30, 24, false, true, 22),
            (50, 40, false, false, 32),
            (63, 48, true, false, 32),
            (70, 56, true, false, 30),
            (80, 64, true, true, 25),
            (81, 72, true, false, 0),
            (90, 80, false, false, 32),
        ] {
            let (signers, brought) = (if by_next { &next } else { &here }, teach.then(|| here.committee()));
            let brought = if attested < PERIOD { brought.map(|_| next.committee()) } else { brought };
            let plan = plan(&network, attested, finalized, brought);
            let update = plan.signed::<Native>(&network, signers, |seat| seat < count).unwrap();
            let by_store = store.process_update::<Native>(&update, attested + 1);
            match judge(&params, &trusted, &update) {
                Ok(verified) => {
                    assert_eq!(by_store, Ok(()), "{fork} {attested}");
                    trusted = verified.trusted;
                    taken += 1;
                }
                Err(Refusal::NotEnoughTrust { .. }) => {}
                Err(refusal) => assert_eq!(by_store, Err(refusal), "{fork} {attested}"),
            }
            assert_eq!(store.finalized().beacon.root(), trusted.header().root, "{fork} {attested}");
        }
        assert_eq!(taken, 7, "{fork}");
    }
}
