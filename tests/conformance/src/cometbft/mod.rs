//! CometBFT.
//!
//! | module | formats |
//! |---|---|
//! | [`steps`] | model-based traces: an initial trusted block and inputs with their verdicts |
//! | [`bisection`] | a primary's light blocks, a target height, witnesses |
//! | [`blocks`] | headers with their validators: of IBC, of RPC, alone |
//! | [`chain`] | answers of one node: commits, validators, `abci_query` with proofs |
//! | [`json`] | the JSON of all of them |

pub mod bisection;
pub mod blocks;
pub mod chain;
pub mod json;
pub mod steps;

use std::time::Duration;

use causeway_cometbft::{Params, Refusal, Time, TrustedState, Verified, verify_with};
use causeway_crypto::{Native, Portable};

use crate::cases::Format;

/// The formats of this family.
pub const FORMATS: [Format; 9] = [
    steps::traces,
    bisection::bisections,
    blocks::ibc_headers,
    blocks::signed_blocks,
    blocks::lone_headers,
    chain::commits,
    chain::validators,
    chain::queries,
    chain::notes,
];

/// Parameters under which vectors are judged, where they do not state their own: times are those of the vectors, so the
/// trusting period is beyond any of them.
pub fn params(chain_id: &str) -> Params {
    Params::new(chain_id.to_owned(), Duration::from_secs(20 * 365 * 24 * 3600))
}

/// Verdict of both signature implementations.
///
/// # Errors
/// That the two differ.
pub fn verdict(
    params: &Params,
    trusted: &TrustedState,
    update: &[u8],
    now: Time,
) -> Result<Result<Verified, Refusal>, String> {
    crate::seeds::keep("cometbft", update);
    let native = verify_with::<Native>(params, trusted, update, now);
    let portable = verify_with::<Portable>(params, trusted, update, now);
    if native == portable { Ok(native) } else { Err(format!("native says {native:?}, portable {portable:?}")) }
}

/// As [`verdict`], where only acceptance will do.
///
/// # Errors
/// The refusal, or that the two differ.
pub fn accepted(params: &Params, trusted: &TrustedState, update: &[u8], now: Time) -> Result<Verified, String> {
    verdict(params, trusted, update, now)?.map_err(|refusal| refusal.to_string())
}
