//! What is remembered of a swap: terms, who proposed it, the parties' answers, what is proven of its legs, and every event
//! in its order. It is the one durable thing of this service; request ids stand in it, so that they live as long as it.

use super::refused::Refused;
use crate::lane::{
    error::{Error, Kind, Result},
    swaps::{LegOutcome, LegState, SwapView},
};
use alloy::primitives::B256;
use causeway_core::Terms;
use causeway_proto::exchange::v1::swap::State;
use causeway_proto::exchange::v1::swap_event::Kind as EventKind;
use serde::{Deserialize, Serialize};

/// Longest comment kept, bytes.
pub(crate) const COMMENT_MAX: usize = 200;

/// What the parties said. It settles nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// Nothing yet.
    Open,
    /// The counterparty agreed.
    Accepted,
    /// Taken back or turned down.
    Cancelled(String),
}

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// Number among all events of this relayer, from 1, without holes.
    pub(crate) number: u64,
    /// `SwapEvent.Kind` by its number.
    pub(crate) kind: i32,
    pub(crate) leg: u8,
    pub(crate) at: u64,
}

/// Who proposed a swap here, and under which request id with which content.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Proposer {
    pub(crate) organisation: String,
    pub(crate) request_id: String,
    pub(crate) content: B256,
}

/// A leg, proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LegRecord {
    /// 0 none, 1 locked, 2 voided, as the vault counts.
    pub(crate) state: u8,
    /// 0 open, 1 released, 2 given back.
    pub(crate) outcome: u8,
    pub(crate) known: bool,
    pub(crate) index: Option<u64>,
    pub(crate) tx: Option<B256>,
}

/// A swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    words: Vec<B256>,
    /// Absent: it came from the other relayer.
    pub(crate) proposer: Option<Proposer>,
    /// Whose it counts as: the organisation that proposed here, or the peer.
    pub(crate) owner: String,
    /// Which leg is the proposer's.
    pub(crate) leg: u8,
    pub(crate) answer: Answer,
    /// The other relayer has the proposal (or this one serves both ends).
    pub(crate) offered: bool,
    /// Something that the other relayer does not know yet: the answer given here.
    pub(crate) to_tell: bool,
    pub(crate) legs: [LegRecord; 2],
    pub(crate) events: Vec<Event>,
}

impl Record {
    pub(crate) fn new(terms: &Terms, leg: u8, owner: String, proposer: Option<Proposer>) -> Self {
        Self {
            words: terms.words().to_vec(),
            proposer,
            owner,
            leg,
            answer: Answer::Open,
            offered: false,
            to_tell: false,
            legs: [LegRecord::default(); 2],
            events: Vec::new(),
        }
    }

    /// # Errors
    /// `Store`: not what was written.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        let broken = |e: String| Error::stop_lane(Kind::Store, format!("journal: a swap cannot be read: {e}"));
        let record: Self = serde_json::from_slice(bytes).map_err(|e| broken(e.to_string()))?;
        Terms::from_words(&record.words).map_err(|e| broken(e.to_string()))?;
        Ok(record)
    }

    /// # Errors
    /// None that is known.
    pub(crate) fn write(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::stop_lane(Kind::Store, format!("a swap cannot be written: {e}")))
    }

    /// The terms.
    pub(crate) fn terms(&self) -> Result<Terms, Refused> {
        // `read` and `new` saw to it that there are terms.
        Terms::from_words(&self.words).map_err(|e| Error::stop_lane(Kind::Store, e.to_string()).into())
    }

    fn note(&mut self, kind: EventKind, leg: u8, at: u64) {
        self.events.push(Event { number: 0, kind: kind as i32, leg, at });
    }

    pub(crate) fn has(&self, kind: EventKind) -> bool {
        self.events.iter().any(|event| event.kind == kind as i32)
    }

    /// It was proposed, here or there.
    pub(crate) fn proposed(&mut self, at: u64) {
        self.note(EventKind::Proposed, self.leg, at);
    }

    /// The counterparty's relayer has it.
    pub(crate) fn seen(&mut self, at: u64) {
        if !std::mem::replace(&mut self.offered, true) {
            self.note(EventKind::Offered, self.leg, at);
        }
    }

    /// A party answered. Gives false if that changes nothing.
    pub(crate) fn answered(&mut self, answer: Answer, at: u64) -> bool {
        let kind = match (&self.answer, &answer) {
            (Answer::Open, Answer::Accepted) => EventKind::Accepted,
            (Answer::Open | Answer::Accepted, Answer::Cancelled(_)) => EventKind::Cancelled,
            _ => return false,
        };
        self.answer = answer;
        let leg = if kind == EventKind::Accepted { 1 - self.leg.min(1) } else { self.leg };
        self.note(kind, leg, at);
        true
    }

    /// Takes in what is proven. Nothing that was proven is taken back. Gives whether anything was new.
    pub(crate) fn proven(&mut self, view: &SwapView, at: u64) -> bool {
        let before = (self.legs, self.events.len());
        for (k, leg) in (0u8..).zip(&view.legs) {
            let slot = &mut self.legs[usize::from(k)];
            let old = *slot;
            slot.index = slot.index.or(leg.at.map(|at| at.index));
            slot.tx = slot.tx.or(leg.at.and_then(|at| at.tx));
            slot.known |= leg.known_there;
            if old.state == 0 {
                slot.state = match leg.state {
                    LegState::None => 0,
                    LegState::Locked => 1,
                    LegState::Voided => 2,
                };
            }
            if old.outcome == 0 {
                slot.outcome = match leg.outcome {
                    LegOutcome::Open => 0,
                    LegOutcome::Released => 1,
                    LegOutcome::GivenBack => 2,
                };
            }
            let now = *slot;
            match now.state {
                1 if old.state == 0 => self.note(EventKind::LegLocked, k, at),
                2 if old.state == 0 => self.note(EventKind::LegVoided, k, at),
                _ => {}
            }
        }
        for k in 0..2u8 {
            match self.legs[usize::from(k)].outcome {
                1 if !self.has_leg(EventKind::LegReleased, k) => self.note(EventKind::LegReleased, k, at),
                2 if !self.has_leg(EventKind::LegGivenBack, k) => self.note(EventKind::LegGivenBack, k, at),
                _ => {}
            }
        }
        if view.end().is_some() && !self.has(EventKind::Ended) {
            self.note(EventKind::Ended, 0, at);
        }
        (self.legs, self.events.len()) != before
    }

    fn has_leg(&self, kind: EventKind, leg: u8) -> bool {
        self.events.iter().any(|event| event.kind == kind as i32 && event.leg == leg)
    }

    /// Whether a vault wrote something of it.
    pub(crate) fn on_chain(&self) -> bool {
        self.legs.iter().any(|leg| leg.state != 0)
    }

    /// Nothing more will happen, as far as is known here.
    pub(crate) fn is_over(&self) -> bool {
        self.has(EventKind::Ended) || (matches!(self.answer, Answer::Cancelled(_)) && !self.on_chain())
    }

    /// The other relayer does not know all of it yet.
    pub(crate) fn is_untold(&self) -> bool {
        self.to_tell || (self.proposer.is_some() && !self.offered && !self.is_over())
    }

    /// Where it stands. Chains come before words.
    pub(crate) fn state(&self) -> State {
        let [a, b] = &self.legs;
        if self.has(EventKind::Ended) {
            return if a.outcome == 1 { State::Released } else { State::GivenBack };
        }
        match (a.state, b.state, &self.answer) {
            (2, ..) | (_, 2, _) => State::Returning,
            (1, 1, _) => State::Settling,
            (1, ..) | (_, 1, _) => State::Locked,
            (_, _, Answer::Cancelled(_)) => State::Cancelled,
            (_, _, Answer::Accepted) => State::Accepted,
            _ if self.offered => State::Offered,
            _ => State::Proposed,
        }
    }

    /// Number of its last event.
    pub(crate) fn last(&self) -> u64 {
        self.events.last().map_or(0, |event| event.number)
    }
}

/// A comment, cut and without control codes: it comes from the other side.
pub(crate) fn comment(text: &str) -> String {
    let text = text.get(..text.floor_char_boundary(COMMENT_MAX)).unwrap_or_default();
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
