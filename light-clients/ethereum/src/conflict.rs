//! Evidence that a committee signed two chains that can not both be final.

use alloy_primitives::B256;
use causeway_crypto::bls::Bls;

use crate::{Accepted, Freeze, Params, Refusal, TrustedState, verify::judge};

/// Two final headers on incompatible chains (INV-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misbehaviour {
    /// In which way they are incompatible.
    pub kind: MisbehaviourKind,
    /// Slot and root of the lower block (of either, in one slot).
    pub lower: (u64, B256),
    /// Slot and root of the higher block.
    pub higher: (u64, B256),
    /// Highest slot and root of the last block that the two prove to be common to both chains.
    pub common: Option<(u64, B256)>,
}

impl Misbehaviour {
    /// The freeze that this evidence calls for at time `now`: at the last block proven common, else at the last one
    /// used before.
    pub fn freeze(&self, trusted: &TrustedState, now: u64) -> Freeze {
        match self.common {
            Some((at, root)) => Freeze { at, since: now, anchor: Some(root) },
            None => Freeze { at: trusted.slot(), since: now, anchor: None },
        }
    }
}

/// In which way two final headers are incompatible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MisbehaviourKind {
    /// One slot, two blocks.
    TwoBlocks,
    /// The block in the very next slot has another parent.
    NotItsChild,
    /// The payload with the very next number has another parent, or one number stands in two slots.
    NotItsPayloadsChild,
    /// A later slot with an older time or a lower block number.
    WentBack,
    /// One period, two next committees.
    TwoCommittees,
}

/// Whether two updates, each acceptable from `trusted`, are evidence of misbehaviour: against each other, or one of them
/// against the trusted header.
///
/// Only what is *final* counts: two heads that nobody finalized are two votes, the same block under other signatures
/// is the same block, an ancestor and its descendant are one chain.
///
/// # Errors
/// The first refusal among the two: a header that the client would not accept is no evidence, and neither is one
/// judged from an expired or frozen state.
pub fn conflict_with<B: Bls>(
    params: &Params,
    trusted: &TrustedState,
    a: &[u8],
    b: &[u8],
    now: u64,
) -> Result<Option<Misbehaviour>, Refusal> {
    if let Some(freeze) = trusted.frozen() {
        return Err(Refusal::Frozen { at: freeze.at, readable_from: None });
    }
    let (first, update) = judge::<B>(params, trusted, a, now)?;
    let (second, other) = judge::<B>(params, trusted, b, now)?;
    let of_blocks = [(&first, &second), (trusted.header(), &first), (trusted.header(), &second)];
    let found = of_blocks.into_iter().find_map(|(a, b)| between(a, b));
    Ok(found.or_else(|| {
        let period = |slot| params.network.preset.period(slot);
        // The committee that follows is chosen as a period begins: both final states name one.
        let named = |header: &Accepted, update: &crate::Update| {
            let next = update.next.as_ref()?;
            let attested = period(update.attested.beacon.slot);
            (attested == period(header.slot)).then(|| (attested, next.committee.root()))
        };
        match (named(&first, &update), named(&second, &other)) {
            (Some((period, one)), Some((same, another))) if period == same && one != another => {
                let (lower, higher) = ordered(&first, &second);
                Some(of(MisbehaviourKind::TwoCommittees, lower, higher))
            }
            _ => None,
        }
    }))
}

fn ordered<'a>(a: &'a Accepted, b: &'a Accepted) -> (&'a Accepted, &'a Accepted) {
    // By root in one slot, so that the order of the evidence does not matter.
    if (a.slot, a.root) <= (b.slot, b.root) { (a, b) } else { (b, a) }
}

fn of(kind: MisbehaviourKind, lower: &Accepted, higher: &Accepted) -> Misbehaviour {
    Misbehaviour {
        kind,
        lower: (lower.slot, lower.root),
        higher: (higher.slot, higher.root),
        common: common_parent(lower, higher),
    }
}

fn between(a: &Accepted, b: &Accepted) -> Option<Misbehaviour> {
    let (lower, higher) = ordered(a, b);
    kind_of(lower, higher).map(|kind| of(kind, lower, higher))
}

fn kind_of(lower: &Accepted, higher: &Accepted) -> Option<MisbehaviourKind> {
    match higher.slot - lower.slot {
        0 if lower.root == higher.root => return None,
        0 => return Some(MisbehaviourKind::TwoBlocks),
        1 if higher.parent_root != lower.root => return Some(MisbehaviourKind::NotItsChild),
        _ => {}
    }
    if higher.time <= lower.time {
        return Some(MisbehaviourKind::WentBack);
    }
    let (below, above) = lower.execution.zip(higher.execution)?;
    match above.block_number.checked_sub(below.block_number) {
        None => Some(MisbehaviourKind::WentBack),
        // Since the merge is over, every block has one payload.
        Some(0) => Some(MisbehaviourKind::NotItsPayloadsChild),
        Some(1) if above.parent_hash != below.block_hash => Some(MisbehaviourKind::NotItsPayloadsChild),
        _ => None,
    }
}

/// Two blocks with one parent: the chains part right above it. It lies below both.
fn common_parent(lower: &Accepted, higher: &Accepted) -> Option<(u64, B256)> {
    let same = lower.parent_root == higher.parent_root && lower.root != higher.root;
    lower.slot.checked_sub(1).filter(|_| same).map(|slot| (slot, lower.parent_root))
}
