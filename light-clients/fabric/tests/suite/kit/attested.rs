//! Attested reads.

use alloy_primitives::{B256, hex};

use super::{CHANNEL, Member, Message, START, VAULT, payload, sha256};

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
