//! From the configuration to chains and lanes, with what the journal remembers of them.

use super::{
    drain::Drain,
    links::Links,
    observe::{LaneHandles, Observe},
    paused::Paused,
};
use crate::{
    chains::{Chain, Context, registry},
    config::{Agreement, BridgeConfig, ChainConfig, Config, Role, Settings, agreement::BridgeLane},
    lane::{
        audit::Audit,
        book::Book,
        chain::{ChainView, Ports},
        confirm::Confirm,
        drive::Drive,
        error::{Error, Kind, Result},
        freeze::Report,
        live::Live,
        overdue::Overdue,
        ports::{Clock, DeadLetter, Journal, Peer},
        prove::Prover,
        receive::{Receive, Stored},
        refresh::Refresh,
        run::{Lane, State},
        send::Send,
        submit::Submit,
        swaps::{SwapBook, facts::Facts},
        sweep::Sweep,
        types::{Account, Bundle},
        watch::{Pinned, Watch},
    },
    metrics::Metrics,
    peers::routes::Routes,
    store::{DEAD_LETTERS_MAX, Store},
    telemetry::{
        backing::{Asset, Backing, Side},
        standing::Standing,
        swaps::Swaps,
    },
};
use causeway_core::LaneId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What is needed to build.
pub(super) struct Parts {
    pub(super) config: Arc<Config>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) observe: Arc<Observe>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) store: Arc<Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) routes: Routes,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    pub(super) paused: Paused,
    pub(super) drain: Arc<Drain>,
}

/// A chain with its ports.
pub(super) struct BuiltChain {
    pub(super) name: String,
    pub(super) chain: Chain,
    pub(super) view: Arc<ChainView>,
}

/// A lane with what belongs to it.
pub(super) struct BuiltLane {
    pub(super) bridge: String,
    pub(super) peer: Option<String>,
    pub(super) source: Arc<ChainView>,
    pub(super) destination: Arc<ChainView>,
    pub(super) book: Arc<Book>,
    pub(super) reverse: LaneId,
    pub(super) settings: Live<Settings>,
    pub(super) handles: Arc<LaneHandles>,
    pub(super) run: Arc<Lane>,
    /// Voids overdue legs of this lane; holds the bridge's swaps.
    pub(super) overdue: Arc<Overdue>,
    /// Shows the book at every scrape while it lives.
    _standing: Arc<Standing>,
}

/// Everything that runs.
pub(super) struct Built {
    pub(super) chains: Vec<BuiltChain>,
    pub(super) watches: Vec<Arc<Watch>>,
    pub(super) lanes: Vec<BuiltLane>,
    pub(super) links: Option<Links>,
}

/// The CAIP-2 id of a chain's section.
pub(super) fn chain_id(chain: &ChainConfig) -> &str {
    match chain {
        ChainConfig::BftEvm(evm) => &evm.id,
    }
}

/// A bridge as configured, with its agreement.
pub(super) struct Bridge<'a> {
    pub(super) name: &'a str,
    pub(super) config: &'a BridgeConfig,
    pub(super) agreement: Agreement,
    pub(super) lanes: [BridgeLane; 2],
}

/// Builds everything; starts the chains' own tasks.
pub(super) async fn build(parts: &Parts) -> Result<Built> {
    let bridges = bridges(&parts.config)?;
    let chains = chains(parts)?;
    let links = Links::open(parts, &bridges)?;
    let mut unfinished = unfinished(parts).await?;
    let journal = parts.journal.clone();
    let dead = blocking(move || journal.dead_letters(DEAD_LETTERS_MAX as usize)).await?.into();
    let mut lanes = Vec::new();
    for bridge in &bridges {
        lanes.extend(bridge_lanes(parts, &chains, bridge, links.as_ref(), (&mut unfinished, &dead)).await?);
    }
    parts.metrics.process.lanes.set(lanes.len() as i64);
    for chain in &chains {
        chain.view.recall_freeze(&parts.journal, chain.chain.pinned.height).await?;
    }
    let watches = chains.iter().map(|c| Arc::new(watch_of(parts, c))).collect();
    Ok(Built { chains, watches, lanes, links })
}

pub(super) fn bridges(config: &Config) -> Result<Vec<Bridge<'_>>> {
    let mut all = Vec::new();
    for (name, bridge) in &config.bridges {
        let agreement = Agreement::read(&config.source.folder.join(&bridge.agreement))
            .map_err(|e| Error::stop_lane(Kind::InvalidConfig, e.to_string()))?;
        let lanes = config.lanes_of(bridge, &agreement);
        all.push(Bridge { name, config: bridge, agreement, lanes });
    }
    Ok(all)
}

fn chains(parts: &Parts) -> Result<Vec<BuiltChain>> {
    let context = Context {
        journal: parts.journal.clone(),
        clock: parts.clock.clone(),
        observer: parts.observe.clone(),
        shutdown: parts.stop.clone(),
        tasks: parts.tasks.clone(),
    };
    let build = |(name, config): (&String, &ChainConfig)| {
        let chain = registry::build(config, &context)?;
        let ports = Ports {
            headers: chain.headers.clone(),
            verifier: chain.verifier.clone(),
            proofs: chain.proofs.clone(),
            entries: chain.entries.clone(),
            submitter: chain.submitter.clone(),
        };
        let view = Arc::new(ChainView::new(chain.id.clone(), chain.vault.clone(), chain.block_time, ports));
        Ok(BuiltChain { name: name.clone(), chain, view })
    };
    parts.config.chains.iter().map(build).collect()
}

fn watch_of(parts: &Parts, built: &BuiltChain) -> Watch {
    let pinned = built.chain.pinned;
    Watch {
        chain: built.view.clone(),
        // The agreement pins a header from before the bridge was opened: no entry is older.
        pinned: Pinned { height: pinned.height, hash: pinned.hash, scan_from: pinned.height },
        journal: parts.journal.clone(),
        clock: parts.clock.clone(),
        seen: parts.observe.clone(),
        woken: Mutex::default(),
    }
}

type Unfinished = HashMap<LaneId, Vec<(u64, Bundle)>>;

async fn unfinished(parts: &Parts) -> Result<Unfinished> {
    let journal = parts.journal.clone();
    let all = blocking(move || journal.unfinished()).await?;
    let mut by_lane: Unfinished = HashMap::new();
    for (_, number, bundle) in all {
        by_lane.entry(bundle.lane).or_default().push((number, bundle));
    }
    Ok(by_lane)
}

async fn blocking<T: std::marker::Send + 'static>(
    work: impl FnOnce() -> Result<T> + std::marker::Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Error::stop_lane(Kind::Store, e.to_string()))?
}

/// The book of a lane as the journal has it.
async fn restore(parts: &Parts, lane: LaneId, dead: &Arc<[DeadLetter]>) -> Result<Arc<Book>> {
    let (journal, dead) = (parts.journal.clone(), dead.clone());
    blocking(move || Book::recall(&*journal, lane, &dead).map(Arc::new)).await
}

async fn bridge_lanes(
    parts: &Parts,
    chains: &[BuiltChain],
    bridge: &Bridge<'_>,
    links: Option<&Links>,
    (unfinished, dead): (&mut Unfinished, &Arc<[DeadLetter]>),
) -> Result<Vec<BuiltLane>> {
    let ends = bridge.agreement.ends.each_ref().map(|end| chains.iter().find(|c| *c.chain.id == *end.chain));
    let [Some(a), Some(b)] = ends else {
        let detail = format!("bridge {}: both chains of the agreement must be configured", bridge.name);
        return Err(Error::stop_lane(Kind::InvalidConfig, detail));
    };
    let [l0, l1] = &bridge.lanes;
    let books = [restore(parts, l0.id(), dead).await?, restore(parts, l1.id(), dead).await?];
    let swaps = Arc::new(SwapBook::new([l0.id(), l1.id()]));
    let settings = Live::from(parts.config.lane_settings(bridge.config));
    let legs = bridge.lanes.each_ref().map(|l| (l.id(), if l.from == 0 { a } else { b }.view.clone()));
    let shown = parts.metrics.swaps.of(bridge.name).map_err(unregistered)?;
    let shown = Swaps::show(&parts.metrics, shown, swaps.clone(), legs);
    let mut lanes = Vec::with_capacity(2);
    for (i, lane) in bridge.lanes.iter().enumerate() {
        let (source, destination) = if lane.from == 0 { (a, b) } else { (b, a) };
        let [own, other] = if i == 0 { [&books[0], &books[1]] } else { [&books[1], &books[0]] };
        source.view.connect(&destination.view, own);
        source.view.serve_swaps(&swaps);
        let outbox = Account::copy_from_slice(bridge.agreement.ends[lane.from].outbox.address.as_slice());
        let peer = bridge.config.peer.as_deref().and_then(|name| links.and_then(|l| l.peer(name)));
        let wired = Wired {
            bridge: bridge.name,
            lane,
            source: &source.view,
            destination: &destination.view,
            book: own,
            reverse: other,
            swaps: (&swaps, &shown),
            outbox,
            peer_name: bridge.config.peer.clone(),
            peer,
            settings: settings.clone(),
            backlog: unfinished.remove(&lane.id()).unwrap_or_default(),
        };
        lanes.push(wire(parts, links, wired)?);
    }
    backing(parts, bridge, [a, b], &books)?;
    Ok(lanes)
}

/// Shows escrow and outstanding of the bridge's assets.
fn backing(parts: &Parts, bridge: &Bridge<'_>, ends: [&BuiltChain; 2], books: &[Arc<Book>; 2]) -> Result<()> {
    let out_lane = |end: usize| bridge.agreement.lane(end).id();
    let mut assets = Vec::new();
    for asset in &bridge.agreement.assets {
        let Some(home) = bridge.agreement.end(&asset.home) else { continue };
        let side = |end: usize, token: &[u8]| Side {
            vault: ends[end].chain.holdings.clone(),
            out_lane: out_lane(end),
            token: Account::copy_from_slice(token),
        };
        let shown = parts.metrics.assets.of(bridge.name, &asset.symbol).map_err(unregistered)?;
        assets.push(Asset {
            home: side(home, asset.token.as_slice()),
            away: side(1 - home, asset.voucher.as_slice()),
            shown,
        });
    }
    let verified = ends.map(|e| e.chain.verified.clone());
    let backing = Backing { assets, books: books.clone(), verified };
    parts.tasks.spawn(backing.follow(parts.stop.clone()));
    Ok(())
}

fn unregistered(e: prometheus::Error) -> Error {
    Error::stop_lane(Kind::InvalidConfig, format!("metrics: {e}"))
}

struct Wired<'a> {
    bridge: &'a str,
    lane: &'a BridgeLane,
    source: &'a Arc<ChainView>,
    destination: &'a Arc<ChainView>,
    book: &'a Arc<Book>,
    reverse: &'a Arc<Book>,
    swaps: (&'a Arc<SwapBook>, &'a Arc<Swaps>),
    outbox: Account,
    peer_name: Option<String>,
    peer: Option<Arc<dyn Peer>>,
    settings: Live<Settings>,
    backlog: Vec<(u64, Bundle)>,
}

/// Makes the stages of one lane for this relayer's role.
fn wire(parts: &Parts, links: Option<&Links>, w: Wired<'_>) -> Result<BuiltLane> {
    let (id, role) = (w.lane.id(), w.lane.role);
    // One relayer makes the root span of each transfer: the one at the source, or the only one.
    let handles = parts.observe.register(id, w.bridge, role != Role::Destination).map_err(unregistered)?;
    let prover = Arc::new(Prover::new(w.source.clone(), w.book.clone(), w.outbox.clone()));
    if let Some(links) = links.filter(|_| role == Role::Source) {
        links.prove_by(id, prover.clone());
    }
    let submit = Arc::new(Submit {
        source: w.source.clone(),
        destination: w.destination.clone(),
        book: w.book.clone(),
        reverse: w.reverse.clone(),
        journal: parts.journal.clone(),
        clock: parts.clock.clone(),
        settings: w.settings.clone(),
        submitted: parts.observe.clone(),
    });
    let send = w.peer.filter(|_| role == Role::Source).map(|peer| {
        Arc::new(Send {
            book: w.book.clone(),
            prover: prover.clone(),
            peer,
            journal: parts.journal.clone(),
            settings: w.settings.clone(),
            sent: parts.observe.clone(),
        })
    });
    let receive = w.peer_name.clone().filter(|_| role == Role::Destination).map(|peer| {
        let capacity = parts.config.listener.as_ref().map_or(1, |l| l.limits.lane_credits as usize);
        let inbox = Arc::new(tokio::sync::Mutex::new(parts.routes.attach(id, capacity)));
        let held = w.backlog.iter().map(|(n, b)| (*n, b.first..b.end())).collect();
        let receive = Receive {
            source: w.source.clone(),
            outbox: w.outbox.clone(),
            book: w.book.clone(),
            peer,
            journal: parts.journal.clone(),
            clock: parts.clock.clone(),
            submit: submit.clone(),
            backlog: Mutex::new(w.backlog.into_iter().map(|(n, b)| Stored::left(n, b)).collect()),
            held: Mutex::new(held),
        };
        (Arc::new(receive), inbox)
    });
    let drive = w.destination.submitter.is_some().then(|| {
        let (book, settings) = (w.book.clone(), w.settings.clone());
        Arc::new(Drive { book, prover: prover.clone(), submit: submit.clone(), role, settings })
    });
    let audit = Arc::new(Audit {
        source: w.source.clone(),
        outbox: w.outbox,
        book: w.book.clone(),
        journal: parts.journal.clone(),
        settings: w.settings.clone(),
    });
    let (swaps, shown) = (w.swaps.0.clone(), w.swaps.1.clone());
    let overdue = Arc::new(Overdue {
        lane: id,
        chain: w.source.clone(),
        swaps: swaps.clone(),
        role,
        settings: w.settings.clone(),
        clock: parts.clock.clone(),
        told: shown,
    });
    let run = Arc::new(Lane {
        id,
        send,
        receive,
        drive,
        sweep: Arc::new(Sweep {
            book: w.book.clone(),
            role,
            settings: w.settings.clone(),
            driven: w.destination.submitter.is_some(),
        }),
        confirm: Arc::new(Confirm {
            destination: w.destination.clone(),
            book: w.book.clone(),
            journal: parts.journal.clone(),
            closed: parts.observe.clone(),
        }),
        refresh: Arc::new(Refresh {
            source: w.source.clone(),
            destination: w.destination.clone(),
            book: w.book.clone(),
            role,
            clock: parts.clock.clone(),
            told: parts.observe.clone(),
        }),
        facts: Arc::new(Facts {
            book: w.book.clone(),
            swaps: swaps.clone(),
            audit: audit.clone(),
            journal: parts.journal.clone(),
            lacking: Mutex::default(),
        }),
        audit,
        report: Report { source: w.source.clone(), destination: w.destination.clone(), lane: id },
        retries: parts.observe.clone(),
        state: watch::Sender::new(State::Running),
        paused: watch::Sender::new(parts.paused.contains(id)),
    });
    let standing = Standing::show(&parts.metrics, handles.lane.clone(), w.book.clone());
    Ok(BuiltLane {
        bridge: w.bridge.to_owned(),
        peer: w.peer_name,
        source: w.source.clone(),
        destination: w.destination.clone(),
        book: w.book.clone(),
        reverse: w.reverse.lane(),
        settings: w.settings,
        handles,
        run,
        overdue,
        _standing: standing,
    })
}
