//! The desk on a real store.

use super::records::terms;
use crate::{
    api::{
        config::ApiLimits,
        exchange::{
            bridges::{Bridge, Bridges, End},
            desk::Desk,
            record::{Answer, Proposer},
            state::State,
        },
    },
    chains::{Action, AssetTerms, Prepare, Prepared, Signed},
    lane::{
        error::{Error, Kind, Result},
        ports::Clock,
        swaps::SwapBook,
        tests::script::Script,
        types::Account,
    },
    store::Store,
};
use alloy::primitives::{Address, B256, Bytes};
use async_trait::async_trait;
use causeway_core::LaneId;
use std::{path::Path, sync::Arc};
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic_types::StatusExt;

/// No transaction is asked for in these tests.
struct Nothing;

#[async_trait]
impl Prepare for Nothing {
    async fn prepare(&self, _: &Account, _: Action) -> Result<Vec<Prepared>> {
        Err(Error::retry(Kind::Unavailable, "nothing here"))
    }
    fn read(&self, _: &[u8]) -> Result<Signed> {
        Err(Error::retry(Kind::Unavailable, "nothing here"))
    }
    async fn appended(&self, _: B256, _: LaneId) -> Result<Option<u64>> {
        Ok(None)
    }
    async fn asset(&self, _: LaneId, _: Address, _: u64) -> Result<AssetTerms> {
        Err(Error::retry(Kind::Unavailable, "nothing here"))
    }
    async fn broadcast(&self, _: Bytes) -> Result<()> {
        Err(Error::retry(Kind::Unavailable, "nothing here"))
    }
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> u64 {
        1_900_000_000
    }
}

pub(super) fn bridge(peer: Option<&str>) -> Arc<Bridge> {
    let lanes = terms(0).lanes;
    let end = |n: u64| {
        let chain = format!("eip155:{n}");
        End {
            view: Script::new(1).view(&chain),
            chain: chain.parse().unwrap(),
            chain_id: n,
            prepare: Arc::new(Nothing),
            tokens: Vec::new(),
            offset: u64::MAX.into(),
        }
    };
    let (name, peer) = ("a-b".to_owned(), peer.map(str::to_owned));
    Arc::new(Bridge { name, peer, lanes, ends: [end(1), end(2)], swaps: Arc::new(SwapBook::new(lanes)) })
}

struct Running {
    desk: Arc<Desk>,
    bridge: Arc<Bridge>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(folder: &Path, open_swaps: u32, peer: Option<&str>) -> Self {
        let store = Arc::new(Store::open(folder).unwrap());
        let bridge = bridge(peer);
        let limits = ApiLimits { open_swaps, ..ApiLimits::default() };
        let (desk, waiting) = Desk::open(Bridges(vec![bridge.clone()]), limits, Arc::new(Noon), store).unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(desk.clone().run(waiting, stop.clone()));
        Self { desk, bridge, stop, task }
    }

    async fn propose(&self, org: &str, key: &str, nonce: u64, body: u8) -> std::result::Result<B256, tonic::Status> {
        let content = B256::repeat_byte(body);
        let proposer = Proposer { organisation: org.into(), request_id: key.into(), content };
        Ok(self.desk.propose(&self.bridge, terms(nonce), proposer).await?)
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

fn reason(status: &tonic::Status) -> String {
    status.get_error_details().error_info().unwrap().reason.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn atk_099_one_request_id_is_one_swap_in_parallel_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path(), 100, None);
    // Each attempt brings another nonce, as the relayer chooses a new one for every call.
    let attempts = (0..20).map(|nonce| running.propose("a", "key", nonce, 1));
    let ids: Vec<B256> = futures::future::join_all(attempts).await.into_iter().map(|id| id.unwrap()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "one request id made several swaps");
    assert_eq!(running.desk.read(|state| state.list(0).count()), 1);
    let refused = running.propose("a", "key", 30, 2).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "KEY_REUSED"));
    // Another organisation's key is another key.
    let other = running.propose("b", "key", 31, 2).await.unwrap();
    assert_ne!(other, ids[0]);
    assert!(running.bridge.swaps.terms(other).is_some(), "the lane knows nothing of it");
    running.end().await;

    let running = Running::start(folder.path(), 100, None);
    assert_eq!(running.propose("a", "key", 40, 1).await.unwrap(), ids[0]);
    assert_eq!(reason(&running.propose("a", "key", 41, 3).await.unwrap_err()), "KEY_REUSED");
    assert_eq!(running.propose("b", "key", 42, 2).await.unwrap(), other);
    assert!(running.bridge.swaps.terms(other).is_some(), "the lane knows nothing of it after the restart");
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_proposals_of_one_caller_are_bounded_and_disturb_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path(), 50, None);
    let keys: Vec<String> = (0..10_000).map(|n| format!("key-{n}")).collect();
    let attempts = keys.iter().zip(0..).map(|(key, nonce)| running.propose("a", key, nonce, 1));
    let results = futures::future::join_all(attempts).await;
    let refused: Vec<_> = results.iter().filter_map(|r| r.as_ref().err()).collect();
    assert_eq!(refused.len(), 9_950);
    for status in refused {
        assert_eq!((status.code(), reason(status).as_str()), (Code::ResourceExhausted, "TOO_MANY_OPEN"));
        assert!(status.get_error_details().retry_info().unwrap().retry_delay.is_some());
    }
    running.propose("b", "mine", 20_000, 1).await.unwrap();
    // Room comes back with the end of one.
    let first = running.desk.read(|state| state.list(0).next().map(|(_, id, _)| id)).unwrap();
    running.desk.cancel(first, "").await.unwrap();
    running.propose("a", "again", 20_001, 1).await.unwrap();
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peers_word_moves_only_what_is_shared_with_it_and_settles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path(), 50, Some("globex"));
    let id = running.propose("a", "one", 1, 1).await.unwrap();
    let told = terms(1);
    // A stranger, terms that differ by one field, a swap that is not known.
    let stranger = running.desk.answered("initech", id, told, Answer::Accepted).await.unwrap_err().status();
    assert_eq!((stranger.code(), reason(&stranger).as_str()), (Code::PermissionDenied, "UNKNOWN_LANE"));
    let mut other = told;
    other.legs[1].deadline += 1;
    let mismatch = running.desk.answered("globex", id, other, Answer::Accepted).await.unwrap_err().status();
    assert_eq!(reason(&mismatch), "TERMS_MISMATCH");
    let details = mismatch.get_error_details();
    assert_eq!(details.error_info().unwrap().metadata["field"], "terms.legs[1].deadline");
    let unknown = running.desk.answered("globex", terms(9).id(), terms(9), Answer::Accepted).await.unwrap_err();
    assert_eq!(unknown.code, Code::NotFound);
    running.desk.answered("globex", id, told, Answer::Accepted).await.unwrap();
    let state = |running: &Running| running.desk.read(|state| state.get(id).map(|r| (r.state(), r.on_chain())));
    assert_eq!(state(&running), Some((causeway_proto::exchange::v1::swap::State::Accepted, false)));
    running.end().await;
}

/// Cursors over a restart: nothing twice, nothing missed; what is forgotten is said to be.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_numbered_without_holes_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path(), 50, None);
    let first = running.propose("a", "one", 1, 1).await.unwrap();
    running.propose("a", "two", 2, 1).await.unwrap();
    running.end().await;
    let running = Running::start(folder.path(), 50, None);
    running.desk.cancel(first, "changed my mind\n\u{1b}[0m").await.unwrap();
    let numbers = |state: &State| state.events(0).map(|(event, ..)| event.number).collect::<Vec<_>>();
    assert_eq!(running.desk.read(numbers), [1, 2, 3, 4, 5]);
    assert_eq!(running.desk.read(|state| state.events(3).count()), 2);
    assert_eq!(running.desk.read(State::bounds), (0, 5));
    assert!(crate::api::exchange::stream::cursor(&running.desk, "6").is_err());
    running.end().await;
}
