//! `causeway`: the relayer's daemon and its operator's commands. See [`causeway::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    causeway::cli::main()
}
