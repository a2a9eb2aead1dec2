//! The exchange service, from the configuration and the lanes that run.

use super::build::{Bridge as Configured, Built, Parts, bridges};
use crate::{
    api::exchange::{
        Exchange, Parts as Needs,
        bridges::{Bridge, Bridges, End},
    },
    lane::error::{Error, Kind, Result},
};
use causeway_core::Caip2;
use std::sync::Arc;

/// The service, or nothing where the configuration has no `[api]`.
pub(super) async fn open(parts: &Parts, built: &Built) -> Result<Option<Exchange>> {
    let Some(config) = parts.config.api.clone() else { return Ok(None) };
    let all: Result<Vec<_>> = bridges(&parts.config)?.iter().map(|b| bridge(built, b).map(Arc::new)).collect();
    let needs = Needs {
        config,
        bridges: Bridges(all?),
        journal: parts.journal.clone(),
        store: parts.store.clone(),
        clock: parts.clock.clone(),
        metrics: parts.metrics.clone(),
    };
    let opened = tokio::task::spawn_blocking(move || Exchange::open(needs)).await;
    opened.map_err(|e| Error::stop_lane(Kind::Store, e.to_string()))?.map(Some)
}

fn bridge(built: &Built, configured: &Configured<'_>) -> Result<Bridge> {
    let invalid = |what: String| Error::stop_lane(Kind::InvalidConfig, format!("bridge {}: {what}", configured.name));
    let end = |at: usize| -> Result<End> {
        let agreed = &configured.agreement.ends[at];
        let chain: Caip2 = agreed.chain.parse().map_err(|e| invalid(format!("chain {}: {e}", agreed.chain)))?;
        let chain_id = chain.evm_chain_id().ok_or_else(|| invalid(format!("chain {chain}: not of eip155")))?;
        let found = built.chains.iter().find(|c| *c.chain.id == *agreed.chain);
        let found = found.ok_or_else(|| invalid(format!("chain {chain} is not configured")))?;
        let tokens = Bridge::tokens(&configured.agreement, at, chain_id);
        Ok(End {
            chain,
            chain_id,
            view: found.view.clone(),
            prepare: found.chain.prepare.clone(),
            tokens,
            offset: u64::MAX.into(),
        })
    };
    let lanes = [0, 1].map(|from| configured.agreement.lane(from).id());
    let ends: [End; 2] = [end(0)?, end(1)?];
    let swaps = ends[0].view.swaps(lanes[0]).ok_or_else(|| invalid("its lanes do not run".into()))?;
    Ok(Bridge { name: configured.name.to_owned(), peer: configured.config.peer.clone(), lanes, ends, swaps })
}
