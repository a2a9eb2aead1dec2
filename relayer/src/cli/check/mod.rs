//! `causeway check`: tries everything that `run` will need, and says one line about each.
//!
//! A line is `ok`, `warn` (works, but somebody should look) or `fail` (`run` would not work, or should not). A configuration
//! that cannot be read at all is told as the error that it is.

mod bridges;
mod chains;
mod identity;
mod machine;

use super::{Answer, access::Access, exit::CliError, output::Shown};
use crate::config::Config;
use clap::Args;
use serde::Serialize;
use std::{fmt, future::Future, path::Path, time::Duration};

/// Arguments of `causeway check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Checked: nodes (reachable, chain id, genesis, pinned header, fresh head), contracts (code hashes as agreed, bridge open,
light client live), keys (file modes, balance), certificates (name, key, expiry), the other relayer (mutual TLS), the
machine's clock against the chains', the data folder.

Exit code 0: no line says `fail`. Run it before `run`, after every change, and from cron.")]
pub struct CheckArgs {
    /// Count warnings as failures.
    #[arg(long)]
    pub strict: bool,
}

/// One thing may take this long; a node that needs more is not fit for use.
const DEADLINE: Duration = Duration::from_secs(20);

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Grade {
    /// As it should be.
    Ok,
    /// Works, but look at it.
    Warn,
    /// `run` would not work.
    Fail,
}

/// One line.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    /// What was tried, as a path: `chains.alpha.endpoints.alpha-1`.
    pub(super) what: String,
    /// How it ended.
    pub(super) grade: Grade,
    /// What was found.
    pub(super) found: String,
    /// What to do, unless it is ok.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    pub(super) action: Option<String>,
}

impl Line {
    pub(super) fn ok(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { what: what.into(), grade: Grade::Ok, found: found.into(), action: None }
    }

    pub(super) fn warn(what: impl Into<String>, found: impl Into<String>, action: impl Into<String>) -> Self {
        Self { what: what.into(), grade: Grade::Warn, found: found.into(), action: Some(action.into()) }
    }

    pub(super) fn fail(what: impl Into<String>, found: impl Into<String>, action: impl Into<String>) -> Self {
        Self { what: what.into(), grade: Grade::Fail, found: found.into(), action: Some(action.into()) }
    }

    /// A check whose answer may be an error.
    pub(super) fn of(what: impl Into<String>, result: Result<String, CliError>) -> Self {
        match result {
            Ok(found) => Self::ok(what, found),
            Err(error) => {
                let action =
                    error.action.map_or_else(|| "see that the nodes answer".to_owned(), |text| text.into_owned());
                Self::fail(what, error.message, action)
            }
        }
    }
}

/// Bounds a check in time.
pub(super) async fn in_time<T>(what: &str, check: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    tokio::time::timeout(DEADLINE, check).await.unwrap_or_else(|_| {
        let message = format!("{what}: no answer within {}s", DEADLINE.as_secs());
        Err(CliError::new(super::exit::Failure::Unreachable, message))
    })
}

#[derive(Serialize)]
struct Checked {
    ok: bool,
    failed: usize,
    warned: usize,
    checks: Vec<Line>,
}

pub(super) async fn run(file: &Path, args: CheckArgs) -> Answer {
    let config = Config::load(file)?;
    let mut lines = vec![Line::ok("configuration", format!("{} is complete", file.display()))];
    let now = machine::now();
    lines.extend(machine::check(&config));
    lines.extend(identity::check(&config, now));
    let opened: Vec<Result<Access, CliError>> = config.chains.keys().map(|name| Access::open(&config, name)).collect();
    let mut chains = Vec::with_capacity(opened.len());
    for (name, access) in config.chains.keys().zip(opened) {
        match access {
            Ok(access) => chains.push(access),
            Err(error) => lines.push(Line::of(format!("chains.{name}"), Err(error))),
        }
    }
    let all = futures::future::join_all(chains.iter().map(|chain| chains::check(chain, now))).await;
    lines.extend(all.into_iter().flatten());
    lines.extend(bridges::check(&config, &chains, now).await);
    lines.extend(identity::check_peers(&config).await);
    let count = |grade| lines.iter().filter(|line| line.grade == grade).count();
    let (failed, warned) = (count(Grade::Fail), count(Grade::Warn));
    let ok = failed == 0 && (warned == 0 || !args.strict);
    Ok(Box::new(Shown::new(Checked { ok, failed, warned, checks: lines }, show).answering(ok)))
}

fn show(checked: &Checked, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let width = checked.checks.iter().map(|line| line.what.len()).max().unwrap_or_default();
    for line in &checked.checks {
        let grade = match line.grade {
            Grade::Ok => "ok  ",
            Grade::Warn => "warn",
            Grade::Fail => "FAIL",
        };
        let found = super::output::printable(&line.found.replace('\n', "; "));
        writeln!(f, "{grade}  {:width$}  {found}", line.what)?;
        if let Some(action) = &line.action {
            writeln!(f, "      {:width$}  do: {}", "", super::output::printable(action))?;
        }
    }
    match (checked.failed, checked.warned) {
        (0, 0) => f.write_str("\neverything that `run` needs is there"),
        (failed, warned) => write!(f, "\n{failed} failed, {warned} warnings"),
    }
}
