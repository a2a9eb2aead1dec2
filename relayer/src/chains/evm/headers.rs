//! Final headers of the chain: waits for newer ones, and makes the updates that lead to them.
//!
//! A block of these chains is final when it is sealed, so the newest head is the newest final header. Headers come as
//! JSON; they are put together again and judged by the light client. Where the signers changed so much that one update
//! cannot be believed, headers in between are looked for by bisection; that costs the judgement of each candidate here,
//! and is no replacement for the lane's own.

use super::{
    code_watch::CodeAlarm,
    endpoint::{Need, Pool},
};
use crate::chains::{EndpointStates, Pinned};
use crate::lane::{
    error::{Error, Kind, Result},
    ports::{Clock, Headers},
    types::{TrustedState, Update},
};
use alloy::{consensus::Header, primitives::U64};
use alloy_rlp::Encodable;
use async_trait::async_trait;
use causeway_bft_evm::{self as bft, Params, SealedHeader, UpdateError};
use std::sync::{Arc, OnceLock};

/// Most updates in one answer. Each step but the first halves the distance, so 64 steps bridge 2^63 blocks if a set
/// changes by less than two thirds between neighbours.
const MAX_STEPS: usize = 64;

/// See the module.
pub struct EvmHeaders {
    pool: Arc<Pool>,
    params: Params,
    pinned: Pinned,
    clock: Arc<dyn Clock>,
    alarm: OnceLock<CodeAlarm>,
}

impl EvmHeaders {
    /// Headers out of `pool` for a client with `params` that starts at `pinned`.
    pub fn new(pool: Arc<Pool>, params: Params, pinned: Pinned, clock: Arc<dyn Clock>) -> Self {
        Self { pool, params, pinned, clock, alarm: OnceLock::new() }
    }

    /// Shows no more headers once `alarm` is raised.
    pub fn obey(&self, alarm: CodeAlarm) {
        let _ = self.alarm.set(alarm);
    }

    /// A block's header with its seals, RLP.
    ///
    /// # Errors
    /// The endpoints'.
    pub async fn sealed(&self, height: u64) -> Result<Vec<u8>> {
        let header: Header =
            self.pool.call("eth_getBlockByNumber", &(U64::from(height), false), Need::Height(height)).await?;
        if header.number != height {
            let detail = format!("asked for block {height}, got {}", header.number);
            self.pool.lied(height, &detail);
            return Err(Error::retry(Kind::NodeLied, detail));
        }
        let mut bytes = Vec::with_capacity(header.length());
        header.encode(&mut bytes);
        Ok(bytes)
    }

    /// Updates that lead from `trusted` to `height`.
    ///
    /// # Errors
    /// The endpoints'; `NodeLied` for a header without a quorum of seals, or sealed by strangers where no header in between
    /// could help; `Refused` for too many headers in between.
    pub async fn lead(&self, trusted: &bft::TrustedState, height: u64) -> Result<Vec<Update>> {
        let mut at = trusted.clone();
        let mut steps = Vec::new();
        // Targets still to be reached, the nearest last.
        let mut targets = vec![height];
        while let Some(target) = targets.last().copied() {
            if steps.len() + targets.len() > MAX_STEPS {
                return Err(Error::retry(Kind::Refused, format!("more than {MAX_STEPS} updates to height {height}")));
            }
            let update = self.update(&at, target).await?;
            match bft::verify(&self.params, &at, &update, self.clock.now()) {
                Ok(verified) => {
                    at = verified.trusted;
                    steps.push(Update { height: target, bytes: update.into() });
                    targets.pop();
                }
                Err(refusal) if refusal.intermediate_helps() && target > at.height() + 1 => {
                    targets.push(at.height() + (target - at.height()) / 2);
                }
                // A neighbour that nobody of the set in force sealed: strangers made it up, and no other header helps.
                Err(refusal) if refusal.intermediate_helps() => {
                    let detail = format!("header {target}: {refusal}");
                    self.pool.lied(target, &detail);
                    return Err(Error::retry(Kind::NodeLied, detail));
                }
                // The lane judges it again, and says what it is.
                Err(_) => {
                    steps.push(Update { height: target, bytes: update.into() });
                    return Ok(steps);
                }
            }
        }
        Ok(steps)
    }

    async fn update(&self, trusted: &bft::TrustedState, height: u64) -> Result<Vec<u8>> {
        let bytes = self.sealed(height).await?;
        let lie = |detail: String| {
            self.pool.lied(height, &detail);
            Error::retry(Kind::NodeLied, detail)
        };
        let header = SealedHeader::read(self.params.mode, &bytes).map_err(|e| lie(format!("header {height}: {e}")))?;
        bft::update_from_header(&self.params, trusted, &header, None).map_err(|e| match e {
            UpdateError::NotEnoughSeals { .. } => lie(format!("header {height}: {e}")),
            UpdateError::TooLong { .. } => Error::retry(Kind::TooLarge, format!("header {height}: {e}")),
        })
    }
}

#[async_trait]
impl Headers for EvmHeaders {
    async fn newer_than(&self, after: u64) -> Result<u64> {
        let mut best = self.pool.best();
        let timing = self.pool.timing();
        let newer = best.wait_for(|head| *head > after);
        let found = if timing.empty_blocks {
            tokio::time::timeout(timing.stall_after, newer).await.map_err(|_| {
                let detail = format!("{}: no block after {after} for {:?}", self.pool.chain(), timing.stall_after);
                Error::retry(Kind::Stalled, detail)
            })?
        } else {
            newer.await
        };
        self.alarm.get().map_or(Ok(()), CodeAlarm::check)?;
        found.map(|head| *head).map_err(|_| Error::retry(Kind::ShuttingDown, "the endpoints are no longer followed"))
    }

    async fn updates(&self, trusted: &TrustedState, height: u64) -> Result<Vec<Update>> {
        let from = super::verifier::state(trusted)?;
        let mut target = height;
        loop {
            let error = match self.lead(&from, target).await {
                Ok(steps) => return Ok(steps),
                Err(error) => error,
            };
            // Whoever showed that head does not give it, or lied, and its word does not count now: what do the others show?
            let best = *self.pool.best().borrow();
            if !error.is_retry() || best >= target || best <= trusted.height {
                return Err(error);
            }
            target = best;
        }
    }

    async fn pinned(&self, height: u64) -> Result<Update> {
        // One liar must not keep the chain from starting: whoever shows another header than the pinned one is left, and
        // the next is asked. If all show another one, the configuration is wrong, and the verifier says so.
        let mut other = None;
        for _ in 0..self.pool.endpoints().len() {
            let bytes = match self.sealed(height).await {
                Ok(bytes) => bytes,
                Err(error) => return other.ok_or(error),
            };
            let found = SealedHeader::read(self.params.mode, &bytes).map(|header| header.block_hash());
            let update = Update { height, bytes: bytes.into() };
            if height != self.pinned.height || found == Ok(self.pinned.hash) {
                return Ok(update);
            }
            self.pool.lied(height, "another header than the pinned one");
            other = Some(update);
        }
        other.ok_or_else(|| Error::retry(Kind::Unavailable, "no endpoints"))
    }

    fn report_lie(&self, height: u64, detail: &str) {
        self.pool.lied(height, detail);
    }
}
