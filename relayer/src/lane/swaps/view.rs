//! What can be said of a swap: each leg's state on its own chain, whether the other chain knows of it, and what follows.

use alloy::primitives::B256;
use causeway_core::swap::Terms;

/// What became of a leg on its own chain. Written there once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LegState {
    /// Neither, as far as is proven.
    #[default]
    None,
    /// Its asset was locked.
    Locked,
    /// It will never be locked.
    Voided,
}

/// What became of a locked leg's asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LegOutcome {
    /// Nothing yet; of a leg that was not locked, nothing ever.
    #[default]
    Open,
    /// It went to the leg's `to`.
    Released,
    /// It went back to the leg's `from`.
    GivenBack,
}

/// Where a leg's fact stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegAt {
    /// Index on the leg's lane, proven.
    pub index: u64,
    /// Block, as a node told it; unknown after a restart.
    pub height: Option<u64>,
    /// Transaction, as a node told it.
    pub tx: Option<B256>,
}

/// A leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegView {
    /// Proven on its own chain.
    pub state: LegState,
    /// Where, unless it is in no state.
    pub at: Option<LegAt>,
    /// The fact is proven to be delivered on the other chain.
    pub known_there: bool,
    /// Follows from the rules: own leg locked, and the other's fact known here.
    pub outcome: LegOutcome,
}

/// A swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwapView {
    /// Its id.
    pub id: B256,
    /// What was agreed, once known.
    pub terms: Option<Terms>,
    /// Its legs.
    pub legs: [LegView; 2],
}

/// How a swap ended. There is no third way (INV-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Both legs were released.
    Released,
    /// Whatever was locked went back, and nothing can be locked any more.
    GivenBack,
}

impl SwapView {
    /// How it ended, if it did.
    pub fn end(&self) -> Option<End> {
        let [a, b] = &self.legs;
        if a.outcome == LegOutcome::Released && b.outcome == LegOutcome::Released {
            return Some(End::Released);
        }
        let open = |leg: &LegView| leg.state == LegState::Locked && leg.outcome == LegOutcome::Open;
        let void = |leg: &LegView, other: &LegView| {
            leg.state == LegState::Voided && (leg.known_there || other.state != LegState::None)
        };
        (!open(a) && !open(b) && (void(a, b) || void(b, a))).then_some(End::GivenBack)
    }
}

/// Outcomes of both legs by their states and by what each chain knows of the other (protocol §4).
pub(super) fn settle(legs: &mut [LegView; 2]) {
    let facts = [legs[0], legs[1]];
    for (leg, other) in legs.iter_mut().zip(facts.iter().rev()) {
        leg.outcome = match (leg.state, other.known_there, other.state) {
            (LegState::Locked, true, LegState::Locked) => LegOutcome::Released,
            (LegState::Locked, true, LegState::Voided) => LegOutcome::GivenBack,
            _ => LegOutcome::Open,
        };
    }
}
