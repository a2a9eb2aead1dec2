//! The operator's commands as an operator runs them: the real binary, real chains, real files.
#![cfg(feature = "demo")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use causeway_devchain::{Chain, Handle};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use tokio::process::Command;

/// Runs `causeway` and gives exit code, standard output, standard error.
async fn causeway(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_causeway")).args(arguments).kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(120), output).await.expect("in time").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Runs `causeway … --output json`: exactly one JSON object on standard output.
async fn json(arguments: &[&str]) -> (i32, Value) {
    let (code, out, err) = causeway(&[arguments, &["--output", "json"]].concat()).await;
    let value: Value =
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{out}\n{err}"));
    assert!(value.is_object(), "{arguments:?}: {value}");
    (code, value)
}

/// Blocks faster than a second have a clock that runs by blocks and starts a day ago: good where no clock is judged.
const FAST: Duration = Duration::from_millis(200);
/// Blocks by the machine's clock.
const REAL: Duration = Duration::from_secs(1);

async fn chain(id: u64, block_time: Duration) -> Handle {
    let seed = format!("commands {id}");
    let chain = Chain::builder().chain_id(id).seed(seed).block_time(block_time).spawn().await.unwrap();
    chain.wait_for_block(1, Duration::from_secs(10)).await.unwrap();
    chain
}

struct Pair {
    alpha: Handle,
    _beta: Handle,
    dir: TempDir,
}

impl Pair {
    /// Two chains, and what `init` writes for them.
    async fn new(block_time: Duration) -> Self {
        let (alpha, beta) = tokio::join!(chain(2001, block_time), chain(2002, block_time));
        let dir = TempDir::new().unwrap();
        let pair = dir.path().join("pair");
        let nodes = [format!("alpha={}", alpha.rpc_url()), format!("beta={}", beta.rpc_url())];
        let (code, written) = json(&["init", pair.to_str().unwrap(), "--node", &nodes[0], "--node", &nodes[1]]).await;
        assert_eq!(code, 0, "{written}");
        Self { alpha, _beta: beta, dir }
    }

    fn config(&self, organisation: &str) -> PathBuf {
        self.dir.path().join("pair").join(organisation).join("causeway.toml")
    }

    async fn run(&self, organisation: &str, arguments: &[&str]) -> (i32, Value) {
        json(&[&["--config", self.config(organisation).to_str().unwrap()], arguments].concat()).await
    }

    async fn deploy(&self) {
        let globex = self.config("globex");
        let with = globex.to_str().unwrap();
        let (code, deployed) = self.run("acme", &["deploy", "--delay", "0s", "--with", with]).await;
        assert_eq!(code, 0, "{deployed}");
        assert_eq!(deployed["open"][0]["state"], "done", "{deployed}");
        assert_eq!(deployed["open"][1]["state"], "done", "{deployed}");
    }
}

/// The lines of a `check` that are not ok, by what they are about.
fn complaints(checked: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let lines = checked["checks"].as_array().unwrap().iter().filter(|line| line["grade"] != "ok");
    lines.map(|line| (text(&line["what"]), text(&line["grade"]))).collect()
}

fn edit(path: &Path, from: &str, to: &str) -> String {
    let before = fs::read_to_string(path).unwrap();
    assert!(before.contains(from), "{} holds no {from:?}", path.display());
    fs::write(path, before.replacen(from, to, 1)).unwrap();
    before
}

#[tokio::test(flavor = "multi_thread")]
async fn init_deploy_join_check_register_transfer() {
    let pair = Pair::new(REAL).await;
    let (code, error) = pair.run("acme", &["check"]).await;
    assert_eq!((code, &error["error"]["kind"]), (3, &Value::from("config")), "no vault yet: {error}");
    pair.deploy().await;

    // Nobody runs yet: that is worth a warning, like having one node only; nothing fails.
    let (code, checked) = pair.run("acme", &["check"]).await;
    assert_eq!(code, 0, "{checked:#}");
    let warned: Vec<String> = complaints(&checked).into_iter().map(|(what, _)| what).collect();
    assert_eq!(
        warned,
        ["chains.alpha.endpoints.alpha-1", "chains.beta.endpoints.beta-1", "peers.globex"],
        "{checked:#}"
    );
    assert_eq!(pair.run("acme", &["check", "--strict"]).await.0, 1);

    // Both organisations see the same agreement, and the same fingerprint.
    let fingerprint = pair.run("acme", &["bridge", "export"]).await.1["fingerprint"].clone();
    assert!(fingerprint.is_string());
    assert_eq!(pair.run("globex", &["bridge", "export"]).await.1["fingerprint"], fingerprint);
    let (_, shown) = pair.run("globex", &["bridge", "show"]).await;
    let roles: Vec<&Value> =
        shown["bridges"][0]["lanes"].as_array().unwrap().iter().map(|lane| &lane["role"]).collect();
    assert_eq!(roles, ["destination", "source"]);

    // An asset needs both organisations, and gives a new agreement on both sides.
    let token = test_token(&pair.alpha).await;
    let register = ["assets", "register", "--home", "alpha", "--token", &token, "--kind", "erc20", "--symbol", "TST"];
    let (code, first) = pair.run("acme", &register).await;
    assert_eq!((code, &first["steps"][0][1]["state"]), (0, &Value::from("waiting")), "{first}");
    let (_, second) = pair.run("globex", &register).await;
    assert_eq!(second["steps"][0][1]["state"], "done", "{second}");
    assert_eq!(second["steps"][1][1]["state"], "waiting", "{second}");
    let (_, third) = pair.run("acme", &register).await;
    let (_, fourth) = pair.run("globex", &register).await;
    assert!(third["fingerprint"].is_string(), "{third}");
    assert_eq!(third["fingerprint"], fourth["fingerprint"], "{third} {fourth}");
    assert_ne!(third["fingerprint"], fingerprint);

    // Caps are set the same way.
    let cap = ["assets", "cap", "TST", "1000", "1h"];
    pair.run("acme", &cap).await;
    let (_, capped) = pair.run("globex", &cap).await;
    assert_eq!(capped["steps"][1][1]["state"], "done", "{capped}");
    pair.run("acme", &cap).await;

    // The account of the configuration holds the token and sends some: within the cap, and not above it.
    let recipient = "0x00000000000000000000000000000000000000aa";
    let send = |amount| ["transfer", "--from", "alpha", "--asset", "TST", "--to", recipient, "--amount", amount];
    fund(&pair, &token).await;
    let (code, sent) = pair.run("acme", &send("600")).await;
    assert_eq!((code, &sent["index"]), (0, &Value::from(0)), "{sent}");
    let (code, refused) = pair.run("acme", &send("401")).await;
    assert_eq!(code, 5, "{refused}");
    assert!(refused["error"]["message"].as_str().unwrap().contains("CapReached"), "{refused}");
    let (code, listed) = pair.run("acme", &["assets", "list"]).await;
    assert_eq!((code, &listed["assets"][0]["escrow"]), (0, &Value::from("0x258")), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_names_what_is_wrong() {
    let pair = Pair::new(FAST).await;
    pair.deploy().await;
    let file = pair.config("acme");
    let home = file.parent().unwrap();

    // A node of another chain.
    let beta = fs::read_to_string(&file).unwrap().split("label = \"beta-1\", url = \"").nth(1).unwrap().to_owned();
    let beta = beta.split('"').next().unwrap().to_owned();
    let before = edit(&file, &pair.alpha.rpc_url(), &beta);
    let (code, checked) = pair.run("acme", &["check"]).await;
    assert_eq!(code, 1);
    assert!(complaints(&checked).contains(&("chains.alpha.endpoints.alpha-1".into(), "fail".into())), "{checked:#}");
    fs::write(&file, before).unwrap();

    // ATK-007: a key that others may read.
    let key = home.join("keys/alpha.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, error) = pair.run("acme", &["check"]).await;
    assert_eq!(code, 3);
    assert_eq!(error["error"]["details"]["problems"][0]["key"], "chains.alpha.signer.key_file");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();

    // A certificate that does not fit its key.
    let certificate = home.join("tls/relayer.crt");
    let own = fs::read(&certificate).unwrap();
    fs::copy(pair.config("globex").parent().unwrap().join("tls/relayer.crt"), &certificate).unwrap();
    let (code, checked) = pair.run("acme", &["check"]).await;
    assert_eq!(code, 1);
    assert!(complaints(&checked).contains(&("listener.certificate".into(), "fail".into())), "{checked:#}");
    fs::write(&certificate, own).unwrap();

    // ATK-009: contracts other than those agreed on. Both files say so alike, so only the chain can tell.
    let agreement = home.join("bridges/alpha-beta.json");
    let mut parsed: Value = serde_json::from_str(&fs::read_to_string(&agreement).unwrap()).unwrap();
    parsed["ends"][0]["vault"]["code_hash"] = Value::from(format!("0x{}", "11".repeat(32)));
    fs::write(&agreement, parsed.to_string()).unwrap();
    let (code, error) = pair.run("acme", &["check"]).await;
    assert_eq!(code, 3, "another fingerprint than the configuration's: {error}");
    let found = error["error"]["details"]["problems"][0]["found"].as_str().unwrap().to_owned();
    let before = fs::read_to_string(&file).unwrap();
    let old = before.lines().rev().find(|line| line.starts_with("fingerprint")).unwrap().to_owned();
    edit(&file, &old, &format!("fingerprint = \"{found}\""));
    let (code, checked) = pair.run("acme", &["check"]).await;
    assert_eq!(code, 1);
    let contracts = ("bridges.alpha-beta.eip155:2001.contracts".into(), "fail".into());
    assert!(complaints(&checked).contains(&contracts), "{checked:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn join_refuses_what_differs() {
    let pair = Pair::new(FAST).await;
    let globex = pair.config("globex");
    let fresh = fs::read_to_string(&globex).unwrap();
    pair.deploy().await;
    let exported = pair.dir.path().join("exported.json");
    let (code, _) = pair.run("acme", &["bridge", "export", "--file", exported.to_str().unwrap()]).await;
    assert_eq!(code, 0);
    let join = ["bridge", "join", exported.to_str().unwrap()];

    fs::write(&globex, &fresh).unwrap();
    let (code, joined) = pair.run("globex", &join).await;
    assert_eq!((code, &joined["side"]), (0, &Value::from("beta")), "{joined}");

    // Another fingerprint than the one read aloud.
    let (code, refused) = pair.run("globex", &[&join[..], &["--fingerprint", "0000-0000-0000-0000"]].concat()).await;
    assert_eq!((code, &refused["error"]["kind"]), (5, &Value::from("refused")));

    // Another CA behind the name, and another client parameter: each is refused before anything is written.
    let other_ca = Value::from(format!("0x{}", "22".repeat(32)));
    for (key, value) in [("/organisations/0/ca_sha256", other_ca), ("/ends/1/clock_drift", Value::from(999))] {
        fs::write(&globex, &fresh).unwrap();
        let honest = fs::read_to_string(&exported).unwrap();
        let mut changed: Value = serde_json::from_str(&honest).unwrap();
        *changed.pointer_mut(key).unwrap() = value;
        fs::write(&exported, changed.to_string()).unwrap();
        let (code, refused) = pair.run("globex", &join).await;
        assert_eq!(code, 5, "{key}: {refused}");
        assert_eq!(fs::read_to_string(&globex).unwrap(), fresh, "{key}");
        fs::write(&exported, honest).unwrap();
    }
}

#[tokio::test]
async fn without_a_relayer_the_admin_commands_say_so() {
    let pair = Pair::new(FAST).await;
    for arguments in [&["status"][..], &["lanes"], &["dead-letters"], &["client"], &["entries", "0xab"]] {
        let (code, error) = pair.run("acme", arguments).await;
        assert_eq!((code, &error["error"]["kind"]), (4, &Value::from("unreachable")), "{arguments:?}");
    }
}

/// Gives every listener of acme's configuration a free port.
fn free_ports(file: &Path) {
    let port = || std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().to_string();
    for fixed in ["127.0.0.1:7401", "127.0.0.1:9464"] {
        edit(file, fixed, &port());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_relayer_answers_and_obeys() {
    let pair = Pair::new(FAST).await;
    pair.deploy().await;
    let token = test_token(&pair.alpha).await;
    let register = ["assets", "register", "--home", "alpha", "--token", &token, "--kind", "erc20", "--symbol", "TST"];
    for organisation in ["acme", "globex", "acme", "globex"] {
        pair.run(organisation, &register).await;
    }
    fund(&pair, &token).await;
    let to = "0x00000000000000000000000000000000000000aa";
    let send = ["transfer", "--from", "alpha", "--asset", "TST", "--to", to, "--amount", "5", "--timeout", "2days"];
    let (code, sent) = pair.run("acme", &send).await;
    assert_eq!(code, 0, "{sent}");
    let lane = sent["lane"].as_str().unwrap().to_owned();

    let file = pair.config("acme");
    free_ports(&file);
    let mut relayer = Command::new(env!("CARGO_BIN_EXE_causeway"))
        .args(["--config", file.to_str().unwrap(), "run", "--attached"])
        .stdin(std::process::Stdio::piped())
        .stderr(fs::File::create(pair.dir.path().join("acme.log")).unwrap())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let input = relayer.stdin.take();
    let seen = async {
        loop {
            let (code, lanes) = pair.run("acme", &["lanes"]).await;
            let found = lanes["lanes"].as_array().and_then(|all| all.iter().find(|l| l["size"] == 1));
            if let (0, Some(found)) = (code, found) {
                return found.clone();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(30), seen).await.expect("the relayer sees the lock");
    assert_eq!(
        (found["name"].as_str().unwrap(), found["state"].as_str().unwrap()),
        (&*format!("lanes/{lane}"), "running")
    );

    // The start of an id is enough, and names are as people say them.
    let short = &lane[..10];
    let (code, status) = pair.run("acme", &["status"]).await;
    assert_eq!((code, &status["organisation"]), (0, &Value::from("acme")), "{status}");
    let (_, entries) = pair.run("acme", &["entries", short, "--pending"]).await;
    assert_eq!(entries["entries"][0]["body"]["transfer"]["amount"], "5", "{entries}");
    let (code, trace) = pair.run("acme", &["entries", "trace", "eip155:2001>eip155:2002", "0"]).await;
    assert_eq!((code, &trace["entry"]["index"]), (0, &Value::from(0)), "{trace}");
    let (_, clients) = pair.run("acme", &["client", short]).await;
    assert_eq!(clients["clients"][0]["contract"]["state"], "active", "{clients}");
    let (_, letters) = pair.run("acme", &["dead-letters"]).await;
    assert_eq!(letters["dead_letters"], Value::Array(vec![]));
    for (order, state) in [("pause", "paused"), ("resume", "running")] {
        let (code, lanes) = pair.run("acme", &["lanes", order, short, "--comment", "a test"]).await;
        assert_eq!(code, 0, "{lanes}");
        if state == "paused" {
            assert_eq!(lanes["lanes"][0]["state"], state, "{lanes}");
        }
    }
    assert_eq!(pair.run("acme", &["reload", "--dry-run"]).await.0, 0);

    // What does not exist is refused by its name, and is no success.
    assert_eq!(pair.run("acme", &["entries", "trace", short, "7"]).await.0, 5);
    assert_eq!(pair.run("acme", &["entries", "0xffffffff"]).await.0, 2);
    assert_eq!(pair.run("acme", &["dead-letters", "retry", "1"]).await.0, 5);

    // A second relayer on the same folder does not start; the first one stops when asked.
    let (code, _, _) = causeway(&["--config", file.to_str().unwrap(), "run"]).await;
    assert_ne!(code, 0);
    drop(input);
    let status = tokio::time::timeout(Duration::from_secs(15), relayer.wait()).await.expect("in time").unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn answers_are_one_json_object_and_usage_errors_exit_with_2() {
    for arguments in [&["config", "schema"][..], &["config", "reference"], &["completions", "bash"]] {
        assert_eq!(json(arguments).await.0, 0);
    }
    assert_eq!(causeway(&["no-such-command"]).await.0, 2);
    let (code, out, _) = causeway(&["--help"]).await;
    assert_eq!(code, 0);
    assert!(out.contains("First steps") && out.contains("Exit codes"), "{out}");
    assert_eq!(json(&["--config", "/nonexistent.toml", "check"]).await.0, 3);
}

/// Deploys a test token on the chain from a funded account; gives its address.
async fn test_token(chain: &Handle) -> String {
    use alloy::{primitives::U256, sol_types::SolValue};
    let artefact: Value =
        serde_json::from_str(include_str!("../../deploy/contracts/evm/artifacts/TestERC20.json")).unwrap();
    let mut code = hex::decode(artefact["bytecode"].as_str().unwrap().trim_start_matches("0x")).unwrap();
    code.extend(("Test".to_owned(), "TST".to_owned(), U256::from(18)).abi_encode_params());
    let receipt = send(chain, None, code).await;
    format!("{:#x}", receipt.contract_address.unwrap())
}

/// Mints to the account with which acme signs on alpha.
async fn fund(pair: &Pair, token: &str) {
    use alloy::{primitives::U256, signers::local::PrivateKeySigner, sol, sol_types::SolCall};
    sol! { function mint(address to, uint256 amount) external; }
    let key = fs::read_to_string(pair.config("acme").parent().unwrap().join("keys/alpha.key")).unwrap();
    let to = key.trim().parse::<PrivateKeySigner>().unwrap().address();
    let call = mintCall { to, amount: U256::from(10_000) }.abi_encode();
    send(&pair.alpha, Some(token.parse().unwrap()), call).await;
}

async fn send(
    chain: &Handle,
    to: Option<alloy::primitives::Address>,
    input: Vec<u8>,
) -> alloy::rpc::types::TransactionReceipt {
    use alloy::{
        network::{EthereumWallet, TransactionBuilder},
        providers::{Provider, ProviderBuilder},
        rpc::types::TransactionRequest,
        signers::local::PrivateKeySigner,
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let account = chain.account(0);
    let signer = PrivateKeySigner::from_bytes(&account.secret()).unwrap();
    let provider = ProviderBuilder::new()
        .disable_recommended_fillers()
        .wallet(EthereumWallet::from(signer))
        .connect_http(chain.rpc_url().parse().unwrap());
    let nonce = provider.get_transaction_count(account.address).await.unwrap();
    let request = TransactionRequest::default()
        .with_from(account.address)
        .with_nonce(nonce)
        .with_gas_price(0)
        .with_gas_limit(3_000_000)
        .with_chain_id(chain.chain_id())
        .with_input(input);
    let request = match to {
        Some(to) => request.with_to(to),
        None => request.into_create(),
    };
    provider.send_transaction(request).await.unwrap().get_receipt().await.unwrap()
}
