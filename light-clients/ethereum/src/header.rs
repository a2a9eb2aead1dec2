//! Beacon block headers, the execution payload's header, and the light client's header that joins them.

use alloc::{boxed::Box, vec::Vec};

use alloy_primitives::{Address, B256, Bloom, U256};

use crate::{
    Fork, Network,
    fork::{EXECUTION_DEPTH, Place, proves},
    merkle,
    refusal::HeaderFault,
    ssz::{Reader, SszFault},
};

/// Bytes of a beacon block header.
pub(crate) const BEACON_HEADER_BYTES: usize = 8 + 8 + 3 * 32;

/// `MAX_EXTRA_DATA_BYTES`.
pub(crate) const MAX_EXTRA_DATA: usize = 32;

/// Fixed part of an execution payload header of Capella; Deneb adds two numbers.
const EXECUTION_FIXED: usize = 32 + 20 + 2 * 32 + 256 + 32 + 4 * 8 + 4 + 32 + 3 * 32;

/// Fixed part of a light client header that has an execution payload header.
const LIGHT_FIXED: usize = BEACON_HEADER_BYTES + 4 + EXECUTION_DEPTH * 32;

/// `BeaconBlockHeader`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BeaconHeader {
    /// Slot of the block.
    pub slot: u64,
    /// Index of the validator that proposed it.
    pub proposer_index: u64,
    /// Root of the parent block's header.
    pub parent_root: B256,
    /// Root of the beacon state after the block.
    pub state_root: B256,
    /// Root of the block's body.
    pub body_root: B256,
}

impl BeaconHeader {
    /// `hash_tree_root`: the block's root.
    pub fn root(&self) -> B256 {
        merkle::root(&[
            merkle::number(self.slot),
            merkle::number(self.proposer_index),
            self.parent_root,
            self.state_root,
            self.body_root,
        ])
    }

    /// Reads a header.
    ///
    /// # Errors
    /// Not of its length.
    pub fn decode(bytes: &[u8]) -> Result<Self, SszFault> {
        let mut reader = Reader::fixed("beacon header", bytes, BEACON_HEADER_BYTES)?;
        Ok(Self {
            slot: reader.number()?,
            proposer_index: reader.number()?,
            parent_root: reader.hash()?,
            state_root: reader.hash()?,
            body_root: reader.hash()?,
        })
    }

    pub(crate) fn encode_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.slot.to_le_bytes());
        out.extend_from_slice(&self.proposer_index.to_le_bytes());
        for root in [self.parent_root, self.state_root, self.body_root] {
            out.extend_from_slice(root.as_slice());
        }
    }
}

/// `ExecutionPayloadHeader` of Capella and, with blob gas, of Deneb to Fulu.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionHeader {
    /// Hash of the parent block.
    pub parent_hash: B256,
    /// Receiver of the fees.
    pub fee_recipient: Address,
    /// Root of the state after the block.
    pub state_root: B256,
    /// Root of its receipts.
    pub receipts_root: B256,
    /// Bloom filter of its logs.
    pub logs_bloom: Bloom,
    /// The beacon chain's randomness.
    pub prev_randao: B256,
    /// Number of the block.
    pub block_number: u64,
    /// Gas allowed.
    pub gas_limit: u64,
    /// Gas used.
    pub gas_used: u64,
    /// Unix seconds.
    pub timestamp: u64,
    /// At most 32 bytes of the builder's choice.
    pub extra_data: Vec<u8>,
    /// Wei.
    pub base_fee_per_gas: U256,
    /// Hash of the block (keccak-256 of its RLP header).
    pub block_hash: B256,
    /// Root of its transactions (SSZ).
    pub transactions_root: B256,
    /// Root of its withdrawals (SSZ).
    pub withdrawals_root: B256,
    /// Since Deneb; zero before.
    pub blob_gas_used: u64,
    /// Since Deneb; zero before.
    pub excess_blob_gas: u64,
}

impl ExecutionHeader {
    /// `hash_tree_root` in the shape of `fork` (Capella, or Deneb and later).
    pub fn root(&self, fork: Fork) -> B256 {
        let capella = [
            self.parent_hash,
            B256::right_padding_from(self.fee_recipient.as_slice()),
            self.state_root,
            self.receipts_root,
            merkle::bytes(self.logs_bloom.as_slice()),
            self.prev_randao,
            merkle::number(self.block_number),
            merkle::number(self.gas_limit),
            merkle::number(self.gas_used),
            merkle::number(self.timestamp),
            merkle::short_list(&self.extra_data),
            B256::new(self.base_fee_per_gas.to_le_bytes()),
            self.block_hash,
            self.transactions_root,
            self.withdrawals_root,
        ];
        if !fork.has_blobs() {
            return merkle::root(&capella);
        }
        let mut leaves = [B256::ZERO; 17];
        let blobs = [merkle::number(self.blob_gas_used), merkle::number(self.excess_blob_gas)];
        leaves.iter_mut().zip(capella.iter().chain(&blobs)).for_each(|(leaf, field)| *leaf = *field);
        merkle::root(&leaves)
    }

    /// Reads a header in the shape of `fork`.
    ///
    /// # Errors
    /// Not the canonical encoding of one.
    pub fn decode(fork: Fork, bytes: &[u8]) -> Result<Self, SszFault> {
        let blobs = fork.has_blobs();
        let fixed = EXECUTION_FIXED + if blobs { 16 } else { 0 };
        let mut reader = Reader::variable("execution payload header", bytes, fixed)?;
        let mut header = Self {
            parent_hash: reader.hash()?,
            fee_recipient: Address::new(reader.array()?),
            state_root: reader.hash()?,
            receipts_root: reader.hash()?,
            logs_bloom: Bloom::new(reader.array()?),
            prev_randao: reader.hash()?,
            block_number: reader.number()?,
            gas_limit: reader.number()?,
            gas_used: reader.number()?,
            timestamp: reader.number()?,
            ..Self::default()
        };
        let offset = reader.offset()?;
        header.base_fee_per_gas = U256::from_le_bytes(reader.array::<32>()?);
        header.block_hash = reader.hash()?;
        header.transactions_root = reader.hash()?;
        header.withdrawals_root = reader.hash()?;
        if blobs {
            header.blob_gas_used = reader.number()?;
            header.excess_blob_gas = reader.number()?;
        }
        let [extra] = reader.parts([offset])?;
        if extra.len() > MAX_EXTRA_DATA {
            return Err(SszFault::TooLarge { what: "extra data", limit: MAX_EXTRA_DATA, found: extra.len() });
        }
        header.extra_data = extra.to_vec();
        Ok(header)
    }

    pub(crate) fn encode_to(&self, fork: Fork, out: &mut Vec<u8>) {
        let blobs = fork.has_blobs();
        let fixed = EXECUTION_FIXED + if blobs { 16 } else { 0 };
        out.extend_from_slice(self.parent_hash.as_slice());
        out.extend_from_slice(self.fee_recipient.as_slice());
        out.extend_from_slice(self.state_root.as_slice());
        out.extend_from_slice(self.receipts_root.as_slice());
        out.extend_from_slice(self.logs_bloom.as_slice());
        out.extend_from_slice(self.prev_randao.as_slice());
        for number in [self.block_number, self.gas_limit, self.gas_used, self.timestamp] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&(fixed as u32).to_le_bytes());
        out.extend_from_slice(&self.base_fee_per_gas.to_le_bytes::<32>());
        for root in [self.block_hash, self.transactions_root, self.withdrawals_root] {
            out.extend_from_slice(root.as_slice());
        }
        if blobs {
            out.extend_from_slice(&self.blob_gas_used.to_le_bytes());
            out.extend_from_slice(&self.excess_blob_gas.to_le_bytes());
        }
        out.extend_from_slice(&self.extra_data);
    }
}

/// `LightClientHeader`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LightClientHeader {
    /// The block's header.
    pub beacon: BeaconHeader,
    /// Its payload's header. Empty before Capella.
    pub execution: Box<ExecutionHeader>,
    /// The payload's branch to the body's root. Zero before Capella.
    pub execution_branch: [B256; EXECUTION_DEPTH],
}

impl LightClientHeader {
    /// Whether nothing is set: what stands where there is no header.
    pub fn is_empty(&self) -> bool {
        self.beacon == BeaconHeader::default() && self.has_no_execution()
    }

    fn has_no_execution(&self) -> bool {
        *self.execution == ExecutionHeader::default() && self.execution_branch.iter().all(B256::is_zero)
    }

    /// `get_lc_execution_root`: root of the payload's header in the shape of the header's own fork; zero before Capella.
    pub fn execution_root(&self, network: &Network) -> B256 {
        match network.fork_at_slot(self.beacon.slot) {
            Some(fork) if fork.has_execution() => self.execution.root(fork),
            _ => B256::ZERO,
        }
    }

    /// `is_valid_light_client_header`.
    ///
    /// # Errors
    /// A payload before Capella, blob gas before Deneb, or a payload that is not this block's.
    pub fn check(&self, network: &Network) -> Result<(), HeaderFault> {
        let slot = self.beacon.slot;
        let fork = network.fork_at_slot(slot).ok_or(HeaderFault::BeforeAltair { slot })?;
        if !fork.has_execution() {
            return if self.has_no_execution() { Ok(()) } else { Err(HeaderFault::PayloadBeforeCapella { slot }) };
        }
        if !fork.has_blobs() && (self.execution.blob_gas_used, self.execution.excess_blob_gas) != (0, 0) {
            return Err(HeaderFault::BlobGasBeforeDeneb { slot });
        }
        let leaf = self.execution.root(fork);
        if proves(leaf, &self.execution_branch, Place::EXECUTION, &self.beacon.body_root) {
            Ok(())
        } else {
            Err(HeaderFault::NotItsPayload { slot, payload: leaf })
        }
    }

    /// Whether the encoding in the shape of `fork` is of fixed size.
    pub(crate) const fn fixed_size(fork: Fork) -> Option<usize> {
        if fork.has_execution() { None } else { Some(BEACON_HEADER_BYTES) }
    }

    /// Reads a header in the shape of `fork`.
    ///
    /// # Errors
    /// Not the canonical encoding of one.
    pub fn decode(fork: Fork, bytes: &[u8]) -> Result<Self, SszFault> {
        if !fork.has_execution() {
            return Ok(Self { beacon: BeaconHeader::decode(bytes)?, ..Self::default() });
        }
        let mut reader = Reader::variable("light client header", bytes, LIGHT_FIXED)?;
        let beacon = BeaconHeader::decode(reader.take(BEACON_HEADER_BYTES)?)?;
        let offset = reader.offset()?;
        let mut execution_branch = [B256::ZERO; EXECUTION_DEPTH];
        for node in &mut execution_branch {
            *node = reader.hash()?;
        }
        let [execution] = reader.parts([offset])?;
        Ok(Self { beacon, execution: Box::new(ExecutionHeader::decode(fork, execution)?), execution_branch })
    }

    /// Writes the header in the shape of `fork`.
    pub fn encode(&self, fork: Fork) -> Vec<u8> {
        let mut out = Vec::new();
        self.beacon.encode_to(&mut out);
        if fork.has_execution() {
            out.extend_from_slice(&(LIGHT_FIXED as u32).to_le_bytes());
            for node in &self.execution_branch {
                out.extend_from_slice(node.as_slice());
            }
            self.execution.encode_to(fork, &mut out);
        }
        out
    }
}
