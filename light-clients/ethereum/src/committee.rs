//! Sync committees: as they travel, and with validated keys and their sum.

use alloc::{sync::Arc, vec::Vec};

use alloy_primitives::B256;
use causeway_crypto::bls::{Bls, BlsFault, PUBLIC_KEY_BYTES, PublicKey};

use crate::{
    Refusal, merkle,
    ssz::{Reader, SszFault},
    update::Bits,
};

/// `SyncCommittee` as it travels: compressed keys that nobody has looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncCommittee {
    /// One key per seat; a validator may sit on several.
    pub pubkeys: Vec<[u8; PUBLIC_KEY_BYTES]>,
    /// Their sum.
    pub aggregate_pubkey: [u8; PUBLIC_KEY_BYTES],
}

impl SyncCommittee {
    /// Bytes of a committee of `seats`.
    pub(crate) const fn encoded_length(seats: usize) -> usize {
        (seats + 1).saturating_mul(PUBLIC_KEY_BYTES)
    }

    /// Reads a committee of `seats`.
    ///
    /// # Errors
    /// Not of its length.
    pub fn decode(seats: usize, bytes: &[u8]) -> Result<Self, SszFault> {
        let mut reader = Reader::fixed("sync committee", bytes, Self::encoded_length(seats))?;
        let (pubkeys, _) = reader.take(seats.saturating_mul(PUBLIC_KEY_BYTES))?.as_chunks::<PUBLIC_KEY_BYTES>();
        Ok(Self { pubkeys: pubkeys.to_vec(), aggregate_pubkey: reader.array()? })
    }

    pub(crate) fn encode_to(&self, out: &mut Vec<u8>) {
        self.pubkeys.iter().for_each(|key| out.extend_from_slice(key));
        out.extend_from_slice(&self.aggregate_pubkey);
    }

    /// `hash_tree_root`.
    pub fn root(&self) -> B256 {
        let keys: Vec<B256> = self.pubkeys.iter().map(|key| merkle::bytes(key)).collect();
        merkle::pair(&merkle::root(&keys), &merkle::bytes(&self.aggregate_pubkey))
    }

    /// Whether nothing is set: what stands where there is no committee.
    pub(crate) fn is_empty(&self) -> bool {
        self.aggregate_pubkey == [0; PUBLIC_KEY_BYTES] && self.pubkeys.iter().all(|key| *key == [0; PUBLIC_KEY_BYTES])
    }
}

/// A committee whose keys are validated, with their sum. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committee(Arc<Parts>);

#[derive(Debug, PartialEq, Eq)]
struct Parts {
    root: B256,
    keys: Vec<PublicKey>,
    sum: PublicKey,
}

impl Committee {
    /// Validates every key, adds them up, and compares the sum with the one that the committee names. This takes a
    /// square root and a subgroup check per seat and is done once per period.
    ///
    /// # Errors
    /// A key that is none, or a sum that is not that of the keys.
    pub fn new<B: Bls>(committee: &SyncCommittee) -> Result<Self, Refusal> {
        let keys = causeway_crypto::bls::public_keys::<B>(&committee.pubkeys);
        let keys = keys.map_err(|(seat, fault)| Refusal::Key { seat, fault })?;
        let sum = B::aggregate(&keys).map_err(Refusal::Sum)?;
        let found = B::compress(&sum).map_err(Refusal::Sum)?;
        if found != committee.aggregate_pubkey {
            return Err(Refusal::Sum(BlsFault::WrongSignature));
        }
        Ok(Self(Arc::new(Parts { root: committee.root(), keys, sum })))
    }

    /// A committee from what [`Committee::keys`] and [`Committee::sum`] gave.
    pub(crate) fn from_trusted(root: B256, keys: Vec<PublicKey>, sum: PublicKey) -> Self {
        Self(Arc::new(Parts { root, keys, sum }))
    }

    /// Its `hash_tree_root`.
    pub fn root(&self) -> B256 {
        self.0.root
    }

    /// One key per seat.
    pub fn keys(&self) -> &[PublicKey] {
        &self.0.keys
    }

    /// The sum of all keys.
    pub fn sum(&self) -> &PublicKey {
        &self.0.sum
    }

    /// The key under which those that `bits` names sign together: all without the absent, or, where fewer than half
    /// take part, the sum of the present.
    ///
    /// # Errors
    /// Nobody takes part, or the keys add up to infinity.
    pub fn signing_key<B: Bls>(&self, bits: &Bits) -> Result<PublicKey, BlsFault> {
        let seats = |present: bool| {
            let seats = self.0.keys.iter().enumerate();
            seats.filter(move |(seat, _)| bits.get(*seat) == present).map(|(_, key)| key)
        };
        if bits.count().saturating_mul(2) < self.0.keys.len() {
            B::aggregate(seats(true))
        } else {
            B::subtract(&self.0.sum, seats(false))
        }
    }
}
