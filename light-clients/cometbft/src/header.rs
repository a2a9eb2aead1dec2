//! The block header and its hash: the Merkle root over its fourteen fields (CometBFT `types/block.go`, `Header.Hash`).

use alloc::vec::Vec;

use alloy_primitives::{B256, FixedBytes};

use crate::{
    merkle::Tree,
    time::Time,
    wire::{Reader, Value, WireFault, put},
};

/// A validator's address: the first 20 bytes of a hash of its key.
pub type Address = FixedBytes<20>;

/// Longest chain id (CometBFT `types.MaxChainIDLen`).
pub const MAX_CHAIN_ID_BYTES: usize = 50;

/// Longest application hash read. CometBFT itself sets no bound; every application known uses 32 bytes or fewer, 64 leaves
/// room for a 512-bit hash.
pub const MAX_APP_HASH_BYTES: usize = 64;

/// The block protocol of CometBFT v0.34 to v1.
pub const BLOCK_PROTOCOL: u64 = 11;

/// How what is hashed and signed is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Tendermint Core v0.34 and everything since: Protocol Buffers.
    #[default]
    Protobuf,
    /// Tendermint Core v0.32 and v0.33: amino. Chains of that time are gone, their headers are still asked for. Updates
    /// travel in the same messages; only what is hashed and signed differs.
    Amino,
}

/// `PartSetHeader`: into how many parts the block was cut for gossip, and their root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartSetHeader {
    /// Number of parts.
    pub total: u32,
    /// Root over them; none for no block.
    pub hash: Option<B256>,
}

/// `BlockID`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockId {
    /// Hash of the block's header; none for no block.
    pub hash: Option<B256>,
    /// How its parts were gossiped. Validators sign this as well.
    pub parts: PartSetHeader,
}

/// A block header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Block protocol; [`BLOCK_PROTOCOL`] for the versions that this client is for.
    pub block_protocol: u64,
    /// The application's protocol.
    pub app_protocol: u64,
    /// The chain's id.
    pub chain_id: &'a str,
    /// Height, from 1.
    pub height: u64,
    /// Block time.
    pub time: Time,
    /// The block before.
    pub last_block_id: BlockId,
    /// Root over the commit of the block before.
    pub last_commit_hash: Option<B256>,
    /// Root over the transactions.
    pub data_hash: Option<B256>,
    /// Hash of the validators of this block.
    pub validators_hash: Option<B256>,
    /// Hash of those of the next.
    pub next_validators_hash: Option<B256>,
    /// Hash of the consensus parameters.
    pub consensus_hash: Option<B256>,
    /// The application's state *before* this block, that is after the one before it.
    pub app_hash: &'a [u8],
    /// Root over the results of the block before.
    pub last_results_hash: Option<B256>,
    /// Root over the evidence.
    pub evidence_hash: Option<B256>,
    /// Who proposed the block.
    pub proposer_address: Address,
}

impl<'a> Header<'a> {
    /// Reads `tendermint.types.Header` (`cometbft.types.v1.Header`).
    ///
    /// # Errors
    /// [`WireFault`]: the bytes are not of the format, or a field has a value that no header has.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, WireFault> {
        Self::read(Reader::new(bytes))
    }

    pub(crate) fn read(mut reader: Reader<'a>) -> Result<Self, WireFault> {
        let mut header = Self::empty();
        let mut proposer: &[u8] = &[];
        while let Some((number, value)) = reader.next(&[])? {
            match number {
                1 => (header.block_protocol, header.app_protocol) = read_version(value.message(1)?)?,
                2 => header.chain_id = read_chain_id(value)?,
                3 => header.height = value.natural(3, "height")?,
                4 => header.time = Time::read(value.message(4)?)?,
                5 => header.last_block_id = BlockId::read(value.message(5)?)?,
                6 => header.last_commit_hash = read_hash(value, 6)?,
                7 => header.data_hash = read_hash(value, 7)?,
                8 => header.validators_hash = read_hash(value, 8)?,
                9 => header.next_validators_hash = read_hash(value, 9)?,
                10 => header.consensus_hash = read_hash(value, 10)?,
                11 => header.app_hash = value.bounded(11, "app hash", MAX_APP_HASH_BYTES)?,
                12 => header.last_results_hash = read_hash(value, 12)?,
                13 => header.evidence_hash = read_hash(value, 13)?,
                14 => proposer = value.bytes(14)?,
                _ => return Err(WireFault::UnknownField(number)),
            }
        }
        header.proposer_address = Address::try_from(proposer).map_err(|_| WireFault::Value("proposer address"))?;
        if header.height == 0 {
            return Err(WireFault::Value("height"));
        }
        Ok(header)
    }

    /// A header without content, to be filled in.
    pub const fn empty() -> Self {
        Self {
            block_protocol: 0,
            app_protocol: 0,
            chain_id: "",
            height: 0,
            time: Time::EPOCH,
            last_block_id: BlockId { hash: None, parts: PartSetHeader { total: 0, hash: None } },
            last_commit_hash: None,
            data_hash: None,
            validators_hash: None,
            next_validators_hash: None,
            consensus_hash: None,
            app_hash: &[],
            last_results_hash: None,
            evidence_hash: None,
            proposer_address: Address::ZERO,
        }
    }

    /// The message as CometBFT encodes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        put::message(&mut out, 1, &self.version());
        put::bytes(&mut out, 2, self.chain_id.as_bytes());
        put::u64(&mut out, 3, self.height);
        put::message(&mut out, 4, &nested(|out| self.time.put(out)));
        put::message(&mut out, 5, &nested(|out| self.last_block_id.put(out)));
        let hashes = [
            (6, self.last_commit_hash),
            (7, self.data_hash),
            (8, self.validators_hash),
            (9, self.next_validators_hash),
            (10, self.consensus_hash),
        ];
        for (number, hash) in hashes {
            put::bytes(&mut out, number, as_bytes(&hash));
        }
        put::bytes(&mut out, 11, self.app_hash);
        put::bytes(&mut out, 12, as_bytes(&self.last_results_hash));
        put::bytes(&mut out, 13, as_bytes(&self.evidence_hash));
        put::message(&mut out, 14, self.proposer_address.as_slice());
        out
    }

    /// The hash by which validators and other blocks know the block.
    pub fn hash(&self, encoding: Encoding) -> B256 {
        let mut tree = Tree::new();
        let mut leaf = Vec::with_capacity(96);
        let mut push = |write: &dyn Fn(&mut Vec<u8>)| {
            leaf.clear();
            write(&mut leaf);
            tree.push(&leaf);
        };
        push(&|out| out.extend_from_slice(&self.version()));
        push(&|out| put_string(out, encoding, self.chain_id.as_bytes()));
        push(&|out| match encoding {
            Encoding::Protobuf => put::u64(out, 1, self.height),
            Encoding::Amino => put::varint(out, self.height),
        });
        push(&|out| self.time.put(out));
        push(&|out| self.last_block_id.put_as(out, encoding));
        let hashes = [
            self.last_commit_hash,
            self.data_hash,
            self.validators_hash,
            self.next_validators_hash,
            self.consensus_hash,
        ];
        for hash in hashes {
            push(&|out| put_string(out, encoding, as_bytes(&hash)));
        }
        push(&|out| put_string(out, encoding, self.app_hash));
        push(&|out| put_string(out, encoding, as_bytes(&self.last_results_hash)));
        push(&|out| put_string(out, encoding, as_bytes(&self.evidence_hash)));
        push(&|out| put_string(out, encoding, self.proposer_address.as_slice()));
        tree.root()
    }

    fn version(&self) -> Vec<u8> {
        nested(|out| {
            put::u64(out, 1, self.block_protocol);
            put::u64(out, 2, self.app_protocol);
        })
    }
}

impl BlockId {
    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, WireFault> {
        let mut id = Self::default();
        while let Some((number, value)) = reader.next(&[])? {
            match number {
                1 => id.hash = read_hash(value, 1)?,
                2 => id.parts = PartSetHeader::read(value.message(2)?)?,
                _ => return Err(WireFault::UnknownField(number)),
            }
        }
        Ok(id)
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        self.put_as(out, Encoding::Protobuf);
    }

    fn put_as(&self, out: &mut Vec<u8>, encoding: Encoding) {
        put::bytes(out, 1, as_bytes(&self.hash));
        put_parts(out, encoding, &nested(|out| self.parts.put(out)));
    }

    /// The block id as validators sign it (`CanonicalBlockID`).
    pub(crate) fn put_canonical(&self, out: &mut Vec<u8>, encoding: Encoding) {
        if encoding == Encoding::Protobuf {
            return self.put(out);
        }
        // Amino's canonical parts have their fields in the other order.
        let parts = nested(|out| {
            put::bytes(out, 1, as_bytes(&self.parts.hash));
            put::u64(out, 2, u64::from(self.parts.total));
        });
        put::bytes(out, 1, as_bytes(&self.hash));
        put_parts(out, encoding, &parts);
    }
}

impl PartSetHeader {
    fn read(mut reader: Reader<'_>) -> Result<Self, WireFault> {
        let mut parts = Self::default();
        while let Some((number, value)) = reader.next(&[])? {
            match number {
                1 => parts.total = value.u32(1, "parts")?,
                2 => parts.hash = read_hash(value, 2)?,
                _ => return Err(WireFault::UnknownField(number)),
            }
        }
        Ok(parts)
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put::u64(out, 1, u64::from(self.total));
        put::bytes(out, 2, as_bytes(&self.hash));
    }
}

/// Parts of a block id: Protocol Buffers write them even when they are empty, amino does not.
fn put_parts(out: &mut Vec<u8>, encoding: Encoding, parts: &[u8]) {
    match encoding {
        Encoding::Protobuf => put::message(out, 2, parts),
        Encoding::Amino => put::bytes(out, 2, parts),
    }
}

/// A string as a leaf: `google.protobuf.StringValue` or `BytesValue`, one field of number 1; or amino's bare form. Nothing
/// for an empty one.
fn put_string(out: &mut Vec<u8>, encoding: Encoding, value: &[u8]) {
    match encoding {
        Encoding::Protobuf => put::bytes(out, 1, value),
        Encoding::Amino if value.is_empty() => {}
        Encoding::Amino => {
            put::varint(out, value.len() as u64);
            out.extend_from_slice(value);
        }
    }
}

fn read_version(mut reader: Reader<'_>) -> Result<(u64, u64), WireFault> {
    let (mut block, mut app) = (0, 0);
    while let Some((number, value)) = reader.next(&[])? {
        match number {
            1 => block = value.u64(1)?,
            2 => app = value.u64(2)?,
            _ => return Err(WireFault::UnknownField(number)),
        }
    }
    Ok((block, app))
}

fn read_chain_id(value: Value<'_>) -> Result<&str, WireFault> {
    let bytes = value.bounded(2, "chain id", MAX_CHAIN_ID_BYTES)?;
    core::str::from_utf8(bytes).map_err(|_| WireFault::Value("chain id"))
}

/// A hash of 32 bytes, or none.
pub(crate) fn read_hash(value: Value<'_>, number: u32) -> Result<Option<B256>, WireFault> {
    match value.bytes(number)? {
        [] => Ok(None),
        bytes => B256::try_from(bytes).map(Some).map_err(|_| WireFault::Value("hash")),
    }
}

pub(crate) fn as_bytes(hash: &Option<B256>) -> &[u8] {
    hash.as_ref().map_or(&[], |hash| hash.as_slice())
}

pub(crate) fn nested(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}
