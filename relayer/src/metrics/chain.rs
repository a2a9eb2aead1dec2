//! What chains, their endpoints and signers show.

use super::{
    field::{Age, Amount, By, Counter, Gauge, Histogram, NameOf, Named, Sum},
    group::group,
    labels::EndpointState,
    lane::ErrorKind,
};

/// Seconds of a call to a node or peer: a local socket to a deadline.
pub const CALL_SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Seconds from a broadcast to finality.
pub const CONFIRM_SECONDS: &[f64] = &[0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 60.0, 180.0, 600.0, 1800.0, 3600.0];

group! {
    /// A chain as the relayer sees it over all its endpoints. `chain` is the configured name.
    ChainMetrics / ChainFamilies: "causeway_chain_" [chain] {
        /// Newest final height that this relayer has verified.
        final_height: Gauge,
        /// Age of the newest final header that this relayer has verified, by its own time stamp, seconds.
        final_age_seconds: Age,
        /// Block up to which the vault's events have been taken in.
        scanned_height: Gauge,
        /// Events that looked like a vault's but are of no lane served here.
        ignored_events_total: Counter,
    }
}

/// Label of calls by method.
#[derive(Clone, Copy, Debug)]
pub struct Method;
impl NameOf for Method {
    const NAME: &'static str = "method";
}

group! {
    /// One endpoint of a chain. `endpoint` is the configured name, never its address.
    EndpointMetrics / EndpointFamilies: "causeway_endpoint_" [chain, endpoint] {
        /// 1 for the state that the endpoint is in, 0 for the others.
        state: By<EndpointState, Gauge>,
        /// Newest height that the endpoint reported: a node's word.
        height: Gauge,
        /// Seconds that calls took, failed ones included.
        call_seconds: Histogram = CALL_SECONDS,
        /// Calls by method.
        calls_total: Named<Method>,
        /// Failed calls by what went wrong.
        errors_total: Named<ErrorKind>,
        /// Times that a subscription ended or went mute and was made again.
        resubscriptions_total: Counter,
        /// Times that the endpoint contradicted a verified fact.
        lies_total: Counter,
    }
}

group! {
    /// One signer on one chain. `signer` is the key's configured name, never its address.
    SignerMetrics / SignerFamilies: "causeway_signer_" [chain, signer] {
        /// Balance in the native coin's smallest unit.
        balance_base_units: Amount,
        /// Next nonce to use.
        next_nonce: Gauge,
        /// Transactions broadcast and not yet final.
        pending_transactions: Gauge,
        /// Age of the oldest pending transaction, seconds; 0 when none is pending.
        oldest_pending_age_seconds: Age,
        /// Transactions that became final with their effect.
        final_transactions_total: Counter,
        /// Transactions that became final without effect.
        reverted_transactions_total: Counter,
        /// Replacements sent with a higher fee.
        replacements_total: Counter,
        /// Transactions that vanished, or whose nonce another transaction took.
        dropped_transactions_total: Counter,
        /// Transactions that were given up, by what went wrong.
        failures_total: Named<ErrorKind>,
        /// Gas of final transactions.
        gas_total: Counter,
        /// Fees of final transactions in the native coin's smallest unit.
        fees_base_units_total: Sum,
        /// Seconds from the first broadcast to the final block.
        confirm_seconds: Histogram = CONFIRM_SECONDS,
    }
}
