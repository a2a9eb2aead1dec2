//! Channels and their blocks.

use alloy_primitives::{B256, keccak256};
use causeway_crypto::p256::{Native, Portable};
use causeway_fabric::{
    BlockHeader, Params, Pin, ReadPolicy, Reads, Refusal, TrustedState, Update, Verified, config::Group,
    header::data_hash, verify_with,
};

use super::{CHANNEL, Member, Message, Org, START, VAULT, channel_header, config, envelope, payload, root, sha256};

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
