//! `causeway drain`: the running relayer begins nothing new, finishes what is under way, and ends.

use super::{Admin, refused};
use crate::cli::{
    Answer,
    exit::{CliError, Failure},
    output::Shown,
};
use causeway_proto::admin::v1::{DrainRequest, GetStatusRequest};
use clap::Args;
use serde_json::{Value, json};
use std::{fmt, time::Duration};
use tokio::time::{Instant, sleep};

/// How often it is asked whether it is still there: the end of a process is no event for others.
const LOOK: Duration = Duration::from_millis(200);
/// After its own limit, the time that an orderly end takes.
const END: Duration = Duration::from_secs(30);

/// Arguments of `causeway drain`.
#[derive(Debug, Args)]
pub struct DrainArgs {
    /// Why, for the audit log.
    #[arg(long, default_value = "")]
    pub comment: String,
    /// Order it, and do not wait for the relayer's end.
    #[arg(long)]
    pub no_wait: bool,
}

pub(in crate::cli) async fn run(mut admin: Admin, args: DrainArgs) -> Answer {
    let request = DrainRequest { comment: args.comment };
    let answer = admin.drain(request).await.map_err(|status| refused(&status))?.into_inner();
    let limit = answer.limit.and_then(|limit| Duration::try_from(limit).ok()).unwrap_or_default();
    if !args.no_wait {
        let until = Instant::now() + limit + END;
        while admin.get_status(GetStatusRequest {}).await.is_ok() {
            if Instant::now() > until {
                return Err(CliError::new(Failure::Refused, "the relayer is still there")
                    .advise("its log says what it waits for; stop it with SIGTERM, nothing is lost"));
            }
            sleep(LOOK).await;
        }
    }
    let value = json!({ "under_way": answer.under_way, "limit_seconds": limit.as_secs(), "ended": !args.no_wait });
    Ok(Box::new(Shown::new(value, move |_: &Value, f: &mut fmt::Formatter<'_>| {
        write!(f, "{} entries and bundles were under way; ", answer.under_way)?;
        f.write_str(if args.no_wait { "the relayer ends when they are done" } else { "the relayer has ended" })
    })))
}
