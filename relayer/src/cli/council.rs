//! What the organisations of a bridge decide together, one step a command: propose what nobody proposed yet, approve what
//! the other proposed, execute what is due. Each organisation runs the same command until it says that it is done.

use super::exit::CliError;
use crate::chains::evm::{
    abi::{ICouncil, IVault},
    contract::view,
    deploy::{
        Deployer,
        council::{self, Proposal, Standing},
    },
};
use alloy::{
    primitives::{Address, B256, U256, keccak256},
    sol_types::SolValue,
};
use serde::Serialize;
use std::{fmt, time::SystemTime};

/// Proposals that are looked through for one with the same calls, newest first.
const LOOK_BACK: u64 = 64;

/// How far a decision is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub(crate) enum Decision {
    /// It is done.
    Done,
    /// Others must approve.
    Waiting {
        /// Approvals so far.
        approvals: u32,
        /// And needed.
        needed: u64,
    },
    /// Approved; it can be executed from then on, Unix seconds.
    Scheduled {
        /// Unix seconds.
        not_before: u64,
    },
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Waiting { approvals, needed } => {
                write!(f, "{approvals} of {needed} approvals: the other organisation runs the same command")
            }
            Self::Scheduled { not_before } => {
                write!(f, "approved; run the same command from Unix time {not_before} on")
            }
        }
    }
}

/// The council of a vault.
pub(crate) async fn council_of(deployer: &Deployer, vault: Address) -> Result<Address, CliError> {
    let council = view(deployer.pool(), vault, &IVault::councilCall {}).await;
    council.map_err(|error| error.error.into())
}

/// Brings a decision one step further. Who calls it again after `Done` proposes it a second time: ask the chain first
/// whether it has taken effect.
pub(crate) async fn advance(
    deployer: &Deployer,
    council: Address,
    calls: Vec<ICouncil::Call>,
) -> Result<Decision, CliError> {
    let proposal = match pending(deployer, council, &calls).await? {
        Some((proposal, _)) => {
            council::approve(deployer, council, proposal.id).await?;
            proposal
        }
        None => council::propose(deployer, council, calls).await?,
    };
    let standing = council::standing(deployer, council, proposal.id).await?;
    if standing.not_before == 0 {
        let needed = view(deployer.pool(), council, &ICouncil::quorumCall {}).await;
        let needed = needed.map_err(|error| CliError::from(error.error))?;
        return Ok(Decision::Waiting { approvals: standing.approvals, needed: needed.saturating_to() });
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    if standing.not_before > now {
        return Ok(Decision::Scheduled { not_before: standing.not_before });
    }
    council::execute(deployer, council, &proposal).await?;
    Ok(Decision::Done)
}

/// A proposal of exactly these calls that was not executed yet. Its id is computed here: nobody's word is taken for what a
/// proposal would do.
async fn pending(
    deployer: &Deployer,
    council: Address,
    calls: &[ICouncil::Call],
) -> Result<Option<(Proposal, Standing)>, CliError> {
    let count = view(deployer.pool(), council, &ICouncil::proposalCountCall {}).await;
    let count: u64 = count.map_err(|error| CliError::from(error.error))?.saturating_to();
    for number in (count.saturating_sub(LOOK_BACK)..count).rev() {
        let id = id(number, calls);
        let standing = council::standing(deployer, council, id).await?;
        if standing.approvals > 0 && !standing.executed {
            let proposal = Proposal { id, number: U256::from(number), calls: calls.to_vec() };
            return Ok(Some((proposal, standing)));
        }
    }
    Ok(None)
}

/// `keccak256(abi.encode(number, calls))`, as the council computes it.
fn id(number: u64, calls: &[ICouncil::Call]) -> B256 {
    keccak256((U256::from(number), calls.to_vec()).abi_encode_params())
}
