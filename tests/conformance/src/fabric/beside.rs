//! What lies beside blocks: a configuration as JSON, an update by itself, certificates of consenters.

use std::path::Path;

use causeway_fabric::{
    Consensus,
    config::{Group, Item},
    x509::Certificate,
};
use serde_json::Value;

use super::{chain::begin, recorded::folder};
use crate::{
    cases::{File, Judged, ensure, same},
    json::{field, text},
};

/// Versions are written as strings.
fn version(value: &Value) -> Result<u64, String> {
    text(value, "version")?.parse().map_err(|_| "version is no number".into())
}

/// `{sequence, channel_group}`: what `configtxlator` makes of a configuration that a block in the same folder holds.
pub(super) fn configuration(file: &File<'_>) -> Judged {
    let group = file.value.get("channel_group")?;
    let sequence: u64 = text(file.value, "sequence").ok()?.parse().ok()?;
    let blocks = folder(file.path.parent()?);
    let states = blocks.values().filter_map(|block| begin(block).ok()).map(|(_, state)| state);
    let state = states.into_iter().find(|state| state.channel().sequence() == sequence);
    let verdict = state
        .ok_or_else(|| "no block beside it holds this configuration".to_owned())
        .and_then(|state| compare(state.channel().root(), group));
    Some(vec![(format!("configuration {sequence}"), verdict.into())])
}

fn compare(group: &Group, stated: &Value) -> Result<(), String> {
    same("version", version(stated)?, group.version)?;
    same("policy", text(stated, "mod_policy")?, &group.mod_policy)?;
    let groups = members(stated, "groups")?;
    same("groups", groups.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), keys(&group.groups))?;
    for (below, (_, stated)) in group.groups.values().zip(groups) {
        compare(below, stated)?;
    }
    for (what, items) in [("values", &group.values), ("policies", &group.policies)] {
        let stated = members(stated, what)?;
        same(what, stated.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), keys(items))?;
        for (Item { version: found, mod_policy, .. }, (_, stated)) in items.values().zip(stated) {
            same("version", version(stated)?, *found)?;
            same("policy", text(stated, "mod_policy")?, mod_policy)?;
        }
    }
    Ok(())
}

fn keys<T>(map: &std::collections::BTreeMap<String, T>) -> Vec<&str> {
    map.keys().map(String::as_str).collect()
}

/// The members of an object, by name.
fn members<'a>(value: &'a Value, name: &str) -> Result<Vec<(&'a String, &'a Value)>, String> {
    let object = field(value, name)?.as_object().ok_or_else(|| format!("{name} is no object"))?;
    let mut members: Vec<_> = object.iter().collect();
    members.sort_by_key(|(name, _)| *name);
    Ok(members)
}

/// A bare `common.ConfigUpdate` that lies in a block beside it: part of that block's case.
pub(super) fn config_update(file: &File<'_>) -> Judged {
    let mut reader = causeway_fabric::wire::Reader::new("ConfigUpdate", file.bytes);
    let channel = reader.text(1).ok().filter(|channel| !channel.is_empty())?;
    let (read, write) = (reader.part(2).ok()??, reader.part(3).ok()??);
    Group::read(read).ok().zip(Group::read(write).ok())?;
    let blocks = folder(file.path.parent()?);
    let holds = |block: &&Vec<u8>| block.windows(file.bytes.len()).any(|window| window == file.bytes);
    let found =
        ensure(blocks.values().any(|block| holds(&block)), || format!("no block beside it of {channel} has it"));
    if found.is_ok() { Some(Vec::new()) } else { Some(vec![("update".into(), found.into())]) }
}

/// The certificate of a consenter of the channel whose blocks lie around it.
pub(super) fn consenter(file: &File<'_>) -> Judged {
    if !file.bytes.starts_with(b"-----BEGIN CERTIFICATE-----") {
        return None;
    }
    let around = file.path.parent()?.parent()?;
    let verdict = Certificate::from_pem(file.bytes).map_err(|fault| fault.to_string()).and_then(|certificate| {
        let holds = |folder_path: &Path| {
            let blocks = folder(folder_path);
            let states = blocks.values().filter_map(|block| begin(block).ok());
            states.into_iter().any(|(_, state)| match state.channel().consensus() {
                Consensus::Bft(all) => all.iter().any(|consenter| consenter.certificate.as_ref() == Some(&certificate)),
                Consensus::CrashTolerant => false,
            })
        };
        ensure(holds(around), || "no consenter of the channel around it has this certificate".into())
    });
    Some(vec![("certificate".into(), verdict.into())])
}
