//! For tests: carries entries between the demo's two chains with the relayer's own ports, one lane after the other, so
//! that what the demo expects and how it judges can be tried without relayer processes. It proves, verifies and delivers
//! everything, but remembers nothing and has no peer.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{ledger::Ledger, setup::Bridge};
use crate::{
    chains::{Chain, Context, observe::Unobserved, registry},
    config::{Agreement, Config},
    lane::{
        ports::Clock,
        types::{Account, Bundle, Delivery, Originals, Run, TrustedState, TxEvent, Update},
    },
    store::Store,
};
use alloy::primitives::B256;
use causeway_core::{Body, Entry, LaneId, OutboxTree, tree::peaks};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> u64 {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
    }
}

/// One end: its ports, the outbox that it writes, and the lane that leaves it.
struct End {
    chain: Chain,
    outbox: Account,
    lane: LaneId,
}

/// Carries everything until dropped, on the configuration of the first organisation.
pub(super) async fn carry(bridge: &Bridge, ledger: Arc<Ledger>, journal: &Path) {
    let config = Config::load(&bridge.configs[0]).unwrap();
    let agreement = Agreement::read(&config.bridges["alpha-beta"].agreement).unwrap();
    let context = Context {
        journal: Arc::new(Store::open(journal).unwrap()),
        clock: Arc::new(WallClock),
        observer: Arc::new(Unobserved),
        shutdown: CancellationToken::new(),
        tasks: TaskTracker::new(),
    };
    let end = |name: &str, at: usize| End {
        chain: registry::build(&config.chains[name], &context).unwrap(),
        outbox: Account::copy_from_slice(agreement.ends[at].outbox.address.as_slice()),
        lane: bridge.lanes[at],
    };
    let ends = [end("alpha", 0), end("beta", 1)];
    let mut trusted: Vec<Option<TrustedState>> = vec![None, None];
    loop {
        for (at, other) in [(0, 1), (1, 0)] {
            let (entries, originals) = {
                let seen = ledger.seen();
                let of = |lane| {
                    let mut entries: Vec<Entry> =
                        seen.written.iter().filter(|(place, _)| place.0 == lane).map(|(_, w)| w.entry).collect();
                    entries.sort_by_key(|entry| entry.index);
                    entries
                };
                let open =
                    seen.written.keys().any(|place| place.0 == ends[at].lane && !seen.decided.contains_key(place));
                (if open { of(ends[at].lane) } else { Vec::new() }, of(ends[other].lane))
            };
            if !entries.is_empty() {
                deliver(&ends[at], &ends[other], &mut trusted[at], entries, &originals).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Delivers all entries of one lane at once; those that were delivered before are skipped by the vault.
async fn deliver(from: &End, to: &End, trusted: &mut Option<TrustedState>, entries: Vec<Entry>, back: &[Entry]) {
    let (at, update) = newest(&from.chain, trusted).await;
    // What was seen in logs is only taken as far as the outbox at a verified header holds it.
    let size = from.chain.proofs.size(&from.outbox, at.height).await.unwrap();
    let size = from.chain.verifier.size(&at, &from.outbox, &size).unwrap();
    let entries: Vec<Entry> = entries.into_iter().take_while(|entry| entry.index < size).collect();
    if entries.len() as u64 != size {
        return;
    }
    let leaves: Vec<B256> = entries.iter().map(Entry::commitment).collect();
    let tree = OutboxTree::from_leaves(&leaves);
    let runs: Vec<Run> = peaks::split(size, 0, size)
        .unwrap()
        .map(|part| {
            let mut siblings = Vec::new();
            tree.prove_peak(part.peak.height, part.first, part.count, &mut siblings).unwrap();
            Run { peak: part.peak.height, count: u16::try_from(part.count).unwrap(), siblings }
        })
        .collect();
    let heights: Vec<u8> = runs.iter().map(|run| run.peak).collect();
    let proof = from.chain.proofs.peaks(&from.outbox, &heights, at.height).await.unwrap();
    let submitter = to.chain.submitter.as_ref().unwrap();
    let contract = submitter.client(from.lane).await.unwrap();
    let (before, update) =
        from.chain.verifier.for_contract(&contract, std::slice::from_ref(&at), &update.bytes).unwrap();
    assert!(before.is_empty());
    let originals = originals(&entries, &runs, back);
    let bundle =
        Bundle { lane: from.lane, first: 0, entries, source_height: at.height, update, state_proof: proof.0, runs };
    let mut events = submitter.deliver(Delivery { bundle: Arc::new(bundle), originals }).await.unwrap();
    let ended = async {
        // Final comes only when a header at that height was verified.
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(TxEvent::Final { .. }) | None => return,
                    Some(TxEvent::Broadcast { .. }) => {}
                    Some(other) => panic!("{other:?}"),
                },
                () = tokio::time::sleep(Duration::from_millis(100)) => {
                    let mut state = None;
                    newest(&to.chain, &mut state).await;
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), ended).await.expect("final in time");
}

/// The newest verified header and the update that leads there.
async fn newest(chain: &Chain, trusted: &mut Option<TrustedState>) -> (TrustedState, Update) {
    let now = WallClock.now();
    if trusted.is_none() {
        let pinned = chain.headers.pinned(chain.pinned.height).await.unwrap();
        *trusted = Some(chain.verifier.start(chain.pinned.hash, &pinned, now).unwrap());
    }
    let mut at = trusted.clone().unwrap();
    let height = chain.headers.newer_than(at.height).await.unwrap();
    let updates = chain.headers.updates(&at, height).await.unwrap();
    for update in &updates {
        at = chain.verifier.verify(&at, update, now).unwrap();
    }
    *trusted = Some(at.clone());
    (at, updates.last().unwrap().clone())
}

/// For each group of returns (consecutive originals, one run), the originals and where they stand.
fn originals(entries: &[Entry], runs: &[Run], back: &[Entry]) -> Vec<Originals> {
    let leaves: Vec<B256> = back.iter().map(Entry::commitment).collect();
    let tree = OutboxTree::from_leaves(&leaves);
    let mut found: Vec<Originals> = Vec::new();
    let mut rest = entries;
    for run in runs {
        let (mine, after) = rest.split_at(run.count.into());
        rest = after;
        for entry in mine {
            // One return a group: the vault takes groups of any length.
            let Body::Returned(returned) = entry.body else { continue };
            let peak = peaks::covering(back.len() as u64, returned.index).unwrap().height;
            let mut siblings = Vec::new();
            tree.prove_peak(peak, returned.index, 1, &mut siblings).unwrap();
            found.push(Originals { transfers: vec![back[returned.index as usize]], peak, siblings });
        }
    }
    found
}
