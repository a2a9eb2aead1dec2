//! What the chains' code measures, as calls on a trait, so that it knows no metrics library.

use crate::lane::{error::Kind, types::ChainId};
use alloy::primitives::U256;
use std::time::Duration;

/// Takes measurements. Implementations must not block: they are called on hot paths.
pub trait Observer: Send + Sync {
    /// An endpoint's health changed; `health` is one of a fixed set of names.
    fn endpoint_health(&self, chain: &ChainId, endpoint: &str, health: &'static str) {
        let _ = (chain, endpoint, health);
    }

    /// An endpoint showed this head.
    fn endpoint_head(&self, chain: &ChainId, endpoint: &str, height: u64) {
        let _ = (chain, endpoint, height);
    }

    /// A call ended. `method` is the JSON-RPC method or the like.
    fn endpoint_call(
        &self,
        chain: &ChainId,
        endpoint: &str,
        method: &'static str,
        took: Duration,
        failed: Option<Kind>,
    ) {
        let _ = (chain, endpoint, method, took, failed);
    }

    /// A subscription ended or went mute and is made again.
    fn endpoint_resubscribed(&self, chain: &ChainId, endpoint: &str) {
        let _ = (chain, endpoint);
    }

    /// An endpoint contradicted a verified fact.
    fn endpoint_lied(&self, chain: &ChainId, endpoint: &str) {
        let _ = (chain, endpoint);
    }

    /// Where a signer stands; told after each change. `signer` is its label, never its address.
    fn signer_state(&self, chain: &ChainId, signer: &str, state: SignerState) {
        let _ = (chain, signer, state);
    }

    /// Balance of a signer, wei.
    fn signer_balance(&self, chain: &ChainId, signer: &str, wei: U256) {
        let _ = (chain, signer, wei);
    }

    /// A transaction was sent again: with a higher fee (`replaced`), or the same bytes.
    fn transaction_resent(&self, chain: &ChainId, signer: &str, replaced: bool) {
        let _ = (chain, signer, replaced);
    }

    /// A transaction vanished from the pool, or another one took its nonce.
    fn transaction_dropped(&self, chain: &ChainId, signer: &str) {
        let _ = (chain, signer);
    }

    /// A transaction ended on the chain.
    fn transaction_final(&self, chain: &ChainId, signer: &str, spent: Spent) {
        let _ = (chain, signer, spent);
    }

    /// A transaction was given up.
    fn transaction_failed(&self, chain: &ChainId, signer: &str, kind: Kind) {
        let _ = (chain, signer, kind);
    }
}

/// Where a signer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignerState {
    /// Next nonce to use.
    pub next_nonce: u64,
    /// Transactions broadcast and not yet final.
    pub pending: usize,
    /// When the oldest of them was broadcast first.
    pub oldest: Option<tokio::time::Instant>,
}

/// What a transaction took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Gas used.
    pub gas: u64,
    /// Fee paid, wei.
    pub fee: U256,
    /// Whether it reverted.
    pub reverted: bool,
    /// From the first broadcast to the block's verified finality.
    pub took: Duration,
}

/// Measures nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}
