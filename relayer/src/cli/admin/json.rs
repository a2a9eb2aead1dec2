//! Answers of the relayer as JSON: field names as in `proto/causeway/admin/v1/admin.proto`, enums as their short names in
//! lower case, times in Unix seconds.

use causeway_proto::admin::v1::{
    ChainStatus, Client, ClientState, DeadLetter, EndpointStatus, Entry, EntryTrace, Lane, PeerStatus, RelayerStatus,
    SignerStatus, Stage, StageCount, TraceEvent, client_state, endpoint_status, entry::Body, lane, returned::Reason,
};
use serde_json::{Value, json};

/// `STATE_BACKING_OFF` → `backing_off`.
fn lower(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase()
}

pub(super) fn lane_state(state: i32) -> String {
    lower(lane::State::try_from(state).unwrap_or_default().as_str_name(), "STATE_")
}

pub(super) fn stage(stage: i32) -> String {
    lower(Stage::try_from(stage).unwrap_or_default().as_str_name(), "STAGE_")
}

pub(super) fn endpoint_state(state: i32) -> String {
    lower(endpoint_status::State::try_from(state).unwrap_or_default().as_str_name(), "STATE_")
}

pub(super) fn client_state_name(state: i32) -> String {
    lower(client_state::State::try_from(state).unwrap_or_default().as_str_name(), "STATE_")
}

/// Seconds of a protobuf timestamp or duration, with the fraction.
macro_rules! seconds {
    ($time:expr) => {
        $time.as_ref().map(|time| time.seconds as f64 + f64::from(time.nanos) / 1e9)
    };
}
pub(super) use seconds;

pub(super) fn status(status: &RelayerStatus) -> Value {
    json!({
        "version": status.version,
        "organisation": status.organisation,
        "start_time": seconds!(status.start_time),
        "chains": status.chains.iter().map(chain).collect::<Vec<_>>(),
        "peers": status.peers.iter().map(peer).collect::<Vec<_>>(),
        "lanes": status.lanes.iter().map(lane).collect::<Vec<_>>(),
        "signers": status.signers.iter().map(signer).collect::<Vec<_>>(),
        "dead_letter_count": status.dead_letter_count,
    })
}

fn chain(chain: &ChainStatus) -> Value {
    json!({
        "chain": chain.chain,
        "verified_height": chain.verified_height,
        "verified_time": seconds!(chain.verified_time),
        "scanned_height": chain.scanned_height,
        "endpoints": chain.endpoints.iter().map(endpoint).collect::<Vec<_>>(),
    })
}

fn endpoint(endpoint: &EndpointStatus) -> Value {
    json!({
        "name": endpoint.name,
        "state": endpoint_state(endpoint.state),
        "height": endpoint.height,
        "detail": endpoint.detail,
    })
}

fn peer(peer: &PeerStatus) -> Value {
    json!({
        "organisation": peer.organisation,
        "connected": peer.connected,
        "detail": peer.detail,
        "certificate_expire_time": seconds!(peer.certificate_expire_time),
    })
}

fn signer(signer: &SignerStatus) -> Value {
    json!({
        "account": signer.account,
        "balance": signer.balance,
        "next_nonce": signer.next_nonce,
        "pending_count": signer.pending_count,
    })
}

pub(super) fn lane(lane: &Lane) -> Value {
    json!({
        "name": lane.name,
        "source_chain": lane.source_chain,
        "destination_chain": lane.destination_chain,
        "bridge": lane.bridge,
        "peer": lane.peer,
        "state": lane_state(lane.state),
        "reason": lane.reason,
        "detail": lane.detail,
        "size": lane.size,
        "delivered_count": lane.delivered_count,
        "pending": lane.pending.iter().map(stage_count).collect::<Vec<_>>(),
        "oldest_pending_age": seconds!(lane.oldest_pending_age),
        "verified_height": lane.verified_height,
    })
}

fn stage_count(count: &StageCount) -> Value {
    json!({ "stage": stage(count.stage), "count": count.count })
}

pub(super) fn entry(entry: &Entry) -> Value {
    let body = match &entry.body {
        Some(Body::Transfer(t)) => json!({ "transfer": {
            "asset": t.asset,
            "amount": t.amount,
            "sender": t.sender,
            "recipient": t.recipient,
            "timeout": seconds!(t.timeout),
            "memo_hash": t.memo_hash,
        }}),
        Some(Body::Returned(r)) => {
            let reason = lower(Reason::try_from(r.reason).unwrap_or_default().as_str_name(), "REASON_");
            json!({ "returned": { "transfer": r.transfer, "commitment": r.commitment, "reason": reason }})
        }
        Some(Body::SwapLocked(s)) => json!({ "swap_locked": { "swap_id": s.swap_id, "leg": s.leg }}),
        Some(Body::SwapVoided(s)) => json!({ "swap_voided": { "swap_id": s.swap_id, "leg": s.leg }}),
        None => Value::Null,
    };
    json!({
        "name": entry.name,
        "index": entry.index,
        "commitment": entry.commitment,
        "stage": stage(entry.stage),
        "body": body,
    })
}

pub(super) fn trace(trace: &EntryTrace) -> Value {
    json!({
        "entry": trace.entry.as_ref().map(entry),
        "events": trace.events.iter().map(trace_event).collect::<Vec<_>>(),
        "returned_by": trace.returned_by,
    })
}

fn trace_event(event: &TraceEvent) -> Value {
    json!({
        "stage": stage(event.stage),
        "time": seconds!(event.time),
        "chain": event.chain,
        "block": event.block,
        "transaction": event.transaction,
        "bundle_number": event.bundle_number,
        "detail": event.detail,
    })
}

pub(super) fn client(client: &Client) -> Value {
    json!({
        "name": client.name,
        "chain": client.chain,
        "family": client.family,
        "local": client.local.as_ref().map(client_state),
        "contract": client.contract.as_ref().map(client_state),
    })
}

fn client_state(state: &ClientState) -> Value {
    json!({
        "state": client_state_name(state.state),
        "height": state.height,
        "time": seconds!(state.time),
        "signers": state.signers,
        "frozen_height": state.frozen_height,
        "trusting_period": seconds!(state.trusting_period),
        "expire_time": seconds!(state.expire_time),
    })
}

pub(super) fn dead_letter(letter: &DeadLetter) -> Value {
    json!({
        "name": letter.name,
        "lane": letter.lane,
        "first_index": letter.first_index,
        "end_index": letter.end_index,
        "stage": letter.stage,
        "reason": letter.reason,
        "detail": letter.detail,
        "create_time": seconds!(letter.create_time),
    })
}
