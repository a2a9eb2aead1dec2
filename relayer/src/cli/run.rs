//! `causeway run`: the relayer itself.

use super::{
    Answer,
    exit::{CliError, Failure},
    output::Shown,
};
use crate::{
    config::{Config, LogFormat},
    telemetry::{self, Format},
};
use clap::Args;
use serde_json::json;
use std::{fmt, path::Path};
use tokio::{
    io::AsyncReadExt,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

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
        CliError::new(Failure::Config, format!("log.level: {error}")).advise("write `info`, or `info,causeway::lane=debug`")
    })?;
    let shutdown = CancellationToken::new();
    tokio::spawn(stop_on_signal(args.attached, shutdown.clone()));
    crate::daemon::run(config, shutdown).await?;
    Ok(Box::new(Shown::new(json!({ "stopped": true }), |_: &serde_json::Value, f: &mut fmt::Formatter<'_>| {
        f.write_str("stopped")
    })))
}

/// Cancels `shutdown` at the first signal, or when standard input closes.
async fn stop_on_signal(attached: bool, shutdown: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
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

/// Returns when standard input is at its end; what is written there is ignored.
async fn closed_input() {
    let mut input = tokio::io::stdin();
    let mut ignored = [0; 64];
    while matches!(input.read(&mut ignored).await, Ok(read) if read > 0) {}
}
