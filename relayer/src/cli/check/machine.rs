//! This machine: its data folder.

use super::Line;
use crate::config::Config;
use std::{
    fs,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    time::SystemTime,
};

/// Unix seconds by this machine's clock.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

pub(super) fn check(config: &Config) -> Vec<Line> {
    let folder = &config.data_dir;
    let what = "data_dir";
    if let Err(error) = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder) {
        return vec![Line::fail(what, format!("{}: {error}", folder.display()), "let this user create or write it")];
    }
    let probe = folder.join(format!(".check-{}", std::process::id()));
    let written = fs::write(&probe, b"check").and_then(|()| fs::remove_file(&probe));
    let mut lines = vec![match written {
        Ok(()) => Line::ok(what, format!("{} can be written", folder.display())),
        Err(error) => Line::fail(
            what,
            format!("{}: {error}", folder.display()),
            "let this user write it; see that the disk has room",
        ),
    }];
    let mode = fs::metadata(folder).map_or(0, |meta| meta.permissions().mode() & 0o777);
    if mode & 0o077 != 0 {
        let found = format!("{} has mode {mode:04o}", folder.display());
        lines.push(Line::warn(what, found, format!("chmod 700 {}", folder.display())));
    }
    lines
}
