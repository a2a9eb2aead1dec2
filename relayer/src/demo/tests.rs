//! The demo without relayer processes: what it builds takes locks, and its judgement of a whole run is right.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{
    DemoArgs, Scene,
    carrier::carry,
    ledger::Ledger,
    network::{ChainOptions, Network},
    progress::Progress,
    setup::{self, Bridge},
    transfers::{self, Purpose, SPECIAL},
};
use crate::{
    cli::output::Output,
    config::{Agreement, Config, Role},
};
use alloy::primitives::U256;
use causeway_devchain::Handle;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Plain transfers and the special ones.
const TRANSFERS: u32 = 30;

struct Rig {
    args: DemoArgs,
    alpha: Network,
    beta: Network,
    bridge: Bridge,
    dir: TempDir,
    _chains: [Handle; 2],
}

async fn rig() -> Rig {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let block_time = Duration::from_millis(200);
    let args = DemoArgs { transfers: TRANSFERS, swaps: 0, validators: 4, block_time, keep: false };
    let dir = tempfile::tempdir().unwrap();
    let options = ChainOptions::from(&args);
    let ((alpha, at_alpha), (beta, at_beta)) =
        tokio::try_join!(Network::start("alpha", 1001, options), Network::start("beta", 1002, options)).unwrap();
    let mut bridge =
        setup::build(dir.path(), [&alpha, &beta], [&at_alpha, &at_beta], options.trusting_period).await.unwrap();
    // No relayer runs, so none is waited for and none is paused.
    bridge.sockets.clear();
    bridge.metrics.clear();
    Rig { args, alpha, beta, bridge, dir, _chains: [at_alpha, at_beta] }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_run_is_judged_right() {
    let Rig { args, alpha, beta, bridge, dir, _chains } = rig().await;
    let config = Config::load(&bridge.configs[1]).unwrap();
    let section = &config.bridges["alpha-beta"];
    let agreement = Agreement::read(&section.agreement).unwrap();
    let lanes = config.lanes_of(section, &agreement).map(|lane| (lane.id(), lane.role));
    assert_eq!(lanes, [(bridge.lanes[0], Role::Destination), (bridge.lanes[1], Role::Source)]);

    let ledger = Ledger::new();
    let followers = [(&alpha, bridge.ends[0]), (&beta, bridge.ends[1])]
        .map(|(network, end)| tokio::spawn(Arc::clone(&ledger).follow(network.provider.clone(), end.vault)));
    let progress = Progress::new(Output::Json);
    let scene = Scene { args: &args, progress: &progress, bridge: &bridge, networks: [&alpha, &beta], ledger: &ledger };
    let journal = dir.path().join("carrier");
    let carrier = async {
        // The late transfer is late: it is not carried before its time.
        ledger
            .wait("the late lock", Duration::from_secs(30), |seen| (!seen.written.is_empty()).then_some(()))
            .await
            .unwrap();
        tokio::time::sleep(args.block_time * 5).await;
        carry(&bridge, Arc::clone(&ledger), &journal).await;
    };
    let acted = tokio::select! {
        acted = scene.act() => acted.unwrap(),
        () = carrier => panic!("the carrier ended"),
    };
    let transfers = acted.transfers.clone();
    let summary = scene.judge(acted, BTreeMap::new(), Instant::now()).await.unwrap();
    assert!(summary.ok, "{summary}");
    assert_eq!(summary.transfers.values().sum::<usize>(), TRANSFERS as usize);
    assert_eq!(summary.costs.entries, TRANSFERS as usize + 3, "three came back");
    assert!((40_000..120_000).contains(&summary.costs.gas_per_entry_sent), "{summary}");
    assert_eq!(summary.latency_seconds.lock_to_credit.count, TRANSFERS as usize - 3);

    // The judgement can be negative: each verdict breaks where its invariant would.
    let honest = ledger.seen().clone();
    let place = transfers.iter().find(|(t, _)| t.purpose == Purpose::Erc20There).unwrap().1;
    let late = transfers.iter().find(|(t, _)| t.purpose == Purpose::Late).unwrap().1;
    let judge = |seen: &super::ledger::Seen| {
        let xor = super::invariants::credited_xor_returned(seen, &transfers, bridge.lanes);
        (super::invariants::once(seen).holds, xor.holds)
    };
    assert_eq!(judge(&honest), (true, true));
    let mut twice = honest.clone();
    twice.repeated.insert(place);
    assert_eq!(judge(&twice), (false, true));
    let mut lost = honest.clone();
    lost.decided.remove(&place);
    assert_eq!(judge(&lost), (false, false));
    let mut both = honest.clone();
    both.decided.get_mut(&late).unwrap().returned = false;
    assert_eq!(judge(&both), (true, false));
    let mut supply = summary.supply.clone();
    assert!(super::invariants::backed(&supply).holds);
    supply[0].vouchers += U256::ONE;
    assert!(!super::invariants::backed(&supply).holds);
    followers.iter().for_each(tokio::task::JoinHandle::abort);
}

#[test]
fn the_special_transfers_are_among_those_asked_for() {
    for total in [10, 11, 200, 20_000] {
        let (there, back) = transfers::split(total);
        assert_eq!(there + back + SPECIAL, total);
        assert!(there >= back);
    }
}
