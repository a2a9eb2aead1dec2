//! What a relayer brings to move a client on. SCALE, the chain's own encoding, around the chain's own proofs:
//!
//! * GRANDPA: `0 ‖ u64 set id ‖ bool reads set ‖ bytes justification ‖ bytes header ‖ [bytes] state`
//! * BEEFY: `1 ‖ bytes finality proof ‖ signers ‖ bytes leaf ‖ u64 index ‖ u64 leaves ‖ [hash] path ‖ bytes header ‖
//!   [bytes] state`, where signers are `0 ‖ bytes (20 each)` or `1 ‖ [address ‖ [hash]]`
//!
//! `state` are trie nodes under the header's state root.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256};

use crate::{
    header::MAX_HEADER_BYTES,
    scale::{Reader, ScaleFault, put_bytes, put_compact},
    set::MAX_AUTHORITIES,
    trie::{MAX_NODE_BYTES, MAX_PROOF_NODES},
};

/// Bytes of one update: a justification of 4096 votes is 540 kB, headers and state proof bring it to a few megabytes.
pub const MAX_UPDATE_BYTES: usize = 8 * 1024 * 1024;

/// Bytes of a justification, of a finality proof.
pub const MAX_JUSTIFICATION_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of a leaf of the MMR: 81 and the runtime's extra.
pub const MAX_LEAF_BYTES: usize = 1024;

/// Hashes of one Merkle path: 64 levels and 64 peaks.
pub const MAX_PATH: usize = 128;

/// A step forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update<'a> {
    /// By a GRANDPA justification.
    Grandpa(GrandpaUpdate<'a>),
    /// By a BEEFY commitment.
    Beefy(BeefyUpdate<'a>),
}

/// A GRANDPA justification, the header of its target, and what is read of that block's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrandpaUpdate<'a> {
    /// The set that signed.
    pub set_id: u64,
    /// Whether `state` also proves the authorities after the block.
    pub reads_set: bool,
    /// SCALE of the justification. Empty for the last common block of a frozen client.
    pub justification: &'a [u8],
    /// SCALE of the header.
    pub header: &'a [u8],
    /// Trie nodes.
    pub state: Vec<&'a [u8]>,
}

/// A BEEFY commitment, the leaf of its block, the header that the leaf names, and what is read of that block's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeefyUpdate<'a> {
    /// SCALE of the versioned finality proof. Empty for the last common block of a frozen client.
    pub finality_proof: &'a [u8],
    /// Who the validators are.
    pub signers: Signers<'a>,
    /// SCALE of the MMR's leaf.
    pub leaf: &'a [u8],
    /// The leaf's index.
    pub leaf_index: u64,
    /// Leaves of the MMR.
    pub leaf_count: u64,
    /// The leaf's path, as the runtime's MMR proof for one leaf has it.
    pub path: Vec<B256>,
    /// SCALE of the header of the leaf's parent block.
    pub header: &'a [u8],
    /// Trie nodes.
    pub state: Vec<&'a [u8]>,
}

/// How validators are shown to be in a set of which only the root is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signers<'a> {
    /// The addresses of the whole set, in order, 20 bytes each.
    Set(&'a [u8]),
    /// One address and path for each signature, in their order.
    Proven(Vec<(Address, Vec<B256>)>),
}

fn hashes(reader: &mut Reader<'_>) -> Result<Vec<B256>, ScaleFault> {
    let count = reader.count(MAX_PATH, 32, "path")?;
    (0..count).map(|_| reader.hash("path")).collect()
}

fn nodes<'a>(reader: &mut Reader<'a>) -> Result<Vec<&'a [u8]>, ScaleFault> {
    let count = reader.count(MAX_PROOF_NODES, 1, "state proof")?;
    (0..count).map(|_| reader.bytes(MAX_NODE_BYTES, "state proof")).collect()
}

fn put_hashes(out: &mut Vec<u8>, hashes: &[B256]) {
    put_compact(out, hashes.len() as u64);
    hashes.iter().for_each(|hash| out.extend_from_slice(hash.as_slice()));
}

fn put_nodes(out: &mut Vec<u8>, nodes: &[&[u8]]) {
    put_compact(out, nodes.len() as u64);
    nodes.iter().for_each(|node| put_bytes(out, node));
}

impl<'a> Update<'a> {
    /// Reads exactly an update.
    ///
    /// # Errors
    /// The bytes are none, or beyond a bound.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, ScaleFault> {
        if bytes.len() > MAX_UPDATE_BYTES {
            let (limit, found) = (MAX_UPDATE_BYTES as u64, bytes.len() as u64);
            return Err(ScaleFault::TooLarge { what: "update", limit, found });
        }
        let mut reader = Reader::new(bytes);
        let update = match reader.byte("update")? {
            0 => Self::Grandpa(GrandpaUpdate {
                set_id: reader.u64("set id")?,
                reads_set: reader.flag("flag")?,
                justification: reader.bytes(MAX_JUSTIFICATION_BYTES, "justification")?,
                header: reader.bytes(MAX_HEADER_BYTES, "header")?,
                state: nodes(&mut reader)?,
            }),
            1 => Self::Beefy(BeefyUpdate {
                finality_proof: reader.bytes(MAX_JUSTIFICATION_BYTES, "finality proof")?,
                signers: Signers::read(&mut reader)?,
                leaf: reader.bytes(MAX_LEAF_BYTES, "leaf")?,
                leaf_index: reader.u64("leaf index")?,
                leaf_count: reader.u64("leaf count")?,
                path: hashes(&mut reader)?,
                header: reader.bytes(MAX_HEADER_BYTES, "header")?,
                state: nodes(&mut reader)?,
            }),
            found => return Err(ScaleFault::Tag { what: "update", found }),
        };
        reader.end("update")?;
        Ok(update)
    }

    /// Writes the update; [`Update::decode`] reads it back if it is within the bounds.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Grandpa(update) => {
                out.push(0);
                out.extend_from_slice(&update.set_id.to_le_bytes());
                out.push(update.reads_set.into());
                put_bytes(&mut out, update.justification);
                put_bytes(&mut out, update.header);
                put_nodes(&mut out, &update.state);
            }
            Self::Beefy(update) => {
                out.push(1);
                put_bytes(&mut out, update.finality_proof);
                update.signers.write(&mut out);
                put_bytes(&mut out, update.leaf);
                out.extend_from_slice(&update.leaf_index.to_le_bytes());
                out.extend_from_slice(&update.leaf_count.to_le_bytes());
                put_hashes(&mut out, &update.path);
                put_bytes(&mut out, update.header);
                put_nodes(&mut out, &update.state);
            }
        }
        out
    }
}

impl<'a> Signers<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ScaleFault> {
        match reader.byte("signers")? {
            0 => reader.bytes(20 * MAX_AUTHORITIES, "signers").map(Self::Set),
            1 => {
                let count = reader.count(MAX_AUTHORITIES, 21, "signers")?;
                (0..count)
                    .map(|_| Ok((reader.address("signer")?, hashes(reader)?)))
                    .collect::<Result<_, _>>()
                    .map(Self::Proven)
            }
            found => Err(ScaleFault::Tag { what: "signers", found }),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Set(addresses) => {
                out.push(0);
                put_bytes(out, addresses);
            }
            Self::Proven(proven) => {
                out.push(1);
                put_compact(out, proven.len() as u64);
                for (address, path) in proven {
                    out.extend_from_slice(address.as_slice());
                    put_hashes(out, path);
                }
            }
        }
    }
}
