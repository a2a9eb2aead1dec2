//! `causeway client`: the light clients of a lane's source, here and on the destination chain.

use super::{Admin, all_lanes, json, lane_name, refused, short};
use crate::cli::{
    Answer,
    output::{Shown, table},
};
use causeway_proto::admin::v1::{Client, GetClientRequest};
use clap::Args;
use serde_json::{Value, json};
use std::{fmt, time::SystemTime};

/// Arguments of `causeway client`.
#[derive(Debug, Args)]
pub struct ClientArgs {
    /// Lane id, the start of it, or `source>destination` (CAIP-2 ids); all lanes if absent.
    pub lane: Option<String>,
}

pub(in crate::cli) async fn run(mut admin: Admin, args: ClientArgs) -> Answer {
    let names = match args.lane {
        Some(lane) => vec![lane_name(&mut admin, &lane).await?],
        None => all_lanes(&mut admin).await?.into_iter().map(|lane| lane.name).collect(),
    };
    let mut clients = Vec::with_capacity(names.len());
    for name in names {
        let request = GetClientRequest { name: format!("{name}/client") };
        clients.push(admin.get_client(request).await.map_err(|status| refused(&status))?.into_inner());
    }
    let value = json!({ "clients": clients.iter().map(json::client).collect::<Vec<_>>() });
    Ok(Box::new(Shown::new(value, move |_: &Value, f: &mut fmt::Formatter<'_>| f.write_str(&text(&clients)))))
}

fn text(clients: &[Client]) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64());
    let rows = clients.iter().flat_map(|client| {
        [("relayer", &client.local), ("contract", &client.contract)].map(|(holder, state)| {
            let (name, height, left) = match state {
                None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
                Some(state) => {
                    let left = json::seconds!(state.expire_time).map_or(0.0, |end| (end - now).max(0.0));
                    (json::client_state_name(state.state), state.height.to_string(), format!("{left:.0}s"))
                }
            };
            let lane = client.name.strip_suffix("/client").unwrap_or(&client.name);
            [short(lane), client.chain.clone(), client.family.clone(), holder.to_owned(), name, height, left]
        })
    });
    table(["LANE", "FOLLOWS", "FAMILY", "HELD BY", "STATE", "HEIGHT", "EXPIRES IN"], rows).trim_fmt()
}
