//! What the chains' code measures of nodes and signers.

use crate::{
    chains::observe::{Observer, SignerState, Spent},
    lane::{error::Kind, types::ChainId},
    metrics::{
        Metrics,
        chain::{EndpointMetrics, SignerMetrics},
        labels::EndpointState,
    },
};
use alloy::primitives::U256;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// An [`Observer`] that counts into the metrics.
pub struct Nodes {
    metrics: Arc<Metrics>,
    /// Configured names of chains, by CAIP-2 id: the id of some families is a hash.
    names: HashMap<ChainId, String>,
}

impl Nodes {
    /// Counts under `names`; a chain without one is `unnamed`.
    pub fn new(metrics: Arc<Metrics>, names: HashMap<ChainId, String>) -> Self {
        Self { metrics, names }
    }

    fn name(&self, chain: &ChainId) -> &str {
        self.names.get(chain).map_or("unnamed", String::as_str)
    }

    fn endpoint(&self, chain: &ChainId, endpoint: &str, tell: impl FnOnce(&EndpointMetrics)) {
        if let Ok(metrics) = self.metrics.endpoints.of(self.name(chain), endpoint) {
            tell(&metrics);
        }
    }

    fn signer(&self, chain: &ChainId, signer: &str, tell: impl FnOnce(&SignerMetrics)) {
        if let Ok(metrics) = self.metrics.signers.of(self.name(chain), signer) {
            tell(&metrics);
        }
    }
}

/// For gauges: beyond 2^53 the last digits are lost.
fn float(value: U256) -> f64 {
    value.into()
}

impl Observer for Nodes {
    fn endpoint_health(&self, chain: &ChainId, endpoint: &str, health: &'static str) {
        let state = EndpointState::named(health).unwrap_or(EndpointState::Unknown);
        self.endpoint(chain, endpoint, |m| m.state.state(state));
    }

    fn endpoint_head(&self, chain: &ChainId, endpoint: &str, height: u64) {
        self.endpoint(chain, endpoint, |m| m.height.set(i64::try_from(height).unwrap_or(i64::MAX)));
    }

    fn endpoint_call(
        &self,
        chain: &ChainId,
        endpoint: &str,
        method: &'static str,
        took: Duration,
        failed: Option<Kind>,
    ) {
        self.endpoint(chain, endpoint, |m| {
            m.calls_total.inc(method);
            m.call_seconds.observe(took.as_secs_f64());
            if let Some(kind) = failed {
                m.errors_total.inc(kind.name());
            }
        });
    }

    fn endpoint_resubscribed(&self, chain: &ChainId, endpoint: &str) {
        self.endpoint(chain, endpoint, |m| m.resubscriptions_total.inc());
    }

    fn endpoint_lied(&self, chain: &ChainId, endpoint: &str) {
        self.endpoint(chain, endpoint, |m| m.lies_total.inc());
    }

    fn signer_state(&self, chain: &ChainId, signer: &str, state: SignerState) {
        self.signer(chain, signer, |m| {
            m.next_nonce.set(i64::try_from(state.next_nonce).unwrap_or(i64::MAX));
            m.pending_transactions.set(i64::try_from(state.pending).unwrap_or(i64::MAX));
            match state.oldest {
                None => m.oldest_pending_age_seconds.none(),
                Some(at) => m.oldest_pending_age_seconds.for_already(at.elapsed()),
            }
        });
    }

    fn transaction_dropped(&self, chain: &ChainId, signer: &str) {
        self.signer(chain, signer, |m| m.dropped_transactions_total.inc());
    }

    fn signer_balance(&self, chain: &ChainId, signer: &str, wei: U256) {
        self.signer(chain, signer, |m| m.balance_base_units.set(float(wei)));
    }

    fn transaction_resent(&self, chain: &ChainId, signer: &str, replaced: bool) {
        if replaced {
            self.signer(chain, signer, |m| m.replacements_total.inc());
        }
    }

    fn transaction_final(&self, chain: &ChainId, signer: &str, spent: Spent) {
        self.signer(chain, signer, |m| {
            if spent.reverted { &m.reverted_transactions_total } else { &m.final_transactions_total }.inc();
            m.gas_total.inc_by(spent.gas);
            m.fees_base_units_total.inc_by(float(spent.fee));
            m.confirm_seconds.observe(spent.took.as_secs_f64());
        });
    }

    fn transaction_failed(&self, chain: &ChainId, signer: &str, kind: Kind) {
        self.signer(chain, signer, |m| m.failures_total.inc(kind.name()));
    }
}
