//! Extra data: who may seal, who did, and in which round.

use alloc::vec::Vec;

use alloy_primitives::{Address, B256};
use causeway_mpt::rlp::{self, Item, Reader};

use crate::{HeaderFault, Mode, set::LISTED_BYTES};

/// Bytes of vanity at the head of extra data, in all modes.
pub const VANITY_BYTES: usize = 32;

/// Bytes of a seal: r ‖ s ‖ v.
pub const SEAL_BYTES: usize = 65;

/// Bytes of the round number at most: Besu's is a Java `int`.
const ROUND_BYTES: usize = 4;

/// Extra data, borrowed. The same for every mode; what a mode lacks is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extra<'a> {
    /// 32 bytes that the proposer fills at will.
    pub vanity: &'a [u8; VANITY_BYTES],
    /// Payload of the list of validators, 21 bytes each.
    listed: &'a [u8],
    /// The vote of QBFT and IBFT 2.0, if the proposer cast one: candidate and whether to add it.
    pub vote: Option<(Address, bool)>,
    /// Round of consensus in which the block was committed (QBFT, IBFT 2.0).
    pub round: u32,
    /// The proposer's seal (IBFT 1; empty in a genesis block).
    pub proposer_seal: &'a [u8],
    /// Payload of the list of commit seals; empty in a header without seals.
    seals: &'a [u8],
    raw: RawItems<'a>,
}

/// Items as they stand, to put them together again without one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RawItems<'a> {
    /// From the first item to the last before the round (QBFT, IBFT 2.0) or the committed seals (IBFT 1).
    before: &'a [u8],
    /// The round, with its header.
    round: &'a [u8],
}

/// Which of its parts extra data holds when it is hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// As the block hash sees it: neither round nor commit seals.
    BlockHash,
    /// As a commit seal sees it (QBFT, IBFT 2.0): the round, but no commit seals. IBFT 1: as [`Part::BlockHash`].
    SealLess,
}

impl<'a> Extra<'a> {
    /// Reads the extra data of a header without commit seals ([`Part::SealLess`]).
    ///
    /// # Errors
    /// It is not canonical, not of the mode, or holds seals.
    pub fn seal_less(mode: Mode, bytes: &'a [u8]) -> Result<Self, HeaderFault> {
        Self::read(mode, bytes, false)
    }

    /// Reads the extra data of a header as it stands in its chain.
    ///
    /// # Errors
    /// It is not canonical or not of the mode.
    pub fn sealed(mode: Mode, bytes: &'a [u8]) -> Result<Self, HeaderFault> {
        Self::read(mode, bytes, true)
    }

    fn read(mode: Mode, bytes: &'a [u8], sealed: bool) -> Result<Self, HeaderFault> {
        match mode {
            Mode::Qbft | Mode::Ibft2 => Self::read_bft(mode, bytes, sealed),
            Mode::Ibft1 => Self::read_istanbul(bytes, sealed),
        }
    }

    fn read_bft(mode: Mode, bytes: &'a [u8], sealed: bool) -> Result<Self, HeaderFault> {
        let list = rlp::exact(bytes)?;
        let mut items = list.items()?;
        let vanity = items.item()?.array::<VANITY_BYTES>()?;
        let listed = validators(items.item()?)?;
        let vote = vote(mode, items.item()?)?;
        let before = list.payload().get(..list.payload().len() - items.rest().len()).unwrap_or_default();
        let round_item = items.item()?;
        let round = round(mode, round_item)?;
        // IBFT 2.0 leaves the item out where QBFT writes an empty list.
        let seals = match (mode, sealed) {
            (Mode::Ibft2, false) => &[],
            _ => seals(items.item()?)?,
        };
        items.end()?;
        if !sealed && !seals.is_empty() {
            return Err(HeaderFault::SealsPresent);
        }
        let raw = RawItems { before, round: round_item.raw() };
        Ok(Self { vanity, listed, vote, round, proposer_seal: &[], seals, raw })
    }

    fn read_istanbul(bytes: &'a [u8], sealed: bool) -> Result<Self, HeaderFault> {
        let (vanity, rest) = bytes.split_first_chunk::<VANITY_BYTES>().ok_or(HeaderFault::Vanity(bytes.len()))?;
        let list = rlp::exact(rest)?;
        let mut items = list.items()?;
        let listed = validators(items.item()?)?;
        let proposer_seal = items.item()?.bytes()?;
        if !matches!(proposer_seal.len(), 0 | SEAL_BYTES) {
            return Err(HeaderFault::SealLength(proposer_seal.len()));
        }
        let before = list.payload().get(..list.payload().len() - items.rest().len()).unwrap_or_default();
        let seals = seals(items.item()?)?;
        items.end()?;
        if !sealed && !seals.is_empty() {
            return Err(HeaderFault::SealsPresent);
        }
        let raw = RawItems { before, round: &[] };
        Ok(Self { vanity, listed, vote: None, round: 0, proposer_seal, seals, raw })
    }

    /// How many validators are listed.
    pub const fn validator_count(&self) -> usize {
        self.listed.len() / LISTED_BYTES
    }

    /// The validators in the order of the list.
    pub fn validators(&self) -> impl ExactSizeIterator<Item = Address> + use<'a> {
        self.listed.chunks_exact(LISTED_BYTES).map(|listed| Address::from_slice(&listed[1..]))
    }

    /// The validator at a position of the list.
    pub fn validator(&self, position: usize) -> Option<Address> {
        let start = position.checked_mul(LISTED_BYTES)?;
        self.listed.get(start + 1..start + LISTED_BYTES).map(Address::from_slice)
    }

    /// Payload of the list of validators: what the set's hash is taken over.
    pub const fn listed(&self) -> &'a [u8] {
        self.listed
    }

    /// The commit seals in the order in which they stand.
    pub fn seals(&self) -> impl Iterator<Item = &'a [u8; SEAL_BYTES]> + use<'a> {
        // The list was read once already: its items are good.
        let mut reader = Reader::new(self.seals);
        core::iter::from_fn(move || reader.item().ok()?.array::<SEAL_BYTES>().ok())
    }

    /// Whether extra data without seals is what the block hash sees: nothing to put together again.
    pub(crate) fn is_block_hash_part(&self, mode: Mode) -> bool {
        match mode {
            Mode::Qbft => self.raw.round == [0x80],
            Mode::Ibft2 => false,
            Mode::Ibft1 => true,
        }
    }

    /// Puts the parts together again.
    pub(crate) fn encode_part(&self, mode: Mode, part: Part) -> Vec<u8> {
        let mut items = Vec::with_capacity(self.raw.before.len() + self.raw.round.len() + 1);
        items.extend_from_slice(self.raw.before);
        match (mode, part) {
            (Mode::Qbft, Part::BlockHash) => items.extend_from_slice(&[0x80, 0xc0]),
            (Mode::Qbft, Part::SealLess) => {
                items.extend_from_slice(self.raw.round);
                items.push(0xc0);
            }
            (Mode::Ibft2, Part::BlockHash) => {}
            (Mode::Ibft2, Part::SealLess) => items.extend_from_slice(self.raw.round),
            (Mode::Ibft1, _) => items.push(0xc0),
        }
        let mut out = Vec::with_capacity(VANITY_BYTES + items.len() + 9);
        if mode == Mode::Ibft1 {
            out.extend_from_slice(self.vanity);
        }
        out.append(&mut rlp::list(&items));
        out
    }
}

/// The payload of a list of addresses.
fn validators(item: Item<'_>) -> Result<&[u8], HeaderFault> {
    let mut items = item.items()?;
    while !items.is_empty() {
        items.item()?.address()?;
    }
    Ok(item.payload())
}

/// The payload of a list of seals.
fn seals(item: Item<'_>) -> Result<&[u8], HeaderFault> {
    let mut items = item.items()?;
    while !items.is_empty() {
        let seal = items.item()?.bytes()?;
        if seal.len() != SEAL_BYTES {
            return Err(HeaderFault::SealLength(seal.len()));
        }
    }
    Ok(item.payload())
}

/// No vote is an empty list in QBFT and an empty string in IBFT 2.0. To drop is the byte 0x00; GoQuorum writes the
/// number 0, an empty string.
fn vote(mode: Mode, item: Item<'_>) -> Result<Option<(Address, bool)>, HeaderFault> {
    let none = if mode == Mode::Ibft2 { !item.is_list() } else { item.is_list() };
    if none && item.payload().is_empty() {
        return Ok(None);
    }
    let mut items = item.items()?;
    let candidate = items.item()?.address()?;
    let add = match items.item()?.bytes()? {
        [0xff] => true,
        [0x00] | [] => false,
        _ => return Err(HeaderFault::Vote),
    };
    items.end()?;
    Ok(Some((candidate, add)))
}

/// IBFT 2.0 writes four bytes, QBFT a number; the QBFT test vectors and early codecs write four bytes too. The two forms of
/// a round are other bytes of the same block: seals cover the one that was sealed, the block's hash neither.
fn round(mode: Mode, item: Item<'_>) -> Result<u32, HeaderFault> {
    match (mode, item.bytes()?.len()) {
        (Mode::Ibft2, _) | (_, ROUND_BYTES) => Ok(u32::from_be_bytes(*item.array::<ROUND_BYTES>()?)),
        _ => Ok(u32::from_be_bytes(item.number::<ROUND_BYTES>()?)),
    }
}

/// The mix hash of Istanbul-style blocks: the text "ctical byzantine fault tolerance".
pub const MIX_HASH: B256 = alloy_primitives::b256!("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365");
