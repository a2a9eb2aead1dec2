//! What a lane's entries say of swaps, until it is proven and known at the destination.
//!
//! An event is a node's word: a fact counts once its entry stands under a proven peak (`Book::prove_sound`), and is known at the
//! destination once its delivered bit is proven besides. A bit alone says nothing of the entry that a node told.

use super::{Book, Inner, bit};
use causeway_core::{Body, Entry, SwapLeg};

/// An entry that decides a leg of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Which swap, which leg.
    pub leg: SwapLeg,
    /// Voided, else locked.
    pub voided: bool,
    /// Block, as a node told it; unknown of what the journal holds.
    pub height: Option<u64>,
}

impl Fact {
    /// What `entry` says, if it is about a swap.
    pub fn of(entry: &Entry, height: Option<u64>) -> Option<Self> {
        match entry.body {
            Body::SwapLocked(leg) => Some(Self { leg, voided: false, height }),
            Body::SwapVoided(leg) => Some(Self { leg, voided: true, height }),
            Body::Transfer(_) | Body::Returned(_) => None,
        }
    }
}

/// What happened to facts since the last look.
#[derive(Debug, Default)]
pub struct Facts {
    /// Entries that are proven now, by index.
    pub proven: Vec<(u64, Fact)>,
    /// Of those proven, now or earlier, the ones that are proven to be delivered.
    pub known: Vec<Fact>,
    /// Facts that nodes told and nothing proves yet.
    pub waiting: usize,
}

impl Inner {
    /// Takes in what `entries` say of swaps.
    pub(super) fn note_facts(&mut self, entries: &[Entry], height: Option<u64>) -> bool {
        let before = self.told.len();
        self.told.extend(entries.iter().filter_map(|e| Some((e.index, Fact::of(e, height)?))));
        self.told.len() > before
    }
}

impl Book {
    /// Gives what happened to facts since the last call. Each is given as proven once, and as known once.
    pub fn take_facts(&self) -> Facts {
        let mut inner = self.inner();
        let sound = inner.sound;
        let rest = inner.told.split_off(&sound);
        let proven: Vec<(u64, Fact)> = std::mem::replace(&mut inner.told, rest).into_iter().collect();
        inner.unknown.extend(proven.iter().copied());
        let Inner { unknown, delivered, .. } = &mut *inner;
        let mut known = Vec::new();
        unknown.retain(|index, fact| {
            let here = bit(delivered, *index);
            if here {
                known.push(*fact);
            }
            !here
        });
        Facts { proven, known, waiting: inner.told.len() }
    }

    /// Follows the moments at which [`Self::take_facts`] may give something.
    pub fn facts(&self) -> tokio::sync::watch::Receiver<u64> {
        self.facts.subscribe()
    }

    pub(super) fn note_facts_changed(&self) {
        self.facts.send_modify(|n| *n = n.wrapping_add(1));
    }
}
