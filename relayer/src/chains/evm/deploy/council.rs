//! What organisations decide together: proposed by one, approved by the others, executed by anybody after the delay.

use super::Deployer;
use crate::{
    chains::evm::{abi::ICouncil, contract::view},
    lane::error::{Error, Kind, Result},
};
use alloy::{
    primitives::{Address, B256, LogData, U256},
    sol_types::{SolCall, SolEvent},
};

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Its id.
    pub id: B256,
    /// Its number.
    pub number: U256,
    /// What it does, in this order and together.
    pub calls: Vec<ICouncil::Call>,
}

/// How far a proposal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Approvals so far.
    pub approvals: u32,
    /// Unix seconds from which it can be executed; zero while approvals are missing.
    pub not_before: u64,
    /// It was executed.
    pub executed: bool,
}

/// Proposes `calls` and approves them.
///
/// # Errors
/// As [`Deployer::send`].
pub async fn propose(deployer: &Deployer, council: Address, calls: Vec<ICouncil::Call>) -> Result<Proposal> {
    let call = ICouncil::proposeCall { calls: calls.clone() };
    let receipt = deployer.call(council, call.abi_encode()).await?;
    let proposed = receipt
        .logs
        .into_iter()
        .filter(|log| log.address == council)
        .find_map(|log| ICouncil::Proposed::decode_log_data(&LogData::new(log.topics, log.data)?).ok());
    let event =
        proposed.ok_or_else(|| Error::retry(Kind::Malformed, "the receipt of a proposal holds no Proposed event"))?;
    Ok(Proposal { id: event.id, number: event.number, calls })
}

/// Approves a proposal.
///
/// # Errors
/// As [`Deployer::send`].
pub async fn approve(deployer: &Deployer, council: Address, id: B256) -> Result<()> {
    deployer.call(council, ICouncil::approveCall { id }.abi_encode()).await.map(drop)
}

/// Executes a proposal.
///
/// # Errors
/// As [`Deployer::send`]; `Reverted` with `TooEarly` before its time.
pub async fn execute(deployer: &Deployer, council: Address, proposal: &Proposal) -> Result<()> {
    let call = ICouncil::executeCall { number: proposal.number, calls: proposal.calls.clone() };
    deployer.call(council, call.abi_encode()).await.map(drop)
}

/// How far a proposal is.
///
/// # Errors
/// The endpoints'.
pub async fn standing(deployer: &Deployer, council: Address, id: B256) -> Result<Standing> {
    let state = view(deployer.pool(), council, &ICouncil::proposalsCall { id }).await?;
    Ok(Standing { approvals: state.approvals, not_before: state.notBefore, executed: state.executed })
}

/// Proposes, lets every member approve, and executes, for members whose keys are all here (a development pair) and a
/// council without delay.
///
/// # Errors
/// As [`Deployer::send`]; `InvalidConfig` without members.
pub async fn decide(members: &[&Deployer], council: Address, calls: Vec<ICouncil::Call>) -> Result<()> {
    let Some((first, others)) = members.split_first() else {
        return Err(Error::stop_lane(Kind::InvalidConfig, "nobody to decide"));
    };
    let proposal = propose(first, council, calls).await?;
    for member in others {
        approve(member, council, proposal.id).await?;
    }
    execute(first, council, &proposal).await
}
