//! A leaf of the MMR: `version ‖ u32 parent number ‖ parent hash ‖ next set ‖ extra` (polkadot-sdk
//! `sp-consensus-beefy::mmr::MmrLeaf`). The leaf made in block n names block n − 1 as its parent.

use alloy_primitives::{B256, keccak256};

use crate::{
    scale::{Reader, ScaleFault},
    set::BeefySet,
    update::MAX_LEAF_BYTES,
};

/// A leaf, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf<'a> {
    /// Version: three bits major, five bits minor.
    pub version: u8,
    /// Number of the block before the one that the leaf was made in.
    pub parent_number: u32,
    /// That block's hash.
    pub parent_hash: B256,
    /// The validators of the next session.
    pub next: BeefySet,
    /// What the runtime adds (on relay chains the root of the parachains' heads).
    pub extra: &'a [u8],
    raw: &'a [u8],
}

impl<'a> Leaf<'a> {
    /// Reads a leaf. A leaf is longer than 64 bytes, so it can not be taken for an inner node of the MMR.
    ///
    /// # Errors
    /// The bytes are none, or of another major version.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ScaleFault> {
        if bytes.len() > MAX_LEAF_BYTES {
            let (limit, found) = (MAX_LEAF_BYTES as u64, bytes.len() as u64);
            return Err(ScaleFault::TooLarge { what: "leaf", limit, found });
        }
        let mut reader = Reader::new(bytes);
        let version = reader.byte("leaf version")?;
        // Minor versions add to the end; major ones change what stands here.
        if version >> 5 != 0 {
            return Err(ScaleFault::Tag { what: "leaf version", found: version });
        }
        let parent_number = reader.u32("parent number")?;
        let parent_hash = reader.hash("parent hash")?;
        let next = BeefySet::read(&mut reader)?;
        Ok(Self { version, parent_number, parent_hash, next, extra: reader.rest(), raw: bytes })
    }

    /// The leaf's hash in the MMR.
    pub fn hash(&self) -> B256 {
        keccak256(self.raw)
    }
}
