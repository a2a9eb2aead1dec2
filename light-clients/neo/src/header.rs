//! A block's header and its hash.

use alloy_primitives::{Address, B256};

use crate::{HeaderFault, Params, hash::sha256, script::MAX_SCRIPT_BYTES, wire::Reader};

/// Fixed fields, a state root, and a witness of two scripts with their lengths.
pub const MAX_HEADER_BYTES: usize = 109 + 32 + 1 + 2 * (3 + MAX_SCRIPT_BYTES);

/// A header as nodes serve it: fields, then the witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Hash of the block: SHA-256 of the fields, once. (Nodes show hashes reversed.)
    pub hash: B256,
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Root of the block's transactions.
    pub merkle_root: B256,
    /// Unix milliseconds.
    pub time_ms: u64,
    /// Number of the block.
    pub height: u64,
    /// Position of the consensus node that proposed the block.
    pub primary: u8,
    /// Script hash of the consensus that must witness the next block.
    pub next_consensus: Address,
    /// Root of the state after the block *before*, where the chain's headers hold it.
    pub previous_state_root: Option<B256>,
    /// Signatures.
    pub invocation: &'a [u8],
    /// Who may sign, and how many must.
    pub verification: &'a [u8],
}

impl<'a> Header<'a> {
    /// Reads a header.
    ///
    /// # Errors
    /// It is not of the format, or not in its only form.
    pub fn read(params: &Params, bytes: &'a [u8]) -> Result<Self, HeaderFault> {
        if bytes.len() > MAX_HEADER_BYTES {
            return Err(HeaderFault::TooLarge { limit: MAX_HEADER_BYTES, found: bytes.len() });
        }
        match Self::read_front(params, bytes)? {
            (header, []) => Ok(header),
            (_, rest) => Err(HeaderFault::Trailing(rest.len())),
        }
    }

    /// Reads the header at the front of a block, and gives what stands behind it: the transactions.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_front(params: &Params, bytes: &'a [u8]) -> Result<(Self, &'a [u8]), HeaderFault> {
        let mut reader = Reader::new(bytes);
        let version = u32::from_le_bytes(reader.array()?);
        if version != 0 {
            return Err(HeaderFault::Version(version));
        }
        let parent_hash = B256::new(reader.array()?);
        let merkle_root = B256::new(reader.array()?);
        let time_ms = u64::from_le_bytes(reader.array()?);
        reader.array::<8>()?; // nonce
        let height = u64::from(u32::from_le_bytes(reader.array()?));
        let primary = reader.u8()?;
        let next_consensus = Address::new(reader.array()?);
        let previous_state_root = if params.state_root_in_header { Some(B256::new(reader.array()?)) } else { None };
        let hash = sha256(bytes.get(..reader.position()).unwrap_or_default());
        match reader.length(usize::from(u8::MAX))? {
            1 => {}
            found => return Err(HeaderFault::Witnesses(found)),
        }
        let invocation = reader.bytes(MAX_SCRIPT_BYTES)?;
        let verification = reader.bytes(MAX_SCRIPT_BYTES)?;
        let header = Self {
            hash,
            parent_hash,
            merkle_root,
            time_ms,
            height,
            primary,
            next_consensus,
            previous_state_root,
            invocation,
            verification,
        };
        Ok((header, bytes.get(reader.position()..).unwrap_or_default()))
    }

    /// The message that consensus nodes sign: network magic and block hash.
    pub fn signed_message(&self, magic: u32) -> [u8; 36] {
        let mut message = [0; 36];
        let (head, tail) = message.split_at_mut(4);
        head.copy_from_slice(&magic.to_le_bytes());
        tail.copy_from_slice(self.hash.as_slice());
        message
    }
}
