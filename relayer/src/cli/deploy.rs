//! `causeway deploy`: the contracts of a bridge, onto two chains, from a configuration.

use super::{
    Answer,
    access::Access,
    council::Decision,
    edit::{self, BridgeSection},
    exit::{CliError, Failure},
    ground::{self, Councils},
    output::Shown,
};
use crate::{
    cli::init::pki::sha256,
    config::{Agreement, Config, Fingerprint, Stage, agreement::Organisation, secret},
};
use alloy::primitives::{Address, B256};
use clap::Args;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::Serialize;
use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

/// Arguments of `causeway deploy`.
#[derive(Debug, Args)]
#[command(after_help = "\
Deployed on each of the two chains: the vault (behind a proxy), the outbox of the lane that leaves it, a light client
that reads the other chain from its pinned header, and the council of both organisations that owns them. Nobody else,
not even who deploys, has any right in them.

The agreement about the bridge is written to bridges/<name>.json beside the configuration, and the configuration is
told of it. Send that file to the other organisation, which runs `causeway bridge join FILE`; then both run
`causeway bridge open` until it says that the bridge is open.

For a development pair on one machine, `--with ../globex/causeway.toml` does all of that at once.")]
pub struct DeployArgs {
    /// The two chains, by their names in the configuration; all of them if there are just two.
    #[arg(long, value_delimiter = ',', num_args = 1.., value_name = "A,B")]
    pub chains: Vec<String>,
    /// The bridge's name; `<a>-<b>` if absent.
    #[arg(long)]
    pub bridge: Option<String>,
    /// The other organisation; the only one in `[peers]` if absent.
    #[arg(long)]
    pub peer: Option<String>,
    /// The other organisation's signing address on a chain, once per chain: it becomes a member of that vault's council.
    #[arg(long = "member", value_name = "CHAIN=ADDRESS", conflicts_with = "with")]
    pub members: Vec<String>,
    /// Time between a decision of the council and its execution; 0s only for a development pair (`--with`).
    #[arg(long, default_value = "1day", value_parser = humantime_seconds)]
    pub delay: u64,
    /// Development: the other organisation's configuration, on this machine. Its keys approve, and it joins at once.
    #[arg(long, value_name = "FILE")]
    pub with: Option<PathBuf>,
}

/// A duration as people write it (`90s`, `1day`), in seconds.
pub(super) fn humantime_seconds(text: &str) -> Result<u64, String> {
    use serde::de::{IntoDeserializer, value};
    let deserializer: value::StrDeserializer<'_, value::Error> = text.into_deserializer();
    let duration: std::time::Duration =
        humantime_serde::deserialize(deserializer).map_err(|error| error.to_string())?;
    Ok(duration.as_secs())
}

#[derive(Serialize)]
struct Deployed {
    bridge: String,
    agreement: PathBuf,
    fingerprint: Fingerprint,
    ends: Vec<DeployedEnd>,
    open: Vec<Decision>,
}

#[derive(Serialize)]
struct DeployedEnd {
    chain: String,
    vault: Address,
    outbox: Address,
    client: Address,
}

pub(super) async fn run(file: &Path, args: DeployArgs) -> Answer {
    let config = Config::load_at(file, Stage::BeforeDeployment)?;
    let [first, second] = two_chains(&config, &args.chains)?;
    let chains = [Access::open(&config, &first)?, Access::open(&config, &second)?];
    let other = args.with.as_ref().map(|file| Config::load_at(file, Stage::BeforeDeployment)).transpose()?;
    let peer = peer_name(&config, args.peer.as_deref())?;
    let name = args.bridge.clone().unwrap_or_else(|| format!("{first}-{second}"));
    let other_chains = match &other {
        Some(other) => Some([same_chain(other, &chains[0])?, same_chain(other, &chains[1])?]),
        None => None,
    };
    let mut members: [Vec<Address>; 2] = [Vec::new(), Vec::new()];
    for (at, chain) in chains.iter().enumerate() {
        let theirs = match &other_chains {
            Some(others) => others[at].deployer()?.address(),
            None => member(&args.members, &chain.name)?,
        };
        members[at] = vec![chain.deployer()?.address(), theirs];
    }
    let guardians = [chains[0].deployer()?.address(), chains[1].deployer()?.address()];
    if args.delay == 0 && other_chains.is_none() {
        return Err(CliError::new(
            Failure::Usage,
            "--delay: expected a time in which a decision can be seen, found 0s",
        )
        .advise("leave it out for a day; without delay is for development pairs (`--with`)"));
    }
    let councils = Councils { members, guardians, delay: args.delay };
    let organisations = organisations(&config, &peer)?;
    let agreement = ground::deploy(&name, [&chains[0], &chains[1]], &councils, organisations).await?;
    let path = write_agreement(&config, &agreement)?;
    tell_configuration(&config, &agreement, &first, Some(&peer))?;
    let mut open = Vec::with_capacity(2);
    for (at, chain) in chains.iter().enumerate() {
        open.push(ground::open(chain, &agreement, at).await?);
    }
    if let (Some(other), Some(others)) = (&other, &other_chains) {
        write_agreement(other, &agreement)?;
        tell_configuration(other, &agreement, &others[1].name, Some(&config.organisation))?;
        for (at, chain) in others.iter().enumerate() {
            open[at] = ground::open(chain, &agreement, at).await?;
        }
    }
    let ends = agreement.ends.iter().map(|end| DeployedEnd {
        chain: end.chain.clone(),
        vault: end.vault.address,
        outbox: end.outbox.address,
        client: end.client.address,
    });
    let deployed =
        Deployed { bridge: name, agreement: path, fingerprint: agreement.fingerprint(), ends: ends.collect(), open };
    Ok(Box::new(Shown::new(deployed, show)))
}

fn show(deployed: &Deployed, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (end, open) in deployed.ends.iter().zip(&deployed.open) {
        writeln!(f, "{}", end.chain)?;
        writeln!(f, "  vault   {}\n  outbox  {}\n  client  {}", end.vault, end.outbox, end.client)?;
        writeln!(f, "  opening the bridge: {open}")?;
    }
    writeln!(f, "\nagreement    {}", deployed.agreement.display())?;
    write!(f, "fingerprint  {}   read it to the other organisation", deployed.fingerprint)
}

/// The two chains meant.
fn two_chains(config: &Config, wanted: &[String]) -> Result<[String; 2], CliError> {
    let names: Vec<String> = if wanted.is_empty() { config.chains.keys().cloned().collect() } else { wanted.to_vec() };
    names.try_into().map_err(|names: Vec<String>| {
        CliError::new(Failure::Usage, format!("a bridge stands between two chains, found {}", names.len()))
            .advise("name them: `--chains alpha,beta`")
    })
}

/// The other organisation.
pub(super) fn peer_name(config: &Config, wanted: Option<&str>) -> Result<String, CliError> {
    let names: Vec<&str> = config.peer_names();
    match (wanted, names.as_slice()) {
        (Some(name), names) if names.contains(&name) => Ok(name.to_owned()),
        (None, [only]) => Ok((*only).to_owned()),
        _ => {
            Err(CliError::new(Failure::Usage, format!("which organisation is at the other end? found {}", names.len()))
                .advise("name it with --peer; it needs a section in `peers`"))
        }
    }
}

/// The chain of another configuration that is the same as `chain`.
fn same_chain(config: &Config, chain: &Access) -> Result<Access, CliError> {
    let found = config.chains.iter().find(|(_, section)| crate::config::validate::chain_id(section) == chain.chain.id);
    let (name, _) = found.ok_or_else(|| {
        let message = format!("{} knows no chain {}", config.source.file.display(), chain.chain.id);
        CliError::new(Failure::Config, message)
    })?;
    Access::open(config, name)
}

fn member(members: &[String], chain: &str) -> Result<Address, CliError> {
    let address = members.iter().find_map(|member| member.split_once('=').filter(|(name, _)| *name == chain));
    address.and_then(|(_, address)| address.trim().parse().ok()).ok_or_else(|| {
        CliError::new(Failure::Usage, format!("the other organisation's signing address on `{chain}` is needed"))
            .advise(format!("ask for it (its `init` printed it) and add `--member {chain}=0x…`"))
    })
}

/// Both organisations, with the fingerprints of their CAs.
pub(crate) fn organisations(config: &Config, peer: &str) -> Result<Vec<Organisation>, CliError> {
    let own = config.ca.as_deref().ok_or_else(|| {
        CliError::new(Failure::Config, "ca: expected this organisation's CA certificate, found none")
            .advise("add `ca = \"tls/ca.crt\"` at the top of the configuration")
    })?;
    let theirs = config.peer(peer).map(|peer| peer.ca.as_path()).unwrap_or(own);
    let organisation =
        |name: &str, ca: &Path| Ok::<_, CliError>(Organisation { name: name.to_owned(), ca_sha256: ca_sha256(ca)? });
    Ok(vec![organisation(&config.organisation, own)?, organisation(peer, theirs)?])
}

/// SHA-256 of the first certificate in a PEM file.
pub(super) fn ca_sha256(path: &Path) -> Result<B256, CliError> {
    let bytes = secret::read_public("ca", path, secret::MAX_FILE_BYTES)
        .map_err(|problem| CliError::from(crate::config::ConfigError::one(path, problem)))?;
    let certificate = CertificateDer::from_pem_slice(&bytes).map_err(|_| {
        CliError::new(Failure::Config, format!("{}: expected a PEM certificate, found none", path.display()))
    })?;
    Ok(sha256(&certificate))
}

/// Writes `bridges/<name>.json` beside the configuration.
pub(crate) fn write_agreement(config: &Config, agreement: &Agreement) -> Result<PathBuf, CliError> {
    let folder = config.source.folder.join("bridges");
    fs::create_dir_all(&folder).map_err(|error| CliError::local(folder.display(), error))?;
    let path = folder.join(format!("{}.json", agreement.name));
    edit::replace(&path, &agreement.to_json())?;
    Ok(path)
}

/// Tells the configuration where the vaults are, and of the bridge.
pub(crate) fn tell_configuration(
    config: &Config,
    agreement: &Agreement,
    side: &str,
    peer: Option<&str>,
) -> Result<(), CliError> {
    let file = &config.source.file;
    let mut text = fs::read_to_string(file).map_err(|error| CliError::local(file.display(), error))?;
    for (name, section) in &config.chains {
        let Some(end) = agreement.end(crate::config::validate::chain_id(section)) else { continue };
        let vault = agreement.ends[end].vault.address;
        text = edit::set_vault(&text, name, vault).ok_or_else(|| {
            let message = format!("{}: no line `vault = …` in [chains.{name}]", file.display());
            CliError::new(Failure::Config, message).advise(format!("write `vault = \"{vault:#x}\"` there"))
        })?;
    }
    let path = format!("bridges/{}.json", agreement.name);
    let section =
        BridgeSection { name: &agreement.name, agreement: &path, fingerprint: agreement.fingerprint(), side, peer };
    edit::replace(file, &edit::set_bridge(&text, &section))
}
