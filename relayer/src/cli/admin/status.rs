//! `causeway status`: the relayer at a glance.

use super::{Admin, json, lanes, refused};
use crate::cli::{
    Answer,
    exit::{CliError, Failure},
    output::{Output, Shown, print_line, table},
};
use causeway_proto::admin::v1::{GetStatusRequest, RelayerStatus};
use clap::Args;
use serde_json::Value;
use std::{
    fmt::{self, Write},
    io::IsTerminal,
    time::Duration,
};

/// Arguments of `causeway status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Show it again every two seconds until interrupted.
    #[arg(long, short)]
    pub watch: bool,
}

const WATCH_INTERVAL: Duration = Duration::from_secs(2);

pub(in crate::cli) async fn run(mut admin: Admin, args: StatusArgs, output: Output) -> Answer {
    if args.watch && output == Output::Json {
        return Err(CliError::new(Failure::Usage, "--watch answers many times, --output json once: choose one"));
    }
    let mut status = fetch(&mut admin).await?;
    if args.watch {
        let mut ticks = tokio::time::interval(WATCH_INTERVAL);
        loop {
            ticks.tick().await;
            status = fetch(&mut admin).await?;
            // On a terminal the picture is redrawn in place; in a pipe it is appended.
            let clear = if std::io::stdout().is_terminal() { "\u{1b}[2J\u{1b}[H" } else { "" };
            let shown = print_line(&format!("{clear}{}", text(&status)));
            shown.map_err(|error| CliError::local("standard output", error))?;
        }
    }
    let value = json::status(&status);
    Ok(Box::new(Shown::new(value, move |_: &Value, f: &mut fmt::Formatter<'_>| f.write_str(&text(&status)))))
}

async fn fetch(admin: &mut Admin) -> Result<RelayerStatus, CliError> {
    let answer = admin.get_status(GetStatusRequest {}).await;
    Ok(answer.map_err(|status| refused(&status))?.into_inner())
}

fn text(status: &RelayerStatus) -> String {
    let mut text = format!("{} (causeway {})\n\n", status.organisation, status.version);
    let endpoints = status.chains.iter().flat_map(|chain| {
        chain.endpoints.iter().map(move |endpoint| {
            let behind = if endpoint.detail.is_empty() { "-".to_owned() } else { endpoint.detail.clone() };
            let heights = [chain.verified_height, endpoint.height].map(|height| height.to_string());
            let [verified, height] = heights;
            let state = json::endpoint_state(endpoint.state);
            [chain.chain.clone(), verified, endpoint.name.clone(), state, height, behind]
        })
    });
    let _ =
        writeln!(text, "{}\n", table(["CHAIN", "VERIFIED", "NODE", "STATE", "HEIGHT", "DETAIL"], endpoints).trim_fmt());
    if !status.peers.is_empty() {
        let peers = status.peers.iter().map(|peer| {
            let state = if peer.connected { "connected" } else { "not connected" };
            let detail = if peer.detail.is_empty() { "-".to_owned() } else { peer.detail.clone() };
            [peer.organisation.clone(), state.to_owned(), detail]
        });
        let _ = writeln!(text, "{}\n", table(["PEER", "STATE", "DETAIL"], peers).trim_fmt());
    }
    if !status.signers.is_empty() {
        let signers = status.signers.iter().map(|signer| {
            let [nonce, pending] = [signer.next_nonce.to_string(), signer.pending_count.to_string()];
            [signer.account.clone(), signer.balance.clone(), nonce, pending]
        });
        let _ = writeln!(text, "{}\n", table(["SIGNER", "BALANCE", "NEXT NONCE", "PENDING"], signers).trim_fmt());
    }
    let _ = writeln!(text, "{}", lanes::text(&status.lanes));
    if status.dead_letter_count > 0 {
        let _ = write!(text, "\n{} dead letters: see `causeway dead-letters`", status.dead_letter_count);
    }
    text
}
