//! `causeway bridge`: what two organisations agree on before a bridge runs.

use super::{
    Answer,
    access::Access,
    council::Decision,
    deploy,
    exit::{CliError, Failure},
    ground,
    output::Shown,
};
use crate::{
    config::{
        Agreement, ChainConfig, Config, Fingerprint, Stage,
        agreement::{BridgeLane, End},
    },
    lane::settings::Role,
};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// See the module.
#[derive(Debug, Subcommand)]
pub enum BridgeCommand {
    /// Write the agreement of a bridge: chains, genesis, pinned headers, contracts and their code hashes, assets, caps,
    /// CA fingerprints.
    ///
    /// Everything in it is read again from this side's own nodes, and must be what stands in the agreement.
    Export {
        /// The bridge's name; the only one if absent.
        bridge: Option<String>,
        /// File to write; standard output if absent.
        #[arg(long, short)]
        file: Option<PathBuf>,
    },
    /// Join a bridge from the agreement that the other organisation exported.
    ///
    /// Everything in it is compared with this side's own configuration and nodes. Then read the fingerprint to the other
    /// organisation, by telephone or face to face: it must be the same on both sides. `run` refuses any other agreement.
    Join(JoinArgs),
    /// Bring the opening of a bridge one step further: propose, approve or execute it in the councils of both vaults.
    ///
    /// Both organisations run this until it says that the bridge is open at both ends.
    Open {
        /// The bridge's name; the only one if absent.
        bridge: Option<String>,
    },
    /// Show the fingerprint, the lanes and the contracts of this configuration's bridges.
    Show,
}

/// Arguments of `causeway bridge join`.
#[derive(Debug, Args)]
pub struct JoinArgs {
    /// The file that the other organisation exported.
    pub file: PathBuf,
    /// The chain that this organisation stands at, by its name here, or `both`.
    #[arg(long)]
    pub side: Option<String>,
    /// Expect this fingerprint, and refuse another one.
    #[arg(long)]
    pub fingerprint: Option<Fingerprint>,
}

pub(super) async fn run(file: &Path, command: BridgeCommand) -> Answer {
    match command {
        BridgeCommand::Export { bridge, file: target } => export(file, bridge.as_deref(), target).await,
        BridgeCommand::Join(args) => join(file, args).await,
        BridgeCommand::Open { bridge } => open(file, bridge.as_deref()).await,
        BridgeCommand::Show => show(file),
    }
}

/// A bridge of a configuration, with both chains opened in the order of the agreement's ends.
pub(super) struct Opened {
    pub(super) config: Config,
    pub(super) name: String,
    pub(super) agreement: Agreement,
    pub(super) chains: [Access; 2],
}

/// Opens the bridge called `name`, or the only one.
pub(super) fn opened(file: &Path, name: Option<&str>) -> Result<Opened, CliError> {
    let config = Config::load(file)?;
    let (name, bridge) = match name {
        Some(name) => config.bridges.get_key_value(name),
        None if config.bridges.len() == 1 => config.bridges.iter().next(),
        None => None,
    }
    .ok_or_else(|| {
        let names: Vec<&str> = config.bridges.keys().map(String::as_str).collect();
        CliError::new(Failure::Usage, format!("which bridge? the configuration has {}", names.len())).advise(
            if names.is_empty() {
                "run `causeway deploy` or `causeway bridge join` first".to_owned()
            } else {
                names.join(", ")
            },
        )
    })?;
    let (name, agreement) = (name.clone(), Agreement::read(&bridge.agreement)?);
    let chains = open_chains(&config, &agreement)?;
    Ok(Opened { config, name, agreement, chains })
}

/// Opens the chains of an agreement's ends.
pub(super) fn open_chains(config: &Config, agreement: &Agreement) -> Result<[Access; 2], CliError> {
    let open = |end: &End| {
        let name = chain_name(config, &end.chain)?;
        Access::open(config, name)
    };
    let [a, b] = &agreement.ends;
    Ok([open(a)?, open(b)?])
}

/// The name of the chain with that CAIP-2 id.
pub(super) fn chain_name<'a>(config: &'a Config, id: &str) -> Result<&'a str, CliError> {
    let same = |section: &ChainConfig| crate::config::validate::chain_id(section) == id;
    let found = config.chains.iter().find(|(_, section)| same(section)).map(|(name, _)| name.as_str());
    found.ok_or_else(|| {
        CliError::new(Failure::Config, format!("chains: expected a section for {id}, found none"))
            .advise("add `[chains.<name>]` for it: this relayer reads both chains by itself")
    })
}

/// Differences between an agreement and what stands on the chains now.
pub(super) async fn differences(chains: &[Access; 2], agreement: &Agreement) -> Result<Vec<String>, CliError> {
    let [a, b] = chains;
    let (mut found, more) = futures::try_join!(differences_at(a, agreement, 0), differences_at(b, agreement, 1))?;
    found.extend(more);
    Ok(found)
}

/// The same at one end.
pub(super) async fn differences_at(chain: &Access, agreement: &Agreement, at: usize) -> Result<Vec<String>, CliError> {
    let agreed = &agreement.ends[at.min(1)];
    let here = ground::end(chain, agreed.vault.address, agreed.outbox.address, agreed.client.address).await?;
    let fields = |end: &End| {
        [
            ("genesis", end.genesis.to_string()),
            ("consensus", end.consensus.clone()),
            ("pinned height", end.pinned.height.to_string()),
            ("pinned hash", end.pinned.hash.to_string()),
            ("trusting period", end.trusting_period.to_string()),
            ("clock drift", end.clock_drift.to_string()),
            ("freeze delay", end.freeze_delay.to_string()),
            ("vault code", end.vault.code_hash.to_string()),
            ("outbox code", end.outbox.code_hash.to_string()),
            ("client code", end.client.code_hash.to_string()),
        ]
    };
    let pairs = fields(agreed).into_iter().zip(fields(&here)).filter(|((_, agreed), (_, here))| agreed != here);
    Ok(pairs
        .map(|((field, agreed_value), (_, here))| {
            format!("{}: {field}: the agreement says {agreed_value}, this side finds {here}", agreed.chain)
        })
        .collect())
}

pub(super) fn refuse_differences(differences: Vec<String>) -> Result<(), CliError> {
    if differences.is_empty() {
        return Ok(());
    }
    let mut error = CliError::new(
        Failure::Refused,
        format!("the agreement and this side's chains differ:\n  {}", differences.join("\n  ")),
    )
    .advise("find out together which is right; do not go on before");
    error.details = serde_json::json!({ "differences": differences });
    Err(error)
}

#[derive(Serialize)]
struct Exported {
    file: Option<PathBuf>,
    fingerprint: Fingerprint,
    agreement: Agreement,
}

async fn export(file: &Path, bridge: Option<&str>, target: Option<PathBuf>) -> Answer {
    let bridge = opened(file, bridge)?;
    refuse_differences(differences(&bridge.chains, &bridge.agreement).await?)?;
    if let Some(target) = &target {
        super::edit::replace(target, &bridge.agreement.to_json())?;
    }
    let exported = Exported { file: target, fingerprint: bridge.agreement.fingerprint(), agreement: bridge.agreement };
    Ok(Box::new(Shown::new(exported, |exported: &Exported, f: &mut fmt::Formatter<'_>| match &exported.file {
        None => f.write_str(exported.agreement.to_json().trim_end()),
        Some(file) => write!(f, "{}\nfingerprint  {}", file.display(), exported.fingerprint),
    })))
}

#[derive(Serialize)]
struct Joined {
    bridge: String,
    side: String,
    agreement: PathBuf,
    fingerprint: Fingerprint,
}

async fn join(file: &Path, args: JoinArgs) -> Answer {
    let config = Config::load_at(file, Stage::BeforeDeployment)?;
    let agreement = Agreement::read(&args.file)?;
    let fingerprint = agreement.fingerprint();
    if let Some(expected) = args.fingerprint.filter(|expected| *expected != fingerprint) {
        let message = format!("fingerprint: expected {expected}, found {fingerprint}");
        return Err(
            CliError::new(Failure::Refused, message).advise("this is not the file that was meant: ask for it again")
        );
    }
    let (side, peer) = place(&config, &agreement, args.side)?;
    compare_authorities(&config, &agreement)?;
    let chains = open_chains(&config, &agreement)?;
    refuse_differences(differences(&chains, &agreement).await?)?;
    let path = deploy::write_agreement(&config, &agreement)?;
    deploy::tell_configuration(&config, &agreement, &side, peer.as_deref())?;
    let joined = Joined { bridge: agreement.name, side, agreement: path, fingerprint };
    Ok(Box::new(Shown::new(joined, |joined: &Joined, f: &mut fmt::Formatter<'_>| {
        writeln!(f, "joined {} at {}\n\nfingerprint  {}\n", joined.bridge, joined.side, joined.fingerprint)?;
        f.write_str(
            "Read it to the other organisation; theirs must be the same. Then `causeway bridge open`, `check`, `run`.",
        )
    })))
}

/// Where this organisation stands, and who stands at the other end.
fn place(config: &Config, agreement: &Agreement, side: Option<String>) -> Result<(String, Option<String>), CliError> {
    let own = agreement.organisations.iter().position(|organisation| organisation.name == config.organisation);
    let own = own.ok_or_else(|| {
        let names: Vec<&str> = agreement.organisations.iter().map(|o| o.name.as_str()).collect();
        let message =
            format!("the agreement is between {}; {} is none of them", names.join(" and "), config.organisation);
        CliError::new(Failure::Refused, message).advise("ask for an agreement that names this organisation")
    })?;
    let side = match side {
        Some(side) => side,
        None => {
            let end = agreement.ends.get(own).unwrap_or(&agreement.ends[0]);
            chain_name(config, &end.chain)?.to_owned()
        }
    };
    let other = agreement.organisations.iter().find(|organisation| organisation.name != config.organisation);
    let peer = other.map(|organisation| organisation.name.clone()).filter(|_| side != "both");
    Ok((side, peer))
}

/// The CA that is expected behind each name must be the one that the agreement names.
fn compare_authorities(config: &Config, agreement: &Agreement) -> Result<(), CliError> {
    for organisation in &agreement.organisations {
        let own = organisation.name == config.organisation;
        let ca = if own { config.ca.as_deref() } else { config.peer(&organisation.name).map(|peer| peer.ca.as_path()) };
        let ca = ca.ok_or_else(|| {
            let message = format!("no CA certificate of {} is configured", organisation.name);
            CliError::new(Failure::Config, message).advise("add `ca`, or the peer's section")
        })?;
        let found = deploy::ca_sha256(ca)?;
        if found != organisation.ca_sha256 {
            let name = &organisation.name;
            let message =
                format!("CA of {name}: the agreement says {}, {} has {found}", organisation.ca_sha256, ca.display());
            return Err(CliError::new(Failure::Refused, message).advise("compare the CA's fingerprint with its owner"));
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct OpenState {
    bridge: String,
    ends: Vec<OpenEnd>,
}

#[derive(Serialize)]
struct OpenEnd {
    chain: String,
    #[serde(flatten)]
    decision: Decision,
}

async fn open(file: &Path, bridge: Option<&str>) -> Answer {
    let bridge = opened(file, bridge)?;
    let mut ends = Vec::with_capacity(2);
    for (at, chain) in bridge.chains.iter().enumerate() {
        let decision = ground::open(chain, &bridge.agreement, at).await?;
        ends.push(OpenEnd { chain: chain.chain.id.clone(), decision });
    }
    Ok(Box::new(Shown::new(
        OpenState { bridge: bridge.name, ends },
        |state: &OpenState, f: &mut fmt::Formatter<'_>| {
            for end in &state.ends {
                let decision = match &end.decision {
                    Decision::Done => "open".to_owned(),
                    other => other.to_string(),
                };
                writeln!(f, "{} at {}: {decision}", state.bridge, end.chain)?;
            }
            Ok(())
        },
    )))
}

#[derive(Serialize)]
struct Bridges {
    bridges: Vec<BridgeShown>,
}

#[derive(Serialize)]
struct BridgeShown {
    name: String,
    fingerprint: Fingerprint,
    lanes: Vec<LaneShown>,
    agreement: Agreement,
}

#[derive(Serialize)]
struct LaneShown {
    id: String,
    source: String,
    destination: String,
    role: Role,
}

fn show(file: &Path) -> Answer {
    let config = Config::load(file)?;
    let mut bridges = Vec::with_capacity(config.bridges.len());
    for (name, bridge) in &config.bridges {
        let agreement = Agreement::read(&bridge.agreement)?;
        let lanes = config.lanes_of(bridge, &agreement).map(|lane: BridgeLane| {
            let chain = |at: usize| agreement.ends.get(at).map(|end| end.chain.clone()).unwrap_or_default();
            LaneShown {
                id: lane.id().to_string(),
                source: chain(lane.from),
                destination: chain(1 - lane.from),
                role: lane.role,
            }
        });
        bridges.push(BridgeShown {
            name: name.clone(),
            fingerprint: agreement.fingerprint(),
            lanes: lanes.into(),
            agreement,
        });
    }
    Ok(Box::new(Shown::new(Bridges { bridges }, |shown: &Bridges, f: &mut fmt::Formatter<'_>| {
        for bridge in &shown.bridges {
            writeln!(f, "{}  fingerprint {}", bridge.name, bridge.fingerprint)?;
            for lane in &bridge.lanes {
                writeln!(f, "  {}  {} > {}  {:?}", lane.id, lane.source, lane.destination, lane.role)?;
            }
            for end in &bridge.agreement.ends {
                writeln!(
                    f,
                    "  {}  vault {}  outbox {}  client {}",
                    end.chain, end.vault.address, end.outbox.address, end.client.address
                )?;
            }
        }
        Ok(())
    })))
}
