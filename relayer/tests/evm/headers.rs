//! Headers through changes of the validator set, and client contracts that are brought up to date.

use crate::rig::{BLOCK, PATIENCE, Rig, WallClock, reach, watch};
use alloy::primitives::Address;
use causeway::{
    chains::Chain,
    lane::{
        error::Kind,
        ports::Clock,
        types::{ContractClient, TrustedState},
    },
};
use causeway_bft_evm::{Update, set_hash};
use causeway_devchain::{Consensus, Faults, HeaderLie};
use std::{sync::Arc, time::Duration};

fn builder(id: u64) -> causeway_devchain::ChainBuilder {
    causeway_devchain::Chain::builder().chain_id(id).seed(format!("headers-{id}")).block_time(BLOCK)
}

async fn pinned(chain: &Chain) -> TrustedState {
    let header = chain.headers.pinned(chain.pinned.height).await.unwrap();
    chain.verifier.start(chain.pinned.hash, &header, WallClock.now()).unwrap()
}

fn set(trusted: &TrustedState) -> Vec<Address> {
    trusted.family.chunks(20).map(Address::from_slice).collect()
}

/// Replaces every validator but one, two at a time, and gives the last height at which something changed.
async fn replace_validators(rig: &Rig) -> u64 {
    let old = rig.handle.validators();
    for leaving in old.chunks(2) {
        let joining: Vec<Address> = leaving.iter().map(|_| rig.handle.add_validator()).collect();
        for (leaves, joins) in leaving.iter().zip(joining) {
            settle(rig, |now| now.contains(&joins)).await;
            rig.handle.propose_validator(*leaves, false);
            settle(rig, |now| !now.contains(leaves)).await;
        }
    }
    rig.handle.head().number
}

async fn settle(rig: &Rig, done: impl Fn(&[Address]) -> bool) {
    for _ in 0..200 {
        if done(&rig.handle.validators()) {
            return;
        }
        rig.handle.mine(1).await.unwrap();
    }
    panic!("the validators do not change");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_lead_through_a_whole_change_of_validators() {
    let rig = Rig::new(builder(4101)).await;
    let ports = rig.ports(rig.config(&rig.own(), Address::repeat_byte(1), ""));
    let start = pinned(&ports).await;
    let target = replace_validators(&rig).await;
    assert!(set(&start).iter().all(|v| !rig.handle.validators().contains(v)), "nobody is left");
    ports.headers.newer_than(target - 1).await.unwrap();
    let updates = ports.headers.updates(&start, target).await.unwrap();
    assert!(updates.len() > 1, "one update cannot be believed");
    let mut trusted = start.clone();
    for update in &updates {
        trusted = ports.verifier.verify(&trusted, update, WallClock.now()).unwrap();
    }
    assert_eq!((trusted.height, trusted.header_hash), (target, rig.handle.sealed(target).unwrap().hash));
    assert_eq!(*ports.verified.borrow(), target);

    // A client contract that slept through all of it, and a relayer that started after it: not yet, then the way.
    let contract = ContractClient {
        height: start.height,
        time: start.time,
        signers: set_hash(&set(&start)),
        frozen: false,
        trusting_period: 1_209_600,
    };
    let newest = updates.last().unwrap().bytes.clone();
    let first = ports.verifier.for_contract(&contract, std::slice::from_ref(&trusted), &newest).unwrap_err();
    assert_eq!((first.kind, first.is_retry()), (Kind::NotAvailableYet, true));
    let found = async {
        loop {
            match ports.verifier.for_contract(&contract, std::slice::from_ref(&trusted), &newest) {
                Ok(found) => return found,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    let (before, last) = tokio::time::timeout(PATIENCE, found).await.unwrap();
    // Judged as the contract judges: from its set, one after the other.
    let mut at = start;
    for bytes in before.iter().chain([&last]) {
        let update = causeway::lane::types::Update { height: 0, bytes: bytes.clone() };
        at = ports.verifier.verify(&at, &update, WallClock.now()).unwrap();
    }
    assert_eq!(at.height, target);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contract_at_a_known_older_set_gets_that_set() {
    let rig = Rig::new(builder(4102)).await;
    let ports = rig.ports(rig.config(&rig.own(), Address::repeat_byte(1), ""));
    let start = pinned(&ports).await;
    let joins = rig.handle.add_validator();
    settle(&rig, |now| now.contains(&joins)).await;
    let target = rig.handle.mine(1).await.unwrap().number;
    ports.headers.newer_than(target - 1).await.unwrap();
    let [update] = ports.headers.updates(&start, target).await.unwrap().try_into().unwrap();
    let trusted = ports.verifier.verify(&start, &update, WallClock.now()).unwrap();
    let client = |signers| ContractClient { height: 1, time: 1, signers, frozen: false, trusting_period: 1 };
    let history = [start.clone(), trusted.clone()];
    let (before, bytes) =
        ports.verifier.for_contract(&client(set_hash(&set(&start))), &history, &update.bytes).unwrap();
    assert!(before.is_empty());
    assert_eq!(Update::decode(&bytes).unwrap().previous.unwrap(), &start.family[..]);
    let (before, bytes) =
        ports.verifier.for_contract(&client(set_hash(&set(&trusted))), &history, &update.bytes).unwrap();
    assert!(before.is_empty());
    assert!(Update::decode(&bytes).unwrap().previous.is_none(), "the contract stands at the new set already");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_022_headers_of_a_lying_node_are_refused_and_another_node_is_asked() {
    let rig = Rig::new(builder(4103)).await;
    for lie in [
        HeaderLie::AlterStateRoot,
        HeaderLie::ForgeSeals,
        HeaderLie::ForgeValidators,
        HeaderLie::NoSeals,
        HeaderLie::AlterTime,
    ] {
        let liar = rig.handle.endpoint(Faults { header: Some(lie), ..Faults::default() }).await.unwrap();
        let urls = [(liar.rpc_url(), None), (rig.handle.rpc_url(), None)];
        let ports = rig.ports(rig.config(&urls, Address::repeat_byte(1), ""));
        let mut states = watch(Arc::clone(&ports));
        // It is found out as soon as it is asked, which is when it shows a head before the other does.
        let mut told = ports.endpoints.endpoints();
        for _ in 0..50 {
            let height = rig.handle.head().number + 1;
            let (trusted, _) = reach(&mut states, height).await;
            assert_eq!(trusted.header_hash, rig.handle.sealed(trusted.height).unwrap().hash, "{lie:?}");
            told = ports.endpoints.endpoints();
            if told[0].health == "lied" {
                break;
            }
        }
        assert_eq!((told[0].health, told[1].health), ("lied", "healthy"), "{lie:?}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn atk_050_two_final_blocks_of_one_height_freeze() {
    let rig = Rig::new(builder(4104)).await;
    let ports = rig.ports(rig.config(&rig.own(), Address::repeat_byte(1), ""));
    let start = pinned(&ports).await;
    let height = rig.handle.head().number;
    ports.headers.newer_than(height - 1).await.unwrap();
    let [honest] = ports.headers.updates(&start, height).await.unwrap().try_into().unwrap();
    ports.verifier.verify(&start, &honest, WallClock.now()).unwrap();
    ports.verifier.verify(&start, &honest, WallClock.now()).expect("the same block again is no conflict");
    let faults = Faults { header: Some(HeaderLie::Equivocate), ..Faults::default() };
    let other = rig.handle.endpoint(faults).await.unwrap();
    let liar = rig.ports(rig.config(&[(other.rpc_url(), None)], Address::repeat_byte(1), ""));
    liar.headers.newer_than(height - 1).await.unwrap();
    let [conflict] = liar.headers.updates(&start, height).await.unwrap().try_into().unwrap();
    let error = ports.verifier.verify(&start, &conflict, WallClock.now()).unwrap_err();
    assert_eq!((error.kind, error.is_retry()), (Kind::ClientFrozen, false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mode_is_followed_through_a_vote_and_a_later_round() {
    for (id, consensus) in [(4105, Consensus::Qbft), (4106, Consensus::Ibft2), (4107, Consensus::Ibft1)] {
        let rig = Rig::new(builder(id).consensus(consensus)).await;
        let ports = rig.ports(rig.config(&rig.own(), Address::repeat_byte(1), ""));
        let mut states = watch(Arc::clone(&ports));
        let joins = rig.handle.add_validator();
        settle(&rig, |now| now.contains(&joins)).await;
        rig.handle.set_validator_down(rig.handle.validators()[0], true);
        let height = rig.handle.head().number + 10;
        let (trusted, _) = reach(&mut states, height).await;
        assert_eq!(trusted.header_hash, rig.handle.sealed(trusted.height).unwrap().hash, "{consensus:?}");
        assert!(set(&trusted).contains(&joins), "{consensus:?}");
    }
}
