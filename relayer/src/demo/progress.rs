//! What the demo shows while it runs, on standard error: bars on a terminal, one line a step elsewhere, nothing at all with
//! `--output json`.

use super::ledger::Seen;
use crate::cli::output::Output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{io::IsTerminal, time::Duration};

/// See the module.
pub(super) struct Progress {
    bar: ProgressBar,
    lines: bool,
}

const SPINNER_INTERVAL: Duration = Duration::from_millis(100);

impl Progress {
    /// For a command that answers in that form.
    pub(super) fn new(output: Output) -> Self {
        let terminal = std::io::stderr().is_terminal() && output == Output::Text;
        let bar = ProgressBar::new_spinner();
        bar.set_draw_target(if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() });
        if terminal {
            bar.enable_steady_tick(SPINNER_INTERVAL);
        }
        Self { bar, lines: !terminal && output == Output::Text }
    }

    /// The next step.
    pub(super) fn say(&self, what: &str) {
        self.bar.set_message(what.to_owned());
        if self.lines {
            eprintln!("{what}");
        }
    }

    /// A line that stays.
    pub(super) fn note(&self, what: &str) {
        if self.lines || !self.bar.is_hidden() {
            eprintln!("{what}");
        }
    }

    /// Transfers begin: from here on they are counted.
    pub(super) fn start(&self, transfers: u64) {
        self.bar.set_length(transfers);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:40} {pos}/{len} decided  {msg}") {
            self.bar.set_style(style);
        }
    }

    /// How many are decided.
    pub(super) fn show(&self, seen: &Seen) {
        self.bar.set_position(seen.decided.len() as u64);
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
