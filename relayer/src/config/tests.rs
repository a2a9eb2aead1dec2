//! What a configuration refuses, and that its documents are up to date.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{
    Agreement, Config, ConfigError, Source, Stage,
    agreement::{Asset, AssetKind, Contract, End, FORMAT, Organisation, Pinned},
    reference,
};
use crate::{
    chains::evm::config::Mode,
    cli::init::{ChainPlan, OrganisationPlan, PairPlan, write_pair},
};
use alloy::primitives::{Address, B256, U256};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

fn plan() -> PairPlan {
    let organisation = |name: &str, port: u16| OrganisationPlan {
        name: name.into(),
        listen: ([127, 0, 0, 1], port).into(),
        metrics: ([127, 0, 0, 1], port + 100).into(),
    };
    let chain = |name: &str, number: u8| ChainPlan {
        name: name.into(),
        id: format!("eip155:{}", 1000 + u64::from(number)),
        genesis: B256::repeat_byte(number),
        mode: Mode::Qbft,
        pinned_height: 7,
        pinned_hash: B256::repeat_byte(0x70 + number),
        block_time: Duration::from_secs(1),
        trusting_period: crate::cli::init::TRUSTING_PERIOD,
        url: "http://127.0.0.1:8545".into(),
        ws: None,
        origin: "compare both with a second source".into(),
    };
    PairPlan {
        organisations: [organisation("acme", 7401), organisation("globex", 7402)],
        chains: [chain("alpha", 1), chain("beta", 2)],
    }
}

fn agreement() -> Agreement {
    let contract = |n: u8| Contract { address: Address::repeat_byte(n), code_hash: B256::repeat_byte(n) };
    let end = |number: u8| End {
        chain: format!("eip155:{}", 1000 + u64::from(number)),
        genesis: B256::repeat_byte(number),
        consensus: "qbft".into(),
        pinned: Pinned { height: 7, hash: B256::repeat_byte(0x70 + number) },
        trusting_period: 14 * 24 * 3600,
        clock_drift: 15,
        vault: contract(0x10 + number),
        freeze_delay: 7 * 24 * 3600,
        outbox: contract(0x30 + number),
        client: contract(0x40 + number),
    };
    let asset = Asset {
        symbol: "DEMO".into(),
        kind: AssetKind::Erc20,
        home: "eip155:1001".into(),
        decimals: 18,
        token: Address::repeat_byte(5),
        voucher: Address::repeat_byte(6),
        cap: U256::from(1000),
        window: 3600,
    };
    let organisation = |name: &str| Organisation { name: name.into(), ca_sha256: B256::repeat_byte(9) };
    Agreement {
        format: FORMAT.into(),
        name: "alpha-beta".into(),
        epoch: 0,
        ends: [end(1), end(2)],
        assets: vec![asset],
        organisations: vec![organisation("acme"), organisation("globex")],
    }
}

/// A pair on disk, with vaults and a joined bridge: `run` would start on it.
struct Pair {
    dir: TempDir,
}

impl Pair {
    fn new() -> Self {
        let pair = Self { dir: TempDir::new().unwrap() };
        write_pair(pair.dir.path(), &plan()).unwrap();
        let home = pair.home();
        fs::create_dir(home.join("bridges")).unwrap();
        fs::write(home.join("bridges/alpha-beta.json"), agreement().to_json()).unwrap();
        let mut text = pair.text();
        for number in [1u8, 2] {
            let vault = format!("vault = \"{:#x}\"", Address::repeat_byte(0x10 + number));
            text = text.replacen("vault = \"0x0000000000000000000000000000000000000000\"", &vault, 1);
        }
        let fingerprint = agreement().fingerprint();
        pair.write(&format!(
            "{text}\n[bridges.alpha-beta]\nagreement = \"bridges/alpha-beta.json\"\nfingerprint = \"{fingerprint}\"\nside = \"alpha\"\npeer = \"globex\"\n"
        ));
        pair
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("acme")
    }

    fn file(&self) -> PathBuf {
        self.home().join("causeway.toml")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn write(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
    }

    /// Replaces `from`, which must be there, and loads.
    fn with(&self, from: &str, to: &str) -> Result<Config, ConfigError> {
        let text = self.text();
        assert!(text.contains(from), "the template holds no {from:?}");
        self.write(&text.replacen(from, to, 1));
        let loaded = Config::load(&self.file());
        self.write(&text);
        loaded
    }
}

/// The keys that were refused.
fn keys(loaded: Result<Config, ConfigError>) -> Vec<String> {
    loaded.expect_err("must be refused").problems.into_iter().map(|problem| problem.key).collect()
}

#[test]
fn what_init_writes_is_accepted_once_the_bridge_is_joined() {
    let pair = Pair::new();
    let config = Config::load(&pair.file()).unwrap();
    assert_eq!(config.organisation, "acme");
    assert!(config.listener.unwrap().key.is_absolute());
    assert_eq!(
        config.bridges["alpha-beta"].agreement,
        pair.home().canonicalize().unwrap().join("bridges/alpha-beta.json")
    );
}

#[test]
fn before_deployment_the_vault_may_be_missing_and_after_it_may_not() {
    let dir = TempDir::new().unwrap();
    write_pair(dir.path(), &plan()).unwrap();
    let file = dir.path().join("acme/causeway.toml");
    Config::load_at(&file, Stage::BeforeDeployment).unwrap();
    assert_eq!(keys(Config::load(&file)), ["chains.alpha.vault", "chains.beta.vault"]);
}

#[test]
fn unknown_and_mistyped_keys_are_named_with_their_line() {
    let pair = Pair::new();
    let error = pair.with("organisation = \"acme\"", "organization = \"acme\"").unwrap_err();
    assert_eq!(error.problems[0].key, "line 4");
    assert!(error.problems[0].found.contains("organization"), "{error}");
    let error = pair.with("clock_drift = \"15s\"", "clock_drift = \"15s\"\nclok_drift = \"15s\"").unwrap_err();
    assert!(error.problems[0].found.contains("clok_drift"), "{error}");
    let error = pair.with("batch_max_entries = 128", "batch_max_entries = \"many\"").unwrap_err();
    assert!(error.problems[0].key.starts_with("line "), "{error}");
}

#[test]
fn every_problem_says_what_to_do() {
    let pair = Pair::new();
    let error = pair.with("batch_max_entries = 128", "batch_max_entries = 1000").unwrap_err();
    assert_eq!(error.problems[0].key, "lanes.batch_max_entries");
    for problem in &error.problems {
        assert!(!problem.expected.is_empty() && !problem.found.is_empty() && !problem.action.is_empty());
    }
    let text = error.to_string();
    assert!(text.contains(&pair.file().display().to_string()) && text.contains("1000"), "{text}");
}

#[test]
fn atk_104_names_are_never_paths() {
    let pair = Pair::new();
    for name in ["../../x", "a/b", "", "Alpha", "x\u{202e}y", "a-very-long-name-that-nobody-would-choose-for-a-chain"] {
        let refused = pair.with("[chains.alpha]", &format!("[chains.{}]", toml::Value::from(name)));
        assert!(keys(refused).contains(&"chains".to_owned()), "{name:?}");
    }
    assert!(keys(pair.with("id = \"eip155:1001\"", "id = \"../../x\"")).contains(&"chains.alpha".to_owned()));
}

#[test]
fn atk_104_files_stay_in_the_configurations_folder() {
    let pair = Pair::new();
    for path in ["/etc/passwd", "../globex/tls/relayer.key", "tls/../../globex/tls/relayer.key", ""] {
        assert_eq!(
            keys(pair.with("key = \"tls/relayer.key\"", &format!("key = {path:?}"))),
            ["listener.key"],
            "{path:?}"
        );
    }
    let key = "chains.alpha.signer.key_file";
    assert_eq!(keys(pair.with("key_file = \"keys/alpha.key\"", "key_file = \"/keys/alpha.key\"")), [key]);
}

#[test]
fn atk_104_a_symlinked_key_is_refused() {
    let pair = Pair::new();
    symlink(pair.home().join("keys/alpha.key"), pair.home().join("keys/link.key")).unwrap();
    symlink(pair.home().join("keys"), pair.home().join("linked")).unwrap();
    for path in ["keys/link.key", "linked/alpha.key"] {
        let refused = pair.with("key_file = \"keys/alpha.key\"", &format!("key_file = {path:?}"));
        assert_eq!(keys(refused), ["chains.alpha.signer.key_file"], "{path}");
    }
}

#[test]
fn atk_007_a_secret_that_others_may_read_is_refused() {
    let pair = Pair::new();
    for (file, key) in [("tls/relayer.key", "listener.key"), ("keys/alpha.key", "chains.alpha.signer.key_file")] {
        for mode in [0o640, 0o604, 0o620, 0o610] {
            fs::set_permissions(pair.home().join(file), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(keys(Config::load(&pair.file())), [key], "mode {mode:o}");
        }
        fs::set_permissions(pair.home().join(file), fs::Permissions::from_mode(0o400)).unwrap();
        Config::load(&pair.file()).unwrap();
    }
}

#[test]
fn atk_068_no_pinned_header_no_start() {
    let pair = Pair::new();
    let hash = format!("{:#x}", B256::repeat_byte(0x71));
    let zeros = format!("{:#x}", B256::ZERO);
    assert!(keys(pair.with(&hash, &zeros)).contains(&"chains.alpha.pinned".to_owned()));
    let line = format!("pinned = {{ height = 7, hash = \"{hash}\" }}");
    let error = pair.with(&line, "").unwrap_err();
    assert!(error.problems[0].found.contains("pinned"), "{error}");
}

#[test]
fn atk_068_configuration_and_agreement_tell_one_story() {
    let pair = Pair::new();
    let hash = |n: u8| format!("{:#x}", B256::repeat_byte(n));
    for (from, to, key) in [
        (hash(0x71), hash(0x72), "chains.alpha.pinned.hash"),
        (hash(0x01), hash(0x03), "chains.alpha.genesis"),
        ("height = 7".into(), "height = 8".into(), "chains.alpha.pinned.height"),
        ("trusting_period = \"14days\"".into(), "trusting_period = \"15days\"".into(), "chains.alpha.trusting_period"),
        ("clock_drift = \"15s\"".into(), "clock_drift = \"5h\"".into(), "chains.alpha.clock_drift"),
        ("block_time = \"1s\"".into(), "freeze_delay = \"1day\"".into(), "chains.alpha.freeze_delay"),
        ("mode = \"qbft\"".into(), "mode = \"ibft1\"".into(), "chains.alpha.mode"),
        (
            "\nfingerprint = \"".into(),
            "\nfingerprint = \"0000-0000-0000-0000\"\n# \"".into(),
            "bridges.alpha-beta.fingerprint",
        ),
        ("side = \"alpha\"\npeer".into(), "side = \"gamma\"\npeer".into(), "bridges.alpha-beta.side"),
        ("\npeer = \"globex\"\n".into(), "\n".into(), "bridges.alpha-beta.peer"),
    ] {
        let refused = keys(pair.with(&from, &to));
        assert!(refused.contains(&key.to_owned()), "{from} → {to}: {refused:?}");
    }
}

#[test]
fn an_edited_agreement_is_another_agreement() {
    let honest = agreement();
    let mut edited = honest.clone();
    edited.assets[0].cap += U256::ONE;
    assert_ne!(honest.fingerprint(), edited.fingerprint());
    let respaced = honest.to_json().replace("  ", "\t");
    assert_eq!(Agreement::parse(respaced.as_bytes()).unwrap().fingerprint(), honest.fingerprint());
    let with_more = honest.to_json().replacen('{', "{\"note\": 1,", 1);
    assert!(Agreement::parse(with_more.as_bytes()).is_err());
}

#[test]
fn fingerprints_are_read_as_people_write_them() {
    let fingerprint = agreement().fingerprint();
    let text = fingerprint.to_string();
    assert_eq!(text.len(), 19);
    let spoken = text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
    assert_eq!(spoken.parse(), Ok(fingerprint));
    for wrong in ["", "7KQ2", &format!("{text}0"), "U000-0000-0000-0000"] {
        assert!(wrong.parse::<super::Fingerprint>().is_err(), "{wrong}");
    }
}

#[test]
fn both_lanes_of_a_bridge_name_the_same_four_contracts() {
    let agreement = agreement();
    let [there, back] = agreement.lanes(Some(0));
    assert_eq!(there.lane.reverse(), back.lane);
    assert_ne!(there.id(), back.id());
    assert_eq!((there.role, back.role), (super::Role::Source, super::Role::Destination));
}

#[test]
fn plaintext_is_for_loopback_and_only_on_request() {
    let pair = Pair::new();
    let https = "address = \"https://127.0.0.1:7402\"";
    for (address, accepted) in [
        ("\"http://127.0.0.1:7402\"", false),
        ("\"http://127.0.0.1:7402\"\nplaintext_for_development = true", true),
        ("\"http://10.0.0.1:7402\"\nplaintext_for_development = true", false),
        ("\"https://10.0.0.1\"", false),
        ("\"https://user@10.0.0.1:1\"", false),
        ("\"ftp://10.0.0.1:1\"", false),
    ] {
        let loaded = pair.with(https, &format!("address = {address}"));
        assert_eq!(loaded.is_ok(), accepted, "{address}");
    }
    assert!(pair.with("certificate_name = \"relayer", "certificate_name = \"*.relayer").is_err());
}

#[test]
fn an_oversized_or_binary_file_is_refused() {
    let pair = Pair::new();
    fs::write(pair.file(), vec![b'#'; super::MAX_CONFIG_BYTES as usize + 1]).unwrap();
    assert_eq!(keys(Config::load(&pair.file())), [""]);
    fs::write(pair.file(), [0xff, 0xfe]).unwrap();
    assert_eq!(keys(Config::load(&pair.file())), [""]);
    assert_eq!(keys(Config::load(Path::new("/nonexistent/causeway.toml"))), [""]);
}

#[test]
fn init_never_overwrites() {
    let pair = Pair::new();
    let before = pair.text();
    assert!(write_pair(pair.dir.path(), &plan()).is_err());
    assert_eq!(pair.text(), before);
}

#[test]
fn atk_103_no_refusal_shows_an_address_of_a_node() {
    let pair = Pair::new();
    let canary = "user:c4n4ry";
    for to in [format!("ftp://{canary}@h"), format!("http://{canary}@h\", labl = \"x"), format!("http://{canary}@h")] {
        let error = pair.with("url = \"http://127.0.0.1:8545", &format!("url = \"{to}")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("c4n4ry"), "{error}");
    }
    // In a wrong place, and with quotes that try to end the string early.
    for place in ["batch_max_entries = 128", "endpoints = ["] {
        let error = pair.with(place, &format!("{place} 'a\\\\\"b c4n4ry'").replace("= 128", "=")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("c4n4ry"), "{error}");
    }
}

#[test]
fn atk_103_an_address_with_a_key_stands_in_a_file() {
    let pair = Pair::new();
    let address = "url = \"http://127.0.0.1:8545\"";
    for refused in ["http://h/v3/0123456789abcdef0123456789abcdef", "http://h/?apikey=x", "http://user@h"] {
        let refused = keys(pair.with(address, &format!("url = \"{refused}\"")));
        assert_eq!(refused, ["chains.alpha.endpoints.alpha-1.url"]);
    }
    let file = pair.home().join("keys/alpha.url");
    super::secret::write_new(&file, 0o600, b"http://h/v3/0123456789abcdef0123456789abcdef\n").unwrap();
    pair.with(address, "url = \"file:keys/alpha.url\"").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = keys(pair.with(address, "url = \"file:keys/alpha.url\""));
    assert_eq!(refused.first().map(String::as_str), Some("chains.alpha.endpoints.alpha-1.url"));
}

/// Documents in the tree that are generated from the code. `CAUSEWAY_UPDATE_DOCS=1` writes them anew.
fn up_to_date(path: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(path);
    if std::env::var_os("CAUSEWAY_UPDATE_DOCS").is_some() {
        fs::write(&path, expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{} is out of date: run this test with CAUSEWAY_UPDATE_DOCS=1", path.display());
}

#[test]
fn the_reference_in_the_tree_is_up_to_date() {
    up_to_date("config.md", &reference::markdown());
    up_to_date("config.schema.json", &format!("{:#}\n", reference::schema()));
}

#[test]
fn the_example_in_the_tree_is_up_to_date_and_parses() {
    let pair = Pair::new();
    let example = pair.text();
    up_to_date("causeway.example.toml", &example);
    Config::parse_only(&example, Source::default()).unwrap();
}

#[test]
fn the_reference_names_every_key_of_the_schema() {
    fn names(node: &serde_json::Value, found: &mut Vec<String>) {
        match node {
            serde_json::Value::Object(map) => {
                if let Some(serde_json::Value::Object(properties)) = map.get("properties") {
                    found.extend(properties.iter().filter(|(_, v)| v.get("const").is_none()).map(|(k, _)| k.clone()));
                }
                map.values().for_each(|value| names(value, found));
            }
            serde_json::Value::Array(list) => list.iter().for_each(|value| names(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    names(&reference::schema(), &mut found);
    let page = reference::markdown();
    assert!(found.len() > 40, "{found:?}");
    for key in found {
        assert!(page.contains(&format!("| `{key}` |")), "{key} is not in the reference");
    }
}
