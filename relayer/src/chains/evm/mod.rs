//! EVM chains under Istanbul-style BFT consensus (QBFT, IBFT 2.0, IBFT 1).
//!
//! The reader sees: [`config`] what an operator writes; [`endpoint`] several nodes behind one face; [`headers`],
//! [`proofs`], [`entries`] and [`verifier`] the reading ports of a lane; [`bundle`], [`submit`] and [`signer`] the
//! writing one; [`prepare`] what others sign; [`errors`] and [`reverts`] what a node's and a contract's errors mean; [`deploy`] and [`artefacts`] how
//! the contracts get onto a chain.
//! Byte formats are those of `deploy/contracts/evm/README.md`.

pub mod abi;
pub mod artefacts;
pub mod bundle;
pub mod catch_up;
mod client_state;
pub mod code_watch;
pub mod config;
pub mod contract;
pub mod deploy;
pub mod endpoint;
pub mod entries;
pub mod errors;
pub mod headers;
pub mod holdings;
pub mod prepare;
pub mod proofs;
mod reconfigure;
#[cfg(test)]
mod recorded;
pub mod reverts;
pub mod signer;
pub mod submit;
pub mod verifier;

use super::{Chain, Context, EndpointStates, Pinned};
use crate::lane::{
    error::{Error, Kind, Result},
    ports::Submitter,
};
use config::EvmChain;
use endpoint::{Pool, follow};
use std::sync::Arc;

/// Builds the ports of an EVM chain and starts its tasks: one that follows each endpoint, the signer's manager, the
/// one that brings client contracts up to date, and the one that watches the vault's code.
///
/// # Errors
/// `InvalidConfig`.
pub fn build(chain: &EvmChain, context: &Context) -> Result<Chain> {
    chain.validate()?;
    let params = verifier::params(chain);
    params.check().map_err(|e| Error::stop_lane(Kind::InvalidConfig, format!("{}: {e}", chain.id)))?;
    let pool = Arc::new(Pool::new(chain, Arc::clone(&context.observer))?);
    follow::start(&pool, chain, &context.tasks, &context.shutdown);
    let pinned = Pinned { height: chain.pinned.height, hash: chain.pinned.hash };
    let headers = Arc::new(headers::EvmHeaders::new(Arc::clone(&pool), params, pinned, Arc::clone(&context.clock)));
    let catch_up = catch_up::CatchUp::start(Arc::clone(&headers), params, &context.tasks, &context.shutdown);
    let verifier = Arc::new(verifier::EvmVerifier::new(params, catch_up));
    let verified = verifier.verified();
    let alarm = code_watch::start(
        Arc::clone(&pool),
        chain.vault,
        chain.vault_code,
        chain.block_time,
        verifier.roots(),
        &context.tasks,
        &context.shutdown,
    );
    headers.obey(alarm.clone());
    let submitter = match &chain.signer {
        None => None,
        Some(config) => {
            let signer = signer::Signer::start(chain, config, Arc::clone(&pool), verified.clone(), context)?;
            let submitter =
                submit::EvmSubmitter::new(Arc::clone(&pool), signer, chain.vault, chain.gas, alarm, verifier.roots());
            Some(Arc::new(submitter))
        }
    };
    let (tasks, shutdown) = (context.tasks.clone(), context.shutdown.clone());
    let reconfigure = reconfigure::Live { pool: Arc::clone(&pool), submitter: submitter.clone(), tasks, shutdown };
    Ok(Chain {
        id: Arc::clone(pool.chain()),
        genesis: chain.genesis,
        pinned,
        vault: bytes::Bytes::copy_from_slice(chain.vault.as_slice()),
        headers,
        verifier,
        proofs: Arc::new(proofs::EvmProofs::new(Arc::clone(&pool))),
        entries: Arc::new(entries::EvmEntries::new(Arc::clone(&pool), chain.log_range)),
        holdings: Arc::new(holdings::EvmHoldings::new(Arc::clone(&pool), chain.vault)),
        prepare: Arc::new(prepare::EvmPrepare::new(Arc::clone(&pool), chain.vault, chain.chain_id()?, chain.fees)),
        submitter: submitter.map(|submitter| submitter as Arc<dyn Submitter>),
        block_time: chain.block_time,
        trusting_period: chain.trusting_period,
        verified,
        reconfigure: Arc::new(reconfigure),
        endpoints: pool as Arc<dyn EndpointStates>,
    })
}
