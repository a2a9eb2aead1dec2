//! A changed configuration while the relayer runs: on SIGHUP, when the file changed, and when an operator asks.
//!
//! The new text is judged as a whole first; if anything is wrong with it, everything stays as it was and the refusal says
//! what is wrong. What may change ([`hot`](crate::config::hot)) is applied then, the rest is named: it needs a restart.

use super::build::{Built, Parts, chain_id};
use crate::{
    api::control::{Refused, What},
    config::{
        Config, ConfigError, MAX_CONFIG_BYTES, Source, Stage,
        hot::{Differences, shown},
    },
    metrics::process::ProcessMetrics,
    telemetry,
};
use causeway_proto::admin::v1::ReloadResponse;
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Mutex,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use toml::Table;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// See the module.
pub(super) struct Reloader {
    source: Source,
    built: Arc<Built>,
    texts: Mutex<Texts>,
    shown: ProcessMetrics,
}

/// The configuration as it was, key by key.
struct Texts {
    /// What the relayer was started with.
    started: Table,
    /// What was read last.
    last: Table,
}

/// What tells that a file is another one.
type Mark = Option<(SystemTime, u64, u64)>;

impl Reloader {
    /// Reloads what `built` was built from.
    pub(super) fn new(parts: &Parts, built: Arc<Built>) -> Self {
        let source = parts.config.source.clone();
        // It was read a moment ago. Should it be gone, all of the next one is new: told, never hidden.
        let started = read(&source.file).ok().and_then(|text| text.parse::<Table>().ok()).unwrap_or_default();
        Self {
            source,
            built,
            texts: Mutex::new(Texts { last: started.clone(), started }),
            shown: parts.metrics.process.clone(),
        }
    }

    /// Reads the configuration and the certificates again. With `validate_only` says what would change.
    pub(super) async fn reload(&self, validate_only: bool) -> Result<ReloadResponse, Refused> {
        // One after the other: the last one read wins.
        let mut texts = self.texts.lock().await;
        let source = self.source.clone();
        let read = tokio::task::spawn_blocking(move || judge(source)).await;
        let (table, config) = read.map_err(|e| Refused::new(What::Internal, "RELOAD", e.to_string()))??;
        let found = Differences::of_running(&texts.started, &texts.last, &table);
        let mut applied: Vec<String> = found.hot.iter().map(shown).collect();
        if !validate_only {
            self.apply(&config)?;
            applied.extend(self.certificates().await?);
            texts.last = table;
        }
        Ok(ReloadResponse { applied, restart_required: found.cold.iter().map(shown).collect() })
    }

    /// Applies what may change. Every step gives the same when it is done twice.
    fn apply(&self, config: &Config) -> Result<(), Refused> {
        telemetry::set_level(&config.log.level).map_err(|error| Refused::invalid(error.to_string()))?;
        for chain in &self.built.chains {
            if let Some(section) = config.chains.get(&chain.name).filter(|s| chain_id(s) == &*chain.chain.id) {
                chain.chain.reconfigure.apply(section)?;
            }
        }
        for lane in &self.built.lanes {
            if let Some(bridge) = config.bridges.get(&lane.bridge) {
                lane.settings.set(config.lane_settings(bridge));
            }
        }
        for peer in self.built.links.iter().flat_map(|links| links.peers()) {
            if let Some(settings) = config.peer(peer.organisation()) {
                peer.move_to(settings)?;
            }
        }
        Ok(())
    }

    async fn certificates(&self) -> Result<Option<String>, Refused> {
        let Some(links) = &self.built.links else { return Ok(None) };
        let tls = links.tls.clone();
        let changed = tokio::task::spawn_blocking(move || tls.reload()).await;
        let changed = changed.map_err(|e| Refused::new(What::Internal, "RELOAD", e.to_string()))??;
        Ok(changed.then(|| "listener.certificate".to_owned()))
    }

    /// Reloads on SIGHUP and when the file changed, until `stop`.
    pub(super) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        let Ok(mut hangups) = signal(SignalKind::hangup()) else {
            tracing::error!("SIGHUP cannot be listened to: use `causeway reload`");
            return;
        };
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = mark(&self.source.file);
        loop {
            let why = tokio::select! {
                () = stop.cancelled() => return,
                received = hangups.recv() => match received {
                    Some(()) => "SIGHUP",
                    None => return,
                },
                _ = looks.tick() => {
                    let now = mark(&self.source.file);
                    // A file that is gone for a moment is being replaced.
                    if now.is_none() || now == seen {
                        continue;
                    }
                    seen = now;
                    "the file changed"
                }
            };
            match self.reload(false).await {
                Ok(done) => {
                    let (applied, restart) = (done.applied.join(", "), done.restart_required.join(", "));
                    if restart.is_empty() {
                        tracing::info!(why, applied, "the configuration was read again");
                    } else {
                        tracing::warn!(
                            why,
                            applied,
                            restart_required = restart,
                            "the configuration was read again; some of it needs a restart"
                        );
                    }
                }
                Err(refused) => {
                    self.shown.reload_failures_total.inc();
                    tracing::error!(
                        why,
                        reason = refused.reason,
                        detail = refused.detail,
                        "the configuration is refused: the relayer runs on the one before"
                    );
                }
            }
        }
    }
}

/// Reads the file, within its bound.
fn read(file: &Path) -> io::Result<String> {
    if fs::metadata(file)?.len() > MAX_CONFIG_BYTES {
        return Err(io::Error::other(format!("expected at most {MAX_CONFIG_BYTES} bytes")));
    }
    fs::read_to_string(file)
}

/// The file's keys, and what they mean if nothing is wrong with them.
fn judge(source: Source) -> Result<(Table, Config), Refused> {
    let refused = |detail: String| Refused::new(What::Precondition, "INVALID_CONFIG", detail);
    let text = read(&source.file).map_err(|error| refused(format!("{}: {error}", source.file.display())))?;
    let config =
        Config::parse(&text, source, Stage::Deployed).map_err(|error: ConfigError| refused(error.to_string()))?;
    let table = text.parse::<Table>().map_err(|_| refused("it is no TOML".into()))?;
    Ok((table, config))
}

fn mark(file: &Path) -> Mark {
    let found = fs::metadata(file).ok()?;
    Some((found.modified().ok()?, found.len(), found.ino()))
}
