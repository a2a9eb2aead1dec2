//! What callers sign, and what they signed.

use super::{
    bridges::{Bridge, End, native},
    callers::Principal,
    desk::Desk,
    refused::Refused,
    terms,
};
use crate::chains::{Action, Prepared, Purpose, Simulation};
use alloy::primitives::B256;
use causeway_core::{AccountId, Terms};
use causeway_proto::exchange::v1::{
    self, EvmTransaction, PreparedTransaction, prepared_transaction as wire, simulation::Result as Tried,
};
use tonic::Code;

fn transaction(end: &End, prepared: Prepared) -> PreparedTransaction {
    let purpose = match prepared.purpose {
        Purpose::Approve => wire::Purpose::Approve,
        Purpose::Lock => wire::Purpose::Lock,
        Purpose::Void => wire::Purpose::Void,
        Purpose::Transfer => wire::Purpose::Transfer,
    };
    let (result, error) = match prepared.simulation {
        Simulation::Success => (Tried::Success, String::new()),
        Simulation::Revert(error) => (Tried::Revert, error),
        Simulation::Depends => (Tried::Depends, String::new()),
    };
    let tx = prepared.tx;
    let decimal = |wei: Option<u128>| wei.map(|wei| wei.to_string()).unwrap_or_default();
    let evm = EvmTransaction {
        chain_id: tx.chain_id,
        from: format!("{:#x}", tx.from),
        to: format!("{:#x}", tx.to),
        data: tx.data.to_vec(),
        value: "0".into(),
        nonce: tx.nonce,
        gas: tx.gas,
        gas_price: decimal(tx.gas_price),
        max_fee_per_gas: decimal(tx.max_fee),
        max_priority_fee_per_gas: decimal(tx.tip),
        signing_payload: tx.payload.to_vec(),
        signing_hash: tx.signing_hash.to_vec(),
    };
    PreparedTransaction {
        chain: end.chain.to_string(),
        purpose: purpose as i32,
        body: Some(wire::Body::Evm(evm)),
        simulation: Some(v1::Simulation { result: result as i32, error }),
    }
}

async fn prepare(end: &End, from: &B256, action: Action) -> Result<Vec<PreparedTransaction>, Refused> {
    let prepared = end.prepare.prepare(&native(from), action).await?;
    Ok(prepared.into_iter().map(|prepared| transaction(end, prepared)).collect())
}

fn leg_of<'a>(bridge: &'a Bridge, terms: &Terms, leg: u32) -> Result<(u8, &'a End, causeway_core::Leg), Refused> {
    let number = u8::try_from(leg).unwrap_or(u8::MAX);
    let found = terms.leg(number).zip(terms.lane_of(number).and_then(|lane| bridge.end_of(lane)));
    found.map(|(leg, end)| (number, end, *leg)).ok_or_else(|| Refused::field("leg", "0 or 1", leg))
}

/// How the caller locks its leg.
pub(crate) async fn lock(
    caller: &Principal,
    desk: &Desk,
    id: B256,
    leg: u32,
) -> Result<Vec<PreparedTransaction>, Refused> {
    let record = desk.read(|state| state.get(id).cloned()).ok_or_else(|| Refused::unknown(&format!("swaps/{id}")))?;
    let (bridge, terms) = desk.parts(&record).ok_or_else(|| Refused::unknown(&format!("swaps/{id}")))?;
    let (number, end, own) = leg_of(bridge, &terms, leg)?;
    caller.must_own("leg", &end.account(&own.from))?;
    let there = &record.legs[usize::from(number.min(1))];
    if there.state != 0 || record.is_over() {
        let state = record.state().as_str_name();
        let detail = format!("leg {leg} cannot be locked: the swap is {state}");
        return Err(Refused::new(Code::FailedPrecondition, "LEG_DECIDED", detail).with("state", state));
    }
    if record.answer != super::record::Answer::Accepted {
        // Locking first is an option given away: only to somebody who agreed.
        let detail = "the counterparty has not accepted yet";
        return Err(Refused::new(Code::FailedPrecondition, "NOT_ACCEPTED", detail));
    }
    let token = end.token(&own.asset).ok_or_else(|| Refused::field("swap", "an asset of the bridge", own.asset))?;
    let action = Action::LockLeg { terms, leg: number, token: token.address, unique: token.unique };
    prepare(end, &own.from, action).await
}

/// How a leg is voided.
pub(crate) async fn void(
    caller: &Principal,
    (bridge, terms): (&Bridge, Terms),
    request: &v1::PrepareVoidRequest,
) -> Result<Vec<PreparedTransaction>, Refused> {
    let (number, end, own) = leg_of(bridge, &terms, request.leg)?;
    let (sender, word) = match request.sender.as_str() {
        "" => (end.account(&own.from), own.from),
        text => end.read_account("sender", text)?,
    };
    caller.must_own("sender", &sender)?;
    prepare(end, &word, Action::VoidLeg { terms, leg: number }).await
}

/// How an asset is sent.
pub(crate) async fn transfer(
    caller: &Principal,
    bridge: &Bridge,
    request: &v1::PrepareTransferRequest,
    now: u64,
) -> Result<Vec<PreparedTransaction>, Refused> {
    let (at, token) = bridge.asset("asset", &request.asset)?;
    let [end, other] = if at == 0 { [&bridge.ends[0], &bridge.ends[1]] } else { [&bridge.ends[1], &bridge.ends[0]] };
    let amount = terms::number("amount", &request.amount)?;
    let (sender, word) = end.read_account("sender", &request.sender)?;
    caller.must_own("sender", &sender)?;
    let (_, recipient) = other.read_account("recipient", &request.recipient)?;
    let timeout = terms::seconds("timeout", request.timeout.as_ref())?;
    // In the clock of the chain where it is to be credited.
    let now = other.time(now).map_or(now, |time| time.now);
    let latest = now.saturating_add(causeway_core::bounds::MAX_TIMEOUT_SECONDS);
    if timeout <= now || timeout > latest {
        return Err(Refused::field("timeout", &format!("{now} to {latest}"), timeout));
    }
    let memo = match request.memo_hash.as_str() {
        "" => B256::ZERO,
        text => terms::word("memo_hash", text)?,
    };
    let (lane, unique, token) = (bridge.lanes[at], token.unique, token.address);
    prepare(end, &word, Action::Transfer { lane, token, unique, amount, recipient, timeout, memo }).await
}

/// Broadcasts what a caller signed. This is no way for others' transactions, nor for other contracts.
pub(crate) async fn submit(caller: &Principal, desk: &Desk, request: v1::SubmitSignedRequest) -> Result<B256, Refused> {
    let ends: Vec<&End> = desk.bridges.on_chain(&request.chain).collect();
    let end = ends.first().ok_or_else(|| Refused::field("chain", "a chain of a bridge served here", &request.chain))?;
    let signed = end
        .prepare
        .read(&request.raw_transaction)
        .map_err(|e| Refused::new(Code::InvalidArgument, "NOT_A_TRANSACTION", e.detail.into_owned()))?;
    caller.must_own("raw_transaction", &AccountId::evm(end.chain_id, signed.from))?;
    let vault = |end: &&End| end.view.vault.as_ref() == signed.to.as_slice();
    let token = |end: &&End| end.tokens.iter().any(|token| token.address == signed.to);
    if signed.moves_coin || !(ends.iter().any(vault) || ends.iter().any(token)) {
        let detail = format!("it calls {:#x}: expected a vault or an asset of a bridge, and no coin", signed.to);
        return Err(Refused::new(Code::PermissionDenied, "FOREIGN_CALL", detail));
    }
    end.prepare.broadcast(request.raw_transaction.into()).await?;
    Ok(signed.hash)
}
