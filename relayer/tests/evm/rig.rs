//! What the tests share: a chain with its contracts, the ports to it, and a task that follows it as a lane would.

use alloy::primitives::{Address, B256, U256};
use causeway::{
    chains::{
        Chain, Context, Pinned,
        evm::{
            artefacts::Artefact,
            config::{EvmChain, Fees},
            deploy::{Deployer, bridge::End, contracts},
            endpoint::{Pool, follow},
            headers::EvmHeaders,
            signer::key::Key,
            verifier,
        },
        observe::Unobserved,
        registry::{self, ChainConfig},
    },
    lane::{
        ports::Clock,
        types::{TrustedState, TxEvent, Update},
    },
    store::Store,
};
use causeway_devchain::{ChainBuilder, Consensus, Handle};
use std::{
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Time between blocks: as short as leaves several calls between two.
pub(crate) const BLOCK: Duration = Duration::from_millis(200);
/// Longest wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
    }
}

/// A chain, and a folder for what belongs to it.
pub(crate) struct Rig {
    pub(crate) handle: Handle,
    pub(crate) folder: TempDir,
    pub(crate) context: Context,
}

impl Rig {
    pub(crate) async fn new(builder: ChainBuilder) -> Self {
        let handle = builder.spawn().await.unwrap();
        handle.wait_for_block(2, PATIENCE).await.unwrap();
        Self::around(handle)
    }

    /// For a chain that runs already and has a first block.
    pub(crate) fn around(handle: Handle) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let context = context(&folder);
        Self { handle, folder, context }
    }

    /// The configuration of this chain, read from TOML like an operator's. `urls`: (http, ws or none).
    pub(crate) fn config(&self, urls: &[(String, Option<String>)], vault: Address, extra: &str) -> EvmChain {
        let pinned = self.handle.sealed(1).unwrap();
        let endpoints: String = urls
            .iter()
            .enumerate()
            .map(|(i, (url, ws))| {
                let ws = ws.as_ref().map(|ws| format!("ws = \"{ws}\"\n")).unwrap_or_default();
                format!("[[endpoints]]\nlabel = \"node-{i}\"\nurl = \"{url}\"\n{ws}priority = {i}\ndeadline = \"2s\"\n")
            })
            .collect();
        let mode = match self.handle.config().consensus {
            Consensus::Qbft => "qbft",
            Consensus::Ibft2 => "ibft2",
            Consensus::Ibft1 => "ibft1",
        };
        let text = format!(
            "family = \"bft-evm\"\nid = \"eip155:{}\"\ngenesis = \"{}\"\nmode = \"{mode}\"\n\
             pinned = {{ height = 1, hash = \"{}\" }}\ntrusting_period = \"14days\"\nvault = \"{vault}\"\n\
             block_time = \"200ms\"\n{extra}\n{endpoints}",
            self.handle.chain_id(),
            self.handle.genesis().hash,
            pinned.hash,
        );
        let ChainConfig::BftEvm(chain) = toml::from_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        chain
    }

    /// The chain's own endpoint, with its subscription.
    pub(crate) fn own(&self) -> Vec<(String, Option<String>)> {
        vec![(self.handle.rpc_url(), Some(self.handle.ws_url()))]
    }

    /// `signer` section for account `index`.
    pub(crate) fn signer(&self, index: u64) -> String {
        let path = self.key_file(index);
        format!("signer = {{ key_file = \"{}\" }}", path.display())
    }

    pub(crate) fn key_file(&self, index: u64) -> PathBuf {
        let path = self.folder.path().join(format!("key-{index}"));
        std::fs::write(&path, hex::encode(self.handle.account(index).secret())).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(crate) fn key(&self, index: u64) -> Key {
        Key::parse(&hex::encode(self.handle.account(index).secret())).unwrap()
    }

    /// A pool over the chain's own endpoint, followed.
    pub(crate) fn pool(&self, config: &EvmChain) -> Arc<Pool> {
        let pool = Arc::new(Pool::new(config, Arc::new(Unobserved)).unwrap());
        follow::start(&pool, config, &self.context.tasks, &self.context.shutdown);
        pool
    }

    pub(crate) fn deployer(&self, index: u64) -> Deployer {
        let config = self.config(&self.own(), Address::repeat_byte(1), "");
        Deployer::new(self.pool(&config), self.key(index), Fees::Zero)
    }

    /// The ports of this chain.
    pub(crate) fn ports(&self, config: EvmChain) -> Arc<Chain> {
        Arc::new(registry::build(&ChainConfig::BftEvm(config), &self.context).unwrap())
    }
}

pub(crate) fn context(folder: &TempDir) -> Context {
    Context {
        journal: Arc::new(Store::open(folder.path()).unwrap()),
        clock: Arc::new(WallClock),
        observer: Arc::new(Unobserved),
        shutdown: CancellationToken::new(),
        tasks: TaskTracker::new(),
    }
}

/// A chain with its contracts and one bridge to another.
pub(crate) struct Side {
    pub(crate) rig: Rig,
    pub(crate) deployer: Deployer,
    pub(crate) contracts: contracts::VaultContracts,
    pub(crate) end: End,
    pub(crate) client: Address,
}

/// Deploys everything at both ends and opens the bridge.
pub(crate) async fn bridge(a: Rig, b: Rig) -> (Side, Side) {
    let (first, second) = tokio::join!(contracts_of(&a), contracts_of(&b));
    let client_a = client(&first.0, &b).await;
    let client_b = client(&second.0, &a).await;
    let a = Side { rig: a, deployer: first.0, contracts: first.1, end: first.2, client: client_a };
    let b = Side { rig: b, deployer: second.0, contracts: second.1, end: second.2, client: client_b };
    let open_a = a.end.open(&b.end, 1, a.client).unwrap();
    let open_b = b.end.open(&a.end, 1, b.client).unwrap();
    tokio::join!(a.decide(vec![open_a]), b.decide(vec![open_b]));
    (a, b)
}

async fn contracts_of(rig: &Rig) -> (Deployer, contracts::VaultContracts, End) {
    let deployer = rig.deployer(0);
    let who = contracts::Organisations {
        members: vec![deployer.address()],
        quorum: 1,
        delay: 0,
        guardian: deployer.address(),
    };
    let genesis = rig.handle.genesis().hash;
    let made = contracts::vault(&deployer, genesis, &who).await.unwrap();
    let outbox = contracts::outbox(&deployer, made.vault).await.unwrap();
    let chain = format!("eip155:{}", rig.handle.chain_id());
    (deployer, made, End { chain, genesis, vault: made.vault, outbox })
}

async fn client(deployer: &Deployer, read: &Rig) -> Address {
    let config = read.config(&read.own(), Address::repeat_byte(1), "");
    let headers = EvmHeaders::new(
        read.pool(&config),
        verifier::params(&config),
        Pinned { height: config.pinned.height, hash: config.pinned.hash },
        Arc::new(WallClock),
    );
    let params = contracts::client_params(&config, &headers).await.unwrap();
    contracts::client(deployer, &params).await.unwrap()
}

impl Side {
    pub(crate) async fn decide(&self, calls: Vec<causeway::chains::evm::abi::ICouncil::Call>) {
        use causeway::chains::evm::deploy::council;
        council::decide(&[&self.deployer], self.contracts.council, calls).await.unwrap();
    }

    /// Ports with account `signer` as the submitter.
    pub(crate) fn ports(&self, signer: u64) -> Arc<Chain> {
        self.rig.ports(self.rig.config(&self.rig.own(), self.end.vault, &self.rig.signer(signer)))
    }

    pub(crate) async fn create(&self, artefact: Artefact, arguments: &[u8]) -> Address {
        self.deployer.create(artefact, arguments).await.unwrap()
    }
}

/// What a lane's watch does with headers: verifies each newer one. Gives the newest state and its update.
pub(crate) fn watch(chain: Arc<Chain>) -> watch::Receiver<Option<(TrustedState, Update)>> {
    let (to, receiver) = watch::channel(None);
    tokio::spawn(async move {
        let pinned = chain.headers.pinned(chain.pinned.height).await.unwrap();
        let mut trusted = chain.verifier.start(chain.pinned.hash, &pinned, WallClock.now()).unwrap();
        loop {
            let Ok(height) = chain.headers.newer_than(trusted.height).await else { continue };
            let Ok(updates) = chain.headers.updates(&trusted, height).await else { continue };
            for update in updates {
                match chain.verifier.verify(&trusted, &update, WallClock.now()) {
                    Ok(newer) => {
                        trusted = newer;
                        to.send_replace(Some((trusted.clone(), update)));
                    }
                    Err(e) => {
                        chain.headers.report_lie(update.height, &e.detail);
                        break;
                    }
                }
            }
        }
    });
    receiver
}

/// Waits for a verified header at or above `height`.
pub(crate) async fn reach(
    states: &mut watch::Receiver<Option<(TrustedState, Update)>>,
    height: u64,
) -> (TrustedState, Update) {
    let reached = states.wait_for(|s| s.as_ref().is_some_and(|(t, _)| t.height >= height));
    tokio::time::timeout(PATIENCE, reached).await.expect("no newer header is verified").unwrap().clone().unwrap()
}

/// The events of a ticket up to its end.
pub(crate) async fn ended(mut events: mpsc::Receiver<TxEvent>) -> Vec<TxEvent> {
    let mut all = Vec::new();
    let collect = async {
        while let Some(event) = events.recv().await {
            all.push(event);
        }
    };
    tokio::time::timeout(PATIENCE, collect).await.expect("the ticket does not end");
    all
}

/// The last event, which must be `Final`; its block and gas.
pub(crate) async fn finalised(events: mpsc::Receiver<TxEvent>) -> (B256, u64, u64) {
    let all = ended(events).await;
    match all.last() {
        Some(TxEvent::Final { tx, block, gas_used, fee }) => {
            assert_eq!(*fee, U256::ZERO);
            (*tx, *block, *gas_used)
        }
        _ => panic!("not final: {all:?}"),
    }
}
