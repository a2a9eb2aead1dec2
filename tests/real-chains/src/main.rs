//! The demo's transfers between networks of real nodes: two of GoQuorum 2.7.0 (IBFT 1), and one of these and an embedded
//! QBFT chain. The bridge is set up by the operator's commands, the relayers are processes of the program. `run.sh` builds
//! the node and the program and starts this.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod goquorum;
mod operator;

use causeway::demo::external::{self, ExternalChain};
use causeway_bench::results::Section;
use operator::{BRIDGE, Nodes, Operators};
use std::{
    env,
    error::Error,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

const USAGE: &str = "causeway-real-chains GETH CAUSEWAY [TRANSFERS]";
/// As the demo's.
const TRANSFERS: u32 = 200;

#[tokio::main]
async fn main() -> ExitCode {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (Some(geth), Some(program)) = (arguments.first(), arguments.get(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let transfers = arguments.get(2).and_then(|text| text.parse().ok()).unwrap_or(TRANSFERS);
    match run(Path::new(geth), Path::new(program), transfers).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(geth: &Path, program: &Path, transfers: u32) -> Result<bool, Box<dyn Error>> {
    let dir = tempfile::Builder::new().prefix("causeway-real-chains-").tempdir()?.keep();
    println!("files and logs: {}", dir.display());
    let mut section = Section::begin("Real nodes");
    section.line(
        "The demo's transfers over a bridge that `init`, `deploy`, `bridge export`, `join` and `open`, `assets register` and \
         `check` set up; GoQuorum 2.7.0, four IBFT 1 validators a network, 1 s blocks, 30 M gas a block.",
    );
    let mut rows = Vec::new();
    let alpha = goquorum::Network::start(geth, &dir.join("alpha"), "alpha", 4101).await?;
    let beta = goquorum::Network::start(geth, &dir.join("beta"), "beta", 4102).await?;
    let first = nodes(&alpha);
    let good =
        one(program, &dir.join("two"), "GoQuorum > GoQuorum", [&first, &nodes(&beta)], transfers, &mut rows).await?;
    drop(beta);
    let embedded = causeway_devchain::Chain::builder().chain_id(4103).accounts(0).spawn().await?;
    embedded.wait_for_block(1, Duration::from_secs(10)).await?;
    let other = Nodes {
        chains: vec![ExternalChain {
            name: "beta",
            chain_id: 4103,
            url: embedded.rpc_url(),
            ws: embedded.ws_url(),
            block_time: Duration::from_secs(1),
        }],
        mode: "qbft",
    };
    let mixed =
        one(program, &dir.join("mixed"), "GoQuorum > embedded QBFT", [&first, &other], transfers, &mut rows).await?;
    let head = [
        "between",
        "transfers",
        "set-up s",
        "transfers s",
        "lock > credit p50 / p99 s",
        "gas sent / received an entry",
        "most in a delivery",
        "INV-1, 2, 3",
    ];
    section.table(&head, &rows);
    section.write()?;
    if good && mixed {
        std::fs::remove_dir_all(&dir)?;
    }
    Ok(good && mixed)
}

fn nodes(network: &goquorum::Network) -> Nodes {
    Nodes { chains: (0..network.len()).map(|node| network.chain(node)).collect(), mode: "ibft1" }
}

/// One bridge and its transfers; true if all was as it should be.
async fn one(
    program: &Path,
    dir: &PathBuf,
    name: &str,
    chains: [&Nodes; 2],
    transfers: u32,
    rows: &mut Vec<Vec<String>>,
) -> Result<bool, Box<dyn Error>> {
    println!("\n{name}");
    std::fs::create_dir_all(dir)?;
    let begun = Instant::now();
    let (operators, signers) = Operators::init(program, dir, chains).await?;
    let ends = [chains[0].chains[0].clone(), chains[1].chains[0].clone()];
    let tokens = external::deploy_tokens(&ends[0]).await?;
    operators.bridge(dir, &signers[1]).await?;
    operators.register(&tokens).await?;
    for who in 0..2 {
        println!("  check warns of {:?}", operators.check(who).await?);
    }
    let set_up = begun.elapsed().as_secs_f64();
    let [first, second] = [operators.config(0), operators.config(1)];
    let played = external::play(program, dir, &ends, ([&first, &second], BRIDGE), transfers).await?;
    println!("{played}");
    let summary = played.to_json();
    let number = |path: &str| summary.pointer(path).and_then(serde_json::Value::as_f64).unwrap_or(f64::NAN);
    rows.push(vec![
        name.to_owned(),
        transfers.to_string(),
        format!("{set_up:.0}"),
        format!("{:.1}", number("/seconds_transferring")),
        format!(
            "{:.1} / {:.1}",
            number("/latency_seconds/lock_to_credit/p50"),
            number("/latency_seconds/lock_to_credit/p99")
        ),
        format!("{} / {}", number("/costs/gas_per_entry_sent"), number("/costs/gas_per_entry_received")),
        format!("{}", number("/costs/entries_per_delivery_max")),
        if played.positive() { "hold" } else { "BROKEN" }.to_owned(),
    ]);
    Ok(played.positive())
}
