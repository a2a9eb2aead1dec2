//! `causeway lanes`: what each lane does, and pausing it.

use super::{Admin, all_lanes, json, lane_name, refused, short};
use crate::cli::{
    Answer,
    output::{Shown, table},
};
use causeway_proto::admin::v1::{Lane, PauseLaneRequest, ResumeLaneRequest};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::fmt;

/// Arguments of `causeway lanes`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct LanesArgs {
    /// What to do; lists the lanes if nothing is said.
    #[command(subcommand)]
    pub command: Option<LanesCommand>,
}

/// What to do with lanes.
#[derive(Debug, Subcommand)]
pub enum LanesCommand {
    /// List the lanes (the default).
    List,
    /// Stop this relayer's work on a lane until `resume`, also across restarts.
    ///
    /// The chains' own rules go on: anyone else may still deliver, and timeouts still pass. To refuse new locks, the
    /// guardian pauses the vault.
    Pause {
        /// Lane id, the start of it, or `source>destination` (CAIP-2 ids).
        lane: String,
        /// Why, for the audit log.
        #[arg(long, default_value = "")]
        comment: String,
    },
    /// Start a lane that was paused, or that stopped by an error.
    Resume {
        /// Lane id, the start of it, or `source>destination` (CAIP-2 ids).
        lane: String,
        /// Why, for the audit log.
        #[arg(long, default_value = "")]
        comment: String,
    },
}

pub(in crate::cli) async fn run(mut admin: Admin, args: LanesArgs) -> Answer {
    let lanes = match args.command.unwrap_or(LanesCommand::List) {
        LanesCommand::List => all_lanes(&mut admin).await?,
        LanesCommand::Pause { lane, comment } => {
            let name = lane_name(&mut admin, &lane).await?;
            let paused = admin.pause_lane(PauseLaneRequest { name, comment }).await;
            vec![paused.map_err(|status| refused(&status))?.into_inner()]
        }
        LanesCommand::Resume { lane, comment } => {
            let name = lane_name(&mut admin, &lane).await?;
            let resumed = admin.resume_lane(ResumeLaneRequest { name, comment }).await;
            vec![resumed.map_err(|status| refused(&status))?.into_inner()]
        }
    };
    let value = json!({ "lanes": lanes.iter().map(json::lane).collect::<Vec<_>>() });
    Ok(Box::new(Shown::new(value, move |_: &Value, f: &mut fmt::Formatter<'_>| f.write_str(&text(&lanes)))))
}

/// The lanes as a table, and below it why some of them stand still.
pub(super) fn text(lanes: &[Lane]) -> String {
    if lanes.is_empty() {
        return "no lanes: the configuration names no bridge".to_owned();
    }
    let rows = lanes.iter().map(|lane| {
        let pending = lane.size.saturating_sub(lane.delivered_count);
        let age = json::seconds!(lane.oldest_pending_age);
        let age = age.filter(|_| pending > 0).map_or_else(|| "-".to_owned(), |age| format!("{age:.0}s"));
        let way = format!("{} > {}", lane.source_chain, lane.destination_chain);
        let counts = [lane.size, lane.delivered_count, pending].map(|count| count.to_string());
        let [size, delivered, pending] = counts;
        [short(&lane.name), lane.bridge.clone(), way, json::lane_state(lane.state), size, delivered, pending, age]
    });
    let head = ["LANE", "BRIDGE", "WAY", "STATE", "ENTRIES", "DELIVERED", "PENDING", "OLDEST"];
    let mut text = table(head, rows).trim_fmt();
    for lane in lanes.iter().filter(|lane| !lane.reason.is_empty()) {
        let detail = crate::cli::output::printable(&lane.detail);
        text += &format!("\n{}: {}: {detail}", short(&lane.name), lane.reason);
    }
    text
}
