//! `causeway demo`: two embedded chains, one relayer process per organisation, and assets that cross and come back.
//!
//! The chains live in this process; the relayers are processes of this very binary that run `causeway run` on files that
//! `init` writes, with certificates, keys and journals of their own and mutual TLS between them. Transfers are sent
//! straight to the chains, as users send them, and judged by what the demo itself reads there.

mod abi;
mod books;
mod children;
pub mod external;
mod figures;
pub mod harness;
mod invariants;
mod ledger;
pub mod load;
mod many;
mod network;
mod progress;
mod setup;
mod stages;
mod summary;
mod swaps;
pub mod trade;
mod transfers;
mod user;

use crate::cli::{
    exit::{CliError, Failure},
    output::{Output, Report},
};
use books::Books;
use causeway_devchain::Handle;
use children::{Relayer, peak_memory};
use clap::Args;
use ledger::{Ledger, Place};
use network::{ChainOptions, Network};
use progress::Progress;
use setup::{Bridge, ORGANISATIONS};
use std::{
    collections::BTreeMap,
    fmt, fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use summary::{Running, Summary};
use swaps::{Parties, Swap};
use transfers::{Transfer, Users};

/// Fewest transfers: each special one, and a few plain ones both ways.
const TRANSFERS_MIN: u32 = 10;
/// Most: the demo keeps them all in memory.
const TRANSFERS_MAX: u32 = 20_000;
/// Most swaps: each is played step by step by the same two parties.
const SWAPS_MAX: u32 = 1_000;
/// A transfer may take this many blocks, both ways and back again, before the demo gives up; and a fixed allowance.
const TRANSFER_BLOCKS: u32 = 30;
const TRANSFER_ALLOWANCE: Duration = Duration::from_secs(60);

/// Arguments of `causeway demo`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
What it does: starts two QBFT chains in this process, deploys vault, outbox and light client on each, starts one relayer
per organisation as a process of its own, and sends transfers: ERC-20 there and back (lock, mint, burn, release), an
ERC-721 there and back, one that is late and comes back, one whose credit fails and comes back, one that can be paid
neither there nor back, is parked, and is claimed. Among them two parties swap, ERC-20 for ERC-20 and bills (ERC-721) for
money, and vanish or cancel after each step: the relayers void what is overdue.

Exit code 0: every transfer ended as it should, and INV-1 (backed), INV-2 (once), INV-3 (credited xor returned)
and INV-4 (both legs of a swap or none) hold, as read from both chains.")]
pub struct DemoArgs {
    /// How many transfers.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(i64::from(TRANSFERS_MIN)..=i64::from(TRANSFERS_MAX)))]
    pub transfers: u32,
    /// How many swaps, beside the transfers. Parties vanish or cancel in five of seven.
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(0..=i64::from(SWAPS_MAX)))]
    pub swaps: u32,
    /// Validators of each chain.
    #[arg(long, default_value_t = 4, value_parser = parse_validators)]
    pub validators: usize,
    /// Time between two blocks.
    #[arg(long, default_value = "1s", value_parser = parse_duration)]
    pub block_time: Duration,
    /// Leave everything running at the end, until Ctrl-C, and say where it listens.
    #[arg(long)]
    pub keep: bool,
}

fn parse_validators(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|n| (1..=64).contains(n)).ok_or_else(|| "expected 1 to 64".to_owned())
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    use serde::de::{IntoDeserializer, value};
    let deserializer: value::StrDeserializer<'_, value::Error> = text.into_deserializer();
    let duration: Duration = humantime_serde::deserialize(deserializer).map_err(|error| error.to_string())?;
    let sensible = Duration::from_millis(100)..=Duration::from_secs(60);
    if sensible.contains(&duration) { Ok(duration) } else { Err("expected 100ms to 60s".to_owned()) }
}

/// A failure of the demo itself.
pub(crate) fn failed(what: impl fmt::Display, why: impl fmt::Display) -> CliError {
    CliError::new(Failure::Local, format!("{what}: {why}"))
}

/// Runs the demo until it is done or interrupted.
///
/// # Errors
/// Anything that keeps it from coming to a verdict. The folder with all files and logs is then kept and named.
pub async fn run(args: DemoArgs, output: Output) -> Result<Box<dyn Report>, CliError> {
    let started = Instant::now();
    let dir = std::env::temp_dir().join(format!("causeway-demo-{}", std::process::id()));
    let progress = Progress::new(output);
    let mut stage = Stage::default();
    let run = tokio::select! {
        done = stage.play(&dir, &args, &progress, started) => done,
        _ = tokio::signal::ctrl_c() => Err(CliError::new(Failure::Interrupted, "interrupted")),
    };
    progress.finish();
    let run = match run {
        Ok(summary) if args.keep => stage.keep(summary, &dir, output).await,
        other => other,
    };
    let stopped = stage.stop().await;
    // A demo that ended well leaves nothing behind; one that did not leaves all that explains it.
    match run.and_then(|summary| stopped.map(|()| summary)) {
        Ok(summary) => {
            if summary.ok {
                let _ = fs::remove_dir_all(&dir);
            } else {
                progress.note(&format!("files and logs are in {}", dir.display()));
            }
            Ok(Box::new(summary))
        }
        Err(error) if error.failure == Failure::Interrupted => {
            let _ = fs::remove_dir_all(&dir);
            Err(error)
        }
        Err(mut error) => {
            error.details = serde_json::json!({ "folder": dir });
            Err(error.advise(format!("files and logs are in {}", dir.display())))
        }
    }
}

/// All that runs: dropped or stopped together.
#[derive(Default)]
struct Stage {
    networks: Option<[Network; 2]>,
    chains: Option<[Handle; 2]>,
    relayers: Vec<Relayer>,
    bridge: Option<Bridge>,
    followers: Vec<tokio::task::JoinHandle<()>>,
}

impl Stage {
    async fn play(
        &mut self,
        dir: &Path,
        args: &DemoArgs,
        progress: &Progress,
        started: Instant,
    ) -> Result<Summary, CliError> {
        progress.say("starting two chains");
        let options = ChainOptions::from(args);
        let (alpha, beta) =
            futures::try_join!(Network::start("alpha", 1001, options), Network::start("beta", 1002, options))?;
        let [at_alpha, at_beta] = self.chains.insert([alpha.1, beta.1]);
        let [alpha, beta] = self.networks.insert([alpha.0, beta.0]);
        progress.say("writing files, deploying contracts, opening the bridge");
        self.bridge = Some(setup::build(dir, [alpha, beta], [at_alpha, at_beta], options.trusting_period).await?);
        let program = std::env::current_exe().map_err(|error| failed("finding this program", error))?;
        self.perform(&program, dir, args, progress, started).await
    }

    /// Starts the relayers on the bridge that stands, lets the users send, and judges.
    async fn perform(
        &mut self,
        program: &Path,
        dir: &Path,
        args: &DemoArgs,
        progress: &Progress,
        started: Instant,
    ) -> Result<Summary, CliError> {
        let (Some([alpha, beta]), Some(bridge)) = (&self.networks, &self.bridge) else {
            return Err(failed("the demo", "no bridge stands"));
        };
        let ledger = Ledger::new();
        for (network, end) in [(alpha, bridge.ends[0]), (beta, bridge.ends[1])] {
            let follow = Arc::clone(&ledger).follow(network.provider.clone(), end.vault);
            self.followers.push(tokio::spawn(follow));
        }
        progress.say("starting one relayer per organisation");
        for (organisation, config) in ORGANISATIONS.iter().zip(&bridge.configs) {
            let log = dir.join(format!("{organisation}.log"));
            self.relayers.push(Relayer::start(program, organisation, config, log)?);
        }
        let scene = Scene { args, progress, bridge, networks: [alpha, beta], ledger: &ledger };
        let [first, second] = self.relayers.as_mut_slice() else {
            return Err(failed("the demo", "a relayer is missing"));
        };
        let acted = tokio::select! {
            acted = scene.act() => acted?,
            error = first.ended() => return Err(error),
            error = second.ended() => return Err(error),
        };
        let memory = memory(&[&*first, &*second]);
        scene.judge(acted, memory, started).await
    }

    /// Prints the summary with everything's address and waits for Ctrl-C.
    async fn keep(&self, mut summary: Summary, dir: &Path, output: Output) -> Result<Summary, CliError> {
        let (Some(networks), Some(bridge)) = (&self.networks, &self.bridge) else { return Ok(summary) };
        summary.running = Some(running(dir, networks, bridge)?);
        let shown = match output {
            Output::Text => summary.to_string(),
            Output::Json => summary.to_json().to_string(),
        };
        crate::cli::output::print_line(&shown).map_err(|error| failed("standard output", error))?;
        let _ = tokio::signal::ctrl_c().await;
        Err(CliError::new(Failure::Interrupted, "stopped"))
    }

    async fn stop(&mut self) -> Result<(), CliError> {
        for follower in self.followers.drain(..) {
            follower.abort();
        }
        let stopped = futures::future::join_all(self.relayers.drain(..).map(Relayer::stop)).await;
        self.networks = None;
        self.chains = None;
        stopped.into_iter().try_for_each(|stopped| stopped.map(drop))
    }
}

/// What the transfers came to.
struct Acted {
    transfers: Vec<(Transfer, Place)>,
    parties: Parties,
    swaps: Vec<Swap>,
    users: Users,
    claimed_to: alloy::primitives::Address,
    first_lock: Instant,
    last_decision: Instant,
}

/// The running bridge, seen by its users.
struct Scene<'a> {
    args: &'a DemoArgs,
    progress: &'a Progress,
    bridge: &'a Bridge,
    networks: [&'a Network; 2],
    ledger: &'a Ledger,
}

impl Scene<'_> {
    fn patience(&self) -> Duration {
        // Blocks take 30 M gas: about 250 locks each.
        let backlog = self.args.block_time * (self.args.transfers / 100);
        self.args.block_time * TRANSFER_BLOCKS + TRANSFER_ALLOWANCE + backlog
    }

    async fn act(&self) -> Result<Acted, CliError> {
        let [alpha, beta] = self.networks;
        // The parties of swaps need one of them for themselves.
        let total = self.args.transfers as usize - usize::from(self.args.swaps > 0);
        children::ready(&self.bridge.sockets, true).await?;
        let users = Users::new(alpha, beta);
        self.progress.say("one transfer is held up until it is late");
        self.pause(true).await?;
        users.fund(self.bridge).await?;
        let parties = Parties::new(alpha, beta, self.args.swaps as usize);
        let first_lock = Instant::now();
        let (late, timeout) = transfers::send_late(&users, self.bridge, alpha).await?;
        while beta.now().await? < timeout {
            tokio::time::sleep(self.args.block_time / 4).await;
        }
        self.pause(false).await?;
        self.progress.start(total as u64);
        let mut sent = vec![late];
        sent.extend(parties.fund(self.bridge, alpha).await?);
        sent.extend(transfers::send_there(&users, self.bridge, alpha, total).await?);
        let there = transfers::places(self.ledger, &sent, self.patience()).await?;
        self.settle(&there, "the way there").await?;
        let (back, swaps) = futures::try_join!(
            transfers::send_back(&users, self.bridge, beta, total),
            parties.play(self.bridge, self.networks)
        )?;
        let back_places = transfers::places(self.ledger, &back, self.patience()).await?;
        self.settle(&back_places, "the way back").await?;
        self.progress.say("the swaps");
        swaps::settle(self.ledger, &swaps, self.patience()).await?;
        self.ledger.wait("the last returns", self.patience(), |seen| (seen.open() == 0).then_some(())).await?;
        let last_decision = Instant::now();
        self.progress.say("claiming what was parked");
        let claimed_to = transfers::claim_parked(&users, self.bridge).await?;
        sent.extend(back);
        let places = there.into_iter().chain(back_places);
        let transfers = sent.into_iter().zip(places).collect();
        Ok(Acted { transfers, parties, swaps, users, claimed_to, first_lock, last_decision })
    }

    /// Pauses or resumes the lane that leaves home, at both relayers, as an operator would.
    async fn pause(&self, pause: bool) -> Result<(), CliError> {
        children::pause(&self.bridge.sockets, self.bridge.lanes[0], pause, "demo: one transfer is to be late").await
    }

    /// Waits until each of these entries is decided, and shows how many are.
    async fn settle(&self, places: &[Place], what: &str) -> Result<(), CliError> {
        self.progress.say(what);
        let progress = self.progress;
        self.ledger
            .wait(what, self.patience(), |seen| {
                progress.show(seen);
                places.iter().all(|place| seen.decided.contains_key(place)).then_some(())
            })
            .await
    }

    async fn judge(&self, acted: Acted, memory: BTreeMap<String, u64>, started: Instant) -> Result<Summary, CliError> {
        self.progress.say("reading both chains");
        let [alpha, beta] = self.networks;
        let stages = stages::split(&self.bridge.metrics).await?;
        let (credit, freezable) = (&self.bridge.credit, &self.bridge.freezable);
        let supply = futures::try_join!(
            invariants::supply(self.bridge, credit, alpha, beta),
            invariants::supply(self.bridge, freezable, alpha, beta)
        )?;
        let supply = vec![supply.0, supply.1];
        let sent: Vec<Transfer> = acted.transfers.iter().map(|(transfer, _)| transfer.clone()).collect();
        let mut books = Books::after(self.bridge, &acted.users, &sent, acted.claimed_to);
        books.know(acted.parties.balances(self.bridge, &acted.swaps)?);
        let differences = books.differences(self.bridge, &acted.users, self.networks).await?;
        let atomic = swaps::atomic(self.bridge, self.networks, &acted.swaps).await?;
        // The guard is not held across anything that waits.
        let (mut invariants, lock_to_credit, sent_to_lock, seen) = {
            let seen = self.ledger.seen();
            let xor = invariants::credited_xor_returned(&seen, &acted.transfers, self.bridge.lanes);
            let xor = invariants::with_balances(xor, differences);
            let verdicts = vec![invariants::backed(&supply), invariants::once(&seen), xor];
            let (credit, lock) = figures::latency(&seen, &acted.transfers);
            (verdicts, credit, lock, seen.clone())
        };
        invariants.push(atomic);
        let swap_seconds = figures::Quantiles::of(swaps::seconds(&seen, &acted.swaps));
        let costs = figures::costs(&seen, &acted.transfers, self.networks, self.bridge.lanes).await?;
        let mut kinds = BTreeMap::new();
        for (transfer, _) in &acted.transfers {
            *kinds.entry(transfer.purpose.name()).or_insert(0) += 1;
        }
        Ok(Summary {
            ok: invariants.iter().all(|verdict| verdict.holds),
            transfers: kinds,
            swaps: swaps::kinds(&acted.swaps),
            swap_seconds,
            seconds_total: started.elapsed().as_secs_f64(),
            seconds_transferring: (acted.last_decision - acted.first_lock).as_secs_f64(),
            latency_seconds: figures::Latency { lock_to_credit, sent_to_lock, stages, stages_are: figures::STAGES_ARE },
            costs,
            supply,
            invariants,
            memory_total: memory.values().sum(),
            memory,
            running: None,
        })
    }
}

/// Peak memory of the process tree, by process.
fn memory(relayers: &[&Relayer]) -> BTreeMap<String, u64> {
    let own = peak_memory("self").map(|bytes| ("demo and chains".to_owned(), bytes));
    let theirs = relayers.iter().filter_map(|relayer| {
        let bytes = peak_memory(&relayer.id()?.to_string())?;
        Some((relayer.organisation.clone(), bytes))
    });
    own.into_iter().chain(theirs).collect()
}

fn running(dir: &Path, networks: &[Network; 2], bridge: &Bridge) -> Result<Running, CliError> {
    let chains = networks
        .iter()
        .zip(bridge.ends)
        .map(|(network, end)| (network.name.to_owned(), (network.url.clone(), network.ws.clone(), end.vault)));
    let mut relayers = BTreeMap::new();
    for file in &bridge.configs {
        let config = crate::config::Config::load(file)?;
        let grpc = config.listener.map(|listener| listener.listen.to_string()).unwrap_or_default();
        relayers.insert(config.organisation, (grpc, config.metrics.listen.to_string(), file.clone()));
    }
    Ok(Running { folder: dir.to_owned(), chains: chains.collect(), relayers })
}

#[cfg(test)]
mod carrier;
#[cfg(test)]
mod tests;
