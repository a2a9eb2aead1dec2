//! INV-1, INV-2 and INV-3, judged from what the demo itself reads on both chains. `ARCHITECTURE.md` and the protocol say what
//! they mean.

use super::{
    abi::{IToken, IUserVault},
    ledger::{Place, Seen},
    network::Network,
    setup::{AssetPair, Bridge},
    transfers::{Purpose, Transfer},
};
use crate::cli::exit::CliError;
use alloy::primitives::U256;
use causeway_core::entry::{Body, Reason};
use serde::Serialize;
use std::collections::{HashMap, HashSet};

/// Both sides of an asset.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Supply {
    /// Symbol at home.
    pub(super) asset: &'static str,
    /// What the vault at home holds of the token.
    pub(super) held: U256,
    /// What the vault says that it holds for this bridge (escrow).
    pub(super) escrow: U256,
    /// What stands out at the other end (vouchers in circulation).
    pub(super) vouchers: U256,
    /// What the vault there says stands out.
    pub(super) outstanding: U256,
}

/// The verdict on one invariant.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Verdict {
    /// Its id.
    pub(super) id: &'static str,
    /// What it says.
    pub(super) claim: &'static str,
    /// Whether it holds.
    pub(super) holds: bool,
    /// What speaks against it.
    pub(super) violations: Vec<String>,
}

impl Verdict {
    pub(super) fn new(id: &'static str, claim: &'static str, violations: Vec<String>) -> Self {
        Self { id, claim, holds: violations.is_empty(), violations }
    }
}

/// Reads both sides of an ERC-20 asset.
pub(super) async fn supply(
    bridge: &Bridge,
    asset: &AssetPair,
    alpha: &Network,
    beta: &Network,
) -> Result<Supply, CliError> {
    let [home, away] = [&bridge.ends[0], &bridge.ends[1]];
    let held = alpha.view(asset.home, IToken::balanceOfCall { owner: home.vault });
    let escrow = alpha.view(home.vault, IUserVault::assetCall { outLane: bridge.lanes[0].0, token: asset.home });
    let vouchers = beta.view(asset.voucher, IToken::totalSupplyCall {});
    let booked = beta.view(away.vault, IUserVault::assetCall { outLane: bridge.lanes[1].0, token: asset.voucher });
    let (held, escrow, vouchers, booked) = futures::try_join!(held, escrow, vouchers, booked)?;
    let [escrow, outstanding] = [U256::from(escrow.held), U256::from(booked.held)];
    Ok(Supply { asset: asset.symbol, held, escrow, vouchers, outstanding })
}

/// INV-1: never more stands out than is held. Asked for when nothing is under way and every claim is paid, so that the
/// three numbers must be equal.
pub(super) fn backed(supplies: &[Supply]) -> Verdict {
    let mut violations = Vec::new();
    for Supply { asset, held, escrow, vouchers, outstanding } in supplies {
        if vouchers > held {
            violations.push(format!("{asset}: {vouchers} vouchers, but the vault holds {held}"));
        }
        if [escrow, vouchers, outstanding].iter().any(|amount| *amount != held) {
            let numbers = format!("held {held}, escrow {escrow}, vouchers {vouchers}, outstanding {outstanding}");
            violations.push(format!("{asset}: nothing is under way, but the numbers differ: {numbers}"));
        }
    }
    Verdict::new("INV-1", "backed: never more vouchers than the vault at home holds", violations)
}

/// INV-2: each entry took effect exactly once.
pub(super) fn once(seen: &Seen) -> Verdict {
    let mut violations: Vec<String> =
        seen.repeated.iter().map(|(lane, index)| format!("{lane} #{index} took effect more than once")).collect();
    for place in seen.written.keys().filter(|place| !seen.decided.contains_key(*place)) {
        violations.push(format!("{} #{} took no effect", place.0, place.1));
    }
    for place in seen.decided.keys().filter(|place| !seen.written.contains_key(*place)) {
        violations.push(format!("{} #{} took effect, but was never written", place.0, place.1));
    }
    Verdict::new("INV-2", "once: each entry of an outbox took effect exactly once", violations)
}

/// INV-3: each transfer is credited or returned, never both, and ends as it should.
pub(super) fn credited_xor_returned(
    seen: &Seen,
    transfers: &[(Transfer, Place)],
    lanes: [causeway_core::LaneId; 2],
) -> Verdict {
    let mut violations = Vec::new();
    let mut returns: HashMap<Place, Vec<(Place, Reason)>> = HashMap::new();
    for ((lane, index), written) in &seen.written {
        if let Body::Returned(returned) = &written.entry.body {
            // A return names a transfer of the reverse lane.
            let original = if *lane == lanes[0] { lanes[1] } else { lanes[0] };
            returns.entry((original, returned.index)).or_default().push(((*lane, *index), returned.reason));
        }
    }
    let known: HashSet<Place> = transfers.iter().map(|(_, place)| *place).collect();
    for (transfer, place) in transfers {
        let name = format!("{:?} at {} #{}", transfer.purpose, place.0, place.1);
        let Some(decided) = seen.decided.get(place) else {
            violations.push(format!("{name}: undecided"));
            continue;
        };
        let answers = returns.get(place).map(Vec::as_slice).unwrap_or_default();
        let expected = match transfer.purpose {
            Purpose::Late => Some(Reason::Expired),
            Purpose::Refused | Purpose::Parked => Some(Reason::Failed),
            _ => None,
        };
        match (decided.returned, answers, expected) {
            (false, [], None) => {}
            (true, [(answer, reason)], Some(expected)) if *reason == expected => match seen.decided.get(answer) {
                None => violations.push(format!("{name}: its return was never paid")),
                Some(paid) if paid.parked != (transfer.purpose == Purpose::Parked) => {
                    violations.push(format!("{name}: parked = {}", paid.parked));
                }
                Some(_) => {}
            },
            (returned, answers, _) => violations.push(format!(
                "{name}: returned = {returned}, {} returns, expected {}",
                answers.len(),
                expected.map_or("a credit".to_owned(), |reason| format!("a return ({reason:?})")),
            )),
        }
    }
    for (place, _) in returns.iter().filter(|(place, _)| !known.contains(*place)) {
        violations.push(format!("a return answers {} #{}, which nobody sent", place.0, place.1));
    }
    Verdict::new("INV-3", "credited xor returned: every transfer ended one way", violations)
}

/// Adds what the balances say to the verdict on INV-3: who was credited has all of it, who was returned got back what it
/// sent.
pub(super) fn with_balances(mut verdict: Verdict, differences: Vec<String>) -> Verdict {
    verdict.violations.extend(differences);
    Verdict::new(verdict.id, verdict.claim, verdict.violations)
}
