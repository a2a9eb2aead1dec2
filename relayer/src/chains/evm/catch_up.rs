//! Brings a client contract up to date that stands at a validator set which this process has never seen in force: after
//! a restart, or when the lane was idle through several changes of the set.
//!
//! The contract keeps only a hash of its set. The header of the height at which it stands lists that set, and is right
//! if the hash agrees, whoever serves it. From there updates are made as for any other client. That needs questions to
//! nodes, while [`Verifier`](crate::lane::ports::Verifier) answers at once: so the first answer is "not yet", and a task
//! finds the way for the next one.

use super::headers::EvmHeaders;
use crate::lane::{
    error::{Error, Kind, Result},
    types::ContractClient,
};
use alloy::primitives::{Address, B256};
use bytes::Bytes;
use causeway_bft_evm::{self as bft, Params, SealedHeader, ValidatorSet, set_hash};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Ways that are remembered: one for each client contract that reads this chain and is behind.
const MAX_WAYS: usize = 64;
/// Questions that wait.
const QUESTIONS: usize = 16;
/// When a lane should ask again.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// A contract's stand and the set to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Stand {
    signers: B256,
    target_set: B256,
}

#[derive(Clone, Copy, Debug)]
struct Question {
    stand: Stand,
    height: u64,
    target: u64,
}

type Ways = Arc<Mutex<HashMap<Stand, Vec<(u64, Bytes)>>>>;

/// Handle of the task.
#[derive(Clone, Debug)]
pub struct CatchUp {
    ways: Ways,
    questions: mpsc::Sender<Question>,
}

impl CatchUp {
    /// Starts the task.
    pub fn start(headers: Arc<EvmHeaders>, params: Params, tasks: &TaskTracker, shutdown: &CancellationToken) -> Self {
        let ways = Ways::default();
        let (questions, mut inbox) = mpsc::channel::<Question>(QUESTIONS);
        let (known, shutdown) = (Arc::clone(&ways), shutdown.clone());
        tasks.spawn(async move {
            loop {
                let question = tokio::select! {
                    () = shutdown.cancelled() => return,
                    question = inbox.recv() => question,
                };
                let Some(question) = question else { return };
                if known.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&question.stand) {
                    continue;
                }
                match way(&headers, &params, question).await {
                    Ok(way) => {
                        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                        if known.len() >= MAX_WAYS {
                            known.clear();
                        }
                        known.insert(question.stand, way);
                    }
                    Err(error) => tracing::warn!(height = question.height, %error, "no way for a client contract yet"),
                }
            }
        });
        Self { ways, questions }
    }

    /// Updates to send to `contract` so that it holds the set `target_set`, which is in force at height `target`.
    ///
    /// # Errors
    /// `NotAvailableYet` until the task has found the way.
    pub(super) fn path(&self, contract: &ContractClient, target: u64, target_set: B256) -> Result<Vec<Bytes>> {
        let stand = Stand { signers: contract.signers, target_set };
        let known = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = known.get(&stand) {
            let ahead = way.iter().filter(|(height, _)| *height > contract.height);
            return Ok(ahead.map(|(_, update)| update.clone()).collect());
        }
        drop(known);
        // A full channel means that others wait too; this one is asked again anyway.
        let _ = self.questions.try_send(Question { stand, height: contract.height, target });
        let detail = format!("the client contract stands at height {} under an older validator set", contract.height);
        Err(Error::retry_after(Kind::NotAvailableYet, ASK_AGAIN, detail))
    }
}

/// Finds the updates from the height and set at which the contract stands to the target.
async fn way(headers: &EvmHeaders, params: &Params, question: Question) -> Result<Vec<(u64, Bytes)>> {
    let bytes = headers.sealed(question.height).await?;
    let lie = |detail: String| Error::retry(Kind::NodeLied, detail);
    let header = SealedHeader::read(params.mode, &bytes).map_err(|e| lie(e.to_string()))?;
    let listed: Vec<Address> = header.extra().validators().collect();
    if set_hash(&listed) != question.stand.signers {
        return Err(lie(format!("header {} does not list the set that the contract holds", question.height)));
    }
    let set = ValidatorSet::new(listed).map_err(|e| lie(e.to_string()))?;
    let start = bft::TrustedState::new(header.height(), header.time(), header.block_hash(), header.state_root(), set);
    let steps = headers.lead(&start, question.target).await?;
    Ok(steps.into_iter().map(|step| (step.height, step.bytes)).collect())
}
