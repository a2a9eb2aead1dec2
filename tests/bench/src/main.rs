//! Benchmarks of whole relayers between chains, and of their parts. `cargo run --release -p causeway-bench` runs all of
//! them and writes `RESULTS.md`; names as arguments run only these. `note NAME` puts what it reads into the section NAME:
//! for suites that are no Rust programs.
//!
//! The relayers are processes of this very binary, which then is `causeway` and nothing else: the same code, the same
//! build.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod backlog;
mod idle;
mod parts;
mod pending;
mod process;
mod steady;
mod world;

use causeway_bench::results;

use causeway::demo::harness::BLOCK_GAS;
use std::{env, process::ExitCode, time::Duration};

/// The benchmarks, and what each says.
const NAMES: [(&str, &str); 6] = [
    ("backlog", "20,000 locks that wait, cleared, with blocks of 30 M gas and of 120 M"),
    ("pending", "memory with 100,000 entries pending, start over them, and clearing them"),
    ("steady", "50 locks a second: what the relayers add to the batching age"),
    ("idle", "1,000 lanes and nothing to do: processor and memory"),
    ("parts", "outbox, headers, state proofs beside their peers (cargo bench)"),
    ("smoke", "backlog of 1,000 only, to see that all of this works"),
];
/// Writes down what another suite says of itself.
const NOTE: &str = "note";
/// Not part of a run of all.
const SMOKE: &str = "smoke";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|argument| argument == "--config") {
        return causeway::cli::main();
    }
    if let [command, name] = arguments.as_slice()
        && command == NOTE
    {
        return note(name);
    }
    let known = |name: &String| NAMES.iter().any(|(known, _)| known == name);
    if !arguments.iter().all(known) {
        for (name, what) in NAMES {
            println!("{name:<10} {what}");
        }
        return if arguments == ["--list"] { ExitCode::SUCCESS } else { ExitCode::from(2) };
    }
    let wanted = |name: &str| if arguments.is_empty() { name != SMOKE } else { arguments.iter().any(|a| a == name) };
    let mut failed = false;
    for (name, _) in NAMES.into_iter().filter(|(name, _)| wanted(name)) {
        println!("\n=== {name}");
        if let Err(error) = run(name) {
            eprintln!("{name}: {error}");
            failed = true;
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn note(name: &str) -> ExitCode {
    let mut section = results::Section::begin(name);
    for line in std::io::stdin().lines().map_while(Result::ok) {
        section.line(line);
    }
    match section.write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str) -> world::Result<()> {
    if name == "parts" {
        return parts::run();
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        match name {
            "backlog" => backlog::run(20_000, &[BLOCK_GAS, 4 * BLOCK_GAS]).await,
            "pending" => pending::run(100_000).await,
            "steady" => steady::run(50, Duration::from_secs(60)).await,
            "idle" => idle::run(1_000).await,
            _ => backlog::run(1_000, &[BLOCK_GAS]).await,
        }
    })
}
