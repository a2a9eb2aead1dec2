//! Exit codes, and how a failure is told: to people as text, to programs as one JSON object.

use crate::config::ConfigError;
use serde_json::{Value, json};
use std::{borrow::Cow, fmt, process::ExitCode};

/// Why a command failed. The discriminant is the process' exit code; `causeway --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Failure {
    /// The command ran and its answer is no: a check failed, an invariant does not hold.
    Negative = 1,
    /// Wrong arguments (clap uses the same code).
    Usage = 2,
    /// The configuration or a file that it names cannot be used.
    Config = 3,
    /// A node, a peer or the running relayer does not answer.
    Unreachable = 4,
    /// A node, a contract or the relayer refused.
    Refused = 5,
    /// The machine: disk, permissions, child processes.
    Local = 6,
    /// Interrupted.
    Interrupted = 130,
}

/// The end of `causeway --help`.
pub const HELP_END: &str = "\
First steps:
  causeway demo            watch two embedded chains exchange assets (nothing to set up)
  causeway init pair/      write configuration and certificates for two organisations
  causeway check           try everything that `run` will need
  causeway run             start the relayer

Exit codes:
  0    done, and the answer is yes
  1    done, and the answer is no (a check failed, an invariant does not hold)
  2    wrong arguments
  3    the configuration, or a file that it names, cannot be used
  4    a node, a peer or the running relayer does not answer
  5    a node, a contract or the running relayer refused
  6    the machine refused (disk, permissions, processes)
  130  interrupted";

impl Failure {
    /// Name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Negative => "negative",
            Self::Usage => "usage",
            Self::Config => "config",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Local => "local",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        Self::from(failure as u8)
    }
}

/// A command's failure.
#[derive(Debug)]
pub struct CliError {
    /// Class, and exit code.
    pub failure: Failure,
    /// The thing, what was expected, what was found.
    pub message: Cow<'static, str>,
    /// What to do.
    pub action: Option<Cow<'static, str>>,
    /// More for programs; `Null` if there is nothing.
    pub details: Value,
}

impl CliError {
    /// A failure without advice.
    pub fn new(failure: Failure, message: impl Into<Cow<'static, str>>) -> Self {
        Self { failure, message: message.into(), action: None, details: Value::Null }
    }

    /// Adds what to do.
    #[must_use]
    pub fn advise(mut self, action: impl Into<Cow<'static, str>>) -> Self {
        self.action = Some(action.into());
        self
    }

    /// A failure of the machine at `what`.
    pub fn local(what: impl fmt::Display, error: impl fmt::Display) -> Self {
        Self::new(Failure::Local, format!("{what}: {error}"))
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let mut error = json!({ "kind": self.failure.name(), "message": self.message });
        if let (Some(action), Some(object)) = (&self.action, error.as_object_mut()) {
            object.insert("do".into(), json!(action));
        }
        if let (false, Some(object)) = (self.details.is_null(), error.as_object_mut()) {
            object.insert("details".into(), self.details.clone());
        }
        json!({ "error": error })
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        match &self.action {
            Some(action) => write!(f, "\n  do: {action}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CliError {}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let problems: Vec<Value> = error
            .problems
            .iter()
            .map(|p| json!({ "key": p.key, "expected": p.expected, "found": p.found, "do": p.action }))
            .collect();
        let details = json!({ "file": error.file, "problems": problems });
        Self { failure: Failure::Config, message: error.to_string().into(), action: None, details }
    }
}
