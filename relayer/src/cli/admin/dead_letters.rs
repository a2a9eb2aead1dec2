//! `causeway dead-letters`: items that wait for an operator.

use super::{Admin, json, lane_name, refused, short};
use crate::cli::{
    Answer,
    exit::CliError,
    output::{Shown, table},
};
use causeway_proto::admin::v1::{DeadLetter, DiscardDeadLetterRequest, ListDeadLettersRequest, RetryDeadLetterRequest};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::fmt;

/// Most dead letters in one listing.
const MAX_LISTED: usize = 10_000;

/// Arguments of `causeway dead-letters`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DeadLettersArgs {
    /// Only of this lane: its id, the start of it, or `source>destination`.
    #[arg(long)]
    pub lane: Option<String>,
    /// What to do; lists them if nothing is said.
    #[command(subcommand)]
    pub command: Option<DeadLettersCommand>,
}

/// What to do with a dead letter.
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// Give an item back to its lane. Nothing can happen twice: the chain remembers what was delivered.
    Retry {
        /// Number of the dead letter.
        number: u64,
    },
    /// Forget an item. It changes nothing on any chain: the next sweep may find it again.
    Discard {
        /// Number of the dead letter.
        number: u64,
        /// Why, for the audit log.
        #[arg(long, default_value = "")]
        comment: String,
    },
}

pub(in crate::cli) async fn run(mut admin: Admin, args: DeadLettersArgs) -> Answer {
    let letters = match args.command {
        None => {
            let lane = match args.lane {
                Some(lane) => lane_name(&mut admin, &lane).await?,
                None => String::new(),
            };
            list(&mut admin, lane).await?
        }
        Some(DeadLettersCommand::Retry { number }) => {
            let request = RetryDeadLetterRequest { name: format!("deadLetters/{number}") };
            let answer = admin.retry_dead_letter(request).await.map_err(|status| refused(&status))?;
            answer.into_inner().dead_letter.into_iter().collect()
        }
        Some(DeadLettersCommand::Discard { number, comment }) => {
            let request = DiscardDeadLetterRequest { name: format!("deadLetters/{number}"), comment };
            let answer = admin.discard_dead_letter(request).await.map_err(|status| refused(&status))?;
            answer.into_inner().dead_letter.into_iter().collect()
        }
    };
    let value = json!({ "dead_letters": letters.iter().map(json::dead_letter).collect::<Vec<_>>() });
    Ok(Box::new(Shown::new(value, move |_: &Value, f: &mut fmt::Formatter<'_>| f.write_str(&text(&letters)))))
}

async fn list(admin: &mut Admin, lane: String) -> Result<Vec<DeadLetter>, CliError> {
    let mut letters = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListDeadLettersRequest { page_size: 1000, page_token, lane: lane.clone() };
        let page = admin.list_dead_letters(request).await.map_err(|status| refused(&status))?.into_inner();
        let empty = page.dead_letters.is_empty();
        letters.extend(page.dead_letters);
        page_token = page.next_page_token;
        if page_token.is_empty() || empty || letters.len() >= MAX_LISTED {
            return Ok(letters);
        }
    }
}

fn text(letters: &[DeadLetter]) -> String {
    if letters.is_empty() {
        return "no dead letters".to_owned();
    }
    let rows = letters.iter().map(|letter| {
        let number = letter.name.strip_prefix("deadLetters/").unwrap_or(&letter.name).to_owned();
        let range = format!("{}..{}", letter.first_index, letter.end_index);
        [number, short(&letter.lane), range, letter.stage.clone(), letter.reason.clone(), letter.detail.clone()]
    });
    table(["NUMBER", "LANE", "ENTRIES", "STAGE", "REASON", "DETAIL"], rows).trim_fmt()
}
