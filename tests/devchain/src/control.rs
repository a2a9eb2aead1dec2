//! The control port: `devchain_*` methods that do what [`crate::Handle`] does, for tools that are no Rust programs.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use alloy::primitives::Bytes;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use crate::{
    core::{Core, Override},
    endpoint::Endpoint,
    handle::Error,
    rpc::{ControlMethods, Params, RpcError, serve_control},
    sync::{lock, read},
};

/// Blocks that one `devchain_mine` may ask for.
const MINE_MAX: u64 = 100_000;

/// Opens the control port; its address.
pub(crate) async fn open(
    core: Arc<Core>,
    endpoints: Arc<Mutex<Vec<Endpoint>>>,
    address: SocketAddr,
    stop: watch::Receiver<bool>,
) -> Result<SocketAddr, Error> {
    let refused = |source| Error::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    let methods: ControlMethods = Arc::new(move |method, params| dispatch(&core, &endpoints, method, params));
    tokio::spawn(serve_control(listener, methods, stop));
    Ok(bound)
}

fn dispatch(core: &Core, endpoints: &Mutex<Vec<Endpoint>>, method: &str, params: &Params) -> Result<Value, RpcError> {
    match method {
        "devchain_endpoints" => Ok(lock(endpoints)
            .iter()
            .map(|endpoint| json!({ "http": endpoint.rpc_url(), "ws": endpoint.ws_url(), "faults": endpoint.faults() }))
            .collect()),
        "devchain_setFaults" => {
            let index = usize::try_from(params.number(0)?).unwrap_or(usize::MAX);
            let faults = params.optional(1)?.unwrap_or_default();
            let endpoints = lock(endpoints);
            let endpoint = endpoints.get(index).ok_or_else(|| RpcError::invalid_params("no such endpoint"))?;
            endpoint.set_faults(faults);
            Ok(Value::Bool(true))
        }
        "devchain_mine" => {
            for _ in 0..params.number(0)?.min(MINE_MAX) {
                core.produce(None).ok_or_else(|| RpcError::server("a quorum of validators is missing"))?;
            }
            Ok(json!(read(&core.ledger).head()))
        }
        "devchain_setPaused" => {
            core.set_paused(params.get(0)?);
            Ok(Value::Bool(true))
        }
        "devchain_advanceTime" => {
            core.advance_time(params.number(0)?);
            Ok(Value::Bool(true))
        }
        "devchain_addValidator" => {
            let address = core.enlist();
            core.propose(address, true);
            Ok(json!(address))
        }
        "devchain_proposeValidator" => {
            core.propose(params.get(0)?, params.get(1)?);
            Ok(Value::Bool(true))
        }
        "devchain_setValidatorDown" => {
            core.set_down(params.get(0)?, params.get(1)?);
            Ok(Value::Bool(true))
        }
        "devchain_rewind" => Ok(json!(core.rewind(params.number(0)?))),
        "devchain_dropTransaction" => Ok(json!(core.mempool().remove(&params.get(0)?))),
        "devchain_clearMempool" => Ok(json!(core.mempool().clear())),
        "devchain_setStorage" => {
            core.override_state(Override::Storage(params.get(0)?, params.get(1)?, params.get(2)?));
            Ok(Value::Bool(true))
        }
        "devchain_setBalance" => {
            core.override_state(Override::Balance(params.get(0)?, params.get(1)?));
            Ok(Value::Bool(true))
        }
        "devchain_equivocate" => equivocate(core, params.number(0)?),
        _ => Err(RpcError::method_not_found(method)),
    }
}

fn equivocate(core: &Core, number: u64) -> Result<Value, RpcError> {
    let block = read(&core.ledger).block(number).cloned().ok_or_else(RpcError::header_not_found)?;
    let (header, hash) = core.sibling(&block).ok_or_else(|| RpcError::server("nobody sealed the genesis block"))?;
    let shape = |hash, header: Vec<u8>| json!({ "hash": hash, "header": Bytes::from(header) });
    Ok(json!([shape(block.hash, block.header_rlp()), shape(hash, alloy_rlp::encode(&header)),]))
}
