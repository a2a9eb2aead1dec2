//! Telemetry: logs and traces. Metrics are defined in [`crate::metrics`].
//!
//! Floor 5: the daemon and the commands start it once per process ([`start`]).

pub mod backing;
pub mod escape;
pub mod journal;
pub mod log;
pub mod standing;
pub mod swaps;
pub mod trace;

use std::{io::IsTerminal, sync::OnceLock};
use tracing_subscriber::{EnvFilter, Registry, layer::SubscriberExt, reload, util::SubscriberInitExt};

pub use log::{BadFilter, Format};
pub use trace::Traces;

/// Where the filter of the running subscriber is changed.
static CHANGES: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Starts logging to standard error and sends panics there, too. The first call of a process counts.
pub fn start(format: Format, level: &str) -> Result<(), BadFilter> {
    let filter = log::filter(level)?;
    let ansi = std::io::stderr().is_terminal();
    let (filter, changes) = reload::Layer::new(filter);
    let registry = tracing_subscriber::registry().with(filter).with(log::layer(format, ansi, std::io::stderr));
    if registry.try_init().is_ok() {
        let _ = CHANGES.set(changes); // a process starts once
        panics_to_log();
    }
    Ok(())
}

/// Changes what is logged, from the next event on.
///
/// # Errors
/// The filter is not one.
pub fn set_level(level: &str) -> Result<(), BadFilter> {
    let filter = log::filter(level)?;
    if let Some(changes) = CHANGES.get() {
        // It fails only when the subscriber is gone: then nothing is logged at all.
        let _ = changes.reload(filter);
    }
    Ok(())
}

/// A panic is one event like any other: escaped, on one line, with its place. Its payload is not shown: it may hold
/// what a `Debug` of somebody else's type printed (ATK-103).
fn panics_to_log() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |l| format!("{}:{}", l.file(), l.line()));
        let payload = info.payload();
        let message = payload.downcast_ref::<&'static str>().copied().unwrap_or("(formatted message withheld)");
        tracing::error!(target: "causeway::panic", place, message);
    }));
}

#[cfg(test)]
mod log_tests;
#[cfg(test)]
mod trace_tests;
