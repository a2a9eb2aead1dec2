//! Why a configuration is refused. Every problem names the file, the key, what was expected, what was found and what
//! to do; one look at a file reports *all* of its problems, not only the first.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Dotted key (`chains.alpha.client.pinned_hash`), or empty for the file itself.
    pub key: String,
    /// What a valid value looks like.
    pub expected: String,
    /// What stands there. Never the content of a secret.
    pub found: String,
    /// What to do about it.
    pub action: String,
}

impl Problem {
    /// A problem at `key`.
    pub fn new(
        key: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
        action: impl Into<String>,
    ) -> Self {
        Self { key: key.into(), expected: expected.into(), found: found.into(), action: action.into() }
    }
}

/// A configuration that cannot be used (`InvalidConfig` in the attack tables).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it: at least one, at most [`MAX_PROBLEMS`].
    pub problems: Vec<Problem>,
}

/// More problems than this in one file are not listed: the reader has enough to begin with.
pub const MAX_PROBLEMS: usize = 32;

impl ConfigError {
    /// An error of one problem.
    pub fn one(file: &Path, problem: Problem) -> Self {
        Self { file: file.to_owned(), problems: vec![problem] }
    }

    /// `Err` if there are problems.
    ///
    /// # Errors
    /// Exactly then.
    pub fn unless_empty(file: &Path, mut problems: Vec<Problem>) -> Result<(), Self> {
        problems.truncate(MAX_PROBLEMS);
        if problems.is_empty() { Ok(()) } else { Err(Self { file: file.to_owned(), problems }) }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be used", self.file.display())?;
        for problem in &self.problems {
            if problem.key.is_empty() {
                write!(f, "\n  the file")?;
            } else {
                write!(f, "\n  {}", problem.key)?;
            }
            for (label, text) in [("expected", &problem.expected), ("found", &problem.found), ("do", &problem.action)] {
                // Values come from a file: a control code in one must not forge a second line of output.
                let text: String =
                    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect();
                write!(f, "\n    {label:<9} {}", text.trim_end().replace('\n', "\n              "))?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
