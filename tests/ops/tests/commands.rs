//! Every command that a runbook tells an operator to type exists.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use causeway_ops::files::below;
use clap::CommandFactory;
use std::{collections::BTreeSet, fs};

/// `causeway lanes resume <lane> …` in a runbook is a command that the program has.
#[test]
fn runbooks_use_commands_that_exist() {
    let program = causeway::cli::Cli::command();
    let (mut problems, mut seen) = (Vec::new(), BTreeSet::new());
    for path in below("docs/runbook", "md").unwrap() {
        let text = fs::read_to_string(&path).unwrap();
        for quoted in text.split('`').skip(1).step_by(2).filter(|q| q.starts_with("causeway ")) {
            let words: Vec<&str> = quoted.split_whitespace().skip(1).collect();
            seen.insert(words.first().copied().unwrap_or_default().to_owned());
            if let Err(problem) = exists(&program, &words) {
                problems.push(format!("{}: `{quoted}`: {problem}", path.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(seen.len() >= 5, "{seen:?}");
}

fn exists(command: &clap::Command, words: &[&str]) -> Result<(), String> {
    let Some((first, rest)) = words.split_first() else { return Ok(()) };
    if let Some(flag) = first.strip_prefix("--") {
        let known = command.get_arguments().any(|a| a.get_long() == Some(flag));
        return if known { exists(command, rest) } else { Err(format!("no option --{flag}")) };
    }
    if let Some(sub) = command.find_subcommand(first) {
        return exists(sub, rest);
    }
    let literal = first.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    if literal && command.has_subcommands() && !first.starts_with('<') {
        return Err(format!("no command {first}"));
    }
    exists(command, rest)
}
