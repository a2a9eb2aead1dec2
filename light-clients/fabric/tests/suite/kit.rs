//! Channels with real keys and certificates: organisations, configurations, blocks, attested reads.
//!
//! It writes Protocol Buffers by hand, from the field numbers of Fabric's `.proto` files, so that reader and writer have
//! nothing in common.

use std::collections::BTreeMap;

use alloy_primitives::{B256, hex, keccak256};
use causeway_crypto::p256::{Native, Portable};
use causeway_fabric::{
    BlockHeader, Params, Pin, ReadPolicy, Reads, Refusal, TrustedState, Update, Verified,
    config::{Group, Item},
    header::data_hash,
    verify_with,
};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use sha2::{Digest, Sha256};

/// Time of the pin in all tests, Unix seconds (2027-01-15).
pub const START: u64 = 1_800_000_000;
/// The channel's name in all tests.
pub const CHANNEL: &str = "trade";

pub fn sha256(bytes: &[u8]) -> B256 {
    B256::new(Sha256::digest(bytes).into())
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// A message being written.
#[derive(Clone, Default)]
pub struct Message(pub Vec<u8>);

impl Message {
    pub fn new() -> Self {
        Self::default()
    }

    /// A number, unless it is zero.
    pub fn number(mut self, field: u64, number: u64) -> Self {
        if number != 0 {
            varint(&mut self.0, field << 3);
            varint(&mut self.0, number);
        }
        self
    }

    /// A message, also if it is empty.
    pub fn part(mut self, field: u64, part: &[u8]) -> Self {
        varint(&mut self.0, field << 3 | 2);
        varint(&mut self.0, part.len() as u64);
        self.0.extend_from_slice(part);
        self
    }

    /// Bytes, unless they are empty.
    pub fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        if bytes.is_empty() { self } else { self.part(field, bytes) }
    }

    pub fn parts<P: AsRef<[u8]>>(self, field: u64, parts: impl IntoIterator<Item = P>) -> Self {
        parts.into_iter().fold(self, |message, part| message.part(field, part.as_ref()))
    }
}

/// How a certificate is made.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub unit: &'static str,
    pub not_after: i32,
    pub is_authority: bool,
    pub may_sign: bool,
    pub serial: u64,
}

impl Kind {
    pub const fn node(unit: &'static str) -> Self {
        Self { unit, not_after: 2036, is_authority: false, may_sign: true, serial: 7 }
    }
}

/// A certificate authority.
pub struct Authority {
    pub pem: String,
    params: CertificateParams,
    key: KeyPair,
}

fn authority_params(name: &str, path_length: Option<u8>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2036, 1, 1);
    params.is_ca = IsCa::Ca(path_length.map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    params
}

impl Authority {
    pub fn root(name: &str) -> Self {
        let (params, key) = (authority_params(name, None), KeyPair::generate().unwrap());
        Self { pem: params.self_signed(&key).unwrap().pem(), params, key }
    }

    pub fn below(&self, name: &str, path_length: Option<u8>) -> Self {
        let (mut params, key) = (authority_params(name, path_length), KeyPair::generate().unwrap());
        params.use_authority_key_identifier_extension = true;
        let issuer = Issuer::from_params(&self.params, &self.key);
        Self { pem: params.signed_by(&key, &issuer).unwrap().pem(), params, key }
    }

    pub fn issue(&self, msp: &str, kind: Kind) -> Member {
        let key = KeyPair::generate().unwrap();
        self.certify(msp, kind, &key)
    }

    fn certify(&self, msp: &str, kind: Kind, key: &KeyPair) -> Member {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "node");
        if !kind.unit.is_empty() {
            params.distinguished_name.push(DnType::OrganizationalUnitName, kind.unit);
        }
        params.not_before = date_time_ymd(2026, 6, 1);
        params.not_after = date_time_ymd(kind.not_after, 1, 1);
        params.serial_number = Some(SerialNumber::from(kind.serial));
        params.use_authority_key_identifier_extension = true;
        params.is_ca = if kind.is_authority { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
        params.key_usages =
            vec![if kind.may_sign { KeyUsagePurpose::DigitalSignature } else { KeyUsagePurpose::KeyEncipherment }];
        let issuer = Issuer::from_params(&self.params, &self.key);
        let pem = params.signed_by(key, &issuer).unwrap().pem().replace("\r\n", "\n");
        // PKCS #8 of a P-256 key as ring writes it: the number stands at a fixed place.
        let signer = SigningKey::from_slice(&key.serialized_der()[36..68]).unwrap();
        assert_eq!(signer.verifying_key().to_encoded_point(false).as_bytes(), key.public_key_raw());
        Member { msp: msp.into(), pem, key: signer }
    }

    /// Two certificates of one key.
    pub fn issue_twice(&self, msp: &str, kind: Kind) -> [Member; 2] {
        let key = KeyPair::generate().unwrap();
        [self.certify(msp, kind, &key), self.certify(msp, Kind { serial: kind.serial + 1, ..kind }, &key)]
    }

    /// A list that takes back these serial numbers.
    pub fn revoke(&self, serials: &[u64]) -> Vec<u8> {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2026, 12, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 12, 1),
            next_update: date_time_ymd(2027, 12, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&Issuer::from_params(&self.params, &self.key)).unwrap().pem().unwrap().into_bytes()
    }
}

/// Somebody with a key and a certificate.
#[derive(Clone)]
pub struct Member {
    pub msp: String,
    pub pem: String,
    pub key: SigningKey,
}

impl Member {
    /// `msp.SerializedIdentity`.
    pub fn serialized(&self) -> Vec<u8> {
        Message::new().bytes(1, self.msp.as_bytes()).bytes(2, self.pem.as_bytes()).0
    }

    /// `common.SignatureHeader`.
    pub fn header(&self) -> Vec<u8> {
        Message::new().part(1, &self.serialized()).bytes(2, &[9; 24]).0
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.key.sign(message);
        signature.normalize_s().unwrap_or(signature).to_der().as_bytes().to_vec()
    }
}

/// (r, n − s).
pub fn twin(signature: &[u8]) -> Vec<u8> {
    let (r, s) = Signature::from_der(signature).unwrap().split_scalars();
    Signature::from_scalars(*r, -*s).unwrap().to_der().as_bytes().to_vec()
}

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

/// An update in parts that a test can change.
#[derive(Clone)]
pub struct Parts {
    pub between: Vec<B256>,
    pub header: BlockHeader,
    pub value: Vec<u8>,
    /// Signature header, signature, identifier header.
    pub signatures: Vec<[Vec<u8>; 3]>,
    pub data: Option<Vec<Vec<u8>>>,
}

impl Parts {
    pub fn metadata(&self) -> Vec<u8> {
        let signatures: Vec<Vec<u8>> = self
            .signatures
            .iter()
            .map(|[header, signature, identifier]| {
                Message::new().bytes(1, header).bytes(2, signature).bytes(3, identifier).0
            })
            .collect();
        Message::new().bytes(1, &self.value).parts(2, signatures).0
    }

    pub fn encode(&self) -> Vec<u8> {
        let between: Vec<u8> = self.between.iter().flat_map(|hash| hash.0).collect();
        let data = self.data.as_ref().map(|data| Message::new().parts(1, data).0);
        let signatures = self.metadata();
        let (between, data) = (between.as_slice(), data.as_deref());
        Update { between, header: self.header, signatures: &signatures, data }.encode().unwrap()
    }

    /// Signed by an orderer whose certificate goes along.
    pub fn signed_by(mut self, orderers: &[&Member]) -> Self {
        self.signatures = orderers
            .iter()
            .map(|orderer| {
                let header = orderer.header();
                let message = [self.value.as_slice(), &header, &self.header.der()].concat();
                [header, orderer.sign(&message), Vec::new()]
            })
            .collect();
        self
    }

    /// Signed by consenters who are called by their numbers.
    pub fn signed_by_consenters(mut self, consenters: &[(u64, &Member)]) -> Self {
        self.signatures = consenters
            .iter()
            .map(|(id, consenter)| {
                let identifier = Message::new().number(1, *id).bytes(2, &[3; 24]).0;
                let message = [self.value.as_slice(), &identifier, &self.header.der()].concat();
                [Vec::new(), consenter.sign(&message), identifier]
            })
            .collect();
        self
    }
}

/// A channel with its members.
pub struct Chain {
    pub params: Params,
    pub orderer_org: Org,
    pub orgs: Vec<Org>,
    pub orderers: Vec<Member>,
    /// One peer of each organisation.
    pub peers: Vec<Member>,
    /// One administrator of each organisation, the orderers' last.
    pub admins: Vec<Member>,
    pub client: Member,
    pub root: Group,
    pub trusted: TrustedState,
    pub genesis: Vec<u8>,
}

/// Vault of all tests.
pub const VAULT: &str = "vault";

impl Chain {
    /// A raft channel: one orderer organisation, this many others.
    pub fn raft(organisations: usize) -> Self {
        Self::new(organisations, 1, false)
    }

    /// SmartBFT with this many consenters, and two organisations.
    pub fn bft(consenters: usize) -> Self {
        Self::new(2, consenters, true)
    }

    fn new(organisations: usize, orderers: usize, bft: bool) -> Self {
        let orderer_org = Org::new("OrdererMSP");
        let orgs: Vec<Org> = (1..=organisations).map(|number| Org::new(&format!("Org{number}MSP"))).collect();
        let orderers: Vec<Member> = (0..orderers).map(|_| orderer_org.member("orderer")).collect();
        let consenters: Vec<&Member> = if bft { orderers.iter().collect() } else { Vec::new() };
        let root = root(&[&orderer_org], &orgs.iter().collect::<Vec<_>>(), &consenters);
        let peers = orgs.iter().map(|org| org.member("peer")).collect();
        let admins = orgs.iter().chain([&orderer_org]).map(|org| org.member("admin")).collect();
        let client = orgs[0].member("client");
        let (params, genesis, trusted) = begin(&root);
        Self { params, orderer_org, orgs, orderers, peers, admins, client, root, trusted, genesis }
    }

    /// A block of transactions, `ahead` of the trusted one, the blocks between with data of nobody's interest.
    pub fn block(&self, ahead: u64, data: Option<Vec<Vec<u8>>>) -> Parts {
        let between: Vec<B256> = (1..ahead).map(|number| keccak256(number.to_be_bytes())).collect();
        let (mut number, mut previous) = (self.trusted.height(), self.trusted.block_hash());
        for hash in &between {
            number += 1;
            previous = BlockHeader { number, previous_hash: Some(previous), data_hash: *hash }.hash();
        }
        let hash = match &data {
            Some(data) => data_hash(&data.iter().map(Vec::as_slice).collect::<Vec<_>>()),
            None => B256::repeat_byte(0xd5),
        };
        let header = BlockHeader { number: number + 1, previous_hash: Some(previous), data_hash: hash };
        Parts { between, header, value: value(self.trusted.config_height()), signatures: Vec::new(), data }
    }

    /// The honest update to the block `ahead`.
    pub fn update(&self, ahead: u64) -> Parts {
        self.sealed(self.block(ahead, None))
    }

    /// Signed as the channel's blocks are: by one orderer, or by a quorum.
    pub fn sealed(&self, parts: Parts) -> Parts {
        let n = self.orderers.len();
        if n == 1 {
            return parts.signed_by(&[&self.orderers[0]]);
        }
        let quorum = (n + (n - 1) / 3 + 1).div_ceil(2);
        let consenters: Vec<(u64, &Member)> = (1..).zip(&self.orderers).take(quorum).collect();
        parts.signed_by_consenters(&consenters)
    }

    /// The block that brings `next`, by an update that writes all of it over what `read` names.
    pub fn config_block(&self, sequence: u64, next: &Group, update: &[u8]) -> Parts {
        let data = Message::new().part(1, &config(sequence, next)).part(2, update).0;
        let envelope = envelope(&self.orderers[0], &channel_header(1, "", ""), &data);
        let mut parts = self.block(1, Some(vec![envelope]));
        parts.value = value(parts.header.number);
        self.sealed(parts)
    }

    pub fn verify(&self, parts: &Parts) -> Result<Verified, Refusal> {
        self.verify_at(parts, START + 60)
    }

    pub fn verify_at(&self, parts: &Parts, now: u64) -> Result<Verified, Refusal> {
        verify_both(&self.params, &self.trusted, &parts.encode(), now)
    }
}

/// Both signature implementations must say the same.
pub fn verify_both(params: &Params, trusted: &TrustedState, update: &[u8], now: u64) -> Result<Verified, Refusal> {
    let native = verify_with::<Native>(params, trusted, update, now);
    assert_eq!(native, verify_with::<Portable>(params, trusted, update, now));
    native
}

/// `OrdererBlockMetadata` that names the last configuration block.
pub fn value(last_config: u64) -> Vec<u8> {
    Message::new().part(1, &Message::new().number(1, last_config).0).bytes(2, b"raft").0
}

pub fn params() -> Params {
    Params {
        channel: CHANNEL.into(),
        trusting_period: 14 * 86_400,
        freeze_delay: 3_600,
        clock: B256::repeat_byte(0xc1),
        reads: Some(Reads { chaincode: VAULT.into(), policy: ReadPolicy::Channel(ReadPolicy::DEFAULT_PATH.into()) }),
    }
}

/// `common.Block`.
pub fn block_bytes(header: &BlockHeader, data: &[Vec<u8>], metadata: &[Vec<u8>]) -> Vec<u8> {
    let previous = header.previous_hash.map(|hash| hash.to_vec()).unwrap_or_default();
    let head = Message::new().number(1, header.number).bytes(2, &previous).part(3, header.data_hash.as_slice()).0;
    let data = Message::new().parts(1, data).0;
    Message::new().part(1, &head).part(2, &data).part(3, &Message::new().parts(1, metadata).0).0
}

/// A channel's first block, unsigned as tools make it, and the client that begins at it.
pub fn begin(root: &Group) -> (Params, Vec<u8>, TrustedState) {
    let data = Message::new().part(1, &config(0, root)).0;
    let payload = payload(&channel_header(1, "", ""), &Message::new().bytes(2, &[1; 24]).0, &data);
    let envelope = Message::new().part(1, &payload).0;
    let header = BlockHeader { number: 0, previous_hash: None, data_hash: sha256(&envelope) };
    let block = block_bytes(&header, &[envelope], &[vec![], vec![], vec![0], vec![], vec![]]);
    let (params, pin) = (params(), Pin { block_hash: header.hash(), time: START });
    let trusted = TrustedState::begin(&params, &pin, &block, START).unwrap();
    (params, block, trusted)
}

/// An attested read in parts that a test can change.
#[derive(Clone)]
pub struct Attested {
    pub channel: Vec<u8>,
    pub chaincode: String,
    pub arguments: Vec<Vec<u8>>,
    pub status: u64,
    pub answer: Vec<u8>,
    /// The chaincode's read set: key and block.
    pub reads: Vec<(String, u64)>,
    /// Further fields of the read-write set of the chaincode.
    pub extra: Message,
    pub nonce: Vec<u8>,
}

impl Attested {
    pub fn outbox(lane: &B256, size: u64, root: B256, block: u64) -> Self {
        let answer = [lane.as_slice(), &size.to_be_bytes(), root.as_slice()].concat();
        Self {
            channel: CHANNEL.into(),
            chaincode: VAULT.into(),
            arguments: vec![b"outbox".to_vec(), hex::encode(lane).into_bytes()],
            status: 200,
            answer,
            reads: vec![(format!("outbox/{}", hex::encode(lane)), block)],
            extra: Message::new(),
            nonce: vec![4; 24],
        }
    }

    /// Asked by `client`, endorsed by `peers`: the bytes that these sign, and the whole.
    pub fn signed(&self, client: &Member, peers: &[&Member]) -> Vec<u8> {
        let creator = client.serialized();
        let tx_id = hex::encode(sha256(&[self.nonce.as_slice(), &creator].concat()));
        let name = Message::new().bytes(2, self.chaincode.as_bytes()).0;
        let channel_header = Message::new()
            .number(1, 3)
            .part(3, &Message::new().number(1, START).0)
            .bytes(4, &self.channel)
            .bytes(5, tx_id.as_bytes())
            .bytes(7, &Message::new().part(2, &name).0)
            .0;
        let signature_header = Message::new().part(1, &creator).bytes(2, &self.nonce).0;
        let input = Message::new().parts(1, &self.arguments).0;
        let spec = Message::new().number(1, 1).part(2, &name).part(3, &input).0;
        let question = Message::new().part(1, &Message::new().part(1, &spec).0).0;
        let hash = sha256(&[channel_header.as_slice(), &signature_header, &question].concat());
        let answer = self.answer_bytes(hash);
        let endorsement = |peer: &&Member| {
            let endorser = peer.serialized();
            let signature = peer.sign(&[answer.as_slice(), &endorser].concat());
            Message::new().part(1, &endorser).part(2, &signature).0
        };
        let endorsements: Vec<Vec<u8>> = peers.iter().map(endorsement).collect();
        let endorsed = Message::new().part(1, &answer).parts(2, endorsements).0;
        let action = Message::new().part(1, &question).part(2, &endorsed).0;
        let action = Message::new().part(1, &signature_header).part(2, &action).0;
        payload(&channel_header, &signature_header, &Message::new().part(1, &action).0)
    }

    fn answer_bytes(&self, hash: B256) -> Vec<u8> {
        let read = |(key, block): &(String, u64)| {
            let version = Message::new().number(1, *block).number(2, 0).0;
            Message::new().bytes(1, key.as_bytes()).part(2, &version).0
        };
        let mut set = Message::new().parts(1, self.reads.iter().map(read));
        set.0.extend_from_slice(&self.extra.0);
        let namespace = Message::new().bytes(1, VAULT.as_bytes()).bytes(2, &set.0).0;
        let results = Message::new().part(2, &namespace).0;
        let response = Message::new().number(1, self.status).bytes(3, &self.answer).0;
        let action = Message::new()
            .bytes(1, &results)
            .part(3, &response)
            .part(4, &Message::new().bytes(2, self.chaincode.as_bytes()).bytes(3, b"1").0)
            .0;
        Message::new().part(1, hash.as_slice()).part(2, &action).0
    }
}
