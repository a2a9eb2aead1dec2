//! Entries: the facts that a chain writes into a lane's outbox.
//!
//! An entry is a fixed list of 32-byte words, `lane_id, index, kind, …` (protocol §3). Its commitment, the leaf of the
//! outbox tree, is `keccak256(0x00 ‖ words)`; the prefix keeps a leaf from ever being read as an inner node (ATK-038).
//! Decoding is canonical: a word list that decodes is exactly what [`Entry::words`] gives back (ATK-064).

use alloy_primitives::{B256, U256, keccak256};

use crate::lane::{LaneId, u64_word};

/// Prefix byte of a leaf in the outbox tree.
pub const LEAF_PREFIX: u8 = 0x00;

/// Words of the longest entry (`Transfer`).
pub const MAX_WORDS: usize = 9;

/// What kind of fact an entry is. The discriminant is the kind's number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// The vault took an asset.
    Transfer = 1,
    /// A transfer of the reverse lane was not credited and goes back.
    Returned = 2,
    /// A swap leg's asset was locked.
    SwapLocked = 3,
    /// A swap leg will never be locked.
    SwapVoided = 4,
}

impl Kind {
    /// The kind of that number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Transfer),
            2 => Some(Self::Returned),
            3 => Some(Self::SwapLocked),
            4 => Some(Self::SwapVoided),
            _ => None,
        }
    }

    /// Words of an entry of this kind, the three common ones included.
    #[must_use]
    pub const fn words(self) -> usize {
        match self {
            Self::Transfer => 9,
            Self::Returned => 6,
            Self::SwapLocked | Self::SwapVoided => 5,
        }
    }
}

/// Why a transfer came back. The discriminant is the reason's number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Reason {
    /// It was delivered at or after its timeout, in the destination's own clock.
    Expired = 1,
    /// The credit failed: the token's call, or a recipient that may not receive.
    Failed = 2,
}

impl Reason {
    /// The reason of that number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Expired),
            2 => Some(Self::Failed),
            _ => None,
        }
    }
}

/// An asset that was locked (or a voucher that was burned) to be credited on the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transfer {
    /// keccak-256 of the asset's CAIP-19 id on the lane's source.
    pub asset: B256,
    /// Amount in the source's units, or the token id.
    pub amount: U256,
    /// Sender on the source, as an account word ([`crate::caip::AccountId`]).
    pub sender: B256,
    /// Recipient on the destination, as an account word.
    pub recipient: B256,
    /// Unix seconds in the destination's own clock, at or after which the transfer is returned instead of credited.
    pub timeout: u64,
    /// Hash of a memo, or zero.
    pub memo: B256,
}

/// A transfer of the reverse lane that goes back to its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Returned {
    /// The transfer's index on the reverse lane.
    pub index: u64,
    /// The transfer's commitment on the reverse lane.
    pub commitment: B256,
    /// Why.
    pub reason: Reason,
}

/// One leg of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SwapLeg {
    /// Hash of the swap's full terms.
    pub swap_id: B256,
    /// 0 or 1: leg k is locked on the source of the swap's lane k.
    pub leg: u8,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// See [`Transfer`].
    Transfer(Transfer),
    /// See [`Returned`].
    Returned(Returned),
    /// The leg's asset was locked.
    SwapLocked(SwapLeg),
    /// The leg will never be locked.
    SwapVoided(SwapLeg),
}

impl Body {
    /// The body's kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Transfer(_) => Kind::Transfer,
            Self::Returned(_) => Kind::Returned,
            Self::SwapLocked(_) => Kind::SwapLocked,
            Self::SwapVoided(_) => Kind::SwapVoided,
        }
    }
}

/// One entry of a lane's outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The lane whose outbox holds it.
    pub lane: LaneId,
    /// Its position in that outbox, from 0.
    pub index: u64,
    /// What happened.
    pub body: Body,
}

/// An entry's words, held in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    words: [B256; MAX_WORDS],
    len: usize,
}

impl Words {
    /// The words in use.
    #[must_use]
    pub fn as_slice(&self) -> &[B256] {
        self.words.get(..self.len).unwrap_or(&[])
    }
}

impl AsRef<[B256]> for Words {
    fn as_ref(&self) -> &[B256] {
        self.as_slice()
    }
}

impl Entry {
    /// The entry's words, as the protocol fixes them.
    #[must_use]
    pub fn words(&self) -> Words {
        let kind = self.body.kind();
        let head = [self.lane.0, u64_word(self.index), u64_word(kind as u64)];
        let tail = match &self.body {
            Body::Transfer(t) => {
                [t.asset, B256::new(t.amount.to_be_bytes()), t.sender, t.recipient, u64_word(t.timeout), t.memo]
            }
            Body::Returned(r) => {
                let reason = u64_word(r.reason as u64);
                [u64_word(r.index), r.commitment, reason, B256::ZERO, B256::ZERO, B256::ZERO]
            }
            Body::SwapLocked(s) | Body::SwapVoided(s) => {
                [s.swap_id, u64_word(u64::from(s.leg)), B256::ZERO, B256::ZERO, B256::ZERO, B256::ZERO]
            }
        };
        let mut words = [B256::ZERO; MAX_WORDS];
        for (slot, word) in words.iter_mut().zip(head.into_iter().chain(tail)) {
            *slot = word;
        }
        Words { words, len: kind.words() }
    }

    /// The leaf of this entry in the outbox tree: `keccak256(0x00 ‖ words)`. Does not allocate.
    #[must_use]
    pub fn commitment(&self) -> B256 {
        let words = self.words();
        let mut preimage = [LEAF_PREFIX; 1 + 32 * MAX_WORDS];
        let len = 1 + 32 * words.len;
        if let Some(body) = preimage.get_mut(1..) {
            for (slot, word) in body.chunks_exact_mut(32).zip(words.as_slice()) {
                slot.copy_from_slice(word.as_slice());
            }
        }
        keccak256(preimage.get(..len).unwrap_or(&preimage))
    }

    /// The entry of exactly these words.
    ///
    /// # Errors
    /// See [`EntryError`]. Whatever is accepted encodes back to the same words.
    pub fn from_words(words: &[B256]) -> Result<Self, EntryError> {
        let [lane, index, kind, rest @ ..] = words else {
            return Err(EntryError::WordCount { expected: 3, found: words.len() });
        };
        let kind = narrow(kind, 2)?;
        let kind = u8::try_from(kind).ok().and_then(Kind::from_number).ok_or(EntryError::UnknownKind(kind))?;
        let miscounted = EntryError::WordCount { expected: kind.words(), found: words.len() };
        let body = match (kind, rest) {
            (Kind::Transfer, [asset, amount, sender, recipient, timeout, memo]) => Body::Transfer(Transfer {
                asset: *asset,
                amount: U256::from_be_bytes(amount.0),
                sender: *sender,
                recipient: *recipient,
                timeout: narrow(timeout, 7)?,
                memo: *memo,
            }),
            (Kind::Returned, [index, commitment, reason]) => {
                let number = narrow(reason, 5)?;
                let reason = u8::try_from(number).ok().and_then(Reason::from_number);
                Body::Returned(Returned {
                    index: narrow(index, 3)?,
                    commitment: *commitment,
                    reason: reason.ok_or(EntryError::UnknownReason(number))?,
                })
            }
            (Kind::SwapLocked, [swap_id, leg]) => Body::SwapLocked(swap_leg(*swap_id, narrow(leg, 4)?)?),
            (Kind::SwapVoided, [swap_id, leg]) => Body::SwapVoided(swap_leg(*swap_id, narrow(leg, 4)?)?),
            _ => return Err(miscounted),
        };
        Ok(Self { lane: LaneId(*lane), index: narrow(index, 1)?, body })
    }
}

/// Why a list of words is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// A list of another length than its kind's.
    #[error("{found} words, expected {expected}")]
    WordCount {
        /// Words of the kind (or the three common ones, where there is no kind).
        expected: usize,
        /// Words given.
        found: usize,
    },
    /// A word that holds more than its field's 64 bits: there would be two encodings of one entry.
    #[error("word {word} is not canonical: more than 64 bits in a 64-bit field")]
    NonCanonical {
        /// Position of the word, from 0.
        word: usize,
    },
    /// No such kind.
    #[error("unknown entry kind {0}")]
    UnknownKind(u64),
    /// No such reason of a return.
    #[error("unknown reason {0} of a return")]
    UnknownReason(u64),
    /// A swap has legs 0 and 1.
    #[error("swap leg {0}, expected 0 or 1")]
    LegOutOfRange(u64),
}

/// The 64-bit integer in `word`, whose upper 24 bytes must be zero.
fn narrow(word: &B256, at: usize) -> Result<u64, EntryError> {
    match word.0.split_last_chunk::<8>() {
        Some((high, low)) if high.iter().all(|byte| *byte == 0) => Ok(u64::from_be_bytes(*low)),
        _ => Err(EntryError::NonCanonical { word: at }),
    }
}

/// A swap leg, whose number must be 0 or 1.
pub(crate) fn swap_leg(swap_id: B256, leg: u64) -> Result<SwapLeg, EntryError> {
    match leg {
        0 => Ok(SwapLeg { swap_id, leg: 0 }),
        1 => Ok(SwapLeg { swap_id, leg: 1 }),
        _ => Err(EntryError::LegOutOfRange(leg)),
    }
}
