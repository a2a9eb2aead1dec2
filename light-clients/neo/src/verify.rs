//! The rules by which a header is accepted, one small function each, in the order in which they are applied.

use alloy_primitives::{Address, B256};
use causeway_crypto::p256::VerifyP256;

use crate::{Header, Multisig, Params, Refusal, StateRoot, TrustedState, hash::script_hash, script::quorum};

/// The rules in their order. The first one broken is the verdict.
pub const RULES: [&str; 10] = [
    "not frozen",
    "within the trusting period: trusted time + trusting period > now",
    "header well-formed, in its only form, of the chain's shape",
    "time <= now + drift",
    "newer height: newer time; otherwise not a newer time",
    "the child of the trusted header names it",
    "witness by the consensus in force: its script hash is the trusted header's next consensus",
    "the script is the canonical multi-signature of N keys, each once",
    "M is at least N - (N - 1) / 3",
    "exactly M signatures over the network's magic and the block's hash, by members in ascending order",
];

/// A header that the client believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Number of the block.
    pub height: u64,
    /// Unix milliseconds.
    pub time_ms: u64,
    /// Its hash, as on the wire.
    pub hash: B256,
    /// Hash of the block before.
    pub parent_hash: B256,
    /// Root of its transactions.
    pub merkle_root: B256,
    /// Script hash of the consensus that witnesses the next block.
    pub next_consensus: Address,
    /// The state root that the header proves, where the chain's headers hold one.
    pub state: Option<StateRoot>,
}

/// The outcome of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The header that was proven.
    pub header: Accepted,
    /// The trusted state from now on. An older header moves nothing: then it is the one before.
    pub trusted: TrustedState,
}

/// Judges a header (as `getblockheader` serves it raw) against a trusted state at time `now` (Unix seconds), checking
/// signatures with `V`. Headers between may be left out while the consensus stays the same.
///
/// # Errors
/// The first rule of [`RULES`] that the header breaks.
pub fn verify_with<V: VerifyP256>(
    params: &Params,
    trusted: &TrustedState,
    header: &[u8],
    now: u64,
) -> Result<Verified, Refusal> {
    let (header, consensus) = judge::<V>(params, trusted, header, now, true)?;
    let accepted = accepted(&header);
    if accepted.height <= trusted.height {
        return Ok(Verified { header: accepted, trusted: trusted.clone() });
    }
    let mut moved = TrustedState::of(&header);
    // The keys are known already if they stay.
    moved.known = Some(consensus).filter(|_| header.next_consensus == trusted.next_consensus);
    Ok(Verified { header: accepted, trusted: moved })
}

fn accepted(header: &Header<'_>) -> Accepted {
    Accepted {
        height: header.height,
        time_ms: header.time_ms,
        hash: header.hash,
        parent_hash: header.parent_hash,
        merkle_root: header.merkle_root,
        next_consensus: header.next_consensus,
        state: TrustedState::of(header).state,
    }
}

/// The same without the rule on parents, for evidence: there it is the very question.
pub(crate) fn judge_alone<V: VerifyP256>(
    params: &Params,
    trusted: &TrustedState,
    header: &[u8],
    now: u64,
) -> Result<Accepted, Refusal> {
    judge::<V>(params, trusted, header, now, false).map(|(header, _)| accepted(&header))
}

fn judge<'a, V: VerifyP256>(
    params: &Params,
    trusted: &TrustedState,
    header: &'a [u8],
    now: u64,
    linked: bool,
) -> Result<(Header<'a>, Multisig), Refusal> {
    not_frozen(trusted)?;
    within_trusting_period(params, trusted, now)?;
    let header = Header::read(params, header)?;
    not_from_future(params, header.time_ms, now)?;
    monotonic(trusted, &header)?;
    if linked {
        child_of_trusted(trusted, &header)?;
    }
    by_consensus_in_force(trusted, &header)?;
    // The script hashes to the next consensus, so keys that were read from it once are these.
    let consensus = match &trusted.known {
        Some(known) => known.clone(),
        None => Multisig::read(header.verification)?,
    };
    enough(&consensus)?;
    consensus.check::<V>(header.invocation, &header.signed_message(params.magic))?;
    Ok((header, consensus))
}

fn not_frozen(trusted: &TrustedState) -> Result<(), Refusal> {
    trusted.frozen.map_or(Ok(()), |freeze| Err(Refusal::Frozen { at: freeze.at }))
}

fn within_trusting_period(params: &Params, trusted: &TrustedState, now: u64) -> Result<(), Refusal> {
    let expired_at = trusted.expires_at(params);
    if expired_at > now { Ok(()) } else { Err(Refusal::Expired { expired_at, now }) }
}

fn not_from_future(params: &Params, time_ms: u64, now: u64) -> Result<(), Refusal> {
    let latest = now.saturating_add(params.drift).saturating_mul(1000);
    if time_ms <= latest { Ok(()) } else { Err(Refusal::HeaderFromFuture { latest, found: time_ms }) }
}

fn monotonic(trusted: &TrustedState, header: &Header<'_>) -> Result<(), Refusal> {
    let newer = header.height > trusted.height;
    if newer == (header.time_ms > trusted.time_ms) {
        return Ok(());
    }
    Err(Refusal::NonMonotonicTime {
        height: header.height,
        time: header.time_ms,
        trusted_height: trusted.height,
        trusted_time: trusted.time_ms,
    })
}

fn child_of_trusted(trusted: &TrustedState, header: &Header<'_>) -> Result<(), Refusal> {
    let child = Some(header.height) == trusted.height.checked_add(1);
    if !child || header.parent_hash == trusted.hash {
        return Ok(());
    }
    Err(Refusal::NotItsChild { height: header.height, expected: trusted.hash, found: header.parent_hash })
}

fn by_consensus_in_force(trusted: &TrustedState, header: &Header<'_>) -> Result<(), Refusal> {
    let (expected, found) = (trusted.next_consensus, script_hash(header.verification));
    if found == expected { Ok(()) } else { Err(Refusal::NotEnoughTrust { expected, found }) }
}

fn enough(consensus: &Multisig) -> Result<(), Refusal> {
    let (found, of) = (consensus.threshold(), consensus.members());
    let needed = quorum(of);
    if found >= needed { Ok(()) } else { Err(Refusal::QuorumTooSmall { needed, found, of }) }
}
