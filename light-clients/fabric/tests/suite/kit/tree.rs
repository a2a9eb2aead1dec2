//! Organisations, configurations, and updates of these.

use std::collections::BTreeMap;

use causeway_fabric::config::{Group, Item};

use super::{Authority, CHANNEL, Kind, Member, Message, START};

/// An organisation.
pub struct Org {
    pub name: String,
    pub authority: Authority,
    pub intermediates: Vec<String>,
    pub revocations: Vec<Vec<u8>>,
    pub kinds: bool,
}

impl Org {
    pub fn new(name: &str) -> Self {
        let authority = Authority::root(&format!("ca.{name}"));
        Self { name: name.into(), authority, intermediates: Vec::new(), revocations: Vec::new(), kinds: true }
    }

    pub fn member(&self, unit: &'static str) -> Member {
        self.authority.issue(&self.name, Kind::node(unit))
    }

    /// `msp.MSPConfig`.
    pub fn msp(&self) -> Vec<u8> {
        let unit = |name: &str| Message::new().bytes(2, name.as_bytes()).0;
        let mut config = Message::new()
            .bytes(1, self.name.as_bytes())
            .part(2, self.authority.pem.as_bytes())
            .parts(3, &self.intermediates)
            .parts(5, &self.revocations)
            .part(8, &Message::new().bytes(1, b"SHA2").bytes(2, b"SHA256").0);
        if self.kinds {
            let kinds = Message::new()
                .number(1, 1)
                .part(2, &unit("client"))
                .part(3, &unit("peer"))
                .part(4, &unit("admin"))
                .part(5, &unit("orderer"));
            config = config.part(11, &kinds.0);
        }
        Message::new().part(2, &config.0).0
    }

    fn group(&self) -> Group {
        let mut group = Group { mod_policy: "Admins".into(), ..Group::default() };
        group.values.insert("MSP".into(), item(self.msp()));
        for (name, role) in [("Admins", 1), ("Writers", 0), ("Readers", 0), ("Endorsement", 3)] {
            group.policies.insert(name.into(), item(signature_policy(1, &[role_principal(&self.name, role)])));
        }
        group
    }
}

pub fn item(value: Vec<u8>) -> Item {
    Item { version: 0, value, mod_policy: "Admins".into() }
}

/// `MSPPrincipal` of a role: 0 member, 1 admin, 2 client, 3 peer, 4 orderer.
pub fn role_principal(msp: &str, role: u64) -> Vec<u8> {
    Message::new().part(2, &Message::new().bytes(1, msp.as_bytes()).number(2, role).0).0
}

pub fn identity_principal(member: &Member) -> Vec<u8> {
    Message::new().number(1, 2).part(2, &member.serialized()).0
}

/// `SignaturePolicyEnvelope`: n of these principals.
pub fn envelope_policy(n: u64, principals: &[Vec<u8>]) -> Vec<u8> {
    let rules = (0..principals.len() as u8).map(|index| vec![8, index]);
    let rule = Message::new().part(2, &Message::new().number(1, n).parts(2, rules).0).0;
    Message::new().part(2, &rule).parts(3, principals).0
}

/// `common.Policy` of type signature.
pub fn signature_policy(n: u64, principals: &[Vec<u8>]) -> Vec<u8> {
    Message::new().number(1, 1).part(2, &envelope_policy(n, principals)).0
}

/// `common.Policy` of type implicit meta: 0 any, 1 all, 2 majority.
pub fn meta_policy(sub_policy: &str, rule: u64) -> Vec<u8> {
    Message::new().number(1, 3).part(2, &Message::new().bytes(1, sub_policy.as_bytes()).number(2, rule).0).0
}

fn section(orgs: &[&Org]) -> Group {
    let mut group = Group { mod_policy: "Admins".into(), ..Group::default() };
    group.groups = orgs.iter().map(|org| (org.name.clone(), org.group())).collect();
    for (name, rule) in [("Admins", 2), ("Writers", 0), ("Readers", 0), ("Endorsement", 2)] {
        group.policies.insert(name.into(), item(meta_policy(name, rule)));
    }
    group
}

/// `Capabilities` with one name.
pub fn capability(name: &str) -> Vec<u8> {
    Message::new().part(1, &Message::new().part(1, name.as_bytes()).part(2, &[]).0).0
}

/// The root group of a channel. With consenters: SmartBFT.
pub fn root(orderers: &[&Org], applications: &[&Org], consenters: &[&Member]) -> Group {
    let mut ordering = section(orderers);
    let kind = if consenters.is_empty() { "etcdraft" } else { "BFT" };
    ordering.values.insert("ConsensusType".into(), item(Message::new().bytes(1, kind.as_bytes()).bytes(2, b"x").0));
    ordering.policies.insert("BlockValidation".into(), item(meta_policy("Writers", 0)));
    if !consenters.is_empty() {
        set_consenters(&mut ordering, consenters);
    }
    let mut root = Group { mod_policy: "Admins".into(), ..Group::default() };
    root.values.insert("HashingAlgorithm".into(), item(Message::new().bytes(1, b"SHA256").0));
    root.values.insert("BlockDataHashingStructure".into(), item(Message::new().number(1, u32::MAX.into()).0));
    root.values.insert("Capabilities".into(), item(capability("V2_0")));
    for (name, rule) in [("Admins", 2), ("Writers", 0), ("Readers", 0)] {
        root.policies.insert(name.into(), item(meta_policy(name, rule)));
    }
    root.groups = BTreeMap::from([("Orderer".into(), ordering), ("Application".into(), section(applications))]);
    root
}

/// `Orderers`, and the policy that Fabric derives from it.
pub fn set_consenters(ordering: &mut Group, consenters: &[&Member]) {
    let consenter = |(id, member): (usize, &&Member)| {
        Message::new()
            .number(1, id as u64 + 1)
            .bytes(2, b"127.0.0.1")
            .number(3, 7050)
            .bytes(4, member.msp.as_bytes())
            .bytes(5, member.pem.as_bytes())
            .0
    };
    let all: Vec<Vec<u8>> = consenters.iter().enumerate().map(consenter).collect();
    ordering.values.insert("Orderers".into(), item(Message::new().parts(1, all).0));
    let n = consenters.len();
    let quorum = (n + (n - 1) / 3 + 1).div_ceil(2);
    let principals: Vec<Vec<u8>> = consenters.iter().map(|member| identity_principal(member)).collect();
    ordering.policies.insert("BlockValidation".into(), item(signature_policy(quorum as u64, &principals)));
}

/// `common.ConfigGroup`.
pub fn encode_group(group: &Group) -> Vec<u8> {
    let entry = |name: &str, value: &[u8]| Message::new().part(1, name.as_bytes()).part(2, value).0;
    let items = |items: &BTreeMap<String, Item>| -> Vec<Vec<u8>> {
        let encode = |item: &Item| {
            Message::new().number(1, item.version).bytes(2, &item.value).bytes(3, item.mod_policy.as_bytes()).0
        };
        items.iter().map(|(name, item)| entry(name, &encode(item))).collect()
    };
    let groups: Vec<Vec<u8>> = group.groups.iter().map(|(name, below)| entry(name, &encode_group(below))).collect();
    Message::new()
        .number(1, group.version)
        .parts(2, groups)
        .parts(3, items(&group.values))
        .parts(4, items(&group.policies))
        .bytes(5, group.mod_policy.as_bytes())
        .0
}

pub fn channel_header(kind: u64, tx_id: &str, chaincode: &str) -> Vec<u8> {
    let extension = Message::new().part(2, &Message::new().bytes(2, chaincode.as_bytes()).0).0;
    Message::new()
        .number(1, kind)
        .part(3, &Message::new().number(1, START).0)
        .bytes(4, CHANNEL.as_bytes())
        .bytes(5, tx_id.as_bytes())
        .bytes(7, if chaincode.is_empty() { &[] } else { &extension })
        .0
}

pub fn payload(channel_header: &[u8], signature_header: &[u8], data: &[u8]) -> Vec<u8> {
    let header = Message::new().part(1, channel_header).part(2, signature_header).0;
    Message::new().part(1, &header).bytes(2, data).0
}

/// An envelope signed by a member.
pub fn envelope(member: &Member, channel_header: &[u8], data: &[u8]) -> Vec<u8> {
    let payload = payload(channel_header, &member.header(), data);
    Message::new().part(1, &payload).bytes(2, &member.sign(&payload)).0
}

/// `common.Config`.
pub fn config(sequence: u64, root: &Group) -> Vec<u8> {
    Message::new().number(1, sequence).part(2, &encode_group(root)).0
}

/// An update's envelope: read set, write set, signed by these.
pub fn update_envelope(read: &Group, write: &Group, signers: &[&Member]) -> Vec<u8> {
    let update =
        Message::new().bytes(1, CHANNEL.as_bytes()).part(2, &encode_group(read)).part(3, &encode_group(write)).0;
    let signature = |member: &&Member| {
        let header = member.header();
        let signature = member.sign(&[header.as_slice(), &update].concat());
        Message::new().part(1, &header).bytes(2, &signature).0
    };
    let signatures: Vec<Vec<u8>> = signers.iter().map(signature).collect();
    let data = Message::new().part(1, &update).parts(2, signatures).0;
    let payload = payload(&channel_header(2, "", ""), &[], &data);
    Message::new().part(1, &payload).0
}
