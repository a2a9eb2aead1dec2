//! `causeway run`: the relayer itself.

use super::{
    Answer,
    bridge::{differences, open_chains, refuse_differences},
    exit::{CliError, Failure},
    output::Shown,
};
use crate::{
    config::{Agreement, Config, LogFormat},
    telemetry::{self, Format},
};
use clap::Args;
use serde_json::json;
use std::{fmt, io, path::Path, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};
use tokio_util::sync::CancellationToken;

/// Nodes may take this long to say what code stands there; then the relayer starts all the same.
const CONTRACTS_DEADLINE: Duration = Duration::from_secs(10);

/// Arguments of `causeway run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Logs go to standard error, one JSON object a line unless the configuration says otherwise. SIGTERM and SIGINT end it in
order: what is being written is finished, nothing new is begun. After kill -9 or a power failure it goes on from its
journal and the chains. Run one relayer per data folder.")]
pub struct RunArgs {
    /// Stop when standard input closes: for a supervisor that holds its other end, as `causeway demo` does.
    #[arg(long)]
    pub attached: bool,
}

pub(super) async fn run(file: &Path, args: RunArgs) -> Answer {
    let config = Config::load(file)?;
    let format = match config.log.format {
        LogFormat::Json => Format::Json,
        LogFormat::Text => Format::Text,
    };
    telemetry::start(format, &config.log.level).map_err(|error| {
        CliError::new(Failure::Config, format!("log.level: {error}"))
            .advise("write `info`, or `info,causeway::lane=debug`")
    })?;
    refuse_other_contracts(&config).await?;
    let shutdown = CancellationToken::new();
    tokio::spawn(stop_on_signal(args.attached, shutdown.clone()));
    crate::daemon::run(config, shutdown).await?;
    Ok(Box::new(Shown::new(json!({ "stopped": true }), |_: &serde_json::Value, f: &mut fmt::Formatter<'_>| {
        f.write_str("stopped")
    })))
}

/// Refuses to start beside contracts that are not those agreed on (ATK-009). Nodes that do not answer keep nobody from
/// starting: nothing is done on their word, and `check` names them.
async fn refuse_other_contracts(config: &Config) -> Result<(), CliError> {
    for (name, bridge) in &config.bridges {
        let agreement = Agreement::read(&bridge.agreement)?;
        let chains = open_chains(config, &agreement)?;
        match tokio::time::timeout(CONTRACTS_DEADLINE, differences(&chains, &agreement)).await {
            Ok(Ok(differences)) => refuse_differences(differences)?,
            Ok(Err(error)) if error.failure != Failure::Unreachable => return Err(error),
            _ => tracing::warn!(bridge = %name, "the contracts could not be looked at: no node answers"),
        }
    }
    Ok(())
}

/// Cancels `shutdown` at the first signal, or when standard input closes.
async fn stop_on_signal(attached: bool, shutdown: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be listened to: stop this process with kill -9, nothing is lost");
        return;
    };
    let why = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
        () = closed_input(), if attached => "standard input closed",
    };
    tracing::info!(why, "stopping");
    shutdown.cancel();
}

/// Returns when standard input is at its end; what is written there is ignored. A thread of its own: a blocked read of
/// tokio's would keep the runtime from ending.
async fn closed_input() {
    let (closed, ended) = oneshot::channel();
    let read = move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = closed.send(());
    };
    if std::thread::Builder::new().name("standard input".into()).spawn(read).is_ok() {
        let _ = ended.await;
    } else {
        std::future::pending::<()>().await;
    }
}
