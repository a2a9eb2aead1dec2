//! What a call needs, and why it gave no result.

use crate::{
    chains::evm::errors::{Meaning, NodeError},
    lane::error::{Class, Error, Kind},
};
use alloy::primitives::Bytes;

/// What an answer needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Any node will do, and `null` is an answer.
    Any,
    /// A node that has this block; `null` means that it has not, and the next one is asked.
    Height(u64),
}

/// Why a call gave no result: the typed error, and what a node said if one did.
#[derive(Debug)]
pub struct CallError {
    /// The error.
    pub error: Error,
    /// What the node's error meant.
    pub meaning: Option<Meaning>,
    /// Revert data, bounded.
    pub data: Bytes,
}

impl From<CallError> for Error {
    fn from(e: CallError) -> Self {
        e.error
    }
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self { error, meaning: None, data: Bytes::new() }
    }
}

impl CallError {
    /// What `error` of an endpoint means for the caller, and whether to ask another endpoint.
    pub(super) fn of(error: NodeError, label: &str, method: &'static str) -> (Self, bool) {
        let meaning = error.meaning();
        let data = match &error {
            NodeError::Rpc { data, .. } => data.clone(),
            _ => Bytes::new(),
        };
        let error = error.into_error(label, method);
        (Self { error, meaning, data }, meaning.is_none_or(Meaning::fails_over))
    }
}

/// The error of a call that nobody answered. One node that is wrongly set up, or says so, stops no lane: only when every
/// endpoint of the chain gives an error that needs an operator is it that (INV-6).
pub(super) fn verdict(errors: Vec<CallError>, endpoints: usize) -> Option<CallError> {
    let all_fatal = errors.len() == endpoints && errors.iter().all(|e| e.error.class == Class::StopLane);
    let last_fatal = |e: &CallError| e.error.class == Class::StopLane;
    if all_fatal {
        return errors.into_iter().next_back();
    }
    let mut rest = errors;
    let position = rest.iter().rposition(|e| !last_fatal(e));
    let chosen = match position {
        Some(position) => rest.swap_remove(position),
        None => {
            let mut fatal = rest.pop()?;
            fatal.error.class = Class::Retry { after: None };
            fatal
        }
    };
    Some(chosen)
}

/// Kind of an endpoint's error, for metrics and `status`.
pub(super) fn kind_of(error: &NodeError) -> Kind {
    match error {
        NodeError::Deadline => Kind::DeadlineExceeded,
        NodeError::Malformed(_) => Kind::Malformed,
        NodeError::TooLarge => Kind::TooLarge,
        other => other.meaning().map_or(Kind::Unavailable, |m| m.verdict().0),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn stop() -> CallError {
        Error::stop_lane(Kind::ChainMismatch, "another chain").into()
    }

    fn retry() -> CallError {
        Error::retry(Kind::Unavailable, "down").into()
    }

    #[test]
    fn one_bad_node_stops_no_lane() {
        assert!(verdict(vec![], 2).is_none());
        assert!(verdict(vec![retry(), stop()], 2).unwrap().error.is_retry());
        assert!(verdict(vec![stop()], 2).unwrap().error.is_retry(), "the other one is in a pause");
        let all = verdict(vec![stop(), stop()], 2).unwrap();
        assert_eq!((all.error.class, all.error.kind), (Class::StopLane, Kind::ChainMismatch));
    }
}
