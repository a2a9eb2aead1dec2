//! Prometheus' own programs. They are not needed to build Causeway: where they are missing, a test says so and is
//! skipped, except under `CI=true`, where that is a failure.

use std::{
    env, io,
    path::PathBuf,
    process::{Command, Output},
};

/// Finds `program` on the path. `None` where it may be missing, and the reason was printed.
///
/// # Panics
/// Under `CI=true`, where it must not be missing.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|dir| dir.join(program)).find(|p| p.is_file());
    let ci = env::var("CI").is_ok_and(|v| v == "true");
    assert!(found.is_some() || !ci, "{program} is not installed: CI installs it (.ci/run)");
    if found.is_none() {
        eprintln!("skipped: {program} is not installed (Debian: apt-get install prometheus)");
    }
    found
}

/// Runs `command` and gives its output as text, standard error after standard output.
///
/// # Errors
/// It cannot be started.
pub fn run(command: &mut Command) -> io::Result<(bool, String)> {
    let Output { status, stdout, stderr } = command.output()?;
    let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    Ok((status.success(), text))
}
