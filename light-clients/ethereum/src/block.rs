//! The execution layer's own header: its RLP and its hash.
//!
//! The consensus layer proves a payload by an SSZ root and names its block hash; whoever holds the block's RLP header can
//! tie it to that hash (Yellow Paper §4.4; EIP-1559, 4895, 4844, 4788, 7685 for the fields that were added).

use alloy_primitives::{Address, B256, Bloom, U256, keccak256};
use causeway_mpt::rlp::{self, RlpError};
use thiserror::Error;

use crate::Execution;

/// Bytes of a header at most: 21 fields, of which the bloom has 256, and extra data of pre-merge and side chains.
pub const MAX_HEADER_BYTES: usize = 4 * 1024;

/// A block's header. Fields that a block's fork lacks are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockHeader {
    /// Hash of the block: keccak-256 of the header's RLP.
    pub hash: B256,
    /// Hash of the parent.
    pub parent_hash: B256,
    /// Root of the state after the block.
    pub state_root: B256,
    /// Root of its transactions.
    pub transactions_root: B256,
    /// Root of its receipts.
    pub receipts_root: B256,
    /// Receiver of the fees.
    pub beneficiary: Address,
    /// Number of the block.
    pub number: u64,
    /// Unix seconds.
    pub timestamp: u64,
    /// Root of its withdrawals (Shanghai).
    pub withdrawals_root: Option<B256>,
    /// Root of the parent beacon block (Cancun).
    pub parent_beacon_root: Option<B256>,
    /// Hash of its requests (Prague).
    pub requests_hash: Option<B256>,
}

/// Why a header is none, or not the one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BlockFault {
    /// Beyond the bound.
    #[error("block header: at most {MAX_HEADER_BYTES} bytes, found {0}")]
    TooLarge(usize),
    /// No canonical RLP of a header.
    #[error("block header: {0}")]
    Rlp(#[from] RlpError),
    /// Another block.
    #[error("block header: expected hash {expected}, found {found}")]
    OtherBlock {
        /// The hash expected.
        expected: B256,
        /// Hash of the header.
        found: B256,
    },
    /// The payload that the consensus layer proved says otherwise than the block whose hash it names. No honest
    /// execution client lets that pass.
    #[error("block header: its fields are not those of its payload")]
    OtherFields,
}

impl BlockHeader {
    /// Reads a header.
    ///
    /// # Errors
    /// The bytes are not its canonical RLP.
    pub fn decode(bytes: &[u8]) -> Result<Self, BlockFault> {
        if bytes.len() > MAX_HEADER_BYTES {
            return Err(BlockFault::TooLarge(bytes.len()));
        }
        let mut fields = rlp::exact(bytes)?.items()?;
        let parent_hash = fields.item()?.hash()?;
        fields.item()?.hash()?; // ommers
        let beneficiary = fields.item()?.address()?;
        let (state_root, transactions_root) = (fields.item()?.hash()?, fields.item()?.hash()?);
        let receipts_root = fields.item()?.hash()?;
        fields.item()?.array::<{ size_of::<Bloom>() }>()?;
        let _: U256 = fields.item()?.u256()?; // difficulty
        let number = fields.item()?.u64()?;
        let _gas = (fields.item()?.u64()?, fields.item()?.u64()?);
        let timestamp = fields.item()?.u64()?;
        fields.item()?.bytes()?; // extra data
        fields.item()?.hash()?; // mix hash
        fields.item()?.array::<8>()?; // nonce
        let mut header = Self {
            hash: keccak256(bytes),
            parent_hash,
            state_root,
            transactions_root,
            receipts_root,
            beneficiary,
            number,
            timestamp,
            withdrawals_root: None,
            parent_beacon_root: None,
            requests_hash: None,
        };
        // Each fork appended fields; none is there without those before it.
        if !fields.is_empty() {
            let _: U256 = fields.item()?.u256()?; // base fee
        }
        if !fields.is_empty() {
            header.withdrawals_root = Some(fields.item()?.hash()?);
        }
        if !fields.is_empty() {
            let _blob_gas = (fields.item()?.u64()?, fields.item()?.u64()?);
            header.parent_beacon_root = Some(fields.item()?.hash()?);
        }
        if !fields.is_empty() {
            header.requests_hash = Some(fields.item()?.hash()?);
        }
        fields.end()?;
        Ok(header)
    }

    /// Reads the header of the block with this hash.
    ///
    /// # Errors
    /// As [`BlockHeader::decode`], or [`BlockFault::OtherBlock`].
    pub fn of_hash(bytes: &[u8], expected: &B256) -> Result<Self, BlockFault> {
        let header = Self::decode(bytes)?;
        let found = header.hash;
        if found == *expected { Ok(header) } else { Err(BlockFault::OtherBlock { expected: *expected, found }) }
    }

    /// Reads the header of the block of an accepted payload, and compares what both say.
    ///
    /// # Errors
    /// As [`BlockHeader::of_hash`], or [`BlockFault::OtherFields`].
    pub fn of_payload(bytes: &[u8], payload: &Execution) -> Result<Self, BlockFault> {
        let header = Self::of_hash(bytes, &payload.block_hash)?;
        let same = header.number == payload.block_number
            && header.parent_hash == payload.parent_hash
            && header.state_root == payload.state_root
            && header.receipts_root == payload.receipts_root;
        if same { Ok(header) } else { Err(BlockFault::OtherFields) }
    }
}
