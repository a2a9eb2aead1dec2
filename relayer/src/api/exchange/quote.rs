//! What a bridge costs and takes at the moment. It binds nobody: what counts is what the vaults do.

use super::{bridges::Bridge, desk::Desk, refused::Refused, terms::timestamp};
use causeway_proto::exchange::v1::{AssetQuote, LaneQuote, QuoteResponse};
use prost_types::Duration as Wire;
use std::time::Duration;

/// Blocks that an entry waits on its way: one until its own is final, one of the destination for the delivery, one more
/// for what goes between.
const BLOCKS: u32 = 3;

/// Answers for all assets of the bridge, or for `only`.
pub(crate) async fn quote(desk: &Desk, bridge: &Bridge, only: &str) -> Result<QuoteResponse, Refused> {
    let only = if only.is_empty() { None } else { Some(bridge.asset("asset", only)?.1.id.clone()) };
    let now = desk.clock.now();
    let mut assets = Vec::new();
    for (end, lane) in bridge.ends.iter().zip(bridge.lanes) {
        for token in end.tokens.iter().filter(|token| only.as_ref().is_none_or(|id| *id == token.id)) {
            let terms = end.prepare.asset(lane, token.address, now).await?;
            assets.push(AssetQuote {
                asset: token.id.to_string(),
                symbol: token.symbol.clone(),
                decimals: token.decimals.into(),
                amount_min: terms.amount_min.to_string(),
                cap_rest: terms.cap_rest.map(|rest| rest.to_string()).unwrap_or_default(),
                fee: "0".into(),
            });
        }
    }
    let mut lag_sum = 0u64;
    let mut lanes = Vec::new();
    for at in [0, 1] {
        let [source, destination] = [&bridge.ends[at], &bridge.ends[1 - at]];
        let stopped = source.view.stopped().or_else(|| destination.view.stopped());
        let time = source.time(now);
        let lag = time.map(|time| time.lag);
        lag_sum = lag_sum.saturating_add(lag.unwrap_or(0));
        let expected =
            Duration::from_secs(lag.unwrap_or(0)) + BLOCKS * source.view.block_time.max(destination.view.block_time);
        let reason = match stopped {
            Some(kind) => crate::peers::status::reason(kind),
            None if time.is_none() => "CHAIN_NOT_FOLLOWED",
            None => "",
        };
        lanes.push(LaneQuote {
            lane: format!("lanes/{}", bridge.lanes[at]),
            source_chain: source.chain.to_string(),
            destination_chain: destination.chain.to_string(),
            running: reason.is_empty(),
            reason: reason.into(),
            source_lag: lag.map(|lag| wire(Duration::from_secs(lag))),
            pending_count: source.view.leaving(bridge.lanes[at]).map_or(0, |book| book.open_count() as u64),
            expected_time: Some(wire(expected)),
            source_time: time.map(|time| timestamp(time.now)),
        });
    }
    let after = Duration::from_secs(lag_sum) + desk.limits.deadline_margin;
    Ok(QuoteResponse { assets, lanes, deadline_after_min: Some(wire(after)) })
}

fn wire(time: Duration) -> Wire {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Wire { seconds, nanos: i32::try_from(time.subsec_nanos()).unwrap_or(0) }
}
