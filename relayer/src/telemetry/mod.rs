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

use std::io::IsTerminal;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

pub use log::{BadFilter, Format};
pub use trace::Traces;

/// Starts logging to standard error and sends panics there, too. The first call of a process counts.
pub fn start(format: Format, level: &str) -> Result<(), BadFilter> {
    let filter = log::filter(level)?;
    let ansi = std::io::stderr().is_terminal();
    let registry = tracing_subscriber::registry().with(filter).with(log::layer(format, ansi, std::io::stderr));
    if registry.try_init().is_ok() {
        panics_to_log();
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
