//! What the operators of two organisations do to get a bridge: `init`, `deploy`, `bridge export`, `join` and `open`, `assets
//! register`, `check`, each by the program itself, on files that they edit where the nodes are not the template's.

use causeway::demo::external::{ExternalChain, Token};
use serde_json::Value;
use std::{
    error::Error,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::process::Command;

/// The organisations, as `init` calls them.
pub(crate) const ORGANISATIONS: [&str; 2] = ["acme", "globex"];
/// The bridge, as `deploy` calls it.
pub(crate) const BRIDGE: &str = "alpha-beta";
/// A command that waits for a dozen blocks one after the other is still quicker than this.
const DEADLINE: Duration = Duration::from_secs(180);
/// Each organisation says the same again until it is done: propose, approve, for the voucher and for the home.
const ROUNDS: usize = 4;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A chain with all its nodes.
pub(crate) struct Nodes {
    /// As users reach it.
    pub(crate) chains: Vec<ExternalChain>,
    /// `mode` in the configuration.
    pub(crate) mode: &'static str,
}

/// The operators of both organisations.
pub(crate) struct Operators {
    program: PathBuf,
    pair: PathBuf,
}

impl Operators {
    /// `causeway init`, then the edits that any operator makes: ports, nodes, consensus.
    pub(crate) async fn init(program: &Path, dir: &Path, chains: [&Nodes; 2]) -> Result<(Self, [Vec<String>; 2])> {
        let operators = Self { program: program.to_owned(), pair: dir.join("pair") };
        let nodes: Vec<String> =
            chains.iter().map(|nodes| format!("{}={}", nodes.chains[0].name, nodes.chains[0].url)).collect();
        let pair = operators.pair.display().to_string();
        let init = ["init", &pair, "--node", &nodes[0], "--node", &nodes[1], "--consensus", chains[0].mode];
        let written = operators.causeway(&init).await?;
        let ports: Vec<String> = free_ports(4)?.iter().map(u16::to_string).collect();
        for who in 0..2 {
            let mut text = fs::read_to_string(operators.config(who))?;
            for (template, port) in ["7401", "9464", "7402", "9465"].iter().zip(&ports) {
                text = text.replace(&format!("127.0.0.1:{template}"), &format!("127.0.0.1:{port}"));
            }
            for nodes in chains {
                text = edit_nodes(&text, nodes)?;
            }
            fs::write(operators.config(who), text)?;
        }
        let signers = [0, 1].map(|who: usize| {
            let signers = written["organisations"][who]["signers"].as_array().cloned().unwrap_or_default();
            signers
                .iter()
                .filter_map(|signer| Some(format!("{}={}", signer[0].as_str()?, signer[1].as_str()?)))
                .collect()
        });
        Ok((operators, signers))
    }

    /// An organisation's configuration.
    pub(crate) fn config(&self, who: usize) -> PathBuf {
        self.pair.join(ORGANISATIONS[who]).join("causeway.toml")
    }

    /// The first organisation deploys, the other joins by the file and the fingerprint read to it, both open.
    pub(crate) async fn bridge(&self, dir: &Path, members: &[String]) -> Result<()> {
        let mut deploy = vec!["deploy", "--delay", "0s"];
        members.iter().for_each(|member| deploy.extend(["--member", member]));
        self.run(0, &deploy).await?;
        let file = dir.join("bridge.json").display().to_string();
        let exported = self.run(0, &["bridge", "export", "--file", &file]).await?;
        let fingerprint = exported["fingerprint"].as_str().ok_or("no fingerprint")?.to_owned();
        self.run(1, &["bridge", "join", &file, "--fingerprint", &fingerprint]).await?;
        // Who joined approves what the other proposed; who deployed then finds it open.
        for who in [1, 0] {
            let open = self.run(who, &["bridge", "open"]).await?;
            let ends = open["ends"].as_array().cloned().unwrap_or_default();
            if ends.len() != 2 || ends.iter().any(|end| end["state"] != "done") {
                return Err(format!("the bridge did not open: {open}").into());
            }
        }
        Ok(())
    }

    /// Both register every token, in turns, until both have the same agreement.
    pub(crate) async fn register(&self, tokens: &[Token]) -> Result<()> {
        for token in tokens {
            let address = token.address.to_string();
            let register = ["assets", "register", "--home", "alpha", "--token", &address];
            let register = [&register[..], &["--kind", token.kind, "--symbol", token.symbol]].concat();
            let mut last = Value::Null;
            for round in 0..ROUNDS {
                last = self.run(round % 2, &register).await?;
            }
            if !last["fingerprint"].is_string() {
                return Err(format!("{} is not registered: {last}", token.symbol).into());
            }
        }
        Ok(())
    }

    /// `causeway check` of an organisation finds nothing that fails; gives what it warns of.
    pub(crate) async fn check(&self, who: usize) -> Result<Vec<String>> {
        let checked = self.run(who, &["check"]).await?;
        let lines = checked["checks"].as_array().cloned().unwrap_or_default();
        Ok(lines.iter().filter(|line| line["grade"] != "ok").map(|line| line["what"].to_string()).collect())
    }

    async fn run(&self, who: usize, arguments: &[&str]) -> Result<Value> {
        let config = self.config(who).display().to_string();
        self.causeway(&[&["--config", &config], arguments].concat()).await
    }

    /// Runs the program; anything but success ends the test with its answer.
    async fn causeway(&self, arguments: &[&str]) -> Result<Value> {
        println!("  causeway {}", arguments.join(" "));
        let mut command = Command::new(&self.program);
        let output = command.args(arguments).args(["--output", "json"]).kill_on_drop(true).output();
        let output = tokio::time::timeout(DEADLINE, output).await.map_err(|_| "the command does not end")??;
        let answer = String::from_utf8(output.stdout)?;
        if output.status.success() {
            return Ok(serde_json::from_str(&answer)?);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("causeway {}: {}\n{answer}\n{said}", arguments.join(" "), output.status).into())
    }
}

/// Names all nodes of a chain, and its consensus.
fn edit_nodes(text: &str, nodes: &Nodes) -> Result<String> {
    let first = nodes.chains.first().ok_or("a chain without nodes")?;
    let line = format!("    {{ label = \"{}-1\", url = \"{}\" }},\n", first.name, first.url);
    let all: String = nodes
        .chains
        .iter()
        .enumerate()
        .map(|(at, node)| {
            let (name, number) = (node.name, at + 1);
            format!("    {{ label = \"{name}-{number}\", url = \"{}\", ws = \"{}\" }},\n", node.url, node.ws)
        })
        .collect();
    let (before, section) = text.split_once(&format!("[chains.{}]", first.name)).ok_or("no section of a chain")?;
    let (head, tail) = section.split_once("mode = \"").ok_or("no mode")?;
    let (_, tail) = tail.split_once('"').ok_or("no mode")?;
    if !tail.contains(&line) {
        return Err(format!("no line {line}").into());
    }
    let tail = tail.replacen(&line, &all, 1);
    Ok(format!("{before}[chains.{}]{head}mode = \"{}\"{tail}", first.name, nodes.mode))
}

fn free_ports(count: usize) -> Result<Vec<u16>> {
    let held = (0..count).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect::<std::result::Result<Vec<_>, _>>()?;
    held.iter().map(|port| Ok(port.local_addr()?.port())).collect()
}
