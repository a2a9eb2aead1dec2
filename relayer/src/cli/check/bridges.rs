//! A bridge: the contracts are those that were agreed on, it is open, and its light clients live.

use super::{Line, in_time};
use crate::{
    chains::evm::{abi::IClient, contract::view},
    cli::{
        access::Access,
        bridge::differences_at,
        exit::{CliError, Failure},
        ground,
    },
    config::{Agreement, Config},
};

/// A client that expires sooner than this share of its trusting period needs a look.
const EXPIRY_SHARE: u64 = 3;

pub(super) async fn check(config: &Config, chains: &[Access], now: u64) -> Vec<Line> {
    let mut lines = Vec::new();
    for (name, bridge) in &config.bridges {
        let key = format!("bridges.{name}");
        let agreement = match Agreement::read(&bridge.agreement) {
            Ok(agreement) => agreement,
            Err(error) => {
                lines.push(Line::of(key, Err(error.into())));
                continue;
            }
        };
        lines.push(Line::ok(&key, format!("fingerprint {}", agreement.fingerprint())));
        for (at, end) in agreement.ends.iter().enumerate() {
            let what = format!("{key}.{}", end.chain);
            let Some(chain) = chains.iter().find(|chain| chain.chain.id == end.chain) else { continue };
            lines.push(Line::of(format!("{what}.contracts"), in_time(&what, contracts(chain, &agreement, at)).await));
            lines.push(Line::of(format!("{what}.open"), in_time(&what, open(chain, &agreement, at)).await));
            let client = in_time(&what, client(chain, &agreement, at, now)).await;
            let what = format!("{what}.client");
            lines.push(client.unwrap_or_else(|error| Line::of(&what, Err(error))).named(what));
        }
    }
    if config.bridges.is_empty() {
        let action = "run `causeway deploy`, or `causeway bridge join FILE`";
        lines.push(Line::warn("bridges", "none: there is nothing to relay", action));
    }
    lines
}

impl Line {
    fn named(mut self, what: String) -> Self {
        self.what = what;
        self
    }
}

async fn contracts(chain: &Access, agreement: &Agreement, at: usize) -> Result<String, CliError> {
    let differences = differences_at(chain, agreement, at).await?;
    if differences.is_empty() {
        return Ok("vault, outbox and client run the code that was agreed on".to_owned());
    }
    // ATK-009: somebody may have changed what guards the assets.
    Err(CliError::new(Failure::Refused, differences.join("; "))
        .advise("do not run before both organisations know why; look at the council's proposals"))
}

async fn open(chain: &Access, agreement: &Agreement, at: usize) -> Result<String, CliError> {
    if ground::is_open(chain, agreement, at).await? {
        return Ok("both lanes are open".to_owned());
    }
    Err(CliError::new(Failure::Refused, "the bridge is not open").advise("run `causeway bridge open` on both sides"))
}

async fn client(chain: &Access, agreement: &Agreement, at: usize, now: u64) -> Result<Line, CliError> {
    let address = agreement.ends.get(at).map(|end| end.client.address).unwrap_or_default();
    let state = view(&chain.pool, address, &IClient::stateCall {}).await;
    let state = state.map_err(|error| CliError::from(error.error))?;
    let reads = agreement.ends.get(1 - at).map(|end| end.chain.as_str()).unwrap_or_default();
    if state.frozen {
        let found = format!("frozen at height {} of {reads}", state.frozenAt);
        return Ok(Line::fail("", found, "two conflicting headers were shown: both organisations decide what to do"));
    }
    let left = (state.time + state.trustingPeriod).saturating_sub(now);
    let found = format!("reads {reads} at height {}, {left}s until it expires", state.height);
    Ok(match left {
        0 => Line::fail("", format!("expired: {found}"), "both organisations name a substitute (`replaceClient`)"),
        left if left < state.trustingPeriod / EXPIRY_SHARE => {
            Line::warn("", found, "start a relayer: it refreshes the client")
        }
        _ => Line::ok("", found),
    })
}
