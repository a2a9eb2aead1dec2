//! **verify**: repeats every check with this relayer's own light client. Nothing unverified is submitted.
//!
//! Takes: a bundle from a peer, decoded and bounded. Gives: the same bundle, true. Pure but for waiting until this
//! relayer's own client has reached the bundle's height or judged its header.

use super::{
    chain::ChainView,
    error::{Error, Kind, Result},
    ports::Clock,
    types::{Account, Bundle, StateProof, TrustedState, Update},
};
use causeway_core::Anchor;

/// Checks the three steps of a delivery (protocol §3): header, state proof, range proofs. Gives the verified header.
pub fn bundle(chain: &ChainView, outbox: &Account, bundle: &Bundle, clock: &dyn Clock) -> Result<TrustedState> {
    let tip = chain.tip().ok_or_else(|| Error::retry(Kind::NotAvailableYet, "no verified header yet"))?;
    let trusted = if tip.trusted.height == bundle.source_height && tip.update == bundle.update {
        tip.trusted.clone() // verified already, byte for byte
    } else {
        let update = Update { height: bundle.source_height, bytes: bundle.update.clone() };
        chain.verifier.verify(&tip.trusted, &update, clock.now())?
    };
    if trusted.height != bundle.source_height {
        return Err(Error::dead_letter(
            Kind::Refused,
            format!("bundle names height {}, its header is of height {}", bundle.source_height, trusted.height),
        ));
    }
    let heights: Vec<u8> = bundle.runs.iter().map(|r| r.peak).collect();
    let peaks = chain.verifier.peaks(&trusted, outbox, &heights, &StateProof(bundle.state_proof.clone()))?;
    let mut first = bundle.first;
    let mut rest = bundle.entries.as_slice();
    for (run, peak) in bundle.runs.iter().zip(peaks) {
        let Some((entries, after)) = rest.split_at_checked(usize::from(run.count)) else {
            return Err(Error::dead_letter(Kind::Malformed, "the runs name more entries than the bundle holds"));
        };
        Anchor::Peak { peak, height: run.peak }
            .verify_entries(bundle.lane, first, entries, &run.siblings)
            .map_err(|e| Error::dead_letter(Kind::Refused, e.to_string()))?;
        first += u64::from(run.count);
        rest = after;
    }
    if !rest.is_empty() {
        return Err(Error::dead_letter(Kind::Malformed, "the bundle holds more entries than its runs name"));
    }
    Ok(trusted)
}
