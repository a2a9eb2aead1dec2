//! What has to be accepted.

use std::vec::Vec;

use causeway_crypto::bls::{Native, Portable};

use super::kit::*;
use crate::{Fork, ForkStart, Network, Params, ParamsFault, Refusal, TrustedState, verify_with};

#[test]
fn every_fork_moves_the_client() {
    let committee = members(32, 1);
    for fork in Fork::ALL {
        let params = params(network(fork));
        assert_eq!(params.check(), Ok(()));
        let trusted = client(&params, 8, committee.committee());
        let update = update(&params.network, &committee, 40, 24);
        let verified = judge(&params, &trusted, &update).unwrap();
        assert_eq!(verified.header.slot, 24);
        assert_eq!(verified.trusted.slot(), 24);
        assert_eq!(verified.header.execution.is_some(), fork.has_execution());
        let now = params.network.time_of(41);
        let portable = verify_with::<Portable>(&params, &trusted, &update.to_wire(&params.network), now);
        assert_eq!(portable, Ok(verified));
    }
}

/// Updates across a period's edge: the next committee is learnt, takes over, and the one after is learnt.
#[test]
fn atk_054_committees_hand_over() {
    let params = params(network(Fork::Fulu));
    let network = &params.network;
    let committees: Vec<_> = (0..4).map(|seed| members(32, seed)).collect();
    let mut trusted = client(&params, 8, committees[0].committee());
    for period in 0..3u64 {
        let (here, next) = (&committees[period as usize], committees[period as usize + 1].committee());
        let first = period * PERIOD;
        let plan = plan(network, first + 40, first + 24, Some(next));
        let teach = plan.signed::<Native>(network, here, |_| true).unwrap();
        trusted = judge(&params, &trusted, &teach).unwrap().trusted;
        assert_eq!(trusted.next().unwrap().root(), next.root());
        assert_eq!(trusted.current().root(), here.committee().root());
        // The edge: attested in the period's last slot, signed in the next one's first, by the next committee.
        let last = first + PERIOD - 1;
        let by_old = update(network, here, last, first + 48);
        assert!(matches!(refused(&params, &trusted, &by_old), Refusal::BadSignature { .. }));
        let by_new = update(network, &committees[period as usize + 1], last, first + 48);
        trusted = judge(&params, &trusted, &by_new).unwrap().trusted;
        assert_eq!(trusted.current().root(), here.committee().root());
        // The first block that is final in the next period moves the committees on.
        let over = update(network, &committees[period as usize + 1], first + PERIOD + 24, first + PERIOD);
        let moved = judge(&params, &trusted, &over).unwrap().trusted;
        assert_eq!(moved.current().root(), next.root());
        assert_eq!(moved.next(), None);
        trusted = moved;
    }
}

/// An older header moves nothing, but may bring the next committee.
#[test]
fn an_older_header_may_teach_the_next_committee() {
    let params = params(network(Fork::Deneb));
    let (here, next) = (members(32, 1), members(32, 2));
    let trusted = client(&params, 32, here.committee());
    let teach = plan(&params.network, 30, 16, Some(next.committee()));
    let teach = teach.signed::<Native>(&params.network, &here, |_| true).unwrap();
    let verified = judge(&params, &trusted, &teach).unwrap();
    assert_eq!((verified.header.slot, verified.trusted.slot()), (16, 32));
    assert_eq!(verified.trusted.next().unwrap().root(), next.committee().root());
    // Once known it is old news.
    assert_eq!(refused(&params, &verified.trusted, &teach), Refusal::NotNewer { attested: 30, trusted: 32 });
}

/// A committee of the next period is believed only where it is final.
#[test]
fn a_committee_that_is_not_final_is_not_learnt() {
    let params = params(network(Fork::Deneb));
    let network = &params.network;
    let (first, second, third) = (members(32, 1), members(32, 2), members(32, 3));
    let trusted = client(&params, 8, first.committee());
    let teach = plan(network, 40, 24, Some(second.committee()));
    let teach = teach.signed::<Native>(network, &first, |_| true).unwrap();
    let trusted = judge(&params, &trusted, &teach).unwrap().trusted;
    // Attested in the next period, final still in this one.
    let early = plan(network, PERIOD + 2, 48, Some(third.committee()));
    let early = early.signed::<Native>(network, &second, |_| true).unwrap();
    let verified = judge(&params, &trusted, &early).unwrap();
    assert_eq!(verified.trusted.slot(), 48);
    assert_eq!(verified.trusted.next().unwrap().root(), second.committee().root());
    assert_eq!(verified.trusted.current().root(), first.committee().root());
}

/// Updates in the first slots of a fork, where the signature is still one of the fork before.
#[test]
fn atk_054_first_slots_of_a_fork() {
    let committee = members(32, 1);
    for (at, fork) in Fork::ALL.into_iter().enumerate().skip(1) {
        let mut network = network(Fork::ALL[at - 1]);
        // In epoch 4: slot 32.
        network.forks[at] = ForkStart { epoch: 4, version: [fork as u8, 0, 0, 1] };
        let params = params(network);
        let trusted = client(&params, 8, committee.committee());
        // Attested in the last slot of the old fork, signed in the first of the new: the old version.
        let edge = update(&network, &committee, 31, 16);
        assert_eq!(edge.fork, Fork::ALL[at - 1]);
        let trusted = judge(&params, &trusted, &edge).unwrap().trusted;
        // Attested in the first slot of the new fork, finalized in the old one.
        let first = update(&network, &committee, 32, 24);
        assert_eq!(first.fork, fork);
        let verified = judge(&params, &trusted, &first).unwrap();
        assert_eq!(verified.trusted.slot(), 24);
        // All of it in the new fork.
        let later = update(&network, &committee, 48, 32);
        assert_eq!(judge(&params, &verified.trusted, &later).unwrap().trusted.slot(), 32);
        // Signed in the slot after the first: the new version.
        assert_ne!(network.signing_root(&Default::default(), 32), network.signing_root(&Default::default(), 33));
        assert_eq!(network.signing_root(&Default::default(), 31), network.signing_root(&Default::default(), 32));
    }
}

#[test]
fn a_state_is_read_back() {
    let params = params(network(Fork::Electra));
    let (here, next) = (members(32, 1), members(32, 2));
    let trusted = client(&params, 8, here.committee());
    let teach = plan(&params.network, 40, 24, Some(next.committee()));
    let teach = teach.signed::<Native>(&params.network, &here, |_| true).unwrap();
    let taught = judge(&params, &trusted, &teach).unwrap().trusted;
    let anchored = crate::Freeze { at: 5, since: 6, anchor: Some(Default::default()) };
    let frozen = taught.clone().freeze(anchored);
    let alone = trusted.clone().freeze(crate::Freeze { anchor: None, ..anchored });
    for state in [&trusted, &taught, &frozen, &alone] {
        let bytes = state.encode();
        assert_eq!(TrustedState::decode(&bytes).as_ref(), Ok(state));
        for length in [0, 1, 9, bytes.len() / 2, bytes.len() - 1] {
            assert!(TrustedState::decode(&bytes[..length]).is_err());
        }
        assert!(TrustedState::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
        assert!(TrustedState::decode(&[&[2], &bytes[1..]].concat()).is_err());
    }
    // A second freeze changes nothing.
    assert_eq!(frozen.clone().freeze(crate::Freeze { at: 1, since: 1, anchor: None }), frozen);
}

#[test]
fn parameters_that_prove_nothing_are_refused() {
    let good = params(network(Fork::Fulu));
    let with = |change: fn(&mut Params)| {
        let mut params = good;
        change(&mut params);
        params.check()
    };
    assert_eq!(with(|params| params.trusting_period = 0), Err(ParamsFault::NoTrustingPeriod));
    let drift = Err(ParamsFault::DriftTooLarge { drift: 100_000, trusting_period: 100_000 });
    assert_eq!(with(|params| params.drift = 100_000), drift);
    assert_eq!(with(|params| params.network.preset.committee_size = 31), Err(ParamsFault::CommitteeSize(31)));
    assert_eq!(with(|params| params.network.preset.slots_per_epoch = 0), Err(ParamsFault::NoLength));
    assert_eq!(with(|params| params.network.preset.epochs_per_period = 0), Err(ParamsFault::NoLength));
    assert_eq!(with(|params| params.network.seconds_per_slot = 0), Err(ParamsFault::NoLength));
    let order = with(|params| {
        params.network.forks[1].epoch = 9;
        params.network.forks[2].epoch = 8;
    });
    assert_eq!(order, Err(ParamsFault::ForkOrder { fork: Fork::Capella, epoch: 8 }));
    let twice = with(|params| params.network.forks[5].version = params.network.forks[0].version);
    assert_eq!(twice, Err(ParamsFault::ForkVersion { fork: Fork::Fulu }));
    let genesis = with(|params| params.network.genesis_version = params.network.forks[0].version);
    assert_eq!(genesis, Err(ParamsFault::ForkVersion { fork: Fork::Altair }));
    for network in [Network::MAINNET, Network::SEPOLIA] {
        assert_eq!(Params { network, ..good }.check(), Ok(()));
    }
}
