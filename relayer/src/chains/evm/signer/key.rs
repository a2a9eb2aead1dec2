//! The private key of a signer: read from a file that nobody else can read, never shown.

use crate::lane::error::{Error, Kind, Result};
use alloy::{
    primitives::{Address, B256, Signature},
    signers::{SignerSync, local::PrivateKeySigner},
};
use std::{
    fmt,
    fs::File,
    io::Read,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

/// A key file holds 64 digits, perhaps with `0x` and an end of line.
const MAX_KEY_FILE: u64 = 128;

/// A private key.
pub struct Key(PrivateKeySigner);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0.address())
    }
}

impl Key {
    /// Reads a key file: 64 hexadecimal digits, owner-only (0600 or 0400), no symbolic link (ATK-007, ATK-104).
    ///
    /// # Errors
    /// `InvalidConfig`, naming the file, never its content.
    pub fn read(path: &Path) -> Result<Self> {
        let refuse = |what: &str| Error::stop_lane(Kind::InvalidConfig, format!("key file {}: {what}", path.display()));
        let named = path.symlink_metadata().map_err(|e| refuse(&e.kind().to_string()))?;
        if !named.is_file() {
            return Err(refuse("expected a regular file, found a link or something else"));
        }
        let mut file = File::open(path).map_err(|e| refuse(&e.kind().to_string()))?;
        let opened = file.metadata().map_err(|e| refuse(&e.kind().to_string()))?;
        if (named.dev(), named.ino()) != (opened.dev(), opened.ino()) {
            return Err(refuse("it was exchanged while it was opened"));
        }
        let mode = opened.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(refuse(&format!("expected mode 0600, found {mode:04o}: run `chmod 600` on it")));
        }
        let mut text = String::new();
        (&mut file)
            .take(MAX_KEY_FILE)
            .read_to_string(&mut text)
            .map_err(|_| refuse("expected 64 hexadecimal digits"))?;
        Self::parse(&text).ok_or_else(|| refuse("expected 64 hexadecimal digits of a valid private key"))
    }

    /// A key from its digits.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut secret = [0u8; 32];
        hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut secret).ok()?;
        PrivateKeySigner::from_bytes(&B256::new(secret)).ok().map(Self)
    }

    /// The signer's address.
    pub fn address(&self) -> Address {
        self.0.address()
    }

    /// Signs a digest.
    ///
    /// # Errors
    /// None that is known for a key in memory.
    pub fn sign(&self, digest: &B256) -> Result<Signature> {
        self.0.sign_hash_sync(digest).map_err(|_| Error::stop_lane(Kind::InvalidConfig, "the key cannot sign"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    const DIGITS: &str = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";

    fn write(dir: &Path, name: &str, text: &str, mode: u32) -> std::path::PathBuf {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn atk_007_a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for mode in [0o600, 0o400] {
            let path = write(dir.path(), "key", &format!("{DIGITS}\n"), mode);
            let address = Key::read(&path).unwrap().address();
            assert_eq!(address.to_string(), "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23");
            fs::remove_file(path).unwrap();
        }
        for mode in [0o640, 0o604, 0o660, 0o644, 0o610] {
            let path = write(dir.path(), "key", DIGITS, mode);
            assert_eq!(Key::read(&path).unwrap_err().kind, Kind::InvalidConfig, "{mode:o}");
        }
    }

    #[test]
    fn atk_104_a_linked_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(dir.path(), "key", DIGITS, 0o600);
        symlink(&path, dir.path().join("link")).unwrap();
        assert_eq!(Key::read(&dir.path().join("link")).unwrap_err().kind, Kind::InvalidConfig);
        assert_eq!(Key::read(dir.path()).unwrap_err().kind, Kind::InvalidConfig);
    }

    #[test]
    fn atk_103_the_key_is_in_no_error_and_no_debug() {
        let dir = tempfile::tempdir().unwrap();
        let bad = write(dir.path(), "bad", "canarycanarycanary", 0o600);
        assert!(!Key::read(&bad).unwrap_err().to_string().contains("canary"));
        let key = Key::parse(DIGITS).unwrap();
        assert!(!format!("{key:?}").contains("4c0883"));
        assert!(Key::parse(&"0".repeat(64)).is_none(), "zero is no key");
    }
}
