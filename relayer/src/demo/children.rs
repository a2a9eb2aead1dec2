//! The relayers of the demo: processes of this very binary (in tests, of the one under test) that run `causeway run`. They end when the demo ends, however
//! it ends: on a signal it closes their standard input, which they watch (`--attached`), and if it is killed the
//! kernel closes it.

use super::failed;
use crate::cli::{admin, exit::CliError};
use causeway_core::LaneId;
use causeway_proto::admin::v1::{GetStatusRequest, PauseLaneRequest, RelayerStatus, ResumeLaneRequest};
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::process::{Child, ChildStdin, Command};

/// A relayer that is asked to stop gives its tasks ten seconds to finish what they are writing; half as much again is plenty.
const STOP_DEADLINE: Duration = Duration::from_secs(15);

/// The relayers follow both chains from their pinned header and find each other within this.
const READY_DEADLINE: Duration = Duration::from_secs(90);
/// Between two looks at whether a relayer is ready: its socket does not exist before, so there is nothing to wait on.
const READY_INTERVAL: Duration = Duration::from_millis(100);
/// The same where it is timed.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// A relayer's process.
pub(super) struct Relayer {
    /// Its organisation.
    pub(super) organisation: String,
    /// What it writes to standard error.
    pub(super) log: PathBuf,
    child: Child,
    /// Held apart from the child: waiting for a child closes what it still holds.
    input: Option<ChildStdin>,
}

impl Relayer {
    /// Starts `run` of the `causeway` binary at `program`.
    pub(super) fn start(program: &Path, organisation: &str, config: &Path, log: PathBuf) -> Result<Self, CliError> {
        let file = File::create(&log).map_err(|error| CliError::local(log.display(), error))?;
        let mut child = Command::new(program)
            .arg("--config")
            .arg(config)
            .args(["run", "--attached"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(file)
            // A group of its own: Ctrl-C at the terminal reaches the demo, and the demo stops its relayers in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed("starting a relayer", error))?;
        let input = child.stdin.take();
        Ok(Self { organisation: organisation.to_owned(), log, child, input })
    }

    /// Its process id, while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it ends by itself, which it should not.
    pub(super) async fn ended(&mut self) -> CliError {
        let how = self.child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
        failed(
            format!("{}'s relayer", self.organisation),
            format!("it ended: {how}; its log is {}", self.log.display()),
        )
    }

    /// Waits until it has ended, by itself or because somebody else told it to.
    pub(super) async fn end(mut self) -> Result<ExitStatus, CliError> {
        let ended = tokio::time::timeout(STOP_DEADLINE, self.child.wait()).await;
        let ended = ended.map_err(|_| failed(format!("{}'s relayer", self.organisation), "it has not ended"))?;
        ended.map_err(|error| failed("waiting for a relayer", error))
    }

    /// Ends it as a power failure would (SIGKILL), and waits until it is gone.
    pub(super) async fn kill(mut self) -> Result<(), CliError> {
        let wrong = |error: std::io::Error| failed("killing a relayer", error);
        if let Some(status) = self.child.try_wait().map_err(wrong)? {
            let log = self.log.display();
            return Err(failed(
                format!("{}'s relayer", self.organisation),
                format!("it ended before: {status}; {log}"),
            ));
        }
        self.child.kill().await.map_err(wrong)
    }

    /// Asks it to stop, waits, and kills it if it does not.
    pub(super) async fn stop(mut self) -> Result<ExitStatus, CliError> {
        drop(self.input.take());
        match tokio::time::timeout(STOP_DEADLINE, self.child.wait()).await {
            Ok(ended) => ended.map_err(|error| failed("stopping a relayer", error)),
            Err(_) => {
                let _ = self.child.kill().await;
                Err(failed(format!("{}'s relayer", self.organisation), "it did not stop when asked, and was killed"))
            }
        }
    }
}

/// Waits until the relayers behind these sockets answer, run every lane, and (if asked for) have found each other.
pub(super) async fn ready(sockets: &[PathBuf], with_peer: bool) -> Result<(), CliError> {
    let all = sockets.iter().map(|socket| async move {
        loop {
            if let Ok(mut relayer) = admin::connect_to(socket).await
                && let Ok(status) = relayer.get_status(GetStatusRequest {}).await
            {
                let status = status.into_inner();
                let connected = !status.peers.is_empty() && status.peers.iter().all(|peer| peer.connected);
                let running = status.lanes.len() == 2 && status.chains.iter().all(|c| c.verified_height > 0);
                if running && (connected || !with_peer) {
                    return;
                }
            }
            tokio::time::sleep(READY_INTERVAL).await;
        }
    });
    let ready = tokio::time::timeout(READY_DEADLINE, futures::future::join_all(all)).await;
    ready.map(drop).map_err(|_| failed("the relayers", format!("not ready after {}s", READY_DEADLINE.as_secs())))
}

/// Waits until the relayer behind the socket answers and its status is `enough`.
pub(super) async fn until(
    socket: &Path,
    limit: Duration,
    enough: impl Fn(&RelayerStatus) -> bool,
) -> Result<(), CliError> {
    let reached = async {
        loop {
            if let Ok(mut relayer) = admin::connect_to(socket).await
                && let Ok(status) = relayer.get_status(GetStatusRequest {}).await
                && enough(&status.into_inner())
            {
                return;
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    let reached = tokio::time::timeout(limit, reached).await;
    reached.map_err(|_| failed("a relayer", format!("it is not as expected after {}s", limit.as_secs())))
}

/// Pauses or resumes a lane at the relayers behind these sockets, as an operator would.
pub(super) async fn pause(sockets: &[PathBuf], lane: LaneId, pause: bool, why: &str) -> Result<(), CliError> {
    let all = sockets.iter().map(|socket| async move {
        let (name, comment) = (format!("lanes/{lane}"), why.to_owned());
        let mut relayer = admin::connect_to(socket).await?;
        let done = match pause {
            true => relayer.pause_lane(PauseLaneRequest { name, comment }).await,
            false => relayer.resume_lane(ResumeLaneRequest { name, comment }).await,
        };
        done.map(drop).map_err(|status| failed("pausing a lane", status.message()))
    });
    futures::future::try_join_all(all).await.map(drop)
}

/// Whether the relayer behind the socket has a session with each of its peers.
pub(super) async fn connected(socket: &Path) -> Result<bool, CliError> {
    let status = admin::connect_to(socket).await?.get_status(GetStatusRequest {}).await;
    let status = status.map_err(|status| failed("a relayer's status", status.message()))?.into_inner();
    Ok(status.peers.iter().all(|peer| peer.connected))
}

/// Peak resident memory of a process in bytes, where the system tells (Linux).
pub(super) fn peak_memory(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
