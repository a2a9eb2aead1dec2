//! Reads of contracts by `eth_call`. What they give is a node's word.

use super::{
    endpoint::{CallError, Need, Pool},
    errors::Meaning,
};
use crate::lane::error::{Error, Kind};
use alloy::{
    primitives::{Address, Bytes, U64},
    sol_types::SolCall,
};
use serde_json::json;

/// Calls a view at the newest block.
///
/// # Errors
/// The endpoints'; `Malformed` if the answer is not of the function's type (no such contract there, for example).
pub async fn view<C: SolCall>(pool: &Pool, to: Address, call: &C) -> Result<C::Return, CallError> {
    let request = json!({ "to": to, "input": Bytes::from(call.abi_encode()), "data": Bytes::from(call.abi_encode()) });
    let answer: Bytes = pool.call("eth_call", &(request, "latest"), Need::Any).await?;
    C::abi_decode_returns(&answer).map_err(|_| {
        let detail = format!("{}: {} does not answer {} as expected", pool.chain(), to, C::SIGNATURE);
        Error::retry(Kind::Malformed, detail).into()
    })
}

/// Asks every endpoint for a view at the newest block. Gives the different answers, and whether every endpoint answered.
///
/// # Errors
/// `Malformed` if the call cannot be written.
pub async fn each<C: SolCall>(pool: &Pool, to: Address, call: &C) -> Result<(Vec<C::Return>, bool), Error>
where
    C::Return: PartialEq,
{
    let request = json!({ "to": to, "input": Bytes::from(call.abi_encode()), "data": Bytes::from(call.abi_encode()) });
    let answers = pool.call_each::<Bytes>("eth_call", &(request, "latest")).await?;
    let mut different: Vec<C::Return> = Vec::new();
    let mut read = 0;
    for answer in answers {
        let Ok(Ok(value)) = answer.map(|bytes| C::abi_decode_returns(&bytes)) else { continue };
        read += 1;
        if !different.contains(&value) {
            different.push(value);
        }
    }
    Ok((different, read == pool.len()))
}

/// Runs a transaction's call without sending it. The function must be one that returns nothing: geth before 1.9.15
/// (GoQuorum 2.7) gives the data of a revert as if it were a result. A call that ran out of gas looks there like one that
/// went well.
///
/// # Errors
/// The endpoints'; a revert with its data.
pub async fn simulate(pool: &Pool, from: Address, to: Address, data: &Bytes, gas: u64) -> Result<(), CallError> {
    let request = json!({ "from": from, "to": to, "input": data, "data": data, "gas": U64::from(gas) });
    let output: Bytes = pool.call("eth_call", &(request, "latest"), Need::Any).await?;
    if output.is_empty() {
        return Ok(());
    }
    let error = Error::retry(Kind::Reverted, "the node gave a revert's data as a result");
    Err(CallError { error, meaning: Some(Meaning::Reverted), data: output })
}

/// Gas that a node thinks a transaction needs.
///
/// # Errors
/// The endpoints'; a revert with its data.
pub async fn estimate(pool: &Pool, from: Address, to: Option<Address>, data: &Bytes) -> Result<u64, CallError> {
    let mut request = json!({ "from": from, "input": data, "data": data });
    if let (Some(to), Some(object)) = (to, request.as_object_mut()) {
        object.insert("to".to_owned(), json!(to));
    }
    let gas: U64 = pool.call("eth_estimateGas", &(request,), Need::Any).await?;
    Ok(gas.to())
}
