//! Swaps: the terms that two parties agree on, and the id that both vaults recompute from them (protocol §4).
//!
//! A swap has exactly two legs on the two ends of one bridge; leg k lives on the source of lane k, is locked by its `from`
//! strictly before its deadline in that chain's own clock, and is released to its `to`. The id binds every field of both
//! legs, so a swap whose sides differ in one field is two swaps, each of which only ever goes back (ATK-061).

use alloy_primitives::{B256, Keccak256, U256, keccak256};

use crate::{
    bounds::MAX_TIMEOUT_SECONDS,
    lane::{LaneId, u64_word},
};

/// Domain string of a swap id; its keccak is the first word of the preimage.
pub const SWAP_DOMAIN: &[u8] = b"causeway/swap/1";

/// Words of the terms, as events carry them: two lane ids, five words a leg, the nonce.
pub const TERMS_WORDS: usize = 13;

/// Position of each leg's deadline among the words.
const DEADLINES: [usize; 2] = [6, 11];

/// What one party gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Leg {
    /// keccak-256 of the asset's CAIP-19 id on the leg's chain ([`crate::caip::AssetId::hash`]).
    pub asset: B256,
    /// Amount in the asset's smallest unit, or the token id.
    pub amount: U256,
    /// Who locks it, as an account word of the leg's chain ([`crate::caip::AccountId`]).
    pub from: B256,
    /// Whom it is released to, as an account word of the leg's chain.
    pub to: B256,
    /// Unix seconds in the clock of the leg's chain. Before it `from` may lock; at and after it anybody may void.
    pub deadline: u64,
}

/// Everything that two parties agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Terms {
    /// The two lanes of one bridge. Leg k is locked on the source of lane k, and lane k carries what became of it.
    pub lanes: [LaneId; 2],
    /// The two legs.
    pub legs: [Leg; 2],
    /// Any word that sets this swap apart from others between the same parties.
    pub nonce: B256,
}

impl Terms {
    /// The swap's id: keccak-256 over fourteen ABI words. Does not allocate.
    #[must_use]
    pub fn id(&self) -> B256 {
        let mut hasher = Keccak256::new();
        hasher.update(keccak256(SWAP_DOMAIN));
        for word in self.words() {
            hasher.update(word);
        }
        hasher.finalize()
    }

    /// The terms as words, in the order of the id's preimage and of the events that carry them.
    #[must_use]
    pub fn words(&self) -> [B256; TERMS_WORDS] {
        let [a, b] = &self.legs;
        let word = |amount: U256| B256::new(amount.to_be_bytes());
        [
            self.lanes[0].0,
            self.lanes[1].0,
            a.asset,
            word(a.amount),
            a.from,
            a.to,
            u64_word(a.deadline),
            b.asset,
            word(b.amount),
            b.from,
            b.to,
            u64_word(b.deadline),
            self.nonce,
        ]
    }

    /// The terms of exactly these words. Whatever is accepted encodes back to the same words; it may still fail
    /// [`Self::check`].
    ///
    /// # Errors
    /// [`TermsError::WordCount`], [`TermsError::NonCanonical`].
    pub fn from_words(words: &[B256]) -> Result<Self, TermsError> {
        let [l0, l1, asset0, amount0, from0, to0, until0, asset1, amount1, from1, to1, until1, nonce] = words else {
            return Err(TermsError::WordCount { found: words.len() });
        };
        let leg = |asset: &B256, amount: &B256, from: &B256, to: &B256, deadline| Leg {
            asset: *asset,
            amount: U256::from_be_bytes(amount.0),
            from: *from,
            to: *to,
            deadline,
        };
        Ok(Self {
            lanes: [LaneId(*l0), LaneId(*l1)],
            legs: [
                leg(asset0, amount0, from0, to0, narrow(until0, DEADLINES[0])?),
                leg(asset1, amount1, from1, to1, narrow(until1, DEADLINES[1])?),
            ],
            nonce: *nonce,
        })
    }

    /// What terms of any swap must fulfil, whatever the time and the chains. That the lanes are those of one bridge, that
    /// the assets are registered there and the accounts can be paid, only the ends can say.
    ///
    /// # Errors
    /// [`TermsError::OneLane`], [`TermsError::MissingAsset`], [`TermsError::MissingAccount`].
    pub fn check(&self) -> Result<(), TermsError> {
        if self.lanes[0] == self.lanes[1] {
            return Err(TermsError::OneLane);
        }
        for (leg, number) in self.legs.iter().zip(0u8..) {
            if leg.asset.is_zero() {
                return Err(TermsError::MissingAsset { leg: number });
            }
            if leg.from.is_zero() || leg.to.is_zero() {
                return Err(TermsError::MissingAccount { leg: number });
            }
        }
        Ok(())
    }

    /// Whether both legs can still be locked, by each leg's chain's own time, and neither deadline lies further ahead than
    /// an entry's may.
    ///
    /// # Errors
    /// [`TermsError::DeadlineOutOfRange`] with the leg and the range.
    pub fn check_deadlines(&self, now: [u64; 2]) -> Result<(), TermsError> {
        for ((leg, now), number) in self.legs.iter().zip(now).zip(0u8..) {
            let latest = now.saturating_add(MAX_TIMEOUT_SECONDS);
            if leg.deadline <= now || leg.deadline > latest {
                return Err(TermsError::DeadlineOutOfRange { leg: number, deadline: leg.deadline, now, latest });
            }
        }
        Ok(())
    }

    /// Leg `number`, if a swap has it.
    #[must_use]
    pub fn leg(&self, number: u8) -> Option<&Leg> {
        self.legs.get(usize::from(number))
    }

    /// The lane that carries what became of leg `number`.
    #[must_use]
    pub fn lane_of(&self, number: u8) -> Option<LaneId> {
        self.lanes.get(usize::from(number)).copied()
    }

    /// Whether anybody may void leg `number` at `now`, by its chain's time, if it was not locked.
    #[must_use]
    pub fn is_overdue(&self, number: u8, now: u64) -> bool {
        self.leg(number).is_some_and(|leg| now >= leg.deadline)
    }
}

/// Why something is no terms of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// A list of another length than the terms'.
    #[error("{found} words, expected {TERMS_WORDS}")]
    WordCount {
        /// Words given.
        found: usize,
    },
    /// A deadline of more than 64 bits: there would be two encodings of one swap.
    #[error("word {word} is not canonical: more than 64 bits in a deadline")]
    NonCanonical {
        /// Position of the word, from 0.
        word: usize,
    },
    /// Both legs on one lane.
    #[error("both legs name one lane")]
    OneLane,
    /// A leg of no asset.
    #[error("leg {leg} names no asset")]
    MissingAsset {
        /// The leg.
        leg: u8,
    },
    /// A leg of nobody, or for nobody.
    #[error("leg {leg} names no account")]
    MissingAccount {
        /// The leg.
        leg: u8,
    },
    /// A leg that can not be locked any more, or whose deadline is too far ahead.
    #[error("leg {leg}: deadline {deadline} is not after {now} and at most {latest}")]
    DeadlineOutOfRange {
        /// The leg.
        leg: u8,
        /// Its deadline, Unix seconds.
        deadline: u64,
        /// Time of the leg's chain.
        now: u64,
        /// Latest deadline allowed.
        latest: u64,
    },
}

/// The 64-bit integer in `word`, whose upper 24 bytes must be zero.
fn narrow(word: &B256, at: usize) -> Result<u64, TermsError> {
    match word.0.split_last_chunk::<8>() {
        Some((high, low)) if high.iter().all(|byte| *byte == 0) => Ok(u64::from_be_bytes(*low)),
        _ => Err(TermsError::NonCanonical { word: at }),
    }
}
