//! What types alone cannot say about a configuration. Each rule is one small function that adds its problems to a
//! list; [`Config::resolve_and_check`] is the list of rules.

use super::{
    Agreement, BridgeConfig, ChainConfig, Config, MAX_BATCH, Problem, Side,
    secret::{check_secret, inside, read_secret},
};
use crate::chains::evm::config::{EvmChain, SecretUrl};
use crate::lane::settings::Settings;
use crate::peers::config::{ListenSettings, PeerSettings};
use alloy::primitives::Address;
use std::path::{Path, PathBuf};

/// How far a bridge is when its configuration is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its contracts may be missing: `deploy` and `bridge join` are about to say where they are.
    BeforeDeployment,
    /// Everything must stand.
    Deployed,
}

/// Longest name of an organisation, chain or bridge: they become labels of metrics and parts of file names.
const MAX_NAME: usize = 32;
/// Chains of one relayer (INV-7).
const MAX_CHAINS: usize = 64;
/// Bridges of one relayer: two lanes each.
const MAX_BRIDGES: usize = 512;
/// Longest DNS name (RFC 1035).
const MAX_DNS_NAME: usize = 253;
/// Longest path of a Unix socket on Linux (`sun_path` less its end).
const MAX_SOCKET_PATH: usize = 107;

impl Config {
    /// Makes every path absolute and gives everything that is wrong.
    pub(super) fn resolve_and_check(&mut self, stage: Stage) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.check_names(&mut problems);
        self.resolve_paths(&mut problems);
        self.check_chains(stage, &mut problems);
        self.check_lanes(&mut problems);
        self.check_peers(&mut problems);
        self.check_api(&mut problems);
        if stage == Stage::Deployed {
            self.check_bridges(&mut problems);
        }
        self.check_telemetry(&mut problems);
        problems
    }

    fn check_names(&self, problems: &mut Vec<Problem>) {
        check_name("organisation", &self.organisation, problems);
        for (section, names, max) in [
            ("chains", self.chains.keys().collect::<Vec<_>>(), MAX_CHAINS),
            ("bridges", self.bridges.keys().collect(), MAX_BRIDGES),
            ("peers", self.peers.iter().map(|peer| &peer.organisation).collect(), MAX_BRIDGES),
        ] {
            if names.len() > max {
                let found = names.len().to_string();
                problems.push(Problem::new(section, format!("at most {max}"), found, "use more than one relayer"));
            }
            names.iter().for_each(|name| check_name(section, name, problems));
        }
        if self.chains.contains_key("both") {
            let action = "`both` means both ends of a bridge: name the chain otherwise";
            problems.push(Problem::new("chains.both", "another name", "`both`", action));
        }
    }

    /// Makes the paths of the file absolute. Every file that a configuration can name is listed here and nowhere else.
    fn resolve_paths(&mut self, problems: &mut Vec<Problem>) {
        let folder = self.source.folder.clone();
        // The one path that may lie elsewhere (`/var/lib/causeway`): the relayer makes it, and owns all in it.
        self.data_dir = folder.join(&self.data_dir);
        let data_dir = self.data_dir.clone();
        let mut resolve = |folder: &Path, key: String, path: &mut PathBuf, secret: bool| {
            match inside(folder, &key, path) {
                Ok(absolute) => *path = absolute,
                Err(problem) => return problems.push(problem),
            }
            if secret && let Err(problem) = check_secret(&key, path) {
                problems.push(problem);
            }
        };
        resolve(&data_dir, "admin.socket".into(), &mut self.admin.socket, false);
        if let Some(listener) = &mut self.listener {
            resolve(&folder, "listener.certificate".into(), &mut listener.certificate, false);
            resolve(&folder, "listener.key".into(), &mut listener.key, true);
        }
        if let Some(ca) = &mut self.ca {
            resolve(&folder, "ca".into(), ca, false);
        }
        for peer in &mut self.peers {
            let key = format!("peers.{}", peer.organisation);
            resolve(&folder, format!("{key}.ca"), &mut peer.ca, false);
            if let Some(revocations) = &mut peer.revocations {
                resolve(&folder, format!("{key}.revocations"), revocations, false);
            }
        }
        if let Some(api) = &mut self.api {
            if !api.plaintext_for_development {
                resolve(&folder, "api.certificate".into(), &mut api.certificate, false);
                resolve(&folder, "api.key".into(), &mut api.key, true);
            }
            if let Some(tokens) = &mut api.tokens {
                resolve(&folder, "api.tokens".into(), tokens, true);
            }
            for caller in &mut api.callers {
                let key = format!("api.callers.{}", caller.organisation);
                resolve(&folder, format!("{key}.ca"), &mut caller.ca, false);
                if let Some(revocations) = &mut caller.revocations {
                    resolve(&folder, format!("{key}.revocations"), revocations, false);
                }
            }
        }
        for (name, bridge) in &mut self.bridges {
            resolve(&folder, format!("bridges.{name}.agreement"), &mut bridge.agreement, false);
        }
        let mut urls = Vec::new();
        for (name, chain) in &mut self.chains {
            match chain {
                ChainConfig::BftEvm(chain) => {
                    for endpoint in &mut chain.endpoints {
                        let key = format!("chains.{name}.endpoints.{}", endpoint.label);
                        urls.push((format!("{key}.url"), &mut endpoint.url));
                        urls.extend(endpoint.ws.as_mut().map(|ws| (format!("{key}.ws"), ws)));
                    }
                    if let Some(signer) = &mut chain.signer {
                        resolve(&folder, format!("chains.{name}.signer.key_file"), &mut signer.key_file, true);
                    }
                }
            }
        }
        for (key, url) in urls {
            if let Err(problem) = resolve_url(&folder, &key, url) {
                problems.push(problem);
            }
        }
        let length = self.admin.socket.as_os_str().len();
        if length > MAX_SOCKET_PATH {
            let expected = format!("a path of at most {MAX_SOCKET_PATH} bytes (a limit of Unix sockets)");
            problems.push(Problem::new("admin.socket", expected, format!("{length} bytes"), "use a shorter data_dir"));
        }
    }

    fn check_chains(&self, stage: Stage, problems: &mut Vec<Problem>) {
        if self.chains.is_empty() {
            let action = "add `[chains.<name>]`; `causeway init` writes an example";
            problems.push(Problem::new("chains", "at least one chain", "none", action));
        }
        for (name, chain) in &self.chains {
            let key = format!("chains.{name}");
            match chain {
                ChainConfig::BftEvm(chain) => {
                    if chain.pinned.hash.is_zero() || chain.genesis.is_zero() {
                        let action = "take the hash from two sources that you trust; a node's word is not enough";
                        let expected = "the hash of the header that trust starts from, and of block 0";
                        problems.push(Problem::new(format!("{key}.pinned"), expected, "zeros", action));
                    } else if stage == Stage::Deployed && chain.vault.is_zero() {
                        let action = "run `causeway deploy`, or `causeway bridge join FILE` with the other side's file";
                        problems.push(Problem::new(format!("{key}.vault"), "the vault's address", "zero", action));
                    } else if let Err(error) = with_some_vault(chain).validate() {
                        let action = "see `causeway config reference`";
                        problems.push(Problem::new(&key, "a usable chain section", error.detail.to_string(), action));
                    }
                }
            }
            let twin =
                self.chains.iter().find(|(other, section)| *other < name && chain_id(section) == chain_id(chain));
            if let Some((other, _)) = twin {
                let found = format!("{} here and in chains.{other}", chain_id(chain));
                let action = "give each chain one section; put further nodes into its `endpoints`";
                problems.push(Problem::new(format!("{key}.id"), "each chain once", found, action));
            }
        }
    }

    fn check_lanes(&self, problems: &mut Vec<Problem>) {
        check_settings("lanes", &self.lanes, problems);
        for (name, bridge) in &self.bridges {
            if let Some(settings) = &bridge.lanes {
                check_settings(&format!("bridges.{name}.lanes"), settings, problems);
            }
        }
    }

    fn check_peers(&self, problems: &mut Vec<Problem>) {
        for (at, peer) in self.peers.iter().enumerate() {
            let name = &peer.organisation;
            check_peer(&format!("peers.{name}"), peer, problems);
            if self.peers.iter().take(at).any(|other| other.organisation == *name) {
                let action = "give each organisation one section";
                problems.push(Problem::new(format!("peers.{name}"), "each organisation once", "two sections", action));
            }
            if *name == self.organisation {
                let action = "name the other organisation";
                problems.push(Problem::new(format!("peers.{name}"), "another organisation", "this one", action));
            }
        }
        if let Some(Err(error)) = self.listener.as_ref().map(ListenSettings::check) {
            let action = "see `causeway config reference`";
            problems.push(Problem::new("listener", "a usable listener", error.detail.to_string(), action));
        }
        if let Some(listener) = &self.listener
            && listener.listen.port() == self.metrics.listen.port()
            && self.metrics.listen.port() != 0
            && listener.listen.ip() == self.metrics.listen.ip()
        {
            let found = listener.listen.to_string();
            problems.push(Problem::new(
                "metrics.listen",
                "a port of its own",
                found,
                "give each listener its own port",
            ));
        }
    }

    fn check_api(&self, problems: &mut Vec<Problem>) {
        let Some(api) = &self.api else { return };
        if let Err(error) = api.check() {
            let action = "see `causeway config reference`";
            problems.push(Problem::new("api", "a usable listener", error.detail.to_string(), action));
        }
        if api.callers.is_empty() && api.tokens.is_none() {
            let action = "add `callers` or `tokens`, or leave `[api]` out";
            problems.push(Problem::new("api", "somebody who may call", "nobody", action));
        }
        for (at, caller) in api.callers.iter().enumerate() {
            check_name("api.callers", &caller.organisation, problems);
            if api.callers.iter().take(at).any(|other| other.organisation == caller.organisation) {
                let key = format!("api.callers.{}", caller.organisation);
                problems.push(Problem::new(key, "each organisation once", "two sections", "give each one section"));
            }
        }
        let others = [Some(("metrics", self.metrics.listen)), self.listener.as_ref().map(|l| ("listener", l.listen))];
        for (name, other) in others.into_iter().flatten() {
            if other == api.listen && other.port() != 0 {
                let action = "give each listener its own port";
                problems.push(Problem::new("api.listen", "a port of its own", format!("that of `{name}`"), action));
            }
        }
    }

    fn check_bridges(&self, problems: &mut Vec<Problem>) {
        for (name, bridge) in &self.bridges {
            self.check_bridge(&format!("bridges.{name}"), bridge, problems);
        }
    }

    fn check_bridge(&self, key: &str, bridge: &BridgeConfig, problems: &mut Vec<Problem>) {
        match (&bridge.side, &bridge.peer) {
            (Side::Chain(side), peer) => {
                if !self.chains.contains_key(side) {
                    let names = self.chains.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                    let found = format!("`{side}`");
                    let expected = format!("`both` or the name of a chain ({names})");
                    problems.push(Problem::new(format!("{key}.side"), expected, found, "correct the name"));
                }
                match peer {
                    Some(peer) if self.peer(peer).is_none() => {
                        let found = format!("`{peer}`");
                        let action = format!("add `[[peers]]` with `organisation = \"{peer}\"`");
                        problems.push(Problem::new(format!("{key}.peer"), "a section of `peers`", found, action));
                    }
                    Some(_) if self.listener.is_none() => {
                        let action = "add `[listener]` with this relayer's certificate and key";
                        problems.push(Problem::new("listener", "an address for the peer to reach", "none", action));
                    }
                    Some(_) => {}
                    None => {
                        let action = "name the other organisation, or say `side = \"both\"`";
                        problems.push(Problem::new(format!("{key}.peer"), "a section of `peers`", "none", action));
                    }
                }
            }
            (Side::Both, Some(_)) => {
                let action = "leave `peer` out, or name the chain that this organisation stands at";
                problems.push(Problem::new(format!("{key}.peer"), "none beside `side = \"both\"`", "a peer", action));
            }
            (Side::Both, None) => {}
        }
        match Agreement::read(&bridge.agreement) {
            Ok(agreement) => self.check_agreement(key, bridge, &agreement, problems),
            Err(error) => problems.extend(error.problems.into_iter().map(|problem| {
                let inner = if problem.key.is_empty() { String::new() } else { format!(" → {}", problem.key) };
                Problem { key: format!("{key}.agreement{inner}"), ..problem }
            })),
        }
    }

    /// The configuration and the agreement must tell the same story: each difference is one that would make the two
    /// organisations' relayers trust different things (ATK-068).
    fn check_agreement(&self, key: &str, bridge: &BridgeConfig, agreement: &Agreement, problems: &mut Vec<Problem>) {
        let fingerprint = agreement.fingerprint();
        if fingerprint != bridge.fingerprint {
            problems.push(Problem::new(
                format!("{key}.fingerprint"),
                bridge.fingerprint.to_string(),
                fingerprint.to_string(),
                "the agreement is not the one that was compared: read the fingerprints to each other again, and join anew",
            ));
        }
        for end in &agreement.ends {
            let Some((name, chain)) = self.chains.iter().find(|(_, chain)| chain_id(chain) == end.chain) else {
                let action = "add a `[chains.<name>]` section for it";
                problems.push(Problem::new("chains", format!("a chain with id {}", end.chain), "none", action));
                continue;
            };
            let ChainConfig::BftEvm(chain) = chain;
            let period = chain.trusting_period.as_secs();
            for (field, agreed, here) in [
                ("genesis", end.genesis.to_string(), chain.genesis.to_string()),
                ("mode", end.consensus.clone(), super::agreement::mode_name(chain.mode).to_owned()),
                ("vault", end.vault.address.to_string(), chain.vault.to_string()),
                ("pinned.height", end.pinned.height.to_string(), chain.pinned.height.to_string()),
                ("pinned.hash", end.pinned.hash.to_string(), chain.pinned.hash.to_string()),
                ("trusting_period", format!("{}s", end.trusting_period), format!("{period}s")),
                ("freeze_delay", format!("{}s", end.freeze_delay), format!("{}s", chain.freeze_delay.as_secs())),
                ("clock_drift", format!("{}s", end.clock_drift), format!("{}s", chain.clock_drift.as_secs())),
            ] {
                if agreed != here {
                    let expected = format!("{agreed} (agreement of the bridge)");
                    let action = "find out which of the two is right, together with the other organisation";
                    problems.push(Problem::new(format!("chains.{name}.{field}"), expected, here, action));
                }
            }
        }
        if let Side::Chain(side) = &bridge.side
            && let Some(chain) = self.chains.get(side)
            && agreement.end(chain_id(chain)).is_none()
        {
            let [a, b] = &agreement.ends;
            let expected = format!("a chain of this bridge ({} or {})", a.chain, b.chain);
            problems.push(Problem::new(format!("{key}.side"), expected, chain_id(chain), "correct the name"));
        }
        let known = |name: &str| agreement.organisations.iter().any(|organisation| organisation.name == name);
        for name in [Some(&self.organisation), bridge.peer.as_ref()].into_iter().flatten() {
            if !known(name) {
                let names: Vec<_> = agreement.organisations.iter().map(|o| o.name.as_str()).collect();
                let action = "export the agreement again with both organisations in it";
                problems.push(Problem::new(key, format!("one of {}", names.join(", ")), name, action));
            }
        }
    }

    fn check_telemetry(&self, problems: &mut Vec<Problem>) {
        let ratio = self.telemetry.sample_ratio;
        if !(0.0..=1.0).contains(&ratio) {
            let found = ratio.to_string();
            problems.push(Problem::new("telemetry.sample_ratio", "0 to 1", found, "1 traces every transfer"));
        }
    }
}

/// A chain's CAIP-2 id.
pub(crate) fn chain_id(chain: &ChainConfig) -> &str {
    match chain {
        ChainConfig::BftEvm(chain) => &chain.id,
    }
}

/// The section as it will be once its vault stands: the rest of it is judged before, too.
fn with_some_vault(chain: &EvmChain) -> EvmChain {
    let mut chain = chain.clone();
    if chain.vault.is_zero() {
        chain.vault = Address::with_last_byte(1);
    }
    chain
}

/// A path part of a node's address that is this long and plain looks like a key of a node's provider.
const KEY_LIKE: usize = 20;

/// Takes a node's address from the file that it names (`file:PATH`), or refuses one that carries a credential in the open.
fn resolve_url(folder: &Path, key: &str, url: &mut SecretUrl) -> Result<(), Problem> {
    if let Some(path) = url.expose().strip_prefix("file:") {
        let path = inside(folder, key, Path::new(path))?;
        let content = read_secret(key, &path)?;
        let address = String::from_utf8(content).unwrap_or_default();
        *url = SecretUrl::new(address.trim());
        return Ok(());
    }
    let rest = url.expose().split_once("://").map_or("", |(_, rest)| rest);
    let looks_secret =
        |part: &str| part.len() >= KEY_LIKE && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let path_parts = rest.split('/').skip(1);
    if rest.contains(['@', '?']) || path_parts.into_iter().any(looks_secret) {
        let action = "put the address into a file of mode 0600 and write `file:PATH` here";
        return Err(Problem::new(
            key,
            "an address without a password or key in it",
            "one that seems to have one",
            action,
        ));
    }
    Ok(())
}

/// Adds a problem unless `name` may name an organisation, a chain or a bridge.
pub(crate) fn check_name(section: &str, name: &str, problems: &mut Vec<Problem>) {
    let starts_well = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !starts_well || !plain || name.len() > MAX_NAME {
        let expected =
            format!("a name of at most {MAX_NAME} lower-case letters, digits and `-`, starting with a letter");
        let mut found: String = name.chars().take(MAX_NAME + 8).collect();
        found = format!("`{found}`");
        problems.push(Problem::new(
            section,
            expected,
            found,
            "choose a plain name: it appears in metrics and file names",
        ));
    }
}

fn check_settings(key: &str, settings: &Settings, problems: &mut Vec<Problem>) {
    let mut bound = |field: &str, ok: bool, expected: String, found: String, action: &str| {
        if !ok {
            problems.push(Problem::new(format!("{key}.{field}"), expected, found, action));
        }
    };
    let entries = settings.batch_max_entries;
    bound(
        "batch_max_entries",
        (1..=MAX_BATCH).contains(&entries),
        format!("1 to {MAX_BATCH} (a vault takes no more in one call)"),
        entries.to_string(),
        "50 to 128 costs the least gas per entry",
    );
    let attempts = settings.attempts_max;
    bound("attempts_max", attempts > 0, "at least 1".into(), attempts.to_string(), "5 is the default");
    let in_flight = settings.bundles_in_flight_max;
    bound(
        "bundles_in_flight_max",
        (1..=1024).contains(&in_flight),
        "1 to 1024".into(),
        in_flight.to_string(),
        "32 is the default",
    );
    let patience = settings.peer_patience;
    let found = format!("{patience:?}");
    bound("peer_patience", patience.as_secs() > 0, "at least 1s".into(), found, "30s is the default");
}

fn check_peer(key: &str, peer: &PeerSettings, problems: &mut Vec<Problem>) {
    if let Err(error) = peer.authority() {
        let expected = "https://host:port, or http on a loopback address with `plaintext_for_development = true`";
        let action = "use https: other organisations are never reached in the clear";
        problems.push(Problem::new(format!("{key}.address"), expected, error.detail.to_string(), action));
    }
    if peer.address.contains('@') {
        let action = "leave user and password out: the certificate says who this relayer is";
        let found = "one with a user in it";
        problems.push(Problem::new(format!("{key}.address"), "an address without credentials", found, action));
    }
    let name = &peer.certificate_name;
    if name.is_empty() || name.contains(['*', '/', ' ']) || name.len() > MAX_DNS_NAME {
        let found = format!("`{name}`");
        let action = "write the one DNS name of the peer's certificate (its subject alternative name)";
        problems.push(Problem::new(format!("{key}.certificate_name"), "one DNS name, no wildcard", found, action));
    }
}
