//! `causeway init`: commented configurations, certificates and keys for a development pair, in a new folder.
//!
//! `causeway demo` writes its files with the same code ([`write_pair`]), so what the demo runs is what `init` gives.

mod nodes;
pub mod pki;
mod template;

use super::{
    Answer,
    exit::{CliError, Failure},
    output::Shown,
};
use crate::{
    chains::evm::config::Mode,
    config::{ConfigError, secret, validate::check_name},
};
use alloy::{
    primitives::{Address, B256},
    signers::local::PrivateKeySigner,
};
use clap::Args;
use serde::Serialize;
use std::{
    fmt, fs,
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Arguments of `causeway init`.
#[derive(Debug, Args)]
#[command(after_help = "\
The folder gets one sub-folder per organisation, each complete: causeway.toml (every key explained), tls/ (a CA, a
certificate for mutual TLS, and the other organisation's CA certificate) and keys/ (one signing key per chain).
Existing files are never overwritten. Keep the folders apart on two machines for anything but a try-out.

Example, with two nodes to read the chains' facts from:
  causeway init pair/ --node alpha=http://127.0.0.1:8545 --node beta=http://127.0.0.1:8546
  cd pair/acme && causeway check")]
pub struct InitArgs {
    /// Folder to write to; created if absent.
    #[arg(default_value = "causeway-pair")]
    pub dir: PathBuf,
    /// Names of the two organisations.
    #[arg(long, value_delimiter = ',', num_args = 1.., default_values = ["acme", "globex"], value_name = "A,B")]
    pub organisations: Vec<String>,
    /// A chain's short name and a node of it, twice: chain id, genesis and a recent header are read from there.
    ///
    /// A node's word is good enough for development only. Before anything of value crosses, compare the pinned header
    /// and the genesis hash with a second source that you trust.
    #[arg(long = "node", value_name = "NAME=URL")]
    pub nodes: Vec<String>,
    /// Consensus of both chains.
    #[arg(long, value_enum, default_value = "qbft")]
    pub consensus: Consensus,
}

/// Consensus modes on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Consensus {
    /// QBFT (Besu, GoQuorum).
    Qbft,
    /// IBFT 2.0 (Besu).
    Ibft2,
    /// IBFT 1 (GoQuorum).
    Ibft1,
}

impl From<Consensus> for Mode {
    fn from(consensus: Consensus) -> Self {
        match consensus {
            Consensus::Qbft => Self::Qbft,
            Consensus::Ibft2 => Self::Ibft2,
            Consensus::Ibft1 => Self::Ibft1,
        }
    }
}

/// Trusting period of a chain whose validators are known by name and change seldom.
pub const TRUSTING_PERIOD: Duration = Duration::from_secs(14 * 24 * 3600);

/// Everything that `init` puts into the two configurations.
#[derive(Clone, Debug)]
pub struct PairPlan {
    /// The organisations, in the order of the chains that they stand at.
    pub organisations: [OrganisationPlan; 2],
    /// The chains.
    pub chains: [ChainPlan; 2],
}

/// One organisation's listeners.
#[derive(Clone, Debug)]
pub struct OrganisationPlan {
    /// Name.
    pub name: String,
    /// gRPC for the other relayer.
    pub listen: SocketAddr,
    /// Metrics.
    pub metrics: SocketAddr,
}

/// A chain's facts.
#[derive(Clone, Debug)]
pub struct ChainPlan {
    /// Short name.
    pub name: String,
    /// CAIP-2 id.
    pub id: String,
    /// Hash of block 0.
    pub genesis: B256,
    /// Consensus.
    pub mode: Mode,
    /// Height that trust starts from.
    pub pinned_height: u64,
    /// Hash of that header.
    pub pinned_hash: B256,
    /// Usual time between blocks.
    pub block_time: Duration,
    /// How long a header is trusted.
    pub trusting_period: Duration,
    /// HTTP address of a node.
    pub url: String,
    /// WebSocket address of the node.
    pub ws: Option<String>,
    /// Where the facts are from, for the comment beside them.
    pub origin: String,
}

/// What was written for one organisation.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// The organisation.
    pub organisation: String,
    /// Its configuration.
    pub config: PathBuf,
    /// SHA-256 of its CA certificate, as `openssl x509 -fingerprint -sha256` shows it.
    pub ca_sha256: B256,
    /// Chain name and the address of the key that signs there: fund these where gas has a price.
    pub signers: Vec<(String, Address)>,
}

pub(super) async fn run(args: &InitArgs) -> Answer {
    let [first, second] = args.organisations.as_slice() else {
        let found = args.organisations.len();
        return Err(CliError::new(Failure::Usage, format!("--organisations: expected two names, found {found}"))
            .advise("write them like `--organisations acme,globex`"));
    };
    if first == second {
        return Err(CliError::new(Failure::Usage, "--organisations: expected two different names"));
    }
    let chains = nodes::chain_plans(&args.nodes, args.consensus.into()).await?;
    let organisation = |name: &str, peer: u16, metrics: u16| OrganisationPlan {
        name: name.to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], peer)),
        metrics: SocketAddr::from(([127, 0, 0, 1], metrics)),
    };
    let plan = PairPlan { organisations: [organisation(first, 7401, 9464), organisation(second, 7402, 9465)], chains };
    let written = write_pair(&args.dir, &plan)?;
    Ok(Box::new(Shown::new(Summary { dir: args.dir.clone(), organisations: written }, show)))
}

#[derive(Serialize)]
struct Summary {
    dir: PathBuf,
    organisations: Vec<Written>,
}

fn show(summary: &Summary, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for written in &summary.organisations {
        writeln!(f, "{}: {}", written.organisation, written.config.display())?;
        writeln!(f, "  CA certificate, SHA-256  {}", written.ca_sha256)?;
        for (chain, address) in &written.signers {
            writeln!(f, "  signs on {chain:<15} {address}")?;
        }
    }
    let dir = summary.dir.display();
    let name = summary.organisations.first().map(|w| w.organisation.as_str()).unwrap_or_default();
    write!(
        f,
        "\nNext:\n  1. fill in what the configurations still leave open (chain facts, nodes)\n  \
         2. causeway --config {dir}/{name}/causeway.toml deploy        put the contracts on both chains\n  \
         3. causeway --config {dir}/<other>/causeway.toml bridge join <file that deploy wrote>\n  \
         4. causeway --config … check, then run, for both"
    )
}

/// Writes both organisations' folders under `dir`.
///
/// # Errors
/// A name that no configuration accepts, a file that exists already, a disk that refuses.
pub fn write_pair(dir: &Path, plan: &PairPlan) -> Result<Vec<Written>, CliError> {
    // Names become folders here: nothing is written before every one of them is plain (ATK-104).
    let mut problems = Vec::new();
    plan.organisations.iter().for_each(|organisation| check_name("organisations", &organisation.name, &mut problems));
    plan.chains.iter().for_each(|chain| check_name("chains", &chain.name, &mut problems));
    ConfigError::unless_empty(dir, problems)?;
    let mut authorities = Vec::with_capacity(2);
    for organisation in &plan.organisations {
        let home = dir.join(&organisation.name);
        // All or nothing: with both folders new, no file in them can exist.
        if home.exists() {
            return Err(CliError::new(Failure::Local, format!("{}: exists already", home.display()))
                .advise("`init` never overwrites: choose another folder, or move this one away"));
        }
        authorities.push(pki::Authority::new(&organisation.name)?);
    }
    let [first, second] = &plan.organisations;
    let mut written = Vec::with_capacity(2);
    for (own, other) in [(first, second), (second, first)] {
        let authority = |name: &str| authorities.iter().find(|a| a.organisation == name);
        let (Some(ours), Some(theirs)) = (authority(&own.name), authority(&other.name)) else {
            return Err(CliError::new(Failure::Usage, "the two organisations need different names"));
        };
        written.push(write_organisation(dir, plan, own, other, ours, theirs)?);
    }
    Ok(written)
}

fn write_organisation(
    dir: &Path,
    plan: &PairPlan,
    own: &OrganisationPlan,
    other: &OrganisationPlan,
    ours: &pki::Authority,
    theirs: &pki::Authority,
) -> Result<Written, CliError> {
    let home = dir.join(&own.name);
    for folder in [home.clone(), home.join("tls"), home.join("keys")] {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| CliError::local(folder.display(), error))?;
    }
    let write = |relative: &str, mode: u32, content: &str| {
        let path = home.join(relative);
        secret::write_new(&path, mode, content.as_bytes()).map_err(|error| CliError::local(path.display(), error))
    };
    let identity = ours.issue(&pki::relayer_name(&own.name))?;
    write("tls/ca.crt", 0o644, &ours.certificate_pem)?;
    write("tls/ca.key", 0o600, &ours.key_pem)?;
    write("tls/relayer.crt", 0o644, &identity.certificate_pem)?;
    write("tls/relayer.key", 0o600, &identity.key_pem)?;
    write(&format!("tls/{}-ca.crt", other.name), 0o644, &theirs.certificate_pem)?;
    let mut signers = Vec::with_capacity(plan.chains.len());
    for chain in &plan.chains {
        let signer = PrivateKeySigner::random();
        write(&format!("keys/{}.key", chain.name), 0o600, &format!("{:x}\n", signer.to_bytes()))?;
        signers.push((chain.name.clone(), signer.address()));
    }
    write("causeway.toml", 0o600, &template::configuration(plan, own, other))?;
    Ok(Written {
        organisation: own.name.clone(),
        config: home.join("causeway.toml"),
        ca_sha256: ours.certificate_sha256(),
        signers,
    })
}
