//! Small edits of a configuration that keep its comments: the address of a vault, and the section of a bridge. Whatever
//! does not look like what `init` wrote is left alone, and the operator is told what to write.

use super::exit::CliError;
use crate::config::Fingerprint;
use alloy::primitives::Address;
use std::{
    fs::{self, Permissions},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// Sets `vault` in the section `[chains.<chain>]`; `None` if there is no such line.
pub(super) fn set_vault(text: &str, chain: &str, vault: Address) -> Option<String> {
    let header = format!("[chains.{chain}]");
    let mut inside = false;
    let mut done = false;
    let mut edited = String::with_capacity(text.len() + 16);
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with('[') && trimmed.ends_with(']') {
            inside = trimmed == header;
        }
        let key = trimmed.split_once('=').map(|(key, _)| key.trim());
        if inside && !done && key == Some("vault") {
            edited += &format!("vault = \"{vault:#x}\"\n");
            done = true;
        } else {
            edited += line;
            edited.push('\n');
        }
    }
    done.then_some(edited)
}

/// What a bridge's section says.
pub(super) struct BridgeSection<'a> {
    pub(super) name: &'a str,
    pub(super) agreement: &'a str,
    pub(super) fingerprint: Fingerprint,
    /// A chain's name, or `both`.
    pub(super) side: &'a str,
    pub(super) peer: Option<&'a str>,
}

impl BridgeSection<'_> {
    /// As TOML.
    pub(super) fn to_toml(&self) -> String {
        let Self { name, agreement, fingerprint, side, peer } = self;
        let peer = peer.map(|peer| format!("peer = \"{peer}\"\n")).unwrap_or_default();
        format!(
            "[bridges.{name}]\nagreement = \"{agreement}\"\nfingerprint = \"{fingerprint}\"\nside = \"{side}\"\n{peer}"
        )
    }
}

/// Replaces the section of the bridge, or adds it at the end.
pub(super) fn set_bridge(text: &str, section: &BridgeSection<'_>) -> String {
    let header = format!("[bridges.{}]", section.name);
    let mut kept = String::with_capacity(text.len() + 256);
    let mut inside = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with('[') && trimmed.ends_with(']') {
            inside = trimmed == header;
        }
        if !inside {
            kept += line;
            kept.push('\n');
        }
    }
    format!("{}\n\n{}", kept.trim_end(), section.to_toml())
}

/// Replaces a file as a whole or not at all, keeping its mode.
pub(super) fn replace(path: &Path, content: &str) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::local(path.display(), error);
    let mode = fs::metadata(path).map_or(0o600, |meta| meta.permissions().mode() & 0o777);
    let mut beside = path.to_owned().into_os_string();
    beside.push(".new");
    let write = || {
        let mut file = fs::File::create(&beside)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(failed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TEXT: &str = "a = 1\n[chains.alpha]\n# vault = no\nvault = \"0x0\"   # note\n[chains.beta]\nvault = \"0x0\"\n[metrics]\nvault = 3\n";

    #[test]
    fn the_right_vault_is_set() {
        let edited = set_vault(TEXT, "beta", Address::repeat_byte(2)).unwrap();
        assert_eq!(
            edited,
            TEXT.replacen(
                "[chains.beta]\nvault = \"0x0\"",
                "[chains.beta]\nvault = \"0x0202020202020202020202020202020202020202\"",
                1
            )
        );
        assert_eq!(set_vault(TEXT, "gamma", Address::ZERO), None);
        assert_eq!(set_vault("[chains.alpha]\n", "alpha", Address::ZERO), None);
    }

    #[test]
    fn a_bridge_is_added_once_and_then_replaced() {
        let fingerprint: Fingerprint = "7KQ2-M9XD-W3TF-0H5C".parse().unwrap();
        let section =
            |side| BridgeSection { name: "x", agreement: "bridges/x.json", fingerprint, side, peer: Some("globex") };
        let once = set_bridge("a = 1\n", &section("alpha"));
        let twice = set_bridge(&format!("{once}[log]\nlevel = \"info\"\n"), &section("beta"));
        assert_eq!(twice.matches("[bridges.x]").count(), 1);
        assert!(twice.contains("side = \"beta\"") && !twice.contains("side = \"alpha\"") && twice.contains("[log]"));
    }
}
