//! The demo's side of the chains, without relayers: what it builds is a bridge that takes locks, and it sees them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{
    DemoArgs,
    figures::costs,
    ledger::Ledger,
    network::Network,
    setup,
    transfers::{self, Purpose, Users},
};
use crate::config::{Config, Role};
use std::{sync::Arc, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn what_it_builds_takes_locks_and_nothing_is_missed() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let args = DemoArgs { transfers: 30, validators: 4, block_time: Duration::from_millis(200), keep: false };
    let dir = tempfile::tempdir().unwrap();
    let (alpha, beta) =
        tokio::try_join!(Network::start("alpha", 1001, &args), Network::start("beta", 1002, &args)).unwrap();
    let bridge = setup::build(dir.path(), &alpha, &beta).await.unwrap();

    let config = Config::load(&bridge.configs[1]).unwrap();
    let section = &config.bridges["alpha-beta"];
    let agreement = crate::config::Agreement::read(&section.agreement).unwrap();
    let lanes = config.lanes_of(section, &agreement).map(|lane| (lane.id(), lane.role));
    assert_eq!(lanes, [(bridge.lanes[0], Role::Destination), (bridge.lanes[1], Role::Source)]);

    let ledger = Ledger::new();
    let follower = tokio::spawn(Arc::clone(&ledger).follow(alpha.provider.clone(), bridge.ends[0].vault));
    let users = Users::new(&alpha, &beta);
    users.fund(&bridge).await.unwrap();
    let (late, timeout) = transfers::send_late(&users, &bridge, &alpha).await.unwrap();
    assert!(timeout > 0);
    let mut sent = vec![late];
    sent.extend(transfers::send_there(&users, &bridge, &alpha, 30).await.unwrap());
    let (there, back) = transfers::split(30);
    assert_eq!(there + back + transfers::SPECIAL, 30);
    // The ERC-721's way back is among the five, and starts at the other end.
    assert_eq!(sent.len(), there + transfers::SPECIAL - 1);
    let places = transfers::places(&ledger, &sent, Duration::from_secs(20)).await.unwrap();
    let mut indices: Vec<u64> = places.iter().map(|place| place.1).collect();
    indices.sort_unstable();
    assert_eq!(indices, (0..sent.len() as u64).collect::<Vec<_>>());
    assert_eq!(ledger.seen().open(), sent.len(), "no relayer runs, so nothing is decided");

    let seen = ledger.seen().clone();
    let locked: Vec<_> = sent.into_iter().zip(places).collect();
    assert_eq!(locked.iter().filter(|(transfer, _)| transfer.purpose == Purpose::Erc20There).count(), there);
    let costs = costs(&seen, &locked, [&alpha, &beta], bridge.lanes).await.unwrap();
    assert!((40_000..120_000).contains(&costs.gas_per_entry_sent), "{costs:?}");
    follower.abort();
}
