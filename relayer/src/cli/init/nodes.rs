//! The facts of a chain, read from a node that the operator names, or left open.

use super::{ChainPlan, TRUSTING_PERIOD};
use crate::{
    chains::evm::config::Mode,
    cli::exit::{CliError, Failure},
};
use alloy::{
    primitives::B256,
    providers::{Provider, ProviderBuilder},
    rpc::types::BlockNumberOrTag,
};
use std::time::Duration;

/// A node has this long for each of three small answers.
const DEADLINE: Duration = Duration::from_secs(10);

/// The two chains: as the named nodes tell, or with open places.
pub(super) async fn chain_plans(nodes: &[String], mode: Mode) -> Result<[ChainPlan; 2], CliError> {
    match nodes {
        [] => Ok([open("alpha", "eip155:1001", 8545, mode), open("beta", "eip155:1002", 8546, mode)]),
        [first, second] => {
            let chains = [ask(first, mode).await?, ask(second, mode).await?];
            let [a, b] = &chains;
            if a.name == b.name {
                return Err(CliError::new(Failure::Usage, format!("--node: the name `{}` is given twice", a.name)));
            }
            if (&a.id, a.genesis) == (&b.id, b.genesis) {
                return Err(CliError::new(Failure::Usage, format!("both nodes are of one chain, {}", a.id))
                    .advise("a bridge needs two chains: name a node of each"));
            }
            Ok(chains)
        }
        other => Err(CliError::new(Failure::Usage, format!("--node: expected none or two, found {}", other.len()))
            .advise("give one node of each chain: `--node alpha=URL --node beta=URL`")),
    }
}

fn open(name: &str, id: &str, port: u16, mode: Mode) -> ChainPlan {
    ChainPlan {
        name: name.to_owned(),
        id: id.to_owned(),
        genesis: B256::ZERO,
        mode,
        pinned_height: 1,
        pinned_hash: B256::ZERO,
        block_time: Duration::from_secs(1),
        trusting_period: TRUSTING_PERIOD,
        url: format!("http://127.0.0.1:{port}"),
        ws: None,
        origin: "fill in; `causeway check` refuses zeros".to_owned(),
    }
}

async fn ask(node: &str, mode: Mode) -> Result<ChainPlan, CliError> {
    let usage = |message: String| {
        CliError::new(Failure::Usage, message).advise("write it like `--node alpha=http://127.0.0.1:8545`")
    };
    let (name, url) = node.split_once('=').ok_or_else(|| usage("--node: expected NAME=URL".to_owned()))?;
    let parsed = url.parse::<reqwest::Url>().map_err(|error| usage(format!("--node {name}: not a URL ({error})")))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(usage(format!("--node {name}: expected http or https, found {}", parsed.scheme())));
    }
    let provider = ProviderBuilder::new().disable_recommended_fillers().connect_http(parsed);
    // The URL may hold a key: errors name the chain, never the address.
    let silent = |what: &str| {
        CliError::new(Failure::Unreachable, format!("the node of `{name}` gave no {what}"))
            .advise("see that it runs, that the address is right and that JSON-RPC is enabled (eth)")
    };
    let timed = tokio::time::timeout(DEADLINE, async {
        let chain_id = provider.get_chain_id().await.map_err(|_| silent("chain id"))?;
        let genesis = provider.get_block_by_number(BlockNumberOrTag::Number(0)).await.ok().flatten();
        let genesis = genesis.ok_or_else(|| silent("block 0"))?.header.hash;
        let latest = provider.get_block_by_number(BlockNumberOrTag::Latest).await.ok().flatten();
        let latest = latest.ok_or_else(|| silent("newest block"))?.header;
        Ok::<_, CliError>((chain_id, genesis, latest))
    });
    let (chain_id, genesis, latest) = timed.await.map_err(|_| silent("answer in time"))??;
    if latest.number == 0 {
        return Err(CliError::new(
            Failure::Refused,
            format!("`{name}` has only its genesis block, which bears no seals"),
        )
        .advise("wait for its first block and run `init` again"));
    }
    Ok(ChainPlan {
        name: name.to_owned(),
        id: format!("eip155:{chain_id}"),
        genesis,
        mode,
        pinned_height: latest.number,
        pinned_hash: latest.hash,
        block_time: Duration::from_secs(1),
        trusting_period: TRUSTING_PERIOD,
        url: url.to_owned(),
        ws: None,
        origin: "read from the node below: compare with a second source before anything of value crosses".to_owned(),
    })
}
