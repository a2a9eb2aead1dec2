//! What the daemon knows in the operator's words: lanes' entries, nodes, dead letters, times.

use super::build::BuiltLane;
use crate::lane::{book::Standing, error::Kind, ports};
use causeway_core::LaneId;
use causeway_proto::admin::v1::{self as wire, DeadLetter, EndpointStatus, Stage};
use prost_types::{Duration as WireDuration, Timestamp};
use std::time::Duration;

pub(super) fn stage(lane: &BuiltLane, index: u64) -> Stage {
    match lane.book.standing(index) {
        None if index < lane.book.size() => Stage::Delivered,
        None => Stage::Unspecified,
        Some(Standing::Waiting(_)) => Stage::Final,
        Some(Standing::Sent(_)) => Stage::Sent,
        Some(Standing::Working) => Stage::Verified,
        Some(Standing::Dead) => Stage::Rejected,
    }
}

pub(super) fn stands(lane: &BuiltLane, index: u64) -> &'static str {
    match lane.book.standing(index) {
        None => "its delivered bit is proven",
        Some(Standing::Waiting(_)) => "waits to be proven and sent",
        Some(Standing::Sent(_)) => "is with the peer",
        Some(Standing::Working) => "is being submitted here",
        Some(Standing::Dead) => "is a dead letter: see `causeway dead-letters list`",
    }
}

pub(super) fn endpoint(e: crate::chains::EndpointState) -> EndpointStatus {
    use wire::endpoint_status::State as S;
    let state = match e.health {
        "healthy" => S::Healthy,
        "lagging" => S::Lagging,
        "stalled" => S::Stalled,
        "lied" | "wrong_chain" => S::Lying,
        _ => S::Down,
    };
    EndpointStatus {
        name: e.label,
        state: state.into(),
        height: e.head,
        detail: e.error.map_or_else(String::new, |(kind, detail)| format!("{}: {detail}", kind.name())),
    }
}

pub(super) fn letter(l: &ports::DeadLetter) -> DeadLetter {
    DeadLetter {
        name: format!("deadLetters/{}", l.id),
        lane: name(l.lane),
        first_index: l.range.start,
        end_index: l.range.end,
        stage: l.stage.clone(),
        reason: upper(l.kind),
        detail: l.detail.clone(),
        create_time: Some(timestamp(l.at)),
    }
}

pub(super) fn leg(s: &causeway_core::SwapLeg) -> wire::SwapLeg {
    wire::SwapLeg { swap_id: s.swap_id.to_string(), leg: u32::from(s.leg) }
}

pub(super) fn name(lane: LaneId) -> String {
    format!("lanes/{lane}")
}

pub(super) fn upper(kind: Kind) -> String {
    kind.name().to_ascii_uppercase()
}

pub(super) fn timestamp(seconds: u64) -> Timestamp {
    Timestamp { seconds: i64::try_from(seconds).unwrap_or(i64::MAX), nanos: 0 }
}

pub(super) fn duration(d: Duration) -> WireDuration {
    WireDuration { seconds: i64::try_from(d.as_secs()).unwrap_or(i64::MAX), nanos: d.subsec_nanos() as i32 }
}
