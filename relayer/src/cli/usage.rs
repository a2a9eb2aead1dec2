//! Wrong arguments: clap's own words on standard error, or, where JSON was asked for, the one object on standard output.

use super::{
    exit::{CliError, Failure},
    output::Output,
};
use clap::error::ErrorKind;
use std::{
    ffi::{OsStr, OsString},
    process::ExitCode,
};

/// Tells what is wrong with the arguments of this process; exit code 2.
pub(super) fn tell(error: &clap::Error) -> ExitCode {
    if wants_json(std::env::args_os().skip(1)) {
        return super::tell(Output::Json, &of(error));
    }
    let _ = error.print();
    Failure::Usage.into()
}

/// Whether JSON was asked for, in arguments that clap could not read as a whole.
fn wants_json(arguments: impl Iterator<Item = OsString>) -> bool {
    let mut before = OsString::new();
    for argument in arguments.take_while(|argument| argument != "--") {
        if argument == "--output=json" || (before == "--output" && argument == OsStr::new("json")) {
            return true;
        }
        before = argument;
    }
    false
}

/// Clap's text, taken apart: what is wrong, and how the command is used.
fn of(error: &clap::Error) -> CliError {
    let text = error.render().to_string();
    let (wrong, usage) = text.split_once("\n\n").unwrap_or((&text, ""));
    let message = match error.kind() {
        // What clap renders then is the help.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "no command is given".to_owned(),
        _ => wrong.trim().trim_start_matches("error: ").to_owned(),
    };
    let mut told = CliError::new(Failure::Usage, message).advise("see `causeway --help`, or that of the command");
    if !usage.trim().is_empty() {
        told.details = serde_json::json!({ "usage": usage.trim() });
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_asked_for_before_or_after_what_is_wrong() {
        let asked = |text: &str| wants_json(text.split(' ').map(OsString::from));
        assert!(
            asked("--output json no-such") && asked("no-such --output=json") && asked("lanes --output json --what")
        );
        assert!(!asked("--output text json") && !asked("no-such -- --output json") && !asked("json --output"));
    }
}
