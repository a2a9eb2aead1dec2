//! How a configuration comes about: the one in force, changed by an update that those signed who may.
//!
//! Orderers alone could not be believed: under raft one of them signs a block, and with a configuration of its own
//! making it would own the channel. So the update that a configuration block carries is judged here again, as every
//! peer does (Fabric `common/configtx`: `validator.go`, `update.go`, `compare.go`).

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

use causeway_crypto::p256::VerifyP256;

use crate::{
    Refusal,
    block::{self, CONFIG_UPDATE, Payload, of_channel, signature_header_parts},
    bounds::{MAX_GROUP_ITEMS, MAX_SIGNERS},
    channel::Channel,
    config::{ConfigFault, Group, Item},
    identity::Signed,
    msp::{Identity, Validity},
    policy::tally,
    wire::{Reader, WireFault},
};

/// `common.ConfigEnvelope`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConfigEnvelope<'a> {
    /// Bytes of `common.Config`.
    pub(crate) config: &'a [u8],
    /// Bytes of the `common.Envelope` with the update that led to it.
    last_update: Option<&'a [u8]>,
}

impl<'a> ConfigEnvelope<'a> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, WireFault> {
        let mut reader = Reader::new("ConfigEnvelope", bytes);
        let config = reader.required(1)?;
        let last_update = reader.part(2)?;
        reader.end()?;
        Ok(Self { config, last_update })
    }
}

/// The configuration that follows on the one in force.
///
/// # Errors
/// It does not follow: another sequence number, made for another state, not signed by who may, or not the outcome.
pub(crate) fn next<V: VerifyP256>(
    in_force: &Channel,
    channel_id: &str,
    envelope: &ConfigEnvelope<'_>,
) -> Result<Channel, Refusal> {
    let next = Channel::read(envelope.config)?;
    let expected = in_force.sequence().saturating_add(1);
    if next.sequence() != expected {
        return Err(ConfigFault::Sequence { expected, found: next.sequence() }.into());
    }
    let update = envelope.last_update.ok_or(ConfigFault::Missing("the update"))?;
    let update = block::envelope(update, true)?;
    let payload = Payload::decode(update.payload)?;
    of_channel(channel_id, payload.channel_id)?;
    if payload.kind != CONFIG_UPDATE {
        return Err(ConfigFault::Missing("an envelope of type CONFIG_UPDATE").into());
    }
    let (update, signatures) = signed_update(payload.data)?;
    let update = ConfigUpdate::decode(update)?;
    of_channel(channel_id, update.channel_id)?;
    // These signatures lie inside what orderers signed; peers pass over bad ones, and do not ask whether the
    // certificates of those who signed have ended since.
    let identities = in_force.good_signers::<V>(&signatures, Validity::Whenever);
    if authorize(in_force, &update, &identities)? != *next.root() {
        return Err(ConfigFault::NotTheResult.into());
    }
    Ok(next)
}

/// Reads `common.ConfigUpdateEnvelope`: the update's bytes, and who signed them.
fn signed_update(bytes: &[u8]) -> Result<(&[u8], Vec<Signed<'_>>), WireFault> {
    let mut reader = Reader::new("ConfigUpdateEnvelope", bytes);
    let update = reader.bytes(1)?;
    let parts = reader.parts(2, MAX_SIGNERS)?;
    reader.end()?;
    let mut signatures = Vec::with_capacity(parts.len());
    for part in parts {
        let mut reader = Reader::new("ConfigSignature", part);
        let header = reader.bytes(1)?;
        let signature = reader.bytes(2)?;
        reader.end()?;
        let (signer, _) = signature_header_parts(header)?;
        signatures.push(Signed { signer, message: [header, update].concat(), signature });
    }
    Ok((update, signatures))
}

/// `common.ConfigUpdate`: what it read, and what it writes.
struct ConfigUpdate<'a> {
    channel_id: &'a str,
    read_set: Group,
    write_set: Group,
}

impl<'a> ConfigUpdate<'a> {
    fn decode(bytes: &'a [u8]) -> Result<Self, WireFault> {
        let mut reader = Reader::new("ConfigUpdate", bytes);
        let channel_id = reader.text(1)?;
        let read_set = Group::read(reader.part(2)?.unwrap_or_default())?;
        let write_set = Group::read(reader.part(3)?.unwrap_or_default())?;
        reader.entries(5, MAX_GROUP_ITEMS)?; // Data beside the configuration, of channel creation.
        reader.end()?;
        Ok(Self { channel_id, read_set, write_set })
    }
}

/// The root group that the update makes of the one in force, if these identities may change what it changes.
fn authorize(in_force: &Channel, update: &ConfigUpdate<'_>, signers: &[Identity]) -> Result<Group, ConfigFault> {
    let current = flatten(in_force.root());
    let read = flatten(&update.read_set);
    for (path, element) in &read {
        let (found, expected) = (element.version(), current.get(path).map(Element::version));
        if expected != Some(found) {
            return Err(ConfigFault::ReadSet { path: path.name(), expected, found });
        }
    }
    let mut changed = flatten(&update.write_set);
    changed.retain(|path, element| read.get(path).is_none_or(|read| read.version() != element.version()));
    if changed.is_empty() {
        return Err(ConfigFault::NoChange);
    }
    for (path, element) in &changed {
        let found = element.version();
        let denied = |policy: &str| ConfigFault::NotAuthorized { path: path.name(), policy: policy.to_string() };
        if element.mod_policy().is_empty() {
            return Err(denied(""));
        }
        let existing = current.get(path);
        let expected = existing.map_or(0, |existing| existing.version().saturating_add(1));
        if found != expected {
            return Err(ConfigFault::Version { path: path.name(), expected, found });
        }
        // A new element needs no policy of its own: the group that it joins is changed with it.
        let Some(existing) = existing else { continue };
        if !may_change(in_force, path, existing.mod_policy(), signers)? {
            return Err(denied(existing.mod_policy()));
        }
    }
    outcome(&mut Vec::new(), &current, &changed)
}

/// Whether these identities satisfy an element's modification policy. A relative name counts from the group that the
/// element is in (of a group: from itself).
fn may_change(in_force: &Channel, path: &Path<'_>, policy: &str, signers: &[Identity]) -> Result<bool, ConfigFault> {
    if policy.starts_with('/') {
        return Ok(in_force.tally(policy, signers)?.satisfied());
    }
    let mut parts: Vec<&str> = path.group.clone();
    parts.extend(policy.split('/'));
    let Some(name) = parts.pop() else { return Ok(false) };
    let Some(group) = in_force.root().below(&parts) else { return Ok(false) };
    Ok(tally(group, name, signers)?.satisfied())
}

/// Where an element stands: the group that it is, or that it is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Path<'a> {
    group: Vec<&'a str>,
    member: Option<(Kind, &'a str)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Value,
    Policy,
}

impl Path<'_> {
    fn name(&self) -> String {
        let mut out = String::from("/Channel");
        for part in self.group.iter().copied().chain(self.member.map(|(_, name)| name)) {
            out = format!("{out}/{part}");
        }
        out
    }
}

#[derive(Clone, Copy, Debug)]
enum Element<'a> {
    Group(&'a Group),
    Item(&'a Item),
}

impl<'a> Element<'a> {
    const fn version(&self) -> u64 {
        match self {
            Self::Group(group) => group.version,
            Self::Item(item) => item.version,
        }
    }

    fn mod_policy(&self) -> &'a str {
        match self {
            Self::Group(group) => &group.mod_policy,
            Self::Item(item) => &item.mod_policy,
        }
    }
}

type Flat<'a> = BTreeMap<Path<'a>, Element<'a>>;

/// All elements of a tree by where they stand.
fn flatten(root: &Group) -> Flat<'_> {
    fn add<'a>(group: &'a Group, at: &[&'a str], out: &mut Flat<'a>) {
        for (kind, items) in [(Kind::Value, &group.values), (Kind::Policy, &group.policies)] {
            for (name, item) in items {
                out.insert(Path { group: at.to_vec(), member: Some((kind, name)) }, Element::Item(item));
            }
        }
        for (name, below) in &group.groups {
            let mut at = at.to_vec();
            at.push(name);
            add(below, &at, out);
        }
        out.insert(Path { group: at.to_vec(), member: None }, Element::Group(group));
    }
    let mut out = Flat::new();
    add(root, &[], &mut out);
    out
}

/// The tree after the change. A group's members are those that its own newest version lists.
fn outcome<'a>(at: &mut Vec<&'a str>, current: &Flat<'a>, changed: &Flat<'a>) -> Result<Group, ConfigFault> {
    let newest = |path: &Path<'a>| changed.get(path).or_else(|| current.get(path)).copied();
    let path = Path { group: at.clone(), member: None };
    let Some(Element::Group(group)) = newest(&path) else { return Err(ConfigFault::NotTheResult) };
    let mut out = Group { version: group.version, mod_policy: group.mod_policy.clone(), ..Group::default() };
    for name in group.groups.keys() {
        at.push(name);
        out.groups.insert(name.clone(), outcome(at, current, changed)?);
        at.pop();
    }
    for (kind, from, into) in
        [(Kind::Value, &group.values, &mut out.values), (Kind::Policy, &group.policies, &mut out.policies)]
    {
        for name in from.keys() {
            let path = Path { group: at.clone(), member: Some((kind, name)) };
            let Some(Element::Item(item)) = newest(&path) else { return Err(ConfigFault::NotTheResult) };
            into.insert(name.clone(), item.clone());
        }
    }
    Ok(out)
}
