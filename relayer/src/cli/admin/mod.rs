//! Commands that ask the running relayer over its Unix socket: `status`, `lanes`, `entries`, `client`, `dead-letters`,
//! `reload`, `drain`.

pub mod client;
pub mod dead_letters;
pub mod drain;
pub mod entries;
pub mod lanes;
pub mod reload;
pub mod status;

mod json;

use super::exit::{CliError, Failure};
use crate::config::{Config, Stage};
use causeway_proto::admin::v1::{Lane, ListLanesRequest, admin_service_client::AdminServiceClient};
use hyper_util::rt::TokioIo;
use std::{path::Path, time::Duration};
use tokio::net::UnixStream;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};
use tower::service_fn;

/// The relayer answers from memory; a call that takes longer is stuck.
const DEADLINE: Duration = Duration::from_secs(10);
/// Pages of lanes that are read at most: 1,000 lanes each.
const MAX_PAGES: usize = 16;

/// A connection to the running relayer.
pub(super) type Admin = AdminServiceClient<Channel>;

/// Connects to the relayer that runs on the configuration in `file`.
pub(super) async fn connect(file: &Path) -> Result<Admin, CliError> {
    // The socket's place is all that is needed: a relayer that runs on a configuration with a broken bridge can be asked.
    let config = Config::load_at(file, Stage::BeforeDeployment)?;
    connect_to(&config.admin.socket).await
}

/// Connects to the relayer that listens at `socket`.
pub async fn connect_to(socket: &Path) -> Result<Admin, CliError> {
    let path = socket.to_owned();
    // The URI is a formality: every connection goes to the socket.
    let endpoint = Endpoint::from_static("http://causeway.internal").timeout(DEADLINE).connect_timeout(DEADLINE);
    let connector = service_fn(move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    let channel = endpoint.connect_with_connector(connector).await.map_err(|_| {
        CliError::new(Failure::Unreachable, format!("no relayer listens at {}", socket.display()))
            .advise("start it with `causeway run`, or name its configuration with --config")
    })?;
    Ok(AdminServiceClient::new(channel))
}

/// A refusal of the relayer, for people and programs.
pub(super) fn refused(status: &Status) -> CliError {
    let failure = match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown => Failure::Unreachable,
        Code::InvalidArgument => Failure::Usage,
        _ => Failure::Refused,
    };
    let message = super::output::printable(status.message());
    CliError::new(failure, format!("the relayer answered {:?}: {message}", status.code()))
}

/// Every lane, page by page.
pub(super) async fn all_lanes(admin: &mut Admin) -> Result<Vec<Lane>, CliError> {
    let mut lanes = Vec::new();
    let mut page_token = String::new();
    for _ in 0..MAX_PAGES {
        let request = ListLanesRequest { page_size: 0, page_token };
        let answer = admin.list_lanes(request).await.map_err(|status| refused(&status))?.into_inner();
        lanes.extend(answer.lanes);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(lanes)
}

/// The resource name (`lanes/0x…`) of the lane that an operator means: its id or the start of it, or `alpha>beta`, the
/// CAIP-2 ids of its source and destination.
pub(super) async fn lane_name(admin: &mut Admin, wanted: &str) -> Result<String, CliError> {
    let lanes = all_lanes(admin).await?;
    let id = wanted.strip_prefix("lanes/").unwrap_or(wanted).to_lowercase();
    let matches: Vec<&Lane> = match id.split_once('>') {
        Some((source, destination)) => lanes
            .iter()
            .filter(|lane| lane.source_chain == source.trim() && lane.destination_chain == destination.trim())
            .collect(),
        None => lanes
            .iter()
            .filter(|lane| lane.name.strip_prefix("lanes/").is_some_and(|name| id.len() > 2 && name.starts_with(&id)))
            .collect(),
    };
    match matches.as_slice() {
        [lane] => Ok(lane.name.clone()),
        [] => Err(CliError::new(Failure::Usage, format!("no lane is called `{}`", super::output::printable(wanted)))
            .advise("`causeway lanes` lists them; the start of an id is enough")),
        many => Err(CliError::new(Failure::Usage, format!("{} lanes begin with `{wanted}`", many.len()))
            .advise("give more digits of the id")),
    }
}

/// First digits of a resource's last part, enough to tell lanes apart on a screen.
pub(super) fn short(name: &str) -> String {
    let id = name.strip_prefix("lanes/").unwrap_or(name);
    id.get(..12).unwrap_or(id).to_owned()
}
