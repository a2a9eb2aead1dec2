//! The program as users run it, built in the profile of the tests.

fn main() -> std::process::ExitCode {
    causeway::cli::main()
}
