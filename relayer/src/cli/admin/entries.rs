//! `causeway entries`: what stands in a lane's outbox, and the way of one entry.

use super::{Admin, json, lane_name, refused};
use crate::cli::{
    Answer,
    exit::CliError,
    output::{Shown, table},
};
use causeway_proto::admin::v1::{Entry, EntryTrace, ListEntriesRequest, TraceEntryRequest, entry::Body};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::fmt::{self, Write};

/// Entries in one question to the relayer.
const PAGE: u32 = 1000;

/// Arguments of `causeway entries`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct EntriesArgs {
    /// Lane id, the start of it, or `source>destination` (CAIP-2 ids).
    #[arg(required = true)]
    pub lane: Option<String>,
    /// Only entries that are not yet delivered.
    #[arg(long)]
    pub pending: bool,
    /// First index.
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    /// Most entries to show.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    /// Follow one entry instead.
    #[command(subcommand)]
    pub command: Option<EntriesCommand>,
}

/// What to do with one entry.
#[derive(Debug, Subcommand)]
pub enum EntriesCommand {
    /// Show everything known of one entry's way, from lock to delivery.
    Trace {
        /// Lane id, the start of it, or `source>destination` (CAIP-2 ids).
        lane: String,
        /// The entry's index.
        index: u64,
    },
}

pub(in crate::cli) async fn run(mut admin: Admin, args: EntriesArgs) -> Answer {
    if let Some(EntriesCommand::Trace { lane, index }) = args.command {
        let lane = lane_name(&mut admin, &lane).await?;
        let request = TraceEntryRequest { name: format!("{lane}/entries/{index}") };
        let trace = admin.trace_entry(request).await.map_err(|status| refused(&status))?.into_inner();
        let value = json::trace(&trace);
        return Ok(Box::new(Shown::new(value, move |_: &Value, f: &mut fmt::Formatter<'_>| {
            f.write_str(&trace_text(&trace))
        })));
    }
    let lane = lane_name(&mut admin, args.lane.as_deref().unwrap_or_default()).await?;
    let (entries, more) = list(&mut admin, &lane, args.pending, args.from, args.limit).await?;
    let value = json!({ "lane": lane, "entries": entries.iter().map(json::entry).collect::<Vec<_>>(), "more": more });
    Ok(Box::new(Shown::new(value, move |_: &Value, f: &mut fmt::Formatter<'_>| {
        if entries.is_empty() {
            return f.write_str("no entries");
        }
        let rows = entries.iter().map(|entry| {
            let [kind, what] = describe(entry);
            [entry.index.to_string(), json::stage(entry.stage), kind, what]
        });
        f.write_str(&table(["INDEX", "STAGE", "KIND", "WHAT"], rows).trim_fmt())?;
        if more { f.write_str("\n… more: raise --limit or --from") } else { Ok(()) }
    })))
}

async fn list(
    admin: &mut Admin,
    lane: &str,
    pending_only: bool,
    first_index: u64,
    limit: u32,
) -> Result<(Vec<Entry>, bool), CliError> {
    let wanted = limit as usize;
    let mut entries: Vec<Entry> = Vec::new();
    let mut page_token = String::new();
    loop {
        let rest = u32::try_from(wanted - entries.len()).unwrap_or(PAGE).min(PAGE);
        let page_size = i32::try_from(rest).unwrap_or(1);
        let request = ListEntriesRequest { parent: lane.to_owned(), page_size, page_token, pending_only, first_index };
        let page = admin.list_entries(request).await.map_err(|status| refused(&status))?.into_inner();
        // A page without entries would never end the loop.
        let empty = page.entries.is_empty();
        entries.extend(page.entries);
        page_token = page.next_page_token;
        if page_token.is_empty() || empty || entries.len() >= wanted {
            entries.truncate(wanted);
            return Ok((entries, !page_token.is_empty()));
        }
    }
}

fn describe(entry: &Entry) -> [String; 2] {
    match &entry.body {
        Some(Body::Transfer(t)) => {
            ["transfer".into(), format!("{} of {} from {} to {}", t.amount, t.asset, t.sender, t.recipient)]
        }
        Some(Body::Returned(r)) => ["returned".into(), format!("answers {}", r.transfer)],
        Some(Body::SwapLocked(s)) => ["swap locked".into(), format!("{} leg {}", s.swap_id, s.leg)],
        Some(Body::SwapVoided(s)) => ["swap voided".into(), format!("{} leg {}", s.swap_id, s.leg)],
        None => ["unknown".into(), String::new()],
    }
}

fn trace_text(trace: &EntryTrace) -> String {
    let mut text = String::new();
    if let Some(entry) = &trace.entry {
        let [kind, what] = describe(entry);
        let _ = write!(text, "{}\n{kind}: {what}\ncommitment {}\n\n", entry.name, entry.commitment);
    }
    let start = trace.events.first().and_then(|event| json::seconds!(event.time));
    let rows = trace.events.iter().map(|event| {
        let after = match (json::seconds!(event.time), start) {
            (Some(time), Some(start)) => format!("+{:.3}s", time - start),
            _ => "-".to_owned(),
        };
        let place = match (event.chain.as_str(), event.block) {
            ("", _) => "-".to_owned(),
            (chain, 0) => chain.to_owned(),
            (chain, block) => format!("{chain} #{block}"),
        };
        [json::stage(event.stage), after, place, event.transaction.clone(), event.detail.clone()]
    });
    text += &table(["STAGE", "AFTER", "WHERE", "TRANSACTION", "DETAIL"], rows).trim_fmt();
    if !trace.returned_by.is_empty() {
        let _ = write!(text, "\n\nit came back: {}", trace.returned_by);
    }
    text
}
