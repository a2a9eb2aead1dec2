//! The lane's bundles and outcomes on the wire.

use alloy::primitives::B256;
use causeway_core::LaneId;
use causeway_proto::{
    convert::{self, Unreadable},
    peer::v1,
};

use super::status;
use crate::lane::{
    error::{Error, Kind},
    types::{Bundle, Outcome, Run},
};

pub(super) fn put_bundle(number: u64, bundle: &Bundle) -> Result<v1::Bundle, Error> {
    let runs = bundle.runs.iter().map(|run| (run.peak, run.count, run.siblings.as_slice()));
    let Bundle { first, entries, source_height, update, state_proof, .. } = bundle;
    convert::put_bundle(number, *first, entries, *source_height, update, state_proof, runs).map_err(|error| {
        let detail = format!("lane {}: bundle {number} cannot be sent: {error}", bundle.lane);
        Error::dead_letter(Kind::TooLarge, detail)
    })
}

pub(super) fn take_bundle(lane: LaneId, wire: v1::Bundle) -> Result<(u64, Bundle), Unreadable> {
    let found = convert::take_bundle(lane, wire)?;
    let run = |run: convert::Run| Run { peak: run.peak, count: run.count, siblings: run.siblings };
    let bundle = Bundle {
        lane,
        first: found.first,
        entries: found.entries,
        source_height: found.source_height,
        update: found.update,
        state_proof: found.state_proof,
        runs: found.runs.into_iter().map(run).collect(),
    };
    Ok((found.number, bundle))
}

pub(super) fn put_outcome(outcome: &Outcome) -> v1::Outcome {
    use v1::outcome::Outcome as Wire;
    let wire = match outcome {
        Outcome::Received => Wire::Received(v1::Received {}),
        Outcome::Submitted { tx } => Wire::Submitted(v1::Submitted { transaction: convert::word(tx) }),
        Outcome::Final { tx, block } => {
            Wire::Finalised(v1::Finalised { transaction: convert::word(tx), block: *block })
        }
        Outcome::Rejected { kind, detail } => {
            let told = Error::retry(*kind, detail.clone());
            let (reason, detail) = (status::reason(*kind).to_owned(), status::public_detail(&told).to_owned());
            Wire::Rejected(v1::Refusal { reason, detail })
        }
    };
    v1::Outcome { outcome: Some(wire) }
}

pub(super) fn take_outcome(wire: Option<v1::Outcome>) -> Result<Outcome, Unreadable> {
    use v1::outcome::Outcome as Wire;
    let missing = Unreadable::Missing { field: "outcome" };
    let transaction = |bytes: &[u8]| -> Result<B256, Unreadable> { convert::hash("transaction", bytes) };
    Ok(match wire.and_then(|wire| wire.outcome).ok_or(missing)? {
        Wire::Received(_) => Outcome::Received,
        Wire::Submitted(submitted) => Outcome::Submitted { tx: transaction(&submitted.transaction)? },
        Wire::Finalised(found) => Outcome::Final { tx: transaction(&found.transaction)?, block: found.block },
        Wire::Rejected(refusal) => {
            convert::at_most("detail", convert::DETAIL_BYTES_MAX, refusal.detail.len())?;
            let kind = status::kind(&refusal.reason).unwrap_or(Kind::PeerRefused);
            Outcome::Rejected { kind, detail: refusal.detail }
        }
    })
}

pub(super) fn acknowledge(number: u64, outcome: &Outcome) -> v1::StreamLaneResponse {
    let frame = v1::Acknowledgement { number, outcome: Some(put_outcome(outcome)) };
    v1::StreamLaneResponse { frame: Some(v1::stream_lane_response::Frame::Acknowledgement(frame)) }
}
