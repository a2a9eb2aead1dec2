//! The demo's parts for end-to-end tests that disturb it: chains whose nodes misbehave, relayers that are killed, files
//! that are spoilt. Everything runs as in the demo (`causeway run` as processes of their own on the files that `init`
//! writes), and is judged by the demo's own reading of both chains.

pub use super::network::{BLOCK_GAS, ChainOptions};
use super::{
    books::Books,
    children::{self, Relayer},
    failed, invariants,
    ledger::Ledger,
    network::Network,
    setup::{self, Bridge, ORGANISATIONS},
    transfers::{self, Transfer, Users},
};
use crate::cli::exit::CliError;
use alloy::{
    eips::BlockNumberOrTag,
    primitives::{Address, B256},
    providers::Provider,
};
use causeway_devchain::{Endpoint, Handle};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Mutex as AsyncMutex, task::JoinHandle};

/// Blocks waited for after the last decision, so that a second effect would be seen.
const AFTERMATH_BLOCKS: u64 = 4;
/// Blocks come in time unless the machine stands still.
const BLOCK_DEADLINE: Duration = Duration::from_secs(30);

/// Two chains, a bridge between them, and two organisations whose relayers are started, stopped and killed at will.
/// Organisations and chains are named by number: 0 is `acme` at `alpha` (where assets are at home), 1 is `globex` at `beta`.
pub struct Harness {
    program: PathBuf,
    dir: PathBuf,
    networks: [Network; 2],
    chains: [Handle; 2],
    bridge: Bridge,
    ledger: Arc<Ledger>,
    users: Users,
    sent: Mutex<Vec<Transfer>>,
    followers: Vec<JoinHandle<()>>,
    relayers: [AsyncMutex<Option<Relayer>>; 2],
    starts: AtomicUsize,
}

impl Harness {
    /// Starts both chains and sets everything up in `dir`; no relayer runs yet. `program` is the `causeway` binary.
    ///
    /// # Errors
    /// Anything that keeps the demo from starting.
    pub async fn build(program: &Path, dir: &Path, block_time: Duration) -> Result<Self, CliError> {
        Self::build_on(program, dir, ChainOptions::new(block_time)).await
    }

    /// The same on chains of another kind.
    ///
    /// # Errors
    /// As [`Self::build`].
    pub async fn build_on(program: &Path, dir: &Path, options: ChainOptions) -> Result<Self, CliError> {
        let (alpha, beta) =
            futures::try_join!(Network::start("alpha", 1001, options), Network::start("beta", 1002, options))?;
        let (networks, chains) = ([alpha.0, beta.0], [alpha.1, beta.1]);
        let ([alpha, beta], [at_alpha, at_beta]) = (&networks, &chains);
        let bridge = setup::build(dir, [alpha, beta], [at_alpha, at_beta], options.trusting_period).await?;
        let ledger = Ledger::new();
        let followers = [(alpha, bridge.ends[0]), (beta, bridge.ends[1])]
            .map(|(network, end)| tokio::spawn(Arc::clone(&ledger).follow(network.provider.clone(), end.vault)));
        let users = Users::new(alpha, beta);
        users.fund(&bridge).await?;
        Ok(Self {
            program: program.to_owned(),
            dir: dir.to_owned(),
            bridge,
            ledger,
            users,
            sent: Mutex::default(),
            followers: followers.into(),
            relayers: Default::default(),
            starts: AtomicUsize::new(0),
            networks,
            chains,
        })
    }

    /// A chain.
    pub fn chain(&self, at: usize) -> &Handle {
        &self.chains[at]
    }

    /// The vault at a chain.
    pub fn vault(&self, at: usize) -> Address {
        self.bridge.ends[at].vault
    }

    /// The lane that leaves a chain.
    pub fn lane(&self, from: usize) -> causeway_core::LaneId {
        self.bridge.lanes[from]
    }

    /// An organisation's configuration file; everything else of it lies in the same folder.
    pub fn config(&self, who: usize) -> &Path {
        &self.bridge.configs[who]
    }

    /// An organisation's folder.
    pub fn folder(&self, who: usize) -> PathBuf {
        self.dir.join(ORGANISATIONS[who])
    }

    /// Changes an organisation's configuration: `from` must stand there exactly once.
    ///
    /// # Errors
    /// It does not, or the file cannot be written.
    pub fn edit(&self, who: usize, from: &str, to: &str) -> Result<(), CliError> {
        let path = self.config(who);
        let wrong = |error: std::io::Error| CliError::local(path.display(), error);
        let text = fs::read_to_string(path).map_err(wrong)?;
        if text.matches(from).count() != 1 {
            return Err(failed(path.display(), format!("`{from}` does not stand there exactly once")));
        }
        fs::write(path, text.replacen(from, to, 1)).map_err(wrong)
    }

    /// Gives a relayer other nodes of a chain, in this order.
    ///
    /// # Errors
    /// As [`Self::edit`].
    pub fn use_nodes(&self, who: usize, at: usize, nodes: &[&Endpoint]) -> Result<(), CliError> {
        let name = self.networks[at].name;
        let line = |label: &str, url: &str, ws: &str| {
            format!("    {{ label = \"{label}\", url = \"{url}\", ws = \"{ws}\" }},\n")
        };
        let before = line(&format!("{name}-1"), &self.networks[at].url, &self.networks[at].ws);
        let lines = nodes
            .iter()
            .enumerate()
            .map(|(number, node)| line(&format!("{name}-{number}"), &node.rpc_url(), &node.ws_url()));
        self.edit(who, &before, &lines.collect::<String>())
    }

    /// Starts an organisation's relayer, and waits for nothing.
    ///
    /// # Errors
    /// The process cannot be started.
    pub async fn start(&self, who: usize) -> Result<(), CliError> {
        let number = self.starts.fetch_add(1, Ordering::Relaxed);
        let log = self.dir.join(format!("{}-{number}.log", ORGANISATIONS[who]));
        let relayer = Relayer::start(&self.program, ORGANISATIONS[who], self.config(who), log)?;
        *self.relayers[who].lock().await = Some(relayer);
        Ok(())
    }

    /// Kills an organisation's relayer with SIGKILL, and waits until it is gone. Its files stay as they are.
    ///
    /// # Errors
    /// It does not run, or ended by itself before.
    pub async fn kill(&self, who: usize) -> Result<(), CliError> {
        let relayer = self.relayers[who].lock().await.take();
        relayer.ok_or_else(|| failed(ORGANISATIONS[who], "its relayer does not run"))?.kill().await
    }

    /// Stops an organisation's relayer in order.
    ///
    /// # Errors
    /// It does not run, ended badly, or does not stop.
    pub async fn stop(&self, who: usize) -> Result<(), CliError> {
        let relayer = self.relayers[who].lock().await.take();
        let status = relayer.ok_or_else(|| failed(ORGANISATIONS[who], "its relayer does not run"))?.stop().await?;
        if status.success() { Ok(()) } else { Err(failed(ORGANISATIONS[who], status)) }
    }

    /// Waits until an organisation's relayer has ended by itself.
    ///
    /// # Errors
    /// It does not run, or does not end.
    pub async fn ended(&self, who: usize) -> Result<std::process::ExitStatus, CliError> {
        let relayer = self.relayers[who].lock().await.take();
        relayer.ok_or_else(|| failed(ORGANISATIONS[who], "its relayer does not run"))?.end().await
    }

    /// Waits until a relayer answers, follows both chains, and (if asked for) has found its peer.
    ///
    /// # Errors
    /// Not within the demo's deadline.
    pub async fn ready(&self, who: usize, with_peer: bool) -> Result<(), CliError> {
        let sockets = self.bridge.sockets.get(who..=who).unwrap_or_default();
        children::ready(sockets, with_peer).await
    }

    /// Whether a relayer has a session with its peer now.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn connected(&self, who: usize) -> Result<bool, CliError> {
        children::connected(&self.bridge.sockets[who]).await
    }

    /// Starts both relayers and waits until they have found each other.
    ///
    /// # Errors
    /// As [`Self::start`] and [`Self::ready`].
    pub async fn start_both(&self) -> Result<(), CliError> {
        futures::try_join!(self.start(0), self.start(1))?;
        children::ready(&self.bridge.sockets, true).await
    }

    /// All that an organisation's relayers wrote to their logs, the oldest first.
    pub fn logs(&self, who: usize) -> String {
        let count = self.starts.load(Ordering::Relaxed);
        let logs = (0..count).map(|number| self.dir.join(format!("{}-{number}.log", ORGANISATIONS[who])));
        logs.filter_map(|log| fs::read_to_string(log).ok()).collect()
    }

    /// Users send `count` transfers from a chain, over about `waves` blocks. From home, every tenth goes to somebody who
    /// cannot be credited and has to come back; to home, users send what they got before.
    ///
    /// # Errors
    /// A node refuses a transaction.
    pub async fn send(&self, from: usize, count: usize, waves: usize) -> Result<(), CliError> {
        let network = &self.networks[from];
        let sent = transfers::send_plain(&self.users, &self.bridge, network, from, count, waves).await?;
        self.sent().extend(sent);
        Ok(())
    }

    /// Users send `count` transfers from home that will be late: nobody carries them in the next hour of the chains' clocks.
    ///
    /// # Errors
    /// A node refuses a transaction.
    pub async fn send_to_be_late(&self, count: usize) -> Result<(), CliError> {
        let sent = transfers::send_to_be_late(&self.users, &self.bridge, &self.networks[0], count).await?;
        self.sent().extend(sent);
        Ok(())
    }

    /// Waits until every transfer sent so far, and everything written because of it, is decided.
    ///
    /// # Errors
    /// Not within `limit`.
    pub async fn settle(&self, limit: Duration) -> Result<(), CliError> {
        let sent = self.sent().clone();
        let all = |seen: &super::ledger::Seen| {
            let written = sent.iter().all(|transfer| seen.place_of(&transfer.tx).is_some());
            (written && seen.open() == 0).then_some(())
        };
        self.ledger.wait("settling", limit, all).await
    }

    /// How many entries are decided, and how many are not.
    pub fn progress(&self) -> (usize, usize) {
        let seen = self.ledger.seen();
        (seen.decided.len(), seen.open())
    }

    /// Waits until at least `count` entries are decided.
    ///
    /// # Errors
    /// Not within `limit`.
    pub async fn decided(&self, count: usize, limit: Duration) -> Result<(), CliError> {
        self.ledger.wait("decisions", limit, |seen| (seen.decided.len() >= count).then_some(())).await
    }

    /// Settles, waits a few blocks more, reads both chains, and gives everything that contradicts INV-1, INV-2 or INV-3.
    ///
    /// # Errors
    /// Something is still open after `limit`, or a chain cannot be read.
    pub async fn judge(&self, limit: Duration) -> Result<Vec<String>, CliError> {
        self.settle(limit).await?;
        for chain in &self.chains {
            let height = chain.head().number + AFTERMATH_BLOCKS;
            let waited = chain.wait_for_block(height, BLOCK_DEADLINE).await;
            waited.map_err(|error| failed("the next blocks", error))?;
        }
        let sent = self.sent().clone();
        let places = transfers::places(&self.ledger, &sent, limit).await?;
        let with_places: Vec<_> = sent.iter().cloned().zip(places).collect();
        let [alpha, beta] = &self.networks;
        let supply = invariants::supply(&self.bridge, &self.bridge.credit, alpha, beta).await?;
        let books = Books::after(&self.bridge, &self.users, &sent, Address::ZERO);
        let differences = books.differences(&self.bridge, &self.users, [alpha, beta]).await?;
        let seen = self.ledger.seen().clone();
        let xor = invariants::credited_xor_returned(&seen, &with_places, self.bridge.lanes);
        let verdicts =
            [invariants::backed(&[supply]), invariants::once(&seen), invariants::with_balances(xor, differences)];
        let violations = verdicts.into_iter().flat_map(|verdict| {
            let id = verdict.id;
            verdict.violations.into_iter().map(move |violation| format!("{id}: {violation}"))
        });
        Ok(violations.collect())
    }

    /// Transactions that failed on a chain: what a relayer should not have submitted.
    ///
    /// # Errors
    /// The chain cannot be read.
    pub async fn failed_transactions(&self, at: usize) -> Result<Vec<B256>, CliError> {
        let network = &self.networks[at];
        let mut found = Vec::new();
        for height in 1..=self.chain(at).head().number {
            let block = network.provider.get_block_by_number(BlockNumberOrTag::Number(height)).await;
            let block = block.map_err(|error| failed("a block", error))?.unwrap_or_default();
            for hash in block.transactions.hashes() {
                let receipt = network.provider.get_transaction_receipt(hash).await;
                let receipt = receipt.map_err(|error| failed("a receipt", error))?;
                if receipt.is_none_or(|receipt| !receipt.status()) {
                    found.push(hash);
                }
            }
        }
        Ok(found)
    }

    /// The process of an organisation's relayer, while it runs.
    pub async fn process(&self, who: usize) -> Option<u32> {
        self.relayers[who].lock().await.as_ref().and_then(Relayer::id)
    }

    /// The metrics page of an organisation's relayer.
    pub fn metrics(&self, who: usize) -> Option<SocketAddr> {
        self.bridge.metrics.get(who).copied()
    }

    /// The relayers' admin sockets.
    pub(super) fn sockets(&self) -> &[PathBuf] {
        &self.bridge.sockets
    }

    pub(super) fn network(&self, at: usize) -> &Network {
        &self.networks[at]
    }

    pub(super) fn bridge(&self) -> &Bridge {
        &self.bridge
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The ERC-20 that plain transfers carry, at home.
    pub(super) fn token(&self) -> Address {
        self.bridge.credit.home
    }

    pub(super) async fn supply(&self) -> Result<invariants::Supply, CliError> {
        let [alpha, beta] = &self.networks;
        invariants::supply(&self.bridge, &self.bridge.credit, alpha, beta).await
    }

    fn sent(&self) -> MutexGuard<'_, Vec<Transfer>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.followers.iter().for_each(JoinHandle::abort);
    }
}
