//! How the command line reads.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_and_argument_has_a_help_text() {
    fn walk(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        assert!(command.get_about().is_some(), "{path} has no help text");
        for argument in command.get_arguments().filter(|a| !matches!(a.get_id().as_str(), "help" | "version")) {
            assert!(argument.get_help().is_some(), "{path}: {} has no help text", argument.get_id());
        }
        command.get_subcommands().filter(|c| c.get_name() != "help").for_each(|inner| walk(inner, &path));
    }
    walk(&Cli::command(), "");
}

#[test]
fn output_is_global() {
    for line in
        [["causeway", "config", "schema", "--output", "json"], ["causeway", "--output", "json", "config", "schema"]]
    {
        assert_eq!(Cli::try_parse_from(line).unwrap().output, Output::Json);
    }
}

#[test]
fn exit_codes_in_the_help_are_those_of_the_code() {
    use Failure::*;
    for failure in [Negative, Usage, Config, Unreachable, Refused, Local, Interrupted] {
        let line = format!("\n  {:<5}", failure as u8);
        assert!(HELP_END.contains(&line), "{failure:?} ({}) is not in the help", failure as u8);
    }
}

#[test]
fn atk_102_text_from_elsewhere_cannot_steer_the_terminal() {
    assert_eq!(output::printable("a\u{1b}[2Jb\r\nc\u{202e}d\0"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\u{fffd}d\u{fffd}");
}

#[test]
fn the_commands_of_the_readme_exist() {
    let readme = include_str!("../../../README.md");
    let commands: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with("causeway ") || line.starts_with("cargo run --release -- "))
        .collect();
    assert!(commands.len() >= 10, "{commands:?}");
    for command in commands {
        let words = command.trim_start_matches("cargo run --release -- ").trim_start_matches("causeway ");
        let line = std::iter::once("causeway").chain(words.split_whitespace());
        if let Err(error) = Cli::try_parse_from(line) {
            panic!("{command}: {error}");
        }
    }
}
