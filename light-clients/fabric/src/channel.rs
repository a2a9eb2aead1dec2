//! What a channel's configuration means: its organisations, who orders its blocks, and under which policy.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};

use crate::{
    bounds::{MAX_CONSENTERS, MAX_GROUP_ITEMS},
    config::{ConfigFault, Group, Item, read_config},
    msp::{Identity, Msp, MspFault, MspVersion},
    policy::{Tally, tally},
    wire::Reader,
    x509::{Certificate, CertificateFault},
};

/// Channel capabilities that change what is judged here, and those that do not; any other is refused, as peers do.
const CAPABILITIES: [(&str, MspVersion); 6] = [
    ("V1_1", MspVersion::V1_1),
    ("V1_3", MspVersion::V1_1),
    ("V1_4_2", MspVersion::V1_1),
    ("V1_4_3", MspVersion::V1_4_3),
    ("V2_0", MspVersion::V1_4_3),
    ("V3_0", MspVersion::V1_4_3),
];

/// A SmartBFT consenter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consenter {
    /// The number by which blocks call it.
    pub id: u64,
    /// Its organisation.
    pub msp: String,
    /// Its certificate. None if it can not be used (another curve, say): the consenter counts, but can not sign here.
    pub certificate: Option<Certificate>,
    /// Its serialized identity.
    pub(crate) serialized: Vec<u8>,
}

/// How blocks come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Consensus {
    /// One orderer signs (etcd raft, and the older Kafka and solo): the `BlockValidation` policy is all there is.
    CrashTolerant,
    /// SmartBFT: a quorum of these sign.
    Bft(Vec<Consenter>),
}

/// A channel under one configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    config: Vec<u8>,
    sequence: u64,
    root: Group,
    msps: BTreeMap<String, Msp>,
    consensus: Consensus,
}

/// ⌈(n + f + 1) / 2⌉ with f = ⌊(n − 1) / 3⌋ (Fabric `policies.ComputeBFTQuorum`).
pub const fn quorum(consenters: usize) -> usize {
    let faulty = consenters.saturating_sub(1) / 3;
    (consenters + faulty + 1).div_ceil(2)
}

impl Channel {
    /// Reads a channel's configuration (`common.Config`).
    ///
    /// # Errors
    /// It is not canonical, or asks for what is not supported.
    pub fn read(config: &[u8]) -> Result<Self, ConfigFault> {
        let (sequence, root) = read_config(config)?;
        let version = msp_version(&root)?;
        hashes(&root)?;
        let orderers = root.groups.get("Orderer").ok_or(ConfigFault::Missing("group Orderer"))?;
        if !orderers.policies.contains_key("BlockValidation") {
            return Err(ConfigFault::Missing("policy BlockValidation"));
        }
        let mut msps = BTreeMap::new();
        for (name, organisation) in root.groups.values().flat_map(|section| &section.groups) {
            collect_msp(name, organisation, version, &mut msps)?;
        }
        let consensus = consensus(orderers)?;
        Ok(Self { config: config.to_vec(), sequence, root, msps, consensus })
    }

    /// The bytes that it was read from.
    pub fn config(&self) -> &[u8] {
        &self.config
    }

    /// How many updates led to this configuration.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The tree of the configuration.
    pub const fn root(&self) -> &Group {
        &self.root
    }

    /// How blocks come about.
    pub const fn consensus(&self) -> &Consensus {
        &self.consensus
    }

    /// An organisation's provider.
    pub fn msp(&self, name: &str) -> Option<&Msp> {
        self.msps.get(name)
    }

    /// Counts the rules of a policy that these identities satisfy. The path is absolute, as configurations write it
    /// (`/Channel/Application/Endorsement`).
    ///
    /// # Errors
    /// There is no such policy, or it can not be judged.
    pub fn tally(&self, path: &str, identities: &[Identity]) -> Result<Tally, crate::PolicyFault> {
        let missing = || crate::PolicyFault::Missing(path.to_string());
        let below = path.strip_prefix("/Channel/").ok_or_else(missing)?;
        let mut parts: Vec<&str> = below.split('/').collect();
        let name = parts.pop().ok_or_else(missing)?;
        tally(self.root.below(&parts).ok_or_else(missing)?, name, identities)
    }

    /// The consenter whom blocks call by this number.
    pub(crate) fn consenter(&self, id: u64) -> Option<&Consenter> {
        match &self.consensus {
            Consensus::Bft(consenters) => consenters.iter().find(|consenter| consenter.id == id),
            Consensus::CrashTolerant => None,
        }
    }
}

fn msp_version(root: &Group) -> Result<MspVersion, ConfigFault> {
    let Some(value) = root.values.get("Capabilities") else { return Ok(MspVersion::V1_0) };
    let mut version = MspVersion::V1_0;
    for name in capabilities(value)? {
        let known = CAPABILITIES.iter().find(|(known, _)| *known == name);
        let (_, least) =
            known.ok_or_else(|| ConfigFault::Unsupported { what: "channel capability", found: name.to_string() })?;
        version = version.max(*least);
    }
    Ok(version)
}

fn capabilities(value: &Item) -> Result<Vec<&str>, ConfigFault> {
    let mut reader = Reader::new("Capabilities", &value.value);
    let entries = reader.entries(1, MAX_GROUP_ITEMS)?;
    reader.end()?;
    Ok(entries.into_iter().map(|(name, _)| name).collect())
}

/// SHA-256, and one flat hash over a block's data: all that Fabric ever allowed, checked because the rest stands on it.
fn hashes(root: &Group) -> Result<(), ConfigFault> {
    if let Some(value) = root.values.get("HashingAlgorithm") {
        let mut reader = Reader::new("HashingAlgorithm", &value.value);
        let name = reader.text(1)?;
        reader.end()?;
        if name != "SHA256" {
            return Err(ConfigFault::Unsupported { what: "hash", found: name.to_string() });
        }
    }
    if let Some(value) = root.values.get("BlockDataHashingStructure") {
        let mut reader = Reader::new("BlockDataHashingStructure", &value.value);
        let width = reader.number(1)?;
        reader.end()?;
        if width != u64::from(u32::MAX) {
            return Err(ConfigFault::Unsupported { what: "width of the data hash", found: width.to_string() });
        }
    }
    Ok(())
}

/// An organisation whose provider is of another type, or has keys that are not judged here, has no members: nobody is
/// known by it, and what needs it is not satisfied.
fn collect_msp(
    group: &str,
    organisation: &Group,
    version: MspVersion,
    msps: &mut BTreeMap<String, Msp>,
) -> Result<(), ConfigFault> {
    let Some(value) = organisation.values.get("MSP") else { return Ok(()) };
    let msp = match Msp::read(&value.value, version) {
        Ok(Some(msp)) => msp,
        Ok(None) | Err(MspFault::Certificate(CertificateFault::UnsupportedKey)) => return Ok(()),
        Err(fault) => return Err(ConfigFault::Msp { name: group.to_string(), fault }),
    };
    let name = msp.name().to_string();
    match msps.get(&name) {
        Some(other) if *other != msp => Err(ConfigFault::TwoMsps(name)),
        _ => {
            msps.insert(name, msp);
            Ok(())
        }
    }
}

fn consensus(orderers: &Group) -> Result<Consensus, ConfigFault> {
    let value = orderers.values.get("ConsensusType").ok_or(ConfigFault::Missing("ConsensusType"))?;
    let mut reader = Reader::new("ConsensusType", &value.value);
    let name = reader.text(1)?;
    reader.bytes(2)?; // Raft's or SmartBFT's own options: timeouts and addresses.
    let state = reader.small(3)?;
    reader.end()?;
    if state > 1 {
        return Err(ConfigFault::Unsupported { what: "consensus state", found: state.to_string() });
    }
    match name {
        "etcdraft" | "solo" | "kafka" => Ok(Consensus::CrashTolerant),
        "BFT" => {
            let value = orderers.values.get("Orderers").ok_or(ConfigFault::Missing("Orderers"))?;
            consenters(&value.value).map(Consensus::Bft)
        }
        other => Err(ConfigFault::Unsupported { what: "consensus", found: other.to_string() }),
    }
}

fn consenters(bytes: &[u8]) -> Result<Vec<Consenter>, ConfigFault> {
    let mut reader = Reader::new("Orderers", bytes);
    let parts = reader.parts(1, MAX_CONSENTERS)?;
    reader.end()?;
    let mut all: Vec<Consenter> = Vec::with_capacity(parts.len());
    for part in parts {
        let mut reader = Reader::new("Consenter", part);
        let id = reader.number(1)?;
        reader.text(2)?;
        reader.number(3)?;
        let msp = reader.text(4)?.to_string();
        let pem = reader.bytes(5)?;
        reader.bytes(6)?;
        reader.bytes(7)?;
        reader.end()?;
        let certificate = Certificate::from_pem(pem).ok();
        if all.iter().any(|other| other.id == id) {
            return Err(ConfigFault::DuplicateConsenter(id));
        }
        let mut serialized = Vec::new();
        crate::wire::put(&mut serialized, 1, msp.as_bytes());
        crate::wire::put(&mut serialized, 2, pem);
        all.push(Consenter { id, msp, certificate, serialized });
    }
    if all.is_empty() { Err(ConfigFault::Missing("consenters")) } else { Ok(all) }
}
