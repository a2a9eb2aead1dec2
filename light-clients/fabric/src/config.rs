//! A channel's configuration: the tree of groups, values and policies (`common.Config`).

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};

use thiserror::Error;

use crate::{
    PolicyFault,
    bounds::{MAX_CONFIG_BYTES, MAX_CONFIG_ELEMENTS, MAX_GROUP_DEPTH, MAX_GROUP_ITEMS},
    msp::MspFault,
    wire::{Reader, WireFault},
};

/// Why a configuration can not be used, or did not come about by the rules.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigFault {
    /// A message is not canonical.
    #[error("{0}")]
    Message(#[from] WireFault),
    /// A policy can not be judged.
    #[error("{0}")]
    Policy(#[from] PolicyFault),
    /// An organisation's provider can not be used.
    #[error("MSP {name}: {fault}")]
    Msp {
        /// The organisation's group.
        name: String,
        /// Why not.
        fault: MspFault,
    },
    /// Two groups describe one organisation differently.
    #[error("two groups describe MSP {0} differently")]
    TwoMsps(String),
    /// A part without which nobody can be judged is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The channel asks for something that this client does not know.
    #[error("{what} {found} is not supported")]
    Unsupported {
        /// What it asks for.
        what: &'static str,
        /// Its name.
        found: String,
    },
    /// Two consenters share a number.
    #[error("two consenters share number {0}")]
    DuplicateConsenter(u64),
    /// The sequence number does not follow.
    #[error("sequence: expected {expected}, found {found}")]
    Sequence {
        /// The number that has to come.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// The update was made for another state of this element.
    #[error("{path}: the update read version {found}, in force is {expected:?}")]
    ReadSet {
        /// The element.
        path: String,
        /// Version in force; none if there is no such element.
        expected: Option<u64>,
        /// Version that the update read.
        found: u64,
    },
    /// A changed element does not count its version up by one (a new one: does not begin at 0).
    #[error("{path}: expected version {expected}, found {found}")]
    Version {
        /// The element.
        path: String,
        /// The version that has to come.
        expected: u64,
        /// The version found.
        found: u64,
    },
    /// Those who signed the update may not change this element.
    #[error("{path}: policy {policy} is not satisfied by who signed the update")]
    NotAuthorized {
        /// The element.
        path: String,
        /// Its modification policy.
        policy: String,
    },
    /// The update changes nothing.
    #[error("the update changes nothing")]
    NoChange,
    /// The configuration is not what the update makes of the one before it.
    #[error("the configuration is not what its update makes of the one in force")]
    NotTheResult,
}

/// A value or a policy.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Item {
    /// How often it was changed.
    pub version: u64,
    /// Its content.
    pub value: Vec<u8>,
    /// The policy under which it may be changed.
    pub mod_policy: String,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Group {
    /// How often its members were changed.
    pub version: u64,
    /// Groups in it.
    pub groups: BTreeMap<String, Group>,
    /// Values in it.
    pub values: BTreeMap<String, Item>,
    /// Policies in it.
    pub policies: BTreeMap<String, Item>,
    /// The policy under which its members may be changed.
    pub mod_policy: String,
}

/// Reads `common.Config`: sequence number and root group.
pub(crate) fn read_config(bytes: &[u8]) -> Result<(u64, Group), WireFault> {
    const MESSAGE: &str = "Config";
    if bytes.len() > MAX_CONFIG_BYTES {
        return Err(WireFault::TooLarge { message: MESSAGE, field: 0, limit: MAX_CONFIG_BYTES });
    }
    let mut reader = Reader::new(MESSAGE, bytes);
    let sequence = reader.number(1)?;
    let group = reader.required(2)?;
    reader.end()?;
    Ok((sequence, Group::read(group)?))
}

impl Group {
    /// Reads `common.ConfigGroup`. The entries of a map may stand in any order (Go writes them in none), but none twice.
    ///
    /// # Errors
    /// It is not canonical, or larger than the bounds.
    pub fn read(bytes: &[u8]) -> Result<Self, WireFault> {
        let mut left = MAX_CONFIG_ELEMENTS;
        Self::read_within(bytes, MAX_GROUP_DEPTH, &mut left)
    }

    fn read_within(bytes: &[u8], depth: usize, left: &mut usize) -> Result<Self, WireFault> {
        const MESSAGE: &str = "ConfigGroup";
        let too_deep = WireFault::TooLarge { message: MESSAGE, field: 0, limit: MAX_GROUP_DEPTH };
        let depth = depth.checked_sub(1).ok_or(too_deep)?;
        let mut reader = Reader::new(MESSAGE, bytes);
        let version = reader.number(1)?;
        let groups = reader.entries(2, MAX_GROUP_ITEMS)?;
        let values = reader.entries(3, MAX_GROUP_ITEMS)?;
        let policies = reader.entries(4, MAX_GROUP_ITEMS)?;
        let mod_policy = reader.text(5)?.to_string();
        reader.end()?;
        let count = groups.len() + values.len() + policies.len();
        let too_many = WireFault::TooLarge { message: MESSAGE, field: 0, limit: MAX_CONFIG_ELEMENTS };
        *left = left.checked_sub(count).ok_or(too_many)?;
        Ok(Self {
            version,
            groups: map(2, groups, |bytes| Self::read_within(bytes, depth, left))?,
            values: map(3, values, |bytes| Item::read("ConfigValue", bytes))?,
            policies: map(4, policies, |bytes| Item::read("ConfigPolicy", bytes))?,
            mod_policy,
        })
    }

    /// The group at a path below this one.
    pub fn below(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |group, name| group.groups.get(*name))
    }
}

impl Item {
    /// `ConfigValue` and `ConfigPolicy` are alike: version, content, policy. (The content of a value is bytes and absent
    /// if empty; that of a policy is a message and may be there though empty.)
    fn read(message: &'static str, bytes: &[u8]) -> Result<Self, WireFault> {
        let mut reader = Reader::new(message, bytes);
        let version = reader.number(1)?;
        let value = reader.part(2)?.unwrap_or_default().to_vec();
        let mod_policy = reader.text(3)?.to_string();
        reader.end()?;
        Ok(Self { version, value, mod_policy })
    }
}

fn map<'a, T>(
    field: u64,
    entries: Vec<(&'a str, &'a [u8])>,
    mut read: impl FnMut(&'a [u8]) -> Result<T, WireFault>,
) -> Result<BTreeMap<String, T>, WireFault> {
    let mut out = BTreeMap::new();
    for (key, bytes) in entries {
        if out.insert(key.to_string(), read(bytes)?).is_some() {
            return Err(WireFault::DuplicateKey { message: "ConfigGroup", field });
        }
    }
    Ok(out)
}
