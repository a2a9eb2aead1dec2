//! The daemon: wires chains, lanes, peers and listeners together, runs them, and ends them in order.
//!
//! - `build`: from the configuration to chains and lanes; [`observe`]: what they tell, as metrics and traces;
//! - `exchange`: the service for exchanges;
//! - `links`: the peer listener and the sessions with other relayers; `control`: what operators ask and order,
//!   `shown`: in their words;
//! - `drain`: an end that begins nothing new and finishes what is under way;
//! - `reload`: a changed configuration while the relayer runs;
//! - `health`: what `/readyz` answers; `paused`: lanes that an operator paused, across restarts.
//!
//! Order of an end: nothing new is begun (lanes, watches and listeners stop), what is being written is finished (the
//! signers' and the journal's tasks end), then telemetry is flushed.

mod build;
mod control;
mod drain;
mod exchange;
mod health;
mod links;
pub mod observe;
mod paused;
mod reload;
mod shown;

use crate::{
    api::{audit::Audit, health::Health, probes, socket::Socket},
    config::Config,
    lane::{
        error::{Error, Kind, Result},
        ports::Clock,
    },
    metrics::{Metrics, labels, process::TaskUp},
    peers::routes::Routes,
    store::Store,
    telemetry::{Traces, journal::Measured},
};
use build::Built;
use control::Daemon;
use observe::Observe;
use reload::Reloader;
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long tasks may take to end.
const END_MAX: Duration = Duration::from_secs(10);

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> u64 {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs())
    }
}

/// Runs a relayer until `shutdown`.
///
/// # Errors
/// What keeps it from starting: `InvalidConfig`, `Store`, an address in use. Once it runs, trouble stays with the lane
/// or chain that has it.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<()> {
    let config = Arc::new(config);
    let data = config.source.folder.join(&config.data_dir);
    let metrics = Arc::new(Metrics::new().map_err(|e| invalid(format!("metrics: {e}")))?);
    let traces = traces(&config)?;
    let store = Arc::new(Store::open(&data)?);
    let journal = Measured::new(store.clone(), &metrics, Some(data.join("journal.redb")));
    let names = config.chains.iter().map(|(name, chain)| (build::chain_id(chain).to_owned(), name.clone())).collect();
    let observe = Arc::new(Observe::new(metrics.clone(), traces.clone(), names));
    let tasks = TaskTracker::new();
    let stop = shutdown.child_token();
    let routes = Routes::default();

    let parts = build::Parts {
        config: config.clone(),
        metrics: metrics.clone(),
        observe: observe.clone(),
        journal: journal.clone(),
        store: store.clone(),
        clock: Arc::new(WallClock),
        routes: routes.clone(),
        tasks: tasks.clone(),
        stop: stop.clone(),
        paused: paused::Paused::open(&data),
        drain: Arc::new(drain::Drain::new()),
    };
    let built = Arc::new(build::build(&parts).await?);
    for chain in &built.watches {
        start(&tasks, &metrics, ("watch", observe.name(&chain.chain.id)), chain.clone().keep(stop.clone()));
    }
    for lane in &built.lanes {
        let standing = crate::telemetry::standing::follow(lane.handles.lane.clone(), lane.run.state.subscribe());
        let ended = stop.clone();
        let id = labels::lane(&lane.run.id);
        start(&tasks, &metrics, ("standing", &id), async move {
            ended.run_until_cancelled(standing).await;
        });
        start(&tasks, &metrics, ("lane", &id), lane.run.clone().run(stop.clone()));
        start(&tasks, &metrics, ("overdue", &id), lane.overdue.clone().keep(observe.clone(), stop.clone()));
    }
    let exchange = exchange::open(&parts, &built).await?;
    if let (Some(links), Some(exchange)) = (&built.links, &exchange) {
        links.offer(exchange.offers()).await;
    }
    if let Some(exchange) = exchange {
        let peers = built.links.iter().flat_map(|links| links.by_name()).collect();
        exchange.start(peers, &tasks, stop.clone()).await?;
    }
    if let Some(links) = &built.links {
        links.start(&tasks, &metrics, stop.clone()).await?;
    }
    let health = listeners(&parts, &built, &data, &tasks).await?;
    tracing::info!(organisation = %config.organisation, lanes = built.lanes.len(), "running");
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = parts.drain.done(&built) => {}
    }

    health.send_modify(|h| h.checks = vec![health::stopping()]);
    stop.cancel();
    tasks.close();
    if tokio::time::timeout(END_MAX, tasks.wait()).await.is_err() {
        tracing::warn!(
            tasks = tasks.len(),
            "tasks did not end in time; the journal and the chains know where they were"
        );
    }
    let _ = tokio::task::spawn_blocking(move || traces.shutdown()).await; // a panic there loses spans, no more
    tracing::info!("stopped");
    Ok(())
}

fn traces(config: &Config) -> Result<Traces> {
    let settings = &config.telemetry;
    Traces::configured(settings.otlp_endpoint.as_deref(), settings.sample_ratio, &config.organisation)
        .map_err(|e| invalid(e.to_string()))
}

/// Starts a task that runs as long as the relayer; `causeway_task_up` falls when it ends, however it ends (ATK-085).
fn start<F>(tasks: &TaskTracker, metrics: &Metrics, (name, scope): (&str, &str), work: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let up = TaskUp::new(metrics, name, scope);
    tasks.spawn(async move {
        let _up = up;
        work.await;
    });
}

/// The operators' socket and the probes.
async fn listeners(
    parts: &build::Parts,
    built: &Arc<Built>,
    data: &Path,
    tasks: &TaskTracker,
) -> Result<watch::Sender<Health>> {
    let config = &parts.config;
    let unusable = |what: &str, e: std::io::Error| invalid(format!("{what}: {e}"));
    let probe = TcpListener::bind(config.metrics.listen).await.map_err(|e| unusable("metrics.listen", e))?;
    let socket = Socket::bind(&data.join(&config.admin.socket)).await.map_err(|e| unusable("admin.socket", e))?;
    let audit = Audit::open(&data.join("audit.log")).map_err(|e| unusable("audit.log", e))?;
    let (health, shown) = watch::channel(Health::starting());
    let probes = probes::serve(probe, parts.metrics.clone(), shown, parts.stop.clone());
    start(tasks, &parts.metrics, ("metrics", "process"), probes);
    let reloader = Arc::new(Reloader::new(parts, built.clone()));
    start(tasks, &parts.metrics, ("reload", "process"), reloader.clone().watch(parts.stop.clone()));
    let daemon = Arc::new(Daemon::new(parts, built.clone(), reloader));
    let (metrics, stop) = (parts.metrics.clone(), parts.stop.clone());
    start(tasks, &parts.metrics, ("admin", "process"), async move {
        if let Err(error) = crate::api::admin::serve(socket, daemon, audit, metrics, stop).await {
            tracing::error!(%error, "the admin listener failed");
        }
    });
    start(tasks, &parts.metrics, ("health", "process"), health::follow(parts, built.clone(), health.clone()));
    Ok(health)
}

fn invalid(detail: String) -> Error {
    Error::stop_lane(Kind::InvalidConfig, detail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    /// ATK-085: a task that panics, or just ends, is seen to be down, and no other one is.
    #[tokio::test]
    async fn atk_085_whichever_task_of_the_relayer_panics_is_shown_down() {
        let tasks =
            ["watch", "standing", "lane", "overdue", "certificates", "peers", "metrics", "reload", "admin", "health"];
        let shown = |metrics: &Metrics, task: &str| {
            let text = metrics.render().unwrap();
            let line =
                text.lines().find(|line| line.starts_with(&format!("causeway_task_up{{scope=\"s\",task=\"{task}\"}}")));
            line.unwrap_or_else(|| panic!("{task} is not shown: {text}")).ends_with(" 1")
        };
        for dying in tasks {
            let (metrics, tracker) = (Metrics::new().unwrap(), TaskTracker::new());
            let fate = CancellationToken::new();
            for task in tasks {
                let doomed = fate.clone();
                start(&tracker, &metrics, (task, "s"), async move {
                    doomed.cancelled().await;
                    assert!(task != dying, "asked to panic");
                    std::future::pending().await
                });
            }
            assert!(tasks.iter().all(|task| shown(&metrics, task)), "{dying}");
            fate.cancel();
            while tracker.len() == tasks.len() {
                tokio::task::yield_now().await;
            }
            for task in tasks {
                assert_eq!(shown(&metrics, task), task != dying, "{task} when {dying} panics");
            }
        }
    }
}
