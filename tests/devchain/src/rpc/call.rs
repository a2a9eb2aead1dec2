//! `eth_call` and `eth_estimateGas`.

use alloy::{
    eips::BlockId,
    primitives::{Bytes, TxKind, U256, map::AddressMap},
    rpc::types::{TransactionRequest, state::AccountOverride},
    sol_types::{Revert, SolError},
};
use revm::{
    bytecode::Bytecode,
    context::{
        TxEnv,
        result::{EVMError, HaltReason, InvalidTransaction},
    },
};
use serde_json::{Value, json};

use super::{Node, Params, RpcError, json::quantity};
use crate::{
    execute::{CallOutcome, Refused, call, estimate},
    faults::Faults,
    state::Overlay,
};

/// `eth_call(request, block, overrides)`.
pub(crate) fn eth_call(node: &Node, faults: &Faults, params: &Params) -> Result<Value, RpcError> {
    let request: TransactionRequest = params.get(0)?;
    let overrides: AddressMap<AccountOverride> = params.optional(2)?.unwrap_or_default();
    let (header, state) = at(node, faults, params.block(1)?)?;
    let core = &node.core;
    let mut overlay = Overlay::new(state, &core.ledger);
    for (address, account) in overrides {
        apply(&mut overlay, address, account);
    }
    let tx = environment(&request, core.config.rpc.call_gas_max);
    let limit = tx.gas_limit;
    let (outcome, _) = call(core.rules, &header, &mut overlay, tx).map_err(refused)?;
    match outcome {
        CallOutcome::Returned(data) => Ok(json!(data)),
        other => Err(failed(other, limit)),
    }
}

/// `eth_estimateGas(request, block)`.
pub(crate) fn eth_estimate_gas(node: &Node, faults: &Faults, params: &Params) -> Result<Value, RpcError> {
    let request: TransactionRequest = params.get(0)?;
    let (mut header, state) = at(node, faults, params.block(1)?)?;
    let core = &node.core;
    let cap = core.config.rpc.call_gas_max.min(header.gas_limit);
    let tx = environment(&request, cap);
    header.gas_limit = tx.gas_limit;
    match estimate(core.rules, &header, &state, &core.ledger, tx).map_err(refused)? {
        Ok(gas) => Ok(quantity(gas)),
        Err(CallOutcome::Halted(HaltReason::OutOfGas(_))) => {
            Err(RpcError::server(format!("gas required exceeds allowance ({})", header.gas_limit)))
        }
        Err(outcome) => Err(failed(outcome, header.gas_limit)),
    }
}

/// The header and state that a call runs on; the ledger's lock is let go before the EVM runs.
fn at(node: &Node, faults: &Faults, id: BlockId) -> Result<(alloy::consensus::Header, crate::state::State), RpcError> {
    let view = node.view(faults);
    let (block, state) = view.state(id)?;
    Ok((block.header.clone(), state.clone()))
}

fn environment(request: &TransactionRequest, gas_max: u64) -> TxEnv {
    TxEnv {
        caller: request.from.unwrap_or_default(),
        gas_limit: request.gas.unwrap_or(gas_max).min(gas_max),
        gas_price: request.gas_price.or(request.max_fee_per_gas).unwrap_or_default(),
        kind: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or_default(),
        data: request.input.input().cloned().unwrap_or_default(),
        nonce: request.nonce.unwrap_or_default(),
        chain_id: None,
        access_list: request.access_list.clone().unwrap_or_default(),
        tx_type: u8::from(request.access_list.is_some()),
        ..TxEnv::default()
    }
}

fn apply(overlay: &mut Overlay<'_>, address: alloy::primitives::Address, account: AccountOverride) {
    overlay.modify(address, |info| {
        if let Some(balance) = account.balance {
            info.balance = balance;
        }
        if let Some(nonce) = account.nonce {
            info.nonce = nonce;
        }
        if let Some(code) = account.code {
            info.set_code(Bytecode::new_raw(code));
        }
    });
    if let Some(state) = account.state {
        overlay.clear_storage(address);
        for (slot, value) in state {
            overlay.set_storage(address, slot.into(), value.into());
        }
    }
    for (slot, value) in account.state_diff.into_iter().flatten() {
        overlay.set_storage(address, slot.into(), U256::from_be_bytes(value.0));
    }
}

fn refused(error: Refused) -> RpcError {
    match error {
        EVMError::Transaction(InvalidTransaction::LackOfFundForMaxFee { fee, balance }) => {
            RpcError::server(format!("insufficient funds for gas * price + value: have {balance} want {fee}"))
        }
        EVMError::Transaction(InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit }) => {
            RpcError::server(format!(
                "err: intrinsic gas too low: have {gas_limit}, want {initial_gas} (supplied gas {gas_limit})"
            ))
        }
        other => RpcError::server(format!("err: {other}")),
    }
}

fn failed(outcome: CallOutcome, gas_limit: u64) -> RpcError {
    match outcome {
        // No failure; callers handle it before.
        CallOutcome::Returned(_) => RpcError::server("execution succeeded"),
        CallOutcome::Reverted(data) => RpcError::reverted(reason(&data), data),
        CallOutcome::Halted(HaltReason::OutOfGas(_)) => {
            RpcError::server(format!("out of gas (supplied gas {gas_limit})"))
        }
        CallOutcome::Halted(HaltReason::OpcodeNotFound | HaltReason::InvalidFEOpcode) => {
            RpcError::server("invalid opcode")
        }
        CallOutcome::Halted(HaltReason::InvalidJump) => RpcError::server("invalid jump destination"),
        CallOutcome::Halted(HaltReason::CreateContractSizeLimit) => RpcError::server("max code size exceeded"),
        CallOutcome::Halted(reason) => RpcError::server(format!("execution halted: {reason:?}")),
    }
}

fn reason(data: &Bytes) -> Option<String> {
    Revert::abi_decode(data).ok().map(|revert| revert.reason)
}
