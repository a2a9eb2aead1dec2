//! **prove**: makes one bundle for a run of entries: header update, state proof of the peaks, range proofs.
//!
//! Takes: a range of open entries. Gives: a [`Bundle`] that this relayer has itself checked against a verified header.
//! A state proof that contradicts the book means that a node lied about events or about state; which one is settled
//! by scanning again.

use super::{
    book::{Book, Cut},
    chain::{ChainView, Tip},
    error::{Error, Kind, Result},
    types::{Bundle, StateProof},
};
use alloy::primitives::B256;
use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

/// Proves runs of one lane. Keeps the newest state proof: bundles cut at the same tip share it.
pub struct Prover {
    chain: Arc<ChainView>,
    book: Arc<Book>,
    outbox: super::types::Account,
    cache: Mutex<Option<CachedProof>>,
}

#[derive(Clone)]
struct CachedProof {
    height: u64,
    peaks: Vec<(u8, B256)>,
    proof: StateProof,
}

impl Prover {
    /// A prover for the lane of `book`, whose outbox on `chain` is `outbox`.
    pub fn new(chain: Arc<ChainView>, book: Arc<Book>, outbox: super::types::Account) -> Self {
        Self { chain, book, outbox, cache: Mutex::default() }
    }

    /// One past the last index that can be proven at the newest verified header.
    pub fn provable(&self) -> u64 {
        self.chain.tip().and_then(|t| self.book.size_at(t.trusted.height)).unwrap_or(0)
    }

    /// Unix second of the newest verified header.
    pub fn time(&self) -> u64 {
        self.chain.tip().map_or(0, |tip| tip.trusted.time)
    }

    /// Proves `range` at the newest verified header.
    pub async fn prove(&self, range: Range<u64>) -> Result<Bundle> {
        let tip = self.chain.tip().ok_or_else(|| Error::retry(Kind::NotAvailableYet, "no verified header yet"))?;
        let size = self.book.size_at(tip.trusted.height).unwrap_or(0);
        let cut = self.book.cut(range, size)?;
        let state_proof = self.state_proof(&tip, &cut).await?;
        Ok(Bundle {
            lane: self.book.lane(),
            first: cut.first,
            entries: cut.entries,
            source_height: tip.trusted.height,
            update: tip.update.clone(),
            state_proof: state_proof.0,
            runs: cut.runs,
        })
    }

    async fn state_proof(&self, tip: &Tip, cut: &Cut) -> Result<StateProof> {
        let wanted: Vec<(u8, B256)> = cut.runs.iter().zip(&cut.peaks).map(|(r, p)| (r.peak, *p)).collect();
        let cached = self.cache.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(c) = cached.filter(|c| c.height == tip.trusted.height && c.peaks == wanted) {
            return Ok(c.proof);
        }
        let heights: Vec<u8> = wanted.iter().map(|w| w.0).collect();
        let proof = self.chain.proofs.peaks(&self.outbox, &heights, tip.trusted.height).await?;
        let proven = self
            .chain
            .verifier
            .peaks(&tip.trusted, &self.outbox, &heights, &proof)
            .inspect_err(|e| self.chain.headers.report_lie(tip.trusted.height, &e.detail))?;
        for ((height, expected), found) in wanted.iter().zip(&proven) {
            if expected != found {
                let detail = format!(
                    "lane {}: the events seen give {expected} for the peak of height {height} at block {}, \
                     the chain proves {found}",
                    self.book.lane(),
                    tip.trusted.height
                );
                self.chain.entries.report_lie(tip.trusted.height, &detail);
                self.chain.doubt(self.book.lane());
                return Err(Error::retry(Kind::NodeLied, detail));
            }
        }
        let mut first = cut.first;
        for run in &cut.runs {
            let start = first >> run.peak << run.peak;
            self.book.prove_sound(start..start + (1 << run.peak));
            first += u64::from(run.count);
        }
        let fresh = CachedProof { height: tip.trusted.height, peaks: wanted, proof: proof.clone() };
        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh);
        Ok(proof)
    }
}
