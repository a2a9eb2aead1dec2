//! The command line. One file a command; each returns a [`Report`] or a [`CliError`], and only this file prints.
//!
//! Commands that talk to chains need a configuration; those that ask the running relayer (`status`, `lanes`, `entries`,
//! `client`, `dead-letters`) speak gRPC over its Unix socket, whose place the configuration names.

pub(crate) mod access;
pub mod admin;
pub mod assets;
pub mod bridge;
pub mod check;
pub(crate) mod council;
pub mod deploy;
mod edit;
pub mod exit;
pub(crate) mod ground;
pub mod init;
pub mod output;
pub mod run;
pub mod swap;
pub mod transfer;

mod config_cmd;
mod usage;

use clap::{CommandFactory, Parser, Subcommand};
use exit::{CliError, Failure, HELP_END};
use output::{Output, Report};
use std::{path::PathBuf, process::ExitCode};

/// Moves assets between two chains by proof: light clients verify each chain's headers, and the relayer carries proofs
/// of locked assets from one to the other.
#[derive(Debug, Parser)]
#[command(name = "causeway", version, max_term_width = 100, after_help = HELP_END)]
pub struct Cli {
    /// The configuration file.
    #[arg(long, short, global = true, value_name = "FILE", default_value = "causeway.toml", env = "CAUSEWAY_CONFIG")]
    pub config: PathBuf,
    /// How to answer: text for people, or one JSON object on standard output and nothing else.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch two embedded chains exchange assets through two relayers: nothing to set up.
    #[cfg(feature = "demo")]
    Demo(crate::demo::DemoArgs),
    /// Write commented configurations and certificates for a development pair of organisations.
    Init(init::InitArgs),
    /// Run the relayer until it is told to stop.
    Run(run::RunArgs),
    /// Try everything that `run` will need; one line each, and exit code 1 if one fails.
    Check(check::CheckArgs),
    /// Put the contracts of a bridge onto two chains.
    Deploy(deploy::DeployArgs),
    /// Agree on a bridge with the other organisation: export, join, open, show.
    #[command(subcommand)]
    Bridge(bridge::BridgeCommand),
    /// List or register the assets of a bridge, or set their caps.
    #[command(subcommand)]
    Assets(assets::AssetsCommand),
    /// Send an asset over a bridge, from the configuration's own account.
    Transfer(transfer::TransferArgs),
    /// Propose, accept and follow swaps over the relayer's listener for exchanges.
    Swap(swap::SwapArgs),
    /// Show the running relayer at a glance: chains, nodes, peers, signers, lanes.
    Status(admin::status::StatusArgs),
    /// List the lanes of the running relayer, pause or resume one.
    Lanes(admin::lanes::LanesArgs),
    /// List what stands in a lane's outbox, or trace one entry's way.
    Entries(admin::entries::EntriesArgs),
    /// Show a lane's light clients: newest height, and seconds until they expire.
    Client(admin::client::ClientArgs),
    /// List, retry or discard items that the relayer gave up on.
    DeadLetters(admin::dead_letters::DeadLettersArgs),
    /// Have the running relayer read its configuration and certificates again.
    Reload(admin::reload::ReloadArgs),
    /// Have the running relayer begin nothing new, finish what is under way, and end.
    Drain(admin::drain::DrainArgs),
    /// Show what a configuration may contain.
    #[command(subcommand)]
    Config(config_cmd::ConfigCommand),
    /// Print a completion script for a shell.
    ///
    /// For bash: `causeway completions bash > ~/.local/share/bash-completion/completions/causeway`
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Runs the program: parses arguments, does what they say, prints the answer.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are answers; everything else is a usage error.
        Err(error) if error.use_stderr() => return usage::tell(&error),
        Err(answer) => {
            let _ = answer.print();
            return ExitCode::SUCCESS;
        }
    };
    // alloy and tonic share one TLS provider; with two installed, rustls would panic at the first handshake. It is
    // installed once here, so a second call cannot happen.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let output = cli.output;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tell(output, &CliError::local("cannot start", error)),
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(report) => {
            if let Err(error) = output::print(output, report.as_ref()) {
                return tell(output, &CliError::local("standard output", error));
            }
            if report.positive() { ExitCode::SUCCESS } else { Failure::Negative.into() }
        }
        Err(error) => tell(output, &error),
    }
}

/// A command's answer.
type Answer = Result<Box<dyn Report>, CliError>;

async fn dispatch(cli: Cli) -> Answer {
    match cli.command {
        #[cfg(feature = "demo")]
        Command::Demo(args) => crate::demo::run(args, cli.output).await,
        Command::Init(args) => init::run(&args).await,
        Command::Run(args) => run::run(&cli.config, args).await,
        Command::Check(args) => check::run(&cli.config, args).await,
        Command::Deploy(args) => deploy::run(&cli.config, args).await,
        Command::Bridge(command) => bridge::run(&cli.config, command).await,
        Command::Assets(command) => assets::run(&cli.config, command).await,
        Command::Transfer(args) => transfer::run(&cli.config, args).await,
        Command::Swap(args) => swap::run(&cli.config, args).await,
        Command::Status(args) => admin::status::run(admin::connect(&cli.config).await?, args, cli.output).await,
        Command::Lanes(args) => admin::lanes::run(admin::connect(&cli.config).await?, args).await,
        Command::Entries(args) => admin::entries::run(admin::connect(&cli.config).await?, args).await,
        Command::Client(args) => admin::client::run(admin::connect(&cli.config).await?, args).await,
        Command::DeadLetters(args) => admin::dead_letters::run(admin::connect(&cli.config).await?, args).await,
        Command::Reload(args) => admin::reload::run(admin::connect(&cli.config).await?, args).await,
        Command::Drain(args) => admin::drain::run(admin::connect(&cli.config).await?, args).await,
        Command::Config(command) => config_cmd::run(&command),
        Command::Completions { shell } => Ok(completions(shell)),
    }
}

/// Tells a failure: text on standard error, or the one JSON object on standard output.
fn tell(output: Output, error: &CliError) -> ExitCode {
    match output {
        Output::Text => eprintln!("error: {error}"),
        Output::Json => {
            let _ = output::print_line(&error.to_json().to_string());
        }
    }
    error.failure.into()
}

fn completions(shell: clap_complete::Shell) -> Box<dyn Report> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "causeway", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let value = serde_json::json!({ "shell": shell.to_string(), "script": script });
    Box::new(output::Shown::new(value, |value: &serde_json::Value, f: &mut std::fmt::Formatter<'_>| {
        f.write_str(value.get("script").and_then(serde_json::Value::as_str).unwrap_or_default())
    }))
}

#[cfg(test)]
mod tests;
