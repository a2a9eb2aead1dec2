//! A chain: each of its nodes, its clock, the pinned header, and the key that signs there.

use super::{Line, in_time};
use crate::{
    chains::evm::{config::Fees, deploy::contracts, endpoint::rpc::Node},
    cli::{
        access::Access,
        exit::{CliError, Failure},
    },
};
use alloy::primitives::{B256, U64};
use serde::Deserialize;

/// A head older than so many block times is stale. Chains without empty blocks are excepted.
const STALE_BLOCKS: u64 = 10;
/// And not before this many seconds, so that a chain with fast blocks may pause for a moment.
const STALE_MIN: u64 = 30;

#[derive(Deserialize)]
struct Head {
    hash: B256,
    number: U64,
    timestamp: U64,
}

pub(super) async fn check(chain: &Access, now: u64) -> Vec<Line> {
    let key = format!("chains.{}", chain.name);
    let mut lines = Vec::new();
    let mut any = false;
    for endpoint in &chain.chain.endpoints {
        let what = format!("{key}.endpoints.{}", endpoint.label);
        let found = match Node::new(endpoint) {
            Ok(node) => in_time(&what, ask(chain, &node, &endpoint.label, now)).await,
            Err(error) => Err(CliError::from(error)),
        };
        any |= found.is_ok();
        lines.push(match found {
            Ok((found, None)) => Line::ok(what, found),
            Ok((found, Some(action))) => Line::warn(what, found, action),
            Err(error) => Line::of(what, Err(error)),
        });
    }
    if !any {
        // Everything else would say the same again.
        return lines;
    }
    lines.push(Line::of(format!("{key}.pinned"), in_time("the pinned header", pinned(chain)).await));
    if chain.chain.signer.is_some() {
        lines.push(
            in_time("the signer", signer(chain))
                .await
                .unwrap_or_else(|error| Line::of(format!("{key}.signer"), Err(error))),
        );
    } else {
        let action = "without submit rights here, delivery to this chain hangs on the other organisation (INV-6)";
        lines.push(Line::warn(format!("{key}.signer"), "none", action));
    }
    lines
}

/// One node: is it of this chain, and does it advance?
async fn ask(chain: &Access, node: &Node, label: &str, now: u64) -> Result<(String, Option<String>), CliError> {
    let id: U64 = call(node, label, "eth_chainId", "[]").await?;
    let genesis: Head = call(node, label, "eth_getBlockByNumber", "[\"0x0\",false]").await?;
    let head: Head = call(node, label, "eth_getBlockByNumber", "[\"latest\",false]").await?;
    let expected = chain.pool.identity();
    if id.to::<u64>() != expected.chain_id || genesis.hash != expected.genesis {
        let message = format!(
            "expected chain {} with genesis {}, found {id} with {}",
            expected.chain_id, expected.genesis, genesis.hash
        );
        return Err(
            CliError::new(Failure::Refused, message).advise("this is a node of another chain: correct its address")
        );
    }
    let time: u64 = head.timestamp.to();
    let drift = chain.chain.clock_drift.as_secs();
    let found = format!("block {}, {}s old", head.number, now.saturating_sub(time));
    if time > now + drift {
        let message = format!("{found}: its newest block is {}s ahead of this machine's clock", time - now);
        return Err(CliError::new(Failure::Refused, message).advise("set this machine's clock (NTP)"));
    }
    let stale = (chain.chain.block_time.as_secs() * STALE_BLOCKS).max(STALE_MIN);
    if chain.chain.empty_blocks && now.saturating_sub(time) > stale {
        let message = format!("{found}: the node does not advance");
        return Err(
            CliError::new(Failure::Unreachable, message).advise("see whether the node or the chain stands still")
        );
    }
    let warning = (chain.chain.endpoints.len() == 1).then(|| "name a second node, better in other hands".to_owned());
    Ok((found, warning))
}

async fn call<T: for<'a> Deserialize<'a>>(
    node: &Node,
    label: &str,
    method: &'static str,
    params: &str,
) -> Result<T, CliError> {
    let answer = node.call(method, params).await.map_err(|error| CliError::from(error.into_error(label, method)))?;
    serde_json::from_str(answer.get())
        .map_err(|_| CliError::new(Failure::Unreachable, format!("{method}: the node's answer cannot be read")))
}

/// The pinned header is there, has the pinned hash, and its seals give a set of validators.
async fn pinned(chain: &Access) -> Result<String, CliError> {
    let params = contracts::client_params(&chain.chain, &chain.headers()).await?;
    Ok(format!("block {} has the pinned hash; its validators start the client", params.height))
}

async fn signer(chain: &Access) -> Result<Line, CliError> {
    let what = format!("chains.{}.signer", chain.name);
    let deployer = chain.deployer()?;
    let address = deployer.address();
    let free = matches!(chain.chain.fees, Fees::Zero);
    let balance = deployer.balance().await?;
    if balance.is_zero() && !free {
        return Ok(Line::fail(what, format!("{address} has no funds"), "send it funds: it pays for deliveries"));
    }
    let found = if free { "gas costs nothing here".to_owned() } else { format!("balance {balance} wei") };
    Ok(Line::ok(what, format!("{address}, {found}")))
}
