//! Lanes: one direction between two vaults on two chains, and the id that binds everything a proof relies on.
//!
//! The id covers both chains (name *and* genesis hash), both vaults, both outboxes and the epoch, so a proof made for
//! another chain, contract or epoch belongs to another lane (ATK-112). Formula: protocol §1, bytes as in the contracts'
//! README ("Lane id").

use core::{fmt, str::FromStr};

use alloy_primitives::{B256, Keccak256, hex, keccak256};

use crate::{bounds::MAX_NATIVE_ADDRESS, caip::Caip2};

/// Domain string of a lane id; its keccak is the first word of the preimage.
pub const LANE_DOMAIN: &[u8] = b"causeway/lane/1";

/// One end of a lane: a chain, and the two contracts of Causeway on it. All four are 32-byte words of the lane id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LaneEnd {
    /// keccak-256 of the chain's CAIP-2 id.
    pub chain: B256,
    /// Hash of the chain's genesis block: two networks may share a CAIP-2 id, never a genesis.
    pub genesis: B256,
    /// keccak-256 of the vault's native address bytes.
    pub vault: B256,
    /// keccak-256 of the native address bytes of the outbox that this end writes for this bridge.
    pub outbox: B256,
}

impl LaneEnd {
    /// The end of a lane on `chain`, with contracts given by their native address bytes (20 on EVM chains).
    ///
    /// # Errors
    /// [`LaneError::AddressLength`] for an address that is empty or longer than any chain's.
    pub fn new(chain: &Caip2, genesis: B256, vault: &[u8], outbox: &[u8]) -> Result<Self, LaneError> {
        for address in [vault, outbox] {
            if address.is_empty() || address.len() > MAX_NATIVE_ADDRESS {
                return Err(LaneError::AddressLength { found: address.len(), max: MAX_NATIVE_ADDRESS });
            }
        }
        if genesis.is_zero() {
            return Err(LaneError::GenesisUnknown);
        }
        Ok(Self { chain: chain.hash(), genesis, vault: keccak256(vault), outbox: keccak256(outbox) })
    }
}

/// Why an end of a lane cannot be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaneError {
    /// A native address that no chain has.
    #[error("native address of {found} bytes, expected 1 to {max}")]
    AddressLength {
        /// Bytes given.
        found: usize,
        /// Most bytes allowed.
        max: usize,
    },
    /// The zero hash is nobody's genesis (ATK-004).
    #[error("genesis hash is zero")]
    GenesisUnknown,
    /// Text that is not a lane id.
    #[error("not a lane id: expected 0x and 64 hexadecimal digits")]
    NotALaneId,
}

/// Everything that names a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lane {
    /// Where entries are written.
    pub source: LaneEnd,
    /// Where they are delivered.
    pub destination: LaneEnd,
    /// Counts up when a bridge starts anew; a new epoch inherits nothing.
    pub epoch: u64,
}

impl Lane {
    /// The lane's id: keccak-256 over ten ABI words.
    #[must_use]
    pub fn id(&self) -> LaneId {
        let mut hasher = Keccak256::new();
        hasher.update(keccak256(LANE_DOMAIN));
        for end in [&self.source, &self.destination] {
            for word in [end.chain, end.genesis, end.vault, end.outbox] {
                hasher.update(word);
            }
        }
        hasher.update(u64_word(self.epoch));
        LaneId(hasher.finalize())
    }

    /// The other lane of the bridge: the same four contracts, the other way.
    #[must_use]
    pub const fn reverse(&self) -> Self {
        Self { source: self.destination, destination: self.source, epoch: self.epoch }
    }
}

/// A lane's id (protocol §1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId(pub B256);

impl fmt::Display for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `B256`'s own Display abbreviates; an id in a log or a path is always whole.
        write!(f, "{:#x}", self.0)
    }
}

impl FromStr for LaneId {
    type Err = LaneError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("0x").ok_or(LaneError::NotALaneId)?;
        let mut id = [0u8; 32];
        hex::decode_to_slice(digits, &mut id).map_err(|_| LaneError::NotALaneId)?;
        if digits.starts_with("0x") {
            return Err(LaneError::NotALaneId);
        }
        Ok(Self(B256::new(id)))
    }
}

impl From<B256> for LaneId {
    fn from(id: B256) -> Self {
        Self(id)
    }
}

/// A `u64` as a big-endian ABI word.
pub(crate) const fn u64_word(value: u64) -> B256 {
    let mut word = [0u8; 32];
    let bytes = value.to_be_bytes();
    let mut at = 0;
    while at < 8 {
        word[24 + at] = bytes[at];
        at += 1;
    }
    B256::new(word)
}
