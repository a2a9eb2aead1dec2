//! `causeway reload`: take a changed configuration and renewed certificates without a restart.

use super::{Admin, refused};
use crate::cli::{Answer, output::Shown};
use causeway_proto::admin::v1::ReloadRequest;
use clap::Args;
use serde_json::{Value, json};
use std::fmt;

/// Arguments of `causeway reload`.
#[derive(Debug, Args)]
pub struct ReloadArgs {
    /// Say what would change; change nothing.
    #[arg(long)]
    pub dry_run: bool,
}

pub(in crate::cli) async fn run(mut admin: Admin, args: ReloadArgs) -> Answer {
    let request = ReloadRequest { validate_only: args.dry_run };
    let answer = admin.reload(request).await.map_err(|status| refused(&status))?.into_inner();
    let value = json!({ "applied": answer.applied, "restart_required": answer.restart_required });
    Ok(Box::new(Shown::new(value, move |_: &Value, f: &mut fmt::Formatter<'_>| {
        for (keys, what) in [(&answer.applied, "applied"), (&answer.restart_required, "needs a restart")] {
            for key in keys {
                writeln!(f, "{what:<16} {}", crate::cli::output::printable(key))?;
            }
        }
        if answer.applied.is_empty() && answer.restart_required.is_empty() {
            f.write_str("nothing changed")
        } else {
            Ok(())
        }
    })))
}
