//! A network of GoQuorum 2.7.0 nodes under IBFT 1, all on loopback.

use alloy::{
    primitives::{Address, B256, U64, hex},
    signers::{k256::ecdsa::SigningKey, local::PrivateKeySigner},
};
use alloy_rlp::{Encodable, Header};
use causeway::demo::external::ExternalChain;
use serde_json::{Value, json};
use std::{
    error::Error,
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Validators: the least number that bears one fault.
const NODES: usize = 4;
/// Time between blocks; the least that IBFT 1 can do.
const BLOCK_TIME: Duration = Duration::from_secs(1);
/// Gas limit of a block.
const BLOCK_GAS: u64 = 30_000_000;
/// The first blocks are there within seconds, on a busy machine within this.
const FIRST_BLOCKS: Duration = Duration::from_secs(60);
/// Vanity in front of IBFT's part of a header's extra data.
const VANITY: usize = 32;

/// See the module. Its processes end with it.
pub(crate) struct Network {
    name: &'static str,
    chain_id: u64,
    nodes: Vec<Child>,
    ports: Vec<(u16, u16)>,
    dir: PathBuf,
}

impl Network {
    /// Starts a network with the node at `geth`; files and logs go to `dir`.
    pub(crate) async fn start(
        geth: &Path,
        dir: &Path,
        name: &'static str,
        chain_id: u64,
    ) -> Result<Self, Box<dyn Error>> {
        fs::create_dir_all(dir)?;
        let keys: Vec<PrivateKeySigner> = (0..NODES).map(|_| PrivateKeySigner::random()).collect();
        // All are held until the last is found, so that none is found twice.
        let held = (0..3 * NODES).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect::<Result<Vec<_>, _>>()?;
        let ports = held.iter().map(|port| Ok(port.local_addr()?.port())).collect::<std::io::Result<Vec<u16>>>()?;
        drop(held);
        let genesis = genesis(&keys, chain_id);
        fs::write(dir.join("genesis.json"), genesis.to_string())?;
        let peers: Vec<String> = keys.iter().zip(&ports).map(|(key, port)| enode(key, *port)).collect();
        let mut network = Self { name, chain_id, nodes: Vec::new(), ports: Vec::new(), dir: dir.to_owned() };
        for (number, (key, listen)) in keys.iter().zip(&ports).enumerate() {
            let [http, ws] = [ports[NODES + number], ports[2 * NODES + number]];
            let home = dir.join(format!("node{number}"));
            prepare(geth, dir, &home, key, &peers, *listen)?;
            network.nodes.push(run(geth, &home, chain_id, [http, ws])?);
            network.ports.push((http, ws));
        }
        network.first_blocks().await?;
        Ok(network)
    }

    /// One of its nodes, as users and relayers reach it.
    pub(crate) fn chain(&self, node: usize) -> ExternalChain {
        let (http, ws) = self.ports[node];
        ExternalChain {
            name: self.name,
            chain_id: self.chain_id,
            url: format!("http://127.0.0.1:{http}"),
            ws: format!("ws://127.0.0.1:{ws}"),
            block_time: BLOCK_TIME,
        }
    }

    /// How many nodes it has.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    async fn first_blocks(&mut self) -> Result<(), Box<dyn Error>> {
        use alloy::providers::{Provider, ProviderBuilder};
        let begun = Instant::now();
        for node in 0..self.len() {
            let provider = ProviderBuilder::new().disable_recommended_fillers();
            let provider = provider.connect_http(self.chain(node).url.parse()?);
            while provider.get_block_number().await.unwrap_or_default() < 2 {
                if let Some(status) = self.nodes[node].try_wait()? {
                    return Err(
                        format!("{} node {node}: {status}; its log is in {}", self.name, self.dir.display()).into()
                    );
                }
                if begun.elapsed() > FIRST_BLOCKS {
                    return Err(format!("{} node {node} has no blocks; see {}", self.name, self.dir.display()).into());
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        Ok(())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

/// IBFT 1 with gas that costs nothing, everything up to Istanbul from block 0.
fn genesis(keys: &[PrivateKeySigner], chain_id: u64) -> Value {
    let mut validators: Vec<Address> = keys.iter().map(PrivateKeySigner::address).collect();
    validators.sort_unstable();
    json!({
        "config": {
            "chainId": chain_id,
            "homesteadBlock": 0, "eip150Block": 0, "eip150Hash": B256::ZERO, "eip155Block": 0, "eip158Block": 0,
            "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0,
            "istanbul": { "epoch": 30_000, "policy": 0, "ceil2Nby3Block": 0 },
            "isQuorum": true,
            "txnSizeLimit": 128,
        },
        "nonce": "0x0",
        "timestamp": "0x0",
        "extraData": hex::encode_prefixed(extra(&validators)),
        "gasLimit": U64::from(BLOCK_GAS),
        "difficulty": "0x1",
        // keccak-256 of "practical byzantine fault tolerance": how a header says that it is IBFT's.
        "mixHash": "0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365",
        "coinbase": Address::ZERO,
        "alloc": {},
    })
}

/// Vanity and RLP of the validators, an empty proposer seal, and no committed seals.
fn extra(validators: &[Address]) -> Vec<u8> {
    let mut payload = Vec::new();
    validators.to_vec().encode(&mut payload);
    payload.extend([alloy_rlp::EMPTY_STRING_CODE, alloy_rlp::EMPTY_LIST_CODE]);
    let mut extra = vec![0; VANITY];
    Header { list: true, payload_length: payload.len() }.encode(&mut extra);
    extra.extend(payload);
    extra
}

fn enode(key: &PrivateKeySigner, port: u16) -> String {
    let secret: &SigningKey = key.credential();
    let public = secret.verifying_key().to_encoded_point(false);
    format!("enode://{}@127.0.0.1:{port}?discport=0", hex::encode(&public.as_bytes()[1..]))
}

/// Writes a node's files, and its genesis block.
fn prepare(
    geth: &Path,
    dir: &Path,
    home: &Path,
    key: &PrivateKeySigner,
    peers: &[String],
    port: u16,
) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(home.join("geth"))?;
    fs::write(home.join("geth/nodekey"), hex::encode(key.to_bytes()))?;
    fs::write(home.join("static-nodes.json"), json!(peers).to_string())?;
    // A `--port` would listen on every address; only the file can name one.
    let config = format!("[Node.P2P]\nListenAddr = \"127.0.0.1:{port}\"\nNoDiscovery = true\nMaxPeers = 25\n");
    fs::write(home.join("node.toml"), config)?;
    let made = Command::new(geth)
        .arg("--datadir")
        .arg(home)
        .arg("--nousb")
        .arg("init")
        .arg(dir.join("genesis.json"))
        .env("PRIVATE_CONFIG", "ignore")
        .stdin(Stdio::null())
        .output()?;
    if made.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&made.stderr).into_owned().into()) }
}

fn run(geth: &Path, home: &Path, chain_id: u64, [http, ws]: [u16; 2]) -> Result<Child, Box<dyn Error>> {
    let log = File::create(home.join("log"))?;
    let on = "127.0.0.1";
    let [http, ws, network] = [http.to_string(), ws.to_string(), chain_id.to_string()];
    let child = Command::new(geth)
        .arg("--datadir")
        .arg(home)
        .arg("--config")
        .arg(home.join("node.toml"))
        .args([
            "--networkid",
            &network,
            "--nodiscover",
            "--nat",
            "none",
            "--netrestrict",
            "127.0.0.0/8",
            "--ipcdisable",
        ])
        .args(["--nousb", "--syncmode", "full", "--gcmode", "archive"])
        .args(["--mine", "--minerthreads", "1", "--gasprice", "0"])
        .args(["--targetgaslimit", &BLOCK_GAS.to_string(), "--miner.gaslimit", &BLOCK_GAS.to_string()])
        .args(["--istanbul.blockperiod", "1", "--istanbul.requesttimeout", "2000"])
        .args(["--rpc", "--rpcaddr", on, "--rpcport", &http, "--rpcapi", "eth,net,web3,istanbul"])
        .args(["--ws", "--wsaddr", on, "--wsport", &ws, "--wsapi", "eth,net,web3"])
        .env("PRIVATE_CONFIG", "ignore")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()?;
    Ok(child)
}
