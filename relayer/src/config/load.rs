//! From a file to a checked [`Config`]: read within a bound, parse, resolve paths, check the whole.

use super::{Config, ConfigError, Problem, Source, Stage, secret};
use std::{fs, path::Path};

/// A configuration longer than this is something else. 1,000 chains of three nodes take about 600 kB.
pub const MAX_CONFIG_BYTES: u64 = 1024 * 1024;

impl Config {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// Everything that is wrong with it, at most [`super::error::MAX_PROBLEMS`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::load_at(path, Stage::Deployed)
    }

    /// Reads and checks a configuration at that stage of its bridges.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_at(path: &Path, stage: Stage) -> Result<Self, ConfigError> {
        let bytes = secret::read_public("", path, MAX_CONFIG_BYTES).map_err(|p| ConfigError::one(path, p))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let found = format!("other bytes at offset {}", error.utf8_error().valid_up_to());
            ConfigError::one(path, Problem::new("", "UTF-8 text", found, "save the file as UTF-8"))
        })?;
        // The folder with links resolved once, so that "inside it" has one meaning.
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = fs::canonicalize(folder).map_err(|error| {
            let found = format!("`{}`: {error}", folder.display());
            ConfigError::one(path, Problem::new("", "a folder that can be read", found, "check its permissions"))
        })?;
        Self::parse(&text, Source { file: path.to_owned(), folder }, stage)
    }

    /// Parses and checks `text` as if it stood at `source`. Reads the files that it names.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, source: Source, stage: Stage) -> Result<Self, ConfigError> {
        let file = source.file.clone();
        let mut config = Self::parse_only(text, source)?;
        let problems = config.resolve_and_check(stage);
        ConfigError::unless_empty(&file, problems)?;
        Ok(config)
    }

    /// Parses `text` without looking at any file that it names.
    ///
    /// # Errors
    /// Not TOML, an unknown or missing key, a value of another type.
    pub fn parse_only(text: &str, source: Source) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text.bytes().take(span.start).filter(|b| *b == b'\n').count() + 1);
            let key = line.map(|line| format!("line {line}")).unwrap_or_default();
            // Not the error's own Display: it quotes the line, and a misplaced secret would be in it (ATK-103).
            let action = "see `causeway config reference` for every key";
            ConfigError::one(
                &source.file,
                Problem::new(key, "keys and values of the reference", without_strings(error.message()), action),
            )
        })?;
        config.source = source;
        Ok(config)
    }
}

/// The message with every quoted string taken out: a string in the wrong place may be a secret in the wrong place (ATK-103).
/// Names of keys stand in back quotes and stay.
fn without_strings(message: &str) -> String {
    let mut kept = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(start) = rest.find('"') {
        let (before, quoted) = rest.split_at(start);
        kept.push_str(before);
        kept.push('…');
        // Escaped as Debug escapes: a quote inside has a backslash before it.
        let mut escaped = false;
        let end = quoted.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        rest = end.and_then(|(at, _)| quoted.get(at + 1..)).unwrap_or_default();
    }
    kept.push_str(rest);
    kept
}
