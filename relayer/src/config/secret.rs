//! Files that a configuration names, and the rules for them: they stand in the configuration's own folder, no part of
//! their path is a symbolic link, and a secret is readable by its owner alone (ATK-007, ATK-104).

use super::error::Problem;
use std::{
    fs::{self, File, OpenOptions},
    io::Read,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Component, Path, PathBuf},
};

/// A key or certificate chain longer than this is not one: 64 KiB holds hundreds of certificates.
pub const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Joins `relative` to `folder`, refusing whatever would leave it.
///
/// # Errors
/// An absolute path, a `..`, an empty path, or a component that is a symbolic link.
pub fn inside(folder: &Path, key: &str, relative: &Path) -> Result<PathBuf, Problem> {
    let refuse = |found: String| {
        Problem::new(
            key,
            "a relative path inside the configuration's folder, without `..` and without symbolic links",
            found,
            "move the file beside the configuration and name it from there",
        )
    };
    if relative.as_os_str().is_empty() {
        return Err(refuse("an empty path".into()));
    }
    let mut path = folder.to_owned();
    for component in relative.components() {
        match component {
            Component::CurDir => continue,
            Component::Normal(name) => path.push(name),
            _ => return Err(refuse(format!("`{}`", relative.display()))),
        }
        if fs::symlink_metadata(&path).is_ok_and(|meta| meta.file_type().is_symlink()) {
            return Err(refuse(format!("`{}` is a symbolic link", path.display())));
        }
    }
    Ok(path)
}

/// Reads a small file that is no secret (a certificate, an agreement).
///
/// # Errors
/// Absent, not a regular file, a symbolic link, or above `limit` bytes.
pub fn read_public(key: &str, path: &Path, limit: u64) -> Result<Vec<u8>, Problem> {
    read(key, path, limit, false)
}

/// Reads a secret: as [`read_public`], and its mode must keep everybody but its owner out.
///
/// # Errors
/// As [`read_public`], or a mode with bits for group or others.
pub fn read_secret(key: &str, path: &Path) -> Result<Vec<u8>, Problem> {
    read(key, path, MAX_FILE_BYTES, true)
}

/// Checks a secret without keeping its content.
///
/// # Errors
/// As [`read_secret`].
pub fn check_secret(key: &str, path: &Path) -> Result<(), Problem> {
    open(key, path, MAX_FILE_BYTES, true).map(drop)
}

fn read(key: &str, path: &Path, limit: u64, secret: bool) -> Result<Vec<u8>, Problem> {
    let (file, len) = open(key, path, limit, secret)?;
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
    // The file may grow between the check and the read: the limit holds for the read, too.
    file.take(limit).read_to_end(&mut bytes).map_err(|error| {
        Problem::new(key, "a readable file", format!("`{}`: {error}", path.display()), "check the disk")
    })?;
    Ok(bytes)
}

fn open(key: &str, path: &Path, limit: u64, secret: bool) -> Result<(File, u64), Problem> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| {
        let action = match error.kind() {
            std::io::ErrorKind::NotFound => "create it (`causeway init` shows how), or correct the path",
            std::io::ErrorKind::PermissionDenied => "run as the file's owner",
            _ => "check the disk",
        };
        Problem::new(key, "a regular file", format!("`{shown}`: {error}"), action)
    };
    let irregular = || {
        let action = "put the file itself there, not a link to it";
        Problem::new(key, "a regular file", format!("`{shown}` is none"), action)
    };
    // Looked at before opening (a pipe would block, a link would be followed), and compared after: checks are made on
    // the file that is read, not on a name that may be given to another one in between.
    let named = fs::symlink_metadata(path).map_err(unreadable)?;
    if !named.is_file() {
        return Err(irregular());
    }
    let file = File::open(path).map_err(unreadable)?;
    let meta = file.metadata().map_err(unreadable)?;
    if (meta.dev(), meta.ino()) != (named.dev(), named.ino()) {
        return Err(irregular());
    }
    if meta.size() > limit {
        return Err(Problem::new(
            key,
            format!("at most {limit} bytes"),
            format!("`{shown}` has {}", meta.size()),
            "this is not the file that was meant: correct the path",
        ));
    }
    let mode = meta.permissions().mode() & 0o7777;
    if secret && mode & 0o077 != 0 {
        return Err(Problem::new(
            key,
            "a secret that its owner alone may read (mode 0600 or 0400)",
            format!("`{shown}` has mode {mode:04o}"),
            format!("chmod 600 {shown}; if others could read it, make a new key"),
        ));
    }
    Ok((file, meta.size()))
}

/// Writes a new file of mode `mode`; refuses to touch one that exists.
///
/// # Errors
/// The file exists, or the disk refuses.
pub fn write_new(path: &Path, mode: u32, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
