//! `causeway config schema|reference|show`: what a configuration may contain.

use super::{Answer, output::Shown};
use crate::config::reference;
use clap::Subcommand;
use serde_json::json;
use std::fmt;

/// See the module.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the JSON Schema of the configuration file, for editors and validators.
    Schema,
    /// Print the reference of every key in Markdown (this is `docs/config.md`).
    Reference,
}

pub(super) fn run(command: &ConfigCommand) -> Answer {
    Ok(match command {
        ConfigCommand::Schema => {
            Box::new(Shown::new(reference::schema(), |schema: &serde_json::Value, f: &mut fmt::Formatter<'_>| {
                write!(f, "{schema:#}")
            }))
        }
        ConfigCommand::Reference => {
            let page = json!({ "format": "markdown", "text": reference::markdown() });
            Box::new(Shown::new(page, |page: &serde_json::Value, f: &mut fmt::Formatter<'_>| {
                f.write_str(page.get("text").and_then(serde_json::Value::as_str).unwrap_or_default())
            }))
        }
    })
}
