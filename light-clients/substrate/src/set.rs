//! Who may sign: GRANDPA's authorities with their weights, and BEEFY's validators behind a Merkle root.

use alloc::vec::Vec;

use alloy_primitives::B256;
use thiserror::Error;

use crate::scale::{Reader, ScaleFault, put_compact};

/// Authorities of one set. Kusama, the largest in use, has 1000.
pub const MAX_AUTHORITIES: usize = 4096;

/// Bytes of an authority: key and weight.
const AUTHORITY_BYTES: usize = 40;

/// What is no set of authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SetFault {
    /// Not SCALE of a list of authorities.
    #[error("{0}")]
    Scale(#[from] ScaleFault),
    /// Nobody.
    #[error("no authorities")]
    Empty,
    /// More than [`MAX_AUTHORITIES`].
    #[error("at most {limit} authorities, found {found}")]
    TooLarge {
        /// The bound.
        limit: usize,
        /// The count found.
        found: usize,
    },
    /// An authority without weight, as GRANDPA's own set refuses.
    #[error("an authority without weight")]
    NoWeight,
    /// A key that is listed twice. GRANDPA would add up its weights; no runtime writes it.
    #[error("an authority listed twice")]
    Duplicate,
    /// The weights do not fit 64 bits.
    #[error("the weights add up to more than 64 bits")]
    Weights,
}

/// GRANDPA's authorities in force from some block on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthoritySet {
    id: u64,
    /// Sorted by key.
    authorities: Vec<([u8; 32], u64)>,
    total: u64,
}

impl AuthoritySet {
    /// A set from its id and its authorities (ed25519 key and weight).
    ///
    /// # Errors
    /// They are no set.
    pub fn new(id: u64, mut authorities: Vec<([u8; 32], u64)>) -> Result<Self, SetFault> {
        match authorities.len() {
            0 => return Err(SetFault::Empty),
            1..=MAX_AUTHORITIES => {}
            found => return Err(SetFault::TooLarge { limit: MAX_AUTHORITIES, found }),
        }
        authorities.sort_unstable();
        if authorities.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a == b)) {
            return Err(SetFault::Duplicate);
        }
        let mut total = 0u64;
        for (_, weight) in &authorities {
            total = match weight {
                0 => return Err(SetFault::NoWeight),
                _ => total.checked_add(*weight).ok_or(SetFault::Weights)?,
            };
        }
        Ok(Self { id, authorities, total })
    }

    /// Its id; the genesis set's is 0, and each change adds one.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Keys and weights, sorted by key.
    pub fn authorities(&self) -> &[([u8; 32], u64)] {
        &self.authorities
    }

    /// Sum of the weights.
    pub const fn total_weight(&self) -> u64 {
        self.total
    }

    /// Weight that must be reached: `n − ⌊(n − 1) / 3⌋`, more than two thirds.
    pub const fn threshold(&self) -> u64 {
        quorum(self.total)
    }

    /// Place and weight of a key.
    pub(crate) fn find(&self, key: &[u8; 32]) -> Option<(usize, u64)> {
        let place = self.authorities.binary_search_by(|(listed, _)| listed.cmp(key)).ok()?;
        self.authorities.get(place).map(|(_, weight)| (place, *weight))
    }

    /// Reads `Vec<(key, weight)>`.
    pub(crate) fn read_list(reader: &mut Reader<'_>) -> Result<Vec<([u8; 32], u64)>, SetFault> {
        let count = reader.count(MAX_AUTHORITIES, AUTHORITY_BYTES, "authorities")?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push((*reader.array("authority")?, reader.u64("weight")?));
        }
        Ok(list)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.to_le_bytes());
        put_compact(out, self.authorities.len() as u64);
        for (key, weight) in &self.authorities {
            out.extend_from_slice(key);
            out.extend_from_slice(&weight.to_le_bytes());
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, SetFault> {
        let id = reader.u64("set id")?;
        Self::new(id, Self::read_list(reader)?)
    }
}

/// BEEFY's validators as a leaf of the MMR names them (`BeefyAuthoritySet`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeefySet {
    /// The set's id.
    pub id: u64,
    /// Validators in it.
    pub len: u32,
    /// Root of the binary Merkle tree over their addresses.
    pub root: B256,
}

impl BeefySet {
    /// Signatures that must be reached.
    pub const fn threshold(&self) -> u64 {
        quorum(self.len as u64)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.len.to_le_bytes());
        out.extend_from_slice(self.root.as_slice());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ScaleFault> {
        let (id, len) = (reader.u64("set id")?, reader.u32("validators")?);
        Ok(Self { id, len, root: reader.hash("validators' root")? })
    }
}

/// `n − ⌊(n − 1) / 3⌋`: more than two thirds. A set of nobody has a quorum of one, which nobody reaches.
pub const fn quorum(n: u64) -> u64 {
    match n {
        0 => 1,
        _ => n - (n - 1) / 3,
    }
}
