//! GRANDPA justifications: a target, precommits for it or for blocks above it, and the headers that lead from those
//! blocks down to the target.
//!
//! `SCALE(round, target hash, target number, [precommit hash, number, signature, key], [header])` (Polkadot
//! specification §6.1, "GRANDPA block justification"; polkadot-sdk `sc-consensus-grandpa`, `GrandpaJustification`).

use alloc::vec::Vec;

use alloy_primitives::B256;
use causeway_crypto::ed25519::{Ed25519, Signed};

use crate::{
    AncestryRule, AuthoritySet, Header, HeaderFormat, Params, Refusal,
    scale::{Reader, ScaleFault},
    set::MAX_AUTHORITIES,
};

/// Precommits of one justification: an authority may be there twice, if it equivocated.
pub const MAX_PRECOMMITS: usize = 2 * MAX_AUTHORITIES;

/// Headers of one justification. A round's votes spread over the blocks of a few minutes, not of hours.
pub const MAX_ANCESTRIES: usize = 2048;

/// Bytes of a precommit: hash, number, signature, key.
const PRECOMMIT_BYTES: usize = 32 + 4 + 64 + 32;

/// Bytes of a header, at least: three hashes, a number, an empty digest.
const LEAST_HEADER: usize = 98;

/// Bytes that an authority signs: `1 ‖ hash ‖ number ‖ round ‖ set id`.
pub const MESSAGE_BYTES: usize = 1 + 32 + 4 + 8 + 8;

/// One authority's vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precommit<'a> {
    /// Hash of the block voted for.
    pub target_hash: B256,
    /// Its number.
    pub target_number: u32,
    /// The signature.
    pub signature: &'a [u8; 64],
    /// Who is said to have signed.
    pub key: &'a [u8; 32],
}

impl Precommit<'_> {
    /// The bytes that were signed, which bind round and set.
    pub fn message(&self, round: u64, set_id: u64) -> [u8; MESSAGE_BYTES] {
        let mut message = [0; MESSAGE_BYTES];
        // 1: the variant `Precommit` of GRANDPA's `Message`.
        let parts: [&[u8]; 5] = [
            &[1],
            self.target_hash.as_slice(),
            &self.target_number.to_le_bytes(),
            &round.to_le_bytes(),
            &set_id.to_le_bytes(),
        ];
        let bytes = parts.into_iter().flatten();
        message.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        message
    }
}

/// A justification, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Justification<'a> {
    /// GRANDPA's round.
    pub round: u64,
    /// The block that is final.
    pub target_hash: B256,
    /// Its number.
    pub target_number: u32,
    /// Votes for it or for blocks above it.
    pub precommits: Vec<Precommit<'a>>,
    /// Headers of the blocks between the target and the votes.
    pub ancestries: Vec<Header<'a>>,
}

impl<'a> Justification<'a> {
    /// Reads exactly a justification.
    ///
    /// # Errors
    /// The bytes are none, or it is beyond the bounds.
    pub fn read(format: HeaderFormat, bytes: &'a [u8]) -> Result<Self, ScaleFault> {
        let mut reader = Reader::new(bytes);
        let round = reader.u64("round")?;
        let target_hash = reader.hash("target hash")?;
        let target_number = reader.u32("target number")?;
        let count = reader.count(MAX_PRECOMMITS, PRECOMMIT_BYTES, "precommits")?;
        let mut precommits = Vec::with_capacity(count);
        for _ in 0..count {
            precommits.push(Precommit {
                target_hash: reader.hash("precommit")?,
                target_number: reader.u32("precommit")?,
                signature: reader.array("signature")?,
                key: reader.array("key")?,
            });
        }
        let count = reader.count(MAX_ANCESTRIES, LEAST_HEADER, "headers")?;
        let mut ancestries = Vec::with_capacity(count);
        for _ in 0..count {
            ancestries.push(Header::read_from(format, &mut reader)?);
        }
        reader.end("justification")?;
        Ok(Self { round, target_hash, target_number, precommits, ancestries })
    }

    /// Whether enough weight of a set stands behind the target, signatures aside.
    ///
    /// Who votes for two blocks in one round equivocates: as in GRANDPA's paper and in `finality-grandpa`, that weight
    /// counts once for every block, wherever its two votes stand. (Such a voter could as well have voted for the target.)
    ///
    /// # Errors
    /// The first rule broken.
    pub fn judge(&self, set: &AuthoritySet, rule: AncestryRule) -> Result<(), Refusal> {
        let mut ancestry = Ancestry::new(self);
        let mut votes = alloc::vec![Votes::None; set.authorities().len()];
        for vote in &self.precommits {
            let key = B256::new(*vote.key);
            let (place, _) = set.find(vote.key).ok_or(Refusal::Stranger { key })?;
            let slot = votes.get_mut(place).ok_or(Refusal::Stranger { key })?;
            let target = (vote.target_hash, vote.target_number);
            *slot = match *slot {
                Votes::None => Votes::One { target, leads: ancestry.leads_to_target(vote) },
                Votes::One { target: first, .. } if first != target => {
                    ancestry.leads_to_target(vote);
                    Votes::Two
                }
                Votes::One { .. } | Votes::Two => return Err(Refusal::RepeatedVote { key }),
            };
        }
        let mut weight = 0u64;
        for (votes, (_, of_voter)) in votes.into_iter().zip(set.authorities()) {
            match votes {
                Votes::One { target: (vote, number), leads: false } if rule == AncestryRule::Complete => {
                    let (target, target_number) = (self.target_hash, self.target_number);
                    return Err(Refusal::NotAboveTarget { vote, number, target, target_number });
                }
                Votes::None | Votes::One { leads: false, .. } => {}
                // Not above the set's total, which fits.
                Votes::One { leads: true, .. } | Votes::Two => weight = weight.saturating_add(*of_voter),
            }
        }
        let needed = set.threshold();
        if weight < needed {
            return Err(Refusal::NotEnoughTrust { needed, found: weight, of: set.total_weight() });
        }
        match rule {
            AncestryRule::Complete => ancestry.all_used(),
            AncestryRule::Weight => Ok(()),
        }
    }
}

/// What an authority voted for.
#[derive(Clone, Copy)]
enum Votes {
    None,
    One {
        target: (B256, u32),
        leads: bool,
    },
    /// An equivocation.
    Two,
}

/// Judges a justification of a set: enough weight stands behind the target, and each vote is signed. What `verify` asks of
/// a justification, for callers that have no header of the target.
///
/// # Errors
/// The first rule broken.
pub fn verify_justification<'a, E: Ed25519>(
    params: &Params,
    set: &AuthoritySet,
    justification: &'a [u8],
) -> Result<Justification<'a>, Refusal> {
    let justification = Justification::read(params.header, justification)?;
    justification.judge(set, params.ancestry)?;
    signatures_good::<E>(&justification, set.id())?;
    Ok(justification)
}

/// Every vote is signed, also those that carry no weight.
pub(crate) fn signatures_good<E: Ed25519>(justification: &Justification<'_>, set_id: u64) -> Result<(), Refusal> {
    let votes = &justification.precommits;
    let messages: Vec<_> = votes.iter().map(|vote| vote.message(justification.round, set_id)).collect();
    let signed: Vec<_> = votes
        .iter()
        .zip(&messages)
        .map(|(vote, message)| Signed { key: vote.key, signature: vote.signature, message })
        .collect();
    E::verify_all(&mut E::Keys::default(), &signed).map_err(|bad| Refusal::BadSignature {
        key: votes.get(bad.index).map_or(B256::ZERO, |vote| B256::new(*vote.key)),
        fault: bad.fault,
    })
}

/// What is known of a header's block: whether the target is among its ancestors.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Unknown,
    Above,
    Elsewhere,
}

/// The headers of a justification, by hash.
struct Ancestry {
    target: (B256, u32),
    /// Hash, parent, number, standing, by hash.
    blocks: Vec<(B256, B256, u32, Standing)>,
}

impl Ancestry {
    fn new(justification: &Justification<'_>) -> Self {
        let read = |header: &Header<'_>| (header.hash(), header.parent_hash(), header.number(), Standing::Unknown);
        let mut blocks: Vec<_> = justification.ancestries.iter().map(read).collect();
        blocks.sort_unstable_by_key(|block| block.0);
        Self { target: (justification.target_hash, justification.target_number), blocks }
    }

    fn place(&self, hash: &B256) -> Option<usize> {
        self.blocks.binary_search_by(|block| block.0.cmp(hash)).ok()
    }

    /// Whether a vote is for the target or a block above it, as its headers show. Each header is walked once, whatever
    /// the number of votes.
    fn leads_to_target(&mut self, vote: &Precommit<'_>) -> bool {
        let mut path = Vec::new();
        let (mut hash, mut number) = (vote.target_hash, vote.target_number);
        let above = loop {
            if hash == self.target.0 {
                break number == self.target.1;
            }
            let Some(place) = self.place(&hash) else { break false };
            let Some((_, parent, found, standing)) = self.blocks.get(place).copied() else { break false };
            // A hash that is claimed at another number than its header's leads nowhere; so does genesis.
            let Some(below) = found.checked_sub(1).filter(|_| found == number) else { break false };
            match standing {
                Standing::Above => break true,
                Standing::Elsewhere => break false,
                Standing::Unknown => {}
            }
            path.push(place);
            (hash, number) = (parent, below);
            // Hashes can not form a circle; a path longer than the headers there are would be one.
            if path.len() > self.blocks.len() {
                break false;
            }
        };
        for place in path {
            if let Some(block) = self.blocks.get_mut(place) {
                block.3 = if above { Standing::Above } else { Standing::Elsewhere };
            }
        }
        above
    }

    /// Every header was walked, each once.
    fn all_used(&self) -> Result<(), Refusal> {
        match self.blocks.iter().find(|block| block.3 == Standing::Unknown) {
            Some(unused) => Err(Refusal::UnusedHeader { hash: unused.0 }),
            None => Ok(()),
        }
    }
}
