//! Swaps and events as callers see them, who sees which, and the filter of a list.

use super::{
    bridges::Bridge,
    callers::Principal,
    desk::Desk,
    record::{Answer, Event, Record},
    refused::Refused,
    terms::{self, timestamp},
};
use alloy::primitives::B256;
use causeway_core::{AccountId, Terms};
use causeway_proto::exchange::v1::{
    self,
    leg_status::{Outcome, State as LegState},
    swap::State,
};

/// Longest filter, bytes.
const FILTER_MAX: usize = 512;

/// A swap.
pub(crate) fn swap(bridge: &Bridge, terms: &Terms, id: B256, record: &Record) -> v1::Swap {
    let legs = record.legs.iter().zip(terms.lanes).map(|(leg, lane)| v1::LegStatus {
        state: match leg.state {
            1 => LegState::Locked,
            2 => LegState::Voided,
            _ => LegState::Open,
        } as i32,
        known_on_other_chain: leg.known,
        outcome: match leg.outcome {
            1 => Outcome::Released,
            2 => Outcome::GivenBack,
            _ => Outcome::Open,
        } as i32,
        lane: format!("lanes/{lane}"),
        entry_index: leg.index,
        transaction: leg.tx.map(|tx| tx.to_string()).unwrap_or_default(),
    });
    v1::Swap {
        name: format!("swaps/{id}"),
        terms: Some(terms::write(bridge, terms)),
        state: record.state() as i32,
        legs: legs.collect(),
        proposed_here: record.proposer.is_some(),
        create_time: record.events.first().map(|event| timestamp(event.at)),
        update_time: record.events.last().map(|event| timestamp(event.at)),
        comment: match &record.answer {
            Answer::Cancelled(why) => why.clone(),
            Answer::Open | Answer::Accepted => String::new(),
        },
    }
}

/// An event with its swap.
pub(crate) fn event(desk: &Desk, event: &Event, id: B256, record: &Record) -> Option<v1::SwapEvent> {
    let (bridge, terms) = desk.parts(record)?;
    Some(v1::SwapEvent {
        cursor: event.number.to_string(),
        kind: event.kind,
        leg: event.leg.into(),
        event_time: Some(timestamp(event.at)),
        swap: Some(swap(bridge, &terms, id, record)),
    })
}

/// Whether a caller may see a swap: one of its accounts gives or gets, or it made the proposal.
pub(crate) fn visible(caller: &Principal, bridge: &Bridge, terms: &Terms, record: &Record) -> bool {
    let own = record.proposer.as_ref().is_some_and(|proposer| *proposer.organisation == *caller.organisation);
    own || terms.legs.iter().zip(terms.lanes).any(|(leg, lane)| {
        bridge
            .end_of(lane)
            .is_some_and(|end| caller.owns_word(end.chain_id, leg.from) || caller.owns_word(end.chain_id, leg.to))
    })
}

/// What a list asks for.
#[derive(Default)]
pub(crate) struct Filter {
    state: Option<State>,
    bridge: Option<String>,
    account: Option<AccountId>,
}

impl Filter {
    /// # Errors
    /// Not of the form that `ListSwapsRequest.filter` describes.
    pub(crate) fn read(text: &str) -> Result<Self, Refused> {
        let bad = |found: &str| {
            Refused::field("filter", "key = value, joined by AND; see ListSwapsRequest", format!("{found:?}"))
        };
        if text.len() > FILTER_MAX {
            return Err(Refused::field("filter", "at most 512 bytes", text.len()));
        }
        let mut filter = Self::default();
        for part in text.split(" AND ").filter(|_| !text.trim().is_empty()) {
            let (key, value) = part.split_once('=').ok_or_else(|| bad(part))?;
            let value = value.trim().trim_matches('"');
            match key.trim() {
                "state" => {
                    let name = if value.starts_with("STATE_") { value.to_owned() } else { format!("STATE_{value}") };
                    filter.state = Some(State::from_str_name(&name).ok_or_else(|| bad(part))?);
                }
                "bridge" => filter.bridge = Some(value.strip_prefix("bridges/").unwrap_or(value).to_owned()),
                "account" => filter.account = Some(value.parse().map_err(|_| bad(part))?),
                _ => return Err(bad(part)),
            }
        }
        Ok(filter)
    }

    pub(crate) fn takes(&self, bridge: &Bridge, terms: &Terms, record: &Record) -> bool {
        let account = |account: &AccountId| {
            let (chain, word) = (account.chain().evm_chain_id(), account.evm_word());
            terms.legs.iter().zip(terms.lanes).any(|(leg, lane)| {
                let here = bridge.end_of(lane).map(|end| end.chain_id) == chain;
                here && (Some(leg.from) == word || Some(leg.to) == word)
            })
        };
        self.state.is_none_or(|state| state == record.state())
            && self.bridge.as_deref().is_none_or(|name| name == bridge.name)
            && self.account.as_ref().is_none_or(account)
    }
}
