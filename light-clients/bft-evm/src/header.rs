//! The chain's header and its hashes.

use alloc::vec::Vec;

use alloy_primitives::{B256, b256, keccak256};
use causeway_mpt::rlp::{self, Item, RlpError};
use thiserror::Error;

use crate::{
    HEIGHT_BITS, MAX_HEADER_BYTES, MAX_SEALED_HEADER_BYTES, Mode,
    extra::{Extra, MIX_HASH, Part},
};

/// Keccak-256 of the empty list: the ommers hash of every BFT block.
pub(crate) const NO_OMMERS: B256 = b256!("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");

/// Fields of a header before London.
const FIELDS_MIN: usize = 15;

/// A header that no client of the mode accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderFault {
    /// Longer than any honest header.
    #[error("at most {limit} bytes, found {found}")]
    TooLarge {
        /// The bound.
        limit: usize,
        /// The length found.
        found: usize,
    },
    /// Not canonical RLP of a header.
    #[error("{0}")]
    Rlp(#[from] RlpError),
    /// More fields than this client knows.
    #[error("unknown field {0}")]
    UnknownField(usize),
    /// Has ommers, which BFT blocks never do.
    #[error("ommers hash: found {0}")]
    Ommers(B256),
    /// Difficulty is not 1.
    #[error("difficulty is not 1")]
    Difficulty,
    /// A block number that no chain reaches.
    #[error("block number {0} takes more than {HEIGHT_BITS} bits")]
    Height(u64),
    /// Not the mix hash of Istanbul-style blocks.
    #[error("mix hash: found {0}")]
    MixHash(B256),
    /// Extra data shorter than its vanity.
    #[error("extra data of {0} bytes has no vanity")]
    Vanity(usize),
    /// A vote that is neither to add nor to drop.
    #[error("malformed vote")]
    Vote,
    /// A seal that is not 65 bytes long.
    #[error("a seal has 65 bytes, found {0}")]
    SealLength(usize),
    /// Commit seals where none belong.
    #[error("commit seals in a header without seals")]
    SealsPresent,
    /// Validators in a header of a chain that keeps them in a contract.
    #[error("{0} validators listed in validator-contract mode")]
    ListedValidators(usize),
}

/// The fields of a header that a light client uses, and its extra data.
#[derive(Clone, Copy, Debug)]
struct Fields<'a> {
    parent_hash: B256,
    state_root: B256,
    receipts_root: B256,
    height: u64,
    time: u64,
    extra: Extra<'a>,
    /// Raw items before and after the extra data.
    before: &'a [u8],
    after: &'a [u8],
}

impl<'a> Fields<'a> {
    fn read(mode: Mode, bytes: &'a [u8], sealed: bool) -> Result<Self, HeaderFault> {
        let limit = if sealed { MAX_SEALED_HEADER_BYTES } else { MAX_HEADER_BYTES };
        if bytes.len() > limit {
            return Err(HeaderFault::TooLarge { limit, found: bytes.len() });
        }
        let list = rlp::exact(bytes)?;
        let payload = list.payload();
        let mut items = list.items()?;
        let parent_hash = items.item()?.hash()?;
        let ommers = items.item()?.hash()?;
        items.item()?.address()?;
        let state_root = items.item()?.hash()?;
        items.item()?.hash()?;
        let receipts_root = items.item()?.hash()?;
        items.item()?.array::<256>()?;
        let difficulty = items.item()?.u256()?;
        let height = items.item()?.u64()?;
        items.item()?.u64()?; // gas limit
        items.item()?.u64()?; // gas used
        let time = items.item()?.u64()?;
        let before = payload.get(..payload.len() - items.rest().len()).unwrap_or_default();
        let extra = items.item()?.bytes()?;
        let after = items.rest();
        let mix_hash = items.item()?.hash()?;
        items.item()?.array::<8>()?; // nonce
        let mut position = FIELDS_MIN;
        while !items.is_empty() {
            later_field(position, items.item()?)?;
            position += 1;
        }
        if height >> HEIGHT_BITS != 0 {
            return Err(HeaderFault::Height(height));
        }
        if ommers != NO_OMMERS {
            return Err(HeaderFault::Ommers(ommers));
        }
        if difficulty != alloy_primitives::U256::ONE {
            return Err(HeaderFault::Difficulty);
        }
        if mix_hash != MIX_HASH {
            return Err(HeaderFault::MixHash(mix_hash));
        }
        let extra = if sealed { Extra::sealed(mode, extra)? } else { Extra::seal_less(mode, extra)? };
        Ok(Self { parent_hash, state_root, receipts_root, height, time, extra, before, after })
    }

    /// The header with its extra data reduced to `part`.
    fn encode_part(&self, mode: Mode, part: Part) -> Vec<u8> {
        let extra = self.extra.encode_part(mode, part);
        let mut payload = Vec::with_capacity(self.before.len() + extra.len() + self.after.len() + 9);
        payload.extend_from_slice(self.before);
        rlp::put_bytes(&mut payload, &extra);
        payload.extend_from_slice(self.after);
        rlp::list(&payload)
    }
}

/// Fields that forks after Berlin appended, by position (EIP-1559, 4895, 4844, 4788, 7685).
fn later_field(position: usize, item: Item<'_>) -> Result<(), HeaderFault> {
    match position {
        15 => item.u256().map(drop)?,
        16 | 19 | 20 => item.hash().map(drop)?,
        17 | 18 => item.u64().map(drop)?,
        _ => return Err(HeaderFault::UnknownField(position)),
    }
    Ok(())
}

/// A header without commit seals: what an update carries.
///
/// For QBFT and IBFT 2.0 its bytes are the very message that commit seals sign; for IBFT 1 the message that the block
/// hash is taken over.
#[derive(Clone, Copy, Debug)]
pub struct SealLess<'a> {
    mode: Mode,
    /// Keccak-256 of its bytes: what seals sign or, with nothing to leave out, the block hash.
    digest: B256,
    fields: Fields<'a>,
}

impl<'a> SealLess<'a> {
    /// Reads a header without commit seals.
    ///
    /// # Errors
    /// It is not canonical, or not of the mode.
    pub fn read(mode: Mode, bytes: &'a [u8]) -> Result<Self, HeaderFault> {
        let fields = Fields::read(mode, bytes, false)?;
        Ok(Self { mode, digest: keccak256(bytes), fields })
    }

    /// The digest that commit seals sign.
    pub fn commit_digest(&self) -> B256 {
        commit_digest(self.mode, self.digest)
    }

    /// The block's hash: without round and commit seals.
    pub fn block_hash(&self) -> B256 {
        if self.fields.extra.is_block_hash_part(self.mode) {
            return self.digest;
        }
        keccak256(self.fields.encode_part(self.mode, Part::BlockHash))
    }
}

/// A header as it stands in its chain, with its commit seals: where updates and pinned states are made from.
#[derive(Clone, Copy, Debug)]
pub struct SealedHeader<'a> {
    mode: Mode,
    fields: Fields<'a>,
}

impl<'a> SealedHeader<'a> {
    /// Reads a header as `debug_getBlockRlp` and block bodies hold it, or as it was put together from JSON.
    ///
    /// # Errors
    /// It is not canonical, or not of the mode.
    pub fn read(mode: Mode, bytes: &'a [u8]) -> Result<Self, HeaderFault> {
        Ok(Self { mode, fields: Fields::read(mode, bytes, true)? })
    }

    /// The block's hash.
    pub fn block_hash(&self) -> B256 {
        keccak256(self.fields.encode_part(self.mode, Part::BlockHash))
    }

    /// The digest that commit seals sign.
    pub fn commit_digest(&self) -> B256 {
        commit_digest(self.mode, keccak256(self.seal_less()))
    }

    /// The header without commit seals: what an update carries ([`SealLess`]).
    pub fn seal_less(&self) -> Vec<u8> {
        self.fields.encode_part(self.mode, Part::SealLess)
    }
}

/// QBFT and IBFT 2.0 seal the header's own digest; IBFT 1 the block hash followed by the message code of COMMIT.
fn commit_digest(mode: Mode, digest: B256) -> B256 {
    /// EIP-650: `msgCommit`.
    const COMMIT: u8 = 2;
    match mode {
        Mode::Qbft | Mode::Ibft2 => digest,
        Mode::Ibft1 => {
            let mut message = [COMMIT; 33];
            message[..32].copy_from_slice(digest.as_slice());
            keccak256(message)
        }
    }
}

macro_rules! fields {
    ($($header:ident),*) => {$(
        impl<'a> $header<'a> {
            /// The chain's dialect.
            pub const fn mode(&self) -> Mode {
                self.mode
            }

            /// Hash of the parent block.
            pub const fn parent_hash(&self) -> B256 {
                self.fields.parent_hash
            }

            /// Root of the state after this block.
            pub const fn state_root(&self) -> B256 {
                self.fields.state_root
            }

            /// Root of the receipts of this block.
            pub const fn receipts_root(&self) -> B256 {
                self.fields.receipts_root
            }

            /// Block number.
            pub const fn height(&self) -> u64 {
                self.fields.height
            }

            /// Unix seconds.
            pub const fn time(&self) -> u64 {
                self.fields.time
            }

            /// The extra data: validators, vote, round, seals.
            pub const fn extra(&self) -> &Extra<'a> {
                &self.fields.extra
            }
        }
    )*};
}
fields!(SealLess, SealedHeader);
