//! A block's header, its hash, and the change of authorities that its digest may announce.
//!
//! `SCALE(parent hash ‖ compact number ‖ state root ‖ extrinsics root ‖ digest)`, hashed with BLAKE2b-256 (Polkadot
//! specification §3.4, definitions "block header" and "header digest"). Avail appends an extension, which is hashed too.

use alloc::vec::Vec;

use alloy_primitives::B256;
use thiserror::Error;

use crate::{
    hash::blake2_256,
    scale::{Reader, ScaleFault},
    set::{AuthoritySet, SetFault},
};

/// Bytes of one header: the next 4096 authorities (164 kB) are the largest thing in one.
pub const MAX_HEADER_BYTES: usize = 512 * 1024;

/// Items in a header's digest. Chains write two to five.
pub const MAX_DIGEST_ITEMS: usize = 64;

/// Entries of Avail's data lookup and bytes of its commitment.
const MAX_AVAIL_ENTRIES: usize = 16 * 1024;
const MAX_AVAIL_COMMITMENT: usize = 256 * 1024;

/// GRANDPA's consensus engine id.
const GRANDPA_ENGINE: [u8; 4] = *b"FRNK";

/// What stands in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderFormat {
    /// Substrate's own: five fields.
    Substrate,
    /// Avail's: a sixth, the extension `V3 { app lookup, Kate commitment }`.
    Avail,
}

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderFault {
    /// Not SCALE of a header.
    #[error("{0}")]
    Scale(#[from] ScaleFault),
    /// The announced authorities are no set.
    #[error("announced authorities: {0}")]
    Set(#[from] SetFault),
    /// The digest holds two changes. GRANDPA takes the first it finds; no runtime writes two.
    #[error("more than one change of authorities")]
    SeveralChanges,
    /// A forced change: authorities replaced without the old ones' consent after a stall. Nothing proves it; the client
    /// has to be started again from another pin.
    #[error("a forced change of authorities")]
    ForcedChange,
}

/// A header, borrowed from its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    parent_hash: B256,
    number: u32,
    state_root: B256,
    extrinsics_root: B256,
    digest: &'a [u8],
    raw: &'a [u8],
}

/// Authorities that take over after a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who takes over; the set's id is that of the announcing block's set plus one.
    pub authorities: Vec<([u8; 32], u64)>,
    /// Blocks after the announcing one that the old set still finalises.
    pub delay: u32,
}

impl<'a> Header<'a> {
    /// Reads exactly a header.
    ///
    /// # Errors
    /// The bytes are no header of this format.
    pub fn read(format: HeaderFormat, bytes: &'a [u8]) -> Result<Self, HeaderFault> {
        let mut reader = Reader::new(bytes);
        let header = Self::read_from(format, &mut reader)?;
        reader.end("header")?;
        Ok(header)
    }

    pub(crate) fn read_from(format: HeaderFormat, reader: &mut Reader<'a>) -> Result<Self, ScaleFault> {
        let start = *reader;
        let parent_hash = reader.hash("parent hash")?;
        let number = reader.compact_u32("block number")?;
        let state_root = reader.hash("state root")?;
        let extrinsics_root = reader.hash("extrinsics root")?;
        let before = *reader;
        let items = reader.count(MAX_DIGEST_ITEMS, 1, "digest items")?;
        for _ in 0..items {
            digest_item(reader)?;
        }
        let digest = reader.since(&before);
        if format == HeaderFormat::Avail {
            avail_extension(reader)?;
        }
        let raw = reader.since(&start);
        if raw.len() > MAX_HEADER_BYTES {
            let (limit, found) = (MAX_HEADER_BYTES as u64, raw.len() as u64);
            return Err(ScaleFault::TooLarge { what: "header", limit, found });
        }
        Ok(Self { parent_hash, number, state_root, extrinsics_root, digest, raw })
    }

    /// The block's hash.
    pub fn hash(&self) -> B256 {
        blake2_256(self.raw)
    }

    /// Hash of the block before.
    pub const fn parent_hash(&self) -> B256 {
        self.parent_hash
    }

    /// Block number.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Root of the state after the block.
    pub const fn state_root(&self) -> B256 {
        self.state_root
    }

    /// Root of the block's extrinsics.
    pub const fn extrinsics_root(&self) -> B256 {
        self.extrinsics_root
    }

    /// The header's bytes.
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The change of GRANDPA authorities that this block announces, if it does.
    ///
    /// # Errors
    /// A change that no client can follow or that can not be read.
    pub fn change(&self) -> Result<Option<Change>, HeaderFault> {
        let mut reader = Reader::new(self.digest);
        let items = reader.count(MAX_DIGEST_ITEMS, 1, "digest items")?;
        let mut change = None;
        for _ in 0..items {
            let Some(log) = digest_item(&mut reader)? else { continue };
            let Some(found) = grandpa_log(log)? else { continue };
            if change.replace(found).is_some() {
                return Err(HeaderFault::SeveralChanges);
            }
        }
        Ok(change)
    }
}

/// Reads a digest item; gives the payload of a GRANDPA consensus log.
fn digest_item<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a [u8]>, ScaleFault> {
    let what = "digest item";
    match reader.byte(what)? {
        // Other.
        0 => reader.bytes(MAX_HEADER_BYTES, what).map(|_| None),
        // Consensus, seal, pre-runtime.
        kind @ 4..=6 => {
            let engine = *reader.array::<4>(what)?;
            let log = reader.bytes(MAX_HEADER_BYTES, what)?;
            Ok((kind == 4 && engine == GRANDPA_ENGINE).then_some(log))
        }
        // The runtime's environment was updated.
        8 => Ok(None),
        found => Err(ScaleFault::Tag { what, found }),
    }
}

/// GRANDPA's consensus log: 1 scheduled change, 2 forced change, 3 on-disabled, 4 pause, 5 resume.
fn grandpa_log(log: &[u8]) -> Result<Option<Change>, HeaderFault> {
    let what = "GRANDPA log";
    let mut reader = Reader::new(log);
    match reader.byte(what)? {
        1 => {
            let authorities = AuthoritySet::read_list(&mut reader)?;
            let delay = reader.u32("delay of a change")?;
            reader.end(what)?;
            Ok(Some(Change { authorities, delay }))
        }
        2 => Err(HeaderFault::ForcedChange),
        // Nodes ignore these since GRANDPA's first years; they change nobody's right to sign.
        3..=5 => Ok(None),
        found => Err(ScaleFault::Tag { what, found }.into()),
    }
}

/// Avail's header extension, third version: `{size, [(app, start)]}, {rows, columns, commitment, data root}`.
fn avail_extension(reader: &mut Reader<'_>) -> Result<(), ScaleFault> {
    let what = "header extension";
    match reader.byte(what)? {
        2 => {}
        found => return Err(ScaleFault::Tag { what, found }),
    }
    reader.compact_u32(what)?;
    let entries = reader.count(MAX_AVAIL_ENTRIES, 2, what)?;
    for _ in 0..entries {
        reader.compact_u32(what)?;
        reader.compact_u32(what)?;
    }
    for _ in 0..2 {
        let found = reader.compact(what)?;
        if found > u64::from(u16::MAX) {
            return Err(ScaleFault::TooLarge { what, limit: u64::from(u16::MAX), found });
        }
    }
    reader.bytes(MAX_AVAIL_COMMITMENT, what)?;
    reader.hash(what)?;
    Ok(())
}
