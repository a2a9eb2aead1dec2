//! One lane's task group: when one stage ends, the rest end, and the lane starts again from what it knows, after a
//! delay. A lane's trouble never reaches another lane.

use super::{
    audit::Audit,
    confirm::Confirm,
    drive::Drive,
    error::{Class, Error, Kind, Result},
    freeze::Report,
    ports::Inbound,
    receive::Receive,
    refresh::Refresh,
    send::Send,
    swaps::facts::Facts,
    sweep::Sweep,
};
use backon::{BackoffBuilder, ExponentialBuilder};
use causeway_core::LaneId;
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// First delay before a lane starts again.
const RESTART_MIN: Duration = Duration::from_millis(250);
/// Longest delay.
const RESTART_MAX: Duration = Duration::from_secs(30);
/// A lane that ran so long without trouble starts again with the first delay.
const CALM: Duration = Duration::from_secs(60);

/// Told of every retry of a stage (metrics).
pub trait Retries: std::marker::Send + Sync {
    /// A stage failed and tries again after `delay`.
    fn retry(&self, lane: LaneId, stage: &'static str, error: &Error, delay: Duration);
}

/// Runs a stage again after each error that may pass, with backoff and jitter; other errors end it.
pub(super) async fn keep<F>(
    lane: LaneId,
    stage: &'static str,
    retries: Arc<dyn Retries>,
    mut run: impl FnMut() -> F,
) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let fresh = || backoff().build();
    let mut delays = fresh();
    loop {
        let started = Instant::now();
        let Err(e) = run().await else { return Ok(()) };
        let Class::Retry { after } = e.class else { return Err(e) };
        if started.elapsed() > CALM {
            delays = fresh();
        }
        let delay = delays.next().unwrap_or(RESTART_MAX).max(after.unwrap_or_default());
        retries.retry(lane, stage, &e, delay);
        tokio::time::sleep(delay).await;
    }
}

fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(RESTART_MIN)
        .with_max_delay(RESTART_MAX)
        .with_jitter()
        .without_max_times()
}

/// What a lane is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Its stages run.
    Running,
    /// It starts again soon; this was the trouble.
    Restarting {
        /// What it was.
        kind: Kind,
        /// For people.
        detail: String,
    },
    /// An operator paused it.
    Paused,
    /// It stands until an operator acts.
    Stopped {
        /// What it was.
        kind: Kind,
        /// For people.
        detail: String,
    },
}

/// Bundles of one lane as the peer listener hands them over; survives the stage that reads it.
pub type Inbox = Arc<Mutex<mpsc::Receiver<Inbound>>>;

/// The stages of one lane as this relayer's role has them.
pub struct Lane {
    /// Its id.
    pub id: LaneId,
    /// Role source: send to the peer.
    pub send: Option<Arc<Send>>,
    /// Role destination: receive from the peer.
    pub receive: Option<(Arc<Receive>, Inbox)>,
    /// Do what the peer leaves; absent without submit rights on the destination.
    pub drive: Option<Arc<Drive>>,
    /// Reconcile what is open.
    pub sweep: Arc<Sweep>,
    /// Close entries.
    pub confirm: Arc<Confirm>,
    /// Keep the client contract alive.
    pub refresh: Arc<Refresh>,
    /// Bring evidence to the client contract.
    pub report: Report,
    /// Look for hidden entries.
    pub audit: Arc<Audit>,
    /// Bring facts about swaps into their book.
    pub facts: Arc<Facts>,
    /// Told of retries.
    pub retries: Arc<dyn Retries>,
    /// What it is doing.
    pub state: watch::Sender<State>,
    /// Set by an operator.
    pub paused: watch::Sender<bool>,
}

type Stage = Pin<Box<dyn Future<Output = (&'static str, Result<()>)> + std::marker::Send>>;

impl Lane {
    /// Runs the lane until `shutdown`.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut paused = self.paused.subscribe();
        let mut delays = backoff().build();
        while !shutdown.is_cancelled() {
            if *paused.borrow_and_update() {
                self.state.send_replace(State::Paused);
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    _ = paused.changed() => continue,
                }
            }
            self.state.send_replace(State::Running);
            let started = Instant::now();
            let ended = tokio::select! {
                () = shutdown.cancelled() => return,
                _ = paused.changed() => continue,
                ended = self.group() => ended,
                why = self.refresh.source.until_stopped() => Err(why),
                why = self.refresh.destination.until_stopped() => Err(why),
            };
            let Err(e) = ended else { continue };
            if e.class == Class::StopLane {
                tracing::error!(lane = %self.id, kind = ?e.kind, detail = %e.detail, "lane stopped: needs an operator");
                self.state.send_replace(State::Stopped { kind: e.kind, detail: e.detail.to_string() });
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    _ = paused.changed() => continue,
                    () = self.report.run() => continue,
                }
            }
            if started.elapsed() > CALM {
                delays = backoff().build();
            }
            let delay = delays.next().unwrap_or(RESTART_MAX);
            let delay = if let Class::Retry { after: Some(after) } = e.class { delay.max(after) } else { delay };
            tracing::warn!(lane = %self.id, kind = ?e.kind, detail = %e.detail, delay_ms = delay.as_millis() as u64, "lane starts again");
            self.state.send_replace(State::Restarting { kind: e.kind, detail: e.detail.to_string() });
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(delay) => {}
            }
        }
    }

    /// The stages as futures; each tells its name. An error that may pass is the stage's own matter ([`keep`]).
    fn stages(&self) -> Vec<Stage> {
        let mut stages: Vec<Stage> = Vec::new();
        macro_rules! stage {
            ($name:literal, $stage:ident) => {{
                let (id, retries) = (self.id, self.retries.clone());
                stages.push(Box::pin(async move { ($name, keep(id, $name, retries, || $stage.run()).await) }));
            }};
        }
        if let Some(send) = self.send.clone() {
            stage!("send", send);
        }
        if let Some((receive, inbox)) = self.receive.clone() {
            let (id, retries) = (self.id, self.retries.clone());
            let run = move || {
                let (receive, inbox) = (receive.clone(), inbox.clone());
                async move { receive.run(&mut *inbox.lock().await).await }
            };
            stages.push(Box::pin(async move { ("receive", keep(id, "receive", retries, run).await) }));
        }
        if let Some(drive) = self.drive.clone() {
            stage!("drive", drive);
        }
        let (sweep, confirm) = (self.sweep.clone(), self.confirm.clone());
        let (refresh, audit) = (self.refresh.clone(), self.audit.clone());
        stage!("sweep", sweep);
        stage!("confirm", confirm);
        stage!("refresh", refresh);
        stage!("audit", audit);
        let facts = self.facts.clone();
        stage!("facts", facts);
        stages
    }

    /// Runs the stages until the first ends; the others are dropped with the set.
    async fn group(&self) -> Result<()> {
        let mut set = JoinSet::new();
        for stage in self.stages() {
            set.spawn(stage);
        }
        match set.join_next().await {
            Some(Ok((stage, result))) => {
                tracing::debug!(lane = %self.id, stage, "stage ended");
                result
            }
            Some(Err(e)) => Err(Error::retry(Kind::ShuttingDown, format!("a stage panicked: {e}"))),
            None => Ok(()),
        }
    }
}
