//! The service over its real socket, with a real client. The daemon behind is a small one of the tests.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{
    admin::serve,
    audit::Audit,
    control::{Control, Refused, Select, What},
    socket::{MAX_CONNECTIONS, Socket},
};
use crate::{
    lane::error::{Error, Kind},
    metrics::Metrics,
};
use async_trait::async_trait;
use causeway_core::LaneId;
use causeway_proto::admin::v1::{
    Client, DeadLetter, DrainResponse, Entry, EntryTrace, GetLaneRequest, GetStatusRequest, Lane,
    ListDeadLettersRequest, ListEntriesRequest, ListLanesRequest, PauseLaneRequest, RelayerStatus, ReloadRequest,
    ReloadResponse, RetryDeadLetterRequest, admin_service_client::AdminServiceClient,
};
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt;

#[derive(Default)]
struct Daemon {
    pauses: AtomicUsize,
}

fn id(n: u8) -> String {
    format!("lanes/0x{}", hex::encode([n; 32]))
}

#[async_trait]
impl Control for Daemon {
    async fn status(&self) -> Result<RelayerStatus, Refused> {
        Ok(RelayerStatus { organisation: "org-a".into(), ..Default::default() })
    }
    async fn lanes(&self) -> Result<Vec<Lane>, Refused> {
        Ok((0..5).map(|n| Lane { name: id(n), ..Default::default() }).collect())
    }
    async fn lane(&self, lane: LaneId) -> Result<Lane, Refused> {
        Err(Refused::not_found(format!("no lane {lane}")))
    }
    async fn pause(&self, lane: LaneId) -> Result<Lane, Refused> {
        self.pauses.fetch_add(1, SeqCst);
        Ok(Lane { name: format!("lanes/{lane}"), ..Default::default() })
    }
    async fn resume(&self, _: LaneId) -> Result<Lane, Refused> {
        Err(Refused::new(What::Precondition, "NOT_PAUSED", "the lane runs"))
    }
    async fn entries(&self, _: LaneId, select: Select) -> Result<Vec<Entry>, Refused> {
        let all = (0..10).filter(|i| !select.pending_only || i % 2 == 1).filter(|i| *i >= select.from);
        Ok(all.take(select.limit).map(|index| Entry { index, ..Default::default() }).collect())
    }
    async fn trace(&self, _: LaneId, _: u64) -> Result<EntryTrace, Refused> {
        Err(Error::retry_after(Kind::RateLimited, Duration::from_secs(3), "the node asked to wait").into())
    }
    async fn client(&self, _: LaneId) -> Result<Client, Refused> {
        Ok(Client::default())
    }
    async fn dead_letters(&self, after: u64, limit: usize, _: Option<LaneId>) -> Result<Vec<DeadLetter>, Refused> {
        let numbers = [3, 7, 9].into_iter().filter(|n| *n > after).take(limit);
        Ok(numbers.map(|n| DeadLetter { name: format!("deadLetters/{n}"), ..Default::default() }).collect())
    }
    async fn retry(&self, number: u64) -> Result<DeadLetter, Refused> {
        Ok(DeadLetter { name: format!("deadLetters/{number}"), ..Default::default() })
    }
    async fn discard(&self, _: u64) -> Result<DeadLetter, Refused> {
        Ok(DeadLetter::default())
    }
    async fn drain(&self) -> Result<DrainResponse, Refused> {
        Ok(DrainResponse::default())
    }
    async fn reload(&self, _: bool) -> Result<ReloadResponse, Refused> {
        Err(Refused::invalid("lanes[0].batch: expected 1 to 256, found 0"))
    }
}

struct Running {
    dir: tempfile::TempDir,
    daemon: Arc<Daemon>,
    stop: CancellationToken,
}

impl Running {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = Socket::bind(&dir.path().join("admin.sock")).await.unwrap();
        let audit = Audit::open(&dir.path().join("audit.jsonl")).unwrap();
        let (daemon, stop) = (Arc::new(Daemon::default()), CancellationToken::new());
        let metrics = Arc::new(Metrics::new().unwrap());
        tokio::spawn(serve(socket, daemon.clone(), audit, metrics, stop.clone()));
        Self { dir, daemon, stop }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("admin.sock")
    }

    async fn client(&self) -> AdminServiceClient<Channel> {
        self.try_client().await.unwrap()
    }

    async fn try_client(&self) -> Result<AdminServiceClient<Channel>, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(format!("unix://{}", self.socket().display())).unwrap();
        Ok(AdminServiceClient::new(endpoint.connect().await?))
    }

    fn audit(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.dir.path().join("audit.jsonl")).unwrap();
        text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }
}

#[tokio::test]
async fn atk_100_each_call_is_in_the_audit_log_with_its_caller() {
    let running = Running::start().await;
    let mut client = running.client().await;
    assert_eq!(client.get_status(GetStatusRequest {}).await.unwrap().into_inner().organisation, "org-a");
    let comment = "node migration".to_owned();
    client.pause_lane(PauseLaneRequest { name: id(1), comment }).await.unwrap();
    client.get_lane(GetLaneRequest { name: id(9) }).await.unwrap_err();
    let lines = running.audit();
    let seen: Vec<_> = lines.iter().map(|l| (l["method"].as_str().unwrap(), l["outcome"].as_str().unwrap())).collect();
    assert_eq!(
        seen,
        [
            ("GetStatus", "begins"),
            ("GetStatus", "ok"),
            ("PauseLane", "begins"),
            ("PauseLane", "ok"),
            ("GetLane", "begins"),
            ("GetLane", "NOT_FOUND"),
        ]
    );
    assert_eq!(lines[2]["comment"], "node migration");
    assert_eq!(lines[2]["pid"], std::process::id());
}

#[tokio::test]
async fn nothing_is_changed_when_the_audit_log_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let socket = Socket::bind(&dir.path().join("admin.sock")).await.unwrap();
    // A device that is always full.
    let audit = Audit::open(Path::new("/dev/full")).unwrap();
    let daemon = Arc::new(Daemon::default());
    let metrics = Arc::new(Metrics::new().unwrap());
    tokio::spawn(serve(socket, daemon.clone(), audit, metrics, CancellationToken::new()));
    let running = Running { dir, daemon, stop: CancellationToken::new() };
    let mut client = running.client().await;
    let refused = client.pause_lane(PauseLaneRequest { name: id(1), comment: String::new() }).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert_eq!(refused.get_details_error_info().unwrap().reason, "AUDIT_UNWRITABLE");
    assert_eq!(running.daemon.pauses.load(SeqCst), 0);
    // Reading goes on: an operator with a full disk needs it most.
    client.get_status(GetStatusRequest {}).await.unwrap();
}

#[tokio::test]
async fn the_socket_is_private_and_not_taken_from_a_living_relayer() {
    let running = Running::start().await;
    let mode = std::fs::metadata(running.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(Socket::bind(&running.socket()).await.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    running.client().await.get_status(GetStatusRequest {}).await.unwrap();

    // One that nobody answers on is replaced; a file of another kind is not.
    let stale = running.dir.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    assert!(stale.exists());
    Socket::bind(&stale).await.unwrap();
    let precious = running.dir.path().join("precious");
    std::fs::write(&precious, "x").unwrap();
    assert_eq!(Socket::bind(&precious).await.unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&precious).unwrap(), b"x");
}

#[tokio::test]
async fn connections_are_bounded_and_come_free_again() {
    let running = Running::start().await;
    let mut held = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        let mut client = running.client().await;
        client.get_status(GetStatusRequest {}).await.unwrap();
        held.push(client);
    }
    let one_more = match running.try_client().await {
        Ok(mut client) => client.get_status(GetStatusRequest {}).await.is_err(),
        Err(_) => true,
    };
    assert!(one_more, "connection {} was served", MAX_CONNECTIONS + 1);
    held.clear();
    // The server frees a slot when it has seen the end of a connection.
    let served = async {
        loop {
            if let Ok(mut client) = running.try_client().await
                && client.get_status(GetStatusRequest {}).await.is_ok()
            {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), served).await.unwrap();
}

#[tokio::test]
async fn pages_follow_one_another_to_the_end() {
    let running = Running::start().await;
    let mut client = running.client().await;
    let (mut token, mut seen) = (String::new(), Vec::new());
    loop {
        let asked =
            ListEntriesRequest { parent: id(1), page_size: 2, page_token: token, pending_only: true, first_index: 2 };
        let answer = client.list_entries(asked).await.unwrap().into_inner();
        seen.extend(answer.entries.iter().map(|e| e.index));
        token = answer.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, [3, 5, 7, 9]);

    let (mut token, mut lanes) = (String::new(), 0);
    for pages in 1.. {
        let answer =
            client.list_lanes(ListLanesRequest { page_size: 2, page_token: token }).await.unwrap().into_inner();
        lanes += answer.lanes.len();
        token = answer.next_page_token;
        if token.is_empty() {
            assert_eq!(pages, 3);
            break;
        }
    }
    assert_eq!(lanes, 5);

    let asked = ListDeadLettersRequest { page_size: 2, ..Default::default() };
    let first = client.list_dead_letters(asked).await.unwrap().into_inner();
    assert_eq!(first.dead_letters.len(), 2);
    let asked = ListDeadLettersRequest { page_size: 2, page_token: first.next_page_token, ..Default::default() };
    let second = client.list_dead_letters(asked).await.unwrap().into_inner();
    assert_eq!((second.dead_letters[0].name.as_str(), second.next_page_token.as_str()), ("deadLetters/9", ""));
}

#[tokio::test]
async fn refusals_are_typed() {
    let running = Running::start().await;
    let mut client = running.client().await;
    let missing = client.get_lane(GetLaneRequest { name: id(9) }).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let wrong = client.get_lane(GetLaneRequest { name: "lanes/7".into() }).await.unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument);
    let page = ListLanesRequest { page_size: -1, ..Default::default() };
    assert_eq!(client.list_lanes(page).await.unwrap_err().code(), Code::InvalidArgument);
    let name = format!("{}/entries/3", id(1));
    let later = client.trace_entry(causeway_proto::admin::v1::TraceEntryRequest { name }).await.unwrap_err();
    assert_eq!(later.code(), Code::Unavailable);
    assert_eq!(later.get_details_error_info().unwrap().reason, "RATE_LIMITED");
    assert_eq!(later.get_details_retry_info().unwrap().retry_delay, Some(Duration::from_secs(3)));
    let reload = client.reload(ReloadRequest { validate_only: false }).await.unwrap_err();
    assert_eq!(reload.code(), Code::InvalidArgument);
    let letter = client.retry_dead_letter(RetryDeadLetterRequest { name: "deadLetters/7".into() }).await.unwrap();
    assert_eq!(letter.into_inner().dead_letter.unwrap().name, "deadLetters/7");
    // Larger than any name and comment.
    let comment = "x".repeat(64 * 1024);
    let large = client.pause_lane(PauseLaneRequest { name: id(1), comment }).await.unwrap_err();
    assert_eq!(large.code(), Code::OutOfRange);
    assert_eq!(running.daemon.pauses.load(SeqCst), 0);
}

#[tokio::test]
async fn stopping_removes_the_socket() {
    let running = Running::start().await;
    running.client().await.get_status(GetStatusRequest {}).await.unwrap();
    running.stop.cancel();
    let gone = async {
        while running.socket().exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
}
